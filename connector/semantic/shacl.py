"""SHACL from the main process: a worker is started on demand, kept warm, and ended when idle.

The rules stand in `vocab/shapes.ttl` and nowhere else. The worker is a process of its own so that
the main one stays without RDF libraries, never blocks, and can end a check that runs away.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar

from connector.errors import DescriptionInvalid, TooLarge, Unavailable
from connector.model.ports import Clock
from connector.semantic.description import Text

MAX_TURTLE_BYTES: Final = 8 << 20
_MAX_ANSWER_BYTES: Final = 64 << 20


class Severity(StrEnum):
    """Whether a finding stops publication."""

    VIOLATION = "violation"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """One objection, in words for the person who wrote the description."""

    path: str
    """The property, as a prefixed name such as mmd:process; "" if it is about the thing itself."""
    field: Text
    """What that property is called."""
    message: Text
    """What is wrong and what is expected, as a sentence."""
    severity: Severity
    focus: str
    """IRI of the thing that it is about."""
    column: str = ""
    """Name of the column, if it is about one."""
    value: str = ""
    """The value that was objected to, shortened."""

    def sentence(self, language: str = "en") -> str:
        """Field, column if any, and message in one line; `language` is "ko" or "en"."""
        field, message = (getattr(t, language) or t.en for t in (self.field, self.message))
        place = f"{field} ({self.column})" if self.column else field
        return f"{place}: {message}"


class ShaclCheck:
    """Checks descriptions against the shapes in the folder `vocab`.

    One check runs at a time, the others wait. Call `close` before the event loop ends.
    """

    def __init__(
        self,
        vocab: Path,
        clock: Clock,
        *,
        idle_s: float = 30.0,
        limit_s: float = 10.0,
        command: Sequence[str] | None = None,
    ) -> None:
        self._command = tuple(command or (sys.executable, "-m", "connector.semantic.worker", str(vocab)))
        self._clock = clock
        self._idle_s = idle_s
        self._limit_s = limit_s
        self._lock = asyncio.Lock()
        self._worker: asyncio.subprocess.Process | None = None
        self._idle: asyncio.Task[None] | None = None
        self._count = 0

    @property
    def worker_pid(self) -> int | None:
        """The process id of the worker, None while there is none."""
        return self._worker.pid if self._worker is not None else None

    async def check(self, turtle: str) -> list[Finding]:
        """What the shapes object to in a description, violations first; [] = nothing.

        Raises:
            TooLarge: more than MAX_TURTLE_BYTES.
            DescriptionInvalid: not Turtle.
            Unavailable: the worker died, failed or took longer than `limit_s`, its start included.
        """
        size = len(turtle.encode())
        if size > MAX_TURTLE_BYTES:
            raise TooLarge(f"the description has {size} bytes, {MAX_TURTLE_BYTES} are allowed")
        async with self._lock:
            self._stay()
            try:
                answer = await self._within_limit(self._ask(turtle))
            except BaseException:
                # Late answers must not be taken for those of the next question.
                await self._end()
                raise
            self._idle = asyncio.create_task(self._end_when_idle())
        if "failure" in answer:
            raise Unavailable(f"the description could not be checked: {answer['failure']}")
        if "error" in answer:
            raise DescriptionInvalid(f"not readable as Turtle: {answer['error']}")
        return [_finding(item) for item in answer["findings"]]

    async def close(self) -> None:
        """End the worker, if there is one."""
        async with self._lock:
            self._stay()
            await self._end()

    async def _ask(self, turtle: str) -> dict[str, Any]:
        worker = self._worker
        if worker is None or worker.returncode is not None:
            worker = await self._start()
        self._count += 1
        await self._write(worker, {"id": self._count, "turtle": turtle})
        answer = await self._read(worker)
        if answer.get("id") != self._count:
            raise Unavailable("the check of descriptions answered something else")
        return answer

    async def _start(self) -> asyncio.subprocess.Process:
        self._worker = worker = await self._spawn()
        if not (await self._read(worker)).get("ready"):
            raise Unavailable("the check of descriptions did not start")
        return worker

    async def _spawn(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_MAX_ANSWER_BYTES,
            # It gets nothing of our environment, which may hold secrets, and no Ctrl-C of the terminal.
            env={"PYTHONPATH": ":".join(path or "." for path in sys.path), "PYTHONDONTWRITEBYTECODE": "1"},
            start_new_session=True,
        )

    async def _write(self, worker: asyncio.subprocess.Process, message: dict[str, Any]) -> None:
        assert worker.stdin is not None
        try:
            worker.stdin.write(json.dumps(message).encode() + b"\n")
            await worker.stdin.drain()
        except ConnectionError:
            raise Unavailable("the check of descriptions ended unexpectedly") from None

    async def _read(self, worker: asyncio.subprocess.Process) -> dict[str, Any]:
        assert worker.stdout is not None
        line = await worker.stdout.readline()
        if not line:
            raise Unavailable("the check of descriptions ended unexpectedly")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _within_limit(self, work: Awaitable[_Result]) -> _Result:
        task = asyncio.ensure_future(work)
        limit = asyncio.ensure_future(self._clock.sleep(self._limit_s))
        try:
            await asyncio.wait({task, limit}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise Unavailable(f"the check of the description took longer than {self._limit_s:g} s")
            return task.result()
        finally:
            limit.cancel()
            task.cancel()
            # A start that is cut off half-way must have cleaned up before we go on.
            await asyncio.gather(task, limit, return_exceptions=True)

    async def _end_when_idle(self) -> None:
        await self._clock.sleep(self._idle_s)
        async with self._lock:
            await self._end()

    def _stay(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    async def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        if worker.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
        await worker.wait()


_Result = TypeVar("_Result")


def _finding(item: dict[str, Any]) -> Finding:
    return Finding(
        path=item["path"],
        field=Text(**item["field"]),
        message=Text(**item["message"]),
        severity=Severity(item["severity"]),
        focus=item["focus"],
        column=item["column"],
        value=item["value"],
    )
