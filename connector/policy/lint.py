"""What is probably not meant: findings about a policy before it is published. Nothing here forbids.

A finding is claimed only where it is proved (`formula`) or plain to see; a policy without findings
is not thereby a good one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from connector.model.names import ODRL
from connector.policy import terms
from connector.policy.axes import TRUE, UNKNOWN
from connector.policy.bounds import ends_at
from connector.policy.equality import key_of_part
from connector.policy.formula import TooHard, conj, solve
from connector.policy.operand import Enforcement
from connector.policy.operands import OPERANDS
from connector.policy.reading import parse
from connector.policy.sentences import enforcement
from connector.policy.space import Space, atoms, is_large
from connector.policy.texts import Text, join, plain
from connector.policy.tree import Constraint, Kind, Logic, Policy, Rule, RuleKind
from connector.policy.words import action_of, phrase


class Severity(StrEnum):
    """How sure it is that something is wrong.

    ERROR: it cannot work as it stands. WARNING: it probably says something else than was meant.
    NOTE: worth knowing.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at. code: stable, listed in docs/policy.md; pointer: a JSON pointer."""

    code: str
    severity: Severity
    pointer: str
    sentence: Text

    def text(self, lang: str) -> str:
        """The finding in one language."""
        return self.sentence.of(lang)

    def to_json(self) -> dict[str, Any]:
        """Everything, with the sentence in ko and en."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "pointer": self.pointer,
            "text": self.sentence.to_json(),
        }


_MANY: Final = 40
"""Rules and constraints that are still compared with each other."""
_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE
FINDINGS: Final[Mapping[str, tuple[Severity, Text]]] = {
    "permits-nothing": (_E, Text(ko="허용이 하나도 없습니다", en="there is no permission at all")),
    "never-satisfiable": (
        _E,
        Text(
            ko="함께 지킬 수 없는 조건이라 아무도 이용할 수 없습니다: {}",
            en="nobody can ever meet these together: {}",
        ),
    ),
    "end-before-start": (
        _E,
        Text(ko="끝이 시작보다 앞섭니다: {}", en="the end lies before the start: {}"),
    ),
    "count-zero": (
        _E,
        Text(ko="첫 번째 이용도 막습니다: {}", en="not even the first use is within this: {}"),
    ),
    "all-prohibited": (
        _E,
        Text(
            ko="허용하는 것을 금지가 모두 막습니다",
            en="the prohibitions take away everything that is permitted",
        ),
    ),
    "not-understood": (
        _E,
        Text(ko="{}. 이대로는 아무것도 내주지 않습니다", en="{}; nothing is handed over under it"),
    ),
    "already-over": (_E, Text(ko="{}에 이미 끝났습니다", en="it ended on {} already")),
    "permissions-are-or": (
        _W,
        Text(
            ko="허용이 {}개이며 어느 하나만 맞아도 됩니다. 모두 지켜야 한다면 한 허용에 적으십시오",
            en="there are {} permissions and any one is enough; if all have to hold, write them into one",
        ),
    ),
    "permission-covered": (
        _W,
        Text(
            ko="더 넓은 허용이 있어 이 허용의 조건은 소용이 없습니다: {}",
            en="a wider permission makes these conditions pointless: {}",
        ),
    ),
    "prohibition-idle": (
        _W,
        Text(ko="어떤 요청에도 걸리지 않는 금지입니다: {}", en="this prohibition never applies: {}"),
    ),
    "says-nothing-new": (
        _W,
        Text(ko="다른 조건이 이미 말하는 것입니다: {}", en="other conditions say this already: {}"),
    ),
    "stated-twice": (_W, Text(ko="두 번 적혔습니다: {}", en="stated twice: {}")),
    "one-of-one": (
        _W,
        Text(ko="부분이 하나뿐인 {}입니다", en="{} with a single part"),
    ),
    "leniency": (
        _N,
        Text(
            ko="시각을 어림하여 읽었습니다 ({}): 초와 시간대까지 적으십시오",
            en="a time was read leniently ({}); write seconds and a zone",
        ),
    ),
    "only-promised": (_N, Text(ko="약속일 뿐입니다: {}", en="only promised: {}")),
}
"""Code -> severity and words."""


def lint(policy: Mapping[str, Any] | Policy, now: datetime | None = None) -> list[Finding]:
    """What is probably not meant, errors first. With `now` also what is over already.

    Raises:
        PolicyInvalid: it cannot be read.
    """
    read = policy if isinstance(policy, Policy) else parse(policy)
    found = [*_whole(read, now), *_promises(read)]
    if not is_large(read.permissions + read.prohibitions):
        found += _rules(read)
    order = list(Severity)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _finding(code: str, pointer: str, *parts: Text | str) -> Finding:
    severity, words = FINDINGS[code]
    return Finding(code, severity, pointer, words.fill(*parts))


def _whole(policy: Policy, now: datetime | None) -> Iterator[Finding]:
    if not policy.permissions:
        yield _finding("permits-nothing", "/permission")
    by_action: dict[str, list[Rule]] = {}
    for rule in policy.permissions:
        by_action.setdefault(rule.action, []).append(rule)
    for rules in by_action.values():
        if len(rules) > 1:
            yield _finding("permissions-are-or", rules[1].pointer, str(len(rules)))
    seen: set[str] = set()
    for entry in policy.not_understood:
        if entry.name not in seen:
            seen.add(entry.name)
            yield _finding("not-understood", entry.pointer, entry.text)
    for flag in policy.flags:
        yield _finding("leniency", flag.pointer, flag.what)
    end = ends_at(policy, None) if policy.permissions else None
    if now is not None and end is not None and end < now:
        yield _finding("already-over", "/permission", end.isoformat())


