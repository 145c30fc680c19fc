"""What holds for every policy, and an evaluator written a second time, plainly, to agree with."""

from __future__ import annotations

import itertools
import json
import operator
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import PolicyInvalid
from connector.model.names import EDC, ODRL
from connector.policy import (
    CODES,
    Context,
    compile,  # noqa: A004 - the word of the room
    describe,
    ends_at,
    enforcement,
    equal,
    parse,
    serialise,
)

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = ["did:web:a.example", "did:web:b.example", "did:web:c.example"]
COMPARE = {
    "eq": operator.eq,
    "neq": operator.ne,
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}


def _time(day: int) -> str:
    return (NOW + day * DAY).isoformat()


comparisons = st.one_of(
    st.tuples(st.just("dateTime"), st.sampled_from(list(COMPARE)), st.integers(-2, 2).map(_time)),
    st.tuples(
        st.just("inForceDate"),
        st.sampled_from(list(COMPARE)),
        st.integers(-2, 4).map(lambda d: f"contractAgreement+{d}d"),
    ),
    st.tuples(
        st.just("elapsedTime"), st.sampled_from(list(COMPARE)), st.integers(0, 4).map(lambda d: f"P{d}D")
    ),
    st.tuples(st.just("count"), st.sampled_from(list(COMPARE)), st.integers(0, 4).map(str)),
    st.tuples(
        st.sampled_from(["recipient", "purpose"]),
        st.sampled_from(["isAnyOf", "isNoneOf"]),
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=2),
    ),
    st.tuples(
        st.sampled_from(["recipient", "purpose"]), st.sampled_from(["eq", "neq"]), st.sampled_from(NAMES)
    ),
    st.tuples(st.sampled_from(["fp:odd", "spatial"]), st.just("eq"), st.sampled_from(NAMES)),
    st.tuples(st.just("purpose"), st.just("isA"), st.sampled_from(NAMES)),
)
atoms = comparisons.map(lambda c: {"leftOperand": c[0], "operator": c[1], "rightOperand": c[2]})
constraints = st.recursive(
    atoms,
    lambda inner: st.tuples(
        st.sampled_from(["and", "or", "xone", "andSequence"]), st.lists(inner, min_size=1, max_size=3)
    ).map(lambda logic: {logic[0]: logic[1]}),
    max_leaves=4,
)
rules = st.fixed_dictionaries(
    {
        "action": st.sampled_from(["use", "use", "use", "odrl:distribute"]),
        "constraint": st.lists(constraints, max_size=2),
    },
    optional={"duty": st.sampled_from([[], [{"action": "delete"}]])},
)
policies = st.fixed_dictionaries(
    {
        "permission": st.lists(rules, max_size=3),
        "prohibition": st.lists(rules, max_size=2),
    },
    optional={
        "profile": st.just("urn:profile"),
        "target": st.sampled_from(["urn:data:1", "urn:data:2"]),
        "assignee": st.sampled_from(NAMES),
        "obligation": st.sampled_from([[], [], [{"action": "delete"}]]),
    },
)
contexts = st.builds(
    Context,
    now=st.integers(-3, 3).map(lambda d: NOW + d * DAY),
    target=st.sampled_from([None, "urn:data:1", "urn:data:1"]),
    recipient=st.sampled_from([None, *NAMES]),
    agreed_at=st.sampled_from([None, NOW, NOW - DAY]),
    purpose=st.sampled_from([None, *NAMES]),
    uses=st.sampled_from([None, 0, 1, 2, 3]),
    deferred=st.frozensets(st.sampled_from(["agreed_at", "purpose", "uses"])),
)

# ---- the second evaluator: raw JSON, words for truth, every way that open facts can turn out ----------


