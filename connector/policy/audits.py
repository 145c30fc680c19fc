"""Was a contract kept? The log of what was done, judged against the whole policy.

Each event has to be permitted by a rule, with that permission's duties done before it, and hit no
prohibition; each obligation has to be met by some event. A duty left undone is made up for by doing
it and all of its consequences afterwards; a prohibited act by doing all of its remedies afterwards
(ODRL Information Model 2.2 §2.6.5, §2.6.7). What the log does not tell is not so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from connector.policy.compiling import CompiledRule, Mode, Premise
from connector.policy.context import Context
from connector.policy.duties import CompiledDuty, event_context
from connector.policy.evaluation import compile as compile_policy
from connector.policy.outcome import OPEN_TRUE
from connector.policy.texts import Text
from connector.policy.tree import Policy
from connector.policy.world import Deontic, Event, World


class Breach(StrEnum):
    """How a contract was broken."""

    NOT_PERMITTED = "not-permitted"
    DUTY_OPEN = "duty-open"
    PROHIBITED = "prohibited"
    OBLIGATION_OPEN = "obligation-open"
    NOT_UNDERSTOOD = "not-understood"


_WORDS: Final[Mapping[Breach, Text]] = {
    Breach.NOT_PERMITTED: Text(ko="허용하는 규칙이 없는 이용입니다.", en="No rule permits what was done."),
    Breach.DUTY_OPEN: Text(
        ko="먼저 이행해야 할 의무가 이행되지 않았습니다.", en="A duty that comes first was not done."
    ),
    Breach.PROHIBITED: Text(
        ko="금지된 이용이며 바로잡지도 않았습니다.", en="What was done is prohibited and was not remedied."
    ),
    Breach.OBLIGATION_OPEN: Text(ko="의무가 이행되지 않았습니다.", en="An obligation was not met."),
    Breach.NOT_UNDERSTOOD: Text(
        ko="계약에 해석할 수 없는 부분이 있습니다.", en="Something in the contract is not understood."
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One breach. rule: JSON pointer. event: what was done, None where something was left undone."""

    breach: Breach
    rule: str
    event: Event | None

    @property
    def text(self) -> Text:
        """In both languages."""
        return _WORDS[self.breach]

    def to_json(self) -> dict[str, Any]:
        """Code, rule, the event's time and action, and the sentence in ko and en."""
        out: dict[str, Any] = {"code": self.breach.value, "rule": self.rule, "text": self.text.to_json()}
        if self.event is not None:
            out |= {"at": self.event.at.isoformat(), "action": self.event.action}
        return out


def audit(
    policy: Policy,
    events: tuple[Event, ...],
    *,
    world: World | None = None,
    agreed_at: datetime | None = None,
    until: datetime | None = None,
) -> list[Finding]:
    """Every breach that the log shows, events in the order of time; empty if the contract was kept.

    world: memberships, hierarchies, and duties of which somebody keeps the state. until: the moment
    of the audit; an obligation whose deadline has not come by then is not open. Without it the log
    is taken to be complete.
    """
    blocks = [entry for entry in policy.not_understood if entry.whole]
    if blocks:
        return [Finding(Breach.NOT_UNDERSTOOD, blocks[0].pointer, None)]
    ordered = tuple(sorted(events, key=lambda event: event.at))
    compiled = compile_policy(policy, Mode.CLOSED)
    known = replace(world or World(), events=ordered)
    last = until or max((event.at for event in ordered), default=None)
    if last is None:
        last = agreed_at
    findings: list[Finding] = []
    uses: dict[str, int] = {}
    for event in ordered:
        ctx = _context(event, known, agreed_at)
        findings += _event(event, ctx, compiled.permissions, uses, ordered)
        findings += [
            Finding(Breach.PROHIBITED, rule.pointer, event)
            for rule in compiled.prohibitions
            if _applies(rule, replace(ctx, uses=uses.get(rule.pointer, 0)))
            and not _is_remedied(rule, ctx, event.at, ordered)
        ]
    if last is not None:
        base = Context(now=last, agreed_at=agreed_at, world=known)
        findings += [
            Finding(Breach.OBLIGATION_OPEN, one.pointer, None)
            for one in compiled.obligations
            if not _is_met(one.duty, base, ordered, is_complete=until is None)
        ]
    return findings


def _context(event: Event, known: World, agreed_at: datetime | None) -> Context:
    base = Context(now=event.at, agreed_at=agreed_at, world=known)
    return event_context(event, base)


def _applies(rule: CompiledRule, ctx: Context) -> bool:
    """Whether all premises but the duties hold."""
    return all(node.test(ctx) >= OPEN_TRUE for node in rule.premises if node.kind is not Premise.DUTY)


def _event(
    event: Event,
    ctx: Context,
    permissions: tuple[CompiledRule, ...],
    uses: dict[str, int],
    ordered: tuple[Event, ...],
) -> list[Finding]:
    """One rule that permits the act, its duties done, is enough."""
    active = [r for r in permissions if _applies(r, replace(ctx, uses=uses.get(r.pointer, 0)))]
    for rule in active:
        uses[rule.pointer] = uses.get(rule.pointer, 0) + 1
    if not active:
        return [Finding(Breach.NOT_PERMITTED, "", event)]
    free = [rule for rule in active if all(_is_kept(d, ctx, event.at, ordered) for d in rule.duties)]
    return [] if free else [Finding(Breach.DUTY_OPEN, active[0].pointer, event)]


def _is_kept(duty: CompiledDuty, ctx: Context, at: datetime, ordered: tuple[Event, ...]) -> bool:
    """Done before the act, or afterwards together with its consequences."""
    kept = next((s for key in duty.keys if (s := ctx.world.duties.get(key)) is not None), None)
    if kept is not None:
        return kept is Deontic.FULFILLED
    before = [event for event in ordered if event.at <= at]
    return duty.is_done(ctx, before) or duty.is_made_up(ctx, at, ordered)


def _is_remedied(rule: CompiledRule, ctx: Context, at: datetime, ordered: tuple[Event, ...]) -> bool:
    later = [event for event in ordered if event.at > at]
    return bool(rule.duties) and all(
        one.is_done(ctx, later) or one.is_made_up(ctx, at, later) for one in rule.duties
    )


def _is_met(duty: CompiledDuty, ctx: Context, ordered: tuple[Event, ...], *, is_complete: bool) -> bool:
    kept = next((s for key in duty.keys if (s := ctx.world.duties.get(key)) is not None), None)
    if kept is not None:
        return kept is not Deontic.VIOLATED
    if duty.is_done(ctx, ordered):
        return True
    due = duty.due_at(ctx.agreed_at)
    if due is not None and not is_complete and ctx.now <= due:
        return True
    first = min((event.at for event in ordered), default=None)
    broken_at = due if due is not None else first
    return broken_at is not None and duty.is_made_up(ctx, broken_at, ordered)
