"""Who may do what, when, and why not."""

from __future__ import annotations

import itertools
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connector.model.names import MMD, ODRL
from connector.policy import (
    BEFORE_AGREEMENT,
    OPERANDS,
    Context,
    Decision,
    Outcome,
    Scope,
    compile,  # noqa: A004 - the word of the room
    describe,
    ends_at,
    enforcement,
    parse,
)
from connector.policy.outcome import FALSE, OPEN_FALSE, OPEN_TRUE, TRUE, UNKNOWN, exactly_one
from connector.policy.terms import OPERATORS

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
FACTS = Context(
    now=NOW,
    target="urn:data:1",
    recipient="did:web:factory-b.example",
    assigner="did:web:factory-a.example",
    agreed_at=NOW - timedelta(days=10),
    purpose=MMD + "QualityAssurance",
    uses=4,
)


def atom(left: str, operator: str, right: Any) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def permission(*constraints: Any) -> dict[str, Any]:
    return {"permission": [{"action": "use", "constraint": list(constraints)}]}


def prohibition(*constraints: Any) -> dict[str, Any]:
    return {
        "permission": [{"action": "use"}],
        "prohibition": [{"action": "use", "constraint": list(constraints)}],
    }


def decide(policy: dict[str, Any], ctx: Context = FACTS) -> Decision:
    compiled = compile(parse(policy))
    decision = compiled.evaluate(ctx)
    assert compiled.permits(ctx) is decision.permitted
    assert (decision.code == "permitted") is decision.permitted
    return decision


A, B = "did:web:factory-a.example", "did:web:factory-b.example"
CASES: list[tuple[str, str, Any, str]] = [
    ("dateTime", "lteq", "2026-11-24T12:00:00Z", "permitted"),
    ("dateTime", "lteq", "2026-11-24T11:59:59Z", "time-over"),
    ("dateTime", "lt", "2026-11-24T12:00:01Z", "permitted"),
    ("dateTime", "lt", "2026-11-24T12:00:00Z", "time-over"),
    ("dateTime", "gteq", "2026-11-24T21:00:00+09:00", "permitted"),
    ("dateTime", "gteq", "2026-11-24T12:00:01Z", "time-not-yet"),
    ("dateTime", "gt", "2026-11-24T11:59:59Z", "permitted"),
    ("dateTime", "gt", "2026-11-24T12:00:00Z", "time-not-yet"),
    ("dateTime", "eq", "2026-11-24T12:00:00Z", "permitted"),
    ("dateTime", "eq", "2026-11-24T12:00:01Z", "time-not-yet"),
    ("dateTime", "eq", "2026-11-24T11:00:00Z", "time-over"),
    ("dateTime", "neq", "2026-11-24T11:00:00Z", "permitted"),
    ("dateTime", "neq", "2026-11-24T12:00:00Z", "time-not-yet"),
    ("inForceDate", "lteq", "contractAgreement+10d", "permitted"),
    ("inForceDate", "lteq", "contractAgreement+239h", "time-over"),
    ("inForceDate", "gteq", "contractAgreement+864000s", "permitted"),
    ("inForceDate", "gteq", "contractAgreement+14401m", "time-not-yet"),
    ("inForceDate", "gt", "contractAgreement+-1d", "permitted"),
    ("inForceDate", "lt", "2026-11-25T00:00:00Z", "permitted"),
    ("elapsedTime", "lteq", "P10D", "permitted"),
    ("elapsedTime", "lt", "P10D", "time-over"),
    ("elapsedTime", "lt", "P1M", "permitted"),
    ("elapsedTime", "gteq", "P1M", "time-not-yet"),
    ("elapsedTime", "gteq", "-P1M", "permitted"),
    ("recipient", "eq", B, "permitted"),
    ("recipient", "eq", A, "recipient-not-listed"),
    ("recipient", "neq", A, "permitted"),
    ("recipient", "neq", B, "recipient-not-listed"),
    ("recipient", "isAnyOf", [A, B], "permitted"),
    ("recipient", "isAnyOf", [A], "recipient-not-listed"),
    ("recipient", "isNoneOf", [A], "permitted"),
    ("recipient", "isNoneOf", [A, B], "recipient-not-listed"),
    ("purpose", "eq", "quality-assurance", "permitted"),
    ("purpose", "isAnyOf", [MMD + "EnergyManagement"], "purpose-not-allowed"),
    ("purpose", "isNoneOf", ["energy"], "permitted"),
    ("purpose", "neq", {"@id": MMD + "QualityAssurance"}, "purpose-not-allowed"),
    ("count", "lteq", "5", "permitted"),
    ("count", "lteq", "4", "count-reached"),
    ("count", "lt", "6", "permitted"),
    ("count", "lt", "5", "count-reached"),
    ("count", "eq", "5", "permitted"),
    ("count", "eq", "4", "count-reached"),
    ("count", "neq", "4", "permitted"),
    ("count", "neq", "5", "count-outside"),
    ("count", "gt", "4", "permitted"),
    ("count", "gt", "5", "count-outside"),
    ("count", "gteq", "5", "permitted"),
    ("count", "gteq", "6", "count-outside"),
    ("count", "lteq", "4.9", "count-reached"),
    ("count", "lteq", {"@value": "5.1", "@type": "xsd:decimal"}, "permitted"),
]


