"""Policy -> closures over the facts -> decision.

Closed world: without an active permission the answer is no, an active prohibition outweighs every
permission, an unknown premise leaves a permission inactive and a prohibition active, and anything
not understood about the whole policy denies. The plain answer and the one with reasons run the
same compiled tests.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from connector.model.names import ODRL
from connector.policy import moments
from connector.policy.compiling import CompiledObligation, CompiledRule, Compiler, Mode, Node
from connector.policy.context import Context
from connector.policy.decision import (
    NO_PERMISSION,
    NOT_UNDERSTOOD,
    OBLIGATION_VIOLATED,
    PERMITTED,
    POLICY_VOID,
    PROHIBITED,
    Decision,
    Reason,
    Term,
)
from connector.policy.further import FURTHER
from connector.policy.operands import OPERANDS
from connector.policy.outcome import FALSE, OPEN_TRUE, OUTCOMES, TRUE, UNKNOWN, Outcome
from connector.policy.premises import DUTY, PREMISES
from connector.policy.tree import NotUnderstood, Policy

CODES: Final = frozenset(
    {PERMITTED, PROHIBITED, NO_PERMISSION, NOT_UNDERSTOOD}
    | {code for o in (*OPERANDS.values(), *PREMISES) for code in (*o.false_codes, o.unknown_code)}
)
"""Every code a decision can have about a policy that was read with the default vocabulary."""

WHOLE_CODES: Final = (
    CODES
    | {POLICY_VOID, OBLIGATION_VIOLATED}
    | {code for o in (DUTY, *FURTHER.values()) for code in (*o.false_codes, o.unknown_code)}
)
"""Every code a decision can have about any policy."""

_Found = tuple[CompiledRule, list[Reason]]


class Compiled:
    """A policy ready to be asked; immutable, shareable between threads. Made by `compile`."""

    __slots__ = (
        "_blocks",
        "_holds",
        "_is_void_in_conflict",
        "_mode",
        "_obligation_tests",
        "_permission_tests",
        "_permission_wins",
        "_prohibition_tests",
        "_rules",
        "facts",
        "obligations",
        "permissions",
        "prohibitions",
    )

    facts: frozenset[str]
    """The fields of `Context` that the answer depends on."""

    def __init__(
        self,
        permissions: tuple[CompiledRule, ...],
        prohibitions: tuple[CompiledRule, ...],
        blocks: tuple[NotUnderstood, ...],
        obligations: tuple[CompiledObligation, ...] = (),
        conflict: str = "",
        mode: Mode = Mode.OURS,
    ) -> None:
        self._rules = prohibitions + permissions
        self.permissions = permissions
        self.prohibitions = prohibitions
        self.obligations = obligations
        self._blocks = blocks
        self._mode = mode
        self._permission_wins = conflict == ODRL + "perm"
        self._is_void_in_conflict = conflict == ODRL + "invalid"
        # In the closed reading an unknown premise of a prohibition is one that does not hold.
        self._holds = TRUE if mode is Mode.CLOSED else UNKNOWN
        self._permission_tests = tuple(tuple(n.test for n in rule.premises) for rule in permissions)
        self._prohibition_tests = (
            ()
            if self._permission_wins
            else tuple(tuple(n.test for n in rule.premises) for rule in prohibitions)
        )
        self._obligation_tests = tuple(one.node.test for one in obligations)
        nodes = (node for rule in permissions + prohibitions for top in rule.premises for node in top.walk())
        facts = {fact for node in nodes if node.term.operand for fact in node.term.operand.facts}
        if obligations:
            facts |= {"duties", "now", "agreed_at"}
        self.facts = frozenset(facts)

    def permits(self, ctx: Context) -> bool:
        """The plain answer, as fast as it gets: what `evaluate(ctx).permitted` says. Never raises."""
        if self._blocks:
            return False
        for owed in self._obligation_tests:
            if owed(ctx) < OPEN_TRUE:
                return False
        holds = self._holds
        for tests in self._prohibition_tests:
            for test in tests:
                if test(ctx) < holds:
                    break
            else:
                return False
        for tests in self._permission_tests:
            for test in tests:
                if test(ctx) < OPEN_TRUE:
                    break
            else:
                return True
        return False

    def evaluate(self, ctx: Context) -> Decision:
        """The answer with its reasons. Never raises."""
        reasons = [Reason(_block_term(b), Outcome.UNKNOWN, ctx) for b in self._blocks]
        found: list[tuple[CompiledRule, int, list[Reason]]] = []
        for rule in self._rules:
            failing: list[Reason] = []
            lowest, prohibits = TRUE, rule.prohibits
            for node in rule.premises:
                level = node.test(ctx)
                lowest = min(lowest, level)
                if node.parts or (level == UNKNOWN if prohibits else level < OPEN_TRUE):
                    _explain(node, level, ctx, reasons, failing, prohibits)
                else:
                    reasons.append(Reason(node.term, OUTCOMES[level], ctx))
            found.append((rule, lowest, failing))
        why = tuple(reasons)
        if self._blocks:
            return Decision(False, NOT_UNDERSTOOD, why, why[0], why[0].pointer, None, self.facts)
        for one in self.obligations:
            if one.node.test(ctx) < OPEN_TRUE:
                return self._broken(one, why, ctx)
        granted = [rule for rule, level, _ in found if not rule.prohibits and level >= OPEN_TRUE]
        active = [(r, why_) for r, level, why_ in found if r.prohibits and level >= self._holds]
        if active and not (granted and self._permission_wins):
            if granted and self._is_void_in_conflict and any(not why_ for _, why_ in active):
                return Decision(False, POLICY_VOID, why, None, active[0][0].pointer, None, self.facts)
            return self._prohibited(active, why)
        if granted:
            return Decision(
                True, PERMITTED, why, None, granted[0].pointer, self._until(granted, ctx), self.facts
            )
        return self._refused([(rule, failing) for rule, _, failing in found if not rule.prohibits], why)

    def _broken(self, one: CompiledObligation, why: tuple[Reason, ...], ctx: Context) -> Decision:
        cause = Reason(one.node.term, OUTCOMES[one.node.test(ctx)], ctx)
        return Decision(False, OBLIGATION_VIOLATED, (*why, cause), None, one.pointer, None, self.facts)

    def _until(self, granted: list[CompiledRule], ctx: Context) -> datetime | None:
        """While one permission lasts and no prohibition wakes, the clock changes nothing."""
        ends = [rule.next_change(ctx) for rule in granted]
        known = [end for end in ends if end is not None]
        until = max(known) if len(known) == len(ends) else None
        for rule in self.prohibitions:
            turn = rule.next_change(ctx)
            if turn is not None and (until is None or turn < until):
                until = turn
        for one in self.obligations:
            due = one.duty.due_at(ctx.agreed_at)
            turn = None if due is None else moments.next_change("lteq", due, ctx.now)
            if turn is not None and (until is None or turn < until):
                until = turn
        return until

    def _prohibited(self, active: list[_Found], why: tuple[Reason, ...]) -> Decision:
        """A prohibition that surely holds is the cause before one that only cannot be excluded."""
        sure = [(rule, failing) for rule, failing in active if not failing]
        if sure:
            rule = sure[0][0]
            own = [r for r in why if r.term.rule == rule.pointer and _is_constraint(r.term)]
            return Decision(False, PROHIBITED, why, own[0] if own else None, rule.pointer, None, self.facts)
        return self._refused(active, why)

    def _refused(self, rules: list[_Found], why: tuple[Reason, ...]) -> Decision:
        """The rule with the least in the way tells the reason; a plain no before an unknown."""
        if not rules:
            return Decision(False, NO_PERMISSION, why, None, "", None, self.facts)
        rule, failing = _nearest(rules)
        cause = _cause(failing)
        return Decision(False, cause.code, why, cause, rule.pointer, None, self.facts)


def compile(policy: Policy, mode: Mode = Mode.OURS) -> Compiled:  # noqa: A001 - the word that the whole room uses
    """Make a policy ready to be asked. Worth keeping per policy digest.

    What it understands is what the policy was read with. `Mode.CLOSED` is for judges that read a
    missing fact as false; a decision about data is always `Mode.OURS`.
    """
    compiler = Compiler(policy, mode)
    is_whole = compiler.vocabulary.is_whole
    return Compiled(
        tuple(compiler.rule(rule) for rule in policy.permissions),
        tuple(compiler.rule(rule) for rule in policy.prohibitions),
        tuple(entry for entry in policy.not_understood if entry.whole),
        tuple(compiler.obligation(r) for r in policy.obligations if is_whole and not r.not_understood),
        policy.conflict or "",
        mode,
    )


def _is_constraint(term: Term) -> bool:
    return not any(term.operand is premise for premise in PREMISES)


def _block_term(entry: NotUnderstood) -> Term:
    return Term("", entry.pointer, entry.name, "", (), False, None, entry)


def _explain(
    node: Node, level: int, ctx: Context, reasons: list[Reason], failing: list[Reason], prohibits: bool
) -> None:
    """Note a premise and its parts; `failing` gets the comparisons that keep the rule from holding."""
    reason = Reason(node.term, OUTCOMES[level], ctx)
    reasons.append(reason)
    below: list[Reason] = []
    for part in node.parts:
        _explain(part, part.test(ctx), ctx, reasons, below, prohibits)
    if level == UNKNOWN if prohibits else level < OPEN_TRUE:
        # Where too many parts of a `xone` hold, no single part is the reason.
        crowded = node.term.operator == "xone" and level == FALSE and len(below) < len(node.parts)
        failing.extend([reason] if crowded or not below else below)


_WORDS_FIRST: Final = {Outcome.FALSE: 0, Outcome.OPEN: 1, Outcome.UNKNOWN: 2, Outcome.TRUE: 3}


def _rank(reason: Reason) -> tuple[int, int, str]:
    """Order of causes: what is surely not met, then what is not known, last what is not understood."""
    strange = reason.term.strange is not None
    return (_WORDS_FIRST[reason.outcome], strange, reason.code)


def _cause(failing: list[Reason]) -> Reason:
    """The first of the causes, whatever the order they stand in; words decide between equals."""
    if len(failing) == 1:
        return failing[0]
    ranks = [_rank(reason) for reason in failing]
    first = min(ranks)
    equals = [reason for reason, rank in zip(failing, ranks, strict=True) if rank == first]
    return equals[0] if len(equals) == 1 else min(equals, key=lambda reason: reason.term.needed.en)


def _nearest(rules: list[_Found]) -> _Found:
    """The rule with the fewest and the least causes against it."""
    if len(rules) == 1:
        return rules[0]
    fewest = min(len(failing) for _, failing in rules)
    near = [found for found in rules if len(found[1]) == fewest]
    if len(near) == 1:
        return near[0]

    def weight(found: _Found) -> tuple[tuple[int, int, str], str]:
        cause = _cause(found[1])
        return _rank(cause), cause.term.needed.en

    return min(near, key=weight)
