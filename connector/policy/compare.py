"""How two policies lie to each other: equal, narrower, wider or incomparable, and where they differ.

"a is narrower than b" means: whatever a permits, b permits, for every request with all its facts or
without some. It is claimed only if it is proved; what is too intricate to be decided, or depends on
words that are not understood and differ, is incomparable. Target, parties and ids are not looked at:
those are checked against the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from connector.policy import terms
from connector.policy.context import Context
from connector.policy.equality import key_of_part, key_of_policy, likeness
from connector.policy.evaluation import compile as compile_policy
from connector.policy.formula import Formula, TooHard, conj, solve
from connector.policy.reading import parse
from connector.policy.space import Space
from connector.policy.texts import Text, plain
from connector.policy.tree import Constraint, Kind, Logic, Policy, Rule, RuleKind
from connector.policy.witness import Witness, witness
from connector.policy.words import action_of, duty_phrase, phrase

_Part = Constraint | Rule
_MANY: Final = 40
"""Constraints in one rule that are still looked through for those that say nothing new."""


class Relation(StrEnum):
    """How the first policy lies to the second."""

    EQUAL = "equal"
    NARROWER = "narrower"
    WIDER = "wider"
    INCOMPARABLE = "incomparable"


class Effect(StrEnum):
    """What one difference does to what is permitted, seen from the first policy to the second."""

    TIGHTER = "tighter"
    LOOSER = "looser"
    OTHER = "other"


_EFFECT: Final = {
    Effect.TIGHTER: Text(ko="더 좁아짐", en="tighter"),
    Effect.LOOSER: Text(ko="더 넓어짐", en="looser"),
    Effect.OTHER: Text(ko="달라짐", en="different"),
}
_CHANGED: Final = Text(ko="{} → {} ({})", en="{} → {} ({})")
_ADDED: Final = Text(ko="추가됨: {} ({})", en="added: {} ({})")
_REMOVED: Final = Text(ko="빠짐: {} ({})", en="left out: {} ({})")
_RULE: Final = {
    RuleKind.PERMISSION: Text(ko="{} 허용", en="permission of {}"),
    RuleKind.PROHIBITION: Text(ko="{} 금지", en="prohibition of {}"),
    RuleKind.OBLIGATION: Text(ko="{} 의무", en="obligation of {}"),
}
_OTHERWISE: Final = Text(ko="조건의 짜임이 달라짐", en="the conditions are joined differently")
_DUTY: Final = Text(ko="의무 {}", en="duty of {}")
_PROFILE: Final = Text(ko="프로필 {}", en="profile {}")
_MEMBER: Final = Text(ko="항목 {}", en="member {}")


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. a, b: JSON pointers into the policies, `""` where that side has nothing."""

    a: str
    b: str
    effect: Effect
    sentence: Text

    def text(self, lang: str) -> str:
        """The difference in one language."""
        return self.sentence.of(lang)

    def to_json(self) -> dict[str, Any]:
        """Pointers, effect, and the sentence in ko and en."""
        return {"a": self.a, "b": self.b, "effect": self.effect.value, "text": self.sentence.to_json()}


@dataclass(frozen=True, slots=True)
class Comparison:
    """The relation, the differences from the first to the second policy, and requests that show them.

    only_a, only_b: a request that only this one permits, where one was found. decided: False if the
    policies are called incomparable only because the question was too hard.
    """

    relation: Relation
    changes: tuple[Change, ...]
    only_a: Witness | None = None
    only_b: Witness | None = None
    decided: bool = True

    def to_json(self) -> dict[str, Any]:
        """Everything, for a report or an API."""
        return {
            "relation": self.relation.value,
            "decided": self.decided,
            "changes": [change.to_json() for change in self.changes],
            "onlyA": None if self.only_a is None else self.only_a.to_json(),
            "onlyB": None if self.only_b is None else self.only_b.to_json(),
        }


def compare(a: Mapping[str, Any] | Policy, b: Mapping[str, Any] | Policy) -> Comparison:
    """How `a` lies to `b`, with what changes on the way from `a` to `b`.

    Raises:
        PolicyInvalid: one of them cannot be read.
    """
    first, second = (p if isinstance(p, Policy) else parse(p) for p in (a, b))
    changes = tuple(_policies(first, second))
    try:
        space = Space([first, second], exact=True)
        pa, pb = space.permits(first), space.permits(second)
        more_a, more_b = _only(space, pa, pb), _only(space, pb, pa)
    except TooHard:
        same = key_of_policy(first) == key_of_policy(second)
        return Comparison(Relation.EQUAL if same else Relation.INCOMPARABLE, changes, decided=same)
    if more_a is None and more_b is None:
        return Comparison(Relation.EQUAL, ())
    relation = Relation.INCOMPARABLE
    if more_a is None or more_b is None:
        relation = Relation.NARROWER if more_a is None else Relation.WIDER
    changes = changes or (Change("", "", Effect.OTHER, _OTHERWISE),)
    return Comparison(relation, changes, _shown(more_a, first, second), _shown(more_b, second, first))


