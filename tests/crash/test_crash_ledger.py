"""An owner with all keys rewrites the past in the database, hashes included: the counterparty's head tells.

The tree is built anew here from RFC 6962 §2.1, and the running connector signs the forgery itself.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash import evidence
from tests.crash.factory import Factory, pair
from tests.crash.steps import until

Bodies = list[bytes]


class Evidence:
    """What two factories hold after two exchanges: their homes, and the proofs that the other side keeps."""

    def __init__(self, provider: Factory, consumer: Factory) -> None:
        self.provider, self.consumer = provider, consumer
        self.pins = evidence.thumbprints(provider)
        self.proof = ""
        self.held: list[str] = []


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evidence]:
    folder = tmp_path_factory.mktemp("ledger")
    path = folder / "shots.bin"
    path.write_bytes(b"shot" * 1000)
    with pair(folder) as (provider, consumer):
        dataset = provider.publish(path, "shots")
        found = Evidence(provider, consumer)
        for _ in range(2):
            consumer.pull(_contract(provider, consumer, dataset))
            provider.raw("manage", "ledger")  # signs a head over what there is: the next contract carries it
        contract = _contract(provider, consumer, dataset)
        found.proof = consumer.raw("manage", "contracts", contract, "export").decode()
        found.held = evidence.VERIFY.gather_held(found.proof, provider.did)
        for factory in (provider, consumer):
            factory.kill()
        yield found


def _contract(provider: Factory, consumer: Factory, dataset: str) -> str:
    pid = consumer.request(provider, dataset)["id"]

    def agreement() -> str | None:
        found = consumer.get("manage", "negotiations", pid)
        return str(found["agreement"]) if found["state"] == "FINALIZED" else None

    return until(agreement, "a contract")


@pytest.fixture
def forged(kept: Evidence) -> Iterator[Callable[[Callable[[Bodies], Bodies]], bytes]]:
    """Rewrites the provider's ledger in its home, lets the connector sign and export it, and puts it back."""
    home = kept.provider.home
    beside = home.with_name("home-as-it-was")
    shutil.copytree(home, beside)

    def forge(change: Callable[[Bodies], Bodies]) -> bytes:
        rewrite(home / "madang.db", change)
        kept.provider.start()
        try:
            return kept.provider.raw("manage", "ledger")
        finally:
            kept.provider.kill()

    yield forge
    shutil.rmtree(home)
    beside.rename(home)


def rewrite(database: Path, change: Callable[[Bodies], Bodies]) -> None:
    """Change the leaves, and make every hash fit again; heads that do not fit any more are thrown away."""
    with closing(sqlite3.connect(database, isolation_level=None)) as raw:
        raw.execute("begin immediate")
        bodies = change([bytes(row[0]) for row in raw.execute("select body from ledger_leaf order by seq")])
        hashes = [hashlib.sha256(b"\x00" + body).digest() for body in bodies]
        for table in ("ledger_leaf", "ledger_node", "ledger_head"):
            raw.execute(f"delete from {table}")
        raw.executemany(
            "insert into ledger_leaf (seq, body, hash) values (?, ?, ?)",
            [(seq, body, leaf) for seq, (body, leaf) in enumerate(zip(bodies, hashes, strict=True))],
        )
        level = 0
        while len(hashes) > 1:
            level += 1
            pairs = zip(hashes[::2], hashes[1::2], strict=False)
            hashes = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
            raw.executemany(
                "insert into ledger_node (level, idx, hash) values (?, ?, ?)",
                [(level, index, node) for index, node in enumerate(hashes)],
            )
        raw.execute("commit")


def grant(bodies: Bodies) -> int:
    """Where the first leaf stands that says bytes left."""
    return next(i for i, body in enumerate(bodies) if json.loads(body)["kind"] == "grant")


def smaller(bodies: Bodies) -> Bodies:
    """One grant of 4,000 bytes becomes one of 1."""
    at = grant(bodies)
    assert b'"to":4000' in bodies[at]
    return [*bodies[:at], bodies[at].replace(b'"to":4000', b'"to":1'), *bodies[at + 1 :]]


def dropped(bodies: Bodies) -> Bodies:
    """The grant is gone, and the numbers after it close the gap."""
    at = grant(bodies)
    after = [{**json.loads(body), "seq": seq} for seq, body in enumerate(bodies[at + 1 :], at)]
    return [*bodies[:at], *(_canonical(leaf) for leaf in after)]


def swapped(bodies: Bodies) -> Bodies:
    """The grant and the leaf after it change places."""
    at = grant(bodies)
    first, second = json.loads(bodies[at]), json.loads(bodies[at + 1])
    pair_ = [_canonical({**second, "seq": at}), _canonical({**first, "seq": at + 1})]
    return [*bodies[:at], *pair_, *bodies[at + 2 :]]


def cut(bodies: Bodies) -> Bodies:
    """Everything from the grant on never happened."""
    return bodies[: grant(bodies)]


def _canonical(leaf: dict[str, object]) -> bytes:
    return json.dumps(leaf, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


@pytest.mark.parametrize(
    ("change", "finding"), [(smaller, "changed"), (dropped, "changed"), (swapped, "changed"), (cut, "cut")]
)
def test_a_rewritten_ledger_is_found_by_the_head_that_the_counterparty_holds(
    kept: Evidence,
    forged: Callable[[Callable[[Bodies], Bodies]], bytes],
    change: Callable[[Bodies], Bodies],
    finding: str,
) -> None:
    lines = forged(change).splitlines(keepends=True)
    # With the owner's own heads alone the forgery is perfect: signed with the right key, to the last leaf.
    assert evidence.VERIFY.verify(lines, [], kept.pins).exit_code == 0
    result = evidence.VERIFY.verify(lines, kept.held, kept.pins)
    assert result.verdict == "broken"
    assert finding in {code for code, _ in result.findings}


def test_an_honest_ledger_stands_under_the_head_that_the_counterparty_holds(
    kept: Evidence, forged: Callable[[Callable[[Bodies], Bodies]], bytes]
) -> None:
    # The same way through the database, changing nothing: it is the change that is found, not the rewriting.
    lines = forged(lambda bodies: bodies).splitlines(keepends=True)
    result = evidence.VERIFY.verify(lines, kept.held, kept.pins)
    assert result.exit_code == 0, result.text("en")
    sizes = [json.loads(evidence.VERIFY.unbase64(token.split(".")[1]))["size"] for token in kept.held]
    assert max(sizes) > grant([json.loads(line)["body"].encode() for line in lines if b'"body"' in line])


def test_bytes_changed_in_the_database_alone_are_found_without_any_other_head(
    kept: Evidence, forged: Callable[[Callable[[Bodies], Bodies]], bytes]
) -> None:
    forged(lambda bodies: bodies)
    with closing(sqlite3.connect(kept.provider.home / "madang.db")) as raw, raw:
        seq, body = raw.execute(
            'select seq, body from ledger_leaf where cast(body as text) like \'%"kind":"grant"%\''
        ).fetchone()
        raw.execute(
            "update ledger_leaf set body = ? where seq = ?", (bytes(body).replace(b"4000", b"3999"), seq)
        )
    kept.provider.start()
    lines = kept.provider.raw("manage", "ledger").splitlines(keepends=True)
    kept.provider.kill()
    assert evidence.VERIFY.verify(lines, [], kept.pins).verdict == "broken"
