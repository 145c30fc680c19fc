"""Delivery of what is in the outbox: woken by the commit, never polled.

Each message has a task of its own, so a peer that hangs delays nobody else; a
lane for each peer bounds what is in flight towards it. The bytes and the @id
of a message never change between attempts.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, Final, Protocol, TypeVar

from connector.errors import ConnectorError, EgressRefused, Unavailable
from connector.failpoints import IS_ARMED, failpoint
from connector.model.canonical import load_json
from connector.model.ports import Clock, Fetch, RandomBytes
from connector.model.records import OutboxItem
from connector.store.api import Store
from connector.store.tables import Tx

_log = logging.getLogger(__name__)
T = TypeVar("T")
LANE: Final = 64
"""Messages in flight to one peer."""
_YOUNG_S: Final = 60.0
_RETRY_404_S: Final = 10.0
_RETRY_409_S: Final = 5.0
_MAX_BACKOFF_S: Final = 300.0
_DISK_AGAIN_S: Final = 1.0
"""How soon to write again what a full disk did not take."""


class Outcome(Enum):
    """What an answer means for a message."""

    DONE = auto()
    RETRY = auto()
    FINAL = auto()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do after an attempt; `after_s` is the wait before the next one."""

    outcome: Outcome
    after_s: float = 0.0