def is_within(a: Mapping[str, Any] | Policy, b: Mapping[str, Any] | Policy) -> bool:
    """Whether it is proved that `b` permits whatever `a` permits."""
    return compare(a, b).relation in (Relation.EQUAL, Relation.NARROWER)


def _only(space: Space, one: Formula, other: Formula) -> Witness | None:
    chosen = solve(conj([one, space.negate(other)]), space.full)
    return None if chosen is None else witness(space, chosen)


def _shown(found: Witness | None, one: Policy, other: Policy) -> Witness | None:
    """The request, if the evaluator confirms it."""
    if found is None or found.context is None:
        return None
    context = _placed(found, one, other)
    if compile_policy(one).permits(context) and not compile_policy(other).permits(context):
        return found
    return None


def _placed(found: Witness, one: Policy, other: Policy) -> Context:
    assert found.context is not None
    target, assigner = one.target or other.target, one.assigner or other.assigner
    return replace(found.context, target=target, assigner=assigner)


# --- the readable diff -----------------------------------------------------------------------------


def _policies(a: Policy, b: Policy) -> Iterator[Change]:
    for mine, theirs in (
        (a.permissions, b.permissions),
        (a.prohibitions, b.prohibitions),
        (a.obligations, b.obligations),
    ):
        yield from _rules(mine, theirs)
    for names, sign in ((set(a.profiles) - set(b.profiles), 1), (set(b.profiles) - set(a.profiles), -1)):
        for name in sorted(names):
            words = _PROFILE.fill(plain(name))
            effect = Effect.LOOSER if sign > 0 else Effect.TIGHTER
            yield _gone("/profile", words, effect) if sign > 0 else _new("/profile", words, effect)
    names = {u.name for u in (*a.unread, *b.unread)} - {"target", "assigner", "assignee"} | {"conflict"}
    for name in sorted(names):
        mine_said, theirs_said = _said(a, name), _said(b, name)
        if mine_said != theirs_said:
            yield _member(name, mine_said, theirs_said)


def _member(name: str, mine: str, theirs: str) -> Change:
    words = _MEMBER.fill(plain(name))
    before = Text(f"{words.ko} {mine or '–'}", f"{words.en} {mine or '–'}")
    sentence = _CHANGED.fill(before, plain(theirs or "–"), _EFFECT[Effect.OTHER])
    return Change(f"/{name}", f"/{name}", Effect.OTHER, sentence)


def _said(policy: Policy, name: str) -> str:
    if name == "conflict":
        return policy.conflict or ""
    return next((u.text for u in policy.unread if u.name == name), "")


def _rules(mine: Sequence[Rule], theirs: Sequence[Rule]) -> Iterator[Change]:
    for one, other in pairs(mine, theirs):
        if one is not None and other is not None:
            yield from _inside(one, other)
            continue
        rule = one or other
        assert rule is not None
        permits = rule.kind is RuleKind.PERMISSION
        if one is not None:
            yield _gone(rule.pointer, _rule_words(rule), Effect.TIGHTER if permits else Effect.LOOSER)
        else:
            yield _new(rule.pointer, _rule_words(rule), Effect.LOOSER if permits else Effect.TIGHTER)


def _inside(a: Rule, b: Rule) -> Iterator[Change]:
    prohibits = a.kind is RuleKind.PROHIBITION
    for one, other in pairs(_needed(flat(a.constraints)), _needed(flat(b.constraints))):
        yield _constraint(one, other, prohibits=prohibits)
    for one_duty, other_duty in pairs(a.duties, b.duties):
        yield _part(one_duty, other_duty, prohibits=prohibits)
    own, others = {(u.name, u.text) for u in a.unread}, {(u.name, u.text) for u in b.unread}
    for name, text in sorted(own - others):
        yield _gone(f"{a.pointer}/{name}", plain(f"{name}={text}"), Effect.OTHER)
    for name, text in sorted(others - own):
        yield _new(f"{b.pointer}/{name}", plain(f"{name}={text}"), Effect.OTHER)


