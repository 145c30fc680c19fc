"""Contradictions: pairs by hand, the evaluator as judge, and pairs that others wrote."""

from __future__ import annotations

import itertools
import json
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import PolicyInvalid
from connector.policy import Context, parse
from connector.policy import compile as compile_policy
from connector.policy.conflicts import Silence, Verdict, conflicts

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("MADANG_REFERENCE", ROOT.parent / "shared")) / "data" / "odrl" / "conflict"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)
NAMES = ["did:web:a.example", "did:web:b.example", "did:web:c.example"]
OURS = "https://w3id.org/madang/ns#"
ODRL = "http://www.w3.org/ns/odrl/2/"


def c(operand: str, operator: str, value: Any) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}


def permits(*constraints: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"permission": [{"action": "use", "constraint": list(constraints)}], **more}


def number(value: Any) -> dict[str, str]:
    return {"@value": str(value), "@type": "xsd:decimal"}


def days(value: int) -> dict[str, str]:
    return {"@value": f"P{value}D", "@type": "xsd:duration"}


YES, NO, OPEN = Verdict.COMPATIBLE, Verdict.CONFLICT, Verdict.UNKNOWN
UNTIL, FROM = c("dateTime", "lt", "2026-12-01T00:00:00Z"), c("dateTime", "gteq", "2026-12-01T00:00:00Z")
DELAYS = {"andSequence": [c("delayPeriod", "gteq", days(5)), c("delayPeriod", "gteq", days(5))]}
PAY_5 = {"duty": [{"action": "compensate", "constraint": [c("payAmount", "eq", number(5))]}]}
PAY_6 = {"duty": [{"action": "compensate", "constraint": [c("payAmount", "eq", number(6))]}]}
PAIRS: list[tuple[dict[str, Any], dict[str, Any], Verdict]] = [
    (permits(), permits(), YES),
    (permits(UNTIL), permits(FROM), NO),
    (permits(UNTIL), permits(c("dateTime", "lteq", "2026-11-30T23:59:59.999999Z"), FROM), NO),
    (permits(c("count", "gt", "4")), permits(c("count", "lt", "5")), NO),
    (permits(c("count", "gt", "3")), permits(c("count", "lt", "5")), YES),
    (permits(c("count", "lt", "1")), permits(), NO),  # there is no use before the first
    (permits(c("odrl:percentage", "gt", number(4))), permits(c("odrl:percentage", "lt", number(5))), YES),
    (permits(c("recipient", "isAnyOf", NAMES[:2])), permits(c("recipient", "isNoneOf", NAMES[:2])), NO),
    (permits(c("recipient", "neq", NAMES[0])), permits(c("recipient", "neq", NAMES[1])), YES),
    (permits(c("purpose", "eq", "energy")), permits(c("purpose", "eq", "supply-chain")), NO),
    (permits(c("purpose", "eq", "urn:p:1")), permits(c("purpose", "eq", "urn:p:2")), OPEN),
    (permits(c("purpose", "eq", "urn:p:1")), permits(c("purpose", "isAnyOf", ["urn:p:1", "energy"])), YES),
    (permits(c("purpose", "isA", "urn:p:1")), permits(c("purpose", "eq", "urn:p:2")), OPEN),
    (permits(c("spatial", "eq", "KR")), permits(c("spatial", "eq", "DE")), NO),
    (permits(c("spatial", "eq", "KR")), permits(c("spatial", "eq", "urn:asia")), OPEN),
    (permits(c("spatial", "isPartOf", "urn:asia")), permits(c("spatial", "isPartOf", "urn:asia")), YES),
    (permits(c("language", "isPartOf", "urn:lang:de")), permits(c("language", "eq", "urn:lang:de-AT")), YES),
    (permits(c("language", "hasPart", "urn:lang:de-AT")), permits(c("language", "eq", "urn:lang:de")), YES),
    (permits(c("language", "isPartOf", "urn:lang:de")), permits(c("language", "eq", "urn:lang:fr")), NO),
    (permits(c("language", "isAllOf", ["de", "fr"])), permits(c("language", "eq", "de")), OPEN),
    (permits(c("meteredTime", "eq", days(20))), permits(c("elapsedTime", "eq", days(10))), NO),
    (permits(c("meteredTime", "eq", days(5))), permits(c("elapsedTime", "lteq", days(10))), YES),
    (permits(DELAYS), permits(c("elapsedTime", "lteq", days(9))), NO),
    (permits(DELAYS), permits(c("elapsedTime", "lteq", days(10))), YES),
    (permits(c("timeInterval", "eq", days(30))), permits(c("timeInterval", "eq", days(45))), OPEN),
    (permits(c("elapsedTime", "lteq", "P1M")), permits(c("elapsedTime", "gt", "P30D")), OPEN),
    (permits(c("elapsedTime", "lteq", "P1M")), permits(c("elapsedTime", "gt", "P2M")), NO),
    (permits(c("odrl:version", "eq", number(2))), permits(c("odrl:version", "eq", "2")), OPEN),
    ({"permission": []}, permits(), NO),
    (permits(), permits(prohibition=[{"action": "use"}]), NO),
    (permits(UNTIL), permits(prohibition=[{"action": "use", "constraint": [FROM]}]), YES),
    (permits(), permits(prohibition=[{"action": "use", "constraint": [FROM]}]), NO),
    (permits(), permits(prohibition=[{"action": "distribute"}]), NO),
    (permits(), permits(prohibition=[{"action": "sell"}]), YES),
    (permits(), permits(prohibition=[{"action": "urn:act"}]), OPEN),
    (permits(prohibition=[{"action": "distribute"}]), permits(prohibition=[{"action": "distribute"}]), YES),
    (permits(target="urn:t:1"), permits(target="urn:t:2"), NO),
    (permits(target="urn:t:1"), permits(), YES),
    (permits(assignee=NAMES[0]), permits(c("recipient", "eq", NAMES[0])), YES),
    ({"permission": [{"action": "use", **PAY_5}]}, {"permission": [{"action": "use", **PAY_5}]}, YES),
    ({"permission": [{"action": "use", **PAY_5}]}, {"permission": [{"action": "use", **PAY_6}]}, OPEN),
    (permits(profile="urn:p"), permits(), OPEN),
    (permits(obligation=[{"action": "delete"}]), permits(), YES),
    (
        permits({"xone": [c("count", "lteq", "5"), c("count", "lteq", "3")]}),
        permits(c("count", "lteq", "3")),
        NO,
    ),
]


