"""The least that can be called an exchange: what ours is measured against [D39].

    python -m tests.bench.skeleton consumer|provider FOLDER PORT OWN_URL PEER_URL

Two aiohttp processes on plain HTTP, connections reused, one table of prepared SQL
each. It sends the same seven ES256-signed requests (and one pull) in the same order,
checks each signature, and makes as many durable commits (WAL, synchronous=FULL) at
the same moments as a connector does: state and outgoing message before the answer,
the peer's acknowledgement after it. It checks nothing else: no form, no policy, no
state, no repeat, no ledger, no contract token. The driver is the consumer process
itself, as with ours. Commits run in the event loop's own thread: quickest for one at a time.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import sqlite3
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import aiohttp
import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.bench.child import Orders, obey, timed_load

CONTENT = bytes(range(256)) * 8
_LIMIT = {"leftOperand": "dateTime", "operator": "lt", "rightOperand": "2030-01-01T00:00:00Z"}
OFFER = {"@type": "Offer", "permission": [{"action": "use", "constraint": [_LIMIT]}]}
STEPS = {
    "consumer": {
        "agreement": ("AGREED", "verification"),
        "finalized": ("FINALIZED", ""),
        "start": ("STARTED", ""),
    },
    "provider": {
        "request": ("REQUESTED", "agreement"),
        "verification": ("VERIFIED", "finalized"),
        "transfer": ("TRANSFER-REQUESTED", "start"),
    },
}
"""path -> the state that its message leads to, and the message we answer with"""


def make_keys(folder: Path) -> None:
    """A P-256 key for each side."""
    for role in ("consumer", "provider"):
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{role}.pem").write_bytes(pem)


def _key(folder: Path, role: str) -> Any:
    return serialization.load_pem_private_key((folder / f"{role}.pem").read_bytes(), None)


class Side:
    """One of the two processes."""

    def __init__(self, role: str, folder: Path, own: str, peer: str) -> None:
        other = "provider" if role == "consumer" else "consumer"
        self.role, self.own, self.peer = role, own, peer
        self._key, self._peer_key = _key(folder, role), _key(folder, other).public_key()
        self._db = sqlite3.connect(folder / f"{role}.db", isolation_level=None)
        self._db.execute("pragma journal_mode = wal")
        self._db.execute("pragma synchronous = full")
        self._db.execute("create table process (id text primary key, state text, body text)")
        self._db.execute("create table outbox (id text primary key, path text, body text)")
        self._session: Any = None
        self._reached: defaultdict[tuple[str, str], asyncio.Future[None]] = defaultdict(
            lambda: asyncio.get_running_loop().create_future()
        )
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> None:
        """Listen."""
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit_per_host=128))
        app = web.Application()
        app.add_routes([web.post(f"/{path}", self._step(*step)) for path, step in STEPS[self.role].items()])
        app.add_routes([web.post("/catalog", self.catalog), web.get("/data", self.data)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port, backlog=1024).start()

    def _commit(self, state: str, body: Any, *, out: str = "", settled: str = "") -> None:
        """One durable commit: the process's new state, and a message put into or taken out of the outbox."""
        text, db = json.dumps(body), self._db
        db.execute("begin immediate")
        db.execute("insert or replace into process values (?, ?, ?)", (body["pid"], state, text))
        if out:
            db.execute("insert or replace into outbox values (?, ?, ?)", (body["pid"], out, text))
        if settled:
            db.execute("delete from outbox where id = ? and path = ?", (body["pid"], settled))
        db.execute("commit")

    async def _send(self, path: str, body: dict[str, Any]) -> Any:
        now = int(time.time())
        claims = {"iss": self.own, "sub": self.own, "aud": self.peer, "iat": now, "exp": now + 60}
        claims["jti"] = secrets.token_hex(16)
        token = jwt.encode(claims, self._key, algorithm="ES256")
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        async with self._session.post(
            f"{self.peer}/{path}", data=json.dumps(body), headers=headers
        ) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json()

    async def _read(self, request: web.Request) -> dict[str, Any]:
        token = request.headers["Authorization"].removeprefix("Bearer ")
        jwt.decode(token, self._peer_key, algorithms=["ES256"], audience=self.own)
        body: dict[str, Any] = await request.json()
        return body

    async def _deliver(self, path: str, body: dict[str, Any]) -> None:
        await self._send(path, body)
        self._commit(f"{path} acknowledged", body, settled=path)

    def _soon(self, path: str, body: dict[str, Any]) -> None:
        task = asyncio.create_task(self._deliver(path, body))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _step(self, state: str, reply: str) -> Any:
        """A handler: verify, commit together with our next message, answer, send it."""

        async def handle(request: web.Request) -> web.Response:
            body = await self._read(request)
            self._commit(state, body, out=reply)
            if reply:
                self._soon(reply, body)
            elif self.role == "consumer":
                self._reached[body["pid"], state].set_result(None)
            return web.json_response({"pid": body["pid"], "state": state}, status=201)

        return handle

    async def catalog(self, request: web.Request) -> web.Response:
        """One dataset with one offer; the request is a row."""
        self._commit("catalog", await self._read(request))
        return web.json_response({"@type": "Catalog", "dataset": [{"@id": "shots", "hasPolicy": [OFFER]}]})

    async def data(self, request: web.Request) -> web.Response:
        """The bytes: one commit before the first, one after the last."""
        body = {"pid": request.headers["Authorization"]}
        self._commit("granted", body)
        response = web.Response(body=CONTENT)
        await response.prepare(request)
        await response.write_eof()
        self._commit("delivered", body)
        return response

    async def exchange(self) -> float:
        """Catalog, contract, transfer, first byte; returns the seconds."""
        began = time.perf_counter()
        found = await self._send("catalog", {"pid": f"catalog-{secrets.token_hex(8)}"})
        pid = secrets.token_hex(16)
        for path, reaches in (("request", "FINALIZED"), ("transfer", "STARTED")):
            body = {"pid": pid, "peer": self.peer, "offer": found["dataset"][0]["hasPolicy"][0]}
            self._commit(path, body, out=path)
            self._soon(path, body)
            await self._reached[pid, reaches]
            del self._reached[pid, reaches]
        async with self._session.get(f"{self.peer}/data", headers={"Authorization": pid}) as answer:
            await answer.content.readany()
            took = time.perf_counter() - began
            await answer.read()
        return took

    async def lone(self, count: int) -> list[float]:
        """So many exchanges, one after the other."""
        return [await self.exchange() for _ in range(count)]

    async def load(self, in_flight: int, seconds: float) -> dict[str, Any]:
        """As many exchanges as go."""
        return await timed_load(self.exchange, in_flight, seconds)


async def main(role: str, folder: str, port: str, own: str, peer: str) -> None:
    """Serve, and do what standard input says until it ends."""
    side = Side(role, Path(folder), own, peer)
    await side.start(int(port))
    orders: Orders = {"lone": side.lone, "load": side.load}
    try:
        await obey(orders)
    finally:
        await side._session.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
