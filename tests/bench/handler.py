"""A bare handler: reads the request, sends the bytes it was given. What a catalog page is compared with.

python -m tests.bench.handler PORT
"""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web

from tests.bench.child import obey


async def main(port: int) -> None:
    """Serve until standard input ends; the order `give` says what."""
    given = b""

    async def give(text: str) -> int:
        nonlocal given
        given = text.encode("utf-8")
        return len(given)

    async def handle(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=given, content_type="application/json")

    app = web.Application()
    app.router.add_post("/", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await obey({"give": give})


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
