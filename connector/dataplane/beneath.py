"""Opening a file below a folder without following anything that leads out of it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from connector.errors import SourceInvalid

_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY | os.O_CLOEXEC


def check_relative(path: str) -> tuple[str, ...]:
    """The segments of a relative path that stays inside.

    Raises:
        SourceInvalid: empty, absolute, or with `.`, `..`, an empty segment or NUL.
    """
    if "\x00" in path:
        raise SourceInvalid("a path holds no NUL", pointer=repr(path))
    segments = tuple(path.split("/"))
    if any(segment in ("", ".", "..") for segment in segments):
        raise SourceInvalid("a member's path is relative and has no '.', '..' or '//'", pointer=path)
    return segments


def open_file(path: Path) -> int:
    """A descriptor for reading a regular file; the last segment may be no symbolic link.

    Raises:
        SourceInvalid: a link, a folder, a device, a pipe, or `..` or NUL in the path.
        FileNotFoundError: nothing is there.
    """
    text = os.fspath(path)
    if "\x00" in text:
        raise SourceInvalid("a path holds no NUL", pointer=repr(text))
    if ".." in path.parts:
        raise SourceInvalid("a path may not hold '..'", pointer=text)
    return _regular(text, None, text)


def open_folder(path: Path) -> int:
    """A descriptor for a folder; the last segment may be no symbolic link.

    Raises:
        SourceInvalid: it is none, or `..` or NUL in the path.
        FileNotFoundError: nothing is there.
    """
    text = os.fspath(path)
    if "\x00" in text:
        raise SourceInvalid("a path holds no NUL", pointer=repr(text))
    if ".." in path.parts:
        raise SourceInvalid("a path may not hold '..'", pointer=text)
    return _folder(text, None, text)


def open_member(folder: int, relative: str) -> int:
    """A descriptor for a regular file below an open folder, no segment being a link.

    Raises:
        SourceInvalid: as `open_file`.
        FileNotFoundError: nothing is there.
    """
    *folders, name = check_relative(relative)
    here = os.dup(folder)
    try:
        for segment in folders:
            inner = _folder(segment, here, relative)
            os.close(here)
            here = inner
        return _regular(name, here, relative)
    finally:
        os.close(here)


def _folder(name: str, below: int | None, said: str) -> int:
    try:
        return os.open(name, _FOLDER_FLAGS, dir_fd=below)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise SourceInvalid("not a folder, or a symbolic link", pointer=said) from None
        raise _named(error, said) from None


def _regular(name: str, below: int | None, said: str) -> int:
    try:
        # Looked at first: merely opening some devices does something.
        mode = os.stat(name, dir_fd=below, follow_symlinks=False).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
            raise SourceInvalid("not a regular file", pointer=said)
        fd = os.open(name, _FILE_FLAGS, dir_fd=below)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise SourceInvalid(
                "a symbolic link is not published", pointer=said, hint="name the file it leads to"
            ) from None
        if error.errno in (errno.ENXIO, errno.ENODEV):
            raise SourceInvalid("not a regular file", pointer=said) from None
        raise _named(error, said) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise SourceInvalid("not a regular file", pointer=said)
    return fd


def _named(error: OSError, said: str) -> Exception:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return FileNotFoundError(errno.ENOENT, "no such file", said)
    return SourceInvalid(error.strerror or "cannot be opened", pointer=said)
