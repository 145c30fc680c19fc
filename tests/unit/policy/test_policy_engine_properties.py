"""What holds for every policy of the whole vocabulary, in three written forms."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import Graph

from connector.errors import PolicyInvalid
from connector.model.names import MMD, ODRL
from connector.policy import (
    OPEN,
    WHOLE,
    WHOLE_CODES,
    About,
    Context,
    Deontic,
    Event,
    Mode,
    Policy,
    World,
    audit,
    compile,  # noqa: A004 - the word of the room
    ends_at,
    equal,
    parse,
    report,
    serialise,
)
from connector.semantic.policy_graph import policy_mapping, policy_nodes, read_graph

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = ["did:web:a.example", "did:web:b.example", "urn:group"]
ACTIONS = ["use", "odrl:read", "odrl:print", "odrl:sell", "odrl:display", "odrl:play"]
NUMBERS = [ODRL + "payAmount", ODRL + "resolution", MMD + "bytesPerDay"]
WORDS = [ODRL + "spatial", ODRL + "industry", ODRL + "product"]
SETS = ["isAnyOf", "isNoneOf", "isAllOf", "isPartOf", "hasPart", "isA"]

atoms = st.one_of(
    st.tuples(
        st.sampled_from(NUMBERS),
        st.sampled_from(["eq", "neq", "lt", "lteq", "gt", "gteq"]),
        st.integers(0, 4).map(
            lambda n: {"@value": str(n), "@type": "http://www.w3.org/2001/XMLSchema#integer"}
        ),
    ),
    st.tuples(
        st.sampled_from(WORDS),
        st.sampled_from(SETS),
        st.lists(st.sampled_from(["KR", "Asia", "World", "DE"]), min_size=1, max_size=3, unique=True),
    ),
    st.tuples(
        st.just(ODRL + "dateTime"),
        st.sampled_from(["lt", "lteq", "gt", "gteq"]),
        st.integers(-2, 2).map(
            lambda d: {
                "@value": (NOW + d * DAY).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "@type": "http://www.w3.org/2001/XMLSchema#dateTime",
            }
        ),
    ),
    st.tuples(st.just("urn:odd"), st.just("eq"), st.sampled_from(["x", "y"])),
).map(lambda c: {"leftOperand": c[0], "operator": c[1], "rightOperand": c[2]})
constraints = st.recursive(
    atoms,
    lambda inner: st.tuples(
        st.sampled_from(["and", "or", "xone"]), st.lists(inner, min_size=1, max_size=3)
    ).map(lambda logic: {logic[0]: logic[1]}),
    max_leaves=4,
)
actions = st.one_of(
    st.sampled_from(ACTIONS),
    st.tuples(st.sampled_from(ACTIONS), st.lists(constraints, min_size=1, max_size=2)).map(
        lambda a: {"@id": a[0], "odrl:refinement": a[1]}
    ),
)
subjects = st.one_of(
    st.sampled_from(NAMES),
    st.tuples(st.sampled_from(NAMES), st.lists(constraints, max_size=1)).map(
        lambda s: (
            {"@type": ODRL + "PartyCollection", ODRL + "source": s[0]}
            | ({ODRL + "refinement": s[1]} if s[1] else {})
        )
    ),
)
duties = st.fixed_dictionaries(
    {"action": actions},
    optional={
        "constraint": st.lists(constraints, max_size=1),
        "odrl:consequence": st.just([{"action": "odrl:inform"}]),
    },
)
rules = st.fixed_dictionaries(
    {"action": actions, "constraint": st.lists(constraints, max_size=2)},
    optional={
        "assignee": subjects,
        "target": st.sampled_from(["urn:x", "urn:y", ["urn:x", "urn:y"]]),
        "duty": st.lists(duties, max_size=2),
    },
)
policies = st.fixed_dictionaries(
    {
        "@type": st.sampled_from(["Offer", "Set"]),
        "permission": st.lists(rules, min_size=1, max_size=3),
        "prohibition": st.lists(rules, max_size=2),
    },
    optional={
        "@id": st.just("urn:policy"),
        "odrl:conflict": st.sampled_from(["odrl:perm", "odrl:prohibit", "odrl:invalid"]),
        "obligation": st.lists(duties, max_size=2),
        "assignee": st.sampled_from(NAMES),
        "target": st.just("urn:x"),
    },
)
facts = st.dictionaries(st.sampled_from(NUMBERS), st.integers(0, 4).map(Decimal), max_size=3).flatmap(
    lambda numbers: st.dictionaries(
        st.sampled_from(WORDS),
        st.one_of(
            st.sampled_from(["KR", "Asia", "DE", "Atlantis"]),
            st.frozensets(st.sampled_from(["KR", "Asia", "DE"]), min_size=1),
        ),
        max_size=3,
    ).map(lambda words: {**numbers, **words})
)
events = st.builds(
    Event,
    at=st.integers(-3, 3).map(lambda d: NOW + d * DAY),
    action=st.sampled_from([ODRL + a.removeprefix("odrl:") for a in ACTIONS]),
    party=st.sampled_from(NAMES),
    target=st.sampled_from(["urn:x", "urn:y"]),
    facts=facts,
)
worlds = st.builds(
    World,
    facts=facts,
    about=st.one_of(st.just({}), facts.map(lambda f: {About.ACTION: f})),
    member_of=st.sampled_from([{}, {NAMES[0]: frozenset({"urn:group"})}]),
    broader=st.sampled_from([{}, {"KR": frozenset({"Asia"}), "Asia": frozenset({"World"})}]),
    duties=st.sampled_from([{}, {"/permission/0/duty/0": Deontic.FULFILLED}]),
    events=st.one_of(st.none(), st.lists(events, max_size=3).map(tuple)),
)
contexts = st.builds(
    Context,
    now=st.integers(-3, 3).map(lambda d: NOW + d * DAY),
    action=st.sampled_from([ODRL + a.removeprefix("odrl:") for a in ACTIONS]),
    target=st.sampled_from([None, "urn:x", "urn:y"]),
    recipient=st.sampled_from([None, *NAMES]),
    agreed_at=st.sampled_from([None, NOW - DAY]),
    uses=st.sampled_from([None, 0, 3]),
    world=worlds,
)
vocabularies = st.sampled_from([WHOLE, OPEN])


@given(policies, contexts, vocabularies, st.sampled_from(list(Mode)))
@settings(max_examples=80, deadline=None)
def test_any_policy_is_decided_and_every_answer_says_the_same(
    raw: dict[str, Any], ctx: Context, vocabulary: Any, mode: Mode
) -> None:
    policy = parse(raw, vocabulary)
    compiled = compile(policy, mode)
    decision = compiled.evaluate(ctx)
    assert compiled.permits(ctx) is decision.permitted is report(compiled, ctx).permitted
    assert decision.code in WHOLE_CODES
    assert decision.text("ko")
    assert decision.text("en")
    json.dumps([reason.to_json() for reason in decision.reasons])
    json.dumps(report(compiled, ctx).to_json())
    ends_at(policy, NOW)
    for finding in audit(policy, ctx.world.events or ()):
        finding.to_json()


def _said(policy: Policy, ctx: Context) -> tuple[Any, ...]:
    decision = compile(policy).evaluate(ctx)
    return decision.permitted, decision.valid_until, decision.facts


@given(policies, contexts, vocabularies)
@settings(max_examples=100, deadline=None)
def test_json_and_expanded_json_say_the_same(raw: dict[str, Any], ctx: Context, vocabulary: Any) -> None:
    policy = parse(raw, vocabulary)
    written = serialise(policy)
    assert parse(json.loads(json.dumps(written)), vocabulary) == policy
    assert equal(policy, parse(written, vocabulary)) == []
    expanded = parse(_expanded(written), vocabulary)
    assert _said(expanded, ctx) == _said(policy, ctx)


def _expanded(value: Any) -> Any:
    """The bare names of a written policy made absolute."""
    if isinstance(value, list):
        return [_expanded(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {(ODRL + k if k[0] != "@" and ":" not in k else k): _expanded(v) for k, v in value.items()}


CONTEXT: dict[str, Any] = {
    "odrl": ODRL,
    **{
        ODRL + name: {"@id": ODRL + name, "@type": "@id"}
        for name in ("action", "leftOperand", "operator", "target", "assignee", "source")
    },
    **{ODRL + name: {"@id": ODRL + name, "@container": "@list"} for name in ("and", "or", "xone")},
}


@given(policies, contexts)
@settings(max_examples=60, deadline=None)
def test_turtle_says_the_same(raw: dict[str, Any], ctx: Context) -> None:
    policy = parse(raw, WHOLE)
    document = {"@context": CONTEXT, **_named(_expanded(serialise(policy)))}
    document["@type"] = ODRL + document["@type"]
    turtle = read_graph(json.dumps(document), "json-ld").serialize(format="turtle")
    graph = Graph().parse(data=turtle, format="turtle")
    (node,) = policy_nodes(graph)
    ctx = replace(ctx, world=replace(ctx.world, duties={}))  # pointers are those of one document
    assert _said(parse(policy_mapping(graph, node), WHOLE), ctx) == _said(policy, ctx)


def _named(value: Any) -> Any:
    """Bare action and operator words as IRIs, refined actions by rdf:value, as RDF has them."""
    if isinstance(value, list):
        return [_named(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {key: _named(item) for key, item in value.items()}
    for key in (ODRL + "operator", ODRL + "action"):
        if isinstance(out.get(key), str) and ":" not in out[key]:
            out[key] = ODRL + out[key]
    if isinstance(out.get(ODRL + "action"), dict):
        refined = dict(out[ODRL + "action"])
        name = refined.pop("@id")
        name = name if ":" in name else ODRL + name
        rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#value"
        out[ODRL + "action"] = {rdf: {"@id": name}, **refined}
    return out


@given(policies, st.lists(contexts, min_size=1, max_size=3), constraints, st.integers(0, 5))
@settings(max_examples=80, deadline=None)
def test_narrowing_never_permits_more(
    raw: dict[str, Any], asked: list[Context], constraint: dict[str, Any], which: int
) -> None:
    i = which % len(raw["permission"])
    rule, others = raw["permission"][i], [r for j, r in enumerate(raw["permission"]) if j != i]
    # Appended at the end, so that the pointers of the other rules' duties move in both alike.
    wide = raw | {"permission": [*others, rule]}
    action = rule["action"] if isinstance(rule["action"], dict) else {"@id": rule["action"]}
    refined = action | {"odrl:refinement": [*action.get("odrl:refinement", []), constraint]}
    narrower = [
        wide | {"permission": [*others, rule | {"constraint": [*rule["constraint"], constraint]}]},
        wide | {"permission": [*others, rule | {"action": refined}]},
        wide | {"permission": [*others, rule | {"duty": [*rule.get("duty", []), {"action": "odrl:inform"}]}]},
        wide | {"permission": others},
        wide | {"prohibition": [*raw["prohibition"], {"action": "use", "constraint": [constraint]}]},
        wide | {"obligation": [*raw.get("obligation", []), {"action": "odrl:delete"}]},
    ]
    broad = compile(parse(wide, WHOLE))
    for narrow in (compile(parse(one, WHOLE)) for one in narrower):
        for ctx in asked:
            assert broad.permits(ctx) or not narrow.permits(ctx)


@given(policies, contexts, st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_order_says_nothing(raw: dict[str, Any], ctx: Context, seed: int) -> None:
    ctx = replace(ctx, world=replace(ctx.world, duties={}))
    other = _shuffled(raw, random.Random(seed))
    a, b = parse(raw, WHOLE), parse(other, WHOLE)
    assert _said(a, ctx) == _said(b, ctx)


def _shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        items = [(k, _shuffled(v, rng)) for k, v in value.items()]
        rng.shuffle(items)
        return dict(items)
    if isinstance(value, list):
        return rng.sample([_shuffled(item, rng) for item in value], len(value))
    return value


@given(policies, contexts, st.integers(0, 10 * 24 * 3600))
@settings(max_examples=120, deadline=None)
def test_the_clock_alone_turns_nothing_before_valid_until(
    raw: dict[str, Any], ctx: Context, seconds: int
) -> None:
    ctx = replace(ctx, world=replace(ctx.world, events=()))
    compiled = compile(parse(raw, WHOLE))
    decision = compiled.evaluate(ctx)
    later = ctx.now + timedelta(seconds=seconds)
    if decision.permitted and (decision.valid_until is None or later < decision.valid_until):
        assert compiled.permits(replace(ctx, now=later))


@given(policies, contexts)
@settings(max_examples=100, deadline=None)
def test_a_fact_that_a_decision_does_not_rest_on_changes_nothing(raw: dict[str, Any], ctx: Context) -> None:
    compiled = compile(parse(raw, WHOLE))
    assert compiled.permits(ctx) is compiled.permits(_without_foreign(ctx, compiled.facts))


def _without_foreign(ctx: Context, facts: frozenset[str]) -> Context:
    kept = {name: fact for name, fact in ctx.world.facts.items() if name in facts}
    about = {one: {n: f for n, f in known.items() if n in facts} for one, known in ctx.world.about.items()}
    world = replace(ctx.world, facts=kept, about=about)
    return replace(ctx, world=world if "duties" in facts else replace(world, duties={}, events=None))


MEMBERS = [
    *("@id", "@type", "@value", "source", "refinement", "action", "duty", "constraint", "remedy"),
    *("leftOperand", "operator", "rightOperand", "and", "target", "includedIn", "implies", "rdf:value"),
    "assignee",
]
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=6)
    | st.sampled_from([*ACTIONS, *NAMES, "lteq"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(MEMBERS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.fixed_dictionaries(
        {
            "permission": st.lists(
                st.fixed_dictionaries({"action": JUNK}, optional={"assignee": JUNK, "duty": JUNK})
            )
        },
        optional={"constraint": JUNK, "target": JUNK, "obligation": JUNK},
    ),
    contexts,
    vocabularies,
)
@settings(max_examples=120, deadline=None)
def test_anything_is_read_or_refused_and_what_is_read_is_decided(
    raw: dict[str, Any], ctx: Context, vocabulary: Any
) -> None:
    try:
        policy = parse(raw, vocabulary)
    except PolicyInvalid:
        return
    compiled = compile(policy)
    assert compiled.permits(ctx) is compiled.evaluate(ctx).permitted
    assert parse(serialise(policy), vocabulary) == policy
    audit(policy, ctx.world.events or ())


def _deep(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"leftOperand": "spatial", "operator": "eq", "rightOperand": "KR"}
    for _ in range(levels):
        inner = {"and": [inner]}
    return inner


@pytest.mark.parametrize(
    "raw",
    [
        {"permission": [{"action": {"@id": "use", "refinement": [_deep(0)] * 100_000}}]},
        {"permission": [{"action": {"@id": "use", "refinement": [_deep(5_000)]}}]},
        {"permission": [{"action": "use", "assignee": [f"did:{i}" for i in range(200_000)]}]},
        {"constraint": [_deep(0)] * 100, "permission": [{"action": "use"}] * 1000},
        {"permission": [{"action": {"@id": "use", "includedIn": ["use"] * 200_000}}]},
    ],
    ids=["refinements", "depth", "parties", "compact", "hierarchy"],
)
def test_hostile_policies_are_refused(raw: dict[str, Any]) -> None:
    with pytest.raises(PolicyInvalid):
        parse(raw, WHOLE)
