"""Do two policies contradict each other?

Conflict: no request satisfies a permission of both, or there is a request that one permits and the
other prohibits. Compatible: there is a request that both permit. Everything else is unknown, with
what stands in the way: an answer is given only where it is proved, by a request or by the search
that found none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from connector.policy.axes import TRUE, UNKNOWN
from connector.policy.equality import key_of_part
from connector.policy.evaluation import compile as compile_policy
from connector.policy.formula import Formula, TooHard, conj, solve
from connector.policy.reading import parse
from connector.policy.space import Space, atoms
from connector.policy.texts import Text, join, plain
from connector.policy.tree import Constraint, Policy, Rule
from connector.policy.witness import Witness, witness
from connector.policy.words import action_of, name_of, phrase
from connector.policy.world import Deontic

_MANY: Final = 40
"""Constraints of two rules among which the fewest that clash are looked for."""


class Verdict(StrEnum):
    """What is known about two policies."""

    CONFLICT = "conflict"
    COMPATIBLE = "compatible"
    UNKNOWN = "unknown"


class Silence(StrEnum):
    """What it means that only one of two policies speaks about an operand that the other leaves out.

    PERMITS: the other does not mind. UNKNOWN: what the other would want is not known, so policies
    that share an operand are called compatible only if both speak about all of them; policies that
    share none do not touch.
    """

    PERMITS = "permits"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Conflict:
    """The verdict and what shows it.

    witness: for *compatible* a request that both permit, for a prohibition in the way the request that
    one permits and the other prohibits; None where no request satisfies both. clash: JSON pointers
    into the first and the second policy of the fewest constraints that cannot hold together.
    """

    verdict: Verdict
    reason: Text
    witness: Witness | None = None
    clash: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    def to_json(self) -> dict[str, Any]:
        """Verdict, reason in ko and en, the witness's facts, and the pointers of the clash."""
        return {
            "verdict": self.verdict.value,
            "reason": self.reason.to_json(),
            "witness": None if self.witness is None else self.witness.to_json(),
            "clash": {"a": list(self.clash[0]), "b": list(self.clash[1])},
        }


_BOTH: Final = Text(
    ko="두 정책이 함께 허용하는 요청이 있습니다", en="there is a request that both policies permit"
)
_FORBIDDEN: Final = Text(
    ko="{} 정책이 허용하는 요청을 {} 정책이 금지합니다",
    en="policy {} permits a request that policy {} prohibits",
)
_NEVER: Final = Text(
    ko="함께 지킬 수 없는 조건: A 정책 [{}], B 정책 [{}]",
    en="these cannot hold together: policy A [{}], policy B [{}]",
)
_NO_PERMISSION: Final = Text(
    ko="허용이 없는 정책이 있어 함께 허용하는 요청이 없습니다",
    en="one policy permits nothing, so no request satisfies both",
)
_NO_COMMON: Final = Text(
    ko="두 정책이 함께 허용하는 요청이 없습니다", en="no request satisfies a permission of both policies"
)
_UNDECIDED: Final = Text(ko="판단할 수 없음: {}", en="not decided: {}")
_SILENT: Final = Text(ko="{} 항목은 한쪽 정책에만 있습니다", en="only one of the policies speaks about: {}")
_LARGE: Final = Text(ko="정책이 너무 복잡합니다", en="the policies are too intricate")
_STRANGE: Final = Text(ko="{} 조건은 서로 겹치는지 알 수 없습니다", en="whether {} overlap is not known")
_ENGINE: Final = Text(
    ko="찾은 요청을 평가기가 확인하지 못했습니다", en="the evaluator does not confirm the request found"
)


def conflicts(
    a: Mapping[str, Any] | Policy, b: Mapping[str, Any] | Policy, *, silence: Silence = Silence.PERMITS
) -> Conflict:
    """Whether two policies contradict each other, for requests whose facts are all known.

    Obligations bind after the use and are not looked at. A duty that both name counts as fulfilled.

    Raises:
        PolicyInvalid: one of them cannot be read.
    """
    first, second = (p if isinstance(p, Policy) else parse(p) for p in (a, b))
    try:
        return _decide(first, second, silence)
    except TooHard:
        return _unknown(_LARGE)


def _unknown(why: Text) -> Conflict:
    return Conflict(Verdict.UNKNOWN, _UNDECIDED.fill(why))


