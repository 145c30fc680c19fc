"""Whether it lives, whether it can serve, and what it has been doing."""

from __future__ import annotations

from aiohttp import web

from connector.errors import ConnectorError
from connector.service.metrics import CONTENT_TYPE
from connector.service.node import Node
from connector.web.calls import Call


class Health:
    """For probes and Prometheus."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def calls(self) -> list[Call]:
        """The calls, none of which needs a key."""
        return [
            Call(
                "GET",
                "/health/live",
                self.live,
                "Whether the process lives",
                answer="Health",
                needs_key=False,
            ),
            Call(
                "GET",
                "/health/ready",
                self.ready,
                "Whether it can serve",
                answer="Health",
                problems=(503,),
                needs_key=False,
            ),
            Call(
                "GET",
                "/metrics",
                self.metrics,
                "Metrics for Prometheus",
                answer="Text",
                media_type="text/plain",
                needs_key=False,
            ),
        ]

    async def live(self, _: web.Request) -> web.Response:
        """GET /health/live: 200 while the process answers at all."""
        return web.json_response({"status": "live", "missing": []})

    async def ready(self, _: web.Request) -> web.Response:
        """GET /health/ready: 200 when partners can be served, else 503 with what is missing."""
        missing = [] if self._node.is_ready else ["start"]
        try:
            await self._node.store.read(lambda tx: tx.get_meta("restored"))
        except ConnectorError:
            missing.append("store")
        status = "ready" if not missing else "not ready"
        body = {"status": status, "missing": missing, "paused": self._node.is_paused}
        return web.json_response(body, status=503 if missing else 200)

    async def metrics(self, _: web.Request) -> web.Response:
        """GET /metrics."""
        return web.Response(body=await self._node.metrics.text(), headers={"Content-Type": CONTENT_TYPE})