@pytest.mark.parametrize(("left", "operator", "right", "code"), CASES)
def test_each_operand_and_operator(left: str, operator: str, right: Any, code: str) -> None:
    decision = decide(permission(atom(left, operator, right)))
    assert decision.code == code
    inverse = decide(prohibition(atom(left, operator, right)))
    assert inverse.code == ("prohibited" if code == "permitted" else "permitted")


def test_every_accepted_operator_is_in_the_table_of_cases() -> None:
    tested = {(left, operator) for left, operator, _, _ in CASES}
    names = {"inForceDate" if "edc" in iri else iri.removeprefix(ODRL): iri for iri in OPERANDS}
    for name, iri in names.items():
        if name not in ("inForceDate", "elapsedTime"):  # they share dateTime's comparisons
            assert {op for left, op in tested if left == name} >= OPERANDS[iri].operators - {"eq"} - {
                "isAnyOf"
            }
        assert OPERANDS[iri].operators <= OPERATORS
        assert OPERANDS[iri].iri == iri
        assert set(OPERANDS[iri].facts) <= {field.name for field in fields(Context)}


def test_the_purpose_may_be_said_by_its_notation() -> None:
    policy = permission(atom("purpose", "isAnyOf", ["quality-assurance"]))
    assert decide(policy, replace(FACTS, purpose="quality-assurance")).permitted
    assert decide(policy, replace(FACTS, purpose="energy")).code == "purpose-not-allowed"


MISSING = [
    ("inForceDate", "lteq", "contractAgreement+99d", "agreed_at", "time-unknown"),
    ("elapsedTime", "lteq", "P99D", "agreed_at", "time-unknown"),
    ("recipient", "isAnyOf", [B], "recipient", "recipient-unknown"),
    ("recipient", "isNoneOf", [A], "recipient", "recipient-unknown"),
    ("purpose", "isAnyOf", ["quality-assurance"], "purpose", "purpose-unknown"),
    ("count", "lteq", "5", "uses", "count-unknown"),
]


@pytest.mark.parametrize(("left", "operator", "right", "fact", "code"), MISSING)
def test_a_missing_fact_helps_nobody(left: str, operator: str, right: Any, fact: str, code: str) -> None:
    without = replace(FACTS, **{fact: None})
    decision = decide(permission(atom(left, operator, right)), without)
    assert decision.code == code
    assert decision.cause is not None
    assert decision.cause.outcome is Outcome.UNKNOWN
    assert decide(prohibition(atom(left, operator, right)), without).code == code
    assert fact in decision.facts


@pytest.mark.parametrize(("left", "operator", "right", "fact", "code"), MISSING)
def test_a_deferred_fact_hinders_nobody(left: str, operator: str, right: Any, fact: str, code: str) -> None:
    later = replace(FACTS, deferred=frozenset({fact}), scope=Scope.NEGOTIATION, **{fact: None})
    for policy in (permission, prohibition):
        decision = decide(policy(atom(left, operator, right)), later)
        assert decision.permitted
        assert Outcome.OPEN in {reason.outcome for reason in decision.reasons}
        other = replace(later, deferred=frozenset({"nothing"}))
        assert not decide(policy(atom(left, operator, right)), other).permitted


