"""odrl:count: how often the data may be delivered, this use included (ODRL Vocabulary 2.2, count)."""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from connector.model.names import ODRL
from connector.policy.context import Context
from connector.policy.operand import MISSING, Enforcement, Evidence, Operand
from connector.policy.outcome import FALSE, TRUE, UNKNOWN, Test
from connector.policy.texts import Text, plain
from connector.policy.values import Note, Value, read_number, show_value

_HOLDS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "eq": python.eq,
    "neq": python.ne,
    "lt": python.lt,
    "lteq": python.le,
    "gt": python.gt,
    "gteq": python.ge,
}


def _read(value: Value, _note: Note) -> Value | None:
    if isinstance(value, str):
        return read_number(value.strip())
    return value if isinstance(value, Decimal) else None


def _build(operator: str, values: tuple[Value, ...], open_level: int) -> Test:
    holds, value = _HOLDS[operator], values[0]
    # Comparing two ints is several times faster than an int with a Decimal.
    limit = int(value) if isinstance(value, Decimal) and value == value.to_integral_value() else value

    def test(ctx: Context) -> int:
        if ctx.uses is None:
            return open_level if "uses" in ctx.deferred else UNKNOWN
        return TRUE if holds(ctx.uses + 1, limit) else FALSE

    return test


def _seen(ctx: Context) -> Text:
    number = MISSING if ctx.uses is None else plain(str(ctx.uses + 1))
    return Text(ko="이번 이용 순번: {}", en="number of this use: {}").fill(number)


OPERAND = Operand(
    iri=ODRL + "count",
    title=Text(ko="이용 횟수", en="number of uses"),
    facts=("uses",),
    evidence=Evidence.COUNTER,
    enforcement=Enforcement.ENFORCED,
    read=_read,
    build=_build,
    false_code=lambda operator, _values, _ctx: (
        "count-reached" if operator in ("lt", "lteq", "eq") else "count-outside"
    ),
    false_codes=("count-reached", "count-outside"),
    unknown_code="count-unknown",
    clauses={
        "lteq": Text(ko="{}번째 이용까지", en="up to use number {}"),
        "lt": Text(ko="{}번째 이용 전까지", en="before use number {}"),
        "gteq": Text(ko="{}번째 이용부터", en="from use number {} on"),
        "gt": Text(ko="{}번째 이용 뒤부터", en="after use number {}"),
        "eq": Text(ko="{}번째 이용에만", en="for use number {} only"),
        "neq": Text(ko="{}번째 이용을 빼고", en="for any use but number {}"),
    },
    show=lambda value: plain(show_value(value)),
    seen=_seen,
)
