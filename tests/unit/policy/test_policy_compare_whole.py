"""Comparing where the whole of ODRL is understood: rates, memberships, hierarchies, actions, duties."""

from __future__ import annotations

import itertools
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.model.names import MMD, ODRL
from connector.policy import SPINE, WHOLE, Context, Deontic, Vocabulary, World, parse
from connector.policy import compile as compile_policy
from connector.policy.compare import Relation, compare
from connector.policy.conflicts import Verdict, conflicts
from connector.policy.lint import lint

NOW = datetime(2026, 11, 24, tzinfo=UTC)
NAMES = ["urn:n:a", "urn:n:b", "urn:n:c"]


def c(operand: str, operator: str, value: Any) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}


def named(operand: str, *operators: str) -> st.SearchStrategy[dict[str, Any]]:
    lists = st.lists(st.sampled_from(NAMES), min_size=1, max_size=2)
    return st.tuples(st.sampled_from(operators), lists).map(
        lambda x: c(operand, x[0], x[1] if x[0].endswith("Of") and x[0] != "isPartOf" else x[1][0])
    )


atoms = st.one_of(
    st.tuples(st.sampled_from(["lteq", "lt", "gteq", "eq", "neq"]), st.integers(1, 3)).map(
        lambda x: c("mmd:requestsPerMinute", x[0], str(x[1]))
    ),
    named("mmd:membership", "eq", "neq", "isAnyOf", "isNoneOf", "isAllOf"),
    named("spatial", "eq", "isA", "isPartOf", "isAnyOf", "isNoneOf"),
    named("purpose", "eq", "isA", "isAnyOf", "isNoneOf"),
)
ACTIONS = ["use", "use", "distribute", "display", "play", "transfer", "sell"]
DUTIES: list[dict[str, Any]] = [{"action": "inform"}, {"action": "compensate"}]


def rules(actions: list[str], duties: int, at_least: int = 0) -> st.SearchStrategy[list[dict[str, Any]]]:
    rule = st.fixed_dictionaries(
        {
            "action": st.sampled_from(actions),
            "constraint": st.lists(
                st.one_of(atoms, st.lists(atoms, min_size=2, max_size=2).map(lambda x: {"or": x})), max_size=2
            ),
        }
        | ({"duty": st.lists(st.sampled_from(DUTIES), max_size=duties)} if duties else {})
    )
    return st.lists(rule, min_size=at_least, max_size=2)


policies = st.fixed_dictionaries(
    {
        "permission": rules(ACTIONS, 1, 1),
        "prohibition": rules(ACTIONS, 0),
        "conflict": st.sampled_from(["prohibit", "prohibit", "perm", "invalid"]),
    }
)
FACTS: list[tuple[dict[str, Any], dict[str, frozenset[str]]]] = [
    (
        {
            name: value
            for name, value in (
                (MMD + "requestsPerMinute", rate),
                (MMD + "membership", membership),
                (ODRL + "spatial", place),
            )
            if value is not None
        },
        broader,
    )
    for (rate, membership), place, broader in itertools.product(
        [
            (None, "urn:n:a"),
            (Decimal(1), frozenset({"urn:n:a", "urn:n:b"})),
            (Decimal(2), "urn:n:b"),
            (Decimal(9), None),
        ],
        [None, "urn:n:a", "urn:n:x"],
        [{}, {"urn:n:x": frozenset({"urn:n:a"}), "urn:n:a": frozenset({"urn:n:b"})}],
    )
]
CONTEXTS = [
    Context(now=NOW, action=ODRL + action, purpose=purpose, world=World(facts=facts, broader=broader))
    for (facts, broader), action, purpose in itertools.product(
        FACTS, ["use", "distribute", "display", "sell"], [None, "urn:n:a", "urn:n:x"]
    )
]


@settings(max_examples=80, deadline=None)
@given(policies, policies)
def test_a_comparison_agrees_with_the_evaluator(a: dict[str, Any], b: dict[str, Any]) -> None:
    one, other = parse(a, WHOLE), parse(b, WHOLE)
    relation = compare(one, other).relation
    first, second = compile_policy(one), compile_policy(other)
    for ctx in CONTEXTS:
        mine, theirs = first.permits(ctx), second.permits(ctx)
        if relation in (Relation.EQUAL, Relation.NARROWER):
            assert theirs or not mine, ctx
        if relation in (Relation.EQUAL, Relation.WIDER):
            assert mine or not theirs, ctx


