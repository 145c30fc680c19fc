"""Policy -> closures over the facts -> decision.

Closed world: without an active permission the answer is no, an active prohibition outweighs every
permission, an unknown premise leaves a permission inactive and a prohibition active, and anything
not understood about the whole policy denies. The plain answer and the one with reasons run the
same compiled tests.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connector.model.names import ODRL
from connector.policy import moments
from connector.policy.context import Context
from connector.policy.decision import (
    NO_PERMISSION,
    NOT_UNDERSTOOD,
    PERMITTED,
    PROHIBITED,
    Decision,
    Reason,
    Term,
)
from connector.policy.operands import OPERANDS
from connector.policy.outcome import (
    FALSE,
    OPEN_FALSE,
    OPEN_TRUE,
    OUTCOMES,
    TRUE,
    UNKNOWN,
    Outcome,
    Test,
    conjunction,
    disjunction,
    exclusion,
)
from connector.policy.premises import ACTION, PREMISES
from connector.policy.terms import USE
from connector.policy.tree import Atomic, Constraint, Logic, NotUnderstood, Policy, Rule, RuleKind

CODES: Final = frozenset(
    {PERMITTED, PROHIBITED, NO_PERMISSION, NOT_UNDERSTOOD}
    | {code for o in (*OPERANDS.values(), *PREMISES) for code in (*o.false_codes, o.unknown_code)}
)
"""Every code a decision can have."""

_JOINS: Final = {"and": conjunction, "andSequence": conjunction, "or": disjunction, "xone": exclusion}


@dataclass(frozen=True, slots=True)
class Node:
    """One compiled premise, with the premises it is made of."""

    term: Term
    test: Test
    parts: tuple[Node, ...] = ()

    def leaves(self) -> Iterator[Node]:
        """The comparisons at the bottom."""
        if not self.parts:
            yield self
        for part in self.parts:
            yield from part.leaves()


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule as premises that all have to hold."""

    pointer: str
    prohibits: bool
    premises: tuple[Node, ...]
    clock: tuple[Node, ...]
    """The comparisons with now among them."""

    def next_change(self, ctx: Context) -> datetime | None:
        """The first instant after now at which the clock may turn one of its premises."""
        first: datetime | None = None
        for node in self.clock:
            operand = node.term.operand
            at = operand.bound(node.term.values[0], ctx.agreed_at) if operand and operand.bound else None
            turn = None if at is None else moments.next_change(node.term.operator, at, ctx.now)
            if turn is not None and (first is None or turn < first):
                first = turn
        return first


_Found = tuple[CompiledRule, list[Reason]]


class Compiled:
    """A policy ready to be asked; immutable, shareable between threads. Made by `compile`."""

    __slots__ = (
        "_blocks",
        "_permission_tests",
        "_permissions",
        "_prohibition_tests",
        "_prohibitions",
        "facts",
    )

    facts: frozenset[str]
    """The fields of `Context` that the answer depends on."""

    def __init__(
        self,
        permissions: tuple[CompiledRule, ...],
        prohibitions: tuple[CompiledRule, ...],
        blocks: tuple[NotUnderstood, ...],
    ) -> None:
        self._permissions = permissions
        self._prohibitions = prohibitions
        self._blocks = blocks
        self._permission_tests = tuple(tuple(n.test for n in rule.premises) for rule in permissions)
        self._prohibition_tests = tuple(tuple(n.test for n in rule.premises) for rule in prohibitions)
        rules = permissions + prohibitions
        leaves = (leaf for rule in rules for node in rule.premises for leaf in node.leaves())
        self.facts = frozenset(
            fact for leaf in leaves if leaf.term.operand for fact in leaf.term.operand.facts
        )

    def permits(self, ctx: Context) -> bool:
        """The plain answer, as fast as it gets: what `evaluate(ctx).permitted` says. Never raises."""
        if self._blocks:
            return False
        for tests in self._prohibition_tests:
            for test in tests:
                if test(ctx) < UNKNOWN:
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
        for rule in self._prohibitions + self._permissions:
            failing: list[Reason] = []
            level = TRUE
            for node in rule.premises:
                level = min(level, _explain(node, ctx, reasons, failing, rule.prohibits))
            found.append((rule, level, failing))
        why = tuple(reasons)
        if self._blocks:
            return Decision(False, NOT_UNDERSTOOD, why, why[0], why[0].pointer, None, self.facts)
        active = [(r, why_) for r, level, why_ in found if r.prohibits and level >= UNKNOWN]
        if active:
            return self._prohibited(active, why)
        granted = [rule for rule, level, _ in found if not rule.prohibits and level >= OPEN_TRUE]
        if granted:
            return Decision(
                True, PERMITTED, why, None, granted[0].pointer, self._until(granted, ctx), self.facts
            )
        return self._refused([(rule, failing) for rule, _, failing in found if not rule.prohibits], why)

    def _until(self, granted: list[CompiledRule], ctx: Context) -> datetime | None:
        """While one permission lasts and no prohibition wakes, the clock changes nothing."""
        ends = [rule.next_change(ctx) for rule in granted]
        known = [end for end in ends if end is not None]
        until = max(known) if len(known) == len(ends) else None
        for rule in self._prohibitions:
            turn = rule.next_change(ctx)
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
        rule, failing = min(rules, key=lambda one: _weight(one[1]))
        cause = min(failing, key=_rank)
        return Decision(False, cause.code, why, cause, rule.pointer, None, self.facts)