def test_a_fact_that_is_there_counts_although_it_is_deferred() -> None:
    ctx = replace(FACTS, deferred=BEFORE_AGREEMENT)
    assert decide(permission(atom("count", "lteq", "4")), ctx).code == "count-reached"
    assert decide(permission(atom("purpose", "eq", "energy")), ctx).code == "purpose-not-allowed"


def test_before_the_agreement_a_time_to_come_is_no_hindrance_but_one_that_is_over_is() -> None:
    ctx = replace(FACTS, deferred=BEFORE_AGREEMENT)
    assert decide(permission(atom("dateTime", "gteq", "2027-01-01T00:00:00Z")), ctx).permitted
    assert decide(permission(atom("dateTime", "eq", "2027-01-01T00:00:00Z")), ctx).permitted
    for operator in ("lteq", "eq"):
        over = permission(atom("dateTime", operator, "2026-01-01T00:00:00Z"))
        assert decide(over, ctx).code == "time-over"
    assert not decide(permission(atom("dateTime", "gteq", "2027-01-01T00:00:00Z"))).permitted


def test_recipient_is_never_deferred_before_the_agreement() -> None:
    assert "recipient" not in BEFORE_AGREEMENT
    ctx = replace(FACTS, deferred=BEFORE_AGREEMENT, recipient=None)
    assert not decide(permission(atom("recipient", "isNoneOf", [A])), ctx).permitted


YES, NO = atom("count", "lteq", "5"), atom("count", "lteq", "4")
ODD = atom("fp:unknown", "eq", "x")


@pytest.mark.parametrize(
    ("constraint", "level"),
    [
        ({"and": [YES, YES]}, TRUE),
        ({"and": [YES, NO]}, FALSE),
        ({"and": [YES, ODD]}, UNKNOWN),
        ({"and": [NO, ODD]}, FALSE),
        ({"andSequence": [YES, YES]}, TRUE),
        ({"andSequence": [YES, ODD]}, UNKNOWN),
        ({"or": [NO, YES]}, TRUE),
        ({"or": [NO, NO]}, FALSE),
        ({"or": [YES, ODD]}, TRUE),
        ({"or": [NO, ODD]}, UNKNOWN),
        ({"xone": [YES, NO, NO]}, TRUE),
        ({"xone": [YES, YES, NO]}, FALSE),
        ({"xone": [NO, NO]}, FALSE),
        ({"xone": [YES, ODD]}, UNKNOWN),
        ({"xone": [NO, ODD]}, UNKNOWN),
        ({"xone": [YES, YES, ODD]}, FALSE),
        ({"or": [{"and": [YES, NO]}, {"xone": [NO, YES]}]}, TRUE),
    ],
)
def test_logic_is_three_valued(constraint: dict[str, Any], level: int) -> None:
    assert decide(permission(constraint)).permitted is (level == TRUE)
    assert decide(prohibition(constraint)).permitted is (level == FALSE)


def test_xone_takes_the_best_that_open_parts_leave_possible() -> None:
    """Against every way the open parts can turn out, and every way the unknown ones can."""
    for size in (1, 2, 3, 4):
        for open_level, best in ((OPEN_TRUE, max), (OPEN_FALSE, min)):
            for levels in itertools.product((FALSE, TRUE, UNKNOWN, open_level), repeat=size):
                outcomes = []
                opens = [i for i, level in enumerate(levels) if level == open_level]
                for turn in itertools.product((FALSE, TRUE), repeat=len(opens)):
                    world = list(levels)
                    for i, level in zip(opens, turn, strict=True):
                        world[i] = level
                    sure, unsure = world.count(TRUE), world.count(UNKNOWN)
                    if sure > 1:
                        outcomes.append(FALSE)
                    else:
                        outcomes.append(UNKNOWN if unsure else TRUE if sure == 1 else FALSE)
                wanted = best(outcomes)
                got = exactly_one(list(levels))
                hinders = got < OPEN_TRUE if best is max else got >= UNKNOWN
                assert hinders == (wanted < OPEN_TRUE if best is max else wanted >= UNKNOWN), levels


