"""What two factories left behind, read from outside: both databases, both ledgers, nothing of `connector`.

The one file of the project that is used is the stand-alone verifier, loaded by its path as anybody would
who was given it. The transition tables are typed from DSP 2025-1 §7.1 and §8.1, not taken from the code.
"""

from __future__ import annotations

import importlib.util
import json
import sqlite3
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.crash.factory import Factory

VERIFIER = Path(__file__).resolve().parents[2] / "connector" / "ledger" / "standalone.py"
Row = dict[str, Any]

NEGOTIATION = {
    ("", "REQUESTED"): "CONSUMER",
    ("", "OFFERED"): "PROVIDER",
    ("REQUESTED", "OFFERED"): "PROVIDER",
    ("REQUESTED", "AGREED"): "PROVIDER",
    ("OFFERED", "REQUESTED"): "CONSUMER",
    ("OFFERED", "ACCEPTED"): "CONSUMER",
    ("ACCEPTED", "AGREED"): "PROVIDER",
    ("AGREED", "VERIFIED"): "CONSUMER",
    ("VERIFIED", "FINALIZED"): "PROVIDER",
    **{(s, "TERMINATED"): "BOTH" for s in ("REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "VERIFIED")},
}
"""(state, next state) -> whose message leads there."""
TRANSFER = {
    ("", "REQUESTED"): "CONSUMER",
    ("REQUESTED", "STARTED"): "PROVIDER",
    ("SUSPENDED", "STARTED"): "BOTH",
    ("STARTED", "SUSPENDED"): "BOTH",
    ("STARTED", "COMPLETED"): "BOTH",
    **{(s, "TERMINATED"): "BOTH" for s in ("REQUESTED", "STARTED", "SUSPENDED")},
}


def _load_verifier() -> Any:
    spec = importlib.util.spec_from_file_location("madang_standalone_verifier", VERIFIER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


VERIFY = _load_verifier()


@contextmanager
def database(factory: Factory) -> Iterator[sqlite3.Connection]:
    """Its database, read-only, as it is on disk now."""
    uri = f"file:{factory.home / 'madang.db'}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True, timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def rows(factory: Factory, sql: str, *params: object) -> list[Row]:
    """The rows of one query."""
    with database(factory) as connection:
        return [dict(row) for row in connection.execute(sql, params)]


def negotiations(factory: Factory) -> dict[str, Row]:
    """Its negotiations by the consumer's pid."""
    found = rows(factory, "select * from negotiation")
    return {str(n["id"] if n["role"] == "CONSUMER" else n["peer_pid"]): n for n in found}


def agreements(factory: Factory) -> dict[str, Row]:
    """Its agreements by id."""
    return {str(a["id"]): a for a in rows(factory, "select * from agreement")}


def transfers(factory: Factory, agreement: str) -> dict[str, Row]:
    """The transfers of an agreement by the consumer's pid."""
    found = rows(factory, "select * from transfer where agreement_id = ?", agreement)
    return {str(t["id"] if t["role"] == "CONSUMER" else t["peer_pid"]): t for t in found}


def is_quiet(*factories: Factory) -> bool:
    """Nothing is on its way any more."""
    return not any(rows(f, "select 1 from outbox limit 1") for f in factories)


# --- the ledger -------------------------------------------------------------------------------


def leaves(export: bytes) -> list[Row]:
    """The leaves of an exported ledger, in order."""
    lines = (json.loads(line) for line in export.splitlines())
    return [json.loads(line["body"]) for line in lines if "body" in line]


def check_states(found: Iterable[Row], processes: dict[str, Row], table: dict[tuple[str, str], str]) -> None:
    """Replay the recorded state changes of some processes (by own pid) against a table."""
    at: dict[str, str] = defaultdict(str)
    for leaf in found:
        if leaf["kind"] != "state" or leaf["subject"] not in processes:
            continue
        pid, data = leaf["subject"], leaf["data"]
        assert data["from"] == at[pid], f"{pid} was {at[pid]!r}, the leaf says from {data['from']!r}"
        who = table.get((data["from"], data["to"]))
        assert who is not None, f"{pid}: no step from {data['from']!r} to {data['to']!r}"
        other = {"CONSUMER": "PROVIDER", "PROVIDER": "CONSUMER"}[data["role"]]
        sender = data["role"] if leaf["actor"] == "local" else other
        assert who in ("BOTH", sender), f"{pid}: {data['from']!r} -> {data['to']!r} by the {sender}"
        at[pid] = data["to"]
    for pid, process in processes.items():
        assert at[pid] == (process["state"] or ""), (
            f"{pid}: the ledger says {at[pid]!r}, the row {process['state']!r}"
        )


def check_uses(provider: Factory, found: Sequence[Row], sizes: dict[str, int]) -> dict[str, int]:
    """Count uses and bytes of each transfer from the leaves alone, and compare with the rows.

    `sizes`: bytes of a dataset by its ETag. A grant without its second leaf counts in full, but what is
    fetched again after it is no new use. Returns agreement -> uses.
    """
    delivered = {
        leaf["data"]["grant"]: leaf["data"]["bytes"] for leaf in found if leaf["kind"] == "delivered"
    }
    bytes_sent: dict[tuple[str, int], int] = defaultdict(int)
    credit: dict[tuple[str, int], int] = defaultdict(int)
    uses: dict[str, set[tuple[str, int]]] = defaultdict(set)
    current: dict[str, int] = defaultdict(int)
    for leaf in found:
        if leaf["kind"] != "grant":
            continue
        data = leaf["data"]
        transfer, length = data["transfer"], data["to"] - data["from"]
        key = (transfer, current[transfer])
        if key[1] == 0 or (credit[key] + length) * 100 > sizes[data["sha256"]] * 105:
            current[transfer] += 1
            key = (transfer, current[transfer])
        assert key[1] == data["use"], f"{transfer}: this is use {key[1]}, the leaf says {data['use']}"
        bytes_sent[key] += delivered.get(leaf["seq"], length)
        credit[key] += delivered.get(leaf["seq"], 0)
        uses[leaf["subject"]].add(key)
    recorded = {(r["transfer_id"], r["number"]): r["bytes_sent"] for r in rows(provider, "select * from use")}
    assert recorded == dict(bytes_sent)
    return {agreement: len(keys) for agreement, keys in uses.items()}


def thumbprints(factory: Factory) -> dict[str, tuple[str, ...]]:
    """The pins of its DID: what its own document says, asked while it runs."""
    document = factory.get("manage", "did")
    keys = tuple(VERIFY.thumbprint(m["publicKeyJwk"]) for m in document["verificationMethod"])
    return {factory.did: keys}


def check_ledger(factory: Factory, other: Factory, agreement: str) -> list[Row]:
    """Export its ledger, and verify it against the heads in the counterparty's proof of a contract."""
    export = factory.raw("manage", "ledger")
    proof = other.raw("manage", "contracts", agreement, "export").decode()
    held = VERIFY.gather_held(proof, factory.did)
    result = VERIFY.verify(export.splitlines(keepends=True), held, thumbprints(factory))
    assert result.exit_code == 0, result.text("en")
    return leaves(export)


# --- both sides -------------------------------------------------------------------------------


def check_integrity(*factories: Factory) -> None:
    """SQLite finds nothing wrong."""
    for factory in factories:
        with database(factory) as connection:
            assert [r[0] for r in connection.execute("pragma integrity_check")] == ["ok"], factory.name


def check_equal(provider: Factory, consumer: Factory) -> None:
    """Both sides tell the same story, or one says why it ended."""
    ours, theirs = negotiations(provider), negotiations(consumer)
    for pid, mine in theirs.items():
        if pid not in ours:
            # It never arrived: then it ended, and says so.
            assert mine["state"] == "TERMINATED", f"{pid} is {mine['state']} and unknown to the provider"
            assert mine["reason"]
            continue
        _same(pid, mine, ours[pid])
    assert set(ours) <= set(theirs), "a negotiation that the consumer does not know"
    given, taken = agreements(provider), agreements(consumer)
    assert set(given) == set(taken)
    by_negotiation = [a["consumer_pid"] for a in taken.values()]
    assert len(by_negotiation) == len(set(by_negotiation)), "two agreements of one negotiation"
    for name, contract in taken.items():
        for column in ("agreement_token", "verification_token", "withdrawal_token", "is_final", "policy"):
            assert contract[column] == given[name][column], f"{name}: {column} differs"
        sent, got = transfers(provider, name), transfers(consumer, name)
        assert set(sent) == set(got)
        for pid, transfer in got.items():
            _same(pid, transfer, sent[pid])


def _same(pid: str, one: Row, other: Row) -> None:
    if one["state"] != other["state"]:
        assert one["reason"] or other["reason"], (
            f"{pid}: {one['state']} and {other['state']}, and nobody says why"
        )
    assert one["pending"] is None, f"{pid} is still pending"
    assert other["pending"] is None, f"{pid} is still pending"


def check_all(provider: Factory, consumer: Factory, agreement: str, sizes: dict[str, int]) -> dict[str, int]:
    """Everything above; returns the uses of each agreement."""
    check_integrity(provider, consumer)
    check_equal(provider, consumer)
    given, taken = check_ledger(provider, consumer, agreement), check_ledger(consumer, provider, agreement)
    for factory, found in ((provider, given), (consumer, taken)):
        own = {str(n["id"]): n for n in rows(factory, "select * from negotiation")}
        check_states(found, own, NEGOTIATION)
        moved = {str(t["id"]): t for t in rows(factory, "select * from transfer")}
        check_states(found, moved, TRANSFER)
    return check_uses(provider, given, sizes)
