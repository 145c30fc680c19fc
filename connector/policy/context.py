"""What is known when a policy is asked: the facts, and those that cannot be known yet."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from connector.policy.terms import USE
from connector.policy.world import NOTHING_KNOWN, World


class Scope(StrEnum):
    """The moment of a contract's life at which a policy is asked."""

    CATALOG = "catalog"
    NEGOTIATION = "negotiation"
    TRANSFER = "transfer"
    PULL = "pull"


BEFORE_AGREEMENT: Final = frozenset({"now", "agreed_at", "purpose", "uses"})
"""`Context.deferred` for the catalog and a negotiation: what only the contract's life will tell."""
BEFORE_PULL: Final = frozenset({"uses"})
"""`Context.deferred` for a transfer request where the counter is not at hand."""


@dataclass(frozen=True, slots=True)
class Context:
    """The facts of one question. None is a missing fact: the constraints on it are unknown.

    now: the deciding node's wall clock, aware.
    action: an absolute IRI. target: the dataset's id. recipient: the authenticated participant,
    never a name from a message body. assigner: the provider's participant id.
    agreed_at: the agreement's timestamp. purpose: the declared purpose, an IRI or a notation of
    our vocabulary. uses: deliveries so far; `odrl:count` is compared with uses + 1.
    deferred: names of facts here that may be missing because only the future tells them. A
    constraint on a missing deferred fact stands in nobody's way: it counts as met for a
    permission and as not met for a prohibition. With `now` among them, a time that has not come
    yet stands in nobody's way either; a time that is over still does. Never set it where data leaves.
    A fact of the world is deferred by the IRI of its operand.
    world: the state that only some policies look at: rates, volumes, memberships, duties, events.

    Raises:
        ValueError: a time without a zone.
    """

    now: datetime
    scope: Scope = Scope.PULL
    action: str = USE
    target: str | None = None
    recipient: str | None = None
    assigner: str | None = None
    agreed_at: datetime | None = None
    purpose: str | None = None
    uses: int | None = None
    deferred: frozenset[str] = frozenset()
    world: World = field(default=NOTHING_KNOWN, hash=False)

    def __post_init__(self) -> None:
        if self.now.tzinfo is None or (self.agreed_at is not None and self.agreed_at.tzinfo is None):
            raise ValueError("times in a Context carry a zone")
