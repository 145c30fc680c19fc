"""A policy as values: what was read, whole, with what of it is not understood.

Names are absolute IRIs (a bare word in no table stays as it came), right operands are typed.
Nothing that was in the document is left out: what has no place of its own here is kept as
`Unread`. Two policies are `==` if they say the same in the same order, wherever they were read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from connector.policy.texts import Text
from connector.policy.values import Value


class Kind(StrEnum):
    """The policy classes of DSP and of a definition that was not offered yet."""

    SET = "Set"
    OFFER = "Offer"
    AGREEMENT = "Agreement"


class RuleKind(StrEnum):
    """What a rule is for its policy or for the rule it belongs to."""

    PERMISSION = "permission"
    PROHIBITION = "prohibition"
    OBLIGATION = "obligation"
    DUTY = "duty"
    REMEDY = "remedy"
    CONSEQUENCE = "consequence"


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """Something that could be read but that we cannot act on; it fails closed.

    what: operand, operator, value, action, duty, profile, target, type or another member's name.
    name: the word in question. whole: it concerns the whole policy, not one rule.
    """

    pointer: str = field(compare=False)
    what: str
    name: str
    text: Text
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """A leniency that was needed: `naive-time`, `date-only`, `no-seconds`."""

    pointer: str
    what: str


@dataclass(frozen=True, slots=True)
class Unread:
    """A member that we know but do not act on, as canonical text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Atomic:
    """One comparison. `values` has one member unless the operator is a set operator."""

    operand: str
    operator: str
    values: tuple[Value, ...]
    unread: tuple[Unread, ...] = ()
    not_understood: NotUnderstood | None = None
    pointer: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Logic:
    """`and`, `or`, `xone` or `andSequence` of at least one constraint."""

    logic: str
    parts: tuple[Constraint, ...]
    unread: tuple[Unread, ...] = ()
    not_understood: NotUnderstood | None = None
    pointer: str = field(default="", compare=False)


Constraint = Atomic | Logic


@dataclass(frozen=True, slots=True)
class Rule:
    """A permission, prohibition or duty on one action; all its constraints have to hold.

    not_understood: what of the rule itself (action, duties, other members) we cannot act on.
    """

    kind: RuleKind
    action: str
    constraints: tuple[Constraint, ...] = ()
    duties: tuple[Rule, ...] = ()
    unread: tuple[Unread, ...] = ()
    not_understood: tuple[NotUnderstood, ...] = ()
    pointer: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """An Offer, Agreement or Set (ODRL Information Model 2.2 §2.1, DSP 2025-1 contract schema)."""

    id: str
    kind: Kind
    target: str | None
    assigner: str | None
    assignee: str | None
    permissions: tuple[Rule, ...]
    prohibitions: tuple[Rule, ...]
    obligations: tuple[Rule, ...]
    not_understood: tuple[NotUnderstood, ...] = ()
    profiles: tuple[str, ...] = ()
    conflict: str | None = None
    timestamp: datetime | None = None
    unread: tuple[Unread, ...] = ()
    flags: tuple[Flag, ...] = field(default=(), compare=False)