@pytest.mark.parametrize(("a", "b", "verdict"), PAIRS)
def test_pairs_both_ways(a: dict[str, Any], b: dict[str, Any], verdict: Verdict) -> None:
    for found in (conflicts(a, b), conflicts(b, a)):
        assert found.verdict is verdict, found.reason.en
        assert found.reason.ko != found.reason.en
        assert (found.witness is not None) or verdict is not YES
        assert set(found.to_json()) == {"verdict", "reason", "witness", "clash"}


def test_the_fewest_conditions_that_clash_are_named() -> None:
    a = permits(c("count", "lteq", "5"), UNTIL, c("recipient", "eq", NAMES[0]))
    b = permits(c("purpose", "eq", "energy"), FROM)
    found = conflicts(a, b)
    assert found.clash == (("/permission/0/constraint/1",), ("/permission/0/constraint/1",))
    assert found.reason.en == (
        "these cannot hold together: policy A [before 2026-12-01 00:00:00 UTC], "
        "policy B [from 2026-12-01 00:00:00 UTC on]"
    )
    assert "A 정책 [2026-12-01 00:00:00 UTC 전까지]" in found.reason.ko


def test_a_clash_without_conditions_or_of_one_side_alone() -> None:
    count = c("count", "lteq", "5")
    found = conflicts(permits(count, target="urn:t:1"), permits(count, target="urn:t:2"))
    assert found.clash == ((), ())
    assert found.reason.en == "no request satisfies a permission of both policies"
    found = conflicts(permits(c("count", "lt", "1")), permits(UNTIL))
    assert found.clash == (("/permission/0/constraint/0",), ())
    assert found.reason.en.endswith("policy A [before use number 1], policy B [–]")
    assert conflicts({"permission": []}, permits()).reason.en.startswith("one policy permits nothing")


