"""A decision and why: each premise of each rule with what was needed and what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from connector.policy import terms
from connector.policy.context import Context
from connector.policy.operand import Enforcement, Operand
from connector.policy.outcome import Outcome
from connector.policy.texts import Text, join, plain
from connector.policy.tree import NotUnderstood
from connector.policy.values import Value

SHOWN_VALUES: Final = 5
"""Values of a long set that a sentence names."""

PERMITTED: Final = "permitted"
PROHIBITED: Final = "prohibited"
NO_PERMISSION: Final = "no-permission"
NOT_UNDERSTOOD: Final = "not-understood"
POLICY_VOID: Final = "policy-void"
OBLIGATION_VIOLATED: Final = "obligation-violated"

_MORE: Final = Text(ko="외 {}개", en="and {} more")
_NEEDED: Final = Text(ko="필요한 조건: {}. 확인한 사실: {}.", en="Required: {}. Seen: {}.")
_FORBIDDEN: Final = Text(ko="금지하는 조건: {}. 확인한 사실: {}.", en="Prohibited: {}. Seen: {}.")
_FIXED: Final = {
    POLICY_VOID: Text(
        ko="허용과 금지가 부딪치며, 계약은 그런 경우 무효라고 정합니다.",
        en="A permission and a prohibition meet, and the contract says that it is void then.",
    ),
    OBLIGATION_VIOLATED: Text(
        ko="계약의 의무가 기한 안에 이행되지 않았습니다.",
        en="An obligation of the contract was not met in time.",
    ),
    PERMITTED: Text(ko="계약이 이 이용을 허용합니다.", en="The contract permits this use."),
    PROHIBITED: Text(ko="계약이 이 이용을 금지합니다.", en="The contract prohibits this use."),
    NO_PERMISSION: Text(
        ko="이 이용을 허용하는 규칙이 계약에 없습니다.", en="No rule of the contract permits this use."
    ),
}


@dataclass(frozen=True, slots=True)
class Term:
    """One premise of a rule, as it stands in the policy; made once, when the policy is compiled.

    rule, pointer: JSON pointers of the rule and of the premise. operand: None for logic and for
    what is not understood. name: the operand's IRI, or the logic's or the odd thing's name.
    """

    rule: str
    pointer: str
    name: str
    operator: str
    values: tuple[Value, ...]
    prohibits: bool
    operand: Operand | None = None
    strange: NotUnderstood | None = None

    @property
    def needed(self) -> Text:
        """What the premise says, in words."""
        if self.strange is not None:
            return self.strange.text
        if self.operand is None:
            return LOGIC[self.operator]
        return clause(self.operand, self.operator, self.values)

    @property
    def enforcement(self) -> Enforcement:
        """How far it is more than words; what is not understood is only promised."""
        return Enforcement.PROMISED if self.operand is None else self.operand.enforcement


LOGIC: Final = {
    "and": Text(ko="다음을 모두 지킬 때", en="all of these hold"),
    "andSequence": Text(ko="다음을 차례로 모두 지킬 때", en="all of these hold, in this order"),
    "or": Text(ko="다음 가운데 하나 이상을 지킬 때", en="at least one of these holds"),
    "xone": Text(ko="다음 가운데 꼭 하나만 지킬 때", en="exactly one of these holds"),
}


def clause(operand: Operand, operator: str, values: tuple[Value, ...]) -> Text:
    """One comparison in words; of a long set only the first values are named."""
    shown = [operand.show(value) for value in values[:SHOWN_VALUES]]
    if len(values) > SHOWN_VALUES:
        shown.append(_MORE.fill(str(len(values) - SHOWN_VALUES)))
    return operand.clauses[operator].fill(join(shown, ", "))


class Reason(NamedTuple):
    """How one premise turned out. The facts are kept; the words are made when somebody reads them.

    A tuple, because a decision makes one for each premise: that is three times as quick.
    """

    term: Term
    outcome: Outcome
    context: Context

    @property
    def rule(self) -> str:
        """JSON pointer of the rule."""
        return self.term.rule

    @property
    def pointer(self) -> str:
        """JSON pointer of the premise."""
        return self.term.pointer

    @property
    def operand(self) -> str:
        """The operand's IRI; for logic and odd things their name."""
        return self.term.name

    @property
    def operator(self) -> str:
        """The bare operator name, `""` where there is none."""
        return self.term.operator

    @property
    def needed(self) -> Text:
        """What the premise asks for."""
        return self.term.needed

    @property
    def seen(self) -> Text:
        """What was found."""
        operand = self.term.operand
        return plain("–") if operand is None else operand.seen(self.context)

    @property
    def enforcement(self) -> Enforcement:
        """Enforced, evidenced or only promised."""
        return self.term.enforcement

    @property
    def code(self) -> str:
        """What this premise contributes to a refusal."""
        term = self.term
        if term.strange is not None:
            return NOT_UNDERSTOOD
        if self.outcome is Outcome.UNKNOWN and term.operand is not None:
            return term.operand.unknown_code
        if term.prohibits:
            return PROHIBITED
        if term.operand is None:
            return NO_PERMISSION
        return term.operand.false_code(term.operator, term.values, self.context)

    @property
    def sentence(self) -> Text:
        """The whole of it, in both languages."""
        if self.term.strange is not None:
            return self.term.strange.text
        return (_FORBIDDEN if self.term.prohibits else _NEEDED).fill(self.needed, self.seen)

    def text(self, lang: str) -> str:
        """The sentence in one language."""
        return self.sentence.of(lang)

    def to_json(self) -> dict[str, Any]:
        """Everything, for a report or an API."""
        return {
            "rule": self.rule,
            "pointer": self.pointer,
            "operand": terms.short(self.operand),
            "operator": self.operator,
            "needed": self.needed.to_json(),
            "seen": self.seen.to_json(),
            "outcome": self.outcome.value,
            "enforcement": self.enforcement.value,
        }


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether the use is permitted now, and everything it rests on.

    code: `permitted`, or the one word of the refusal (`docs/policy.md` lists them).
    cause: the premise behind a refusal, None if it has no single one.
    valid_until: of a permitted decision the first instant at which the clock alone may turn it;
    None if the clock never does. facts: the names of the facts that the policy looks at; while
    these and the clock before `valid_until` are the same, so is the decision.
    """

    permitted: bool
    code: str
    reasons: tuple[Reason, ...]
    cause: Reason | None = None
    rule: str = ""
    valid_until: datetime | None = None
    facts: frozenset[str] = frozenset()

    @property
    def reason(self) -> Text:
        """The decision in one sentence per language."""
        if self.cause is None:
            return _FIXED.get(self.code, _FIXED[NO_PERMISSION])
        return self.cause.sentence

    def text(self, lang: str) -> str:
        """That sentence in one language."""
        return self.reason.of(lang)

    def to_json(self) -> dict[str, Any]:
        """The body of the data endpoint's answer: code, reason in ko and en, pointer of the rule."""
        return {"code": self.code, "reason": self.reason.to_json(), "rule": self.rule}
