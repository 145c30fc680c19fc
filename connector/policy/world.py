"""The state of the world that a question may rest on, beside the facts that every question has.

Everything here is a value: whoever asks has read it from the counters, the event log, the
credentials and the declarations before (ODRL Formal Semantics, "state of the world").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from connector.policy.values import Value

Fact = Value | frozenset[Value]
"""One value, or a set of them where a thing has several (columns, roles, memberships)."""

_NONE: Final[Mapping[str, Fact]] = MappingProxyType({})


class About(StrEnum):
    """What a constraint looks at: the circumstances, or, as a refinement, an action, a party or an asset."""

    CIRCUMSTANCES = ""
    ACTION = "action"
    PARTY = "party"
    ASSET = "asset"


class Deontic(StrEnum):
    """Where a duty stands (ODRL Formal Semantics, deontic state)."""

    NOT_SET = "not-set"
    PENDING = "pending"
    FULFILLED = "fulfilled"
    VIOLATED = "violated"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done: an entry of the event log.

    action: an absolute IRI. facts: what is known about it by operand IRI; `about` the same for its
    action, party and asset. performs: the id of the duty that it claims to perform, "" for none.
    """

    at: datetime
    action: str
    party: str | None = None
    target: str | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict, hash=False)
    about: Mapping[About, Mapping[str, Fact]] = field(default_factory=dict, hash=False)
    performs: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """What is known. A fact that is not here is missing, not false.

    facts: by operand IRI (rates, volumes, payments, credentials, consents …); about: the same for
    the action, the party and the asset of the request, for refinements; a name not found there is
    looked up in `facts`. member_of: party or asset -> the collections it is directly in.
    broader: concept -> the wider concepts or the wholes directly above it.
    duties: id or JSON pointer of a duty -> its state, where somebody keeps it. events: the log, in
    any order; None if there is none, which is not the same as an empty one.
    """

    facts: Mapping[str, Fact] = field(default_factory=dict)
    about: Mapping[About, Mapping[str, Fact]] = field(default_factory=dict)
    member_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    broader: Mapping[str, frozenset[str]] = field(default_factory=dict)
    duties: Mapping[str, Deontic] = field(default_factory=dict)
    events: tuple[Event, ...] | None = None

    def fact(self, about: About, iri: str) -> Fact | None:
        """The value of an operand, None if it is not known."""
        if about is not About.CIRCUMSTANCES:
            found = self.about.get(about, _NONE).get(iri)
            if found is not None:
                return found
        return self.facts.get(iri)

    def collections(self, member: str) -> frozenset[str]:
        """The member itself and every collection that it is in, also through another collection."""
        return reachable(member, self.member_of)


NOTHING_KNOWN: Final = World()
"""No state at all."""


def reachable(start: str, step: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """`start` and everything that steps lead to. A circle is no trouble."""
    if start not in step:
        return frozenset({start})
    found, left = {start}, [start]
    while left:
        above: Iterable[str] = step.get(left.pop(), ())
        for one in above:
            if one not in found:
                found.add(one)
                left.append(one)
    return frozenset(found)
