"""Usage policies (ODRL in DSP's form): parse, compile, evaluate, and say why.

    policy = parse(agreement)                      # PolicyInvalid, or everything that was in it
    decision = compile(policy).evaluate(Context(now=…, recipient=…, …))
    decision.permitted, decision.code, decision.text("ko")

By default a policy is read with `SPINE`, the words that the connector's use cases have facts for.
`parse(document, WHOLE)` reads the whole of ODRL; the facts it needs come in `Context.world`.

Pure: no clock, no network, no files but the templates that it is pointed at.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.model.canonical import digest
from connector.policy.audits import Breach, Finding, audit
from connector.policy.bounds import ends_at
from connector.policy.compiling import Mode
from connector.policy.context import BEFORE_AGREEMENT, BEFORE_PULL, Context, Scope
from connector.policy.decision import Decision, Reason
from connector.policy.equality import Difference, equal
from connector.policy.evaluation import (
    CODES,
    WHOLE_CODES,
    Compiled,
    compile,  # noqa: A004 - parse, compile, evaluate
)
from connector.policy.inheritance import inherited
from connector.policy.operand import Enforcement, Evidence, Operand
from connector.policy.operands import OPERANDS
from connector.policy.operands.purpose import PURPOSES, purpose_iri, purpose_text
from connector.policy.outcome import Outcome
from connector.policy.owing import Owed, owed
from connector.policy.reading import parse
from connector.policy.reports import PolicyReport, report
from connector.policy.row_filter import RowFilter, read_row_filter
from connector.policy.sentences import Enforced, describe, enforcement
from connector.policy.templates import Template, Templates
from connector.policy.texts import Text
from connector.policy.tree import Flag, Kind, NotUnderstood, Policy
from connector.policy.vocabulary import OPEN, SPINE, WHOLE, Vocabulary
from connector.policy.watch import Watch
from connector.policy.world import NOTHING_KNOWN, About, Deontic, Event, World
from connector.policy.writing import serialise

__all__ = [
    "BEFORE_AGREEMENT",
    "BEFORE_PULL",
    "CODES",
    "NOTHING_KNOWN",
    "OPEN",
    "OPERANDS",
    "PURPOSES",
    "SPINE",
    "WHOLE",
    "WHOLE_CODES",
    "About",
    "Breach",
    "Compiled",
    "Context",
    "Decision",
    "Deontic",
    "Difference",
    "Enforced",
    "Enforcement",
    "Event",
    "Evidence",
    "Finding",
    "Flag",
    "Kind",
    "Mode",
    "NotUnderstood",
    "Operand",
    "Outcome",
    "Owed",
    "Policy",
    "PolicyReport",
    "Reason",
    "RowFilter",
    "Scope",
    "Template",
    "Templates",
    "Text",
    "Vocabulary",
    "Watch",
    "World",
    "audit",
    "compile",
    "describe",
    "ends_at",
    "enforcement",
    "equal",
    "inherited",
    "owed",
    "parse",
    "policy_digest",
    "purpose_iri",
    "purpose_text",
    "read_row_filter",
    "report",
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
