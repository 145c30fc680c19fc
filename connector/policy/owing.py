"""What a contract obliges to: each duty with its deadline and where it stands, for the duty ledger.

Pure: the ledger keeps the states and the evidence, sets its reminders by `due_at`, and hands the
states back in `World.duties` under `key`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from connector.policy.compiling import Compiler, Mode
from connector.policy.context import Context
from connector.policy.tree import Policy, Rule, RuleKind
from connector.policy.world import Deontic


@dataclass(frozen=True, slots=True)
class Owed:
    """One duty. key: what `World.duties` calls it. rule: the pointer of the rule that it belongs to.

    due_at: None if it has no deadline, or one that is not known before the agreement. state: None
    if neither a log nor a ledger tells. binds: whether it has to be done at all now. after: for a
    consequence or remedy, the key of the rule that has to be broken first, else "".
    """

    key: str
    kind: RuleKind
    action: str
    rule: str
    due_at: datetime | None
    state: Deontic | None
    binds: bool
    after: str = ""


def owed(policy: Policy, ctx: Context) -> list[Owed]:
    """Every duty of the policy in its order, consequences after the duty that they belong to."""
    compiler = Compiler(policy, Mode.OURS)
    found: list[Owed] = []
    for rule in policy.permissions + policy.prohibitions:
        if not rule.not_understood:
            after = _key(rule) if rule.kind is RuleKind.PROHIBITION else ""
            for duty in rule.duties:
                found += _owed(compiler, duty, rule, rule, ctx, after)
    for rule in policy.obligations:
        if not rule.not_understood:
            found += _owed(compiler, rule, None, rule, ctx, "")
    return found


def _owed(
    compiler: Compiler, duty: Rule, of: Rule | None, top: Rule, ctx: Context, after: str
) -> Iterator[Owed]:
    compiled = compiler.duty(duty, of)
    standing = compiled.standing(ctx)
    due = compiled.due_at(ctx.agreed_at)
    yield Owed(_key(duty), duty.kind, duty.action, top.pointer, due, standing.state, standing.binds, after)
    for one in duty.duties:
        yield from _owed(compiler, one, of or duty, top, ctx, _key(duty))


def _key(rule: Rule) -> str:
    return rule.id or rule.pointer
