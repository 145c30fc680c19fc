"""Truth in a policy: true, false, unknown, and open.

Unknown: the fact is missing or the words are not understood; it never helps the requester.
Open: the fact can only exist later (`Context.deferred`); it never hinders the requester. In a
permission open lies just under true, in a prohibition just above false; ordered so, `and` is the
minimum and `or` the maximum of the parts, for both kinds of rule.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from connector.policy.context import Context

FALSE: Final = 0
OPEN_FALSE: Final = 1
UNKNOWN: Final = 2
OPEN_TRUE: Final = 3
TRUE: Final = 4

Test = Callable[[Context], int]
"""A compiled constraint: the facts in, one of the five levels out. Never raises."""


class Outcome(StrEnum):
    """A level as it is shown."""

    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"
    OPEN = "open"


OUTCOMES: Final = (Outcome.FALSE, Outcome.OPEN, Outcome.UNKNOWN, Outcome.OPEN, Outcome.TRUE)


def exactly_one(levels: list[int]) -> int:
    """`xone`: the level of "one and only one of these holds", the best that open parts leave possible."""
    held, open_true, open_false = levels.count(TRUE), levels.count(OPEN_TRUE), levels.count(OPEN_FALSE)
    if held > 1:
        return FALSE
    if open_false and held + open_false > 1:
        return OPEN_FALSE
    if UNKNOWN in levels:
        return UNKNOWN
    if open_true:
        return OPEN_TRUE
    if open_false:
        return OPEN_FALSE
    return TRUE if held else FALSE


def conjunction(tests: tuple[Test, ...]) -> Test:
    """`and`, and `andSequence`: in one decision all facts are of one moment, so order says nothing."""

    def all_of(ctx: Context) -> int:
        level = TRUE
        for test in tests:
            one = test(ctx)
            if one < level:
                if one == FALSE:
                    return FALSE
                level = one
        return level

    return all_of


def disjunction(tests: tuple[Test, ...]) -> Test:
    """`or`."""

    def any_of(ctx: Context) -> int:
        level = FALSE
        for test in tests:
            one = test(ctx)
            if one > level:
                if one == TRUE:
                    return TRUE
                level = one
        return level

    return any_of


def exclusion(tests: tuple[Test, ...]) -> Test:
    """`xone`."""

    def one_of(ctx: Context) -> int:
        return exactly_one([test(ctx) for test in tests])

    return one_of