def _decide(a: Policy, b: Policy, silence: Silence) -> Conflict:
    space = Space([a, b], exact=False, parties=True)
    duties = [{("duty", key_of_part(d)) for rule in p.permissions for d in rule.duties} for p in (a, b)]
    space.shared = frozenset(duties[0] & duties[1])
    sure = [_permitted(space, p, TRUE) for p in (a, b)]
    maybe = [_permitted(space, p, UNKNOWN) for p in (a, b)]
    for one, other, names in ((0, 1, ("A", "B")), (1, 0, ("B", "A"))):
        policy = (a, b)[other]
        found = _solved(space, conj([sure[one], _about(space, policy), space.forbids(policy, TRUE)]))
        if found is not None and _engine_says((a, b)[one], policy, found, prohibited=True):
            return Conflict(Verdict.CONFLICT, _FORBIDDEN.fill(*names), found)
    if _solved(space, conj(maybe)) is None:
        return _clash(space, a, b)
    for one, other in ((0, 1), (1, 0)):
        policy = (a, b)[other]
        if _solved(space, conj([maybe[one], _about(space, policy), space.forbids(policy, UNKNOWN)])):
            return _unknown(_strange(a, b))
    found = _solved(space, conj(sure))
    if found is None:
        return _unknown(_strange(a, b))
    if not _engine_says(a, b, found, prohibited=False):
        return _unknown(_ENGINE)
    mine, theirs = _operands(a), _operands(b)
    silent = mine ^ theirs if silence is Silence.UNKNOWN and mine & theirs else frozenset()
    if silent:
        return _unknown(_SILENT.fill(join([name_of(iri) for iri in sorted(silent)], ", ")))
    return Conflict(Verdict.COMPATIBLE, _BOTH, found)


def _permitted(space: Space, policy: Policy, at_least: int) -> Formula:
    """A permission holds and no prohibition of its own surely (`UNKNOWN`) or possibly (`TRUE`) does."""
    against = UNKNOWN if at_least == TRUE else TRUE
    return conj(
        [
            space.whole(policy, at_least),
            space.permissions(policy, at_least),
            space.negate(space.forbids(policy, against)),
        ]
    )


def _about(space: Space, policy: Policy) -> Formula:
    """The request is about the data and the parties of this policy."""
    return space.whole(policy, UNKNOWN)


def _solved(space: Space, formula: Formula) -> Witness | None:
    chosen = solve(formula, space.full, space.orders)
    return None if chosen is None else witness(space, chosen)


def _engine_says(a: Policy, b: Policy, found: Witness, *, prohibited: bool) -> bool:
    """The evaluator agrees, where it understands every word of both policies."""
    if a.not_understood or b.not_understood or found.context is None:
        return True
    context = replace(found.context, world=replace(found.context.world, duties=_all_done(a, b)))
    first = compile_policy(a).permits(context)
    decision = compile_policy(b).evaluate(context)
    if prohibited:
        return first and not decision.permitted and decision.rule.startswith("/prohibition")
    return first and decision.permitted


def _all_done(a: Policy, b: Policy) -> dict[str, Deontic]:
    """Whoever asks has fulfilled the duties; the search relied on those only that both sides name."""
    duties = [duty for p in (a, b) for rule in p.permissions for duty in rule.duties]
    return {name: Deontic.FULFILLED for duty in duties for name in (duty.id, duty.pointer) if name}


def _operands(policy: Policy) -> frozenset[str]:
    rules = policy.permissions + policy.prohibitions
    return frozenset(atom.operand for rule in rules for c in rule.constraints for atom in atoms(c))


def _strange(a: Policy, b: Policy) -> Text:
    """Why the search cannot tell: the words whose overlap is not known."""
    shared = _operands(a) & _operands(b)
    odd = [e.name for p in (a, b) for e in p.not_understood if e.what not in ("operand", "operator")]
    said = [name_of(iri) for iri in sorted(shared)] or [plain(name) for name in dict.fromkeys(odd)]
    actions = {rule.action for p in (a, b) for rule in p.permissions + p.prohibitions}
    if not said or (len(actions) > 1 and not shared):
        said = [action_of(iri) for iri in sorted(actions)]
    return _STRANGE.fill(join(said, ", "))


def _clash(space: Space, a: Policy, b: Policy) -> Conflict:
    """No request satisfies both: the fewest constraints of one pair of permissions that show it."""
    if not a.permissions or not b.permissions:
        return Conflict(Verdict.CONFLICT, _NO_PERMISSION)
    mine, theirs = a.permissions[0], b.permissions[0]
    left, right = list(mine.constraints), list(theirs.constraints)
    if _solved(space, _both(space, mine, left, theirs, right)) is not None:
        return Conflict(Verdict.CONFLICT, _NO_COMMON)
    for side in (left, right) if len(left) + len(right) <= _MANY else ():
        for constraint in list(side):
            at = side.index(constraint)
            side.remove(constraint)
            if _solved(space, _both(space, mine, left, theirs, right)) is not None:
                side.insert(at, constraint)
    if not left and not right:
        return Conflict(Verdict.CONFLICT, _NO_COMMON)
    said = [join([phrase(c) for c in side]) if side else plain("–") for side in (left, right)]
    reason = _NEVER.fill(*said)
    clash = (tuple(c.pointer for c in left), tuple(c.pointer for c in right))
    return Conflict(Verdict.CONFLICT, reason, None, clash)


def _both(
    space: Space, mine: Rule, left: Sequence[Constraint], theirs: Rule, right: Sequence[Constraint]
) -> Formula:
    rules = ((mine, left), (theirs, right))
    return conj(space.rule(rule, UNKNOWN, constraints) for rule, constraints in rules)
