"""Comparing a fact with right operands, whatever the two are: three-valued, and never a guess.

Numbers compare as decimals, times as instants, durations by their length; text compares with a
number or a time if it reads as one. What cannot be compared is unknown, not false.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from connector.policy.outcome import FALSE, TRUE, UNKNOWN
from connector.policy.values import Duration, Iri, Literal, SinceAgreement, Value, read_number, read_time
from connector.policy.world import Fact, World, reachable

ORDERED = frozenset({"eq", "neq", "lt", "lteq", "gt", "gteq"})
_SIGNS: Mapping[str, tuple[int, ...]] = {
    "eq": (0,),
    "neq": (-1, 1),
    "lt": (-1,),
    "lteq": (-1, 0),
    "gt": (1,),
    "gteq": (0, 1),
}


_NUMERIC = frozenset("0123456789+-.")


def members(fact: Fact) -> frozenset[Value]:
    """A fact as a set: one value is a set of one."""
    return fact if isinstance(fact, frozenset) else frozenset({fact})


def judge(operator: str, fact: Fact, values: tuple[Value, ...], world: World) -> int:
    """TRUE, FALSE or UNKNOWN: does `fact operator values` hold? Never raises.

    `eq` and `neq` of a set of facts compare whole sets. `isAllOf`: every value is among the facts;
    `isAnyOf`: one is; `isNoneOf`: none is. `isA`, `isPartOf`: every fact is, or is under, one of
    the values; `hasPart`: every value is, or is under, one of the facts (ODRL Vocabulary 2.2 §4.4).
    """
    facts = members(fact)
    match operator:
        case "eq" | "neq" | "lt" | "lteq" | "gt" | "gteq":
            if len(facts) != 1 or len(values) != 1:
                return _whole_sets(operator, facts, values)
            return _compare(operator, next(iter(facts)), values[0])
        case "isAnyOf":
            return _some(_some(_same(f, v) for v in values) for f in facts)
        case "isNoneOf":
            return TRUE - _some(_some(_same(f, v) for v in values) for f in facts)
        case "isAllOf":
            return _every(_some(_same(f, v) for f in facts) for v in values)
        case "isA" | "isPartOf":
            return _every(_some(_under(f, v, world) for v in values) for f in facts) if facts else UNKNOWN
        case "hasPart":
            return _every(_some(_under(v, f, world) for f in facts) for v in values)
        case _:
            return UNKNOWN


def _some(levels: Iterable[int]) -> int:
    return max(levels, default=FALSE)


def _every(levels: Iterable[int]) -> int:
    return min(levels, default=TRUE)


def _whole_sets(operator: str, facts: frozenset[Value], values: tuple[Value, ...]) -> int:
    if operator not in ("eq", "neq"):
        return UNKNOWN
    forth = _every(_some(_same(f, v) for v in values) for f in facts)
    back = _every(_some(_same(f, v) for f in facts) for v in values)
    level = min(forth, back)
    return level if operator == "eq" else TRUE - level


def _same(a: Value, b: Value) -> int:
    return _compare("eq", a, b)


def _compare(operator: str, fact: Value, value: Value) -> int:
    sign = order(fact, value)
    if sign is not None:
        return TRUE if sign in _SIGNS[operator] else FALSE
    if operator not in ("eq", "neq"):
        return UNKNOWN
    a, b = _name(fact), _name(value)
    if a is None or b is None:
        return UNKNOWN
    return TRUE if (a == b) == (operator == "eq") else FALSE


def order(a: Value, b: Value) -> int | None:
    """-1, 0 or 1 for two values that lie on one line, else None."""
    if isinstance(a, str) and a == b:
        return 0
    x, y = _number(a), _number(b)
    if x is not None and y is not None:
        return (x > y) - (x < y)
    t, u = _time(a), _time(b)
    if t is not None and u is not None:
        return (t > u) - (t < u)
    p, q = _span(a), _span(b)
    if p is not None and q is not None:
        return (p > q) - (p < q)
    return None


def _number(value: Value) -> Decimal | None:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, str) and value[:1] in _NUMERIC:
        try:
            return read_number(value)
        except ValueError:
            return None
    return None


def _time(value: Value) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str) and len(value) >= len("2026-01-01") and value[4] == "-":
        try:
            return read_time(value)
        except ValueError:
            return None
    return None


def _span(value: Value) -> timedelta | None:
    """A duration's length; months have none."""
    if isinstance(value, Duration):
        return value.delta if not value.months else None
    return value.delta if isinstance(value, SinceAgreement) else None


def _name(value: Value) -> str | None:
    """What a value is called, for being equal and for hierarchies."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Iri(iri):
            return iri
        case Literal(text, _):
            return text
        case _:
            return None


def _under(child: Value, parent: Value, world: World) -> int:
    """Is one the other, a kind of it, or a part of it? Unknown for a child that no hierarchy holds."""
    same = _same(child, parent)
    if same == TRUE:
        return TRUE
    name, above = _name(child), _name(parent)
    if name is None or above is None:
        return UNKNOWN
    if above in reachable(name, world.broader) or above in world.collections(name):
        return TRUE
    return FALSE if name in world.broader or name in world.member_of else UNKNOWN
