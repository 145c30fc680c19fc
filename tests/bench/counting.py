"""What one connector does for an exchange: statements, durable commits, signatures made and checked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from connector.identity import jose, tokens
from connector.service.node import Node
from connector.store.sqlite import SqliteStore


@contextmanager
def statements(store: SqliteStore) -> Iterator[list[str]]:
    """Every statement that either connection runs while this lasts."""
    said: list[str] = []
    connections = (store._writer.raw, store._reader.raw)
    for raw in connections:
        raw.set_trace_callback(said.append)
    try:
        yield said
    finally:
        for raw in connections:
            raw.set_trace_callback(None)


class _Counts:
    def __init__(self, node: Node) -> None:
        self.node = node
        self.commits = self.statements = self.signed = self.checked = 0
        self._before = 0

    def trace(self, statement: str) -> None:
        """Count a statement; a commit only if the transaction changed something."""
        self.statements += 1
        if statement == "begin immediate":
            self._before = self.node.store._writer.raw.total_changes
        elif statement == "commit":
            self.commits += self.node.store._writer.raw.total_changes > self._before


_now: list[tuple[_Counts, Any, Any]] = []


def begin(node: Node) -> None:
    """Count from here on, for the one connector of this process."""
    counts = _Counts(node)
    node.store._writer.raw.set_trace_callback(counts.trace)
    sign, check = jose.KeySigner.sign, jose.check_signature

    def counted_sign(self: Any, claims: Any, *, typ: str) -> str:
        counts.signed += 1
        return sign(self, claims, typ=typ)

    def counted_check(jws: Any, jwk: Any) -> None:
        counts.checked += 1
        check(jws, jwk)

    jose.KeySigner.sign = counted_sign  # type: ignore[method-assign]
    jose.check_signature = tokens.check_signature = counted_check  # type: ignore[attr-defined]
    node.keys.signer.use(node.keys.signer._active)  # it keeps the bound method
    _now.append((counts, sign, check))


def end(node: Node) -> dict[str, int]:
    """Stop counting; {commits, statements, signed, checked}."""
    counts, sign, check = _now.pop()
    node.store._writer.raw.set_trace_callback(None)
    jose.KeySigner.sign = sign  # type: ignore[method-assign]
    node.keys.signer.use(node.keys.signer._active)
    jose.check_signature = tokens.check_signature = check  # type: ignore[attr-defined]
    return {
        "commits": counts.commits,
        "statements": counts.statements,
        "signed": counts.signed,
        "checked": counts.checked,
    }
