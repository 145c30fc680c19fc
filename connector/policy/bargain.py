"""How far a counter-offer may go: inside of what the owner allowed, or outside, with a proposed middle.

The owner says the range by naming policies, the utmost that it would still accept. Inside means
proved to be equal to or narrower than one of them and understood whole; everything else is a
person's decision, for which the middle is a proposal and no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from connector.policy.compare import Change, Relation, compare, flat, is_within, pairs, relate
from connector.policy.equality import key_of_part
from connector.policy.reading import parse
from connector.policy.tree import Atomic, Constraint, Policy, Rule
from connector.policy.values import Duration, SinceAgreement, Value
from connector.policy.vocabulary import SPINE
from connector.policy.writing import serialise


class Standing(StrEnum):
    """Where a counter-offer stands."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    UNDECIDED = "undecided"
    NOT_UNDERSTOOD = "not-understood"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What may be done with a counter-offer.

    changes: from the nearest limit to the counter-offer; empty inside. middle: rules to propose
    instead, None if there is no good proposal or none is needed.
    """

    standing: Standing
    changes: tuple[Change, ...] = ()
    middle: Mapping[str, Any] | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether the owner has allowed it in advance."""
        return self.standing is Standing.INSIDE

    def to_json(self) -> dict[str, Any]:
        """Standing, changes and middle."""
        return {
            "standing": self.standing.value,
            "changes": [change.to_json() for change in self.changes],
            "middle": None if self.middle is None else dict(self.middle),
        }


def judge(
    counter: Mapping[str, Any] | Policy,
    offer: Mapping[str, Any] | Policy,
    limits: Sequence[Mapping[str, Any] | Policy] = (),
) -> Judgement:
    """Where a counter-offer to `offer` stands; without limits only what equals or narrows it is inside.

    Target, parties and ids are not looked at: they are checked against the process.

    Raises:
        PolicyInvalid: one of them cannot be read.
    """
    asked, offered = _read(counter), _read(offer)
    allowed = [_read(limit) for limit in limits] or [offered]
    found = [(limit, compare(limit, asked)) for limit in allowed]
    if asked.not_understood:
        changes = min((c.changes for _, c in found), key=len)
        return Judgement(Standing.NOT_UNDERSTOOD, changes)
    if any(c.relation in (Relation.EQUAL, Relation.WIDER) for _, c in found):
        return Judgement(Standing.INSIDE)
    limit, nearest = min(found, key=lambda pair: (not pair[1].decided, len(pair[1].changes)))
    standing = Standing.OUTSIDE if nearest.decided else Standing.UNDECIDED
    return Judgement(standing, nearest.changes, _middle(asked, limit, halfway=not limits))


def _read(policy: Mapping[str, Any] | Policy) -> Policy:
    return policy if isinstance(policy, Policy) else parse(policy)


def _middle(asked: Policy, limit: Policy, *, halfway: bool) -> Mapping[str, Any] | None:
    """The counter-offer with what goes too far taken back; None if that is not possible rule by rule."""
    mine, theirs = ({rule.action: rule for rule in p.permissions} for p in (limit, asked))
    if (
        len(mine) != len(limit.permissions)
        or len(theirs) != len(asked.permissions)
        or not theirs.keys() & mine
    ):
        return None
    middle = replace(
        limit,
        permissions=tuple(_permission(theirs[a], mine[a], halfway) for a in mine if a in theirs),
        prohibitions=_together(limit.prohibitions, asked.prohibitions),
        obligations=_together(limit.obligations, asked.obligations),
    )
    if not halfway and not is_within(middle, limit):
        return None
    written = serialise(middle)
    kept = ("permission", "prohibition", "obligation", "profile")
    rules = {name: written[name] for name in kept if name in written}
    return None if parse(rules, limit.vocabulary or SPINE).not_understood else rules


def _together(mine: Sequence[Rule], theirs: Sequence[Rule]) -> tuple[Rule, ...]:
    """Ours as they are, and what the other side adds."""
    known = {rule.action for rule in mine}
    return (*mine, *(rule for rule in theirs if rule.action not in known))


def _permission(asked: Rule, limit: Rule, halfway: bool) -> Rule:
    known = {key_of_part(duty) for duty in limit.duties}
    duties = (*limit.duties, *(duty for duty in asked.duties if key_of_part(duty) not in known))
    return replace(limit, constraints=tuple(_constraints(asked, limit, halfway)), duties=duties)


def _constraints(asked: Rule, limit: Rule, halfway: bool) -> Iterator[Constraint]:
    shared = {key_of_part(c) for c in flat(limit.constraints)}
    yield from (c for c in flat(asked.constraints) if key_of_part(c) in shared)
    for ours, theirs in pairs(flat(limit.constraints), flat(asked.constraints)):
        if theirs is None:
            yield ours
        elif ours is None or relate(theirs, ours) in (Relation.EQUAL, Relation.NARROWER):
            yield theirs
        else:
            yield _between(ours, theirs) if halfway else ours


def _between(ours: Constraint, theirs: Constraint) -> Constraint:
    """Halfway from ours to theirs, ours where nothing lies between."""
    if not (isinstance(ours, Atomic) and isinstance(theirs, Atomic)) or ours.operator != theirs.operator:
        return ours
    if len(ours.values) != 1 or len(theirs.values) != 1:
        return ours
    value = _half(ours.values[0], theirs.values[0])
    return ours if value is None else replace(ours, values=(value,))


def _half(a: Value, b: Value) -> Value | None:
    """Halfway, rounded towards whole numbers, days or seconds where both are whole."""
    match a, b:
        case Decimal(), Decimal():
            half = (a + b) / 2
            is_whole = a == a.to_integral_value() and b == b.to_integral_value()
            return half.to_integral_value(rounding="ROUND_FLOOR") if is_whole else half
        case datetime(), datetime():
            return (a + (b - a) / 2).replace(microsecond=0)
        case SinceAgreement(x), SinceAgreement(y):
            return SinceAgreement(_half_span(x, y))
        case Duration(0, x), Duration(0, y):
            return Duration(0, _half_span(x, y))
        case Duration(m, timedelta(days=0)), Duration(n, timedelta(days=0)) if m and n:
            return Duration((m + n) // 2, timedelta(0))
    return None


def _half_span(x: timedelta, y: timedelta) -> timedelta:
    unit = timedelta(seconds=1) if x % timedelta(days=1) or y % timedelta(days=1) else timedelta(days=1)
    return (x + y) / 2 // unit * unit
