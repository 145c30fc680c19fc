"""A contract's terms as articles in Korean and English, made from the ODRL and nothing else.

The words depend on the policy alone: not on the clock, not on what this connector can enforce, so
that both sides make the same text, and its digest can stand in the signed agreement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from connector.model.canonical import digest
from connector.policy import terms
from connector.policy.reading import parse
from connector.policy.texts import Text, plain
from connector.policy.tree import Policy, Rule, RuleKind
from connector.policy.words import action_of, duty_phrase, stated

VERSION: Final = 1
"""Raised when the wording changes: a digest is of this version's words."""

_ARTICLE: Final = Text(ko="제{}조 ({})", en="Article {} ({})")
_HEADINGS: Final = (
    Text(ko="대상과 당사자", en="Data and parties"),
    Text(ko="허용", en="Permissions"),
    Text(ko="금지", en="Prohibitions"),
    Text(ko="의무", en="Obligations"),
    Text(ko="해석", en="Interpretation"),
)
_TARGET: Final = Text(ko="대상 데이터: {}", en="Data: {}")
_ASSIGNER: Final = Text(ko="제공하는 쪽: {}", en="Provider: {}")
_ASSIGNEE: Final = Text(ko="이용하는 쪽: {}", en="Consumer: {}")
_UNNAMED: Final = Text(ko="이 정책에 적혀 있지 않음", en="not named in this policy")
_ACT: Final = {
    RuleKind.PERMISSION: Text(ko="허용하는 행위: {}.", en="Permitted: {}."),
    RuleKind.PROHIBITION: Text(ko="금지하는 행위: {}.", en="Prohibited: {}."),
    RuleKind.OBLIGATION: Text(ko="이용하는 쪽의 의무: {}.", en="Owed by the consumer: {}."),
}
_NONE: Final = {
    RuleKind.PERMISSION: Text(ko="허용하는 이용이 없다.", en="Nothing is permitted."),
    RuleKind.PROHIBITION: Text(ko="따로 금지하는 행위가 없다.", en="Nothing is prohibited in particular."),
    RuleKind.OBLIGATION: Text(ko="따로 정한 의무가 없다.", en="No obligation is set."),
}
_ANY: Final = Text(
    ko="아래의 허용은 어느 하나만 맞아도 된다.", en="Any one of the following permissions is enough."
)
_FREE: Final = Text(ko="조건은 없다.", en="There is no condition.")
_ALL: Final = {
    RuleKind.PERMISSION: Text(
        ko="다음 조건을 모두 지켜야 한다.", en="All of the following conditions have to hold."
    ),
    RuleKind.PROHIBITION: Text(
        ko="다음이 모두 맞을 때 금지한다.", en="It is prohibited where all of the following hold."
    ),
    RuleKind.OBLIGATION: Text(ko="다음에 따른다.", en="It follows these terms."),
}
_DUTY: Final = {
    RuleKind.DUTY: Text(ko="이행할 의무: {}", en="Duty: {}"),
    RuleKind.REMEDY: Text(ko="어겼을 때의 구제: {}", en="Remedy: {}"),
    RuleKind.CONSEQUENCE: Text(ko="어겼을 때의 책임: {}", en="Consequence: {}"),
}
_FURTHER: Final = Text(ko="그 밖의 항목 {}: {}", en="Further member {}: {}")
_PROFILE: Final = Text(ko="따르는 프로필: {}", en="Profile: {}")
_CONFLICT: Final = Text(ko="충돌 규칙: {}", en="Rule for conflicts: {}")
_INTERPRETATION: Final = (
    Text(
        ko="여기에 허용한다고 적지 않은 이용은 허용하지 않는다.",
        en="A use that is not permitted here is not permitted.",
    ),
    Text(
        ko="허용과 금지가 함께 맞으면 금지가 앞선다.",
        en="Where a permission meets a prohibition, the prohibition prevails.",
    ),
    Text(
        ko="시각은 협정 세계시(UTC)이며, 계약 후의 기간은 계약한 순간부터 센다.",
        en="Times are in UTC; spans after the agreement are counted from its moment.",
    ),
    Text(
        ko="이 글은 기계가 읽는 정책에서 만들었으며, 둘이 다르면 그 정책이 앞선다.",
        en="This text is made from the machine-readable policy, which prevails if they differ.",
    ),
)


def legal_text(policy: Mapping[str, Any] | Policy, lang: str) -> str:
    """The policy as numbered articles, every word of it, one sentence a line.

    Raises:
        PolicyInvalid: it cannot be read.
    """
    read = policy if isinstance(policy, Policy) else parse(policy)
    return "\n".join(_one_line(line.of(lang)) for line in _lines(read))


def _one_line(text: str) -> str:
    """A name or value in the policy must not be able to begin an article of its own."""
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def legal_digest(policy: Mapping[str, Any] | Policy) -> str:
    """SHA-256 over both texts and the version of the wording, 64 hex digits.

    Raises:
        PolicyInvalid: it cannot be read.
    """
    read = policy if isinstance(policy, Policy) else parse(policy)
    return digest({"version": VERSION, "ko": legal_text(read, "ko"), "en": legal_text(read, "en")})


def _lines(policy: Policy) -> list[Text]:
    articles = (
        _parties(policy),
        _rules(policy.permissions, RuleKind.PERMISSION),
        _rules(policy.prohibitions, RuleKind.PROHIBITION),
        _rules(policy.obligations, RuleKind.OBLIGATION),
        _rest(policy),
    )
    lines: list[Text] = []
    for number, (heading, body) in enumerate(zip(_HEADINGS, articles, strict=True), start=1):
        lines.append(_ARTICLE.fill(str(number), heading))
        lines += body
    return lines


def _parties(policy: Policy) -> list[Text]:
    named = ((_TARGET, policy.target), (_ASSIGNER, policy.assigner), (_ASSIGNEE, policy.assignee))
    return [words.fill(_UNNAMED if name is None else plain(name)) for words, name in named]


def _rules(rules: Sequence[Rule], kind: RuleKind) -> list[Text]:
    if not rules:
        return [_NONE[kind]]
    lines = [_ANY] if kind is RuleKind.PERMISSION and len(rules) > 1 else []
    for number, rule in enumerate(rules, start=1):
        lines += _rule(rule, kind, f"{number}. ")
    return lines


def _rule(rule: Rule, kind: RuleKind, mark: str) -> list[Text]:
    act = _ACT[kind].fill(action_of(rule.action))
    parts = [stated(constraint) for constraint in rule.constraints]
    parts += [_DUTY[duty.kind].fill(duty_phrase(duty, stated)) for duty in rule.duties]
    parts += [_FURTHER.fill(member.name, member.text) for member in rule.unread]
    tail = _ALL[kind] if parts else _FREE
    lines = [Text(f"{mark}{act.ko} {tail.ko}", f"{mark}{act.en} {tail.en}")]
    lines += [Text(f"   ({i}) {p.ko}", f"   ({i}) {p.en}") for i, p in enumerate(parts, start=1)]
    return lines


def _rest(policy: Policy) -> list[Text]:
    lines = list(_INTERPRETATION)
    lines += [_PROFILE.fill(name) for name in policy.profiles]
    if policy.conflict is not None:
        lines.append(_CONFLICT.fill(terms.short(policy.conflict)))
    lines += [_FURTHER.fill(member.name, member.text) for member in policy.unread]
    return lines
