"""Policies of the DSP wire as triples: nothing is dropped, nothing is guessed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from connector.errors import DescriptionInvalid
from connector.semantic.odrl import MAX_DEPTH, MEMBERS, policy_triples
from connector.semantic.rdf import Blank, Blanks, Iri, Literal, integer, text

OFFER = Iri("urn:uuid:00000000-0000-4000-8000-000000000001")
ODRL = "http://www.w3.org/ns/odrl/2/"
XSD = "http://www.w3.org/2001/XMLSchema#"
REFERENCE = Path(os.environ.get("MADANG_REFERENCE", "../shared"))


def said(policy):
    return list(policy_triples(OFFER, policy, Blanks(), "policy"))


def right_operands(value):
    constraint = {"leftOperand": "purpose", "operator": "eq", "rightOperand": value}
    found = said({"permission": [{"action": "use", "constraint": [constraint]}]})
    return [o for _, p, o in found if p == Iri(ODRL + "rightOperand")]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("energy", [Literal("energy")]),
        ("_:EU", [Literal("_:EU")]),
        (5, [integer(5)]),
        (True, [Literal("true", XSD + "boolean")]),
        ({"@value": "5", "@type": "xsd:decimal"}, [Literal("5", XSD + "decimal")]),
        ({"@value": 5, "@type": XSD + "integer"}, [integer(5)]),
        ({"@value": "가", "@language": "KO"}, [text("가", "ko")]),
        ({"@value": "x"}, [Literal("x")]),
        ({"@id": "https://factory-b.example/x"}, [Iri("https://factory-b.example/x")]),
        ({"@id": "mmd:EnergyManagement"}, [Iri("https://w3id.org/madang/ns#EnergyManagement")]),
        (["a", {"@id": "did:web:b"}], [Literal("a"), Iri("did:web:b")]),
    ],
)
def test_right_operands(value, expected):
    assert right_operands(value) == expected


def test_a_list_operand_keeps_its_order():
    found = right_operands({"@list": ["b", "a"]})
    assert found == [Blank("b3")]


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        None,
        {"@value": 1.5, "@type": "xsd:decimal"},
        {"@value": "5", "@type": "xsd:decimal", "@language": "en"},
        {"@id": "javascript:alert(1)"},
        {"@id": "https://a b"},
        {"@id": "https://a.example/", "note": "x"},
        {},
        {"value": 3},
        [["a"]],
    ],
)
def test_a_right_operand_that_means_nothing_certain_is_refused(value):
    with pytest.raises(DescriptionInvalid) as refusal:
        right_operands(value)
    assert refusal.value.pointer == "policy/permission/constraint/rightOperand"


@pytest.mark.parametrize(
    ("given", "iri"),
    [
        ("purpose", ODRL + "purpose"),
        ("odrl:purpose", ODRL + "purpose"),
        (ODRL + "purpose", ODRL + "purpose"),
        ({"@id": "odrl:purpose"}, ODRL + "purpose"),
        ("inForceDate", "https://w3id.org/edc/v0.0.1/ns/inForceDate"),
        ("edc:inForceDate", "https://w3id.org/edc/v0.0.1/ns/inForceDate"),
        ("https://example.org/Operand", "https://example.org/Operand"),
    ],
)
def test_names_are_resolved_in_every_spelling(given, iri):
    constraint = {"odrl:leftOperand": given, ODRL + "operator": "eq", "rightOperand": "x"}
    found = said({"permission": {"action": "use", "constraint": constraint}})
    assert [o for _, p, o in found if p == Iri(ODRL + "leftOperand")] == [Iri(iri)]
    assert [o for _, p, o in found if p == Iri(ODRL + "operator")] == [Iri(ODRL + "eq")]


def test_one_rule_or_a_list_of_one_are_the_same_and_an_empty_list_is_none():
    alone = said({"permission": {"action": "use"}})
    assert said({"permission": [{"action": "use"}], "prohibition": [], "obligation": []}) == alone


def test_a_refined_action_has_its_value_and_its_conditions():
    refinement = {"leftOperand": "resolution", "operator": "lteq", "rightOperand": 72}
    found = said(
        {"permission": [{"action": {"rdf:value": {"@id": "odrl:print"}, "refinement": [refinement]}}]}
    )
    assert [o for _, p, o in found if p.value.endswith("#value")] == [Iri(ODRL + "print")]
    assert [o for _, p, o in found if p == Iri(ODRL + "rightOperand")] == [integer(72)]
    action = next(o for _, p, o in found if p == Iri(ODRL + "action"))
    assert any(s == action and p == Iri(ODRL + "refinement") for s, p, _ in found)


def test_a_target_may_be_an_object():
    found = said(
        {"target": {"@id": "urn:x:1", "@type": "AssetCollection"}, "permission": [{"action": "use"}]}
    )
    assert (OFFER, Iri(ODRL + "target"), Iri("urn:x:1")) in found
    assert any(s == Iri("urn:x:1") and o == Iri(ODRL + "AssetCollection") for s, _, o in found)


def test_a_member_of_another_vocabulary_is_kept():
    found = said(
        {
            "permission": [{"action": "use"}],
            "https://other.example/price": {"@value": "3", "@type": "xsd:decimal"},
        }
    )
    assert (OFFER, Iri("https://other.example/price"), Literal("3", XSD + "decimal")) in found


@pytest.mark.parametrize(
    ("policy", "pointer"),
    [
        ({"permissions": []}, "policy/permissions"),
        ({"permission": [{"action": "use", "price": 3}]}, "policy/permission/price"),
        ({"permission": ["use"]}, "policy/permission"),
        ({"permission": [{"action": 3}]}, "policy/permission/action"),
        ({"permission": [{"action": {"refinement": []}}]}, "policy/permission/action"),
        ({"permission": [{"action": "use", "constraint": ["x"]}]}, "policy/permission/constraint"),
        (
            {"permission": [{"action": "use", "constraint": [{"or": ["x"]}]}]},
            "policy/permission/constraint/or/0",
        ),
        ({"permission": [{"action": "do it"}]}, "policy/permission/action"),
        ({"@type": "an Offer"}, "policy/@type"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(policy, pointer):
    with pytest.raises(DescriptionInvalid) as refusal:
        said(policy)
    assert refusal.value.pointer == pointer


def test_nesting_has_an_end():
    deep = {"leftOperand": "count", "operator": "eq", "rightOperand": 1}
    for _ in range(MAX_DEPTH + 1):
        deep = {"and": [deep]}
    with pytest.raises(DescriptionInvalid, match="deeper"):
        said({"permission": [{"action": "use", "constraint": [deep]}]})


@pytest.mark.skipif(not REFERENCE.exists(), reason="reference material is not here")
def test_every_policy_among_the_examples_of_the_protocol_can_be_described():
    policies = []

    def collect(value):
        if isinstance(value, dict):
            if value.get("@type") in {"Offer", "Agreement", "Set"}:
                policies.append(value)
            for item in value.values():
                collect(item)
        elif isinstance(value, list):
            for item in value:
                collect(item)

    for path in sorted((REFERENCE / "data" / "dsp" / "examples").rglob("*.json")):
        collect(json.loads(path.read_text("utf-8")))
    assert len(policies) >= 5
    for policy in policies:
        plain = {key: value for key, value in policy.items() if key != "timestamp"}
        assert any(p == Iri(ODRL + "action") for _, p, _ in said(plain))


@pytest.mark.skipif(not REFERENCE.exists(), reason="reference material is not here")
def test_every_property_of_the_protocols_context_is_known():
    path = REFERENCE / "data" / "dsp" / "contexts" / "odrl-profile.jsonld"
    context = json.loads(path.read_text("utf-8"))["@context"]
    properties = {name for name, entry in context.items() if isinstance(entry, dict) and name != "hasPolicy"}
    assert properties
    assert properties <= set(MEMBERS)
