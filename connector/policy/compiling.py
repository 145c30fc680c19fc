"""Policy -> premises as closures: what `evaluation` and `reports` walk over.

A rule becomes premises that all have to hold, cheap ones first: its action, target and parties,
then its constraints, last its duties.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Final

from connector.model.names import ODRL
from connector.policy import moments, terms
from connector.policy.actions import Actions
from connector.policy.context import Context
from connector.policy.decision import Term
from connector.policy.duties import CompiledDuty, Due
from connector.policy.matching import CompiledSubject, Get, action_test, subject_test
from connector.policy.operand import Operand
from connector.policy.operands import OPERANDS
from connector.policy.outcome import (
    FALSE,
    OPEN_FALSE,
    OPEN_TRUE,
    TRUE,
    UNKNOWN,
    Test,
    conjunction,
    disjunction,
    exclusion,
)
from connector.policy.premises import ACTION, ASSIGNEE, ASSIGNER, DUTY, TARGET
from connector.policy.tree import Atomic, Constraint, Logic, NotUnderstood, Policy, Rule, RuleKind, Subject
from connector.policy.vocabulary import SPINE, Vocabulary
from connector.policy.world import Deontic

JOINS: Final = {"and": conjunction, "andSequence": conjunction, "or": disjunction, "xone": exclusion}


class Mode(StrEnum):
    """OURS: what is unknown leaves a permission inactive and a prohibition active. CLOSED, the reading
    of the FORCE report model and of audits: it counts as not satisfied, for both kinds of rule, and
    a duty stands in the way only once it is violated.
    """

    OURS = "ours"
    CLOSED = "force"


class Premise(StrEnum):
    """What a premise is about."""

    ACTION = "action"
    TARGET = "target"
    PARTY = "party"
    CONSTRAINT = "constraint"
    DUTY = "duty"
    STRANGE = "not-understood"


@dataclass(frozen=True, slots=True)
class Node:
    """One compiled premise, with the premises it is made of. id: the constraint's IRI, if it has one."""

    term: Term
    test: Test
    parts: tuple[Node, ...] = ()
    kind: Premise = Premise.CONSTRAINT
    id: str = ""

    def walk(self) -> Iterator[Node]:
        """It and everything in it."""
        yield self
        for part in self.parts:
            yield from part.walk()


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule as premises that all have to hold."""

    pointer: str
    prohibits: bool
    premises: tuple[Node, ...]
    clock: tuple[Node, ...]
    """The comparisons with now among them."""
    id: str = ""
    duties: tuple[CompiledDuty, ...] = ()
    """Of a permission its duties, of a prohibition its remedies."""
    holds_from: int = OPEN_TRUE
    """The level from which the rule is active."""

    def next_change(self, ctx: Context) -> datetime | None:
        """The first instant after now at which the clock may turn one of its premises."""
        first: datetime | None = None
        for node in self.clock:
            operand = node.term.operand
            if operand is None or operand.bound is None:
                continue
            at = operand.bound(node.term.values[0], ctx.agreed_at)
            by = operand.compares_by(node.term.operator)
            turn = None if at is None else moments.next_change(by, at, ctx.now)
            if turn is not None and (first is None or turn < first):
                first = turn
        return first


@dataclass(frozen=True, slots=True)
class CompiledObligation:
    """An obligation of the policy itself: it stands in the way once it is broken."""

    pointer: str
    id: str
    node: Node
    duty: CompiledDuty


class Compiler:
    """What the rules of one policy share while they are compiled. Not for use after that."""

    def __init__(self, policy: Policy, mode: Mode) -> None:
        self.policy = policy
        self.mode = mode
        self.vocabulary: Vocabulary = policy.vocabulary or SPINE
        rules = policy.permissions + policy.prohibitions + policy.obligations
        self.actions: Actions | None = self.vocabulary.actions
        if self.actions is not None and any(rule.included_in or rule.implies for rule in rules):
            self.actions = self.actions.extended(
                [(rule.action, above) for rule in rules for above in rule.included_in],
                [(rule.action, other) for rule in rules for other in rule.implies],
            )

    def rule(self, rule: Rule) -> CompiledRule:
        """A permission or prohibition."""
        prohibits = rule.kind is RuleKind.PROHIBITION
        nodes = [strange(rule.pointer, entry, prohibits) for entry in rule.not_understood]
        nodes += self._about(rule, prohibits)
        nodes += [self._constraint(rule.pointer, c, prohibits) for c in rule.constraints]
        duties: tuple[CompiledDuty, ...] = ()
        if self.vocabulary.is_whole and not rule.not_understood:
            duties = tuple(self.duty(duty, rule) for duty in rule.duties)
        if not prohibits:
            pairs = zip(rule.duties, duties, strict=False)
            nodes += [self._duty_node(rule.pointer, duty, compiled) for duty, compiled in pairs]
        clock = tuple(
            leaf
            for node in nodes
            for leaf in node.walk()
            if not leaf.parts and leaf.term.operand and leaf.term.operand.bound
        )
        holds_from = OPEN_TRUE
        if prohibits:
            # In the closed reading an unknown premise is one that does not hold.
            holds_from = TRUE if self.mode is Mode.CLOSED else UNKNOWN
        return CompiledRule(rule.pointer, prohibits, tuple(nodes), clock, rule.id, duties, holds_from)

    def obligation(self, rule: Rule) -> CompiledObligation:
        """An obligation of the policy; its premise fails once it is broken, or may be and nobody knows."""
        duty = self.duty(rule, None)

        def test(ctx: Context) -> int:
            standing = duty.standing(ctx)
            if standing.state is Deontic.VIOLATED:
                return FALSE
            if standing.state is None and (due := duty.due_at(ctx.agreed_at)) and ctx.now > due:
                return UNKNOWN
            return TRUE

        term = Term(rule.pointer, rule.pointer, DUTY.iri, "eq", (rule.action,), False, DUTY)
        return CompiledObligation(rule.pointer, rule.id, Node(term, test, (), Premise.DUTY, rule.id), duty)

    def duty(self, duty: Rule, of: Rule | None) -> CompiledDuty:
        """A duty, remedy, consequence or obligation."""
        done = [self._action_test(duty.action, prohibits=False)] if duty.action else []
        done += [self._constraint("", c, False).test for c in duty.refinements]
        about = duty.targets
        if of is None and not about and self.policy.target is not None:
            about = (Subject(self.policy.target),)  # of an obligation; a duty may be about anything else
        if about:
            done.append(self._subjects(about, attrgetter("target"), "target", OPEN_TRUE)[0])
        bound = duty.assignees or (of.assignees if of else ())
        if not bound and self.policy.assignee is not None:
            bound = (Subject(self.policy.assignee),)
        by = self._subjects(bound, attrgetter("recipient"), "recipient", OPEN_TRUE)[0] if bound else None
        deadlines = [c for c in duty.constraints if _is_deadline(c)]
        binding = [c for c in duty.constraints if not _is_deadline(c)]
        return CompiledDuty(
            keys=tuple(key for key in (duty.id, duty.pointer) if key),
            done=tuple(done),
            by=by,
            binding=tuple(self._constraint("", c, False).test for c in binding),
            deadlines=tuple(self._constraint("", c, False).test for c in deadlines),
            due=tuple(due for c in deadlines if (due := _due(c)) is not None),
            consequences=tuple(
                self.duty(one, of or duty) for one in duty.duties if one.kind is RuleKind.CONSEQUENCE
            ),
            is_closed=self.mode is Mode.CLOSED,
        )

    def _about(self, rule: Rule, prohibits: bool) -> list[Node]:
        """Action, target and parties, in that order."""
        nodes: list[Node] = []
        vocabulary, open_level = self.vocabulary, OPEN_FALSE if prohibits else OPEN_TRUE
        if self.actions is None:
            if rule.action == terms.USE:  # any other action is among the strange
                nodes.append(_plain(rule, ACTION, "/action", rule.action, open_level, prohibits))
        elif rule.action and not any(entry.what == "action" for entry in rule.not_understood):
            term = Term(
                rule.pointer, rule.pointer + "/action", ACTION.iri, "eq", (rule.action,), prohibits, ACTION
            )
            nodes.append(Node(term, self._action_test(rule.action, prohibits=prohibits), (), Premise.ACTION))
        nodes += [self._constraint(rule.pointer, c, prohibits) for c in rule.refinements]
        for operand, subjects, shared in (
            (TARGET, rule.targets, self.policy.target),
            (ASSIGNER, rule.assigners, self.policy.assigner),
            (ASSIGNEE, rule.assignees, self.policy.assignee),
        ):
            if operand is ASSIGNER and (vocabulary.is_open or self.mode is Mode.CLOSED):
                continue  # whose policy it is was settled before it was asked
            if subjects:
                nodes.append(self._subject_node(rule, operand, subjects, open_level, prohibits))
            elif shared is not None:
                where = operand.iri.replace(ODRL, "/")
                nodes.append(_plain(rule, operand, where, shared, open_level, prohibits))
        return nodes

    def _action_test(self, action: str, *, prohibits: bool) -> Test:
        if self.actions is None:
            return ACTION.build("eq", (action,), OPEN_TRUE)
        return action_test(action, self.actions, prohibits=prohibits, is_open=self.vocabulary.is_open)

    def _subject_node(
        self, rule: Rule, operand: Operand, subjects: tuple[Subject, ...], open_level: int, prohibits: bool
    ) -> Node:
        premise = _PREMISE_OF[operand.iri]
        fact: str = premise.facts[0]
        test, parts = self._subjects(subjects, attrgetter(fact), fact, open_level, rule.pointer, prohibits)
        names = tuple(one.id or one.source or "" for one in subjects if one.id or one.source)
        kind = Premise.TARGET if premise is TARGET else Premise.PARTY
        term = Term(rule.pointer, subjects[0].pointer, premise.iri, "eq", names, prohibits, premise)
        return Node(term, test, parts, kind)

    def _subjects(
        self,
        subjects: tuple[Subject, ...],
        get: Get,
        fact: str,
        open_level: int,
        pointer: str = "",
        prohibits: bool = False,
    ) -> tuple[Test, tuple[Node, ...]]:
        compiled, nodes = [], []
        for one in subjects:
            parts = [self._constraint(pointer, c, prohibits) for c in one.refinements]
            nodes += parts
            names = frozenset(name for name in (one.id, one.source) if name is not None)
            compiled.append(CompiledSubject(names, one.is_collection, tuple(p.test for p in parts)))
        return subject_test(tuple(compiled), get, fact, open_level), tuple(nodes)

    def _duty_node(self, rule: str, duty: Rule, compiled: CompiledDuty) -> Node:
        mode = self.mode

        def test(ctx: Context) -> int:
            standing = compiled.standing(ctx)
            if not standing.binds:
                return TRUE
            if mode is Mode.CLOSED:
                return FALSE if standing.state is Deontic.VIOLATED else TRUE
            if standing.state is None:
                return OPEN_TRUE if "duties" in ctx.deferred else UNKNOWN
            if standing.state is Deontic.FULFILLED:
                return TRUE
            return OPEN_TRUE if "duties" in ctx.deferred else FALSE

        binding = [c for c in duty.constraints if not _is_deadline(c)]
        parts = tuple(self._constraint(rule, c, False) for c in binding)
        term = Term(rule, duty.pointer, DUTY.iri, "eq", (duty.action,), False, DUTY)
        return Node(term, test, parts, Premise.DUTY, duty.id)

    def _constraint(self, rule: str, constraint: Constraint, prohibits: bool) -> Node:
        if constraint.not_understood is not None:
            return strange(rule, constraint.not_understood, prohibits)
        match constraint:
            case Logic(logic=logic, parts=parts, pointer=pointer):
                nodes = tuple(self._constraint(rule, part, prohibits) for part in parts)
                term = Term(rule, pointer, logic, logic, (), prohibits)
                return Node(term, JOINS[logic](tuple(n.test for n in nodes)), nodes, id=constraint.id)
            case Atomic(operand=iri, operator=operator, values=values, pointer=pointer):
                operand = constraint.meaning or OPERANDS[iri]
                term = Term(rule, pointer, iri, operator, values, prohibits, operand)
                test = operand.build(operator, values, OPEN_FALSE if prohibits else OPEN_TRUE)
                return Node(term, test, id=constraint.id)


_PREMISE_OF: Final = {premise.iri: premise for premise in (TARGET, ASSIGNER, ASSIGNEE)}


def _plain(rule: Rule, operand: Operand, where: str, value: str, open_level: int, prohibits: bool) -> Node:
    premise = ACTION if operand is ACTION else _PREMISE_OF[operand.iri]
    pointer = rule.pointer + where if premise is ACTION else where
    kind = Premise.ACTION if premise is ACTION else Premise.TARGET if premise is TARGET else Premise.PARTY
    term = Term(rule.pointer, pointer, premise.iri, "eq", (value,), prohibits, premise)
    return Node(term, premise.build("eq", (value,), open_level), (), kind)


def _is_deadline(constraint: Constraint) -> bool:
    return _due(constraint) is not None


def _due(constraint: Constraint) -> Due | None:
    """A comparison with the clock that has an end."""
    if not isinstance(constraint, Atomic) or constraint.not_understood is not None:
        return None
    operand = constraint.meaning or OPERANDS.get(constraint.operand)
    if operand is None or operand.bound is None:
        return None
    if operand.compares_by(constraint.operator) not in ("lt", "lteq", "eq"):
        return None
    return Due(constraint.values[0], operand.bound)


def strange(rule: str, entry: NotUnderstood, prohibits: bool) -> Node:
    """A premise that is not understood: unknown, always."""
    term = Term(rule, entry.pointer, entry.name, "", (), prohibits, None, entry)
    return Node(term, lambda _ctx: UNKNOWN, (), Premise.STRANGE)
