"""What can stand in a policy, in which spellings, and where exactly it is refused."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.errors import PolicyInvalid
from connector.model.names import CONTRACT_TOKEN, EDC, ODRL, XSD
from connector.policy import equal, parse, serialise, understands
from connector.policy.tree import Atomic, Kind, Logic
from connector.policy.values import Duration, Iri, Literal, SinceAgreement


def atom(left: Any = "count", operator: Any = "lteq", right: Any = "10") -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def offer(*constraints: Any, **more: Any) -> dict[str, Any]:
    rule = {"action": "use"} | ({"constraint": list(constraints)} if constraints else {})
    return {"@type": "Offer", "@id": "urn:offer:1", "permission": [rule]} | more


def only(policy: Any) -> Atomic:
    (constraint,) = parse(policy).permissions[0].constraints
    assert isinstance(constraint, Atomic)
    return constraint


def refused(policy: Any) -> PolicyInvalid:
    with pytest.raises(PolicyInvalid) as caught:
        parse(policy)
    return caught.value


SPELLINGS: list[dict[str, Any]] = [
    offer(atom()),
    {
        "@type": "odrl:Offer",
        "@id": "urn:offer:1",
        "odrl:permission": {
            "odrl:action": {"@id": "odrl:use"},
            "odrl:constraint": {
                "odrl:leftOperand": {"@id": "odrl:count"},
                "odrl:operator": {"@id": "odrl:lteq"},
                "odrl:rightOperand": {"@value": 10, "@type": "xsd:integer"},
            },
            "odrl:duty": [],
        },
        "odrl:prohibition": [],
        "odrl:obligation": [],
    },
    {
        "@type": ODRL + "Offer",
        "@id": "urn:offer:1",
        ODRL + "permission": [
            {
                ODRL + "action": {"odrl:type": ODRL + "use"},
                ODRL + "constraint": [
                    {
                        ODRL + "leftOperand": {"@id": ODRL + "count"},
                        ODRL + "operator": {"@id": ODRL + "lteq"},
                        ODRL + "rightOperand": {"@value": "10", "@type": XSD + "integer"},
                    }
                ],
            }
        ],
    },
    offer(atom(right={"@value": "10.0", "@type": XSD + "decimal"}), prohibition=[], obligation=[]),
    offer(atom(right=[10])),
    {
        "@context": ["http://www.w3.org/ns/odrl.jsonld", {"o": ODRL}],
        "@type": "Offer",
        "uid": "urn:offer:1",
        "permission": {"@set": [{"action": "o:use", "constraint": [atom("o:count", "o:lteq")]}]},
    },
]


@pytest.mark.parametrize("policy", SPELLINGS)
def test_every_spelling_is_the_same_policy(policy: dict[str, Any]) -> None:
    assert parse(policy) == parse(SPELLINGS[0])
    assert parse(policy).not_understood == ()
    assert equal(policy, SPELLINGS[0]) == []


def test_an_agreement_keeps_its_parties_and_time() -> None:
    policy = parse(
        {
            "@id": "urn:uuid:1",
            "@type": "Agreement",
            "target": {"@id": "urn:data:1"},
            "assigner": "did:web:factory-a.example",
            "odrl:assignee": {"@id": "did:web:factory-b.example"},
            "dspace:timestamp": {"@value": "2026-11-24T09:00:00+09:00", "@type": "xsd:dateTime"},
            "permission": [{"action": "use", "target": "urn:data:1", "constraint": []}],
        }
    )
    assert (policy.kind, policy.id, policy.target) == (Kind.AGREEMENT, "urn:uuid:1", "urn:data:1")
    assert policy.assigner == "did:web:factory-a.example"
    assert policy.assignee == "did:web:factory-b.example"
    assert policy.timestamp == datetime(2026, 11, 24, tzinfo=UTC)
    assert parse(serialise(policy)) == policy


def test_without_a_type_it_is_a_set_and_without_rules_it_is_read() -> None:
    assert parse({}).kind is Kind.SET
    assert parse({"@type": "odrl:Policy"}).kind is Kind.SET


def test_a_target_that_all_rules_say_is_the_policys() -> None:
    rule = {"action": "use", "target": "urn:data:1"}
    assert parse({"permission": [rule, rule]}).target == "urn:data:1"
    assert "another target" in refused({"permission": [rule, {"action": "use"}]}).message
    assert "another target" in refused({"permission": [rule, rule | {"target": "urn:data:2"}]}).message
    assert "another target" in refused({"target": "urn:data:2", "permission": [rule]}).message
    assert "another assignee" in refused({"assignee": "x", "permission": [rule | {"assignee": "y"}]}).message


def test_several_actions_are_several_rules() -> None:
    policy = parse({"permission": [{"action": ["use", "odrl:print"], "constraint": [atom()]}]})
    assert [rule.action for rule in policy.permissions] == [ODRL + "use", ODRL + "print"]
    assert [len(rule.not_understood) for rule in policy.permissions] == [0, 1]


@pytest.mark.parametrize(
    ("left", "iri"),
    [
        ("dateTime", ODRL + "dateTime"),
        ("odrl:dateTime", ODRL + "dateTime"),
        ("inForceDate", EDC + "inForceDate"),
        ("edc:inForceDate", EDC + "inForceDate"),
        (EDC + "inForceDate", EDC + "inForceDate"),
        ({"@id": EDC + "inForceDate"}, EDC + "inForceDate"),
    ],
)
def test_names_of_operands(left: Any, iri: str) -> None:
    assert only(offer(atom(left, "lteq", "2026-12-31T06:00:00Z"))).operand == iri


@pytest.mark.parametrize(
    ("left", "right", "value"),
    [
        ("count", "10", Decimal(10)),
        ("count", 10, Decimal(10)),
        ("dateTime", "2026-11-24T09:00:00+09:00", datetime(2026, 11, 24, tzinfo=UTC)),
        ("dateTime", "2026-11-23T24:00:00Z", datetime(2026, 11, 24, tzinfo=UTC)),
        ("dateTime", "2026-11-24T09:30:00-05:30", datetime(2026, 11, 24, 15, tzinfo=UTC)),
        ("dateTime", "2026-11-24T00:00:00.1234567Z", datetime(2026, 11, 24, 0, 0, 0, 123456, UTC)),
        ("elapsedTime", "PT24H", Duration(0, timedelta(hours=24))),
        ("elapsedTime", {"@value": "P1Y2M3D", "@type": "xsd:duration"}, Duration(14, timedelta(days=3))),
        ("inForceDate", "contractAgreement+30d", SinceAgreement(timedelta(days=30))),
        ("inForceDate", "contractAgreement+-5m", SinceAgreement(timedelta(minutes=-5))),
        ("recipient", {"@id": "did:web:a.example"}, "did:web:a.example"),
        ("purpose", "energy", "https://w3id.org/madang/ns#EnergyManagement"),
        ("purpose", {"@id": "mmd:EnergyManagement"}, "https://w3id.org/madang/ns#EnergyManagement"),
        ("spatial", {"@id": "https://place.example/EU"}, Iri("https://place.example/EU")),
        ("spatial", {"@value": "x", "@type": "urn:type"}, Literal("x", "urn:type")),
        ("spatial", {"@value": "대한민국", "@language": "KO"}, Literal("대한민국", "@ko")),
        ("spatial", True, True),
        ("spatial", {"@value": "1", "@type": "xsd:boolean"}, True),
    ],
)
def test_values_are_typed(left: str, right: Any, value: object) -> None:
    constraint = only(offer(atom(left, "lteq", right)))
    assert constraint.values == (value,)
    assert only(offer(atom(left, "lteq", serialise_value(offer(atom(left, "lteq", right)))))).values == (
        value,
    )


def serialise_value(policy: dict[str, Any]) -> Any:
    return serialise(parse(policy))["permission"][0]["constraint"][0]["rightOperand"]


@pytest.mark.parametrize(
    ("right", "flags"),
    [
        ("2023-12-31T06:00Z", ["no-seconds"]),
        ("2023-12-31T06:00:00", ["naive-time"]),
        ("2023-12-31", ["date-only", "naive-time"]),
        ({"@value": "2023-12-31Z", "@type": "xsd:date"}, ["date-only"]),
        ("2023-12-31T06:00:00.5Z", []),
    ],
)
def test_leniency_is_flagged(right: Any, flags: list[str]) -> None:
    policy = parse(offer(atom("dateTime", "lteq", right)))
    assert [flag.what for flag in policy.flags] == flags
    assert {flag.pointer for flag in policy.flags} <= {"/permission/0/constraint/0/rightOperand"}
    assert policy.not_understood == ()


STRANGE: list[tuple[dict[str, Any], str, str, str]] = [
    (offer(atom("partner", "eq", "gold")), "operand", "partner", "/permission/0/constraint/0/leftOperand"),
    (offer(atom("fp:x", "eq", "1")), "operand", "fp:x", "/permission/0/constraint/0/leftOperand"),
    (
        offer(atom("count", "isAnyOf", ["1"])),
        "operator",
        ODRL + "isAnyOf",
        "/permission/0/constraint/0/operator",
    ),
    (
        offer(atom("purpose", "isA", "energy")),
        "operator",
        ODRL + "isA",
        "/permission/0/constraint/0/operator",
    ),
    (offer(atom("count", "roughly", "1")), "operator", "roughly", "/permission/0/constraint/0/operator"),
    (
        offer(atom("count", "eq", {"@id": "urn:x"})),
        "value",
        "urn:x",
        "/permission/0/constraint/0/rightOperand",
    ),
    (
        offer(atom("recipient", "eq", ["a", "b"])),
        "value",
        "2 × eq",
        "/permission/0/constraint/0/rightOperand",
    ),
    (offer(atom() | {"unit": "urn:u"}), "unit", ODRL + "unit", "/permission/0/constraint/0/unit"),
    (
        offer({"leftOperand": "count", "operator": "eq", "rightOperandReference": "urn:r"}),
        "rightOperandReference",
        ODRL + "rightOperandReference",
        "/permission/0/constraint/0/rightOperandReference",
    ),
    (offer(atom() | {"@type": "urn:odd"}), "type", "urn:odd", "/permission/0/constraint/0/@type"),
    (
        offer({"and": [atom()], "@type": "urn:odd"}),
        "type",
        "urn:odd",
        "/permission/0/constraint/0/@type",
    ),
    ({"permission": [{"action": "distribute"}]}, "action", ODRL + "distribute", "/permission/0/action"),
    (
        {"permission": [{"action": {"rdf:value": "use", "refinement": [atom()]}}]},
        "refinement",
        ODRL + "refinement",
        "/permission/0/action/refinement",
    ),
    (
        {"permission": [{"action": "use", "duty": [{"action": "odrl:delete"}]}]},
        "duty",
        ODRL + "delete",
        "/permission/0/duty/0",
    ),
    (
        {"prohibition": {"action": "use", "odrl:remedy": {"action": "delete"}}},
        "duty",
        ODRL + "delete",
        "/prohibition/odrl:remedy",
    ),
    (
        {"permission": [{"action": "use"}], "obligation": [{"action": "inform"}]},
        "duty",
        ODRL + "inform",
        "/obligation/0",
    ),
    (offer(profile="urn:profile"), "profile", "urn:profile", "/profile"),
    (offer(conflict="perm"), "conflict", ODRL + "perm", "/conflict"),
    (offer(inheritFrom="urn:parent"), "inheritFrom", ODRL + "inheritFrom", "/inheritFrom"),
    (offer(constraint=[atom()]), "constraint", ODRL + "constraint", "/constraint"),
    (offer(target={"@type": "AssetCollection", "source": "urn:c"}), "target", "target", "/target"),
    (offer(assignee=["a", "b"]), "assignee", "assignee", "/assignee"),
]


@pytest.mark.parametrize(("policy", "what", "name", "pointer"), STRANGE)
def test_what_is_not_understood_is_kept_and_listed(
    policy: dict[str, Any], what: str, name: str, pointer: str
) -> None:
    (entry,) = understands(policy)
    assert (entry.what, entry.name, entry.pointer) == (what, name, pointer)
    assert entry.text.ko != entry.text.en
    again = parse(serialise(parse(policy)))
    assert again == parse(policy)
    assert equal(policy, {"permission": [{"action": "use"}]}) != [] or what in ("target", "assignee")


def test_what_is_empty_says_nothing() -> None:
    empty = {"inheritFrom": [], "duty": {}}
    assert parse(offer(**empty)) == parse(offer())
    assert serialise(parse(offer(atom() | {"unit": []}, **empty))) == serialise(parse(offer(atom())))
    assert parse({"permission": [{"action": "use", "refinement": [], "duty": []}]}) == parse(
        {"permission": [{"action": {"@id": "use", "implies": []}}]}
    )


def test_that_a_prohibition_wins_is_understood() -> None:
    assert understands(offer(conflict="prohibit")) == []


def test_a_signed_offer_beside_the_rules_is_no_rule() -> None:
    assert parse(offer(**{CONTRACT_TOKEN: "a.b.c"})) == parse(offer())


REFUSED: list[tuple[Any, str, str]] = [
    ([], "", "has to be an object"),
    (offer(prohibitions=[]), "/prohibitions", "no member of a policy"),
    (offer(**{"urn:x/y~z": 1}), "/urn:x~1y~0z", "no member of a policy"),
    (offer(atom() | {"comment": "x"}), "/permission/0/constraint/0/comment", "no member of a constraint"),
    (
        {"permission": [{"action": "use", "Constraint": []}]},
        "/permission/0/Constraint",
        "no member of a permission",
    ),
    ({"permission": [{"action": "use"}], "odrl:permission": []}, "/odrl:permission", "twice"),
    (offer(**{"@type": "Assertion"}), "/@type", "no policy we know"),
    (offer(**{"@type": 5}), "/@type", "text"),
    (offer(uid="urn:offer:2"), "/uid", "two different ids"),
    ({"permission": ["use"]}, "/permission/0", "object"),
    ({"permission": None}, "/permission", "null"),
    ({"permission": [{}]}, "/permission/0", "needs an action"),
    ({"permission": [{"action": []}]}, "/permission/0/action", "needs an action"),
    ({"permission": [{"action": {"refinement": []}}]}, "/permission/0/action", "needs a name"),
    ({"permission": [{"action": ""}]}, "/permission/0/action", "not empty"),
    ({"permission": [{"action": "use", "@type": "Prohibition"}]}, "/permission/0/@type", "does not belong"),
    (offer({"operator": "eq", "rightOperand": "1"}), "/permission/0/constraint/0", "needs leftOperand"),
    (offer({"leftOperand": "count", "rightOperand": "1"}), "/permission/0/constraint/0", "needs operator"),
    (offer({"leftOperand": "count", "operator": "eq"}), "/permission/0/constraint/0", "needs rightOperand"),
    (offer(atom(right=[])), "/permission/0/constraint/0/rightOperand", "needs a value"),
    (offer(atom(right={"value": 1})), "/permission/0/constraint/0/rightOperand", "a value is"),
    (offer(atom(right={"@value": {}})), "/permission/0/constraint/0/rightOperand", "text, a number"),
    (offer(atom(right="ten")), "/permission/0/constraint/0/rightOperand", "odrl:count: not a number"),
    (offer(atom(right=float("nan"))), "/permission/0/constraint/0/rightOperand", "not a number"),
    (offer(atom(right="1e999")), "/permission/0/constraint/0/rightOperand", "not a number"),
    (offer(atom(right="9" * 101)), "/permission/0/constraint/0/rightOperand", "too many digits"),
    (
        offer(atom(right={"@value": "1.5", "@type": "xsd:integer"})),
        "/permission/0/constraint/0/rightOperand",
        "whole number",
    ),
    (
        offer(atom("dateTime", "lt", "2026-02-30")),
        "/permission/0/constraint/0/rightOperand",
        "day is out of range",
    ),
    (offer(atom("dateTime", "lt", "soon")), "/permission/0/constraint/0/rightOperand", "not a date"),
    (
        offer(atom("dateTime", "lt", "0001-01-01T00:00:00+14:00")),
        "/permission/0/constraint/0/rightOperand",
        "years 1 to 9999",
    ),
    (
        offer(atom("dateTime", "lt", "2026-01-01T24:01:00Z")),
        "/permission/0/constraint/0/rightOperand",
        "24 o'clock",
    ),
    (
        offer(atom("dateTime", "lt", "2026-01-01T00:00:00+15:00")),
        "/permission/0/constraint/0/rightOperand",
        "time zone",
    ),
    (offer(atom("elapsedTime", "lt", "P")), "/permission/0/constraint/0/rightOperand", "not a duration"),
    (offer(atom("elapsedTime", "lt", "P1DT")), "/permission/0/constraint/0/rightOperand", "not a duration"),
    (
        offer(atom("inForceDate", "lt", "contractAgreement+99999999999d")),
        "/permission/0/constraint/0/rightOperand",
        "too far",
    ),
    (
        offer(atom("recipient", "isAnyOf", ["ok", "x" * 9000])),
        "/permission/0/constraint/0/rightOperand/1",
        "longer than",
    ),
    (offer({"and": []}), "/permission/0/constraint/0/and", "at least one"),
    (offer({"and": [atom()], "or": [atom()]}), "/permission/0/constraint/0", "one comparison"),
    (offer({"and": [atom()], "operator": "eq"}), "/permission/0/constraint/0", "one comparison"),
    (offer(**{"@context": "https://contexts.example/odrl"}), "/@context", "not known"),
    (offer(**{"@context": {"use": "https://other.example/use"}}), "/@context", "no prefix"),
    (offer(**{"@context": {"odrl": "https://other.example/"}}), "/@context", "defined anew"),
    (offer(**{"@context": {"permission": "https://other.example/"}}), "/@context", "defined anew"),
    (offer(**{"@context": {"count": "https://other.example/"}}), "/@context", "defined anew"),
    (offer(**{"@context": [{"use": {"@id": "https://other.example/"}}]}), "/@context/0", "defined anew"),
    (offer(timestamp="yesterday"), "/timestamp", "not a date"),
]


@pytest.mark.parametrize(("policy", "pointer", "says"), REFUSED)
def test_what_is_wrong_is_refused_at_its_place(policy: Any, pointer: str, says: str) -> None:
    error = refused(policy)
    assert error.pointer == pointer
    assert says in error.message
    assert error.reason_code == "policy-invalid"


def nested(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = atom()
    for _ in range(levels):
        inner = {"and": [inner]}
    return offer(inner)


def test_limits_are_exact() -> None:
    assert parse(nested(15))
    assert "deeper than 16" in refused(nested(16)).message
    assert parse(offer(*[atom()] * 2000))
    assert "2000 constraints" in refused(offer(*[atom()] * 2001)).message
    assert parse(offer(atom("recipient", "isAnyOf", [f"did:{i}" for i in range(1000)])))
    assert "1000 values" in refused(offer(atom("recipient", "isAnyOf", ["x"] * 1001))).message
    assert parse({"permission": [{"action": "use"}] * 1000})
    assert "1000 rules" in refused({"permission": [{"action": "use"}] * 1001}).message


@pytest.mark.parametrize(
    "policy",
    [
        offer(*[atom()] * 100_000),
        nested(10_000),
        offer(atom("recipient", "isAnyOf", ["x"] * 1_000_000)),
        {"permission": [{"action": "use", "duty": [{"action": "use"}] * 50_000}]},
        offer(atom("dateTime", "lt", "2026-01-01T" * 500_000)),
        offer(atom("count", "lt", "1" * 5_000_000)),
    ],
    ids=["constraints", "depth", "set", "duties", "time", "number"],
)
def test_hostile_policies_are_refused_quickly(policy: dict[str, Any]) -> None:
    began = time.process_time()
    refused(policy)
    assert time.process_time() - began < 0.25


def test_duties_within_duties_have_an_end() -> None:
    duty: dict[str, Any] = {"action": "delete"}
    for _ in range(20):
        duty = {"action": "delete", "odrl:consequence": duty}
    assert "duties are nested deeper" in refused({"permission": [{"action": "use", "duty": duty}]}).message


def test_logic_keeps_its_shape() -> None:
    policy = parse(offer({"or": {"@list": [{"andSequence": [atom(), atom("purpose", "eq", "x")]}, atom()]}}))
    (either,) = policy.permissions[0].constraints
    assert isinstance(either, Logic)
    assert either.logic == "or"
    assert [type(part) for part in either.parts] == [Logic, Atomic]
    assert either.parts[0].pointer == "/permission/0/constraint/0/or/@list/0"
    assert either.parts[0].parts[1].pointer == "/permission/0/constraint/0/or/@list/0/andSequence/1"


def test_edc_vocabulary_of_a_management_call() -> None:
    context = [{"@vocab": EDC}, "http://www.w3.org/ns/odrl.jsonld"]
    policy = parse(offer(atom("region", "eq", "eu"), **{"@context": context}))
    (entry,) = policy.not_understood
    assert entry.name == EDC + "region"
