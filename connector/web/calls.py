"""The management side's calls as a table: the routes and the OpenAPI document are both made of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from connector.web.edc_input import compact
from connector.web.middleware import read_json

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `body` and `answer` name schemas in `openapi.SCHEMAS` ("" = none); `query` its
    parameters; `problems` the error statuses it may answer with, beside 400 and 401.
    """

    method: str
    path: str
    handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    summary: str
    body: str = ""
    answer: str = ""
    status: int = 200
    query: tuple[str, ...] = ()
    problems: tuple[int, ...] = ()
    media_type: str = JSON
    is_body_optional: bool = False
    needs_key: bool = True

    def route(self) -> web.RouteDef:
        """The route that serves it; GET alone does not answer HEAD."""
        more: dict[str, Any] = {"allow_head": False} if self.method == "GET" else {}
        return web.RouteDef(self.method, self.path, self.handler, more)


async def read_body(request: web.Request, *types: str, optional: bool = False) -> dict[str, Any]:
    """A body of one of these EDC types, compacted; {} for an optional one that is not there.

    Raises:
        TooLarge, MalformedBody, InvalidMessage: it cannot be read.
    """
    if optional and is_empty(request):
        return {}
    return compact(await read_json(request, request.app[LIMIT]), *types)


def is_empty(request: web.Request) -> bool:
    """Whether a request came without a body."""
    return not request.body_exists or request.content_length == 0


def no_content() -> web.Response:
    """204: done."""
    return web.Response(status=204)


LIMIT: Final = web.AppKey("body_limit", int)
"""Largest body of the application, in bytes."""
