"""Operands whose fact is handed in as a value of the world: what most operands of factories are.

A registered one says what it is (`fact_operand` with its words); one without an entry is made by
`plain_operand`, where a vocabulary is open to operands that only the asker knows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from connector.policy import terms
from connector.policy.comparing import ORDERED, judge, members
from connector.policy.context import Context
from connector.policy.operand import MISSING, Enforcement, Evidence, Operand
from connector.policy.outcome import FALSE, UNKNOWN, Test
from connector.policy.texts import Text, join, plain
from connector.policy.values import (
    Duration,
    Iri,
    Note,
    Value,
    read_duration,
    read_number,
    read_time,
    show_value,
)
from connector.policy.world import About, Fact

NAMES: Final = frozenset({"eq", "neq", "isAnyOf", "isNoneOf", "isAllOf"})
KINDS: Final = NAMES | {"isA", "isPartOf", "hasPart"}
FALSE_CODE: Final = "fact-other"
UNKNOWN_CODE: Final = "fact-unknown"

_OPERATORS: Final[Mapping[str, Text]] = {
    "eq": Text(ko="{}: {}", en="{} is {}"),
    "neq": Text(ko="{}: {} 외의 값", en="{} is not {}"),
    "lt": Text(ko="{}: {} 미만", en="{} is under {}"),
    "lteq": Text(ko="{}: {} 이하", en="{} is at most {}"),
    "gt": Text(ko="{}: {} 초과", en="{} is over {}"),
    "gteq": Text(ko="{}: {} 이상", en="{} is at least {}"),
    "isA": Text(ko="{}: {}의 한 종류", en="{} is a kind of {}"),
    "isPartOf": Text(ko="{}: {}의 일부", en="{} is part of {}"),
    "hasPart": Text(ko="{}: {} 포함", en="{} contains {}"),
    "isAllOf": Text(ko="{}: 다음을 모두 포함: {}", en="{} has all of: {}"),
    "isAnyOf": Text(ko="{}: 다음 가운데 하나: {}", en="{} is one of: {}"),
    "isNoneOf": Text(ko="{}: 다음 외의 값: {}", en="{} is none of: {}"),
}


class Shape(StrEnum):
    """What a right operand has to be."""

    ANY = "any"
    NAME = "name"
    NUMBER = "number"
    TIME = "time"
    DURATION = "duration"


def _any(value: Value, _note: Note) -> Value | None:
    return value


def _name(value: Value, _note: Note) -> Value | None:
    if isinstance(value, Iri):
        return value.iri
    return value if isinstance(value, str) else None


def _number(value: Value, _note: Note) -> Value | None:
    if isinstance(value, str):
        return read_number(value.strip())
    return value if isinstance(value, Decimal) else None


def _time(value: Value, note: Note) -> Value | None:
    if isinstance(value, str):
        return read_time(value, note)
    return value if isinstance(value, datetime) else None


def _duration(value: Value, _note: Note) -> Value | None:
    if isinstance(value, str):
        return read_duration(value)
    return value if isinstance(value, Duration) else None


_READ: Final[Mapping[Shape, Callable[[Value, Note], Value | None]]] = {
    Shape.ANY: _any,
    Shape.NAME: _name,
    Shape.NUMBER: _number,
    Shape.TIME: _time,
    Shape.DURATION: _duration,
}


def fact_operand(
    iri: str,
    title: Text,
    *,
    shape: Shape = Shape.ANY,
    operators: frozenset[str] = ORDERED | KINDS,
    evidence: Evidence = Evidence.DECLARATION,
    enforcement: Enforcement = Enforcement.EVIDENCED,
    about: About = About.CIRCUMSTANCES,
    is_closed: bool = False,
) -> Operand:
    """An operand judged by `Context.world`.

    is_closed: the names it compares are all there are, so that a name in no hierarchy is surely
    not under another (columns); otherwise that is unknown (regions, purposes).
    """

    def build(operator: str, values: tuple[Value, ...], open_level: int) -> Test:
        def test(ctx: Context) -> int:
            fact = ctx.world.fact(about, iri)
            if fact is None:
                return open_level if iri in ctx.deferred else UNKNOWN
            level = judge(operator, fact, values, ctx.world)
            return FALSE if is_closed and level == UNKNOWN else level

        return test

    def seen(ctx: Context) -> Text:
        fact = ctx.world.fact(about, iri)
        return Text(ko="{}: {}", en="{}: {}").fill(title, MISSING if fact is None else _show(fact))

    # The title is put in as text, so braces in an IRI must not be read as places.
    safe = Text(*(t.replace("{", "{{").replace("}", "}}") for t in (title.ko, title.en)))
    return Operand(
        iri=iri,
        title=title,
        facts=(iri,),
        evidence=evidence,
        enforcement=enforcement,
        read=_READ[shape],
        build=build,
        false_code=lambda _operator, _values, _ctx: FALSE_CODE,
        false_codes=(FALSE_CODE,),
        unknown_code=UNKNOWN_CODE,
        clauses={op: text.fill(safe, "{}") for op, text in _OPERATORS.items() if op in operators},
        show=lambda value: plain(terms.short(show_value(value))),
        seen=seen,
    )


def plain_operand(iri: str, about: About = About.CIRCUMSTANCES) -> Operand:
    """An operand of which only its name is known; it proves nothing by itself."""
    return fact_operand(iri, plain(terms.short(iri)), enforcement=Enforcement.PROMISED, about=about)


def _show(fact: Fact) -> Text:
    shown = sorted(terms.short(show_value(value)) for value in members(fact))
    return join([plain(text) for text in shown], ", ")
