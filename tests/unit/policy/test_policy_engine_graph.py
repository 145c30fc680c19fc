"""Policies in RDF: what they become, what is refused, and that three written forms say the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from connector.errors import PolicyInvalid
from connector.model.names import ODRL
from connector.policy import equal, parse
from connector.policy.vocabulary import OPEN, WHOLE
from connector.semantic.policy_graph import MAX_BYTES, read_policies

ROOT = Path(__file__).resolve().parents[3]
HEAD = """
@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
RICH = (
    HEAD
    + """
<urn:p> a odrl:Offer, odrl:Policy ; odrl:uid <urn:p> ; dct:description "A note." ; odrl:conflict odrl:perm ;
  odrl:permission <urn:r> ; odrl:prohibition [ odrl:action odrl:sell ] .
<urn:r> a odrl:Permission ; odrl:target <urn:x>, <urn:y> ;
  odrl:assignee [ a odrl:PartyCollection ; odrl:source <urn:group> ] ;
  odrl:action [ rdf:value odrl:print ; odrl:refinement [
     odrl:leftOperand odrl:resolution ; odrl:operator odrl:lteq ; odrl:rightOperand 1200 ] ] ;
  odrl:constraint <urn:c>,
    [ odrl:or ( [ odrl:leftOperand odrl:count ; odrl:operator odrl:lt ; odrl:rightOperand "3"^^xsd:integer ]
                [ odrl:leftOperand odrl:spatial ; odrl:operator odrl:isAnyOf ;
                  odrl:rightOperand <urn:kr>, "JP" ] ) ] ;
  odrl:duty [ odrl:action [ rdf:value odrl:watermark ; odrl:target <urn:x> ] ] .
<urn:c> odrl:leftOperand odrl:dateTime ; odrl:operator odrl:lt ;
  odrl:rightOperand "2027-01-01T00:00:00Z"^^xsd:dateTime .
<urn:r2> a odrl:Request ; odrl:permission [ odrl:action odrl:read ] .
"""
)


def test_a_rich_policy_in_turtle() -> None:
    (found,) = read_policies(RICH)
    policy = parse(found, WHOLE)
    assert policy.not_understood == ()
    (rule,) = policy.permissions
    assert (policy.id, rule.id, policy.conflict) == ("urn:p", "urn:r", ODRL + "perm")
    assert [s.id for s in rule.targets] == ["urn:x", "urn:y"]
    assert rule.assignees[0].source == "urn:group"
    assert {c.id for c in rule.constraints} == {"urn:c", ""}
    assert rule.duties[0].targets[0].id == "urn:x"
    same = {
        "conflict": "perm",
        "permission": {
            "target": ["urn:x", "urn:y"],
            "assignee": {"@type": ODRL + "PartyCollection", "source": "urn:group"},
            "action": {
                "@id": "print",
                "refinement": {"leftOperand": "resolution", "operator": "lteq", "rightOperand": 1200},
            },
            "constraint": [
                {"leftOperand": "dateTime", "operator": "lt", "rightOperand": "2027-01-01T00:00:00Z"},
                {
                    "or": [
                        {"leftOperand": "count", "operator": "lt", "rightOperand": "3"},
                        {
                            "leftOperand": "spatial",
                            "operator": "isAnyOf",
                            "rightOperand": ["JP", {"@id": "urn:kr"}],
                        },
                    ]
                },
            ],
            "duty": {"action": "watermark", "target": "urn:x"},
        },
        "prohibition": {"action": "sell"},
    }
    differences = equal(policy, parse(same, WHOLE))
    # A collection is kept in the words it came in; all else is compared by meaning.
    assert [d.pointer for d in differences if "assignee" not in d.pointer and "duty" not in d.pointer] == []


def test_json_ld_with_its_own_context() -> None:
    document = {
        "@context": {
            "o": ODRL,
            "permission": {"@id": "o:permission"},
            "action": {"@id": "o:action", "@type": "@id"},
        },
        "@id": "urn:p",
        "@type": "o:Set",
        "permission": {"action": "o:use"},
    }
    (found,) = read_policies(json.dumps(document), "json-ld")
    assert equal(found, {"permission": [{"action": "use"}]}) == []


REFUSED = [
    ("<urn:p> odrl:permission [ odrl:action odrl:use ; <urn:odd> 1 ] .", "/permission/0/urn:odd"),
    ("<urn:p> odrl:permission [ odrl:action [] ] .", "/permission/0/action/0"),
    ("<urn:p> odrl:permission [ odrl:action odrl:use ; odrl:target [] ] .", "/permission/0/target"),
    (
        "<urn:p> odrl:permission [ odrl:action odrl:use ; odrl:constraint [ odrl:rightOperand [] ] ] .",
        "/permission/0/constraint/0/rightOperand",
    ),
    (
        "<urn:p> odrl:permission [ odrl:action odrl:use ; odrl:constraint [ odrl:operator [] ] ] .",
        "/permission/0/constraint/0/operator",
    ),
    ("this is no turtle", ""),
]


@pytest.mark.parametrize(("text", "pointer"), REFUSED)
def test_what_has_no_place_is_refused_at_its_path(text: str, pointer: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        read_policies(HEAD + text)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize(
    "document",
    [
        {"@context": "https://contexts.example/odrl.jsonld"},
        {"@context": [{"a": "urn:a"}, "https://contexts.example/x"]},
        {"@graph": [{"@context": {"@import": "https://contexts.example/x"}}]},
    ],
)
def test_no_context_is_fetched(document: dict[str, Any]) -> None:
    with pytest.raises(PolicyInvalid, match="not fetched"):
        read_policies(json.dumps(document), "json-ld")


def test_a_circle_and_a_long_document_have_an_end() -> None:
    circle = "<urn:p> odrl:permission <urn:r> . <urn:r> odrl:action odrl:use ; odrl:duty <urn:r> ."
    with pytest.raises(PolicyInvalid, match="deeper"):
        read_policies(HEAD + circle)
    with pytest.raises(PolicyInvalid, match="bytes"):
        read_policies("#" * (MAX_BYTES + 1))


def test_the_process_answers_and_refuses() -> None:
    def asked(request: dict[str, Any]) -> dict[str, Any]:
        done = subprocess.run(
            [sys.executable, "-m", "connector.semantic.policy_graph"],
            input=json.dumps(request).encode(),
            capture_output=True,
            check=True,
            cwd=ROOT,
            timeout=60,
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    answer = asked({"text": RICH, "format": "turtle"})
    assert parse(answer["policies"][0], OPEN).id == "urn:p"
    assert "not turtle" in asked({"text": "?"})["error"]


def test_a_policy_without_an_action_stays_one() -> None:
    (found,) = read_policies(
        HEAD + "<urn:p> a odrl:Set ; odrl:permission <urn:r> . <urn:r> a odrl:Permission ."
    )
    assert parse(found, OPEN).permissions[0].action == ""
    with pytest.raises(PolicyInvalid):
        parse(found, WHOLE)
