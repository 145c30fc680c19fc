"""One connection that bytes leave by, and the switch that cuts it."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from typing import Protocol

from aiohttp import web

from connector.dataplane.body import SLICE_BYTES

DEFAULT_SEND_BUFFER = 512 << 10
"""The most, in bytes, that the kernel keeps of one stream and has not sent."""


class Ended(StrEnum):
    """How a delivery ended."""

    COMPLETE = "complete"
    STOPPED = "stopped"
    SOURCE_CHANGED = "source-changed"
    DISCONNECTED = "disconnected"
    STALLED = "stalled"


class Stopper:
    """Cuts every stream that runs under it, at once.

    One per transfer. `stop()` is synchronous: when it returns, nothing more is
    handed to the kernel, however slow the readers, and the resets leave with the
    loop's next turn.
    """

    def __init__(self) -> None:
        self._cuts: set[Callable[[], None]] = set()
        self._stopped = False

    @property
    def is_stopped(self) -> bool:
        """Whether it was told to stop; it stays so."""
        return self._stopped

    def stop(self) -> None:
        """Cut what runs, and whatever starts under it later."""
        self._stopped = True
        for cut in tuple(self._cuts):
            cut()

    def attach(self, cut: Callable[[], None]) -> None:
        """Have `cut` called by `stop`, now if that has happened."""
        self._cuts.add(cut)
        if self._stopped:
            cut()

    def detach(self, cut: Callable[[], None]) -> None:
        """Forget `cut`."""
        self._cuts.discard(cut)


class Step(Protocol):
    """What is asked and told around each slice that `Line.pump` sends."""

    def may_send(self, offset: int, count: int) -> bool:
        """Whether these bytes may go now; False ends the pump."""
        ...

    def sent(self, count: int) -> None:
        """The kernel took so many more."""
        ...


class Line:
    """The way out of one response, with its socket where the system's sendfile can be used.

    `ended` is None while it is up; the first reason that ends it stays, and `gone`
    is set by `cut`. `left_behind` counts the bytes that a cut found in this
    process, written but not taken by the kernel (for TLS: about).
    """

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request
        self.ended: Ended | None = None
        self.gone = asyncio.Event()
        self.left_behind = 0
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] | None = None
        self._socket_fd = -1

    @property
    def is_up(self) -> bool:
        """Whether bytes can still leave; notices a peer that has gone."""
        transport = self._request.transport
        if self.ended is None and (transport is None or transport.is_closing()):
            self.ended = Ended.DISCONNECTED
        return self.ended is None

    @property
    def socket(self) -> socket.socket | None:
        """The socket below, also below TLS; None when it is gone."""
        transport = self._request.transport
        found = None if transport is None else transport.get_extra_info("socket")
        return None if found is None or found.fileno() < 0 else found

    @property
    def can_sendfile(self) -> bool:
        """Whether the bytes may bypass this process: plain TCP on a system with sendfile."""
        transport = self._request.transport
        return (
            hasattr(os, "sendfile")
            and transport is not None
            and transport.get_extra_info("sslcontext") is None
            and transport.get_extra_info("socket") is not None
            # It goes past the transport's buffer, which therefore has to be empty.
            and not self.holds_bytes
            # Elsewhere (a proactor, another loop) the descriptor cannot be watched.
            and isinstance(self._loop, asyncio.SelectorEventLoop)
        )

    @property
    def holds_bytes(self) -> bool:
        """Whether written bytes still wait in this process."""
        transport = self._request.transport
        return transport is not None and transport.get_write_buffer_size() > 0

    def prepare(self, *, send_buffer: int) -> None:
        """Bound what the kernel keeps, so that a reset drops little and counts stay near the truth."""
        sock = self.socket
        if sock is not None:
            with suppress(OSError):
                # Linux doubles what it is asked for.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer // 2)

    def cut(self, why: Ended) -> None:
        """Reset the connection: what the kernel still holds is dropped, and the peer gets an error."""
        if self.ended is None:
            self.ended = why
        sock, transport = self.socket, self._request.transport
        if sock is not None:
            with suppress(OSError):
                # Without this a close would deliver the rest and end it like a clean one.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._finish()
        if transport is not None:
            self.left_behind = self.left_behind or transport.get_write_buffer_size()
            transport.abort()
        self.gone.set()

    async def pump(self, fd: int, offset: int, stop: int, step: Step) -> int:
        """Send a file's bytes from `offset` to `stop` by sendfile, each time the socket has room.

        Returns where it got to: `stop`, or less if the line ended or the step held
        it back. It runs in the loop's own callbacks, a slice each, without waking
        a task in between: that is most of the cost of a large delivery.

        Raises:
            Exception: whatever `step` raised.
        """
        sock = self.socket
        if sock is None:
            self.ended = self.ended or Ended.DISCONNECTED
            return offset
        # The loop refuses to watch a descriptor that a transport owns, so it gets a twin.
        self._socket_fd = os.dup(sock.fileno())
        self._done = done = self._loop.create_future()
        at = offset

        def turn() -> None:
            nonlocal at
            try:
                if not self.is_up or not step.may_send(at, min(SLICE_BYTES, stop - at)):
                    self._finish()
                    return
                sent = os.sendfile(self._socket_fd, fd, at, min(SLICE_BYTES, stop - at))
            except BlockingIOError:
                return
            except ConnectionError:
                self.cut(Ended.DISCONNECTED)
                return
            except Exception as error:  # noqa: BLE001 -- handed to whoever awaits
                self._finish(error)
                return
            if sent == 0:
                self.cut(Ended.SOURCE_CHANGED)
                return
            at += sent
            step.sent(sent)
            if at == stop:
                self._finish()

        self._loop.add_writer(self._socket_fd, turn)
        try:
            await done
        finally:
            self.release()
        return at

    def interrupt(self) -> None:
        """Make a running pump return where it is."""
        self._finish()

    def release(self) -> None:
        """Give back the twin descriptor; repeating it does nothing."""
        if self._socket_fd >= 0:
            self._loop.remove_writer(self._socket_fd)
            os.close(self._socket_fd)
            self._socket_fd = -1

    def _finish(self, error: Exception | None = None) -> None:
        self.release()
        if self._done is not None and not self._done.done():
            if error is None:
                self._done.set_result(None)
            else:
                self._done.set_exception(error)
