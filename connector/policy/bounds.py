"""How long a policy can permit anything at all, by its clock alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from connector.policy import moments
from connector.policy.operands import OPERANDS
from connector.policy.reading import parse
from connector.policy.tree import Atomic, Constraint, Policy


def ends_at(policy: Mapping[str, Any] | Policy, agreed_at: datetime | None) -> datetime | None:
    """The instant after which no permission can be active, None if there is none.

    Relative times count from `agreed_at`; without it they bound nothing. A policy without
    permissions ends when it begins. Prohibitions are not looked at: what they take away is
    decided use by use.

    Raises:
        PolicyInvalid: it cannot be read.
    """
    read = policy if isinstance(policy, Policy) else parse(policy)
    if not read.permissions:
        return agreed_at
    return _latest([_earliest([_end(c, agreed_at) for c in rule.constraints]) for rule in read.permissions])


def _end(constraint: Constraint, agreed_at: datetime | None) -> datetime | None:
    if constraint.not_understood is not None:
        return None
    if isinstance(constraint, Atomic):
        operand = constraint.meaning or OPERANDS[constraint.operand]
        at = operand.bound(constraint.values[0], agreed_at) if operand.bound else None
        return None if at is None else moments.last(operand.compares_by(constraint.operator), at)
    ends = [_end(part, agreed_at) for part in constraint.parts]
    return _earliest(ends) if constraint.logic in ("and", "andSequence") else _latest(ends)


def _earliest(ends: list[datetime | None]) -> datetime | None:
    return min((end for end in ends if end is not None), default=None)


def _latest(ends: list[datetime | None]) -> datetime | None:
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None
