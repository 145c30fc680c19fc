"""Rows and values: nothing is lost on the way, and nobody overwrites what somebody else has changed."""

from __future__ import annotations

import asyncio
import sqlite3
import types
import typing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import Conflict
from connector.model.contract import Agreement
from connector.model.process import (
    Approval,
    Negotiation,
    NegotiationState,
    Role,
    Transfer,
)
from connector.model.records import AccessToken, InboxEntry, OutboxItem, Timer, Use
from connector.store.rows import RowType
from connector.store.sqlite import SqliteStore
from connector.store.tables import Tx

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
_moments = st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1)).map(  # noqa: DTZ001  # given a zone at once
    lambda d: d.replace(microsecond=d.microsecond // 1000 * 1000, tzinfo=UTC)
)
_texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=30)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=6,
)
_objects = st.dictionaries(_texts, _json, max_size=4)


_BY_TYPE: dict[Any, Any] = {
    dict[str, Any]: _objects,
    list[Any]: st.lists(_json, max_size=3),
    datetime: _moments,
    str: _texts,
    int: st.integers(-(2**53), 2**53),
}


def _values(cls: Any) -> Any:
    """Any value of a row's class: objects, times, enums and options by their annotation."""
    hints = typing.get_type_hints(cls)
    made = {}
    for name in cls.__dataclass_fields__:
        members = [m for m in typing.get_args(hints[name]) if isinstance(hints[name], types.UnionType)]
        base = next((m for m in members if m is not type(None)), hints[name])
        strategy = _BY_TYPE[base] if base in _BY_TYPE else st.from_type(base)
        made[name] = st.none() | strategy if members else strategy
    return st.builds(cls, **made)


@pytest.mark.parametrize(
    "cls",
    [Negotiation, Transfer, Agreement, OutboxItem, InboxEntry, Timer, AccessToken, Use],
    ids=lambda c: c.__name__,
)
def test_a_row_gives_back_what_went_in(cls: type) -> None:
    rows: Any = RowType(cls)

    @given(_values(cls))
    @settings(max_examples=25, deadline=None)
    def check(value: Any) -> None:
        encoded = rows.encode(value)
        assert all(v is None or isinstance(v, int | str | float) for v in encoded.values())
        assert rows.decode(encoded) == value

    check()


def negotiation(**changed: Any) -> Negotiation:
    given_ = {
        "id": "urn:n",
        "role": Role.PROVIDER,
        "peer": "did:web:factory-b.example",
        "peer_pid": "urn:theirs",
        "address": "https://factory-b.example/dsp",
        "our_id": "did:web:factory-a.example",
        "state": NegotiationState.REQUESTED,
        "pending": None,
        "dataset_id": "urn:d",
        "offer": {"@id": "urn:o", "permission": [{"action": "use"}]},
        "offer_token": "",
        "approval": Approval.NONE,
        "agreement_id": "",
        "reason": "",
        "reason_by": None,
        "created_at": NOW,
        "updated_at": NOW,
        "expires_at": NOW + timedelta(days=30),
    }
    return Negotiation(**{**given_, **changed})


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    found = SqliteStore(tmp_path / "s.db", in_line=True)
    yield found
    await found.close()


async def test_whoever_saves_an_old_copy_is_told(store: SqliteStore) -> None:
    await store.transact(lambda tx: tx.negotiations.add(negotiation()))
    read = await store.read(lambda tx: tx.negotiations.get("urn:n"))
    assert read == negotiation()
    newer = await store.transact(
        lambda tx: tx.negotiations.save(replace(read, state=NegotiationState.OFFERED))
    )
    assert newer.version == read.version + 1
    with pytest.raises(Conflict):
        await store.transact(
            lambda tx: tx.negotiations.save(replace(read, state=NegotiationState.TERMINATED))
        )
    assert await store.read(lambda tx: tx.negotiations.get("urn:n")) == newer


async def test_one_peers_pid_is_found_in_one_role_only(store: SqliteStore) -> None:
    await store.transact(lambda tx: tx.negotiations.add(negotiation()))

    def find(peer: str, pid: str, role: Role) -> Any:
        return store.read(lambda tx: tx.negotiations.by_peer_pid(peer, pid, role))

    assert (await find("did:web:factory-b.example", "urn:theirs", Role.PROVIDER)).id == "urn:n"
    assert await find("did:web:factory-b.example", "urn:theirs", Role.CONSUMER) is None
    assert await find("did:web:factory-c.example", "urn:theirs", Role.PROVIDER) is None


async def test_open_counts_leave_out_what_is_over(store: SqliteStore) -> None:
    def work(tx: Tx) -> int:
        for i, state in enumerate([None, *NegotiationState]):
            tx.negotiations.add(negotiation(id=f"urn:{i}", peer_pid=f"urn:their-{i}", state=state))
        return tx.negotiations.open_count("did:web:factory-b.example")

    assert await store.transact(work) == 6


