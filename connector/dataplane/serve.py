"""Sending a body, or a range of it, so that it can be stopped at any moment.

Plain HTTP goes out by the system's sendfile; TLS, a body whose digest this
process has not checked yet, and an archive go out by reads and writes. Memory is
constant, no slice exceeds 1 MiB, and between two slices the contract is asked
again. A stream that must not go on is reset, never ended cleanly: a receiver
cannot take a part for the whole.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from aiohttp import web

from connector.dataplane.body import SLICE_BYTES, Body
from connector.dataplane.limits import Bandwidth
from connector.dataplane.line import DEFAULT_SEND_BUFFER, Ended, Line, Stopper
from connector.dataplane.pace import Pace
from connector.dataplane.ranges import Plan, Span, plan
from connector.errors import SourceChanged
from connector.model.ports import Clock

WRITE_BYTES = 256 << 10
"""What is read, encrypted and written in one piece where sendfile cannot be used."""

_LOOK_S = 0.5
_SLOW_BYTES_PER_S = 1 << 20
_CONDITIONAL = ("If-Match", "If-None-Match", "If-Range", "Range")


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of one answer.

    `sent` counts body bytes handed to the kernel, `span` says where they began and
    ended, `is_complete` that the whole plan went out. `response` is what the
    handler returns to the web framework, also after a reset.
    """

    response: web.StreamResponse
    span: Span
    ended: Ended

    @property
    def sent(self) -> int:
        """Body bytes handed to the kernel."""
        return self.span.length

    @property
    def is_complete(self) -> bool:
        """Whether everything that was planned went out."""
        return self.ended is Ended.COMPLETE


@dataclass(frozen=True, slots=True)
class Terms:
    """What bounds one delivery while it runs.

    `still_allowed` is asked before every slice and has to be quick; `stopper`
    cuts at once; `on_slice` hears (offset, count) after the kernel took them;
    `stall_s` is how long a peer may take nothing at all.
    """

    still_allowed: Callable[[], bool]
    stopper: Stopper
    limiter: Bandwidth
    clock: Clock
    on_slice: Callable[[int, int], None] | None = None
    stall_s: float = 60.0
    send_buffer: int = DEFAULT_SEND_BUFFER


def plan_for(request: web.BaseRequest, body: Body, *, ranges_allowed: bool = True) -> Plan:
    """The answer that this request gets for this body, see `ranges.plan`."""
    headers: dict[str, str] = {}
    for name in _CONDITIONAL:
        values = request.headers.getall(name, ())
        if values:
            headers[name] = ", ".join(values)
    return plan(request.method, headers, size=body.size, sha256=body.sha256, ranges_allowed=ranges_allowed)


async def send(
    request: web.BaseRequest,
    body: Body,
    planned: Plan,
    terms: Terms,
    *,
    headers: Mapping[str, str] | None = None,
) -> Delivered:
    """Answer a request as planned and say what went out; the body stays open.

    It raises nothing once headers are out: a stop, a changed source, a stalled or
    vanished peer end in a reset connection and stand in `Delivered.ended`.

    Raises:
        SourceChanged: found before the first byte; nothing was sent.
        ConnectionError: the peer was gone before the headers.
    """
    body.check()
    response = web.StreamResponse(status=planned.status, headers={**planned.headers, **(headers or {})})
    if "Content-Type" not in response.headers and planned.status in (200, 206):
        response.headers["Content-Type"] = body.media_type
    await response.prepare(request)
    span = planned.span
    if span is None or span.length == 0:
        await response.write_eof()
        start = 0 if span is None else span.start
        return Delivered(response, Span(start, start), Ended.COMPLETE)
    delivery = _Delivery(request, response, body, span, planned.is_whole, terms)
    await delivery.run()
    if delivery.line.ended is None:
        with suppress(ConnectionError):
            await response.write_eof()
    ended = delivery.line.ended or Ended.COMPLETE
    return Delivered(response, Span(span.start, delivery.offset), ended)


