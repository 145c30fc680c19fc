"""odrl:recipient: who gets the data, the authenticated participant (ODRL Vocabulary 2.2, recipient)."""

from __future__ import annotations

from connector.model.names import ODRL
from connector.policy.context import Context
from connector.policy.operand import MISSING, Enforcement, Evidence, Operand, named, read_name
from connector.policy.outcome import Test
from connector.policy.texts import Text, plain
from connector.policy.values import Value, show_value


def _build(operator: str, values: tuple[Value, ...], open_level: int) -> Test:
    return named("recipient", operator, frozenset(map(str, values)), open_level, {})


def _seen(ctx: Context) -> Text:
    who = MISSING if ctx.recipient is None else plain(ctx.recipient)
    return Text(ko="받는 쪽: {}", en="recipient: {}").fill(who)


OPERAND = Operand(
    iri=ODRL + "recipient",
    title=Text(ko="받는 쪽", en="recipient"),
    facts=("recipient",),
    evidence=Evidence.IDENTITY,
    enforcement=Enforcement.ENFORCED,
    read=read_name,
    build=_build,
    false_code=lambda _operator, _values, _ctx: "recipient-not-listed",
    false_codes=("recipient-not-listed",),
    unknown_code="recipient-unknown",
    clauses={
        "eq": Text(ko="받는 쪽이 {}일 때", en="the recipient is {}"),
        "neq": Text(ko="받는 쪽이 {} 외의 참여자일 때", en="the recipient is not {}"),
        "isAnyOf": Text(ko="받는 쪽이 다음 가운데 하나일 때: {}", en="the recipient is one of: {}"),
        "isNoneOf": Text(ko="받는 쪽이 다음에 없을 때: {}", en="the recipient is none of: {}"),
    },
    show=lambda value: plain(show_value(value)),
    seen=_seen,
)
