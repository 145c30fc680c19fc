"""A report per rule: each premise and how it turned out, as values, as JSON and as JSON-LD.

The JSON-LD form is FORCE's compliance report model (https://w3id.org/force/compliance-report#):
a PolicyReport with a PermissionReport, ProhibitionReport or DutyReport for each rule, and in it a
report for each premise the rule has; logic reports its parts in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from connector.model.names import ODRL, XSD
from connector.policy import terms
from connector.policy.compiling import CompiledRule, Node, Premise
from connector.policy.context import Context
from connector.policy.evaluation import Compiled
from connector.policy.outcome import OUTCOMES, TRUE, Outcome
from connector.policy.tree import RuleKind
from connector.policy.values import Iri, Value, write_time, write_value
from connector.policy.world import About, Deontic

REPORT: Final = "https://w3id.org/force/compliance-report#"
_DCT: Final = "http://purl.org/dc/terms/"
_LOGICS: Final = frozenset(terms.LOGICS)


class Activation(StrEnum):
    """Whether a rule applies to the request."""

    ACTIVE = "Active"
    INACTIVE = "Inactive"


@dataclass(frozen=True, slots=True)
class PremiseReport:
    """One premise. id: the constraint's IRI, "" without one. left: the fact that was seen, if any."""

    kind: Premise
    pointer: str
    id: str
    outcome: Outcome
    operand: str
    operator: str
    values: tuple[Value, ...]
    left: Value | None
    parts: tuple[PremiseReport, ...]

    @property
    def is_satisfied(self) -> bool:
        """Whether it holds as far as the rule is concerned."""
        return self.outcome in (Outcome.TRUE, Outcome.OPEN)

    def walk(self) -> Iterator[PremiseReport]:
        """It and everything in it."""
        yield self
        for part in self.parts:
            yield from part.walk()

    def to_json(self) -> dict[str, Any]:
        """Everything; values in their wire form."""
        out: dict[str, Any] = {
            "kind": self.kind.value,
            "pointer": self.pointer,
            "outcome": self.outcome.value,
        }
        if self.id:
            out["id"] = self.id
        out |= {"operand": terms.short(self.operand), "operator": self.operator}
        out["values"] = [write_value(value) for value in self.values]
        if self.left is not None:
            out["seen"] = write_value(self.left)
        if self.parts:
            out["parts"] = [part.to_json() for part in self.parts]
        return out


@dataclass(frozen=True, slots=True)
class RuleReport:
    """One rule. deontic: of a duty its state; None where nothing is known, and for other rules."""

    kind: RuleKind
    pointer: str
    id: str
    activation: Activation
    premises: tuple[PremiseReport, ...]
    deontic: Deontic | None = None

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        out: dict[str, Any] = {"kind": self.kind.value, "pointer": self.pointer}
        if self.id:
            out["id"] = self.id
        out["activation"] = self.activation.value.lower()
        if self.deontic is not None:
            out["state"] = self.deontic.value
        return out | {"premises": [premise.to_json() for premise in self.premises]}


@dataclass(frozen=True, slots=True)
class PolicyReport:
    """All rules of a policy, asked once."""

    permitted: bool
    created: datetime
    rules: tuple[RuleReport, ...]

    def to_json(self) -> dict[str, Any]:
        """Everything."""
        return {
            "permitted": self.permitted,
            "created": write_time(self.created),
            "rules": [rule.to_json() for rule in self.rules],
        }

    def to_jsonld(self, policy: str, request: str, rule_request: str) -> dict[str, Any]:
        """FORCE's report model. policy, request, rule_request: IRIs of what was asked about what."""
        return {
            "@context": _CONTEXT,
            "@type": "report:PolicyReport",
            "dct:created": {"@value": write_time(self.created), "@type": "xsd:dateTime"},
            "report:policy": {"@id": policy},
            "report:policyRequest": {"@id": request},
            "report:ruleReport": [_rule_ld(rule, rule_request) for rule in self.rules],
        }


def report(compiled: Compiled, ctx: Context) -> PolicyReport:
    """What each rule of the policy says to the request. Never raises."""
    rules = [_rule(rule, ctx) for rule in compiled.permissions + compiled.prohibitions]
    for one in compiled.obligations:
        standing = one.duty.standing(ctx)
        activation = Activation.ACTIVE if standing.binds else Activation.INACTIVE
        rules.append(RuleReport(RuleKind.OBLIGATION, one.pointer, one.id, activation, (), standing.state))
    return PolicyReport(compiled.permits(ctx), ctx.now, tuple(rules))


