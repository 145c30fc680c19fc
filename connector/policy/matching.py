"""Does a request's action, target or party fit the rule's? For the whole of ODRL.

Each function makes one compiled test. Nothing is guessed: an action that the hierarchy does not
hold, and a party of whom no membership is known, are unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connector.policy.actions import Actions
from connector.policy.context import Context
from connector.policy.outcome import FALSE, TRUE, UNKNOWN, Test, conjunction, disjunction
from connector.policy.world import reachable

Get = Callable[[Context], str | None]


def action_test(action: str, actions: Actions, *, prohibits: bool, is_open: bool) -> Test:
    """The request's action is the rule's, or included in it; a prohibition also reaches what implies it."""
    covered = actions.covered_by_prohibition(action) if prohibits else actions.covered_by_permission(action)
    known = actions.known

    def test(ctx: Context) -> int:
        if ctx.action in covered:
            return TRUE
        return FALSE if is_open or ctx.action in known else UNKNOWN

    return test


@dataclass(frozen=True, slots=True)
class CompiledSubject:
    """One asset or party that a rule is about, its refinements compiled."""

    names: frozenset[str]
    is_collection: bool
    refinements: tuple[Test, ...]


def subject_test(subjects: tuple[CompiledSubject, ...], get: Get, fact: str, open_level: int) -> Test:
    """Who or what is asked about is one of the subjects, or a member of it, and as refined."""

    def one(subject: CompiledSubject) -> Test:
        names, is_collection = subject.names, subject.is_collection

        def fits(ctx: Context) -> int:
            if not names:
                return TRUE
            value = get(ctx)
            if value is None:
                return open_level if fact in ctx.deferred else UNKNOWN
            if value in names:
                return TRUE
            member_of = ctx.world.member_of
            if not names.isdisjoint(reachable(value, member_of)):
                return TRUE
            return UNKNOWN if is_collection and value not in member_of else FALSE

        return conjunction((fits, *subject.refinements)) if subject.refinements else fits

    tests = tuple(one(subject) for subject in subjects)
    return tests[0] if len(tests) == 1 else disjunction(tests)