def compile(policy: Policy) -> Compiled:  # noqa: A001 - the word that the whole room uses
    """Make a policy ready to be asked. Worth keeping per policy digest."""
    return Compiled(
        tuple(_rule(policy, rule) for rule in policy.permissions),
        tuple(_rule(policy, rule) for rule in policy.prohibitions),
        tuple(entry for entry in policy.not_understood if entry.whole),
    )


def _is_constraint(term: Term) -> bool:
    return not any(term.operand is premise for premise in PREMISES)


def _rule(policy: Policy, rule: Rule) -> CompiledRule:
    prohibits = rule.kind is RuleKind.PROHIBITION
    open_level = OPEN_FALSE if prohibits else OPEN_TRUE
    nodes = [_strange(rule.pointer, entry, prohibits) for entry in rule.not_understood]
    use = rule.action if rule.action == USE else None  # any other action is among the strange
    for operand, value in zip(PREMISES, (use, policy.target, policy.assigner, policy.assignee), strict=True):
        if value is not None:
            where = rule.pointer + "/action" if operand is ACTION else operand.iri.replace(ODRL, "/")
            term = Term(rule.pointer, where, operand.iri, "eq", (value,), prohibits, operand)
            nodes.append(Node(term, operand.build("eq", (value,), open_level)))
    nodes += [_constraint(rule.pointer, c, prohibits) for c in rule.constraints]
    clock = tuple(leaf for n in nodes for leaf in n.leaves() if leaf.term.operand and leaf.term.operand.bound)
    return CompiledRule(rule.pointer, prohibits, tuple(nodes), clock)


def _strange(rule: str, entry: NotUnderstood, prohibits: bool) -> Node:
    term = Term(rule, entry.pointer, entry.name, "", (), prohibits, None, entry)
    return Node(term, lambda _ctx: UNKNOWN)


def _block_term(entry: NotUnderstood) -> Term:
    return Term("", entry.pointer, entry.name, "", (), False, None, entry)


def _constraint(rule: str, constraint: Constraint, prohibits: bool) -> Node:
    if constraint.not_understood is not None:
        return _strange(rule, constraint.not_understood, prohibits)
    match constraint:
        case Logic(logic=logic, parts=parts, pointer=pointer):
            nodes = tuple(_constraint(rule, part, prohibits) for part in parts)
            term = Term(rule, pointer, logic, logic, (), prohibits)
            return Node(term, _JOINS[logic](tuple(n.test for n in nodes)), nodes)
        case Atomic(operand=iri, operator=operator, values=values, pointer=pointer):
            operand = OPERANDS[iri]
            term = Term(rule, pointer, iri, operator, values, prohibits, operand)
            return Node(term, operand.build(operator, values, OPEN_FALSE if prohibits else OPEN_TRUE))


def _explain(node: Node, ctx: Context, reasons: list[Reason], failing: list[Reason], prohibits: bool) -> int:
    """Note a premise and its parts; `failing` gets the comparisons that keep the rule from holding."""
    level = node.test(ctx)
    reason = Reason(node.term, OUTCOMES[level], ctx)
    reasons.append(reason)
    below: list[Reason] = []
    for part in node.parts:
        _explain(part, ctx, reasons, below, prohibits)
    if level == UNKNOWN if prohibits else level < OPEN_TRUE:
        # Where too many parts of a `xone` hold, no single part is the reason.
        crowded = node.term.operator == "xone" and level == FALSE and len(below) < len(node.parts)
        failing.extend([reason] if crowded or not below else below)
    return level


_WORDS_FIRST: Final = {Outcome.FALSE: 0, Outcome.OPEN: 1, Outcome.UNKNOWN: 2, Outcome.TRUE: 3}


def _rank(reason: Reason) -> tuple[int, int, str, str]:
    """Order of causes: what is surely not met, then what is not known, last what is not understood."""
    strange = reason.term.strange is not None
    return (_WORDS_FIRST[reason.outcome], strange, reason.code, reason.term.needed.en)


def _weight(failing: list[Reason]) -> tuple[int, tuple[int, int, str, str]]:
    return len(failing), min(_rank(reason) for reason in failing)
