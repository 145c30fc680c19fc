"""Equal in meaning, or exactly what differs."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from connector.errors import PolicyInvalid
from connector.model.names import ODRL, XSD
from connector.policy import equal, policy_digest


def atom(left: str, operator: str, right: Any) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


COUNT, TIME = atom("count", "lteq", "10"), atom("dateTime", "lt", "2026-12-01T00:00:00Z")


def use(*constraints: Any, **more: Any) -> dict[str, Any]:
    return {"permission": [{"action": "use", "constraint": list(constraints)} | more]}


SAME: list[tuple[Any, Any]] = [
    (use(COUNT, TIME), use(TIME, COUNT)),
    (use(COUNT), use(COUNT, COUNT)),
    (use(COUNT), use(atom(ODRL + "count", "odrl:lteq", {"@value": 10, "@type": XSD + "integer"}))),
    (use(TIME), use(atom("dateTime", "lt", "2026-12-01T09:00:00.000+09:00"))),
    (
        use(atom("elapsedTime", "lt", "PT24H")),
        use(atom("elapsedTime", "lt", {"@value": "P1D", "@type": "xsd:duration"})),
    ),
    (
        use(atom("inForceDate", "lt", "contractAgreement+1d")),
        use(atom("edc:inForceDate", "lt", "contractAgreement+24h")),
    ),
    (
        use(atom("recipient", "isAnyOf", ["a", "b"])),
        use(atom("recipient", "isAnyOf", [{"@id": "b"}, "a", "a"])),
    ),
    (
        use(atom("purpose", "eq", "energy")),
        use(atom("purpose", "eq", "https://w3id.org/madang/ns#EnergyManagement")),
    ),
    (use(), {"permission": {"action": {"@id": ODRL + "use"}}, "prohibition": [], "obligation": []}),
    (use() | {"@type": "Offer", "@id": "urn:1", "target": "t"}, use() | {"@type": "Set", "@id": "urn:2"}),
    (use() | {"assigner": "a"}, use() | {"timestamp": "2026-01-01T00:00:00Z", "assignee": "b"}),
    (use({"or": [COUNT, TIME]}), use({"or": [TIME, COUNT]})),
    (use({"or": [COUNT, TIME]}), use({"or": {"@list": [TIME, COUNT]}})),
    (use(duty=[{"action": "delete"}]), use(duty={"odrl:action": ODRL + "delete"})),
    (use() | {"profile": ["p", "q"]}, use() | {"profile": ["q", "p", "p"]}),
    (use(duty=[]), use()),
    (use(atom("spatial", "eq", "KR")), use(atom("spatial", "eq", {"@value": "KR", "@type": "xsd:string"}))),
    (
        {"permission": use(COUNT)["permission"] + use(TIME)["permission"]},
        {"permission": use(TIME)["permission"] + use(COUNT)["permission"]},
    ),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_equal_in_meaning(a: dict[str, Any], b: dict[str, Any]) -> None:
    assert equal(a, b) == []
    assert equal(b, a) == []


C = "/permission/0/constraint/0"
DIFFERENT: list[tuple[Any, Any, list[tuple[str, str, str]]]] = [
    (
        use(COUNT, TIME),
        use(atom("count", "lteq", "11"), TIME),
        [(C, "odrl:count lteq 10", "odrl:count lteq 11")],
    ),
    (use(COUNT), use(atom("count", "lt", "10")), [(C, "odrl:count lteq 10", "odrl:count lt 10")]),
    (use(COUNT), use(), [(C, "odrl:count lteq 10", "")]),
    (use(), use(COUNT), [(C, "", "odrl:count lteq 10")]),
    (
        use(atom("recipient", "isAnyOf", ["a"])),
        use(atom("recipient", "isAnyOf", ["a", "b"])),
        [(C, "odrl:recipient isAnyOf [a]", "odrl:recipient isAnyOf [a, b]")],
    ),
    (
        use(),
        use() | {"prohibition": [{"action": "odrl:sell"}]},
        [("/prohibition/0", "", "prohibition odrl:sell")],
    ),
    (
        use(),
        {"permission": [{"action": "print"}]},
        [("/permission/0", "permission odrl:use", ""), ("/permission/0", "", "permission odrl:print")],
    ),
    (
        use(COUNT),
        {"permission": use(COUNT)["permission"] + use(TIME)["permission"]},
        [("/permission/1", "", "permission odrl:use if odrl:dateTime lt 2026-12-01 00:00:00 UTC")],
    ),
    (
        use({"or": [COUNT, TIME]}),
        use({"or": [atom("count", "lteq", "9"), TIME]}),
        [(C + "/or/0", "odrl:count lteq 10", "odrl:count lteq 9")],
    ),
    (
        use({"or": [COUNT, TIME]}),
        use({"and": [COUNT, TIME]}),
        [
            (C, "or(odrl:count lteq 10; odrl:dateTime lt 2026-12-01 00:00:00 UTC)", ""),
            (C, "", "and(odrl:count lteq 10; odrl:dateTime lt 2026-12-01 00:00:00 UTC)"),
        ],
    ),
    (
        use({"andSequence": [COUNT, TIME]}),
        use({"andSequence": [TIME, COUNT]}),
        [
            (
                C,
                "andSequence(odrl:count lteq 10; odrl:dateTime lt 2026-12-01 00:00:00 UTC)",
                "andSequence(odrl:dateTime lt 2026-12-01 00:00:00 UTC; odrl:count lteq 10)",
            )
        ],
    ),
    (use(), use() | {"profile": "urn:p"}, [("/profile", "", "urn:p")]),
    (use(), use() | {"conflict": "perm"}, [("/conflict", "", "odrl:perm")]),
    (use(), use() | {"inheritFrom": "urn:p"}, [("/inheritFrom", "", '"urn:p"')]),
    (use(), use(duty=[{"action": "delete"}]), [("/permission/0/duty/0", "", "duty odrl:delete")]),
    (
        use(),
        use(refinement=[COUNT]),
        [
            (
                "/permission/0/refinement",
                "",
                '[{"leftOperand":"count","operator":"lteq","rightOperand":"10"}]',
            )
        ],
    ),
    (use(COUNT), use(COUNT | {"unit": "u"}), [(C, "odrl:count lteq 10", 'odrl:count lteq 10 unit="u"')]),
    (
        use(atom("spatial", "eq", "1")),
        use(atom("spatial", "eq", 1)),
        [(C, "odrl:spatial eq 1", "odrl:spatial eq 1")],
    ),
    (
        use(atom("spatial", "eq", "u:x")),
        use(atom("spatial", "eq", {"@id": "u:x"})),
        [(C, "odrl:spatial eq u:x", "odrl:spatial eq u:x")],
    ),
    (use(), {}, [("/permission/0", "permission odrl:use", "")]),
]


@pytest.mark.parametrize(("a", "b", "found"), DIFFERENT)
def test_the_difference_is_minimal(a: Any, b: Any, found: list[tuple[str, str, str]]) -> None:
    assert [(d.pointer, d.mine, d.theirs) for d in equal(a, b)] == found
    assert len(equal(b, a)) == len(found)


def test_a_difference_reads_in_both_languages() -> None:
    (difference,) = equal(use(COUNT), use())
    assert difference.text("en") == f"{C}: ours says odrl:count lteq 10, theirs says nothing"
    assert difference.text("ko") == f"{C}: 우리 쪽 odrl:count lteq 10, 상대 쪽 없음"
    assert difference.to_json()["text"] == difference.sentence.to_json()


def test_a_policy_that_cannot_be_read_is_no_difference() -> None:
    with pytest.raises(PolicyInvalid):
        equal(use(), {"permissions": []})


def test_the_digest_is_of_the_words() -> None:
    a, b = use(COUNT), use(atom("odrl:count", "lteq", "10"))
    assert equal(a, b) == []
    assert policy_digest(a) != policy_digest(b)
    assert policy_digest(a) == policy_digest(dict(reversed(a.items())))
    words = b'{"permission":[{"action":"use"}]}'
    assert policy_digest({"permission": [{"action": "use"}]}) == hashlib.sha256(words).hexdigest()
