"""What a node understands: which operands, actions and profiles, and how much of ODRL beside them.

A policy is read with a vocabulary; what is outside of it is *not understood* and fails closed.
What a node can act on depends on the facts it has, so the vocabulary is an argument, not a law:

    SPINE   what the connector's use cases supply facts for today; the default
    WHOLE   the whole of ODRL with every registered operand, for a node that supplies the facts
    OPEN    WHOLE, and any other operand, action and profile as well, judged by the facts handed in
            under their names: for audits, and for the judges of others
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from connector.policy.actions import ODRL_ACTIONS, Actions
from connector.policy.facts import plain_operand
from connector.policy.further import FURTHER
from connector.policy.further.catenax import CX, WORDS
from connector.policy.operand import Operand
from connector.policy.operands import OPERANDS
from connector.policy.terms import LEFT_OPERANDS, USE
from connector.policy.world import About


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What is understood.

    operands: IRI -> operand. actions: the hierarchy; None knows `use` alone. profiles: the profiles
    that mean nothing beyond these operands. is_whole: duties, refinements, collections, compact
    policies and conflict strategies are acted on. is_open: whatever else is named is judged by the
    facts handed in. words: the bare names of operands.
    """

    name: str
    operands: Mapping[str, Operand]
    actions: Actions | None = None
    profiles: frozenset[str] = frozenset()
    is_whole: bool = False
    is_open: bool = False
    words: Mapping[str, str] = field(default_factory=lambda: LEFT_OPERANDS)

    def operand(self, iri: str, about: About = About.CIRCUMSTANCES) -> Operand | None:
        """The operand of that name where a constraint is about that, or None."""
        found = self.operands.get(iri)
        if found is None:
            return plain_operand(iri, about) if self.is_open else None
        if about is About.CIRCUMSTANCES or found.bound is not None:
            return found
        # A refinement looks at the action's, party's or asset's own fact first.
        own = plain_operand(iri, about)
        return replace(found, build=own.build, seen=own.seen, facts=own.facts)

    def understands_action(self, iri: str) -> bool:
        """Whether a rule about this action can be acted on."""
        if self.actions is None:
            return iri == USE
        return self.is_open or iri in self.actions.included_in

    def understands_profile(self, iri: str) -> bool:
        """Whether the profile changes nothing that is not understood."""
        return self.is_open or iri in self.profiles


SPINE: Final = Vocabulary("spine", OPERANDS)
WHOLE: Final = Vocabulary(
    "whole",
    MappingProxyType({**OPERANDS, **FURTHER}),
    actions=ODRL_ACTIONS.extended([(CX + "access", CX + "access")], []),
    is_whole=True,
    words=MappingProxyType({**LEFT_OPERANDS, **WORDS}),
)
_FACTS_OF_ALL: Final = frozenset({"now", "agreed_at", "uses"})
OPEN: Final = replace(
    WHOLE,
    name="open",
    operands=MappingProxyType({iri: o for iri, o in OPERANDS.items() if frozenset(o.facts) <= _FACTS_OF_ALL}),
    is_open=True,
)
