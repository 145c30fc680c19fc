"""The log over a real SQLite: leaves, roll-backs, heads, proofs, export."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from connector.errors import BadInput, MalformedBody, TokenInvalid, TooLarge
from connector.ledger.log import (
    HEAD_TYP,
    MAX_LEAF_BYTES,
    Leaf,
    LeafKind,
    Ledger,
    TreeHead,
    conceal,
    peek_head,
    read_head,
    sign_head,
)
from connector.ledger.merkle import Frontier, leaf_hash, verify_consistency, verify_inclusion


def recomputed_root(store) -> str:
    frontier = Frontier()
    for body in store.ledger_bodies(0, store.ledger_size()):
        frontier, _ = frontier.append(leaf_hash(body))
    return frontier.root().hex()


def test_leaves_are_numbered_and_canonical(store, ledger, kit):
    numbers = [
        ledger.append(store, LeafKind.STATE, "local", "urn:uuid:n-1", {"to": "AGREED", "a": 1}, kit.START)
        for _ in range(3)
    ]
    assert numbers == [0, 1, 2]
    bodies = list(store.ledger_bodies(0, 3))
    assert bodies[1] == (
        b'{"actor":"local","at":"2026-11-24T09:00:00.000Z","data":{"a":1,"to":"AGREED"},'
        b'"kind":"state","seq":1,"subject":"urn:uuid:n-1"}'
    )
    leaf = Leaf.parse(bodies[1])
    assert (leaf.seq, leaf.kind, leaf.at, leaf.data) == (
        1,
        LeafKind.STATE,
        kit.START,
        {"a": 1, "to": "AGREED"},
    )


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 33, 100])
def test_head_is_the_root_of_all_leaves(store, ledger, kit, size):
    kit.fill(store, ledger, size)
    head = ledger.head(store, kit.START)
    assert (head.origin, head.size, head.root) == (kit.PROVIDER, size, recomputed_root(store))


def test_roll_backs_leave_no_trace(store, ledger, kit):
    kit.fill(store, ledger, 5)
    for round_ in range(6):
        store.db.execute("begin")
        store.db.execute("savepoint step")
        kit.fill(store, ledger, round_)
        store.db.execute("rollback to step")
        ledger.append(store, LeafKind.GRANT, kit.CONSUMER, f"urn:uuid:t-{round_}", {}, kit.START)
        store.db.execute("commit" if round_ % 2 else "rollback")
        assert ledger.head(store, kit.START).root == recomputed_root(store)
    assert store.ledger_size() == 8
    # A second process on the same store goes on where the first one stopped.
    kit.fill(store, Ledger(kit.PROVIDER), 9)
    assert ledger.head(store, kit.START).root == recomputed_root(store)


def test_an_append_costs_few_statements(store, ledger, kit):
    statements: list[str] = []
    store.db.set_trace_callback(statements.append)
    kit.fill(store, ledger, 256)
    store.db.set_trace_callback(None)
    # Size, one neighbour on average, the leaf, one inner node on average.
    assert len(statements) <= 4 * 256


def test_a_leaf_has_no_room_for_payloads(store, ledger, kit):
    with pytest.raises(TooLarge):
        ledger.append(store, LeafKind.DECISION, "local", "x", {"why": "가" * MAX_LEAF_BYTES}, kit.START)
    with pytest.raises(ValueError, match="canonical"):
        ledger.append(store, LeafKind.DECISION, "local", "x", {"ratio": 0.5}, kit.START)
    assert store.ledger_size() == 0


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"5",
        b'{"actor":"a","at":"never","data":{},"kind":"state","seq":0,"subject":"s"}',
        b'{"actor":"a","at":"2026-11-24T09:00:00.000Z","data":{},"kind":"rumour","seq":0,"subject":"s"}',
        b'{"actor":"a","at":"2026-11-24T09:00:00.000Z","data":{},"kind":"state","seq":0,"subject":"s"} ',
        b'{"actor":"a","at":"2026-11-24T18:00:00.000+09:00","data":{},"kind":"state","seq":0,"subject":"s"}',
        b'{"actor":"a","at":"2026-11-24T09:00:00.000Z","data":{},"kind":"state","seq":0,"subject":"s","x":1}',
    ],
)
def test_only_canonical_leaves_are_read(body):
    with pytest.raises(MalformedBody):
        Leaf.parse(body)


def test_concealed_text_is_checkable_and_hidden():
    salt = bytes(range(16))
    assert conceal("홍길동", salt) == conceal("홍길동", salt)
    assert len({conceal("홍길동", salt), conceal("홍길순", salt), conceal("홍길동", salt[::-1])}) == 3
    with pytest.raises(ValueError, match="16 bytes"):
        conceal("홍길동", b"short")


def test_a_head_is_signed_and_read(ledger, store, signer, kit):
    kit.fill(store, ledger, 3)
    head = ledger.head(store, kit.START)
    token = sign_head(signer, head)
    assert read_head(token, {signer.kid: signer.jwk}) == head
    assert peek_head(token) == head
    with pytest.raises(TokenInvalid):
        read_head(token, {signer.kid: kit.RealSigner(kit.PROVIDER).jwk})
    with pytest.raises(ValueError, match="cannot sign"):
        sign_head(kit.RealSigner(kit.CONSUMER), head)


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1},
        {"size": "3"},
        {"size": True},
        {"root": "AB" * 32},
        {"root": "ab" * 31},
        {"root": None},
        {"at": "soon"},
        {"at": 5},
        {"iss": "did:web:factory-b.example"},
        {"iss": None},
    ],
)
def test_a_head_with_a_wrong_claim_is_refused(signer, change):
    claims = {"iss": signer.did, "iat": 1, "at": "2026-11-24T09:00:00.000Z", "size": 3, "root": "ab" * 32}
    keys = {signer.kid: signer.jwk}
    assert read_head(signer.sign(claims, typ=HEAD_TYP), keys).size == 3
    with pytest.raises(TokenInvalid):
        read_head(signer.sign(claims | change, typ=HEAD_TYP), keys)


def test_a_seal_is_made_once_for_the_same_leaves(store, ledger, signer, kit):
    first = ledger.seal(store, signer, kit.START)
    assert peek_head(first).size == 0
    kit.fill(store, ledger, 3)
    second = ledger.seal(store, signer, kit.START)
    assert ledger.seal(store, signer, kit.START + timedelta(hours=1)) == second != first
    assert read_head(second, {signer.kid: signer.jwk}) == TreeHead(
        kit.PROVIDER, 3, recomputed_root(store), kit.START
    )
    assert list(store.ledger_heads()) == [first, second]


def test_when_a_seal_is_due(store, ledger, signer, kit):
    start, minute = kit.START, timedelta(seconds=60)
    assert not ledger.is_seal_due(store, start)  # nothing to sign
    kit.fill(store, ledger, 1)
    assert ledger.is_seal_due(store, start)  # leaves, and no head at all
    ledger.seal(store, signer, start)
    assert not ledger.is_seal_due(store, start + 10 * minute)  # nothing was added
    kit.fill(store, ledger, 1)
    assert not ledger.is_seal_due(store, start + minute * 0.99)
    assert ledger.is_seal_due(store, start + minute)
    assert ledger.is_seal_due(store, start - minute)  # the clock was set back: do not wait for it


def test_proofs_verify_against_old_and_new_heads(store, ledger, kit):
    kit.fill(store, ledger, 11)
    old = ledger.head(store, kit.START)
    kit.fill(store, ledger, 26)
    new = ledger.head(store, kit.START)
    bodies = list(store.ledger_bodies(0, new.size))
    for head in (old, new):
        for seq in range(head.size):
            path = [bytes.fromhex(piece) for piece in ledger.prove_inclusion(store, seq, head.size)]
            root = bytes.fromhex(head.root)
            assert verify_inclusion(leaf_hash(bodies[seq]), seq, head.size, path, root)
    proof = [bytes.fromhex(piece) for piece in ledger.prove_consistency(store, old.size, new.size)]
    roots = bytes.fromhex(old.root), bytes.fromhex(new.root)
    assert verify_consistency(old.size, roots[0], new.size, roots[1], proof)
    for seq, size in ((11, 11), (-1, 11), (0, 38)):
        with pytest.raises(BadInput):
            ledger.prove_inclusion(store, seq, size)
    for first, second in ((12, 11), (-1, 11), (1, 38)):
        with pytest.raises(BadInput):
            ledger.prove_consistency(store, first, second)


def test_the_export_has_the_documented_lines(store, ledger, signer, kit):
    kit.fill(store, ledger, 2)
    head = ledger.seal(store, signer, kit.START)
    lines = list(ledger.export(store, [signer.named_jwk]))
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    values = [json.loads(line) for line in lines]
    assert values[0] == {"format": "madang-ledger/1", "did": kit.PROVIDER}
    assert [value["seq"] for value in values[1:3]] == [0, 1]
    assert [value["body"].encode() for value in values[1:3]] == list(store.ledger_bodies(0, 2))
    assert values[3:] == [{"head": head}, {"keys": [signer.named_jwk]}]


def test_the_page_explains_every_kind():
    page = (Path(__file__).parents[3] / "docs" / "ledger.md").read_text("utf-8")
    rows = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `")}
    assert rows == {kind.value for kind in LeafKind}
