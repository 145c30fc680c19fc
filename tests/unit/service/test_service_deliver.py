"""What an answer means for a message [D3], and the sender that acts on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.errors import EgressRefused, PeerFailed, Unavailable
from connector.model.ports import Response
from connector.model.records import OutboxItem
from connector.service.deliver import LANE, Outcome, Reply, Sender, judge
from connector.store.sqlite import SqliteStore
from connector.store.tables import Tx
from tests.unit.service.hand_clock import HandClock, settle

DONE, RETRY, FINAL = Outcome.DONE, Outcome.RETRY, Outcome.FINAL


@pytest.mark.parametrize(
    ("status", "age_s", "wanted"),
    [
        *[(s, 0.0, DONE) for s in (200, 201, 202, 204, 299)],
        *[(s, 0.0, FINAL) for s in (100, 301, 302, 400, 401, 403, 405, 410, 413, 415, 422, 499)],
        *[(s, 0.0, RETRY) for s in (404, 408, 409, 425, 429, 500, 501, 502, 503, 504, 599, None)],
        (409, 4.99, RETRY),
        (409, 5.0, FINAL),
        (404, 9.99, RETRY),
        (404, 10.0, FINAL),
        *[(s, 86400.0, RETRY) for s in (408, 425, 429, 500, 503, None)],
    ],
)
def test_what_an_answer_means(status: int | None, age_s: float, wanted: Outcome) -> None:
    assert judge(status, 0, age_s, 0.5).outcome is wanted


def test_a_conflict_is_tried_again_at_20_40_80_milliseconds() -> None:
    assert [judge(409, n, 0.0, 0.5).after_s for n in range(9)] == pytest.approx(
        [0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 2.56]
    )


def test_back_off_doubles_is_capped_and_is_spread() -> None:
    middle = [judge(503, n, 0.0, 0.5).after_s for n in range(20)]
    assert middle[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert middle[-1] == pytest.approx(300.0)
    assert middle == sorted(middle)
    low, high = judge(None, 5, 0.0, 0.0).after_s, judge(None, 5, 0.0, 0.999).after_s
    assert low < judge(None, 5, 0.0, 0.5).after_s < high
    assert high < 2 * low


@dataclass
class Net:
    """The network: what each address answers, and what was asked."""

    answers: dict[str, Callable[[int], Any]] = field(default_factory=dict)
    asked: list[tuple[str, bytes, str]] = field(default_factory=list)

    async def __call__(self, method: str, url: str, **kw: Any) -> Response:
        body, header = kw["body"], kw["headers"]["Authorization"]
        self.asked.append((url, body, header))
        tries = sum(1 for asked in self.asked if asked[0] == url)
        found = self.answers[url](tries)
        if isinstance(found, asyncio.Future):
            await found
        if isinstance(found, Exception):
            raise found
        status, content = found if isinstance(found, tuple) else (found, None)
        return Response(status, {}, json.dumps(content).encode() if content is not None else b"")

    def count(self, url: str) -> int:
        return sum(1 for asked in self.asked if asked[0] == url)


@dataclass
class Heard:
    """The service behind the sender."""

    delivered_: list[tuple[str, Reply]] = field(default_factory=list)
    refused_: list[tuple[str, Reply]] = field(default_factory=list)

    def delivered(self, tx: Tx, item: OutboxItem, reply: Reply) -> None:
        self.delivered_.append((item.id, reply))

    def refused(self, tx: Tx, item: OutboxItem, reply: Reply) -> None:
        self.refused_.append((item.id, reply))


@dataclass
class Bench:
    """A sender between a real store and a scripted network."""

    path: Path
    clock: HandClock
    net: Net
    heard: Heard
    store: SqliteStore
    sender: Sender
    issued: int = 0

    def item(
        self, id_: str, url: str, peer: str = "did:web:factory-b.example", life_s: float = 1e6
    ) -> OutboxItem:
        now = self.clock.now()
        until = now + timedelta(seconds=life_s)
        body = json.dumps({"@id": id_})
        return OutboxItem(
            id_,
            "negotiation",
            f"process-{id_}",
            peer,
            "did:web:me.example",
            url,
            body,
            "AGREED",
            now,
            now,
            until,
            0,
            "",
        )

    async def send(self, *items: OutboxItem) -> None:
        def work(tx: Tx) -> None:
            for item in items:
                self.sender.put(tx, item)

        await self.store.transact(work)
        await settle()

    async def outbox(self) -> list[OutboxItem]:
        return await self.store.read(lambda tx: tx.outbox.everything())

    def build(self) -> None:
        self.store = SqliteStore(self.path, in_line=True)

        async def authorize(peer: str, url: str, our_id: str) -> str:
            self.issued += 1
            return f"Bearer {self.issued}"

        self.sender = Sender(self.store, self.clock, lambda n: b"\x80" * n, self.net, authorize)
        self.sender.settle_with("negotiation", self.heard)

    async def next_life(self) -> None:
        await self.sender.stop(0.0)
        await self.store.close()
        self.build()
        await self.sender.start()
        await settle()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    found = Bench(tmp_path / "s.db", HandClock(), Net(), Heard(), None, None)  # type: ignore[arg-type]
    found.build()
    yield found
    await found.sender.stop(0.0)
    await found.store.close()


URL = "https://factory-b.example/dsp/x"


async def test_a_commit_wakes_the_delivery_and_a_rollback_does_not(bench: Bench) -> None:
    bench.net.answers[URL] = lambda _: (200, {"state": "AGREED"})
    await bench.send(bench.item("m1", URL))
    assert [i for i, _ in bench.heard.delivered_] == ["m1"]
    assert bench.heard.delivered_[0][1].body == {"state": "AGREED"}
    assert await bench.outbox() == []

    def fails(tx: Tx) -> None:
        bench.sender.put(tx, bench.item("m2", URL))
        raise PeerFailed("the transaction is rolled back")

    with pytest.raises(PeerFailed):
        await bench.store.transact(fails)
    await settle()
    assert bench.net.count(URL) == 1


async def test_the_same_bytes_go_out_again_with_a_fresh_token(bench: Bench) -> None:
    bench.net.answers[URL] = lambda n: PeerFailed("reset") if n < 4 else 200
    await bench.send(bench.item("m1", URL))
    await bench.clock.pass_(5.0)
    assert bench.net.count(URL) == 4
    assert len({body for _, body, _ in bench.net.asked}) == 1
    assert len({header for _, _, header in bench.net.asked}) == 4
    assert len(bench.heard.delivered_) == 1


async def test_a_peer_that_hangs_delays_nobody(bench: Bench) -> None:
    slow = "https://slow.example/dsp/x"
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    bench.net.answers |= {slow: lambda _: never, URL: lambda _: 200}
    await bench.send(*[bench.item(f"s{i}", slow, "did:web:slow.example") for i in range(LANE + 5)])
    await bench.send(*[bench.item(f"m{i}", URL) for i in range(3)])
    assert [i for i, _ in bench.heard.delivered_] == ["m0", "m1", "m2"]
    assert bench.net.count(slow) == LANE


async def test_the_final_refusal_keeps_the_peers_reason(bench: Bench) -> None:
    bench.net.answers[URL] = lambda _: (400, {"code": "policy-differs", "reason": ["not equal", {"at": 1}]})
    await bench.send(bench.item("m1", URL))
    ((_, reply),) = bench.heard.refused_
    assert reply.reason == 'policy-differs; not equal; {"at": 1}'
    assert await bench.outbox() == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "HTTP 400"),
        ([], "HTTP 400"),
        ({"reason": None}, "HTTP 400"),
        ({"reason": "x" * 5000}, "x" * 1000),
    ],
)
async def test_a_refusal_without_words_is_named_by_its_status(
    bench: Bench, content: Any, reason: str
) -> None:
    bench.net.answers[URL] = lambda _: (400, content)
    await bench.send(bench.item("m1", URL))
    assert bench.heard.refused_[0][1].reason == reason


async def test_our_own_guards_refusal_is_final(bench: Bench) -> None:
    bench.net.answers[URL] = lambda _: EgressRefused("the address is private")
    await bench.send(bench.item("m1", URL))
    assert "private" in bench.heard.refused_[0][1].reason


async def test_a_404_is_tried_for_ten_seconds_and_a_409_for_five(bench: Bench) -> None:
    for status, seconds in ((404, 10.0), (409, 5.0)):
        url = f"{URL}/{status}"
        bench.net.answers[url] = lambda _, status=status: status
        await bench.send(bench.item(f"m{status}", url))
        await bench.clock.pass_(seconds - 0.5)
        assert f"m{status}" not in [i for i, _ in bench.heard.refused_]
        assert bench.net.count(url) > 3
        await bench.clock.pass_(4.0)
        assert f"m{status}" in [i for i, _ in bench.heard.refused_]


async def test_retries_end_when_the_process_does(bench: Bench) -> None:
    bench.net.answers[URL] = lambda _: 503
    await bench.send(bench.item("m1", URL, life_s=3600.0))
    await bench.clock.pass_(3000.0)
    assert bench.heard.refused_ == []
    tried = bench.net.count(URL)
    assert 12 < tried < 30
    await bench.clock.pass_(1000.0)
    assert [i for i, _ in bench.heard.refused_] == ["m1"]


async def test_back_off_is_stored_and_a_new_life_waits_it_out(bench: Bench) -> None:
    bench.net.answers[URL] = lambda _: 503
    await bench.send(bench.item("m1", URL))
    await bench.clock.pass_(60.0)
    (stored,) = await bench.outbox()
    tried = bench.net.count(URL)
    assert (stored.attempts, stored.last_error) == (tried, "HTTP 503")
    wait_s = (stored.not_before - bench.clock.now()).total_seconds()
    assert wait_s > 1.0
    bench.net.answers[URL] = lambda _: 200
    await bench.next_life()
    await bench.clock.pass_(wait_s - 0.1)
    assert bench.net.count(URL) == tried
    await bench.clock.pass_(0.2)
    assert bench.net.count(URL) == tried + 1
    assert [i for i, _ in bench.heard.delivered_] == ["m1"]
    assert bench.net.asked[-1][1] == bench.net.asked[0][1]


async def test_a_message_whose_delivery_was_proved_otherwise_is_not_sent_again(bench: Bench) -> None:
    bench.net.answers[URL] = lambda _: 503
    await bench.send(bench.item("m1", URL))
    await bench.store.transact(lambda tx: tx.outbox.delete_of_process("process-m1"))
    await bench.clock.pass_(1000.0)
    assert bench.net.count(URL) == 1
    assert (bench.heard.delivered_, bench.heard.refused_) == ([], [])
    assert bench.sender.in_flight == 0


async def test_an_answer_that_comes_after_the_proof_settles_nothing(bench: Bench) -> None:
    late: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def slow(method: str, url: str, **kw: Any) -> Response:
        await late
        return Response(200, {}, b"")

    bench.sender._fetch = slow
    await bench.send(bench.item("m1", URL))
    await bench.store.transact(lambda tx: tx.outbox.delete_of_process("process-m1"))
    late.set_result(None)
    await settle()
    assert bench.heard.delivered_ == []


async def test_a_held_back_message_waits_and_may_be_taken_back(bench: Bench) -> None:
    bench.net.answers[URL] = lambda _: 200
    later = bench.clock.now() + timedelta(seconds=5)
    for id_ in ("m1", "m2"):
        item = bench.item(id_, URL)
        held = OutboxItem(**{**{f: getattr(item, f) for f in item.__dataclass_fields__}, "not_before": later})
        await bench.send(held)
    await bench.clock.pass_(4.9)
    assert bench.net.asked == []
    await bench.store.transact(lambda tx: tx.outbox.delete_of_process("process-m2"))
    await bench.clock.pass_(0.2)
    assert [i for i, _ in bench.heard.delivered_] == ["m1"]


async def test_nothing_is_sent_once_it_stops_and_nothing_is_lost(bench: Bench) -> None:
    never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    bench.net.answers[URL] = lambda n: never if n == 1 else 200
    await bench.send(bench.item("m1", URL))
    await bench.next_life()
    assert bench.net.count(URL) == 2
    assert [i for i, _ in bench.heard.delivered_] == ["m1"]


@pytest.mark.parametrize("status", [200, 503])
async def test_a_store_that_cannot_write_for_a_while_strands_no_message(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    bench.net.answers[URL] = lambda n: status if n == 1 else 200
    real, full = bench.store.transact, [3]

    async def transact(work: Callable[[Tx], Any]) -> Any:
        if bench.net.asked and full[0]:
            full[0] -= 1
            raise Unavailable("the disk is full")
        return await real(work)

    monkeypatch.setattr(bench.store, "transact", transact)
    await bench.send(bench.item("m1", URL))
    assert bench.heard.delivered_ == []
    await bench.clock.pass_(60.0)
    assert [i for i, _ in bench.heard.delivered_] == ["m1"]
    assert await bench.outbox() == []


async def test_a_fault_of_our_own_does_not_strand_the_message(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bench.net.answers[URL] = lambda _: 200
    real = bench.heard.delivered

    def breaks(tx: Tx, item: OutboxItem, reply: Reply) -> None:
        monkeypatch.setattr(bench.heard, "delivered", real)
        raise KeyError("nobody thought of this")

    monkeypatch.setattr(bench.heard, "delivered", breaks)
    await bench.send(bench.item("m1", URL))
    assert "a delivery failed" in caplog.text
    assert [i.id for i in await bench.outbox()] == ["m1"]
    await bench.clock.pass_(400.0)
    assert [i for i, _ in bench.heard.delivered_] == ["m1"]
    assert await bench.outbox() == []