def judge(status: int | None, attempts: int, age_s: float, dice: float) -> Verdict:
    """What an answer means [D3]. `status` None: no answer; `age_s` of the message; `dice` in [0, 1).

    2xx done; 409 retried at 20, 40, 80 … ms for 5 s; 404 for 10 s while young;
    408, 425, 429, 5xx and no answer with back-off; any other status is final.
    """
    if status is not None and 200 <= status < 300:
        return Verdict(Outcome.DONE)
    if status == 409 and age_s < _RETRY_409_S:
        return Verdict(Outcome.RETRY, 0.02 * 2.0 ** min(attempts, 7))
    if status == 404 and age_s < _RETRY_404_S <= _YOUNG_S:
        return Verdict(Outcome.RETRY, min(0.05 * 2.0**attempts, 1.0))
    if status is None or status in (408, 425, 429) or status >= 500:
        wait = min(0.1 * 2.0 ** min(attempts, 16), _MAX_BACKOFF_S)
        return Verdict(Outcome.RETRY, wait * (0.75 + dice / 2))
    return Verdict(Outcome.FINAL)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a peer answered: its JSON if it sent any, the reason if it refused."""

    status: int | None
    body: Any
    reason: str


class Settler(Protocol):
    """What a service does once a message was answered for good (in a transaction)."""

    def delivered(self, tx: Tx, item: OutboxItem, reply: Reply) -> None:
        """The peer acknowledged."""
        ...

    def refused(self, tx: Tx, item: OutboxItem, reply: Reply) -> None:
        """The peer refused, or nobody could be reached until the end."""
        ...


Authorize = Callable[[str, str, str], Awaitable[str]]
"""(participant id, url, our id) -> Authorization header."""


class Sender:
    """Owns the tasks that deliver."""

    def __init__(
        self, store: Store, clock: Clock, random: RandomBytes, fetch: Fetch, authorize: Authorize
    ) -> None:
        self._store = store
        self._clock = clock
        self._random = random
        self._fetch = fetch
        self._authorize = authorize
        self._settlers: dict[str, Settler] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._lanes: dict[str, asyncio.Semaphore] = {}
        self._resting: set[str] = set()
        """Messages that wait for their next attempt."""
        self._is_stopping = False

    def settle_with(self, kind: str, settler: Settler) -> None:
        """Say who handles the answers for a kind of process."""
        self._settlers[kind] = settler

    def put(self, tx: Tx, item: OutboxItem) -> None:
        """Put a message into the outbox; the commit wakes its delivery."""
        tx.outbox.add(item)
        tx.after(lambda: self._wake(item))

    async def start(self) -> None:
        """Take up whatever a previous life left in the outbox."""
        for item in await self._store.read(lambda tx: tx.outbox.everything()):
            self._wake(item)

    async def stop(self, within_s: float) -> None:
        """Let what is in flight finish for a while; the rest is sent after the next start."""
        self._is_stopping = True
        for item_id in self._resting:
            self._tasks[item_id].cancel()
        tasks = [task for item_id, task in self._tasks.items() if item_id not in self._resting]
        if tasks:
            await asyncio.wait(tasks, timeout=within_s)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    @property
    def in_flight(self) -> int:
        """How many messages are being delivered or wait for their next attempt."""
        return len(self._tasks)

    def _wake(self, item: OutboxItem) -> None:
        if self._is_stopping or item.id in self._tasks:
            return
        task = asyncio.get_running_loop().create_task(self._see_to(item), name=f"deliver-{item.id}")
        self._tasks[item.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(item.id, None))

    async def _see_to(self, item: OutboxItem) -> None:
        """Deliver; what fails in a way that nobody thought of is said, and begun again much later."""
        while not self._is_stopping:
            try:
                await self._deliver(item)
                return
            except Exception:  # noqa: BLE001  # it is still in the outbox and must not wait for the next start
                _log.exception("a delivery failed", extra={"message_id": item.id})
            await self._rest(item, _MAX_BACKOFF_S)

    async def _deliver(self, item: OutboxItem) -> None:
        attempts = item.attempts
        # The wall clock may have been set back since: no message waits longer than the longest back-off.
        wait_s = min((item.not_before - self._clock.now()).total_seconds(), 1.25 * _MAX_BACKOFF_S)
        while True:
            if wait_s > 0:
                await self._rest(item, wait_s)
                if self._is_stopping or await self._store.read(lambda tx: tx.outbox.get(item.id)) is None:
                    return  # the process moved on without it
            reply = await self._attempt(item)
            now = self._clock.now()
            age_s = (now - item.not_before).total_seconds()
            verdict = judge(reply.status, attempts, age_s, self._random(1)[0] / 256)
            attempts += 1
            if verdict.outcome is Outcome.RETRY and now >= item.give_up_at:
                verdict = Verdict(Outcome.FINAL)
            if verdict.outcome is not Outcome.RETRY:
                await self._settle(item, verdict.outcome, reply)
                return
            wait_s = verdict.after_s
            if not await self._postpone(item, now + timedelta(seconds=wait_s), reply.reason):
                return

    async def _rest(self, item: OutboxItem, seconds: float) -> None:
        self._resting.add(item.id)
        try:
            await self._clock.sleep(seconds)
        finally:
            self._resting.discard(item.id)

    async def _attempt(self, item: OutboxItem) -> Reply:
        _pass("before-send", item)
        lane = self._lanes.setdefault(item.peer, asyncio.Semaphore(LANE))
        async with lane:
            try:
                header = await self._authorize(item.peer, item.url, item.our_id)
                answer = await self._fetch(
                    "POST",
                    item.url,
                    headers={"Authorization": header, "Content-Type": "application/json"},
                    body=item.body.encode("utf-8"),
                )
            except EgressRefused as error:
                return Reply(400, None, str(error))
            except ConnectorError as error:
                return Reply(None, None, str(error))
        _pass("after-send", item)
        body = _json(answer.body)
        return Reply(answer.status, body, _reason(answer.status, body))

    async def _postpone(self, item: OutboxItem, not_before: datetime, error: str) -> bool:
        def work(tx: Tx) -> bool:
            if tx.outbox.get(item.id) is None:
                return False
            tx.outbox.postpone(item.id, not_before, error)
            return True

        return await self._write(work)

    async def _settle(self, item: OutboxItem, outcome: Outcome, reply: Reply) -> None:
        settler = self._settlers[item.kind]

        def work(tx: Tx) -> None:
            tx.after(lambda: _pass("after-ack", item))
            if not tx.outbox.delete(item.id):
                return  # the peer's next message proved delivery before its answer came
            if outcome is Outcome.DONE:
                settler.delivered(tx, item, reply)
            else:
                settler.refused(tx, item, reply)

        try:
            await self._write(work)
        except ConnectorError as error:
            _log.warning("could not settle", extra={"message_id": item.id, "error": str(error)})

    async def _write(self, work: Callable[[Tx], T]) -> T:
        """Write, and wait while the disk takes nothing: a message is not forgotten until the next start."""
        while True:
            try:
                return await self._store.transact(work)
            except Unavailable:
                if self._is_stopping:
                    raise
                await self._clock.sleep(_DISK_AGAIN_S)


def _pass(point: str, item: OutboxItem) -> None:
    """The failpoint for this message; its name is only looked for when one is armed."""
    if IS_ARMED:
        body = json.loads(item.body)
        names = (body.get("@type", item.kind), body.get("eventType"))
        failpoint(point, ":".join(name for name in names if name))


def _json(raw: bytes) -> Any:
    """A peer's answer, if it is clean JSON: what is kept of it goes into the store and to people."""
    try:
        return load_json(raw, limit=len(raw)) if raw else None
    except ConnectorError:
        return None


def _reason(status: int, body: Any) -> str:
    """The reason in a peer's error body, in one line."""
    if status < 300:
        return ""
    if isinstance(body, dict):
        found = body.get("reason") or body.get("dspace:reason") or ""
        items = found if isinstance(found, list) else [found]
        texts = [i if isinstance(i, str) else json.dumps(i, ensure_ascii=False) for i in items if i]
        code = body.get("code") or body.get("dspace:code")
        line = "; ".join([*([str(code)] if code else []), *texts])
        if line:
            return line[:1000]
    return f"HTTP {status}"