def test_closed_world_and_deny_override() -> None:
    assert decide({}).code == "no-permission"
    assert decide({"prohibition": [{"action": "use"}]}).code == "prohibited"
    assert (
        decide({"permission": [{"action": "use"}], "prohibition": [{"action": "use"}]}).code == "prohibited"
    )
    assert decide({"permission": [{"action": "use", "constraint": [NO]}, {"action": "use"}]}).permitted


@pytest.mark.parametrize(
    "more",
    [
        {"profile": "urn:profile"},
        {"obligation": [{"action": "odrl:delete"}]},
        {"inheritFrom": "urn:parent"},
        {"conflict": "perm"},
        {"conflict": "invalid"},
        {"target": {"@type": "AssetCollection", "source": "urn:c"}},
        {"constraint": [YES]},
        {"prohibition": [{"action": "distribute"}]},
        {"prohibition": [{"action": "use", "constraint": [ODD]}]},
        {"prohibition": [{"action": "use", "constraint": [YES, atom("purpose", "isA", "energy")]}]},
    ],
)
def test_what_is_not_understood_denies(more: dict[str, Any]) -> None:
    decision = decide({"permission": [{"action": "use"}]} | more)
    assert decision.code == "not-understood"
    assert decision.cause is not None
    assert decision.text("ko") != decision.text("en")


@pytest.mark.parametrize(
    "rule",
    [
        {"action": "distribute"},
        {"action": "use", "duty": [{"action": "compensate"}]},
        {"action": "use", "constraint": [ODD]},
        {"action": "use", "refinement": [YES]},
        {"action": "use", "constraint": [YES | {"unit": "urn:u"}]},
        {"action": "use", "target": {"@type": "AssetCollection", "source": "urn:c"}},
        {"action": {"@id": "use", "refinement": [YES]}},
    ],
)
def test_a_permission_not_understood_permits_nothing_and_another_is_not_its_hostage(
    rule: dict[str, Any],
) -> None:
    assert decide({"permission": [rule]}).code == "not-understood"
    assert decide({"permission": [rule, {"action": "use"}]}).permitted


def test_a_prohibition_whose_condition_is_surely_false_is_inactive_whatever_it_prohibits() -> None:
    policy = {
        "permission": [{"action": "use"}],
        "prohibition": [{"action": "distribute", "constraint": [NO]}],
    }
    assert decide(policy).permitted


PARTIES = {"target": "urn:data:1", "assigner": A, "assignee": B}


@pytest.mark.parametrize(
    ("fact", "code"),
    [("target", "target-other"), ("assigner", "assigner-other"), ("recipient", "assignee-other")],
)
def test_target_and_parties_are_premises(fact: str, code: str) -> None:
    policy = {"permission": [{"action": "use"}]} | PARTIES
    assert decide(policy).permitted
    assert decide(policy, replace(FACTS, **{fact: "urn:other"})).code == code
    assert decide(policy, replace(FACTS, **{fact: None})).code == code
    forbidden = policy | {"prohibition": [{"action": "use"}]}
    other = replace(FACTS, **{fact: "urn:other"})
    compiled = compile(parse(forbidden)).evaluate(other)
    assert compiled.code == code  # the prohibition is not about them either


def test_another_action_is_not_use() -> None:
    ctx = replace(FACTS, action=ODRL + "distribute")
    assert decide({"permission": [{"action": "use"}]}, ctx).code == "action-other"
    assert (
        decide({"prohibition": [{"action": "use"}], "permission": [{"action": "use"}]}, ctx).permitted
        is False
    )


def test_the_nearest_permission_tells_the_reason_whatever_the_order() -> None:
    rules = [
        {"action": "use", "constraint": [atom("recipient", "eq", A), NO, atom("purpose", "eq", "energy")]},
        {"action": "use", "constraint": [atom("purpose", "eq", "energy"), YES]},
        {"action": "distribute"},
    ]
    codes = {decide({"permission": list(order)}).code for order in itertools.permutations(rules)}
    assert codes == {"purpose-not-allowed"}


