"""The spine's purpose and recipient with the operators that need a hierarchy or memberships.

Both look at the same facts as before; `isA` and `isPartOf` also at `Context.world`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from connector.policy.comparing import judge
from connector.policy.context import Context
from connector.policy.operand import Operand
from connector.policy.operands.purpose import OPERAND as PURPOSE
from connector.policy.operands.purpose import purpose_iri
from connector.policy.operands.recipient import OPERAND as RECIPIENT
from connector.policy.outcome import UNKNOWN, Test
from connector.policy.texts import Text
from connector.policy.values import Value


def _hierarchical(model: Operand, get: Callable[[Context], str | None], clauses: dict[str, Text]) -> Operand:
    fact = model.facts[0]

    def build(operator: str, values: tuple[Value, ...], open_level: int) -> Test:
        if operator not in clauses:
            return model.build(operator, values, open_level)

        def test(ctx: Context) -> int:
            name = get(ctx)
            if name is None:
                return open_level if fact in ctx.deferred else UNKNOWN
            return judge(operator, name, values, ctx.world)

        return test

    return replace(model, build=build, facts=(fact, "world"), clauses={**model.clauses, **clauses})


OPERANDS: Final = (
    _hierarchical(
        PURPOSE,
        lambda ctx: None if ctx.purpose is None else purpose_iri(ctx.purpose),
        {"isA": Text(ko="밝힌 목적이 {}의 한 종류일 때", en="the declared purpose is a kind of {}")},
    ),
    _hierarchical(
        RECIPIENT,
        lambda ctx: ctx.recipient,
        {
            "isA": Text(ko="받는 쪽이 {}에 속할 때", en="the recipient is one of the group {}"),
            "isPartOf": Text(ko="받는 쪽이 {}에 속할 때", en="the recipient is a member of {}"),
        },
    ),
)
