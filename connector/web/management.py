"""The factory's own side: who may call it, and which calls it has.

Everything here answers on the private listener alone. Every call shows the API key
that `init` made, but for health and the API's description, and for metrics on loopback.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from typing import Any, Final

from aiohttp import web

from connector.errors import Unauthenticated
from connector.service.node import Node
from connector.web.calls import LIMIT, Call
from connector.web.edc_definitions import EdcDefinitions
from connector.web.edc_processes import EdcProcesses
from connector.web.health import Health
from connector.web.manage import Manage
from connector.web.middleware import Handler
from connector.web.openapi import OpenApi
from connector.web.search import OwnSearch
from connector.web.streams import STOPPING, EventStream

EDC_BASE: Final = "/management/v3"
OPEN: Final = frozenset({"/health/live", "/health/ready", "/openapi.json"})
ON_LOOPBACK: Final = frozenset({"/metrics"})


def authenticated(api_key: str) -> Any:
    """Middleware that asks for the API key in `x-api-key`, compared in constant time."""
    wanted = api_key.encode("utf-8")

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        is_open = request.path in OPEN or (request.path in ON_LOOPBACK and is_loopback(request.remote))
        if not is_open:
            shown = request.headers.get("x-api-key", "").encode("utf-8", "surrogateescape")
            if not wanted or not hmac.compare_digest(shown, wanted):
                raise Unauthenticated("the API key is missing or wrong", pointer="x-api-key")
        return await handler(request)

    return middleware


def is_loopback(remote: str | None) -> bool:
    """Whether a caller is on this machine."""
    try:
        address = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def calls(node: Node, stream: EventStream) -> list[Call]:
    """Every call, the API's own description excepted."""
    return [
        *Health(node).calls(),
        *Manage(node, stream).calls(),
        *OwnSearch(node).calls(),
        *EdcDefinitions(node, EDC_BASE).calls(),
        *EdcProcesses(node, EDC_BASE).calls(),
    ]


def add_routes(app: web.Application, node: Node) -> None:
    """Every route of the private listener."""
    stream = EventStream(node.events)
    app[LIMIT] = node.settings.server.body_limit
    app.on_shutdown.append(stream.stop)
    stopping = app[STOPPING] = asyncio.Event()

    async def stop(_: web.Application) -> None:
        stopping.set()

    app.on_shutdown.append(stop)
    table = calls(node, stream)
    description = OpenApi(table)
    app.add_routes([call.route() for call in (*table, *description.calls())])
