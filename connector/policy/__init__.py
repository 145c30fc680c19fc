"""Usage policies (ODRL in DSP's form): parse, compile, evaluate, and say why.

    policy = parse(agreement)                      # PolicyInvalid, or everything that was in it
    decision = compile(policy).evaluate(Context(now=…, recipient=…, …))
    decision.permitted, decision.code, decision.text("ko")

Pure: no clock, no network, no files but the templates that it is pointed at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.model.canonical import digest
from connector.policy.bounds import ends_at
from connector.policy.context import BEFORE_AGREEMENT, BEFORE_PULL, Context, Scope
from connector.policy.decision import Decision, Reason
from connector.policy.equality import Difference, equal
from connector.policy.evaluation import CODES, Compiled, compile  # noqa: A004 - parse, compile, evaluate
from connector.policy.operand import Enforcement, Evidence, Operand
from connector.policy.operands import OPERANDS
from connector.policy.operands.purpose import PURPOSES, purpose_iri, purpose_text
from connector.policy.outcome import Outcome
from connector.policy.reading import parse
from connector.policy.sentences import Enforced, describe, enforcement
from connector.policy.templates import Template, Templates
from connector.policy.texts import Text
from connector.policy.tree import Flag, Kind, NotUnderstood, Policy
from connector.policy.writing import serialise

__all__ = [
    "BEFORE_AGREEMENT",
    "BEFORE_PULL",
    "CODES",
    "OPERANDS",
    "PURPOSES",
    "Compiled",
    "Context",
    "Decision",
    "Difference",
    "Enforced",
    "Enforcement",
    "Evidence",
    "Flag",
    "Kind",
    "NotUnderstood",
    "Operand",
    "Outcome",
    "Policy",
    "Reason",
    "Scope",
    "Template",
    "Templates",
    "Text",
    "compile",
    "describe",
    "ends_at",
    "enforcement",
    "equal",
    "parse",
    "policy_digest",
    "purpose_iri",
    "purpose_text",
    "serialise",
    "understands",
]


def policy_digest(obj: Mapping[str, Any]) -> str:
    """SHA-256 of the object's RFC 8785 form, 64 hex digits: of these very words, not of their meaning.

    Raises:
        ValueError: the object has no such form here (a number that is not whole).
    """
    return digest(obj)


def understands(policy: Mapping[str, Any] | Policy) -> list[NotUnderstood]:
    """What of a policy we cannot act on; empty means that it may be accepted without a person.

    Raises:
        PolicyInvalid: it cannot be read.
    """
    return list((policy if isinstance(policy, Policy) else parse(policy)).not_understood)
