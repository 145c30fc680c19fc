"""Times every request of a listener, by its route."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from connector.service.metrics import Metrics
from connector.web.middleware import Handler

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"})
_NO_ROUTE: Final = "none"
_CUT: Final = 499
"""Shown for a request whose client, or whose connection, was gone before the answer."""


def measured(metrics: Metrics, listener: str) -> Any:
    """Middleware that counts and times the requests of the listener of that name ("public", "private").

    Unknown paths share one label, and so do unknown methods: a stranger cannot make labels.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        began, status = metrics.clock.monotonic(), _CUT
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            resource = request.match_info.route.resource
            method = request.method if request.method in _METHODS else "other"
            seconds = metrics.clock.monotonic() - began
            route = resource.canonical if resource is not None else _NO_ROUTE
            metrics.request(listener, method, route, status, seconds)

    return middleware