def _rule(rule: CompiledRule, ctx: Context) -> RuleReport:
    levels = [node.test(ctx) for node in rule.premises]
    level = min(levels, default=TRUE)
    is_active = level >= rule.holds_from
    return RuleReport(
        RuleKind.PROHIBITION if rule.prohibits else RuleKind.PERMISSION,
        rule.pointer,
        rule.id,
        Activation.ACTIVE if is_active else Activation.INACTIVE,
        tuple(_premise(node, ctx) for node in rule.premises),
    )


def _premise(node: Node, ctx: Context) -> PremiseReport:
    term = node.term
    return PremiseReport(
        node.kind,
        term.pointer,
        node.id,
        OUTCOMES[node.test(ctx)],
        term.name,
        term.operator,
        term.values,
        _seen(node, ctx),
        tuple(_premise(part, ctx) for part in node.parts),
    )


def _seen(node: Node, ctx: Context) -> Value | None:
    """The value of the left operand, where it is one."""
    operand = node.term.operand
    if operand is None:
        return None
    if operand.bound is not None:
        return ctx.now
    name = operand.facts[0]
    found = getattr(ctx, name, None) if name.isidentifier() else ctx.world.fact(About.CIRCUMSTANCES, name)
    if isinstance(found, int) and not isinstance(found, bool):
        return Decimal(found)
    return None if found is None or isinstance(found, frozenset) else found


_CONTEXT: Final = {"report": REPORT, "odrl": ODRL, "dct": _DCT, "xsd": XSD}
_PREMISE_LD: Final = {
    Premise.ACTION: "ActionReport",
    Premise.TARGET: "TargetReport",
    Premise.PARTY: "PartyReport",
    Premise.CONSTRAINT: "ConstraintReport",
    Premise.DUTY: "DutyReport",
    Premise.STRANGE: "ConstraintReport",
}
_RULE_LD: Final = {
    RuleKind.PERMISSION: "PermissionReport",
    RuleKind.PROHIBITION: "ProhibitionReport",
    RuleKind.OBLIGATION: "DutyReport",
}
_DEONTIC_LD: Final = {
    Deontic.NOT_SET: "NonSet",
    Deontic.PENDING: "NonSet",
    Deontic.FULFILLED: "Fulfilled",
    Deontic.VIOLATED: "Violated",
}


def _term(name: str) -> dict[str, str]:
    return {"@id": "report:" + name}


def _rule_ld(rule: RuleReport, rule_request: str) -> dict[str, Any]:
    out: dict[str, Any] = {
        "@type": "report:" + _RULE_LD[rule.kind],
        "report:attemptState": _term("Attempted"),
        "report:rule": {"@id": rule.id or "_:" + rule.pointer.strip("/").replace("/", "-")},
        "report:ruleRequest": {"@id": rule_request},
        "report:activationState": _term(rule.activation.value),
    }
    if rule.deontic is not None:
        out["report:deonticState"] = _term(_DEONTIC_LD[rule.deontic])
    if rule.premises:
        out["report:premiseReport"] = [_premise_ld(premise) for premise in rule.premises]
    return out


def _premise_ld(premise: PremiseReport) -> dict[str, Any]:
    out: dict[str, Any] = {
        "@type": "report:" + _PREMISE_LD[premise.kind],
        "report:satisfactionState": _term("Satisfied" if premise.is_satisfied else "Unsatisfied"),
    }
    if premise.kind not in (Premise.CONSTRAINT, Premise.STRANGE):
        return out
    if premise.id:
        out["report:constraint"] = {"@id": premise.id}
    if premise.operator in _LOGICS:
        out["report:constraintLogicalOperand"] = {"@id": "odrl:" + premise.operator}
        out["report:premiseReport"] = [_premise_ld(part) for part in premise.parts]
        return out
    if premise.left is not None:
        out["report:constraintLeftOperand"] = _value_ld(premise.left)
    if premise.is_satisfied:
        # The model names operator and right operand only where the comparison holds.
        out["report:constraintOperator"] = {"@id": "odrl:" + premise.operator}
        out["report:constraintRightOperand"] = [_value_ld(value) for value in premise.values]
    return out


def _value_ld(value: Value) -> Any:
    return {"@id": value.iri} if isinstance(value, Iri) else write_value(value)
