"""Comparing policies: by hand-made pairs, and against the evaluator on sampled requests."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.policy import Context, parse
from connector.policy import compile as compile_policy
from connector.policy.compare import Effect, Relation, compare, is_within

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = ["did:web:a.example", "did:web:b.example", "did:web:c.example"]
USE = "http://www.w3.org/ns/odrl/2/use"


def c(operand: str, operator: str, value: Any) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}


def number(value: int) -> dict[str, str]:
    return {"@value": str(value), "@type": "xsd:integer"}


def permits(*constraints: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"permission": [{"action": "use", "constraint": list(constraints)}], **more}


COUNT_5, COUNT_10 = c("count", "lteq", "5"), c("count", "lteq", "10")
ANY_A, ANY_AB = c("recipient", "isAnyOf", NAMES[:1]), c("recipient", "isAnyOf", NAMES[:2])
SPAN_30 = c("edc:inForceDate", "lteq", "contractAgreement+30d")
PAY = {"duty": [{"action": "compensate", "constraint": [c("payAmount", "eq", "5")]}]}
DELETE = {"action": "delete", "constraint": [c("elapsedTime", "lteq", "P30D")]}

E, N, W, I = Relation.EQUAL, Relation.NARROWER, Relation.WIDER, Relation.INCOMPARABLE  # noqa: E741
PAIRS: list[tuple[dict[str, Any], dict[str, Any], Relation]] = [
    (permits(COUNT_5), permits(COUNT_5), E),
    (permits(COUNT_5), permits(COUNT_5, COUNT_10), E),
    (permits(COUNT_5), permits({"and": [COUNT_10, COUNT_5]}), E),
    (permits(COUNT_5), permits(c("count", "lt", "6")), E),
    (permits(COUNT_5), permits(COUNT_10), N),
    (permits(COUNT_10), permits(COUNT_5), W),
    (permits(COUNT_5), permits(), N),
    (permits(c("count", "gteq", "1")), permits(), N),  # not where the count is not known
    (permits(COUNT_5), permits(ANY_A), I),
    (permits(ANY_A), permits(ANY_AB), N),
    (permits(c("recipient", "isNoneOf", NAMES[:2])), permits(c("recipient", "isNoneOf", NAMES[:1])), N),
    (permits(ANY_A), permits(c("recipient", "neq", NAMES[1])), N),
    (permits({"or": [ANY_A, c("recipient", "eq", NAMES[1])]}), permits(ANY_AB), E),
    (permits({"xone": [ANY_A, ANY_AB]}), permits(c("recipient", "eq", NAMES[1])), E),
    (permits(c("elapsedTime", "lteq", "P30D")), permits(SPAN_30), E),
    (permits(c("elapsedTime", "lteq", "P3M")), permits(c("elapsedTime", "lteq", "P6M")), N),
    (permits(c("elapsedTime", "lteq", "P1M")), permits(c("elapsedTime", "lteq", "P32D")), I),
    (permits(c("dateTime", "lteq", "2026-12-01T00:00:00Z")), permits(SPAN_30), I),
    (
        permits(c("dateTime", "lteq", "2026-12-01T00:00:00Z")),
        permits(c("edc:inForceDate", "lteq", "2026-12-01T00:00:00Z")),
        E,
    ),
    ({"permission": [{"action": "use"}], "prohibition": [{"action": "use"}]}, {"permission": []}, E),
    (permits(prohibition=[{"action": "distribute"}]), permits(), N),
    (permits(prohibition=[{"action": "sell"}]), permits(prohibition=[{"action": "transfer"}]), W),
    (permits(prohibition=[{"action": "use", "constraint": [COUNT_5]}]), permits(), N),
    (permits(prohibition=[{"action": "use", "constraint": [c("count", "gt", "5")]}]), permits(COUNT_5), E),
    (permits(obligation=[DELETE]), permits(), N),
    (permits(obligation=[DELETE]), permits(obligation=[DELETE]), E),
    ({"permission": [{"action": "use", **PAY}]}, permits(), N),
    ({"permission": [{"action": "use"}, {"action": "use", "constraint": [COUNT_5]}]}, permits(), E),
    ({"permission": [{"action": "use", "constraint": [ANY_A]}]} | {}, permits(ANY_AB, COUNT_5), I),
    # What is not understood is compared by its words, and by order where there can be only one.
    (permits(c("mmd:percent", "lteq", number(30))), permits(c("mmd:percent", "lteq", number(60))), N),
    (permits(c("mmd:percent", "lteq", "30")), permits(c("mmd:percent", "lteq", "60")), I),
    (permits(c("mmd:columns", "isPartOf", ["a"])), permits(c("mmd:columns", "isPartOf", ["a", "b"])), N),
    (permits(c("mmd:columns", "isAllOf", ["a", "b"])), permits(c("mmd:columns", "isAllOf", ["a"])), N),
    (permits(c("mmd:membership", "eq", "urn:x")), permits(c("mmd:membership", "eq", "urn:y")), I),
    (permits(c("version", "lt", "a")), permits(c("version", "lt", "b")), I),
    (permits(profile="urn:profile"), permits(), N),
]


@pytest.mark.parametrize(("a", "b", "relation"), PAIRS)
def test_pairs_both_ways(a: dict[str, Any], b: dict[str, Any], relation: Relation) -> None:
    back = {N: W, W: N}.get(relation, relation)
    there, again = compare(a, b), compare(b, a)
    assert (there.relation, again.relation) == (relation, back)
    assert there.decided
    assert (there.changes == ()) == (relation is E)
    assert is_within(a, b) == (relation in (E, N))
    assert compare(a, a).relation is E


def test_the_diff_is_short_and_in_both_languages() -> None:
    found = compare(permits(COUNT_10, ANY_A, SPAN_30), permits(COUNT_5, SPAN_30, obligation=[DELETE]))
    assert found.relation is I
    assert [(x.a, x.b, x.effect) for x in found.changes] == [
        ("/permission/0/constraint/0", "/permission/0/constraint/0", Effect.TIGHTER),
        ("/permission/0/constraint/1", "", Effect.LOOSER),
        ("", "/obligation/0", Effect.TIGHTER),
    ]
    assert [x.text("en") for x in found.changes] == [
        "up to use number 10 → up to use number 5 (tighter)",
        "left out: the recipient is one of: did:web:a.example (looser)",
        "added: obligation of deletion (until 30 days after the agreement at the latest) (tighter)",
    ]
    assert found.changes[0].text("ko") == "10번째 이용까지 → 5번째 이용까지 (더 좁아짐)"
    assert found.to_json()["changes"][1]["text"]["ko"].startswith("빠짐: ")


def test_what_says_nothing_new_is_no_difference() -> None:
    (change,) = compare(permits(COUNT_5), permits(COUNT_10, c("count", "lteq", "20"))).changes
    assert change.text("en") == "up to use number 5 → up to use number 10 (looser)"
    wide = permits(prohibition=[{"action": "use", "constraint": [c("count", "gt", "10")]}])
    narrow = permits(prohibition=[{"action": "use", "constraint": [c("count", "gt", "5")]}])
    (change,) = compare(wide, narrow).changes
    assert (change.effect, compare(wide, narrow).relation) == (Effect.TIGHTER, W)


def test_a_difference_comes_with_a_request() -> None:
    found = compare(permits(COUNT_10), permits(COUNT_5))
    assert found.only_a is not None
    assert found.only_a.facts["odrl:count"] == "6"
    assert found.only_a.context is not None
    assert found.only_a.context.uses == 5
    assert found.only_b is None


def test_what_is_too_hard_is_not_claimed() -> None:
    hard = permits({"xone": [c("count", "eq", str(i)) for i in range(1, 400)]})
    other = permits({"xone": [c("count", "eq", str(i)) for i in range(1, 401)]})
    found = compare(hard, other)
    assert (found.relation, found.decided) == (I, False)
    assert compare(hard, hard).relation is E


comparisons = st.one_of(
    st.tuples(
        st.just("dateTime"),
        st.sampled_from(["eq", "neq", "lt", "lteq", "gt", "gteq"]),
        st.integers(-2, 2).map(lambda d: (NOW + d * DAY).isoformat()),
    ),
    st.tuples(
        st.just("edc:inForceDate"),
        st.sampled_from(["lt", "lteq", "gt", "gteq"]),
        st.integers(-1, 3).map(lambda d: f"contractAgreement+{d}d"),
    ),
    st.tuples(
        st.just("elapsedTime"), st.sampled_from(["lteq", "gt"]), st.integers(0, 3).map(lambda d: f"P{d}D")
    ),
    st.tuples(
        st.just("count"),
        st.sampled_from(["eq", "neq", "lt", "lteq", "gt", "gteq"]),
        st.sampled_from(["0", "1", "2", "2.5", "3", "4"]),
    ),
    st.tuples(
        st.sampled_from(["recipient", "purpose"]),
        st.sampled_from(["isAnyOf", "isNoneOf"]),
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
    ),
    st.tuples(st.just("recipient"), st.sampled_from(["eq", "neq"]), st.sampled_from(NAMES)),
)
atoms = comparisons.map(lambda x: c(*x))
strange = st.sampled_from([c("mmd:nothing", "eq", "x"), c("spatial", "isA", "urn:x")])


def policies(leaves: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    constraint = st.recursive(
        leaves,
        lambda inner: st.tuples(
            st.sampled_from(["and", "or", "xone"]), st.lists(inner, min_size=1, max_size=3)
        ).map(lambda pair: {pair[0]: pair[1]}),
        max_leaves=4,
    )
    rule = st.lists(constraint, max_size=3).map(lambda found: {"action": "use", "constraint": found})
    return st.fixed_dictionaries(
        {"permission": st.lists(rule, min_size=1, max_size=2), "prohibition": st.lists(rule, max_size=1)}
    )


CONTEXTS = [
    Context(now=NOW + hours * DAY / 2, agreed_at=agreed, recipient=who, purpose=why, uses=uses)
    for (hours, agreed), (who, why), uses in itertools.product(
        [*itertools.product((-5, -2, 0, 1, 4), (None, NOW - 2 * DAY, NOW)), (2, NOW - DAY)],
        [(None, None), (NAMES[0], NAMES[1]), (NAMES[1], NAMES[0]), ("did:web:z.example", None)],
        [None, 0, 1, 2, 3, 9],
    )
]


@settings(max_examples=120, deadline=None)
@given(policies(atoms), policies(atoms))
def test_a_comparison_agrees_with_the_evaluator(a: dict[str, Any], b: dict[str, Any]) -> None:
    found = compare(a, b)
    _agrees(found.relation, a, b)
    assert found.decided
    # Where every word is understood, a difference is shown by a request that the evaluator confirms.
    assert (found.only_a is not None) == (found.relation in (W, I))
    assert (found.only_b is not None) == (found.relation in (N, I))


@settings(max_examples=60, deadline=None)
@given(policies(st.one_of(atoms, strange)), policies(st.one_of(atoms, strange)))
def test_it_also_does_with_words_that_are_not_understood(a: dict[str, Any], b: dict[str, Any]) -> None:
    _agrees(compare(a, b).relation, a, b)


def _agrees(relation: Relation, a: dict[str, Any], b: dict[str, Any]) -> None:
    first, second = compile_policy(parse(a)), compile_policy(parse(b))
    for ctx in CONTEXTS:
        one, other = first.permits(ctx), second.permits(ctx)
        if relation in (E, N):
            assert other or not one, ctx
        if relation in (E, W):
            assert one or not other, ctx


@settings(max_examples=60, deadline=None)
@given(policies(atoms), st.lists(atoms, min_size=1, max_size=2))
def test_more_conditions_never_permit_more(policy: dict[str, Any], extra: list[dict[str, Any]]) -> None:
    rules = [{**rule, "constraint": [*rule["constraint"], *extra]} for rule in policy["permission"]]
    assert is_within({**policy, "permission": rules}, policy)
