"""Two real connectors on loopback ports, and clients of their management sides."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from connector.app import API_KEY, KEYS, Connector
from connector.identity.did import did_from_url
from connector.identity.keys import KeyRing
from connector.settings import build
from tests.ports import free_ports

NS = "https://w3id.org/edc/v0.0.1/ns/"
C = {"@vocab": NS}
ODRL = "http://www.w3.org/ns/odrl.jsonld"
KEY = "the-key-of-these-tests"


def seg(id_: str) -> str:
    """An id as one segment of a path."""
    return quote(id_, safe="")


@dataclass
class Factory:
    """A running connector, and how to call it."""

    connector: Connector
    session: aiohttp.ClientSession
    home: Path
    public: str
    private: str

    @property
    def did(self) -> str:
        return self.connector.node.parties.did

    @property
    def dsp(self) -> str:
        return self.connector.node.dsp_base

    async def call(
        self, method: str, path: str, body: Any = None, *, status: int | None = 200, key: str | None = KEY
    ) -> Any:
        """One call; the decoded answer. `status` None: whatever it is, as (status, answer)."""
        headers = {} if key is None else {"x-api-key": key}
        raw_body = body if isinstance(body, bytes) else json.dumps(body).encode()
        data = None if body is None else io.BytesIO(raw_body)
        async with self.session.request(
            method, self.private + path, data=data, headers=headers, skip_auto_headers=["Content-Type"]
        ) as answer:
            raw = await answer.read()
            found: Any = raw
            with contextlib.suppress(ValueError):
                found = json.loads(raw) if raw else None
            if status is None:
                return answer.status, found
            assert answer.status == status, (method, path, answer.status, found)
            return found

    async def get(self, path: str, **more: Any) -> Any:
        return await self.call("GET", path, **more)

    async def post(self, path: str, body: Any = None, **more: Any) -> Any:
        return await self.call("POST", path, body, **more)

    async def v3(self, path: str, body: Any = None, **more: Any) -> Any:
        """POST below /management/v3, with EDC's usual context."""
        whole = None if body is None else {"@context": C, **body}
        return await self.call("POST", f"/management/v3/{path}", whole, **more)

    async def lines(self, path: str, body: Any) -> list[Any]:
        raw = await self.call("POST", path, body)
        if isinstance(raw, dict):
            return [raw]
        return [json.loads(line) for line in raw.splitlines()]

    async def until(self, path: str, *states: str) -> Any:
        """Look again at every event until an object of ours is in one of the states."""

        def is_there(_: int, found: Any) -> bool:
            assert found["state"] in states or found["state"] != "TERMINATED", found
            return found["state"] in states

        return await self.when(path, is_there)

    async def when(self, path: str, is_there: Callable[[int, Any], bool]) -> Any:
        """Ask again at every event until (status, answer) is what is waited for."""
        listener = self.connector.node.events.listen()
        following = asyncio.ensure_future(anext(listener))
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(20):
                while True:
                    status, found = await self.get(path, status=None)
                    if is_there(status, found):
                        return found
                    await following
                    following = asyncio.ensure_future(anext(listener))
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            await listener.aclose()


def content(path: Path | str) -> bytes:
    """What is in a file."""
    return Path(path).read_bytes()


def new_home(home: Path, url: str) -> None:
    """What `madang init` makes."""
    home.mkdir(parents=True)
    KeyRing.create(home / KEYS, did_from_url(url), now=datetime.now(UTC))
    (home / API_KEY).write_text(KEY + "\n", encoding="utf-8")


async def started(home: Path, ports: list[int], hosts: list[str], session: aiohttp.ClientSession) -> Factory:
    public, private = ports
    url = f"http://localhost:{public}"
    new_home(home, url)
    raw = {
        "participant": {"name": "시험 공장", "name_en": "Test factory"},
        "server": {
            "public_url": url,
            "public_host": "127.0.0.1",
            "public_port": public,
            "management_port": private,
        },
        "egress": {"allow": hosts, "http_hosts": hosts},
        "data": {"stable_for_s": 0.0},
    }
    connector = Connector(build(home, raw, {}))
    await connector.start()
    return Factory(connector, session, home, url, f"http://127.0.0.1:{private}")


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[Factory, Factory]]:
    """A provider and a consumer."""
    ports = free_ports(4)
    hosts = [f"localhost:{ports[0]}", f"localhost:{ports[2]}"]
    async with aiohttp.ClientSession() as session:
        factories: list[Factory] = []
        try:
            for name, own in (("provider", ports[:2]), ("consumer", ports[2:])):
                factories.append(await started(tmp_path / name / "home", own, hosts, session))
            yield factories[0], factories[1]
        finally:
            for factory in factories:
                await factory.connector.stop()


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Factory]:
    """One connector alone."""
    ports = free_ports(2)
    async with aiohttp.ClientSession() as session:
        factory = await started(tmp_path / "home", ports, [f"localhost:{ports[0]}"], session)
        try:
            yield factory
        finally:
            await factory.connector.stop()


@pytest.fixture
def shots(tmp_path: Path) -> Path:
    """A small table in CP949."""
    path = tmp_path / "shots.csv"
    rows = ["사이클,사출압력(bar),불량", *(f"{i},{800 + i % 7},{int(i % 40 == 0)}" for i in range(400))]
    path.write_bytes(("\r\n".join(rows) + "\r\n").encode("cp949"))
    return path


DESCRIPTION = {
    "title": {"ko": "사출 성형 샷 기록", "en": "Injection moulding shots"},
    "description": {"ko": "한 설비의 사이클별 기록", "en": "One record a cycle"},
    "process": "injection-moulding",
    "confidentiality": "limited-provision",
    "personal_data": False,
    "columns": [{"name": "사이클", "unitless": True}, {"name": "불량", "unitless": True}],
}
