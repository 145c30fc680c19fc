"""The player's server: a peer that is correct, and as awkward as the official suite.

It takes a message only while a scenario expects it, so what comes too early is
answered 404. What comes before the player knows the process's other pid finds
a dropped connection (negotiations) or a 409 (transfers). An accepted message is
answered 200, never 201, without a Content-Type and sometimes without a body.
And now and then (seeded) the answer to an accepted message is lost: the
connection breaks, a first repetition gets the 404 of a message nobody expects,
a later one the first answer.

It also keeps watch over what a sender must do when that happens: repeat the
same message, `@id` and body unchanged.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from tests.conformance.dsp.messages import EXPECTED, FORMS, Form, Json, refusal
from tests.conformance.dsp.wire import encode


class Wrong(Exception):
    """A message that must not have been sent like this; the text says why."""


class NotYet(Exception):
    """The player cannot place this message yet."""


Handler = Callable[[Json], Json | None]
"""Takes a message, moves the player's process and says what to answer (None: nothing)."""


@dataclass(slots=True)
class _Taken:
    """A message that was handled but whose answer was lost."""

    rest: str
    raw: bytes
    answer: bytes | None
    repetitions: int = 0

    @property
    def is_settled(self) -> bool:
        """The sender has had its answer after all."""
        return self.repetitions > 1


class Counterparty:
    """Serves `host:port` while the context is open.

    Args:
        loss: how often the answer to an accepted message is lost, 0 to 1.
        problem_of: the message check; a message it objects to fails the scenario.
    """

    def __init__(self, host: str, port: int, *, loss: float, problem_of: Callable[[Any], str]) -> None:
        self._host, self._port, self._loss = host, port, loss
        self._problem_of = problem_of
        self._handlers: dict[tuple[str, str], tuple[Form, Handler]] = {}
        self._pids: set[str] = set()
        self._lost: dict[str, _Taken] = {}
        self._refused: dict[str, str] = {}
        self._seen: set[str] = set()
        self._stale: frozenset[str] = frozenset()
        self._random = random.Random(0)
        self._runner: web.AppRunner | None = None
        self.complaint = ""
        self.counts = {"late": 0, "lost": 0, "early": 0}

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 20)
        app.router.add_post("/{kind}/{rest:.+}", self._receive)
        app.on_response_prepare.append(_strip_type)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def begin(self, seed: str, pid: str) -> None:
        """Forget the scenario before; `pid` is the player's process in the next one."""
        self._handlers.clear()
        self._lost.clear()
        self._refused.clear()
        self._stale = frozenset(self._seen)
        self._pids = {pid}
        self._random = random.Random(seed)
        self.complaint = ""

    def expect(self, kind: str, name: str, handler: Handler) -> None:
        """Take one message of this name from now on (see `scenarios.py`)."""
        form = FORMS[kind][EXPECTED.get(name, name)]
        self._handlers[kind, "request" if name == "request" else f"*/{form.place}"] = (form, handler)

    @property
    def is_waiting_for_repetition(self) -> bool:
        """An answer was lost, and its message has not come again often enough."""
        return not all(taken.is_settled for taken in self._lost.values())

    def settle(self) -> None:
        """Something else has shown the sender that its message arrived: it need not repeat it."""
        for taken in self._lost.values():
            taken.repetitions = max(taken.repetitions, 2)

    async def _receive(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        kind, rest = request.match_info["kind"], request.match_info["rest"].rstrip("/")
        pid, _, place = rest.partition("/")
        slot = (kind, f"*/{place}" if place else rest)
        body = _read(raw)
        id_ = str(body.get("@id", ""))
        # A message of a scenario that is over must not be taken for one of this.
        ours = id_ not in self._stale and (not place or pid in self._pids)
        self._seen.add(id_)
        if ours and (taken := self._lost.get(id_)) is not None:
            return self._repeat(taken, raw)
        if not ours or slot not in self._handlers:
            self.counts["late"] += 1
            self._note_refused(ours, rest, id_)
            return web.Response(status=404, text="nobody expects this here, now")
        return self._take(request, slot, rest, raw, body)

    def _take(
        self, request: web.Request, slot: tuple[str, str], rest: str, raw: bytes, body: Json
    ) -> web.StreamResponse:
        form, handler = self._handlers[slot]
        kind, id_ = slot[0], str(body.get("@id", ""))
        try:
            self._check(form, body, rest, id_)
            answer = handler(body)
        except NotYet as error:
            self.counts["early"] += 1
            self._note_refused(True, rest, id_)
            if kind == "negotiations":
                return _drop(request)
            return web.json_response(refusal(kind, "", "", str(error)), status=409)
        except Wrong as error:
            self.complaint = self.complaint or f"{form.type}: {error}"
            return web.json_response(refusal(kind, "", "", str(error)), status=400)
        del self._handlers[slot]
        self._refused.pop(rest, None)
        content = None if answer is None else encode(answer)
        if self._random.random() < self._loss:
            self.counts["lost"] += 1
            self._lost[id_] = _Taken(rest, raw, content)
            return _drop(request)
        return web.Response(status=200, body=content)

    def _check(self, form: Form, body: Json, rest: str, id_: str) -> None:
        if body.get("@type") != form.type:
            raise Wrong(f"expected here, but {body.get('@type')!r} came")
        if form.event and body.get("eventType") != form.event:
            raise Wrong(f"its eventType is {body.get('eventType')!r}, expected is {form.event!r}")
        if problem := self._problem_of(body):
            raise Wrong(problem)
        if self._refused.get(rest, id_) != id_:
            raise Wrong("it was refused with 404 and came again under another @id")

    def _note_refused(self, ours: bool, rest: str, id_: str) -> None:
        if ours and self._refused.setdefault(rest, id_) != id_:
            self.complaint = self.complaint or f"{rest}: refused once, it came again under another @id"
        if ours and any(taken.rest == rest and not taken.is_settled for taken in self._lost.values()):
            self.complaint = (
                self.complaint or f"{rest}: its answer was lost, and it came again under another @id"
            )

    def _repeat(self, taken: _Taken, raw: bytes) -> web.StreamResponse:
        if json.loads(taken.raw) != _read(raw):
            self.complaint = self.complaint or "a message came again under the same @id with another body"
        taken.repetitions += 1
        if taken.repetitions == 1:
            return web.Response(status=404, text="nobody expects this here, now")
        return web.Response(status=200, body=taken.answer)


def _read(raw: bytes) -> Json:
    try:
        body = json.loads(raw)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _drop(request: web.Request) -> web.StreamResponse:
    """Break the connection as a crash would."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


async def _strip_type(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.pop("Content-Type", None)
