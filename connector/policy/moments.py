"""Comparing now with an instant: shared by every operand of the clock."""

from __future__ import annotations

import operator as python
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from connector.policy.context import Context
from connector.policy.outcome import FALSE, OPEN_TRUE, TRUE, UNKNOWN, Test
from connector.policy.texts import Text, plain
from connector.policy.values import Duration, SinceAgreement, Value, later, show_time

_TICK = timedelta(microseconds=1)
_HOLDS: Final[Mapping[str, Callable[[datetime, datetime], bool]]] = {
    "eq": python.eq,
    "neq": python.ne,
    "lt": python.lt,
    "lteq": python.le,
    "gt": python.gt,
    "gteq": python.ge,
}
_WAITS: Final = frozenset({"eq", "neq", "gt", "gteq"})

FALSE_CODES: Final = ("time-over", "time-not-yet")

CLAUSES: Final[Mapping[str, Text]] = {
    "lteq": Text(ko="{}까지", en="until {} at the latest"),
    "lt": Text(ko="{} 전까지", en="before {}"),
    "gteq": Text(ko="{}부터", en="from {} on"),
    "gt": Text(ko="{} 뒤부터", en="after {}"),
    "eq": Text(ko="정확히 {}에만", en="exactly at {}"),
    "neq": Text(ko="{} 한 순간을 빼고", en="at any moment but {}"),
}


def bound_of(value: Value, agreed_at: datetime | None) -> datetime | None:
    """The instant a value stands for; None while the agreement's time is not known."""
    if isinstance(value, datetime):
        return value
    if agreed_at is None:
        return None
    if isinstance(value, SinceAgreement):
        return later(agreed_at, 0, value.delta)
    if isinstance(value, Duration):
        return later(agreed_at, value.months, value.delta)
    return None


def build(operator: str, values: tuple[Value, ...], open_level: int) -> Test:
    """The test of one comparison with now; absolute instants are folded in."""
    holds, waits, value = _HOLDS[operator], operator in _WAITS and open_level == OPEN_TRUE, values[0]

    def compare(ctx: Context, at: datetime) -> int:
        if holds(ctx.now, at):
            return TRUE
        return OPEN_TRUE if waits and ctx.now <= at and "now" in ctx.deferred else FALSE

    if isinstance(value, datetime):
        fixed = value

        def absolute(ctx: Context) -> int:
            return TRUE if holds(ctx.now, fixed) else compare(ctx, fixed)

        return absolute

    def relative(ctx: Context) -> int:
        at = bound_of(value, ctx.agreed_at)
        if at is None:
            return open_level if "agreed_at" in ctx.deferred else UNKNOWN
        return compare(ctx, at)

    return relative


def false_code(operator: str, values: tuple[Value, ...], ctx: Context) -> str:
    """`time-not-yet` if waiting can help, else `time-over`."""
    at = bound_of(values[0], ctx.agreed_at)
    return "time-not-yet" if operator in _WAITS and at is not None and ctx.now <= at else "time-over"


def next_change(operator: str, at: datetime, now: datetime) -> datetime | None:
    """The first instant after `now` at which the comparison with `at` may turn, or None."""
    after = later(at, 0, _TICK)
    if after == at:
        return None  # the end of the calendar
    turns = {"lt": (at,), "gteq": (at,), "lteq": (after,), "gt": (after,)}.get(operator, (at, after))
    return min((turn for turn in turns if turn > now), default=None)


def last(operator: str, at: datetime) -> datetime | None:
    """The instant after which the comparison can never hold again, or None."""
    return at if operator in ("eq", "lt", "lteq") else None


def seen(ctx: Context) -> Text:
    """The clock, and the agreement's time where there is one."""
    now = show_time(ctx.now)
    if ctx.agreed_at is None:
        return Text(ko=f"현재 {now}", en=f"it is {now}")
    agreed = show_time(ctx.agreed_at)
    return Text(ko=f"현재 {now}, 계약 {agreed}", en=f"it is {now}, agreed on {agreed}")


def show(value: Value) -> Text:
    """An instant, or a span after the agreement, for people."""
    if isinstance(value, Duration):
        return _span(value.months, value.delta)
    if isinstance(value, SinceAgreement):
        return _span(0, value.delta)
    return plain(show_time(value) if isinstance(value, datetime) else str(value))


def _span(months: int, delta: timedelta) -> Text:
    early = months < 0 or delta < timedelta(0)
    months, delta = abs(months), abs(delta)
    minutes, seconds = divmod(delta.seconds, 60)
    amounts = (
        (months, "개월", "month"),
        (delta.days, "일", "day"),
        (minutes // 60, "시간", "hour"),
        (minutes % 60, "분", "minute"),
        (seconds, "초", "second"),
    )
    parts = [(n, ko, en) for n, ko, en in amounts if n]
    if not parts:
        return Text(ko="계약 시각", en="the time of the agreement")
    ko = " ".join(f"{n}{unit}" for n, unit, _ in parts)
    en = " ".join(f"{n} {unit}{'' if n == 1 else 's'}" for n, _, unit in parts)
    if early:
        return Text(ko=f"계약 {ko} 전", en=f"{en} before the agreement")
    return Text(ko=f"계약 후 {ko}", en=f"{en} after the agreement")