def flat(constraints: Sequence[Constraint]) -> list[Constraint]:
    """Constraints of a rule all have to hold: an `and` among them says nothing more."""
    found: list[Constraint] = []
    for constraint in constraints:
        if isinstance(constraint, Logic) and constraint.logic == "and" and not constraint.unread:
            found += flat(constraint.parts)
        else:
            found.append(constraint)
    return found


def _constraint(a: Constraint | None, b: Constraint | None, *, prohibits: bool) -> Change:
    if a is None or b is None:
        return _part(a, b, prohibits=prohibits)
    effect = _turned(_effect(a, b), prohibits)
    return Change(a.pointer, b.pointer, effect, _CHANGED.fill(phrase(a), phrase(b), _EFFECT[effect]))


def _part(a: _Part | None, b: _Part | None, *, prohibits: bool) -> Change:
    words = [_DUTY.fill(duty_phrase(p)) if isinstance(p, Rule) else phrase(p) for p in (a, b) if p]
    if a is not None and b is not None:
        return Change(a.pointer, b.pointer, Effect.OTHER, _CHANGED.fill(*words, _EFFECT[Effect.OTHER]))
    if a is not None:
        return _gone(a.pointer, words[0], _turned(Effect.LOOSER, prohibits))
    assert b is not None
    return _new(b.pointer, words[0], _turned(Effect.TIGHTER, prohibits))


def relate(a: Constraint, b: Constraint) -> Relation:
    """How two constraints lie to each other, each as the only one of a permission."""
    return _relates(_alone([a]), _alone([b]))


def _effect(a: Constraint, b: Constraint) -> Effect:
    return {Relation.WIDER: Effect.TIGHTER, Relation.NARROWER: Effect.LOOSER}.get(relate(a, b), Effect.OTHER)


def _turned(effect: Effect, prohibits: bool) -> Effect:
    """A condition that is tighter makes a prohibition narrower, and so what is permitted wider."""
    if not prohibits or effect is Effect.OTHER:
        return effect
    return Effect.LOOSER if effect is Effect.TIGHTER else Effect.TIGHTER


def _gone(pointer: str, words: Text, effect: Effect) -> Change:
    return Change(pointer, "", effect, _REMOVED.fill(words, _EFFECT[effect]))


def _new(pointer: str, words: Text, effect: Effect) -> Change:
    return Change("", pointer, effect, _ADDED.fill(words, _EFFECT[effect]))


def _rule_words(rule: Rule) -> Text:
    if rule.kind is RuleKind.OBLIGATION:
        return _RULE[rule.kind].fill(duty_phrase(rule))
    return _RULE[rule.kind].fill(action_of(rule.action))


def pairs(mine: Sequence[Any], theirs: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    """What only one side says, paired by likeness; None where the other side has nothing like it."""
    ours, others = {key_of_part(p): p for p in mine}, {key_of_part(p): p for p in theirs}
    left = [part for key, part in ours.items() if key not in others]
    right = [part for key, part in others.items() if key not in ours]
    if len(left) * len(right) > _MANY**2:  # so different that pairing them would explain nothing
        yield from ((part, None) for part in left)
        yield from ((None, part) for part in right)
        return
    for part in left:
        twin = max(right, key=lambda other: likeness(part, other), default=None)
        if twin is None or likeness(part, twin) == 0:
            yield part, None
        else:
            right.remove(twin)
            yield part, twin
    for part in right:
        yield None, part


def _alone(constraints: Sequence[Constraint]) -> Policy:
    rule = Rule(RuleKind.PERMISSION, terms.USE, tuple(constraints))
    return Policy("", Kind.SET, None, None, None, (rule,), (), ())


def _needed(constraints: list[Constraint]) -> list[Constraint]:
    """Without those that the others say anyway."""
    if not 1 < len(constraints) <= _MANY:
        return constraints
    kept = list(constraints)
    for constraint in constraints:
        rest = [c for c in kept if c is not constraint]
        if rest and _relates(_alone(rest), _alone([constraint])) in (Relation.EQUAL, Relation.NARROWER):
            kept = rest
    return kept


def _relates(a: Policy, b: Policy) -> Relation:
    try:
        space = Space([a, b], exact=True)
        pa, pb = space.permits(a), space.permits(b)
        more_a, more_b = _only(space, pa, pb), _only(space, pb, pa)
    except TooHard:
        return Relation.INCOMPARABLE
    if more_a is None:
        return Relation.EQUAL if more_b is None else Relation.NARROWER
    return Relation.WIDER if more_b is None else Relation.INCOMPARABLE
