"""Facts as axes: a policy's comparisons, cut into the cells between which no policy at hand differs.

An ordered axis (numbers, instants, durations) has a cell per constant and one between neighbours; an
axis of names a cell per name and one for every other. A fact may also be missing. What has no such
order is kept as a family: everything that its comparisons might say together, as long as a longer
list permits no less. So a claim that one policy lies within another holds however it is read.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from connector.model.names import MMD, ODRL
from connector.policy import terms
from connector.policy.operands import OPERANDS
from connector.policy.operands.purpose import PURPOSES
from connector.policy.tree import Atomic
from connector.policy.values import Duration, Iri, Literal, SinceAgreement, Value

FALSE, UNKNOWN, TRUE = 0, 1, 2
"""How a comparison turns out in one cell, for a person who asks with all facts or without some."""

Key = tuple[Hashable, ...]
NOW: Final[Key] = ("now",)
ELAPSED: Final[Key] = ("elapsed",)
MONTHS: Final[Key] = ("months",)
MISSING: Final = object()
"""The cell of a fact that is not known."""
OTHER: Final = object()
"""The cell of every name that is not mentioned."""
SEVERAL: Final = object()
"""The cell of a fact that is a set of values, which has no order."""
_MAX_FAMILY: Final = 6
_MAX_CELLS: Final = 400_000
_TICK: Final = timedelta(microseconds=1)

ONE_NAME: Final = frozenset({ODRL + "recipient", ODRL + "purpose"})
"""Operands that we compare with exactly one name, letter by letter."""
DISTINCT: Final = frozenset(
    {ODRL + "recipient", ODRL + "language", ODRL + "version", ODRL + "fileFormat", MMD + "currency"}
)
"""Operands under which two names are two things. Under others (a purpose, a place, a role) one
thing may answer to both names, and only a vocabulary could tell."""
_OUR_PURPOSES: Final = frozenset(iri for iri, _ in PURPOSES.values())
_GROUPED: Final = frozenset({ODRL + "language", ODRL + "purpose", ODRL + "spatial"})
"""Operands whose names have others below them."""
_WHOLE: Final = frozenset({ODRL + "count"})
"""Operands that are counted from one."""
_ORDER: Final = frozenset({"eq", "neq", "lt", "lteq", "gt", "gteq"})
_MEMBER: Final = frozenset({"eq", "isAnyOf"})
_STRANGER: Final = frozenset({"neq", "isNoneOf"})


@dataclass(frozen=True, slots=True)
class Place:
    """Where a comparison stands: its axis, and what it says there.

    words: for an axis of names or a family, the names; at: for an ordered axis, the constant.
    negative: the comparison is the opposite of what the axis holds.
    """

    key: Key
    operator: str
    at: Any = None
    words: frozenset[str] = frozenset()
    negative: bool = False


def place(atom: Atomic, *, exact: bool) -> Place | None:
    """The place of a comparison, None if nothing can be said about it beside its own truth."""
    odd = atom.not_understood
    if atom.unread or (odd is not None and odd.what not in ("operand", "operator")) or not atom.values:
        return None
    operand, operator, values = atom.operand, atom.operator, atom.values
    registered = atom.meaning or OPERANDS.get(operand)
    is_clock = registered is not None and registered.bound is not None
    if registered is not None and is_clock:
        operator = registered.compares_by(operator)
    if operand == ODRL + "timeInterval":
        return None  # what recurs is no single span: every 30 and every 45 days do meet
    if operator in _ORDER and len(values) == 1:
        found = _ordered(operand, values[0], is_clock=is_clock)
        if found is not None:
            return Place(found[0], operator, at=found[1])
    if operator in terms.OPERATORS:
        words = [_word(value) for value in values]
        if None not in words and operator not in {"lt", "lteq", "gt", "gteq"}:
            return _named(operand, operator, frozenset(map(str, words)), exact=exact)
    return None


def _ordered(operand: str, value: Value, *, is_clock: bool) -> tuple[Key, Any] | None:
    match value:
        case bool():
            return None
        case Decimal():
            return (operand, "number"), value
        case datetime():
            return (NOW if is_clock else (operand, "time")), value
        case SinceAgreement(delta):
            return (ELAPSED if is_clock else (operand, "since")), delta
        case Duration(months, delta) if not months:
            return (ELAPSED if is_clock else (operand, "duration")), delta
        case Duration(months, delta) if not delta:
            return (MONTHS if is_clock else (operand, "months")), Decimal(months)
    return None


def _word(value: Value) -> str | None:
    match value:
        case bool() | Decimal() | datetime() | Duration() | SinceAgreement():
            return None
        case Iri(iri):
            return iri
        case Literal(text, datatype):
            return f"{text}^^{datatype}"
        case str():
            return value


def _named(operand: str, operator: str, words: frozenset[str], *, exact: bool) -> Place:
    if not exact:
        return Place((operand, "name"), operator, words=words)
    negative = operator in _STRANGER
    if operand in ONE_NAME and operator in _MEMBER | _STRANGER:
        return Place((operand, "name"), "isAnyOf", words=words, negative=negative)
    positive = {"neq": "eq", "isNoneOf": "isAnyOf"}.get(operator, operator)
    return Place((operand, "family", "of lists"), positive, words=words, negative=negative)


@dataclass(frozen=True, slots=True)
class Axis:
    """One fact and its cells. `level` says how a comparison placed here turns out in a cell; without
    one the cells are values in their order.
    """

    key: Key
    cells: tuple[Any, ...]
    level: Callable[[Any, Place], int] | None = None

    @property
    def full(self) -> int:
        """All cells."""
        return (1 << len(self.cells)) - 1

    def mask(self, where: Place, at_least: int) -> int:
        """The cells in which the comparison is at least that true."""
        known = len(self.cells) - (self.cells[-1:] == (MISSING,))
        bits = self.full & ~((1 << known) - 1) if at_least <= UNKNOWN else 0
        if self.level is None:
            ordered = known - (SEVERAL in self.cells[-2:])
            level = {"eq": FALSE, "neq": TRUE}.get(where.operator, UNKNOWN)
            several = 1 << ordered if ordered < known and level >= at_least else 0
            return bits | several | self._range(where, ordered)
        for i, cell in enumerate(self.cells[:known]):
            level = self.level(cell, where)
            if (TRUE - level if where.negative else level) >= at_least:
                bits |= 1 << i
        return bits

    def _range(self, where: Place, known: int) -> int:
        below = (1 << bisect_left(self.cells, where.at, hi=known)) - 1
        up_to = (1 << bisect_right(self.cells, where.at, hi=known)) - 1
        everything = (1 << known) - 1
        return {
            "lt": below,
            "lteq": up_to,
            "eq": up_to & ~below,
            "neq": everything & ~(up_to & ~below),
            "gteq": everything & ~below,
            "gt": everything & ~up_to,
        }[where.operator]


def axis_of(key: Key, places: Sequence[Place], *, exact: bool) -> Axis:
    """The axis that the places share. With `exact` the fact may be missing; the clock never is.

    Raises:
        ValueError: too many cells to be told apart.
    """
    missing = (MISSING,) if exact and key != NOW else ()
    if key[-1] == "name":
        names = sorted(set().union(*(p.words for p in places)))
        if len(names) * len(places) > _MAX_CELLS:
            raise ValueError("too many names")
        level = _same_name if exact else _level_of_names(str(key[0]))
        return Axis(key, (*names, OTHER, *missing), level)
    if len(key) == 3 and key[1] == "family":
        return Axis(key, (*_family(places), *missing), _in_family)
    several = (SEVERAL,) if exact and len(key) == 2 and key[0] not in _WHOLE else ()
    return Axis(key, (*cut(key, sorted({p.at for p in places})), *several, *missing))


def cut(key: Key, constants: Sequence[Any]) -> list[Any]:
    """One value per cell of an ordered axis, in order: those that differ for no constant share one."""
    sample = constants[0]
    if isinstance(sample, Decimal):
        step = Decimal(1) if key[0] in _WHOLE else None
        return _cut_numbers(constants, step, from_one=key[0] in _WHOLE)
    return _cut_times(constants)


def _cut_numbers(constants: Sequence[Decimal], step: Decimal | None, *, from_one: bool) -> list[Decimal]:
    if step is None:
        between = [(a + b) / 2 for a, b in itertools.pairwise(constants)]
        inner = [v for pair in itertools.zip_longest(constants, between) for v in pair if v is not None]
        return [constants[0] - 1, *inner, constants[-1] + 1]
    found: list[Decimal] = []
    low = Decimal(1)
    for constant in constants:
        if from_one and constant < 1:
            continue
        if low < constant:
            found.append(low)
        if constant == constant.to_integral_value():
            found.append(constant)
        low = constant.to_integral_value(rounding="ROUND_FLOOR") + 1
    return [*found, low]


def _cut_times(constants: Sequence[Any]) -> list[Any]:
    found: list[Any] = _beyond(constants[0], -1)
    for here, after in itertools.pairwise((*constants, None)):
        found.append(here)
        if after is not None and after - here > _TICK:
            found.append(here + max((after - here) // 2, _TICK))
    return found + _beyond(constants[-1], 1)


def _beyond(end: Any, sign: int) -> list[Any]:
    """Something before or after the last constant, unless the calendar ends there."""
    for step in (timedelta(days=1), _TICK):
        try:
            return [end + sign * step]
        except OverflowError:
            continue
    return []


_Listed = tuple[str, frozenset[str]]


def _in_family(cell: Any, where: Place) -> int:
    return TRUE if (where.operator, where.words) in cell else FALSE


def _family(places: Sequence[Place]) -> list[frozenset[_Listed]]:
    """Every set of comparisons that may hold together, for a fact with one value or with several."""
    lists = sorted({(p.operator, p.words) for p in places}, key=lambda one: (one[0], sorted(one[1])))
    if len(lists) > _MAX_FAMILY:
        raise ValueError("a family of comparisons is too large")
    found = []
    for truth in itertools.product((False, True), repeat=len(lists)):
        holding = frozenset(one for one, holds in zip(lists, truth, strict=True) if holds)
        if all(b in holding for a in holding for b in lists if _implies(a, b)):
            found.append(holding)
    return found


def _implies(a: _Listed, b: _Listed) -> bool:
    """Whether one comparison says the other as well, by its words alone: a longer list of alternatives
    asks for less, a longer list of all for more, and being equal to a list is to have just that.
    """
    (mine, some), (theirs, others) = a, b
    if theirs == "isAnyOf":
        return some <= others if mine == "isAnyOf" else mine in ("eq", "isAllOf") and bool(some & others)
    if theirs in ("isA", "isPartOf"):
        return mine in ("eq", theirs) and some <= others
    if theirs in ("isAllOf", "hasPart"):
        return mine in ("eq", theirs) and some >= others
    return a == b


def _same_name(cell: Any, where: Place) -> int:
    return TRUE if cell in where.words else FALSE


def _level_of_names(operand: str) -> Callable[[Any, Place], int]:
    """How a comparison of names turns out where two names may or may not be one thing."""

    def level(cell: Any, where: Place) -> int:
        operator = where.operator
        if operator in _MEMBER | {"isA", "isPartOf"}:
            return max(_related(operand, cell, word, operator) for word in where.words)
        if operator in _STRANGER:
            return TRUE - max(_related(operand, cell, word, "eq") for word in where.words)
        if operator == "hasPart" or len(where.words) == 1:
            return min(_related(operand, cell, word, operator) for word in where.words)
        return UNKNOWN

    return level


def _related(operand: str, cell: Any, word: str, operator: str) -> int:
    if cell == word:
        return TRUE
    if operand == ODRL + "language" and cell is not OTHER:
        a, b = _tag(cell), _tag(word)
        if a != b and operator in ("isA", "isPartOf"):
            return TRUE if a.startswith(b + "-") else FALSE
        if a != b and operator == "hasPart":
            return TRUE if b.startswith(a + "-") else FALSE
        return TRUE if a == b else FALSE
    if operand in DISTINCT or _distinct(operand, cell, word):
        return FALSE if operator in _MEMBER or operand not in _GROUPED else UNKNOWN
    return UNKNOWN


def _distinct(operand: str, cell: Any, word: str) -> bool:
    """The vocabulary says that these are two things; what it does not name is none of its words."""
    if operand == ODRL + "purpose":
        return word in _OUR_PURPOSES and (cell is OTHER or cell in _OUR_PURPOSES)
    if operand == ODRL + "spatial":
        return _is_country(word) and (cell is OTHER or _is_country(cell))
    return False


def _is_country(word: str) -> bool:
    return len(word) == 2 and word.isascii() and word.isalpha() and word.isupper()


def _tag(word: str) -> str:
    """The language tag in a name (RFC 4647 matching is by prefix of subtags)."""
    return word.rstrip("/").replace("#", "/").rpartition("/")[2].rpartition(":")[2].lower()


ORDERS: Final[Mapping[str, str]] = {ODRL + "meteredTime": ODRL + "elapsedTime"}
"""What is never more than what: time in use is part of the time that went by."""
