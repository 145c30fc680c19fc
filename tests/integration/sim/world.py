"""The simulated world: connectors that crash and restart, and a network that loses, repeats and reorders."""

from __future__ import annotations

import asyncio
import contextvars
import json
import random
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from aiohttp import StreamReader, web
from aiohttp.test_utils import make_mocked_request

from connector.app import Parts, compose, public_app
from connector.errors import PeerFailed, Unavailable
from connector.identity.did import did_from_url
from connector.identity.keys import KeyRing
from connector.model.ports import Response
from connector.service.node import Node
from connector.settings import build
from connector.store.sqlite import SqliteStore
from connector.store.tables import Tx
from tests.integration.sim.loop import START, VirtualClock, VirtualLoop

T = TypeVar("T")
_HERE: contextvars.ContextVar[str] = contextvars.ContextVar("node", default="")


@dataclass
class Weather:
    """How bad the network and the machines are; all chances are per message or per commit."""

    loss: float = 0.08
    repetition: float = 0.08
    delay_s: float = 0.4
    long_delay: float = 0.05
    crash_at_commit: float = 0.01

    @classmethod
    def fair(cls) -> Weather:
        """Nothing goes wrong any more."""
        return cls(0.0, 0.0, 0.01, 0.0, 0.0)


class _Store(SqliteStore):
    """A store whose machine may die right after a commit, before anybody hears of it."""

    def __init__(self, path: Path, host: Host) -> None:
        super().__init__(path, in_line=True)
        # The folder lies in memory: durability against power loss is not what is simulated.
        self._writer.raw.execute("pragma synchronous = off")
        self._host = host

    async def transact(self, work: Callable[[Tx], T]) -> T:
        if not self._host.is_up:
            raise Unavailable("this machine is off")
        result = await super().transact(work)
        if self._host.world.happens(self._host.world.weather.crash_at_commit):
            self._host.crash()
            raise asyncio.CancelledError
        return result


@dataclass
class Acknowledged:
    """A message that its receiver answered with 2xx."""

    receiver: str
    sender: str
    message_id: str


