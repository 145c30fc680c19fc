"""What a left operand is: the fact it asks for, what it accepts, what it can prove, its words.

Each operand of the product is one file in `connector.policy.operands` that ends in
`OPERAND = Operand(…)`; the folder is the registry, so adding one touches one file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter

from connector.policy.context import Context
from connector.policy.outcome import FALSE, TRUE, UNKNOWN, Test
from connector.policy.texts import Text
from connector.policy.values import Iri, Note, Value

MISSING = Text(ko="알 수 없음", en="not known")


class Evidence(StrEnum):
    """Where the fact comes from."""

    CLOCK = "clock"
    IDENTITY = "identity"
    DECLARATION = "declaration"
    COUNTER = "counter"
    CONFIGURATION = "configuration"


class Enforcement(StrEnum):
    """How far a rule is more than words."""

    ENFORCED = "enforced"
    EVIDENCED = "evidenced"
    PROMISED = "promised"


@dataclass(frozen=True, slots=True)
class Operand:
    """One left operand.

    facts: the fields of `Context` it may look at; the first is its own.
    read: a right operand -> the typed value it compares with; None if it is of a kind that this
    operand does not compare with (then *not understood*); ValueError if it is no value at all.
    build: (operator, values, open level) -> the compiled test; called with accepted operators only.
    false_code: (operator, values, facts) -> the decision's code where the test is false, one of
    false_codes; unknown_code where its fact is missing.
    clauses: per accepted operator a sentence about the rule, `{}` filled with the values shown.
    seen: the fact, for people. bound: for operands of the clock, the instant a value stands for
    (None while the agreement's time is unknown). comparison: the operator by which an operand of
    the clock compares with it, where that is another than the one that is written.
    """

    iri: str
    title: Text
    facts: tuple[str, ...]
    evidence: Evidence
    enforcement: Enforcement
    read: Callable[[Value, Note], Value | None]
    build: Callable[[str, tuple[Value, ...], int], Test]
    false_code: Callable[[str, tuple[Value, ...], Context], str]
    false_codes: tuple[str, ...]
    unknown_code: str
    clauses: Mapping[str, Text]
    show: Callable[[Value], Text]
    seen: Callable[[Context], Text]
    bound: Callable[[Value, datetime | None], datetime | None] | None = None
    comparison: str = ""

    @property
    def operators(self) -> frozenset[str]:
        """The operators it accepts."""
        return frozenset(self.clauses)

    def compares_by(self, operator: str) -> str:
        """The operator by which the clock is compared."""
        return self.comparison or operator


def read_name(value: Value, _note: Note) -> Value | None:
    """An identifier, written as text or as a reference."""
    if isinstance(value, Iri):
        return value.iri
    return value if isinstance(value, str) else None


def named(fact: str, operator: str, names: frozenset[str], open_level: int, known: Mapping[str, str]) -> Test:
    """Compare the identifier in one fact with names: `eq` and `isAnyOf` are membership, `neq` and
    `isNoneOf` the opposite. `known` maps other spellings of the fact to the one in `names`.
    """
    get: Callable[[Context], str | None] = attrgetter(fact)
    inside, outside = (TRUE, FALSE) if operator in ("eq", "isAnyOf") else (FALSE, TRUE)

    def test(ctx: Context) -> int:
        name = get(ctx)
        if name is None:
            return open_level if fact in ctx.deferred else UNKNOWN
        return inside if known.get(name, name) in names else outside

    return test
