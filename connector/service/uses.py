"""How the bytes of granted ranges add up to uses of a contract [D14].

A grant reserves its whole range in the use, in the transaction that allows it; what did not leave is
taken back when the answer is over. Each reservation names the life of the process that made it: one that
a crash left open stays counted in full, yet fetching those bytes again is no new use.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from connector.dataplane.ranges import Coverage, Span
from connector.model.records import Use


@dataclass(frozen=True, slots=True)
class Account:
    """What a use's row says: bytes sent, and the reservations that are still open (life, bytes) by leaf."""

    coverage: Coverage
    open: Mapping[str, tuple[str, int]]

    @classmethod
    def of(cls, use: Use) -> Account:
        """Read a row."""
        value = json.loads(use.coverage)
        coverage = Coverage.from_json(value["sent"], (tuple(p) for p in value["pieces"]))
        return cls(coverage, {leaf: (life, length) for leaf, (life, length) in value.get("open", {}).items()})

    def text(self) -> str:
        """The row's JSON."""
        return json.dumps({**self.coverage.as_json(), "open": {k: list(v) for k, v in self.open.items()}})


def begun(transfer_id: str, number: int, agreement_id: str, etag: str, size: int, now: datetime) -> Use:
    """A use that has sent nothing yet."""
    return Use(
        transfer_id=transfer_id,
        number=number,
        agreement_id=agreement_id,
        etag=etag,
        size=size,
        coverage=Account(Coverage(), {}).text(),
        bytes_sent=0,
        is_complete=False,
        started_at=now,
        updated_at=now,
    )


def recovered(use: Use, life: str) -> Use:
    """Reservations of earlier lives are closed: their bytes stay counted, but may be fetched again freely."""
    account = Account.of(use)
    own = {leaf: entry for leaf, entry in account.open.items() if entry[0] == life}
    lost = sum(length for leaf, (_, length) in account.open.items() if leaf not in own)
    if not lost:
        return use
    coverage = Coverage(account.coverage.pieces, account.coverage.sent - lost)
    return replace(use, coverage=Account(coverage, own).text())


def belongs(use: Use, span: Span, etag: str, size: int) -> bool:
    """Whether sending this range still belongs to this use."""
    return use.etag == etag and Account.of(use).coverage.belongs(span, size)


def reserved(use: Use, span: Span, life: str, leaf: int, now: datetime) -> Use:
    """The range is about to leave: it counts in full until `settled`."""
    account = Account.of(use)
    account.coverage.add(span)
    return replace(
        use,
        coverage=Account(account.coverage, {**account.open, str(leaf): (life, span.length)}).text(),
        bytes_sent=use.bytes_sent + span.length,
        is_complete=account.coverage.is_complete(use.size),
        updated_at=now,
    )


def settled(use: Use, granted: Span, sent: Span, leaf: int, now: datetime) -> Use:
    """What really left is known: the difference is taken back, from the tail of the range."""
    account = Account.of(use)
    missing = granted.length - sent.length
    kept: list[Span] = []
    for piece in account.coverage.pieces if missing else []:
        if piece.stop <= sent.stop or piece.start >= granted.stop:
            kept.append(piece)
            continue
        if piece.start < sent.stop:
            kept.append(Span(piece.start, sent.stop))
        if piece.stop > granted.stop:
            kept.append(Span(granted.stop, piece.stop))
    pieces = kept if missing else account.coverage.pieces
    coverage = Coverage(pieces, account.coverage.sent - missing)
    still_open = {name: entry for name, entry in account.open.items() if name != str(leaf)}
    return replace(
        use,
        coverage=Account(coverage, still_open).text(),
        bytes_sent=use.bytes_sent - missing,
        is_complete=coverage.is_complete(use.size),
        updated_at=now,
    )
