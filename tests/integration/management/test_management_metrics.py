"""Every metric is shown and has its heading; labels stay few."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from connector.service.metrics import COUNTERS, GAUGES, HISTOGRAMS
from tests.integration.management.conftest import DESCRIPTION, Factory, content, seg

PAGE = Path(__file__).resolve().parents[3] / "docs" / "operations.md"


async def values(factory: Factory) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    text = (await factory.get("/metrics", key=None)).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_every_metric_has_a_heading_and_every_heading_a_metric() -> None:
    headings = set(re.findall(r"^#### `(madang_\w+)`$", PAGE.read_text("utf-8"), re.MULTILINE))
    assert headings == {*GAUGES, *COUNTERS, *HISTOGRAMS}


async def test_nothing_else_is_shown_and_nothing_is_missing(one: Factory) -> None:
    await one.get("/manage/status")
    text = (await one.get("/metrics", key=None)).decode()
    shown = set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE))
    assert shown == {*GAUGES, *COUNTERS, *HISTOGRAMS}


async def test_they_tell_the_story(pair: tuple[Factory, Factory], shots: Path) -> None:
    provider, consumer = pair
    await provider.post(
        "/manage/publish",
        {"path": str(shots), "id": "shots", "templates": ["open-use"], "description": DESCRIPTION},
    )
    asked = await consumer.post("/manage/request", {"target": provider.did, "dataset": "shots"})
    final = await consumer.until(f"/manage/negotiations/{seg(asked['id'])}", "FINALIZED")
    await consumer.lines("/manage/pull", {"agreement": final["agreement"]})

    there, here = await values(provider), await values(consumer)
    size = len(content(shots))

    def value(found: dict, name: str, **labels: str) -> float:
        return found.get((name, frozenset(labels.items())), 0.0)

    assert value(there, "madang_datasets") == 1
    assert value(there, "madang_uses") == 1
    assert value(there, "madang_sent_bytes_total") == size
    assert value(here, "madang_sent_bytes_total") == 0
    assert value(here, "madang_negotiations", role="consumer", state="FINALIZED") == 1
    assert value(there, "madang_transfers", role="provider", state="STARTED") == 1
    assert value(there, "madang_ledger_leaves") > 5
    route = "/dsp/2025-1/negotiations/request"
    assert (
        value(there, "madang_requests_total", listener="public", method="POST", route=route, status="201")
        == 1
    )
    assert value(there, "madang_request_seconds_count", listener="public", route="/data") >= 1


async def test_a_stranger_makes_no_labels(one: Factory) -> None:
    for i in range(20):
        await one.get(f"/nothing/{i}", status=404)
        await one.call(f"X{i}", f"/manage/x{i}", status=None)
        async with one.session.get(f"{one.public}/nothing/{i}") as answer:
            assert answer.status == 404
    routes = {
        dict(labels).get("route") for name, labels in await values(one) if name == "madang_requests_total"
    }
    methods = {
        dict(labels).get("method") for name, labels in await values(one) if name == "madang_requests_total"
    }
    assert routes <= {"none", "/metrics"}
    assert methods <= {"GET", "other"}


async def test_refusals_are_counted_by_code(one: Factory) -> None:
    async with one.session.post(f"{one.public}/dsp/2025-1/catalog/request", json={}) as answer:
        assert answer.status == 401
    one.connector.node._write_refusals()
    await asyncio.sleep(0)  # its task queues the transaction
    await one.connector.node.store.transact(lambda tx: None)
    found = await values(one)
    assert sum(v for (name, _), v in found.items() if name == "madang_refusals_total") == 1