async def test_pages_are_newest_first_and_filtered(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        for i in range(5):
            approval = Approval.WAITING if i % 2 else Approval.NONE
            at = NOW + timedelta(seconds=i)
            tx.negotiations.add(
                negotiation(
                    id=f"urn:{i}", peer_pid=f"urn:their-{i}", approval=approval, created_at=at, updated_at=at
                )
            )

    await store.transact(work)
    ids = [n.id for n in await store.read(lambda tx: tx.negotiations.page(limit=3))]
    assert ids == ["urn:4", "urn:3", "urn:2"]
    assert [n.id for n in await store.read(lambda tx: tx.negotiations.page(limit=3, offset=3))] == [
        "urn:1",
        "urn:0",
    ]
    waiting = await store.read(lambda tx: tx.negotiations.page(approval="waiting"))
    assert {n.id for n in waiting} == {"urn:1", "urn:3"}
    assert await store.read(lambda tx: tx.negotiations.page(peer="did:web:nobody.example")) == []


def _item(id_: str, process: str = "urn:n") -> OutboxItem:
    life = timedelta(days=1)
    them, us = "did:web:b.example", "did:web:a.example"
    url = "https://b.example"
    return OutboxItem(id_, "negotiation", process, them, us, url, "{}", "", NOW, NOW, NOW + life, 0, "")


async def test_the_outbox_keeps_its_order_and_counts_attempts(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        for id_ in ("m2", "m1", "m3"):
            tx.outbox.add(_item(id_, "urn:n" if id_ != "m3" else "urn:other"))

    await store.transact(work)
    assert [i.id for i in await store.read(lambda tx: tx.outbox.everything())] == ["m2", "m1", "m3"]
    later = NOW + timedelta(seconds=7)
    await store.transact(lambda tx: tx.outbox.postpone("m1", later, "HTTP 503"))
    one = await store.read(lambda tx: tx.outbox.get("m1"))
    assert one is not None
    assert (one.attempts, one.not_before, one.last_error, one.body) == (1, later, "HTTP 503", "{}")
    assert await store.transact(lambda tx: (tx.outbox.delete("m1"), tx.outbox.delete("m1"))) == (True, False)
    await store.transact(lambda tx: tx.outbox.delete_of_process("urn:n"))
    assert [i.id for i in await store.read(lambda tx: tx.outbox.everything())] == ["m3"]


async def test_timers_are_one_for_each_kind_and_reference(store: SqliteStore) -> None:
    def work(tx: Tx) -> None:
        tx.timers.set("expire", "a", NOW)
        tx.timers.set("expire", "a", NOW + timedelta(seconds=5))
        tx.timers.set("expire", "b", NOW + timedelta(seconds=1))
        tx.timers.set("decide", "a", NOW + timedelta(seconds=2))

    await store.transact(work)
    assert await store.read(lambda tx: tx.timers.next_due()) == NOW + timedelta(seconds=1)
    due = await store.read(lambda tx: tx.timers.due(NOW + timedelta(seconds=2)))
    assert [(t.kind, t.ref) for t in due] == [("expire", "b"), ("decide", "a")]
    await store.transact(lambda tx: tx.timers.clear("expire", "b"))
    assert await store.read(lambda tx: tx.timers.next_due()) == NOW + timedelta(seconds=2)


async def test_the_same_message_of_the_same_peer_is_known_once(store: SqliteStore) -> None:
    entry = InboxEntry("did:web:b.example", "m1", "urn:n", "d", "c", "act", "REQUESTED", 201, "{}", NOW)
    await store.transact(lambda tx: tx.inbox.add(entry))
    assert await store.read(lambda tx: tx.inbox.seen("did:web:b.example", "m1")) == entry
    assert await store.read(lambda tx: tx.inbox.seen("did:web:c.example", "m1")) is None
    assert await store.read(lambda tx: tx.inbox.with_content("urn:n", "c")) == entry
    assert await store.read(lambda tx: tx.inbox.with_content("urn:other", "c")) is None


async def test_a_use_that_grows_stays_one_use(store: SqliteStore) -> None:
    use = Use("urn:t", 1, "urn:a", "etag", 10, "{}", 5, False, NOW, NOW)
    await store.transact(lambda tx: tx.uses.add(use))
    await store.transact(lambda tx: tx.uses.add(replace(use, bytes_sent=10, is_complete=True)))
    await store.transact(lambda tx: tx.uses.add(replace(use, transfer_id="urn:u")))
    assert await store.read(lambda tx: tx.uses.count_of_agreement("urn:a")) == 2
    newest = await store.read(lambda tx: tx.uses.newest_of_transfer("urn:t"))
    assert newest is not None
    assert (newest.bytes_sent, newest.is_complete) == (10, True)


async def test_many_writers_at_once_count_right(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")

    def add(tx: Tx) -> None:
        tx.put_meta("n", str(int(tx.get_meta("n") or "0") + 1))

    await asyncio.gather(*(store.transact(add) for _ in range(100)))
    assert await store.read(lambda tx: tx.get_meta("n")) == "100"
    await store.close()


def test_each_table_has_a_column_for_each_field(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db", in_line=True)
    raw: sqlite3.Connection = store._writer.raw
    tables = {"negotiation": Negotiation, "transfer": Transfer, "agreement": Agreement, "outbox": OutboxItem}
    for table, cls in tables.items():
        columns = {row[1] for row in raw.execute(f"pragma table_info({table})")}
        assert set(cls.__dataclass_fields__) <= columns, table
    store.discard()
