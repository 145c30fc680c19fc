"""Many exchanges at once: none lost, none twice, counted on both sides."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp

from tests.interop.management import ManagementError
from tests.interop.steps import Books, CheckFailed, Direction, check

ASSET = "shots"
COUNT = 200
IN_FLIGHT = 64


@dataclass(frozen=True, slots=True)
class _Done:
    agreement_id: str
    negotiations: tuple[str, str]
    transfers: tuple[str, str]


async def load(way: Direction) -> str:
    """200 exchanges (negotiate, transfer, pull), 64 in flight: each is whole and both sides agree on all."""
    before = [await Books.of(node.management) for node in (way.consumer, way.provider)]
    offer = await way.find_offer(ASSET)
    gate = asyncio.Semaphore(IN_FLIGHT)
    began = time.monotonic()
    finished = 0

    async def exchange() -> _Done | str:
        nonlocal finished
        async with gate:
            try:
                contract = await way.agree(ASSET, offer, every_s=0.2)
                started = await way.start(contract.agreement_id, every_s=0.2)
                await way.pull(started.edr, ASSET)
            except (CheckFailed, ManagementError, aiohttp.ClientError, TimeoutError) as error:
                return str(error) or type(error).__name__
            finished += 1
            if finished % 50 == 0:
                print(f"  {way.name}: {finished} of {COUNT}", file=sys.stderr, flush=True)
            return _Done(
                contract.agreement_id,
                (contract.consumer_id, contract.provider_id),
                (started.consumer_id, started.provider_id),
            )

    results = await asyncio.gather(*(exchange() for _ in range(COUNT)))
    took_s = time.monotonic() - began
    lost = [result for result in results if isinstance(result, str)]
    check(not lost, f"{len(lost)} of {COUNT} lost: " + " | ".join(sorted(set(lost))[:3]))
    done = [result for result in results if isinstance(result, _Done)]
    agreements = frozenset(entry.agreement_id for entry in done)
    check(len(agreements) == COUNT, f"{len(agreements)} different agreements for {COUNT} exchanges")
    for side, node in enumerate((way.consumer, way.provider)):
        old, now = before[side], await Books.of(node.management)
        _same(f"agreements at {node.label}", now.agreements - old.agreements, agreements)
        negotiations = {k: v for k, v in now.negotiations.items() if k not in old.negotiations}
        _same(f"negotiations at {node.label}", negotiations.keys(), {d.negotiations[side] for d in done})
        transfers = {k: v for k, v in now.transfers.items() if k not in old.transfers}
        _same(f"transfers at {node.label}", transfers.keys(), {d.transfers[side] for d in done})
        wrong = [f"negotiation {k}: {v}" for k, v in negotiations.items() if v != "FINALIZED"]
        wrong += [f"transfer {k}: {v}" for k, v in transfers.items() if v != "STARTED"]
        check(not wrong, f"{len(wrong)} at {node.label} are not as they should be: {', '.join(wrong[:5])}")
    return f"{COUNT} of {COUNT} at {IN_FLIGHT} in flight, {COUNT / took_s:.1f}/s"


def _same(what: str, found: Iterable[str], wanted: Iterable[str]) -> None:
    have, want = set(found), set(wanted)
    check(have == want, f"{what}: {len(have - want)} too many, {len(want - have)} missing")