def test_a_prohibition_in_the_way_is_shown_by_a_request() -> None:
    banned = permits(prohibition=[{"action": "use", "constraint": [c("recipient", "eq", NAMES[1])]}])
    found = conflicts(permits(), banned)
    assert found.reason.en == "policy A permits a request that policy B prohibits"
    assert found.witness is not None
    assert found.witness.facts["odrl:recipient"] == NAMES[1]
    assert conflicts(banned, permits()).reason.en == "policy B permits a request that policy A prohibits"


def test_silence_can_be_read_in_two_ways() -> None:
    both, one = permits(c("count", "lteq", "5"), UNTIL), permits(c("count", "lteq", "9"))
    assert conflicts(both, one).verdict is YES
    found = conflicts(both, one, silence=Silence.UNKNOWN)
    assert found.verdict is OPEN
    assert "time of use" in found.reason.en
    assert conflicts(permits(UNTIL), one, silence=Silence.UNKNOWN).verdict is YES
    assert conflicts(permits(UNTIL, c("count", "gt", "9")), one, silence=Silence.UNKNOWN).verdict is NO


def test_what_is_too_intricate_is_unknown() -> None:
    hard = permits({"xone": [c("count", "eq", str(i)) for i in range(1, 400)]})
    found = conflicts(hard, permits())
    assert found.verdict is OPEN
    assert "intricate" in found.reason.en


comparisons = st.one_of(
    st.tuples(
        st.just("dateTime"),
        st.sampled_from(["eq", "neq", "lt", "lteq", "gt", "gteq"]),
        st.integers(-2, 2).map(lambda d: (NOW + d * DAY).isoformat()),
    ),
    st.tuples(
        st.just("elapsedTime"),
        st.sampled_from(["lt", "lteq", "gt", "eq"]),
        st.integers(0, 3).map(lambda d: f"P{d}D"),
    ),
    st.tuples(
        st.just("count"),
        st.sampled_from(["eq", "neq", "lt", "lteq", "gt", "gteq"]),
        st.sampled_from(["0", "1", "2", "2.5", "3"]),
    ),
    st.tuples(
        st.sampled_from(["recipient", "purpose"]),
        st.sampled_from(["isAnyOf", "isNoneOf"]),
        st.lists(st.sampled_from(NAMES), min_size=1, max_size=3),
    ),
    st.tuples(st.just("recipient"), st.sampled_from(["eq", "neq"]), st.sampled_from(NAMES)),
).map(lambda x: c(*x))
nested = st.recursive(
    comparisons,
    lambda inner: st.tuples(
        st.sampled_from(["and", "or", "xone", "andSequence"]), st.lists(inner, min_size=1, max_size=3)
    ).map(lambda pair: {pair[0]: pair[1]}),
    max_leaves=4,
)
rules = st.lists(nested, max_size=3).map(lambda found: {"action": "use", "constraint": found})
policies = st.fixed_dictionaries(
    {"permission": st.lists(rules, max_size=2), "prohibition": st.lists(rules, max_size=1)}
)
REQUESTS = [
    Context(
        now=NOW + hours * DAY / 2,
        agreed_at=NOW + (hours / 2 - since) * DAY,
        recipient=who,
        purpose=why,
        uses=n,
    )
    for hours, since, who, why, n in itertools.product(
        (-5, -2, 0, 1, 4), (0, 1, 2.5), (*NAMES[:2], "did:web:z.example"), (NAMES[0], "urn:y"), (0, 1, 2, 9)
    )
]


