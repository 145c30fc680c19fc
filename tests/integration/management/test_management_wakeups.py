"""Nobody waits for an event that was lost."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from tests.integration.management.conftest import Factory


async def test_who_begins_to_listen_during_a_transaction_hears_of_it(one: Factory) -> None:
    node = one.connector.node
    is_inside, may_end = threading.Event(), threading.Event()

    def work(tx: Any) -> None:
        node.events.publish(tx, "x.happened", "s", {})
        is_inside.set()
        may_end.wait(5)

    running = asyncio.ensure_future(node.store.transact(work))
    await asyncio.to_thread(is_inside.wait, 5)
    listener = node.events.listen()
    heard = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0)
    may_end.set()
    async with asyncio.timeout(5):
        assert (await heard).type == "x.happened"
    await running
    await listener.aclose()