def _rules(policy: Policy) -> Iterator[Finding]:
    dead: set[int] = set()
    for kind, rules in (("permission", policy.permissions), ("prohibition", policy.prohibitions)):
        for i, rule in enumerate(rules):
            yield from _shapes(rule)
            clash = _clash(rule)
            if clash is None:
                yield from _idle(rule)
            elif kind == "prohibition":
                yield _finding("prohibition-idle", rule.pointer, _said(clash) or action_of(rule.action))
            else:
                dead.add(i)
                yield _unsatisfiable(rule, clash)
    yield from _covered(policy, dead)
    if policy.permissions and len(dead) < len(policy.permissions) and _all_prohibited(policy):
        yield _finding("all-prohibited", "/prohibition")


def _said(constraints: list[Constraint]) -> Text | None:
    return join([phrase(c) for c in constraints]) if constraints else None


def _unsatisfiable(rule: Rule, clash: list[Constraint]) -> Finding:
    operands = {atom.operand for c in clash for atom in atoms(c)}
    words = _said(clash) or plain(terms.short(rule.action))
    pointer = clash[0].pointer if clash else rule.pointer
    if len(clash) == 1 and operands == {ODRL + "count"}:
        return _finding("count-zero", pointer, words)
    if operands and all(_is_clock(operand) for operand in operands):
        return _finding("end-before-start", pointer, words)
    return _finding("never-satisfiable", pointer, words)


def _is_clock(operand: str) -> bool:
    return operand in OPERANDS and OPERANDS[operand].bound is not None


def _can_hold(rule: Rule, constraints: list[Constraint]) -> bool:
    """Some request with all its facts may meet these; also where it is not decided."""
    alone = Rule(rule.kind, rule.action, tuple(constraints))
    policy = _of([alone])
    try:
        space = Space([policy], exact=False)
        return solve(space.permissions(policy, UNKNOWN), space.full, space.orders) is not None
    except TooHard:
        return True


def _clash(rule: Rule) -> list[Constraint] | None:
    """The fewest constraints of a rule that cannot hold together, None if they can."""
    left = list(rule.constraints)
    if _can_hold(rule, left):
        return None
    for constraint in rule.constraints if len(left) <= _MANY else ():
        rest = [c for c in left if c is not constraint]
        if not _can_hold(rule, rest):
            left = rest
    return left


def _of(permissions: list[Rule], prohibitions: list[Rule] | None = None) -> Policy:
    return Policy("", Kind.SET, None, None, None, tuple(permissions), tuple(prohibitions or ()), ())


def _shapes(rule: Rule) -> Iterator[Finding]:
    seen: set[Any] = set()
    for constraint in rule.constraints:
        key = key_of_part(constraint)
        if key in seen:
            yield _finding("stated-twice", constraint.pointer, phrase(constraint))
        seen.add(key)
        yield from _single_parts(constraint)


def _single_parts(constraint: Constraint) -> Iterator[Finding]:
    if isinstance(constraint, Logic):
        if len(constraint.parts) == 1:
            yield _finding("one-of-one", constraint.pointer, constraint.logic)
        for part in constraint.parts:
            yield from _single_parts(part)


def _idle(rule: Rule) -> Iterator[Finding]:
    """Constraints that the others imply."""
    distinct = list({key_of_part(c): c for c in rule.constraints}.values())
    if not 1 < len(distinct) <= _MANY:
        return
    kept = distinct
    for constraint in reversed(distinct):
        rest = [c for c in kept if c is not constraint]
        if rest and _implies(rest, constraint):
            kept = rest
            yield _finding("says-nothing-new", constraint.pointer, phrase(constraint))


def _implies(constraints: list[Constraint], one: Constraint) -> bool:
    a, b = (Rule(RuleKind.PERMISSION, terms.USE, tuple(cs)) for cs in (constraints, [one]))
    return _within(_of([a]), _of([b]))


def _within(a: Policy, b: Policy) -> bool:
    try:
        space = Space([a, b], exact=True)
        return solve(conj([space.permits(a), space.negate(space.permits(b))]), space.full) is None
    except TooHard:
        return False


def _covered(policy: Policy, dead: set[int]) -> Iterator[Finding]:
    live = [rule for i, rule in enumerate(policy.permissions) if i not in dead]
    if not 1 < len(live) <= _MANY:
        return
    gone: set[int] = set()
    for i, rule in enumerate(live):
        others = [j for j in range(len(live)) if j != i and j not in gone and live[j].action == rule.action]
        if any(_within(_of([rule]), _of([live[j]])) for j in others):
            gone.add(i)
            words = _said(list(rule.constraints)) or action_of(rule.action)
            yield _finding("permission-covered", rule.pointer, words)


def _all_prohibited(policy: Policy) -> bool:
    if not policy.prohibitions:
        return False
    try:
        space = Space([policy], exact=False)
        granted = conj(
            [
                space.permissions(policy, UNKNOWN),
                space.negate(space.forbids(policy, TRUE)),
            ]
        )
        return solve(granted, space.full, space.orders) is None
    except TooHard:
        return False


def _promises(policy: Policy) -> Iterator[Finding]:
    strange = {entry.text for entry in policy.not_understood}
    for entry in enforcement(policy):
        if entry.level is Enforcement.PROMISED and entry.text not in strange:
            yield _finding("only-promised", entry.rule, entry.text)
