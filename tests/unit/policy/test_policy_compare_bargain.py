"""Counter-offers: inside of what the owner allowed, outside with a middle, and never past the limit."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.policy import parse
from connector.policy.bargain import Standing, judge
from connector.policy.compare import is_within
from connector.policy.vocabulary import WHOLE


def c(operand: str, operator: str, value: Any) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}


def permits(*constraints: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"permission": [{"action": "use", "constraint": list(constraints)}], **more}


def count(n: int) -> dict[str, Any]:
    return c("count", "lteq", str(n))


def days(n: int) -> dict[str, Any]:
    return c("edc:inForceDate", "lteq", f"contractAgreement+{n}d")


A, B = "did:web:a.example", "did:web:b.example"
OFFER = permits(count(10), days(30))
DELETE = {"obligation": [{"action": "delete"}]}


@pytest.mark.parametrize(
    ("counter", "limits", "standing"),
    [
        (permits(count(10), days(30)), [], Standing.INSIDE),
        (permits(count(5), days(30), c("recipient", "eq", A)), [], Standing.INSIDE),
        (permits(count(11), days(30)), [], Standing.OUTSIDE),
        (permits(count(11), days(30)), [permits(count(20), days(60))], Standing.INSIDE),
        (permits(count(21), days(30)), [permits(count(20), days(60))], Standing.OUTSIDE),
        (permits(count(99)), [permits(days(1)), permits(count(99))], Standing.INSIDE),
        (permits(days(30)), [permits(count(20), days(60))], Standing.OUTSIDE),
        (permits(count(5), days(3), prohibition=[{"action": "sell"}]), [], Standing.NOT_UNDERSTOOD),
        (permits(count(5), days(3), c("mmd:odd", "eq", "x")), [permits()], Standing.NOT_UNDERSTOOD),
        (
            permits({"xone": [c("count", "eq", str(i)) for i in range(1, 400)]}),
            [permits(count(20))],
            Standing.UNDECIDED,
        ),
    ],
)
def test_where_a_counter_offer_stands(
    counter: dict[str, Any], limits: list[dict[str, Any]], standing: Standing
) -> None:
    found = judge(counter, OFFER, limits)
    assert found.standing is standing
    assert found.is_accepted == (standing is Standing.INSIDE)
    assert (found.changes == ()) == found.is_accepted
    assert found.to_json()["standing"] == standing.value


def middle(counter: dict[str, Any], *limits: dict[str, Any]) -> list[Any]:
    found = judge(counter, OFFER, limits).middle
    assert found is not None
    (rule,) = found["permission"]
    return [
        [x["operator"], x["rightOperand"]["@value"] if "@value" in x["rightOperand"] else x["rightOperand"]]
        for x in rule["constraint"]
    ]


def test_what_goes_too_far_is_taken_back_to_the_limit() -> None:
    limit = permits(count(20), days(60))
    asked = permits(count(50), days(40), c("recipient", "eq", A))
    assert middle(asked, limit) == [["lteq", "20"], ["lteq", "contractAgreement+40d"], ["eq", A]]
    # What was left out comes back.
    assert middle(permits(count(5)), limit) == [["lteq", "5"], ["lteq", "contractAgreement+60d"]]
    (change,) = judge(permits(count(50), days(60)), OFFER, [limit]).changes
    assert change.text("en") == "up to use number 20 → up to use number 50 (looser)"


def test_without_limits_the_middle_is_halfway() -> None:
    assert middle(permits(count(21), days(40))) == [["lteq", "15"], ["lteq", "contractAgreement+35d"]]
    assert middle(permits(count(10), days(31))) == [["lteq", "10"], ["lteq", "contractAgreement+30d"]]
    offer = permits(c("dateTime", "lteq", "2026-12-01T00:00:00Z"), c("elapsedTime", "lteq", "P2M"))
    asked = permits(c("dateTime", "lteq", "2026-12-04T00:00:00Z"), c("elapsedTime", "lteq", "P4M"))
    found = judge(asked, offer).middle
    assert found is not None
    values = [x["rightOperand"]["@value"] for x in found["permission"][0]["constraint"]]
    assert values == ["2026-12-02T12:00:00Z", "P3M"]
    listed = judge(permits(c("recipient", "isAnyOf", [A, B])), permits(c("recipient", "isAnyOf", [A]))).middle
    assert listed is not None
    assert listed["permission"][0]["constraint"][0]["rightOperand"] == [A]


def test_obligations_prohibitions_and_duties_are_kept() -> None:
    pay = {"duty": [{"action": "compensate", "constraint": [c("payAmount", "eq", "5")]}]}
    offer = parse(
        {"permission": [{"action": "use", "constraint": [count(10)], **pay}], **DELETE}
        | {"prohibition": [{"action": "distribute"}]},
        WHOLE,
    )
    asked = parse(permits(count(20), prohibition=[{"action": "sell"}]), WHOLE)
    assert offer.not_understood == asked.not_understood == ()
    found = judge(asked, offer, [offer])
    assert found.standing is Standing.OUTSIDE
    assert {change.effect.value for change in found.changes} == {"looser", "tighter"}
    assert found.middle is not None
    assert [rule["action"].rpartition("/")[2] for rule in found.middle["prohibition"]] == [
        "distribute",
        "sell",
    ]
    assert found.middle["obligation"][0]["action"].endswith("delete")
    assert found.middle["permission"][0]["duty"][0]["action"].endswith("compensate")
    assert is_within(parse(found.middle, WHOLE), offer)


def test_no_middle_is_made_up() -> None:
    two = {"permission": [{"action": "use", "constraint": [count(20)]}, {"action": "use"}]}
    assert judge(two, OFFER).middle is None
    assert judge({"permission": [{"action": "use"}]}, two, [two]).standing is Standing.INSIDE


bounded = st.lists(
    st.one_of(
        st.integers(1, 6).map(count),
        st.integers(1, 6).map(days),
        st.lists(st.sampled_from([A, B]), min_size=1, max_size=2).map(lambda x: c("recipient", "isAnyOf", x)),
    ),
    max_size=3,
).map(lambda found: permits(*found))


@settings(max_examples=80, deadline=None)
@given(bounded, bounded, st.lists(bounded, min_size=1, max_size=2))
def test_a_middle_lies_within_a_limit(counter: Any, offer: Any, limits: Any) -> None:
    found = judge(counter, offer, limits)
    assert found.is_accepted == any(is_within(counter, limit) for limit in limits)
    if not found.is_accepted:
        assert found.middle is not None
        assert any(is_within(found.middle, limit) for limit in limits)
        assert judge(found.middle, offer, limits).is_accepted