def test_reasons_name_every_premise() -> None:
    decision = decide(permission({"or": [NO, YES]}, atom("purpose", "isAnyOf", ["energy"])) | PARTIES)
    by_pointer = {reason.pointer: reason for reason in decision.reasons}
    assert by_pointer["/permission/0/constraint/0/or/0"].outcome is Outcome.FALSE
    assert by_pointer["/permission/0/constraint/0/or/1"].outcome is Outcome.TRUE
    assert by_pointer["/permission/0/constraint/0"].outcome is Outcome.TRUE
    assert by_pointer["/target"].outcome is Outcome.TRUE
    cause = decision.cause
    assert cause is by_pointer["/permission/0/constraint/1"]
    assert (cause.rule, cause.operand, cause.operator) == ("/permission/0", ODRL + "purpose", "isAnyOf")
    assert cause.needed.en == "the declared purpose is one of: energy management"
    assert cause.needed.ko == "밝힌 목적이 다음 가운데 하나일 때: 에너지 관리"
    assert cause.seen.en == "purpose: quality assurance"
    assert cause.enforcement == "evidenced"
    assert decision.to_json() == {
        "code": "purpose-not-allowed",
        "rule": "/permission/0",
        "reason": {
            "ko": "필요한 조건: 밝힌 목적이 다음 가운데 하나일 때: 에너지 관리."
            " 확인한 사실: 목적: 품질 보증.",
            "en": "Required: the declared purpose is one of: energy management."
            " Seen: purpose: quality assurance.",
        },
    }
    assert {r["outcome"] for r in (reason.to_json() for reason in decision.reasons)} == {"true", "false"}


def test_a_crowded_xone_is_its_own_reason() -> None:
    decision = decide(permission({"xone": [YES, YES, NO]}))
    assert decision.code == "no-permission"
    assert decision.cause is not None
    assert decision.cause.operator == "xone"
    assert decision.cause.text("en").startswith("Required: exactly one")


def test_within_logic_the_comparison_that_fails_is_the_reason() -> None:
    for logic in ({"or": [NO, NO]}, {"and": [YES, {"or": [NO]}]}, {"xone": [NO]}):
        decision = decide(permission(logic))
        assert decision.code == "count-reached"
        assert decision.cause is not None
        assert decision.cause.operator == "lteq"


def test_months_end_where_the_calendar_does() -> None:
    agreed = replace(FACTS, agreed_at=datetime(2026, 1, 31, tzinfo=UTC))
    for months, day in ((1, datetime(2026, 2, 28, tzinfo=UTC)), (2, datetime(2026, 3, 31, tzinfo=UTC))):
        policy = permission(atom("elapsedTime", "lteq", f"P{months}M"))
        assert ends_at(policy, agreed.agreed_at) == day
        assert decide(policy, replace(agreed, now=day)).permitted
        assert decide(policy, replace(agreed, now=day + TICK)).code == "time-over"


def test_a_prohibition_tells_its_condition() -> None:
    decision = decide(prohibition(atom("recipient", "isAnyOf", [B])))
    assert decision.cause is not None
    assert decision.cause.code == "prohibited"
    assert decision.to_json()["rule"] == "/prohibition/0"
    assert decision.text("en").startswith("Prohibited: the recipient is one of: did:web:factory-b")
    assert decide({"permission": [{"action": "use"}], "prohibition": [{"action": "use"}]}).text("ko") == (
        "계약이 이 이용을 금지합니다."
    )


def test_long_sets_are_told_in_short() -> None:
    names = [f"did:web:p{i}.example" for i in range(900)]
    decision = decide(permission(atom("recipient", "isAnyOf", names)))
    assert len(decision.text("en")) < 400
    assert "and 895 more" in decision.text("en")


