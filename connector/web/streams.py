"""Answers that go on: the event stream, the lines of a pull, the ledger."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, TypeVar, cast

from aiohttp import web

from connector.errors import ConnectorError, TooMany, Unavailable
from connector.model.times import iso
from connector.service.events import Event, Events
from connector.web.middleware import edc_error

_log = logging.getLogger(__name__)
T = TypeVar("T")
HEARTBEAT_S: Final = 15.0
MAX_LISTENERS: Final = 64
_LINE_EVERY_S: Final = 0.2
NDJSON: Final = "application/x-ndjson"
Progress = Callable[[int, int | None], None]
STOPPING: Final = web.AppKey("stopping", asyncio.Event)
"""Set when the application shuts down: what would go on for long ends by itself."""


class EventStream:
    """Server-sent events for at most MAX_LISTENERS at a time; ends when the connector stops."""

    def __init__(self, events: Events, *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._events = events
        self._heartbeat_s = heartbeat_s
        self._stopping = asyncio.Event()
        self._open = 0

    @property
    def open(self) -> int:
        """How many listen now."""
        return self._open

    async def stop(self, _app: web.Application) -> None:
        """End every stream: the application is shutting down."""
        self._stopping.set()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """GET /manage/events: `types` and `subject` in the query narrow it down.

        From the first comment line on nothing is missed; a listener that does not keep up is cut off.

        Raises:
            TooMany: MAX_LISTENERS listen already.
            Unavailable: the connector is stopping.
        """
        if self._open >= MAX_LISTENERS:
            raise TooMany(f"{MAX_LISTENERS} clients listen already", retry_after_s=10)
        if self._stopping.is_set():
            raise Unavailable("the connector is stopping")
        types = frozenset(filter(None, request.query.get("types", "").split(",")))
        subject = request.query.get("subject", "")
        listener = cast("AsyncGenerator[Event, None]", self._events.listen())
        following = asyncio.ensure_future(anext(listener))
        stop = asyncio.ensure_future(self._stopping.wait())
        response = web.StreamResponse(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        response.content_type = "text/event-stream"
        self._open += 1
        try:
            await asyncio.sleep(0)  # the listener is in place before the client hears of it
            await response.prepare(request)
            await response.write(b": listening\n\n")
            while not stop.done():
                waiting: set[asyncio.Future[Any]] = {following, stop}
                await asyncio.wait(waiting, timeout=self._heartbeat_s, return_when=asyncio.FIRST_COMPLETED)
                if not following.done():
                    await response.write(b":\n\n")
                    continue
                event = following.result()
                following = asyncio.ensure_future(anext(listener))
                if (not types or event.type in types) and subject in ("", event.subject):
                    await response.write(_event(event))
        except (StopAsyncIteration, ConnectionError):
            pass  # it did not keep up, or it is gone
        finally:
            self._open -= 1
            for task in (following, stop):
                task.cancel()
            await asyncio.gather(following, stop, return_exceptions=True)
            await listener.aclose()
        return response


def _event(event: Event) -> bytes:
    data = {
        "number": event.number,
        "at": iso(event.at),
        "type": event.type,
        "subject": event.subject,
        "data": dict(event.data),
    }
    text = json.dumps(data, ensure_ascii=False)
    return f"id: {event.number}\nevent: {event.type}\ndata: {text}\n\n".encode()


async def lines_of(
    request: web.Request,
    start: Callable[[Progress], Awaitable[T]],
    render: Callable[[T], Mapping[str, Any]],
) -> web.StreamResponse:
    """NDJSON: how far it is, a few times a second, and at last `{"result": …}` or `{"error": …}`.

    What fails before the first progress is an ordinary error answer. A client that goes away
    ends the work; what has arrived is kept.
    """
    latest: tuple[int, int | None] | None = None
    changed = asyncio.Event()

    def progress(done: int, total: int | None) -> None:
        nonlocal latest
        latest = done, total
        changed.set()

    async def run() -> T:
        return await _unless_stopping(request.app.get(STOPPING), start(progress))

    task = asyncio.ensure_future(run())
    response: web.StreamResponse | None = None
    try:
        while not task.done():
            waiter = asyncio.ensure_future(changed.wait())
            pending: set[asyncio.Future[Any]] = {task, waiter}
            await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            waiter.cancel()
            if task.done():
                break
            changed.clear()
            response = response or await _begin(request)
            if latest is not None:
                await response.write(_line({"done": latest[0], "total": latest[1]}))
            await asyncio.wait({task}, timeout=_LINE_EVERY_S)
        if response is None:
            rendered = render(await task)  # an error here has a status of its own
            response = await _begin(request)
            await response.write(_line({"result": rendered}))
        else:
            await response.write(_line(await _last(request, task, render)))
        await response.write_eof()
        return response
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await task


async def _unless_stopping(stopping: asyncio.Event | None, working: Awaitable[T]) -> T:
    """What the work comes to; it is given up once the connector stops."""
    if stopping is None:
        return await working
    work, stop = asyncio.ensure_future(working), asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait((work, stop), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise Unavailable("the connector is stopping", hint="what has arrived is kept: ask again")
        return work.result()
    finally:
        for task in (work, stop):
            task.cancel()
        await asyncio.gather(work, stop, return_exceptions=True)


async def _last(
    request: web.Request, task: asyncio.Future[T], render: Callable[[T], Mapping[str, Any]]
) -> dict[str, Any]:
    try:
        return {"result": render(await task)}
    except ConnectorError as error:
        return {"error": {**edc_error(error), "status": error.status}}
    except Exception:  # noqa: BLE001  # as in the middleware: an incident id and nothing else
        incident = secrets.token_hex(6)
        _log.exception("unexpected error", extra={"incident": incident, "path": request.path})
        unexpected = ConnectorError("internal error", extra={"incident": incident})
        return {"error": {**edc_error(unexpected), "status": unexpected.status}}


async def pieces_of(request: web.Request, pieces: AsyncIterator[bytes]) -> web.StreamResponse:
    """NDJSON that is there already, a piece at a time; a failure midway cuts the connection."""
    response: web.StreamResponse | None = None
    async for piece in pieces:
        response = response or await _begin(request)
        await response.write(piece)
    response = response or await _begin(request)
    await response.write_eof()
    return response


async def _begin(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Cache-Control": "no-store"})
    response.content_type = NDJSON
    await response.prepare(request)
    return response


def _line(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8") + b"\n"