class _Delivery:
    """One body on its way: `offset` is the first byte that was not handed over."""

    def __init__(
        self,
        request: web.BaseRequest,
        response: web.StreamResponse,
        body: Body,
        span: Span,
        is_whole: bool,
        terms: Terms,
    ) -> None:
        self._request = request
        self._response = response
        self._body = body
        self._span = span
        self._terms = terms
        self._is_whole = is_whole
        self.line = Line(request)
        self._pace = Pace(self.line.socket, terms.clock)
        self.offset = span.start
        self._is_waiting = False
        self._is_cold = False
        self._warm_until = 0
        self._probe = memoryview(bytearray(1))

    async def run(self) -> None:
        """Send until the end, or until the line is cut."""
        watch = asyncio.create_task(self._watch())
        self.line.prepare(send_buffer=self._terms.send_buffer)
        self._terms.stopper.attach(self._stop)
        try:
            if self._body.is_verified and self._body.fd is not None and self.line.can_sendfile:
                await self._send_file(self._body.fd)
            else:
                await self._send_read()
        except ConnectionError:
            self.line.cut(Ended.DISCONNECTED)
        except (SourceChanged, OSError):
            self.line.cut(Ended.SOURCE_CHANGED)
        except BaseException:
            # Cancelled, for one: whatever it is, it must not look like an end.
            self.line.cut(Ended.STOPPED)
            raise
        finally:
            self._terms.stopper.detach(self._stop)
            self.line.release()
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch

    def _stop(self) -> None:
        self.line.cut(Ended.STOPPED)

    def _may_go_on(self) -> bool:
        if not self.line.is_up:
            return False
        if not self._terms.still_allowed():
            self._stop()
            return False
        self._body.check()
        return True

    def may_send(self, offset: int, count: int) -> bool:
        """Whether the contract holds and the slice lies in memory (see `Step`)."""
        if not self._may_go_on():
            return False
        last = offset + count - 1
        # What was just fetched is not asked for again: some file systems can never tell.
        if last >= self._warm_until and self._body.read_now(self._probe, last) is None:
            self._is_cold = True
            return False
        return True

    def sent(self, count: int) -> None:
        """Count what the kernel took."""
        offset = self.offset
        self.offset += count
        if self._terms.on_slice is not None:
            self._terms.on_slice(offset, count)

    async def _send_file(self, fd: int) -> None:
        while self.offset < self._span.stop and self.line.is_up:
            # To a fast reader without a limit the rest is one turn.
            left = self._span.stop
            if not (self._pace.is_free and self._terms.limiter.is_unlimited):
                left = self.offset + await self._turn(SLICE_BYTES)
            while self.offset < left and self.line.is_up:
                with self._waiting_for_peer():
                    await self.line.pump(fd, self.offset, left, self)
                if self._is_cold and self.line.is_up:
                    # Fetched in a thread, so that sendfile does not stop the loop for a disk.
                    count = min(SLICE_BYTES, left - self.offset)
                    await asyncio.to_thread(self._body.read, memoryview(bytearray(count)), self.offset)
                    self._warm_until, self._is_cold = self.offset + count, False

    async def _send_read(self) -> None:
        hasher = None if self._body.is_verified or not self._is_whole else hashlib.sha256()
        verifying: asyncio.Task[None] | None = None
        if not self._body.is_verified and hasher is None:
            verifying = asyncio.create_task(self._body.verify())
        buffer = memoryview(bytearray(WRITE_BYTES))
        try:
            while self.offset < self._span.stop and self.line.is_up:
                count = await self._turn(WRITE_BYTES)
                if not self._may_go_on():
                    return
                if self.line.holds_bytes:
                    # The transport may still point into the old one.
                    buffer = memoryview(bytearray(WRITE_BYTES))
                view = await self._read(buffer[:count])
                if hasher is not None:
                    hasher.update(view)
                if self.offset + len(view) == self._span.stop:
                    # The last slice is held back until the digest is known to be right.
                    if hasher is not None and hasher.hexdigest() != self._body.sha256:
                        raise SourceChanged("the bytes read are not those the contract names")
                    if verifying is not None and not await self._outcome(verifying):
                        return
                await self._write(view)
                await asyncio.sleep(0)
            if hasher is not None and self.offset == self._span.stop:
                self._body.check()
                self._body.mark_verified()
        finally:
            if verifying is not None:
                verifying.cancel()
                with suppress(asyncio.CancelledError, SourceChanged):
                    await verifying

    async def _turn(self, most: int) -> int:
        """Wait for the reader's and the limit's turn; returns the bytes that may go."""
        with self._waiting_for_peer():
            room = await self._pace.room(min(most, self._span.stop - self.offset))
        return await self._terms.limiter.take(room)

    async def _read(self, view: memoryview) -> memoryview:
        count = self._body.read_now(view, self.offset)
        if count is None:
            count = await asyncio.to_thread(self._body.read, view, self.offset)
        if count == 0:
            raise SourceChanged("the source became shorter")
        return view[:count]

    async def _write(self, view: memoryview) -> None:
        if not self.line.is_up:
            return
        try:
            with self._waiting_for_peer():
                await self._response.write(view)
        finally:
            # Also when it was cut in the middle: what the kernel took has left.
            self.sent(max(0, len(view) - self.line.left_behind))

    async def _outcome(self, verifying: asyncio.Task[None]) -> bool:
        """Wait for the verdict on the source; False if the line ended before."""
        gone = asyncio.create_task(self.line.gone.wait())
        try:
            await asyncio.wait({verifying, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
        if not verifying.done():
            return False
        verifying.result()
        return self._may_go_on()

    @contextmanager
    def _waiting_for_peer(self) -> Iterator[None]:
        self._is_waiting = True
        try:
            yield
        finally:
            self._is_waiting = False

    async def _watch(self) -> None:
        """Look after a stream that waits: the contract twice a second, and a peer that takes nothing."""
        terms = self._terms
        step_s = min(_LOOK_S, terms.stall_s)
        offset, taken, stalled_s = self.offset, 0, 0.0
        while self.line.is_up:
            await terms.clock.sleep(step_s)
            if not self._is_waiting:
                # A disk, a digest or our own limits are no fault of the peer.
                stalled_s = 0.0
                continue
            try:
                is_allowed = terms.still_allowed()
            except Exception:  # a question that cannot be answered is a no; the error goes on
                self._stop()
                raise
            if not is_allowed:
                self._stop()
            if self._pace.is_free and self.offset - offset < _SLOW_BYTES_PER_S * step_s:
                self._pace.slow_down()
                self.line.interrupt()
            # While it is paced, what a peer's kernel accepts says nothing of the peer.
            now = self.offset if self._pace.is_free else self._pace.taken
            stalled_s = stalled_s + step_s if now == taken else 0.0
            offset, taken = self.offset, now
            if stalled_s >= terms.stall_s:
                self.line.cut(Ended.STALLED)
