"""A child process: its log in a file, the line it becomes ready with, its end certain."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


class ChildFailed(Exception):
    """A child ended, or was not ready in time; the text carries its last lines."""


class ChildProcess:
    """One started program; `stop` ends it, and so does the end of this process."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path, mark: str) -> None:
        self.name = name
        self._process = process
        self._log = log
        self._mark = mark
        self._tail: deque[str] = deque(maxlen=12)
        self._marked = asyncio.Event()
        self._reader = asyncio.create_task(self._read(), name=f"log of {name}")

    @classmethod
    async def start(
        cls,
        name: str,
        argv: Sequence[str],
        *,
        log: Path,
        mark: str = "",
        env: Mapping[str, str] | None = None,
    ) -> ChildProcess:
        """Start `argv`, both outputs into `log`; a line that ends with `mark` says it is ready."""
        # The kernel ends the child even if this process is killed outright.
        guard = [setpriv, "--pdeathsig", "KILL"] if (setpriv := shutil.which("setpriv")) else []
        process = await asyncio.create_subprocess_exec(
            *guard,
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=None if env is None else dict(env),
            start_new_session=True,
        )
        return cls(name, process, log, mark)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._process.pid

    @property
    def has_ended(self) -> bool:
        """The child is gone and its log is whole."""
        return self._reader.done()

    async def wait_ready(self, *, timeout_s: float) -> None:
        """Wait for the line that says it is ready.

        Raises:
            ChildFailed: the child ended first, or `timeout_s` passed.
        """
        marked = asyncio.create_task(self._marked.wait())
        try:
            await asyncio.wait({marked, self._reader}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            marked.cancel()
        if not self._marked.is_set():
            what = "ended" if self._reader.done() else f"took over {timeout_s:.0f} s"
            raise ChildFailed(self.story(f"{what} before it said {self._mark!r}"))

    async def wait_end(self, *, timeout_s: float) -> None:
        """Wait until the child has ended well.

        Raises:
            ChildFailed: it ended with another status than 0, or `timeout_s` passed.
        """
        await asyncio.wait({self._reader}, timeout=timeout_s)
        if self._process.returncode != 0:
            status = self._process.returncode
            what = f"took over {timeout_s:.0f} s" if status is None else f"ended with status {status}"
            raise ChildFailed(self.story(what))

    async def stop(self, *, timeout_s: float = 10.0) -> None:
        """Ask it to end, and end it by force after `timeout_s`."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), timeout_s)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
        await self._reader

    def story(self, what: str) -> str:
        """A sentence about this child, followed by the last lines of its log."""
        return "\n    ".join((f"{self.name} {what}; its last lines ({self._log}):", *self._tail))

    async def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None
        rest = b""
        with self._log.open("ab", buffering=0) as file:
            while chunk := await stream.read(1 << 16):
                file.write(chunk)
                *lines, rest = (rest + chunk).split(b"\n")
                for raw in lines:
                    line = _COLOURS.sub("", raw.decode("utf-8", "replace")).rstrip()
                    self._tail.append(line)
                    if self._mark and line.endswith(self._mark):
                        self._marked.set()
        await self._process.wait()
