"""A participant whose every message the test writes: own keys, DID document and listener, real HTTP."""

from __future__ import annotations

import asyncio
import io
import json
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from connector.clock import SystemClock
from connector.identity.did import did_document, did_from_url
from connector.identity.keys import KeyRing
from connector.identity.tokens import SelfIssuedTokens
from connector.service.contract import Tokens
from tests.ports import free_ports

CONTEXT = ["https://w3id.org/dspace/2025/1/context.jsonld"]
CONTRACT_TOKEN = "https://w3id.org/madang/ns#contractToken"
BASE = "/dsp"


def urn() -> str:
    """A new IRI."""
    return f"urn:uuid:{uuid.uuid4()}"


@dataclass(frozen=True)
class Received:
    """A message that came in: its path below the DSP base, and its body."""

    path: str
    body: dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """What came back: status, JSON (None if there was none), headers, raw text."""

    status: int
    body: Any
    headers: Mapping[str, str]
    text: str


Answer = Callable[[Received], Awaitable[web.StreamResponse]]


def acknowledge(received: Received) -> web.Response:
    """The answer of a well-behaved peer: the process for a first message, nothing for the others."""
    body = received.body
    first = {
        "/negotiations/request": ("ContractNegotiation", "providerPid", "REQUESTED"),
        "/negotiations/offers": ("ContractNegotiation", "consumerPid", "OFFERED"),
        "/transfers/request": ("TransferProcess", "providerPid", "REQUESTED"),
    }.get(received.path)
    if first is None:
        return web.Response(status=200)
    kind, own, state = first
    pids = {name: body.get(name, "") for name in ("consumerPid", "providerPid")}
    shown = {"@context": CONTEXT, "@type": kind, **pids, own: urn(), "state": state}
    return web.json_response(shown, status=201)


@dataclass
class Partner:
    """The participant; `received` keeps what came in, `answers` says what to answer."""

    did: str
    base: str
    keys: KeyRing
    session: aiohttp.ClientSession
    received: list[Received] = field(default_factory=list)
    answer: Answer | None = None
    document: dict[str, Any] = field(default_factory=dict)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.identity = SelfIssuedTokens(self.keys.signer, SystemClock(), os.urandom)
        self.tokens = Tokens(self.keys.signer, os.urandom)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any POST below the DSP base."""
        raw = await request.read()
        path = request.path.removeprefix(BASE)
        received = Received(path, json.loads(raw) if raw else {})
        async with self.arrived:
            self.received.append(received)
            self.arrived.notify_all()
        if self.answer is not None:
            return await self.answer(received)
        return acknowledge(received)

    async def heard(self, ending: str, *, count: int = 1, within_s: float = 15.0) -> Received:
        """The message number `count` whose path ends like this, once it has come."""
        async with asyncio.timeout(within_s), self.arrived:
            while len(found := [r for r in self.received if r.path.endswith(ending)]) < count:
                await self.arrived.wait()
            return found[count - 1]

    def authorization(self, audience: str) -> str:
        """A fresh header for one request."""
        return f"Bearer {self.identity.issue(audience)}"

    async def call(
        self,
        method: str,
        url: str,
        body: Any = None,
        *,
        audience: str = "",
        authorization: str | None = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request; with a fresh token for `audience`, or the header given ("" for none)."""
        header = self.authorization(audience) if authorization is None else authorization
        sent = {"Content-Type": "application/json", **(headers or {})}
        if header:
            sent["Authorization"] = header
        rendered = json.dumps(body).encode() if body is not None else None
        data = io.BytesIO(raw) if raw is not None else rendered
        async with self.session.request(
            method, url, data=data, headers=sent, allow_redirects=False
        ) as answer:
            text = (await answer.read()).decode("utf-8", "replace")
            try:
                found = json.loads(text) if text else None
            except ValueError:
                found = None
            return Reply(answer.status, found, answer.headers, text)


@asynccontextmanager
async def partner(folder: Path, port: int = 0) -> AsyncIterator[Partner]:
    """A running participant; `folder` gets its keys."""
    port = port or free_ports(1)[0]
    url = f"http://127.0.0.1:{port}"
    did = did_from_url(url)
    keys = KeyRing.create(folder / f"partner-{port}", did, now=datetime.now(UTC))
    async with aiohttp.ClientSession() as session:
        one = Partner(did, url + BASE, keys, session)
        one.document = did_document(did, keys.public_jwks["keys"], one.base, root_url=url)
        # Of another make: no service entry for withdrawals, unless the test puts it back.
        one.document["service"] = [s for s in one.document["service"] if not s["id"].endswith("#withdrawal")]

        async def document(_: web.Request) -> web.Response:
            return web.json_response(one.document)

        app = web.Application()
        app.add_routes(
            [web.get("/.well-known/did.json", document), web.post(BASE + "/{path:.+}", one.handle)]
        )
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            yield one
        finally:
            await runner.cleanup()