VALID = [
    ([atom("dateTime", "lteq", "2026-12-01T00:00:00Z")], datetime(2026, 12, 1, tzinfo=UTC) + TICK),
    ([atom("dateTime", "lt", "2026-12-01T00:00:00Z")], datetime(2026, 12, 1, tzinfo=UTC)),
    ([atom("inForceDate", "lt", "contractAgreement+11d")], NOW + timedelta(days=1)),
    ([atom("dateTime", "gteq", "2026-11-01T00:00:00Z")], None),
    ([atom("dateTime", "neq", "2026-12-01T00:00:00Z")], datetime(2026, 12, 1, tzinfo=UTC)),
    ([atom("dateTime", "eq", "2026-11-24T12:00:00Z")], NOW + TICK),
    ([atom("dateTime", "lteq", "9999-12-31T23:59:59.999999Z")], None),
    ([YES], None),
    (
        [atom("dateTime", "lt", "2026-12-01T00:00:00Z"), atom("elapsedTime", "lt", "P11D")],
        NOW + timedelta(days=1),
    ),
    (
        [
            {
                "or": [
                    atom("dateTime", "lt", "2026-11-25T00:00:00Z"),
                    atom("dateTime", "lt", "2026-11-26T00:00:00Z"),
                ]
            }
        ],
        datetime(2026, 11, 25, tzinfo=UTC),
    ),
]


@pytest.mark.parametrize(("constraints", "until"), VALID)
def test_valid_until_is_the_first_instant_that_may_turn_it(
    constraints: list[Any], until: datetime | None
) -> None:
    policy = permission(*constraints)
    decision = decide(policy)
    assert decision.permitted
    assert decision.valid_until == until
    if until is not None:
        assert decide(policy, replace(FACTS, now=until - TICK)).permitted


def test_valid_until_looks_at_all_permissions_and_at_sleeping_prohibitions() -> None:
    early, late = (atom("dateTime", "lt", f"2026-12-{day}T00:00:00Z") for day in ("01", "05"))
    both = {"permission": [{"action": "use", "constraint": [c]} for c in (early, late)]}
    assert decide(both).valid_until == datetime(2026, 12, 5, tzinfo=UTC)
    unbounded = {"permission": [*both["permission"], {"action": "use"}]}
    assert decide(unbounded).valid_until is None
    wakes = unbounded | {
        "prohibition": [{"action": "use", "constraint": [atom("dateTime", "gteq", "2026-11-30T00:00:00Z")]}]
    }
    assert decide(wakes).valid_until == datetime(2026, 11, 30, tzinfo=UTC)
    assert decide(wakes, replace(FACTS, now=datetime(2026, 11, 30, tzinfo=UTC))).code == "prohibited"


@pytest.mark.parametrize(
    ("policy", "end"),
    [
        (permission(), None),
        ({}, FACTS.agreed_at),
        (permission(atom("dateTime", "lteq", "2026-12-01T00:00:00Z")), datetime(2026, 12, 1, tzinfo=UTC)),
        (permission(atom("inForceDate", "lt", "contractAgreement+30d")), NOW + timedelta(days=20)),
        (permission(atom("elapsedTime", "lteq", "P1M")), datetime(2026, 12, 14, 12, tzinfo=UTC)),
        (permission(atom("dateTime", "eq", "2026-12-01T00:00:00Z")), datetime(2026, 12, 1, tzinfo=UTC)),
        (
            permission({"andSequence": [YES, atom("dateTime", "lt", "2026-12-01")]}),
            datetime(2026, 12, 1, tzinfo=UTC),
        ),
        (permission(atom("dateTime", "gteq", "2026-12-01T00:00:00Z")), None),
        (permission(YES, atom("fp:x", "lteq", "2026-12-01T00:00:00Z")), None),
        (
            permission(
                {"and": [YES, atom("dateTime", "lt", "2026-12-02T00:00:00Z")]},
                {
                    "or": [
                        atom("dateTime", "lt", "2026-12-01T00:00:00Z"),
                        atom("dateTime", "eq", "2026-12-03"),
                    ]
                },
            ),
            datetime(2026, 12, 2, tzinfo=UTC),
        ),
        (permission({"or": [YES, atom("dateTime", "lt", "2026-12-01T00:00:00Z")]}), None),
        (
            {
                "permission": [
                    {"action": "use", "constraint": [atom("dateTime", "lt", d)]}
                    for d in ("2026-12-01", "2027-01-01")
                ]
            },
            datetime(2027, 1, 1, tzinfo=UTC),
        ),
        (
            permission(atom("inForceDate", "lt", "contractAgreement+36000000d")),
            datetime.max.replace(tzinfo=UTC),
        ),
    ],
)
def test_ends_at(policy: dict[str, Any], end: datetime | None) -> None:
    assert ends_at(policy, FACTS.agreed_at) == end
    if end is not None and end.year < 9999:
        assert not decide(policy, replace(FACTS, now=end + TICK)).permitted


