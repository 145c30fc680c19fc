"""Positioned reads from descriptors: without waiting for a disk, or until the slice is full."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable

from connector.dataplane.body import SLICE_BYTES

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all), from any thread, at most once a slice."""

_WOULD_WAIT = (errno.EAGAIN, errno.EOPNOTSUPP, errno.EINVAL)
_NOWAIT = getattr(os, "RWF_NOWAIT", None)


def read_now(fd: int, view: memoryview, offset: int) -> int | None:
    """Fill `view` from the page cache; None where the kernel would have to wait.

    The same None on systems and file systems that cannot tell.
    """
    if _NOWAIT is None:
        return None
    try:
        return os.preadv(fd, [view], offset, _NOWAIT)
    except OSError as error:
        if error.errno in _WOULD_WAIT:
            return None
        raise


def read_full(fd: int, view: memoryview, offset: int) -> int:
    """Fill `view`, blocking; returns less only at the end of the file."""
    done = 0
    while done < len(view):
        count = os.preadv(fd, [view[done:]], offset + done)
        if count == 0:
            break
        done += count
    return done


def hash_fd(
    fd: int,
    *,
    also: Callable[[memoryview], None] | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[str, int]:
    """SHA-256 and length of a file from its start, in constant memory, blocking.

    `also` sees every slice, `progress` the bytes so far.
    """
    hasher = hashlib.sha256()
    buffer = memoryview(bytearray(SLICE_BYTES))
    offset = 0
    while count := os.preadv(fd, [buffer], offset):
        hasher.update(buffer[:count])
        if also is not None:
            also(buffer[:count])
        offset += count
        if progress is not None:
            progress(offset)
    return hasher.hexdigest(), offset
