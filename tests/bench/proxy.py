"""A line with a delay: a TCP proxy that hands every byte on half the round trip later.

python -m tests.bench.proxy PORT TO_PORT ROUND_TRIP_MS
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

from tests.bench.child import obey


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """Pieces arrive in order, each `delay_s` after it was sent; many are under way at a time."""
    loop = asyncio.get_running_loop()
    last: asyncio.TimerHandle | None = None
    while piece := await reader.read(1 << 16):
        last = loop.call_later(delay_s, _write, writer, piece)
    if last is not None:
        await asyncio.sleep(max(0.0, last.when() - loop.time()) + 0.001)
    writer.close()


def _write(writer: asyncio.StreamWriter, piece: bytes) -> None:
    if not writer.is_closing():
        writer.write(piece)


async def main(port: int, to_port: int, round_trip_ms: float) -> None:
    """Serve until standard input ends."""
    delay_s = round_trip_ms / 2000

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", to_port)
        for one in (writer, outer):
            sock: Any = one.get_extra_info("socket")
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(
            _pump(reader, outer, delay_s), _pump(inner, writer, delay_s), return_exceptions=True
        )

    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1024)
    async with server:
        await obey({})


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
