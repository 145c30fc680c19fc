"""A policy in plain words, and which of them are more than words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connector.model.names import ODRL
from connector.policy import terms
from connector.policy.decision import LOGIC, clause
from connector.policy.operand import Enforcement
from connector.policy.operands import OPERANDS
from connector.policy.reading import parse
from connector.policy.texts import Text, join
from connector.policy.tree import Constraint, Logic, NotUnderstood, Policy, Rule, RuleKind
from connector.policy.words import action_of, duty_phrase, stated

_ALWAYS: Final = {
    RuleKind.PERMISSION: Text(ko="{} 허용: 조건 없음.", en="Permitted: {}, without conditions."),
    RuleKind.PROHIBITION: Text(ko="{} 금지.", en="Prohibited: {}."),
    RuleKind.OBLIGATION: Text(ko="의무: {}.", en="Obligation: {}."),
}
_IF: Final = {
    RuleKind.PERMISSION: Text(
        ko="{} 허용, 다음을 모두 지킬 때만: {}.", en="Permitted: {}, only if all of this holds: {}."
    ),
    RuleKind.PROHIBITION: Text(
        ko="{} 금지, 다음이 모두 맞을 때: {}.", en="Prohibited: {}, if all of this holds: {}."
    ),
    RuleKind.OBLIGATION: Text(ko="의무: {}, 조건: {}.", en="Obligation: {}, under: {}."),
}
_SEVERAL: Final = Text(
    ko="다음 허가 가운데 하나만 맞아도 이용할 수 있습니다.", en="Any one of these permissions is enough."
)
_STRANGE: Final = Text(ko="주의: {}.", en="Note: {}.")
_DUTY: Final = Text(ko="의무: {}", en="duty: {}")
_UNNAMED: Final = Text(ko="해석할 수 없는 조건 ({})", en="a condition that cannot be understood ({})")
_PERMITS_NOTHING: Final = Text(ko="아무 이용도 허용하지 않습니다.", en="Nothing is permitted.")
_ACTION: Final = {terms.USE: Text(ko="이용", en="use of the data")}
_HERE: Final = frozenset({terms.USE, ODRL + "execute"})
"""Actions that take place where the provider can force its terms."""
_ELSEWHERE: Final = {
    RuleKind.PERMISSION: Text(
        ko="{}: 받는 쪽에서 일어나므로 조건은 약속입니다",
        en="{} takes place at the recipient: its conditions are a promise",
    ),
    RuleKind.PROHIBITION: Text(
        ko="{} 금지: 받는 쪽이 지키기로 한 약속입니다",
        en="prohibition of {}: a promise of the recipient",
    ),
}

_HANDED_OVER: Final = Text(
    ko="데이터는 이 계약에 따라 확인된 상대에게만 나갑니다",
    en="data leaves only under this contract, to its identified party",
)
_KEPT_BACK: Final = Text(ko="제공하는 쪽이 내주지 않습니다", en="the provider hands nothing over")


def describe(policy: Mapping[str, Any] | Policy, lang: str) -> str:
    """The policy as sentences, one a line.

    Raises:
        PolicyInvalid: it cannot be read.
    """
    read = policy if isinstance(policy, Policy) else parse(policy)
    lines: list[Text] = []
    if not read.permissions:
        lines.append(_PERMITS_NOTHING)
    if len({rule.action for rule in read.permissions}) < len(read.permissions):
        lines.append(_SEVERAL)
    lines += [_rule(r) for r in read.permissions + read.prohibitions + read.obligations]
    seen: set[tuple[str, str]] = set()
    for entry in read.not_understood:
        if (entry.what, entry.name) not in seen:
            seen.add((entry.what, entry.name))
            lines.append(_STRANGE.fill(entry.text))
    return "\n".join(line.of(lang) for line in lines)


def _rule(rule: Rule) -> Text:
    action = _ACTION.get(rule.action) or action_of(rule.action)
    parts = [_constraint(c) for c in rule.constraints]
    parts += [_DUTY.fill(duty_phrase(duty, _constraint)) for duty in rule.duties]
    kind = rule.kind if rule.kind in _ALWAYS else RuleKind.OBLIGATION
    return _IF[kind].fill(action, join(parts)) if parts else _ALWAYS[kind].fill(action)


def _constraint(constraint: Constraint) -> Text:
    if constraint.not_understood is not None:
        return _UNNAMED.fill(stated(constraint))
    if isinstance(constraint, Logic):
        parts = join([_constraint(part) for part in constraint.parts])
        head = LOGIC[constraint.logic]
        return Text(f"{head.ko} ({parts.ko})", f"{head.en} ({parts.en})")
    operand = constraint.meaning or OPERANDS[constraint.operand]
    return clause(operand, constraint.operator, constraint.values)


@dataclass(frozen=True, slots=True)
class Enforced:
    """What stands behind one rule or condition: enforced here, evidenced, or only promised."""

    rule: str
    level: Enforcement
    text: Text
    operand: str = ""

    def to_json(self) -> dict[str, Any]:
        """`rule`, `class`, `operand` and the text in ko and en."""
        return {
            "rule": self.rule,
            "class": self.level.value,
            "operand": terms.short(self.operand),
            "text": self.text.to_json(),
        }


def enforcement(policy: Mapping[str, Any] | Policy) -> list[Enforced]:
    """One entry per rule and one per condition or duty in it, in the order of the policy.

    What happens at the recipient (passing on, selling, displaying) no provider can force: rules about
    it are promised, whatever their conditions could be checked by here. A duty that we understand is
    evidenced: what was done is told under a signature.

    Raises:
        PolicyInvalid: it cannot be read.
    """
    read = policy if isinstance(policy, Policy) else parse(policy)
    found = [_promised(entry) for entry in read.not_understood if entry.whole]
    for rule in read.permissions + read.prohibitions:
        found += [_promised(entry) for entry in rule.not_understood]
        here = rule.action in _HERE
        if not rule.not_understood:
            permits = rule.kind is RuleKind.PERMISSION
            words = (_HANDED_OVER if permits else _KEPT_BACK) if here else _ELSEWHERE[rule.kind]
            if not here:
                words = words.fill(action_of(rule.action))
            level = Enforcement.ENFORCED if here else Enforcement.PROMISED
            found.append(Enforced(rule.pointer, level, words, "" if here else rule.action))
            found += [_duty_kept(duty, rule.pointer) for duty in rule.duties if duty.kind is RuleKind.DUTY]
        found += _conditions(rule.pointer, rule.constraints, here)
    strange = {entry.pointer for entry in read.not_understood if entry.whole}
    found += [_duty_kept(rule, rule.pointer) for rule in read.obligations if rule.pointer not in strange]
    return found


def _duty_kept(duty: Rule, rule: str) -> Enforced:
    return Enforced(rule, Enforcement.EVIDENCED, _DUTY.fill(duty_phrase(duty)), duty.action)


def _conditions(rule: str, constraints: Iterable[Constraint], here: bool) -> list[Enforced]:
    found: list[Enforced] = []
    for constraint in constraints:
        if constraint.not_understood is not None:
            found.append(_promised(constraint.not_understood, rule))
        elif isinstance(constraint, Logic):
            found += _conditions(rule, constraint.parts, here)
        else:
            operand = constraint.meaning or OPERANDS[constraint.operand]
            words = clause(operand, constraint.operator, constraint.values)
            level = operand.enforcement if here else Enforcement.PROMISED
            found.append(Enforced(rule, level, words, operand.iri))
    return found


def _promised(entry: NotUnderstood, rule: str = "") -> Enforced:
    return Enforced(rule or entry.pointer, Enforcement.PROMISED, entry.text, entry.name)
