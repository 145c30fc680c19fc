"""A small HTTP origin on loopback: the bytes that an EDC's HttpData asset points to."""

from __future__ import annotations

from aiohttp import web


class Origin:
    """Serves what was put into it, by name; counts how often each was read."""

    def __init__(self) -> None:
        self._content: dict[str, bytes] = {}
        self.reads: dict[str, int] = {}
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> None:
        """Listen on a free loopback port."""
        app = web.Application()
        app.router.add_get("/{name}", self._serve)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Close the listener."""
        if self._runner is not None:
            await self._runner.cleanup()

    def put(self, name: str, content: bytes) -> str:
        """Keep these bytes under this name; the answer is their URL."""
        self._content[name] = content
        return f"http://127.0.0.1:{self._port}/{name}"

    async def _serve(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self._content:
            raise web.HTTPNotFound
        self.reads[name] = self.reads.get(name, 0) + 1
        return web.Response(body=self._content[name], content_type="application/octet-stream")