@settings(max_examples=80, deadline=None)
@given(policies, policies)
def test_a_verdict_agrees_with_the_evaluator(a: dict[str, Any], b: dict[str, Any]) -> None:
    one, other = parse(a, WHOLE), parse(b, WHOLE)
    found = conflicts(one, other)
    first, second = compile_policy(one), compile_policy(other)
    if found.verdict is Verdict.COMPATIBLE:
        assert found.witness is not None
        if found.witness.context is not None and not any(r.duties for r in one.permissions):
            assert first.permits(found.witness.context)
            assert second.permits(found.witness.context)
    elif found.verdict is Verdict.CONFLICT and found.witness is None:
        assert not [ctx for ctx in CONTEXTS if first.permits(ctx) and second.permits(ctx)]


def test_a_duty_narrows_and_one_that_is_done_does_not_matter() -> None:
    paid = parse({"permission": [{"action": "use", "duty": [DUTIES[1]]}]}, WHOLE)
    free = parse({"permission": [{"action": "use"}]}, WHOLE)
    assert compare(paid, free).relation is Relation.NARROWER
    assert compare(paid, paid).relation is Relation.EQUAL
    done = Context(now=NOW, world=World(duties={"/permission/0/duty/0": Deontic.FULFILLED}))
    assert compile_policy(paid).permits(done)
    assert not compile_policy(paid).permits(Context(now=NOW))
    assert conflicts(paid, paid).verdict is Verdict.COMPATIBLE


def test_a_permission_may_be_preferred() -> None:
    both: dict[str, Any] = {"permission": [{"action": "use"}], "prohibition": [{"action": "use"}]}
    free = {"permission": [{"action": "use"}]}

    def relation(strategy: str, vocabulary: Vocabulary = WHOLE) -> Relation:
        return compare(parse({**both, "conflict": strategy}, vocabulary), parse(free, vocabulary)).relation

    assert relation("perm") is Relation.EQUAL
    assert relation("perm", SPINE) is Relation.NARROWER  # not understood there: it may permit nothing
    assert relation("prohibit") is relation("invalid") is Relation.NARROWER
    preferred, plain = parse({**both, "conflict": "perm"}, WHOLE), parse(free, WHOLE)
    assert conflicts(preferred, plain).verdict is Verdict.COMPATIBLE
    assert conflicts(parse(both, WHOLE), plain).verdict is Verdict.CONFLICT


def test_refinements_and_other_targets_are_compared_as_they_stand() -> None:
    def refined(value: str) -> dict[str, Any]:
        action = {"@id": "odrl:print", "odrl:refinement": [c("resolution", "lteq", value)]}
        return {"permission": [{"action": action}]}

    one, same, other = (parse(refined(v), WHOLE) for v in ("300", "300", "600"))
    assert one.not_understood == ()
    assert compare(one, same).relation is Relation.EQUAL
    assert compare(one, other).relation is Relation.INCOMPARABLE
    assert compare(one, parse({"permission": [{"action": "print"}]}, WHOLE)).relation is Relation.NARROWER


def use(*constraints: dict[str, Any]) -> dict[str, Any]:
    return {"permission": [{"action": "use", "constraint": list(constraints)}]}


HOSTILE = [
    {
        "permission": [
            {"action": "use", "constraint": [{"xone": [{"xone": [c("count", "eq", "1")] * 30}] * 30}]}
        ]
    },
    {"permission": [{"action": "use", "constraint": [c("count", "neq", str(i)) for i in range(1900)]}]},
    {
        "permission": [
            {"action": "use", "constraint": [{"or": [c(f"urn:{i}:{j}", "eq", "x") for j in range(40)]}]}
            for i in range(40)
        ]
    },
    {
        "permission": [
            {"action": "use", "constraint": [c("recipient", "isAnyOf", [f"urn:{i}:{j}" for j in range(900)])]}
            for i in range(90)
        ]
    },
    {
        "permission": [
            {
                "action": "use",
                "constraint": [
                    {"or": [c(f"urn:{i}", "eq", "x"), c(f"urn:{i + 1}", "neq", "x")]} for i in range(600)
                ],
            }
        ]
    },
    {"permission": [{"action": f"urn:act:{i}"} for i in range(900)]},
    {
        "permission": [
            {"action": "use", "constraint": [c("mmd:membership", "isAnyOf", [str(i)]) for i in range(99)]}
        ]
    },
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_a_hostile_policy_costs_a_bounded_time(number: int) -> None:
    hostile = parse(HOSTILE[number])
    started = time.process_time()
    for other in (
        hostile,
        parse({"permission": [{"action": "use", "constraint": [c("count", "lteq", "3")]}]}),
    ):
        compare(hostile, other)
        conflicts(hostile, other)
    lint(hostile)
    assert time.process_time() - started < 3
