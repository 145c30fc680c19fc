"""The whole of ODRL as it is read: duties, refinements, collections, compact and inherited policies."""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.errors import PolicyInvalid
from connector.model.names import MMD, ODRL
from connector.policy import equal, parse, serialise
from connector.policy.further import FURTHER
from connector.policy.further.catenax import CX
from connector.policy.inheritance import inherited
from connector.policy.operands import OPERANDS
from connector.policy.terms import OPERATORS
from connector.policy.tree import Atomic, Policy, RuleKind, Subject
from connector.policy.values import SinceAgreement
from connector.policy.vocabulary import OPEN, SPINE, WHOLE


def atom(left: str, operator: str, right: Any) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def whole(policy: dict[str, Any]) -> Policy:
    return parse(policy, WHOLE)


def strange(policy: dict[str, Any]) -> list[tuple[str, str]]:
    return [(n.what, n.name) for n in whole(policy).not_understood]


PAID = {"action": {"rdf:value": "odrl:compensate", "refinement": [atom("payAmount", "gteq", "50")]}}
GROUP = {
    "@id": "urn:group",
    "@type": "PartyCollection",
    "source": "urn:list",
    "refinement": [atom("industry", "eq", "C29")],
}
RICH: dict[str, Any] = {
    "@type": "Offer",
    "@id": "urn:offer:1",
    "conflict": "perm",
    "permission": [
        {
            "action": {"@id": "odrl:print", "refinement": [atom("resolution", "lteq", "1200")]},
            "assignee": GROUP,
            "target": ["urn:data:1", {"@type": "AssetCollection", "source": "urn:all"}],
            "constraint": [
                {"andSequence": [atom("spatial", "isPartOf", ["KR", "JP"]), atom("fileFormat", "eq", "csv")]}
            ],
            "duty": [PAID | {"odrl:consequence": {"action": "inform"}}],
        }
    ],
    "prohibition": [{"action": ["sell", "give"], "odrl:remedy": [{"action": "delete"}]}],
    "obligation": [{"action": "delete", "constraint": [atom("elapsedTime", "lteq", "P30D")]}],
}


def test_nothing_of_a_rich_policy_is_strange_and_all_of_it_is_kept() -> None:
    policy = whole(RICH)
    assert policy.not_understood == ()
    rule = policy.permissions[0]
    assert rule.action == ODRL + "print"
    assert [c.values for c in rule.refinements] == [(Decimal(1200),)]
    assert rule.assignees == (Subject("urn:group", "urn:list", True, rule.assignees[0].refinements),)
    assert [s.id or s.source for s in rule.targets] == ["urn:data:1", "urn:all"]
    assert [d.kind for d in rule.duties] == [RuleKind.DUTY]
    assert [d.action for d in rule.duties[0].duties] == [ODRL + "inform"]
    assert [p.action for p in policy.prohibitions] == [ODRL + "sell", ODRL + "give"]
    assert parse(json.loads(json.dumps(serialise(policy))), WHOLE) == policy
    assert serialise(whole(serialise(policy))) == serialise(policy)


def test_the_default_vocabulary_still_understands_little_of_it() -> None:
    assert {n.what for n in parse({k: v for k, v in RICH.items() if k != "permission"}).not_understood} == {
        "conflict",
        "action",
        "duty",
    }
    assert parse(RICH | {"permission": []}, SPINE) == parse(RICH | {"permission": []})


def test_equal_looks_into_refinements_and_subjects() -> None:
    def printing(dpi: str, who: str) -> Policy:
        action = {"@id": "print", "refinement": [atom("resolution", "lteq", dpi)]}
        other = {"action": "read", "assignee": "urn:x"}
        return whole({"permission": [{"action": action, "assignee": who}, other]})

    assert equal(printing("1200", "urn:a"), printing("1200.0", "urn:a")) == []
    (dpi,) = equal(printing("1200", "urn:a"), printing("600", "urn:a"))
    assert (dpi.mine, dpi.theirs) == ("odrl:resolution lteq 1200", "odrl:resolution lteq 600")
    (who,) = equal(printing("1200", "urn:a"), printing("1200", "urn:b"))
    assert (who.mine, who.theirs) == ("urn:a", "urn:b")