@settings(max_examples=120, deadline=None)
@given(policies, policies)
def test_every_verdict_is_confirmed_by_the_evaluator(a: dict[str, Any], b: dict[str, Any]) -> None:
    found = conflicts(a, b)
    first, second = compile_policy(parse(a)), compile_policy(parse(b))
    if found.verdict is YES:
        assert found.witness is not None
        assert found.witness.context is not None
        assert first.permits(found.witness.context)
        assert second.permits(found.witness.context)
    elif found.verdict is NO and found.witness is not None:
        assert found.witness.context is not None
        decisions = [policy.evaluate(found.witness.context) for policy in (first, second)]
        assert sorted(decision.permitted for decision in decisions) == [False, True]
        assert any(decision.rule.startswith("/prohibition") for decision in decisions)
    elif found.verdict is NO:
        assert not [ctx for ctx in REQUESTS if first.permits(ctx) and second.permits(ctx)]


# --- pairs that others wrote -----------------------------------------------------------------------

graphs = pytest.mark.skipif(not DATA.is_dir(), reason="MADANG_REFERENCE names no folder with reference data")


def _value(node: Any) -> Any:
    from rdflib import Literal

    if isinstance(node, Literal):
        return {"@value": str(node), "@type": str(node.datatype)} if node.datatype else str(node)
    return {"@id": str(node)}


def _constraint(graph: Any, node: Any) -> dict[str, Any]:
    from rdflib import BNode
    from rdflib.collection import Collection

    found: dict[str, Any] = {}
    for predicate, value in graph.predicate_objects(node):
        name = str(predicate).removeprefix(ODRL)
        if name in ("and", "or", "xone", "andSequence"):
            found[name] = [_constraint(graph, part) for part in Collection(graph, value)]
        elif name in ("leftOperand", "operator"):
            found[name] = str(value)
        elif name == "rightOperand" and isinstance(value, BNode):
            found[name] = [_value(part) for part in Collection(graph, value)]
        elif name == "rightOperand":
            found[name] = _value(value)
        else:
            found[name] = str(value)  # kept, so that the reader refuses it
    return found


def _policy(graph: Any, subject: Any) -> dict[str, Any]:
    from rdflib import URIRef

    def constraints(rule: Any) -> list[dict[str, Any]]:
        return [_constraint(graph, node) for node in graph.objects(rule, URIRef(ODRL + "constraint"))]

    rules = graph.objects(subject, URIRef(ODRL + "permission"))
    return {
        "@id": str(subject),
        "permission": [
            {"action": str(graph.value(rule, URIRef(ODRL + "action"))), "constraint": constraints(rule)}
            for rule in rules
        ],
    }


@graphs
def test_pairs_that_others_wrote() -> None:
    """Never wrong, at most a tenth unknown; the rest is out of scope, each with its reason."""
    from rdflib import RDF, Graph, URIRef

    counts: Counter[str] = Counter()
    wrong: list[str] = []
    unknown: list[str] = []
    for line in (DATA / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        graph = Graph().parse(DATA / case["policy"])
        subjects = sorted(graph.subjects(RDF.type, URIRef(ODRL + "Set")))
        if len(subjects) != 2:
            counts["out of scope: not two policies"] += 1
            continue
        if case["category"] == "BoxContainment" or case["problem_id"] == "ODRL369":
            counts["out of scope: asks for containment"] += 1
            continue
        try:
            found = conflicts(*(_policy(graph, s) for s in subjects), silence=Silence.UNKNOWN)
            got = found.verdict.value.capitalize()
        except PolicyInvalid:
            got = "Unknown"
        counts[case["verdict"]] += 1
        if got == case["verdict"]:
            continue
        (unknown if got == "Unknown" else wrong).append(case["problem_id"])
    assert wrong == []
    decided = counts["Conflict"] + counts["Compatible"]
    assert decided > 90
    assert len(unknown) <= decided / 10, unknown
    assert sum(counts.values()) == 131
