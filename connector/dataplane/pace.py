"""Keeping a slow reader's unread bytes few, so that a stop reaches it within a second.

A reset drops what our kernel holds, not what the reader's kernel has received and
its program has not read: at 100 kB/s the usual 128 KiB there are more than a
second of data. What lies unread shows in the receive window that the reader
announces (RFC 9293 section 3.8.6), and Linux tells it. So a delivery starts with
48 KiB unread at most, doubles that each time the reader empties it in no time,
and is free beyond half a MiB: a fast reader is held up for a few milliseconds, a
slow one never has half a second of data ahead. Where the system does not tell,
every delivery is free.
"""

from __future__ import annotations

import fcntl
import socket
import struct
import sys
import termios

from connector.model.ports import Clock

LEAST_AHEAD = 48 << 10
FREE_AHEAD = 512 << 10
_SWIFT_S = 0.05
_NAP_S = 0.001
_LONGEST_NAP_S = 0.05
_PROBE_BYTES = 512
_FIRST_BYTES = 8 << 10

# struct tcp_info (linux/tcp.h): an ABI that only ever grows at its end.
_INFO_BYTES = 232
_RTT_AT = 68
_SEND_WINDOW_AT = 228


class Pace:
    """How much may be handed to the kernel now, for one connection.

    `is_free` says that it no longer holds anything back. While it does, `taken`
    grows with every byte that the reader's program is known to have read.
    """

    def __init__(self, sock: socket.socket | None, clock: Clock) -> None:
        self._sock = sock
        self._clock = clock
        self._ahead = LEAST_AHEAD
        self._widest = 0
        self._filled_at: float | None = None
        self._granted = 0
        self._probed = 0
        self._is_probing = False
        self.taken = 0
        self.is_free = sock is None or self._look() is None

    def slow_down(self) -> None:
        """Begin again with little: the reader turned out to be slow."""
        if self._sock is not None and self._look() is not None:
            self._ahead = LEAST_AHEAD
            self._filled_at = None
            self.is_free = False

    async def room(self, wanted: int) -> int:
        """Wait until the reader has room; returns how many of the `wanted` bytes may go, at least one."""
        granted = await self._room(wanted)
        self._granted += granted
        self._probed += granted if self._is_probing else 0
        return granted

    async def _room(self, wanted: int) -> int:
        nap_s, self._is_probing = _NAP_S, False
        while not self.is_free:
            seen = self._look()
            if seen is None:
                # The connection is gone; whoever sends next will notice.
                return wanted
            queued, unread, rtt_s = seen
            ahead = queued + unread
            # Windows are announced in steps that hide a probe, so probes prove nothing until all is read.
            self._probed = self._probed if ahead else 0
            self.taken = max(self.taken, self._granted - self._probed - ahead)
            if self._filled_at is not None and ahead <= self._ahead // 4:
                if self._clock.monotonic() - self._filled_at <= _SWIFT_S + 2 * rtt_s:
                    self._ahead *= 2
                    self.is_free = self._ahead >= FREE_AHEAD
                self._filled_at = None
                continue
            if not self._granted:
                # A few bytes first: a reader's window takes its real width with the first segments.
                return min(wanted, _FIRST_BYTES)
            if ahead < self._ahead and not (queued and self._granted <= _FIRST_BYTES):
                granted = min(wanted, self._ahead - ahead)
                if ahead + granted >= self._ahead // 2 and self._filled_at is None:
                    self._filled_at = self._clock.monotonic()
                return granted
            await self._clock.sleep(nap_s)
            nap_s = min(2 * nap_s, _LONGEST_NAP_S)
            if queued == 0 and nap_s > 2 * _NAP_S:
                # A reader with a wide window announces its progress only when asked, by a little data.
                self._is_probing = True
                return min(wanted, _PROBE_BYTES)
        return wanted

    def _look(self) -> tuple[int, int, float] | None:
        """Bytes not yet acknowledged, bytes that the reader has not read (about), seconds to it and back."""
        if self._sock is None or sys.platform != "linux":
            return None
        try:
            info = self._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_BYTES)
            queue = fcntl.ioctl(self._sock.fileno(), termios.TIOCOUTQ, bytes(4))
        except (OSError, ValueError):
            return None
        if len(info) < _INFO_BYTES:
            return None
        (window,) = struct.unpack_from("=I", info, _SEND_WINDOW_AT)
        (rtt_us,) = struct.unpack_from("=I", info, _RTT_AT)
        (queued,) = struct.unpack("=i", queue)
        self._widest = max(self._widest, window)
        return queued, self._widest - window, rtt_us / 1e6