def test_what_a_compact_policy_says_once_is_said_of_each_rule() -> None:
    policy = whole(
        {
            "action": "print",
            "assignee": "urn:john",
            "target": "urn:data:1",
            "constraint": [atom("fileFormat", "eq", "csv")],
            "permission": [{}, {"assignee": "urn:beth", "constraint": [atom("version", "eq", "2")]}],
            "prohibition": [{"action": "sell"}],
        }
    )
    first, second = policy.permissions
    assert (first.action, first.assignees, len(first.constraints)) == (ODRL + "print", (), 1)
    assert (second.assignees, len(second.constraints)) == ((Subject("urn:beth"),), 2)
    assert policy.prohibitions[0].action == ODRL + "sell"
    assert (policy.assignee, policy.target) == ("urn:john", "urn:data:1")
    assert whole(serialise(policy)) == policy


@pytest.mark.parametrize(
    ("policy", "found"),
    [
        ({"permission": [{"action": "urn:odd"}]}, [("action", "urn:odd")]),
        ({"permission": [{"action": {"@id": "urn:own", "includedIn": "use"}}]}, []),
        (
            {"permission": [{"action": "use", "constraint": [atom("urn:odd", "eq", "1")]}]},
            [("operand", "urn:odd")],
        ),
        (
            {"permission": [{"action": "use", "constraint": [atom("fileFormat", "gt", "csv")]}]},
            [("operator", ODRL + "gt")],
        ),
        (
            {
                "permission": [
                    {
                        "action": "use",
                        "duty": [{"action": "inform", "constraint": [atom("urn:odd", "eq", "1")]}],
                    }
                ]
            },
            [("duty", ODRL + "inform")],
        ),
        ({"profile": "urn:p", "permission": [{"action": "use"}]}, [("profile", "urn:p")]),
        (
            {"inheritFrom": "urn:p", "permission": [{"action": "use"}]},
            [("inheritFrom", ODRL + "inheritFrom")],
        ),
        (
            {
                "permission": [
                    {"action": "use", "constraint": [atom("payAmount", "eq", "5") | {"unit": "urn:won"}]}
                ]
            },
            [("unit", ODRL + "unit")],
        ),
        (
            {"permission": [{"action": "use", "assignee": {"@id": "urn:a", "partOf": "urn:g"}}]},
            [("partOf", ODRL + "partOf")],
        ),
    ],
)
def test_what_the_whole_vocabulary_does_not_understand_is_listed(
    policy: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert strange(policy) == found


@pytest.mark.parametrize(
    ("policy", "pointer"),
    [
        ({"permission": [{}]}, "/permission/0"),
        ({"permission": [{"action": "use", "assignee": {}}]}, "/permission/0/assignee"),
        ({"permission": [{"action": "use", "assignee": {"name": "x"}}]}, "/permission/0/assignee/name"),
        ({"permission": [{"action": "use", "target": {"@id": "a", "uid": "b"}}]}, "/permission/0/target"),
        (
            {"permission": [{"action": {"@id": "print", "refinement": [atom("resolution", "eq", "high")]}}]},
            "/permission/0/action/refinement/0/rightOperand",
        ),
    ],
)
def test_what_is_wrong_is_refused_at_its_place(policy: dict[str, Any], pointer: str) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        whole(policy)
    assert caught.value.pointer == pointer


def test_an_open_vocabulary_takes_any_name_and_a_rule_about_any_action() -> None:
    policy = parse(
        {
            "profile": "urn:p",
            "permission": [{"constraint": [atom("urn:odd", "lt", 3) | {"unit": "urn:mm"}]}],
            "prohibition": [{"action": "urn:act"}],
        },
        OPEN,
    )
    assert policy.not_understood == ()
    assert policy.permissions[0].action == ""
    assert parse(serialise(policy), OPEN) == policy


def test_catena_x_words_and_contexts() -> None:
    policy = whole(
        {
            "@context": [
                "https://w3id.org/catenax/2025/9/policy/odrl.jsonld",
                "https://w3id.org/catenax/2025/9/policy/context.jsonld",
            ],
            "permission": [
                {
                    "action": "use",
                    "constraint": [
                        {
                            "and": [
                                atom("FrameworkAgreement", "eq", "DataExchangeGovernance:1.0"),
                                atom("UsagePurpose", "isAnyOf", ["cx.core.industrycore:1"]),
                                atom("DataUsageEndDurationDays", "eq", "30"),
                            ]
                        }
                    ],
                }
            ],
        }
    )
    assert policy.not_understood == ()
    parts = policy.permissions[0].constraints[0].parts
    assert [p.operand for p in parts][:2] == [CX + "FrameworkAgreement", CX + "UsagePurpose"]
    assert parts[2].values == (SinceAgreement(timedelta(days=30)),)
    assert parse(
        {"permission": [{"action": "use", "constraint": [atom("FrameworkAgreement", "eq", "x")]}]}
    ).not_understood


def test_every_registered_operand_is_complete() -> None:
    for iri, operand in {**OPERANDS, **FURTHER}.items():
        assert operand.iri == iri
        assert operand.operators
        assert operand.operators <= OPERATORS
        assert operand.title.ko != ""
        assert operand.title.ko != operand.title.en
        assert all(clause.en.count("{}") == clause.ko.count("{}") == 1 for clause in operand.clauses.values())
    assert {
        MMD + n for n in ("requestsPerMinute", "bytesPerDay", "columns", "minGroupSize")
    } <= FURTHER.keys()
    assert sum(iri.startswith(CX) for iri in FURTHER) == 27


CHILD = {
    "@id": "urn:child",
    "inheritFrom": "urn:parent",
    "target": "urn:data:2",
    "permission": [{"action": "use"}],
}
PARENT = {
    "@id": "urn:parent",
    "assignee": "urn:a",
    "constraint": [atom("fileFormat", "eq", "csv")],
    "permission": [{"action": "read", "constraint": [atom("version", "eq", "1")]}],
    "prohibition": [{"action": "sell"}],
}


def test_a_policy_inherits_the_rules_of_its_parent_with_what_they_are_about() -> None:
    policy = whole(inherited(CHILD, {"urn:parent": PARENT}))
    own, theirs = policy.permissions
    assert (own.action, own.targets, own.assignees) == (ODRL + "use", (Subject("urn:data:2"),), ())
    assert (theirs.action, theirs.targets, theirs.assignees) == (ODRL + "read", (), (Subject("urn:a"),))
    assert [c.operand for c in theirs.constraints if isinstance(c, Atomic)] == [
        ODRL + "fileFormat",
        ODRL + "version",
    ]
    assert [len(p.constraints) for p in policy.prohibitions] == [1]
    assert policy.not_understood == ()
    assert inherited(PARENT, {}) == PARENT


def test_grandparents_count_and_a_policy_may_have_two_parents() -> None:
    grand = {"@id": "urn:grand", "prohibition": [{"action": "distribute"}]}
    parent = PARENT | {"inheritFrom": ["urn:grand"]}
    other = {"@id": "urn:other", "conflict": "invalid", "obligation": [{"action": "inform"}]}
    child = CHILD | {"inheritFrom": ["urn:parent", "urn:other"]}
    known = {"urn:grand": grand, "urn:parent": parent, "urn:other": other}
    policy = whole(inherited(child, known))
    assert [p.action for p in policy.prohibitions] == [ODRL + "sell", ODRL + "distribute"]
    assert len(policy.obligations) == 1
    assert policy.conflict == ODRL + "invalid"


@pytest.mark.parametrize(
    ("parents", "says"),
    [
        ({}, "not known here"),
        ({"urn:parent": {"inheritFrom": "urn:child"}}, "from itself"),
        ({"urn:parent": {"inheritFrom": "urn:parent"}}, "from itself"),
        ({"urn:parent": PARENT | {"conflict": "perm"}}, "differently"),
    ],
)
def test_a_missing_or_circular_parent_is_an_error(parents: dict[str, Any], says: str) -> None:
    with pytest.raises(PolicyInvalid, match=says) as caught:
        inherited(CHILD | {"conflict": "prohibit"}, parents)
    assert caught.value.pointer == "/inheritFrom"


def test_generations_have_an_end() -> None:
    known = {f"urn:{i}": {"@id": f"urn:{i}", "inheritFrom": f"urn:{i + 1}"} for i in range(100)}
    with pytest.raises(PolicyInvalid, match="generations"):
        inherited(known["urn:0"], known)


def test_parties_are_equal_by_meaning_whatever_the_names_they_came_with() -> None:
    def by(context: dict[str, str], operand: str, who: str) -> Policy:
        group: dict[str, Any] = {
            "@type": "odrl:PartyCollection",
            "odrl:source": who,
            "odrl:refinement": [atom(operand, "eq", "x")],
        }
        return parse({"@context": context, "permission": [{"action": "use", "assignee": group}]}, OPEN)

    one, other = (
        by({"e": "https://e.example/"}, "e:a", "urn:g"),
        by({"f": "https://e.example/"}, "f:a", "urn:g"),
    )
    assert equal(one, other) == []
    assert parse(serialise(one), OPEN) == one
    (difference,) = equal(one, by({}, "https://e.example/a", "urn:h"))
    assert difference.pointer == "/permission/0/assignee"
    (difference,) = equal(one, by({}, "https://e.example/b", "urn:g"))
    assert "https://e.example/b eq x" in difference.theirs