def _truth(constraint: dict[str, Any], ctx: Context, worlds: Iterator[str]) -> str:
    for logic in ("and", "andSequence", "or", "xone"):
        if logic in constraint:
            parts = [_truth(part, ctx, worlds) for part in constraint[logic]]
            return _join(logic, parts)
    left, op, right = (constraint[k] for k in ("leftOperand", "operator", "rightOperand"))
    fact: Any
    if left in ("fp:odd", "spatial") or op == "isA":
        return "unknown"
    if left in ("recipient", "purpose"):
        fact = getattr(ctx, left)
        names = right if isinstance(right, list) else [right]
        return (
            _missing(left, ctx, worlds)
            if fact is None
            else _word((fact in names) == (op in ("eq", "isAnyOf")))
        )
    if left == "count":
        return (
            _missing("uses", ctx, worlds)
            if ctx.uses is None
            else _word(COMPARE[op](ctx.uses + 1, int(right)))
        )
    if left == "dateTime":
        return _word(COMPARE[op](ctx.now, datetime.fromisoformat(right)))
    if ctx.agreed_at is None:
        return _missing("agreed_at", ctx, worlds)
    days = int(right.removeprefix("contractAgreement+").strip("PDd"))
    return _word(COMPARE[op](ctx.now - ctx.agreed_at, days * DAY))


def _join(logic: str, parts: list[str]) -> str:
    if logic == "or":
        return "true" if "true" in parts else "unknown" if "unknown" in parts else "false"
    if logic == "xone":
        if parts.count("true") > 1:
            return "false"
        return "unknown" if "unknown" in parts else _word("true" in parts)
    return "false" if "false" in parts else "unknown" if "unknown" in parts else "true"


def _word(truth: bool) -> str:
    return "true" if truth else "false"


def _missing(fact: str, ctx: Context, worlds: Iterator[str]) -> str:
    return next(worlds) if fact in ctx.deferred else "unknown"


def _rule(policy: dict[str, Any], rule: dict[str, Any], ctx: Context, worlds: Iterator[str]) -> str:
    premises = ["true" if rule["action"] == "use" else "unknown"]
    premises += ["unknown"] if rule.get("duty") else []
    for fact, wanted in (("target", policy.get("target")), ("recipient", policy.get("assignee"))):
        if wanted is not None:
            value = getattr(ctx, fact)
            premises.append("unknown" if value is None else _word(value == wanted))
    return _join("and", premises + [_truth(c, ctx, worlds) for c in rule["constraint"]])


def _possible(policy: dict[str, Any], rule: dict[str, Any], ctx: Context) -> set[str]:
    width = json.dumps(rule).count("leftOperand")
    return {
        _rule(policy, rule, ctx, iter(world)) for world in itertools.product(("true", "false"), repeat=width)
    }


def plainly(policy: dict[str, Any], ctx: Context) -> bool:
    if "profile" in policy or policy.get("obligation"):
        return False
    if any("false" not in _possible(policy, rule, ctx) for rule in policy["prohibition"]):
        return False
    return any("true" in _possible(policy, rule, ctx) for rule in policy["permission"])


@given(policies, contexts)
@settings(max_examples=250, deadline=None)
def test_both_answers_are_those_of_the_plain_evaluator(policy: dict[str, Any], ctx: Context) -> None:
    compiled = compile(parse(policy))
    decision = compiled.evaluate(ctx)
    assert compiled.permits(ctx) is decision.permitted is plainly(policy, ctx)
    assert (decision.code == "permitted") is decision.permitted
    assert decision.code in CODES
    assert decision.text("ko")
    assert decision.text("en")
    assert set(decision.to_json()) == {"code", "reason", "rule"}
    json.dumps([reason.to_json() for reason in decision.reasons])


@given(policies, st.lists(contexts, min_size=1, max_size=4), constraints, st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_narrowing_never_permits_more(
    policy: dict[str, Any], facts: list[Context], constraint: dict[str, Any], which: int
) -> None:
    wide, narrower = compile(parse(policy)), []
    if policy["permission"]:
        i = which % len(policy["permission"])
        rule = policy["permission"][i]
        more = rule | {"constraint": [*rule["constraint"], constraint]}
        without = policy["permission"][:i] + policy["permission"][i + 1 :]
        narrower += [policy | {"permission": [*without, more]}, policy | {"permission": without}]
    narrower.append(
        policy | {"prohibition": [*policy["prohibition"], {"action": "use", "constraint": [constraint]}]}
    )
    for narrow in map(compile, map(parse, narrower)):
        for ctx in facts:
            assert wide.permits(ctx) or not narrow.permits(ctx)


def _shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(k, v if k == "andSequence" else _shuffled(v, rng)) for k, v in value.items()]
        rng.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return rng.sample([_shuffled(item, rng) for item in value], len(value))
    return value


