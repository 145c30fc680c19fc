"""The premises every rule has beside its constraints: action, target and the parties.

They are compared like operands but cannot stand as one in a constraint.
"""

from __future__ import annotations

from typing import Final

from connector.model.names import ODRL
from connector.policy import terms
from connector.policy.context import Context
from connector.policy.operand import MISSING, Enforcement, Evidence, Operand, named, read_name
from connector.policy.outcome import TRUE, UNKNOWN, Test
from connector.policy.texts import Text, plain
from connector.policy.values import Value, show_value


def _action(_operator: str, values: tuple[Value, ...], _open_level: int) -> Test:
    """`use` on `use` holds. How any other pair of actions relates is not known here, so it is unknown."""
    if values[0] != terms.USE:
        return lambda _ctx: UNKNOWN
    return lambda ctx: TRUE if ctx.action == terms.USE else UNKNOWN


def _premise(name: str, fact: str, title: Text, code: str, evidence: Evidence) -> Operand:
    def build(operator: str, values: tuple[Value, ...], open_level: int) -> Test:
        return named(fact, operator, frozenset(map(str, values)), open_level, {})

    def seen(ctx: Context) -> Text:
        value: str | None = getattr(ctx, fact)
        return Text(ko="{}: {}", en="{}: {}").fill(title, MISSING if value is None else plain(value))

    return Operand(
        iri=ODRL + name,
        title=title,
        facts=(fact,),
        evidence=evidence,
        enforcement=Enforcement.ENFORCED,
        read=read_name,
        build=_action if name == "action" else build,
        false_code=lambda _operator, _values, _ctx: code,
        false_codes=(code,),
        unknown_code=code,
        clauses={"eq": Text(ko=f"{title.ko}: {{}}", en=f"{title.en}: {{}}")},
        show=lambda value: plain(terms.short(show_value(value))),
        seen=seen,
    )


ACTION: Final = _premise(
    "action", "action", Text(ko="행위", en="action"), "action-other", Evidence.CONFIGURATION
)
TARGET: Final = _premise(
    "target", "target", Text(ko="대상 데이터", en="target"), "target-other", Evidence.CONFIGURATION
)
ASSIGNER: Final = _premise(
    "assigner", "assigner", Text(ko="제공하는 쪽", en="assigner"), "assigner-other", Evidence.IDENTITY
)
ASSIGNEE: Final = _premise(
    "assignee", "recipient", Text(ko="계약한 받는 쪽", en="assignee"), "assignee-other", Evidence.IDENTITY
)


def _duty_seen(_ctx: Context) -> Text:
    return Text(ko="의무가 이행되지 않음", en="the duty is not known to be fulfilled")


DUTY: Final = Operand(
    iri=ODRL + "duty",
    title=Text(ko="의무", en="duty"),
    facts=("duties",),
    evidence=Evidence.DECLARATION,
    enforcement=Enforcement.EVIDENCED,
    read=read_name,
    build=lambda _operator, _values, _open_level: lambda _ctx: UNKNOWN,
    false_code=lambda _operator, _values, _ctx: "duty-open",
    false_codes=("duty-open",),
    unknown_code="duty-unknown",
    clauses={"eq": Text(ko="의무 이행: {}", en="the duty is fulfilled: {}")},
    show=lambda value: plain(terms.short(show_value(value))),
    seen=_duty_seen,
)
"""The premise that a duty makes; only a compiled duty can say where it stands."""

PREMISES: Final = (ACTION, TARGET, ASSIGNER, ASSIGNEE)
