"""Starts a pair of connectors, plays every scenario in both directions, and counts."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.interop.edc import EdcNode, tuning
from tests.interop.madang import MadangNode
from tests.interop.management import ManagementError, Unsettled
from tests.interop.node import Node
from tests.interop.origin import Origin
from tests.interop.scenarios import ASSET, HELD, SCENARIOS
from tests.interop.steps import CheckFailed, Direction
from tests.interop.stock import Stock

# What a scenario can end with when a connector misbehaves; the last four come from answers of a wrong shape.
_FAILURES = (
    CheckFailed,
    ManagementError,
    Unsettled,
    aiohttp.ClientError,
    LookupError,
    TypeError,
    ValueError,
    AttributeError,
)

BUDGET_S = 480.0
"""The whole run, from the first start to the last scenario."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to run: which pair (`madang` or `edc`), which scenarios, how EDC is tuned, where traces go."""

    pair: str
    only: tuple[str, ...]
    wait_ms: int | None
    trace: Path | None


@dataclass(slots=True)
class Score:
    """How many scenarios passed and failed."""

    passed: int = 0
    failed: int = 0

    def line(self) -> str:
        """The closing line."""
        return f"interop: {self.passed} passed, {self.failed} failed"


async def run(plan: Plan, stock: Stock, folder: Path) -> Score:
    """Play the plan in `folder`, printing a line per scenario.

    Raises:
        ChildFailed: a connector did not start; nothing was played then.
    """
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        origin = Origin()
        await origin.start()
        nodes = _pair(plan, stock, folder, origin, session)
        score = Score()
        try:
            for node in nodes:
                await node.prepare()
            began = time.monotonic()
            await asyncio.gather(*(node.start([o for o in nodes if o is not node]) for node in nodes))
            _say(f"{nodes[0].label} and {nodes[1].label} ready after {time.monotonic() - began:.1f} s")
            deadline = time.monotonic() + BUDGET_S
            for provider, consumer in (nodes, nodes[::-1]):
                way = Direction(provider, consumer, session)
                await _play(way, plan.only, deadline, score)
        finally:
            await asyncio.gather(*(node.stop() for node in nodes), origin.stop())
            if plan.trace is not None:
                for node in nodes:
                    if node.recorder is not None:
                        node.recorder.write(plan.trace, f"to-{node.label}")
        return score


def _pair(
    plan: Plan, stock: Stock, folder: Path, origin: Origin, session: aiohttp.ClientSession
) -> tuple[Node, Node]:
    def edc(label: str) -> Node:
        return EdcNode(
            label,
            stock=stock,
            folder=folder,
            origin=origin,
            session=session,
            settings=tuning(plan.wait_ms),
        )

    if plan.pair == "edc":
        return edc("edc-a"), edc("edc-b")
    # A Madang keeps what it is told; only whoever wants to read the wire needs a recorder before it.
    is_recorded = plan.trace is not None
    return MadangNode("madang", folder=folder, session=session, is_recorded=is_recorded), edc("edc")


async def _play(way: Direction, only: Sequence[str], deadline: float, score: Score) -> None:
    failure, _ = await _attempt(_publish(way), deadline)
    if failure:
        score.failed += 1
        _say(f"FAILED {way.name}:publish {failure}")
        return
    for scenario in SCENARIOS:
        if (only and scenario.name not in only) or not scenario.fits(way):
            continue
        began = time.monotonic()
        failure, said = await _attempt(scenario.play(way), deadline)
        took = f"{way.name}:{scenario.name} {(time.monotonic() - began) * 1000:.0f} ms"
        if failure:
            score.failed += 1
            _say(f"FAILED {took}: {failure}")
        else:
            score.passed += 1
            _say(f"ok {took}" + (f" ({said})" if said else ""))
        for node in (way.provider, way.consumer):
            if node.recorder is not None:
                node.recorder.clear_spoils()


async def _publish(way: Direction) -> None:
    # Bytes of every value, so that any re-coding on the way is seen; the same in each run.
    block = b"".join(hashlib.sha256(bytes([number])).digest() for number in range(256))
    await way.offer(ASSET, block * 16)
    await way.provider.management.create_asset(HELD, way.provider.source(HELD, block))
    if await way.provider.hold(f"{HELD}-offer", f"{ASSET}-policy", HELD):
        way.content[HELD] = block


async def _attempt(play: Coroutine[Any, Any, str | None], deadline: float) -> tuple[str, str]:
    """Why it failed (empty if it did not), and what it had to say."""
    try:
        said = await asyncio.wait_for(play, max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        return "out of time", ""
    except _FAILURES as error:
        return f"{type(error).__name__}: {error}", ""
    return "", said or ""


def _say(line: str) -> None:
    print(line, flush=True)
