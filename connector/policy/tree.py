"""A policy as values: what was read, whole, with what of it is not understood.

Names are absolute IRIs (a bare word in no table stays as it came), right operands are typed.
Nothing that was in the document is left out: what has no place of its own here is kept as
`Unread`. Two policies are `==` if they say the same in the same order, wherever they were read.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from connector.policy.texts import Text
from connector.policy.values import Value

if TYPE_CHECKING:
    from connector.policy.operand import Operand
    from connector.policy.vocabulary import Vocabulary


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
    """One comparison. `values` has one member unless the operator compares with a set.

    id: its IRI where it has one. meaning: what its operand is to the vocabulary it was read with,
    None if that has no entry.
    """

    operand: str
    operator: str
    values: tuple[Value, ...]
    unread: tuple[Unread, ...] = ()
    not_understood: NotUnderstood | None = None
    pointer: str = field(default="", compare=False)
    id: str = field(default="", compare=False)
    meaning: Operand | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Logic:
    """`and`, `or`, `xone` or `andSequence` of at least one constraint."""

    logic: str
    parts: tuple[Constraint, ...]
    unread: tuple[Unread, ...] = ()
    not_understood: NotUnderstood | None = None
    pointer: str = field(default="", compare=False)
    id: str = field(default="", compare=False)


Constraint = Atomic | Logic


@dataclass(frozen=True, slots=True)
class Subject:
    """An asset or a party that a rule is about: itself, or a collection narrowed by refinements.

    Who or what is `id` or `source`, or a member of the collection of that name, and meets every
    refinement, is meant. An id of None means anyone whom the refinements let through.
    """

    id: str | None
    source: str | None = None
    is_collection: bool = False
    refinements: tuple[Constraint, ...] = ()
    pointer: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Rule:
    """A permission, prohibition or duty on one action; all its constraints have to hold.

    not_understood: what of the rule itself (action, duties, other members) we cannot act on.
    refinements: of the action. targets, assigners, assignees: where they are more than an id, or
    other than the policy's; one of several has to fit.
    included_in, implies: what the policy declares about the action. id: the rule's IRI, if any.
    """

    kind: RuleKind
    action: str
    constraints: tuple[Constraint, ...] = ()
    duties: tuple[Rule, ...] = ()
    unread: tuple[Unread, ...] = ()
    not_understood: tuple[NotUnderstood, ...] = ()
    pointer: str = field(default="", compare=False)
    refinements: tuple[Constraint, ...] = ()
    targets: tuple[Subject, ...] = ()
    assigners: tuple[Subject, ...] = ()
    assignees: tuple[Subject, ...] = ()
    included_in: tuple[str, ...] = field(default=(), compare=False)
    implies: tuple[str, ...] = field(default=(), compare=False)
    id: str = field(default="", compare=False)


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
    vocabulary: Vocabulary | None = field(default=None, compare=False, repr=False)
    """What it was read with; None is what this connector understands by default."""
