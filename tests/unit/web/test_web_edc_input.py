from __future__ import annotations

from typing import Any

import pytest

from connector.errors import ConnectorError, InvalidMessage, PolicyInvalid
from connector.policy import parse
from connector.web.edc_input import Names, compact, has_rules, party, plain_policy, protocol, read_policy

NS = "https://w3id.org/edc/v0.0.1/ns/"
ODRL = "http://www.w3.org/ns/odrl/2/"
MMD = "https://w3id.org/madang/ns#"
VOCAB = {"@vocab": NS}
USE = {"permission": [{"action": "use"}]}


@pytest.mark.parametrize(
    "body",
    [
        {"@context": VOCAB, "@type": "Asset", "@id": "a", "dataAddress": {"type": "File", "path": "/x"}},
        {"@type": "Asset", "@id": "a", "dataAddress": {"type": "File", "path": "/x"}},
        {
            "@context": {"edc": NS},
            "@type": "edc:Asset",
            "@id": "a",
            "edc:dataAddress": {"edc:type": "File", "edc:path": "/x"},
        },
        {
            "@type": NS + "Asset",
            "@id": "a",
            NS + "dataAddress": {NS + "type": {"@value": "File"}, NS + "path": "/x"},
        },
        {
            "@context": [VOCAB, {"e": NS}],
            "@type": ["Asset"],
            "@id": "a",
            "e:dataAddress": {"e:type": "File", "path": "/x"},
        },
    ],
    ids=["vocab", "no context", "prefix", "whole", "own prefix"],
)
def test_every_habit_reads_the_same(body: dict[str, Any]) -> None:
    assert compact(body, "Asset") == {"@id": "a", "dataAddress": {"type": "File", "path": "/x"}}


def test_properties_keep_whole_names() -> None:
    body = {
        "@context": {**VOCAB, "x": "https://x.example/"},
        "properties": {"name": "n", "x:y": 1, "edc:z": [{"@value": 2}]},
    }
    assert compact(body)["properties"] == {NS + "name": "n", "https://x.example/y": 1, NS + "z": [2]}


def test_our_members_come_bare_or_whole() -> None:
    assert compact({"approval": "manual"}) == compact({MMD + "approval": "manual"}) == {"approval": "manual"}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ("x", ""),
        ({"@context": "https://unknown.example/c.jsonld"}, "@context"),
        ({"@context": [VOCAB, "https://unknown.example/c.jsonld"]}, "@context"),
        ({"@context": 5}, "@context"),
        ({"@context": {"@vocab": "https://other.example/"}}, "@context/@vocab"),
        ({"@context": {"odrl": "https://other.example/"}}, "@context/odrl"),
        ({"@context": {"x": "no-iri"}}, "@context/x"),
        ({"@context": {"x": {"@type": "@id"}}}, "@context/x"),
        ({"@type": "Policy"}, "@type"),
        ({"@type": 5}, "@type"),
        ({"name": 1, NS + "name": 2}, "name"),
        ({"dataAddress": {"@context": "https://unknown.example/c.jsonld"}}, "@context"),
    ],
)
def test_what_is_wrong_is_named(body: Any, pointer: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        compact(body, "Asset")
    assert caught.value.pointer == pointer


POLICIES = [
    {"@context": "http://www.w3.org/ns/odrl.jsonld", "@type": "Set", **USE},
    {
        "@context": "https://www.w3.org/ns/odrl.jsonld",
        "@type": "odrl:Set",
        **USE,
        "prohibition": [],
        "obligation": [],
    },
    {"@type": ODRL + "Set", "odrl:permission": {"odrl:action": {"@id": "odrl:use"}}},
    {ODRL + "permission": [{ODRL + "action": [{"@id": ODRL + "use"}]}]},
    {"permission": [{"action": "odrl:use", "constraint": []}]},
]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_policy_has_one_form(policy: dict[str, Any]) -> None:
    found = compact({"@context": VOCAB, "policy": policy})["policy"]
    assert has_rules(found)
    assert read_policy(found) == USE


@pytest.mark.parametrize(
    "policy", [{"@type": "Set"}, {"permission": [], "prohibition": [], "obligation": []}, {}]
)
def test_a_policy_without_rules_permits_as_in_an_edc(policy: dict[str, Any]) -> None:
    assert not has_rules(policy)
    assert read_policy(policy) == USE


@pytest.mark.parametrize(
    "operand", ["inForceDate", NS + "inForceDate", "edc:inForceDate", {"@id": NS + "inForceDate"}]
)
def test_a_bare_operand_is_edcs(operand: Any) -> None:
    constraint = {"leftOperand": operand, "operator": "gteq", "rightOperand": "2026-01-01T00:00:00Z"}
    policy = {
        "@context": "http://www.w3.org/ns/odrl.jsonld",
        "permission": [{"action": "use", "constraint": [constraint]}],
    }
    found = read_policy(plain_policy(policy, Names()))
    assert not parse(found).not_understood


def test_an_operand_nobody_knows_is_kept_whole_and_not_understood() -> None:
    constraint = {"leftOperand": "region", "operator": "eq", "rightOperand": "eu"}
    policy = plain_policy({"permission": [{"action": "use", "constraint": [constraint]}]}, Names())
    found = read_policy(policy)
    assert found["permission"][0]["constraint"][0]["leftOperand"] == NS + "region"
    assert [n.name for n in parse(found).not_understood] == [NS + "region"]


def test_an_own_prefix_reaches_the_operand() -> None:
    constraint = {"leftOperand": "cx:Membership", "operator": "eq", "rightOperand": "active"}
    body = {
        "@context": {**VOCAB, "cx": "https://w3id.org/catenax/policy/"},
        "policy": {"permission": [{"action": "use", "constraint": constraint}]},
    }
    found = read_policy(compact(body)["policy"])
    assert (
        found["permission"][0]["constraint"][0]["leftOperand"] == "https://w3id.org/catenax/policy/Membership"
    )


def test_terms_of_a_client_that_defines_them() -> None:
    body = {
        "@context": {
            **VOCAB,
            "odrl": ODRL,
            "assigner": {"@id": ODRL + "assigner", "@type": "@id"},
            "target": ODRL + "target",
        },
        "policy": {
            "@id": "o",
            "@type": ODRL + "Offer",
            "assigner": "did:web:factory-a.example",
            "target": "small",
        },
    }
    policy = compact(body)["policy"]
    assert party(policy, "assigner") == "did:web:factory-a.example"
    assert party(policy, "target") == "small"


@pytest.mark.parametrize(
    "policy",
    [
        5,
        {"permission": "use"},
        {"permission": [{"action": "use", "x": 1}]},
        {"permission": [{}]},
        {"@type": "Nothing", **USE},
        {"permission": [{"action": "use", "constraint": [{"leftOperand": "count"}]}]},
    ],
)
def test_a_policy_that_cannot_be_read(policy: Any) -> None:
    with pytest.raises((PolicyInvalid, InvalidMessage)):
        read_policy(policy)


@pytest.mark.parametrize(
    ("named", "is_known"),
    [
        ("", True),
        ("dataspace-protocol-http", True),
        ("dataspace-protocol-http:2025-1", True),
        ("dataspace-protocol-http:2024/1", False),
        ("ids", False),
    ],
)
def test_the_protocol(named: str, is_known: bool) -> None:
    if is_known:
        protocol({"protocol": named})
        return
    with pytest.raises(ConnectorError, match="2025-1"):
        protocol({"protocol": named})
