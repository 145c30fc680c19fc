"""Processes of a bench that do what their standard input says: one JSON order a line, one answer a line."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[2]
Orders = Mapping[str, Callable[..., Awaitable[Any]]]


class ChildFailed(Exception):
    """A process of the bench ended, or could not do what it was told."""


class Child:
    """The parent's end of one process."""

    def __init__(self, name: str, process: subprocess.Popen[str]) -> None:
        self.name = name
        self._process = process
        self._answer()  # the first line says that it is ready

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def tell(self, order: str, **arguments: Any) -> Any:
        """Have it do something; returns what came of it.

        Raises:
            ChildFailed: it could not, with what it said.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps([order, arguments]) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise ChildFailed(f"{self.name} is gone") from None
        return self._answer()

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ChildFailed(f"{self.name} ended with {self._process.wait(5)}")
        said = json.loads(line)
        if "failed" in said:
            raise ChildFailed(f"{self.name}: {said['failed']}")
        return said["done"]


@contextmanager
def child(name: str, module: str, *arguments: object) -> Iterator[Child]:
    """Run `python -m module arguments`; it is ready when this enters, and ended when it leaves."""
    command: Sequence[str] = [sys.executable, "-m", module, *(str(a) for a in arguments)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        yield Child(name, process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def obey(orders: Orders) -> None:
    """The child's end: say that we are ready, then do each order until standard input ends."""
    loop = asyncio.get_running_loop()
    _say({"done": "ready"})
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        order, arguments = json.loads(line)
        try:
            _say({"done": await orders[order](**arguments)})
        except Exception:  # noqa: BLE001  # the parent has to hear of it, whatever it is
            _say({"failed": traceback.format_exc(limit=6)})


def _say(what: Mapping[str, Any]) -> None:
    print(json.dumps(what), flush=True)


async def timed_load(
    exchange: Callable[[], Awaitable[float]], in_flight: int, seconds: float
) -> dict[str, Any]:
    """Keep so many exchanges in flight for so long, then let the last ones end.

    `done` were begun and ended; the rate counts those that ended within the time. An exchange
    that failed, or did not end within 30 s of the end, is `lost`.
    """
    until = time.perf_counter() + seconds
    took: list[float] = []
    in_time = 0
    failures: list[str] = []

    async def lane() -> None:
        nonlocal in_time
        while time.perf_counter() < until:
            try:
                took.append(await exchange())
                in_time += time.perf_counter() <= until
            except Exception as error:  # noqa: BLE001  # counted, and the first ones are shown
                failures.append(f"{type(error).__name__}: {error}"[:300])

    lanes = [asyncio.create_task(lane()) for _ in range(in_flight)]
    _, late = await asyncio.wait(lanes, timeout=seconds + 30)
    for task in late:
        task.cancel()
    return {
        "done": len(took),
        "perS": in_time / seconds,
        "lost": len(failures) + len(late),
        "failures": failures[:3],
        "p50": sorted(took)[len(took) // 2] if took else None,
    }