@given(policies, contexts, st.integers(0, 2**32))
@settings(max_examples=80, deadline=None)
def test_order_says_nothing(policy: dict[str, Any], ctx: Context, seed: int) -> None:
    other = _shuffled(policy, random.Random(seed))
    assert equal(policy, other) == []
    a, b = compile(parse(policy)).evaluate(ctx), compile(parse(other)).evaluate(ctx)
    assert (a.permitted, a.code, a.valid_until, a.facts) == (b.permitted, b.code, b.valid_until, b.facts)


@given(policies)
@settings(max_examples=80, deadline=None)
def test_written_and_read_again_it_is_the_same(policy: dict[str, Any]) -> None:
    read = parse(policy)
    written = serialise(read)
    assert parse(json.loads(json.dumps(written))) == read
    assert serialise(parse(written)) == written
    assert equal(policy, written) == []


@given(policies, policies, contexts)
@settings(max_examples=80, deadline=None)
def test_equal_policies_decide_alike_and_a_difference_is_mutual(
    a: dict[str, Any], b: dict[str, Any], ctx: Context
) -> None:
    forth, back = equal(a, b), equal(b, a)
    assert bool(forth) == bool(back)
    assert all(d.mine != d.theirs or "spatial" in d.mine for d in forth)
    if not forth and a.get("target") == b.get("target") and a.get("assignee") == b.get("assignee"):
        assert compile(parse(a)).permits(ctx) == compile(parse(b)).permits(ctx)


@given(policies, contexts, st.integers(0, 10 * 24 * 3600))
@settings(max_examples=120, deadline=None)
def test_the_clock_alone_turns_nothing_before_valid_until(
    policy: dict[str, Any], ctx: Context, seconds: int
) -> None:
    ctx = replace(ctx, deferred=frozenset())
    compiled = compile(parse(policy))
    decision = compiled.evaluate(ctx)
    if not decision.permitted:
        return
    later = ctx.now + timedelta(seconds=seconds)
    if decision.valid_until is None or later < decision.valid_until:
        assert compiled.permits(replace(ctx, now=later))
    if ctx.agreed_at is not None and (end := ends_at(policy, ctx.agreed_at)) is not None:
        assert ctx.now <= end
        assert not compiled.permits(replace(ctx, now=end + timedelta(microseconds=1)))


MEMBERS = [
    *("@id", "@type", "@value", "@list", "@set", "@language", "@context", "timestamp", "profile", "conflict"),
    *("permission", "prohibition", "obligation", "target", "assignee", "action", "duty", "constraint"),
    *("leftOperand", "operator", "rightOperand", "and", "or", "xone", "refinement"),
]
WORDS = [
    *("use", "odrl:use", ODRL + "count", EDC + "inForceDate", "contractAgreement+1d", "P1D", "2026-01-01"),
    *("lteq", "isAnyOf", "xsd:integer", "xsd:dateTime", "1e60", "Offer"),
]
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(MEMBERS), inner, max_size=4),
    max_leaves=12,
)


@given(
    junk
    | st.fixed_dictionaries(
        {"permission": st.lists(st.fixed_dictionaries({"action": junk, "constraint": junk}))}
    )
)
@settings(max_examples=200, deadline=None)
def test_anything_is_read_or_refused_and_what_is_read_is_decided(raw: Any) -> None:
    try:
        policy = parse(raw)
    except PolicyInvalid:
        return
    compiled = compile(policy)
    for ctx in (
        Context(now=NOW),
        Context(now=NOW, agreed_at=NOW, recipient="a", purpose="b", uses=0, target="c"),
    ):
        assert compiled.permits(ctx) is compiled.evaluate(ctx).permitted
        compiled.evaluate(ctx).to_json()
    for lang in ("ko", "en"):
        describe(policy, lang)
    enforcement(policy)
    ends_at(policy, NOW)
    assert equal(raw, serialise(policy)) == []


@given(st.sampled_from(["count", "dateTime", "elapsedTime", "inForceDate", "recipient", "purpose"]), junk)
@settings(max_examples=200, deadline=None)
def test_any_value_is_read_or_refused(left: str, right: Any) -> None:
    policy = {
        "permission": [
            {"action": "use", "constraint": [{"leftOperand": left, "operator": "eq", "rightOperand": right}]}
        ]
    }
    try:
        read = parse(policy)
    except PolicyInvalid:
        return
    compile(read).evaluate(Context(now=NOW, agreed_at=NOW)).to_json()
    assert parse(serialise(read)) == read
