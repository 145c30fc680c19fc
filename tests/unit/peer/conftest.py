"""Real servers on loopback, and a name service that says what the test wants."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from connector.peer.egress import Egress


@dataclass
class Server:
    """A server that answers with what a handler says, and remembers who called."""

    host: str
    port: int
    requests: list[web.Request] = field(default_factory=list)
    sockets: set[tuple] = field(default_factory=set)

    @property
    def entry(self) -> str:
        return f"{self.host}:{self.port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.entry}{path}"


@pytest.fixture
async def serve():
    """serve(handler, host=…, port=…, ssl_context=…) -> Server."""
    async with AsyncExitStack() as stack:

        async def start(handler, *, host="127.0.0.1", port=0, ssl_context=None):
            sock = socket.create_server((host, port))
            server = Server(host, sock.getsockname()[1])

            async def answer(request):
                server.requests.append(request)
                server.sockets.add(request.transport.get_extra_info("peername"))
                return await handler(request)

            app = web.Application(client_max_size=1 << 26)
            app.router.add_route("*", "/{path:.*}", answer)
            runner = web.AppRunner(app, shutdown_timeout=0.05, handler_cancellation=True, access_log=None)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.SockSite(runner, sock, ssl_context=ssl_context).start()
            return server

        yield start


@pytest.fixture
async def tcp():
    """tcp(handler(reader, writer)) -> port, for peers that do not even speak HTTP."""
    servers = []

    async def start(handler):
        async def connected(reader, writer):
            try:
                await handler(reader, writer)
            except ConnectionError:
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield start
    for server in servers:
        server.close()
        await server.wait_closed()


class Names:
    """A name service; each name has a list of answers, the last of which stays."""

    def __init__(self, **answers):
        self.answers = answers
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host, port):
        self.asked.append((host, port))
        answers = self.answers.get(host.replace(".", "_").replace("-", "_"))
        if not answers:
            raise OSError(f"no such name: {host}")
        return answers.pop(0) if len(answers) > 1 else answers[0]


@pytest.fixture
def names():
    return Names


@pytest.fixture
async def egress_for():
    """egress_for(server, …, **settings) -> a started Egress that may reach these servers."""
    async with AsyncExitStack() as stack:

        async def start(*servers, **settings):
            entries = frozenset(s.entry for s in servers)
            settings.setdefault("allow", entries)
            settings.setdefault("http_hosts", entries)
            return await stack.enter_async_context(Egress(**settings))

        yield start