@dataclass
class World:
    """Everything there is in one run."""

    loop: VirtualLoop
    folder: Path
    seed: int
    names: tuple[str, ...]
    weather: Weather = field(default_factory=Weather)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    crashes: int = 0
    lost: int = 0
    repeated: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.clock = VirtualClock(self.loop)
        self.tasks: dict[str, set[asyncio.Task[Any]]] = {}
        self.loop.set_task_factory(self._make_task)
        self.hosts = {name: Host(self, name) for name in self.names}

    def _make_task(self, loop: Any, coro: Coroutine[Any, Any, T], **kwargs: Any) -> asyncio.Task[T]:
        task = asyncio.Task(coro, loop=loop, **kwargs)
        owner = self.tasks.setdefault(_HERE.get(), set())
        owner.add(task)
        task.add_done_callback(owner.discard)
        return task

    def happens(self, chance: float) -> bool:
        """Throw the dice."""
        return chance > 0 and self.random.random() < chance

    def delay(self) -> float:
        """How long one way takes."""
        weather = self.weather
        if self.happens(weather.long_delay):
            return self.random.uniform(5.0, 60.0)
        return self.random.uniform(0.0005, weather.delay_s)

    async def carry(
        self,
        sender: str,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_s: float,
    ) -> Response:
        """One request over the network."""
        name = urlsplit(url).hostname or ""
        receiver = self.hosts.get(name.removesuffix(".example"))
        if receiver is None:
            raise PeerFailed(f"no such host {name}")
        if method == "GET":  # DID documents: the network is bad enough without these
            return await receiver.answer(method, url, headers, body)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._carry(sender, receiver, method, url, headers, body)
        except TimeoutError:
            raise PeerFailed(f"no answer within {timeout_s:g} s") from None

    async def _carry(
        self,
        sender: str,
        receiver: Host,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> Response:
        await asyncio.sleep(self.delay())
        if self.happens(self.weather.loss):
            self.lost += 1
            await asyncio.Event().wait()
        if self.happens(self.weather.repetition):
            self.repeated += 1
            self.loop.create_task(self._again(receiver, method, url, headers, body))
        # A request keeps running at the receiver even if the sender dies meanwhile.
        answer = await asyncio.shield(self._at(receiver, method, url, headers, body, sender))
        await asyncio.sleep(self.delay())
        if self.happens(self.weather.loss):
            self.lost += 1
            await asyncio.Event().wait()
        return answer

    def _at(
        self,
        receiver: Host,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        sender: str,
    ) -> asyncio.Task[Response]:
        async def handle() -> Response:
            answer = await receiver.answer(method, url, headers, body)
            message = json.loads(body) if body else {}
            if url.endswith("/withdrawal"):
                return answer  # kept as the contract's own state, which is judged by itself
            if answer.status < 300 and message.get("@id"):
                self.acknowledged.append(Acknowledged(receiver.did, sender, message["@id"]))
            return answer

        return receiver.run(handle())

    async def _again(
        self, receiver: Host, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> None:
        """A repeated request arrives later; its token was used, but its content is what matters."""
        await asyncio.sleep(self.delay())
        fresh = {**headers, "Authorization": await self._fresh(headers, receiver)}
        try:
            await asyncio.shield(self._at(receiver, method, url, fresh, body, "repetition"))
        except PeerFailed:
            return

    async def _fresh(self, headers: Mapping[str, str], receiver: Host) -> str:
        """The same sender's next token: repetition below TLS is impossible, repetition by a sender is not."""
        import base64

        claims = headers["Authorization"].split(".")[1]
        issuer = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["iss"]
        sender = next(h for h in self.hosts.values() if h.did == issuer)
        if sender.node is None:
            return headers["Authorization"]
        return await sender.node.parties.authorize(receiver.did, "", issuer)


class Host:
    """A machine with one connector on it."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.url = f"https://{name}.example"
        self.did = did_from_url(self.url)
        self.home = world.folder / name
        self.node: Node | None = None
        self._app: web.Application | None = None
        self._random = random.Random(f"{world.seed}-{name}")
        self.settings = build(
            self.home,
            {
                "server": {"public_url": self.url},
                "participant": {"name": name},
                "limits": {"requests_per_minute": 10**9},
            },
            {},
        )
        self.home.mkdir()
        KeyRing.create(self.home / "keys", self.did, now=START, random=self._bytes)
        (self.home / "management.key").write_text("key")

    def _bytes(self, count: int) -> bytes:
        return self._random.randbytes(count)

    @property
    def is_up(self) -> bool:
        """Whether the machine runs."""
        return self.node is not None

    def run(self, coro: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run something on this machine: it dies with it."""
        context = contextvars.copy_context()
        context.run(_HERE.set, self.name)
        return self.world.loop.create_task(coro, context=context)

    async def boot(self) -> None:
        """Start the connector on whatever the disk holds; if it dies while it starts, once more."""
        while self.node is None:
            await asyncio.wait([self.run(self._boot())])

    async def _boot(self) -> None:
        async def fetch(method: str, url: str, **kw: Any) -> Response:
            return await self.world.carry(
                self.name, method, url, kw.get("headers") or {}, kw.get("body"), kw.get("timeout_s", 10.0)
            )

        def no_stream(url: str, headers: Mapping[str, str]) -> Any:
            raise AssertionError("data is not carried by the simulated network")

        def everywhere(url: str) -> None:
            """The simulated network has no address that is not public."""

        parts = Parts(
            self.world.clock,
            self._bytes,
            fetch,
            no_stream,
            everywhere,
            make_store=lambda path: _Store(path, self),
        )
        node, replays = compose(self.settings, parts)
        self.node = node
        self._app = public_app(node)
        self._app.freeze()
        await node.store.transact(lambda tx: replays.load(tx, self.world.clock.now()))
        self.run(node.timers.run())
        await node.sender.start()

    def crash(self) -> None:
        """Power off: every task of this machine ends where it stands."""
        if self.node is None:
            return
        self.world.crashes += 1
        store, self.node, self._app = self.node.store, None, None
        current = asyncio.current_task()
        for task in list(self.world.tasks.get(self.name, ())):
            if task is not current:
                task.cancel()
        store.discard()

    async def answer(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """What this machine answers to a request."""
        if self._app is None:
            raise PeerFailed(f"{self.name} does not answer")
        parts = urlsplit(url)
        stream = StreamReader(_Protocol(), 1 << 20, loop=self.world.loop)  # type: ignore[arg-type]
        if body:
            stream.feed_data(body)
        stream.feed_eof()
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        request = make_mocked_request(method, target, headers=dict(headers), payload=stream, app=self._app)
        try:
            response = await self._app._handle(request)
        except asyncio.CancelledError:
            if self._app is not None:
                raise
            raise PeerFailed(f"{self.name} died while it answered") from None
        assert isinstance(response, web.Response)
        content = response.body if isinstance(response.body, bytes) else b""
        return Response(response.status, response.headers, content)


class _Protocol:
    """What a StreamReader wants of its connection."""

    _reading_paused = False

    def pause_reading(self) -> None:
        """Nothing to pause."""

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Nothing to resume."""
