"""A recording reverse proxy in front of a connector's DSP port.

It shows what a peer really received, even where that peer's own API forgets it, and
it can spoil single answers, so that the other side's handling of rubbish is seen.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length", "host"}
)


@dataclass(frozen=True, slots=True)
class Message:
    """One request that reached the peer and what the peer answered; bodies are JSON, text or None."""

    at_s: float
    method: str
    path: str
    headers: dict[str, str]
    body: Any
    status: int
    answer: Any

    @property
    def kind(self) -> str:
        """The message's `@type`, or an empty string."""
        return str(self.body.get("@type", "")) if isinstance(self.body, dict) else ""

    def mentions(self, pid: str) -> bool:
        """The message belongs to the process with this pid."""
        members = self.body if isinstance(self.body, dict) else {}
        return pid in (members.get("consumerPid"), members.get("providerPid")) or pid in self.path.split("/")


@dataclass(frozen=True, slots=True)
class Spoiled:
    """An answer given in the peer's place; the peer never sees the request."""

    status: int
    body: bytes
    content_type: str = "text/html"


class Recorder:
    """Listens on loopback and passes everything to `target` (scheme, host and port)."""

    def __init__(self, target: str) -> None:
        self._target = target
        self.messages: list[Message] = []
        self.spoiled = 0
        self._spoil: list[tuple[str, Spoiled]] = []
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self.address = ""

    async def start(self) -> None:
        """Listen on a free port; `address` is then set."""
        self._session = aiohttp.ClientSession(
            auto_decompress=False, connector=aiohttp.TCPConnector(limit=0, force_close=False)
        )
        app = web.Application(client_max_size=16 << 20)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=512).start()
        self.address = f"http://localhost:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        """Close both sides."""
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()

    def spoil_next(self, path_ending: str, *answers: Spoiled) -> None:
        """Answer the next requests whose path ends so with these, in turn, in the peer's place."""
        self._spoil.extend((path_ending, answer) for answer in answers)

    def clear_spoils(self) -> None:
        """Forget answers that nobody has asked for."""
        self._spoil.clear()

    def find(self, where: Callable[[Message], bool]) -> list[Message]:
        """The recorded messages for which `where` holds, oldest first."""
        return [message for message in self.messages if where(message)]

    def write(self, folder: Path, prefix: str) -> None:
        """Write each message as a JSON file, for reading."""
        folder.mkdir(parents=True, exist_ok=True)
        for number, message in enumerate(self.messages, 1):
            slug = message.path.strip("/").replace("/", "-")[-80:]
            shown = {name: getattr(message, name) for name in message.__slots__}
            text = json.dumps(shown, ensure_ascii=False, indent=1)
            (folder / f"{prefix}-{number:04}-{message.method}-{slug}.json").write_text(text, "utf-8")

    async def _pass(self, request: web.Request) -> web.Response:
        assert self._session is not None
        body = await request.read()
        for index, (ending, spoiled) in enumerate(self._spoil):
            if request.path.endswith(ending):
                del self._spoil[index]
                self.spoiled += 1
                return web.Response(
                    status=spoiled.status, body=spoiled.body, content_type=spoiled.content_type
                )
        headers = {k: v for k, v in request.headers.items() if k.lower() not in _HOP_BY_HOP}
        try:
            async with self._session.request(
                request.method,
                self._target + request.path_qs,
                headers=headers,
                data=body or None,
                allow_redirects=False,
                skip_auto_headers=("User-Agent", "Content-Type", "Accept"),
            ) as answer:
                answered = await answer.read()
        except aiohttp.ClientError as error:
            return web.Response(status=502, text=f"recorder: {type(error).__name__}")
        self.messages.append(
            Message(
                at_s=round(time.monotonic(), 4),
                method=request.method,
                path=request.path,
                headers=dict(request.headers),
                body=_read(body),
                status=answer.status,
                answer=_read(answered),
            )
        )
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in _HOP_BY_HOP}
        return web.Response(status=answer.status, body=answered, headers=kept)


def _read(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return raw.decode("utf-8", "replace")