def test_relative_times_end_nothing_before_the_agreement() -> None:
    assert ends_at(permission(atom("inForceDate", "lt", "contractAgreement+30d")), None) is None


def test_facts_are_those_the_policy_looks_at() -> None:
    assert compile(parse(permission())).facts == {"action"}
    assert compile(parse(permission(YES) | PARTIES)).facts == {
        "action",
        "uses",
        "target",
        "assigner",
        "recipient",
    }
    assert compile(parse(permission(atom("elapsedTime", "lt", "P1D")))).facts == {
        "action",
        "now",
        "agreed_at",
    }


def test_a_context_needs_zones() -> None:
    with pytest.raises(ValueError, match="zone"):
        Context(now=datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(ValueError, match="zone"):
        Context(now=NOW, agreed_at=datetime(2026, 1, 1))  # noqa: DTZ001


def test_sentences_in_both_languages() -> None:
    policy = permission(
        atom("dateTime", "gteq", "2026-11-24T00:00:00Z"),
        atom("inForceDate", "lteq", "contractAgreement+30d"),
        {"or": [YES, atom("purpose", "eq", "energy")]},
        ODD,
    ) | {"prohibition": [{"action": "distribute"}], "obligation": [{"action": "delete", "constraint": [YES]}]}
    english, korean = describe(policy, "en"), describe(policy, "ko_KR.UTF-8")
    assert english.splitlines()[0] == (
        "Permitted: use of the data, only if all of this holds: from 2026-11-24 00:00:00 UTC on; "
        "until 30 days after the agreement at the latest; at least one of these holds (up to use number 5; "
        "the declared purpose is energy management); a condition that cannot be understood (fp:unknown: x)."
    )
    assert korean.splitlines()[0] == (
        "이용 허용, 다음을 모두 지킬 때만: 2026-11-24 00:00:00 UTC부터; 계약 후 30일까지; "
        "다음 가운데 하나 이상을 지킬 때 (5번째 이용까지; 밝힌 목적이 에너지 관리일 때); "
        "해석할 수 없는 조건 (fp:unknown: x)."
    )
    assert len(english.splitlines()) == len(korean.splitlines()) == 6
    assert "Prohibited: distribution to others." in english
    assert "Obligation: deletion, under: up to use number 5." in english
    assert describe({}, "en") == "Nothing is permitted."
    assert describe(permission(), "ko") == "이용 허용: 조건 없음."
    assert describe({"permission": [{"action": "use"}, {"action": "use"}]}, "en").startswith("Any one of")


@pytest.mark.parametrize(
    ("right", "en", "ko"),
    [
        ("P1Y1M", "13 months after the agreement", "계약 후 13개월"),
        ("P1DT1H1M1S", "1 day 1 hour 1 minute 1 second after the agreement", "계약 후 1일 1시간 1분 1초"),
        ("-P2D", "2 days before the agreement", "계약 2일 전"),
        ("PT0S", "the time of the agreement", "계약 시각"),
    ],
)
def test_spans_in_words(right: str, en: str, ko: str) -> None:
    policy = permission(atom("elapsedTime", "lt", right))
    assert f"before {en}." in describe(policy, "en")
    assert f"{ko} 전까지." in describe(policy, "ko")


def test_enforcement_of_each_rule() -> None:
    policy = permission(YES, {"and": [atom("purpose", "eq", "energy")]}, ODD) | {
        "prohibition": [{"action": "distribute"}],
        "profile": "urn:p",
    }
    found = [entry.to_json() for entry in enforcement(policy)]
    assert [(e["rule"], e["class"], e["operand"]) for e in found] == [
        ("/profile", "promised", "urn:p"),
        ("/permission/0", "enforced", ""),
        ("/permission/0", "enforced", "odrl:count"),
        ("/permission/0", "evidenced", "odrl:purpose"),
        ("/permission/0", "promised", "fp:unknown"),
        ("/prohibition/0/action", "promised", "odrl:distribute"),
    ]
    assert all(e["text"]["ko"] != e["text"]["en"] for e in found)
