"""`Policy` -> the DSP JSON form, the way round of `reading`.

Bare DSP terms where DSP's context has the word, absolute IRIs elsewhere, so that a JSON-LD
processor with that context drops nothing and leaves nothing relative.
"""

from __future__ import annotations

import json
from typing import Any, Final

from connector.model.names import ODRL
from connector.policy import terms
from connector.policy.tree import Constraint, Logic, Policy, Rule, RuleKind, Subject, Unread
from connector.policy.values import write_time, write_value

_IN_CONTEXT: Final = frozenset({"target", "assigner", "assignee", "profile", "constraint", "duty", "action"})
"""Members of DSP's ODRL context that `Unread` may hold."""


def serialise(policy: Policy) -> dict[str, Any]:
    """The policy as a DSP 2025-1 JSON object; parsed again it is the same policy."""
    out: dict[str, Any] = {}
    if policy.id:
        out["@id"] = policy.id
    out["@type"] = policy.kind.value
    parties = {"target": policy.target, "assigner": policy.assigner, "assignee": policy.assignee}
    out |= {name: value for name, value in parties.items() if value is not None}
    if policy.profiles:
        out["profile"] = list(policy.profiles)
    if policy.conflict is not None:
        out[ODRL + "conflict"] = {"@id": policy.conflict}
    if policy.timestamp is not None:
        # Bare on the wire: DSP's schema names it so.
        out["timestamp"] = write_time(policy.timestamp)
    for name, rules in (
        ("permission", policy.permissions),
        ("prohibition", policy.prohibitions),
        ("obligation", policy.obligations),
    ):
        if rules:
            out[name] = [_rule(rule) for rule in rules]
    return out | _unread(policy.unread)


def _rule(rule: Rule) -> dict[str, Any]:
    declared = {u.name: json.loads(u.text) for u in rule.unread if u.name in ("includedIn", "implies")}
    action: Any = "use" if rule.action == terms.USE else rule.action
    if declared or rule.refinements:
        action = {"@id": rule.action} | {ODRL + name: value for name, value in declared.items()}
    if rule.refinements:
        action[ODRL + "refinement"] = [_constraint(part) for part in rule.refinements]
    out: dict[str, Any] = {"action": action} if rule.action else {}
    for name, kind, subjects in (
        ("target", "Asset", rule.targets),
        ("assigner", "Party", rule.assigners),
        ("assignee", "Party", rule.assignees),
    ):
        written = [_subject(subject, kind) for subject in subjects]
        if written:
            out[name] = written if len(written) > 1 else written[0]
    if rule.constraints:
        out["constraint"] = [_constraint(c) for c in rule.constraints]
    for kind in (RuleKind.DUTY, RuleKind.REMEDY, RuleKind.CONSEQUENCE):
        nested = [_rule(duty) for duty in rule.duties if duty.kind is kind]
        if nested:
            out["duty" if kind is RuleKind.DUTY else ODRL + kind.value] = nested
    return out | _unread(tuple(u for u in rule.unread if u.name not in declared))


def _subject(subject: Subject, kind: str) -> Any:
    if subject.source is None and not subject.is_collection and not subject.refinements:
        return subject.id
    out: dict[str, Any] = {"@id": subject.id} if subject.id is not None else {}
    out["@type"] = ODRL + kind + ("Collection" if subject.is_collection else "")
    if subject.source is not None:
        out[ODRL + "source"] = {"@id": subject.source}
    if subject.refinements:
        out[ODRL + "refinement"] = [_constraint(part) for part in subject.refinements]
    return out


def _constraint(constraint: Constraint) -> dict[str, Any]:
    if isinstance(constraint, Logic):
        return {constraint.logic: [_constraint(p) for p in constraint.parts]} | _unread(constraint.unread)
    out: dict[str, Any] = {"leftOperand": constraint.operand, "operator": constraint.operator}
    values = [write_value(value) for value in constraint.values]
    if len(values) == 1 and constraint.operator not in terms.SET_OPERATORS:
        out["rightOperand"] = values[0]
    elif values:
        out["rightOperand"] = values
    return out | _unread(constraint.unread)


def _unread(members: tuple[Unread, ...]) -> dict[str, Any]:
    def key(name: str) -> str:
        return name if name in _IN_CONTEXT or name.startswith("@") else ODRL + name

    return {key(member.name): json.loads(member.text) for member in members}
