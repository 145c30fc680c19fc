"""The whole of ODRL as it is decided: actions, collections, sets, duties, obligations, reports."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from connector.model.names import MMD, ODRL
from connector.policy import (
    Context,
    Decision,
    Outcome,
    compile,  # noqa: A004 - the word of the room
    ends_at,
    parse,
)
from connector.policy.actions import ODRL_ACTIONS
from connector.policy.audits import Breach, audit
from connector.policy.comparing import judge, order
from connector.policy.compiling import Mode
from connector.policy.evaluation import CODES, WHOLE_CODES
from connector.policy.further.catenax import CX
from connector.policy.outcome import FALSE, TRUE, UNKNOWN
from connector.policy.reports import Activation, report
from connector.policy.values import Duration, Iri, Literal, Value
from connector.policy.vocabulary import OPEN, WHOLE
from connector.policy.world import NOTHING_KNOWN, About, Deontic, Event, World

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ALICE, BOB = "did:web:alice.example", "did:web:bob.example"
FACTS = Context(
    now=NOW, action=ODRL + "read", target="urn:x", recipient=ALICE, agreed_at=NOW - 10 * DAY, uses=4
)


def atom(left: str, operator: str, right: Any) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def decide(policy: dict[str, Any], ctx: Context = FACTS, mode: Mode = Mode.OURS) -> Decision:
    compiled = compile(parse(policy, WHOLE), mode)
    decision = compiled.evaluate(ctx)
    assert compiled.permits(ctx) is decision.permitted
    assert report(compiled, ctx).permitted is decision.permitted
    assert decision.code in WHOLE_CODES
    assert decision.text("ko") != decision.text("en")
    return decision


def knowing(**more: Any) -> Context:
    return replace(FACTS, world=World(**more))


# ---- actions ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "asked", "permitted"),
    [
        ("use", "read", True),
        ("use", "use", True),
        ("use", "display", True),
        ("play", "display", True),
        ("reproduce", "extract", True),
        ("read", "use", False),
        ("use", "sell", False),
        ("transfer", "sell", True),
        ("transfer", "give", True),
        ("modify", "write", True),
        ("use", "transfer", False),
    ],
)
def test_an_action_covers_what_is_included_in_it(rule: str, asked: str, permitted: bool) -> None:
    ctx = replace(FACTS, action=ODRL + asked)
    assert decide({"permission": [{"action": rule}]}, ctx).permitted is permitted
    everything = [{"action": "use"}, {"action": "transfer"}]
    forbidden = decide({"permission": everything, "prohibition": [{"action": rule}]}, ctx)
    assert forbidden.code == ("prohibited" if permitted else "permitted")


def test_an_action_nobody_knows_is_neither_permitted_nor_surely_free() -> None:
    ctx = replace(FACTS, action="urn:unheard-of")
    assert decide({"permission": [{"action": "use"}]}, ctx).code == "action-other"
    named = {"@id": "urn:unheard-of", "includedIn": "use"}
    assert decide({"permission": [{"action": "use"}, {"action": named}]}, ctx).permitted
    prohibited = {"permission": [{"action": named}], "prohibition": [{"action": "read"}]}
    assert decide(prohibited, ctx).permitted  # declared to be a use, so surely no reading


def test_what_implies_a_prohibited_action_is_prohibited() -> None:
    copying = {"@id": "urn:copy", "includedIn": "use", "implies": "read"}
    policy = {"permission": [{"action": copying}], "prohibition": [{"action": "read"}]}
    ctx = replace(FACTS, action="urn:copy")
    assert decide(policy, ctx).code == "prohibited"
    assert decide(policy | {"prohibition": [{"action": "print"}]}, ctx).permitted
    assert not decide({"permission": [{"action": "read"}, {"action": "urn:other"}]}, ctx).permitted


def test_a_circle_of_actions_is_no_trouble() -> None:
    circle = ODRL_ACTIONS.extended(
        [("urn:a", "urn:b"), ("urn:b", "urn:a")], [("urn:a", "urn:c"), ("urn:c", "urn:a")]
    )
    assert circle.above("urn:a") == {"urn:a", "urn:b"}
    assert circle.demanded("urn:a") == {"urn:a", "urn:b", "urn:c"}


# ---- targets, parties, refinements --------------------------------------------------------------


def test_members_of_a_collection_also_through_another() -> None:
    policy = {
        "permission": [{"action": "read", "assignee": {"@type": "PartyCollection", "@id": "urn:group"}}]
    }
    inside = knowing(member_of={ALICE: frozenset({"urn:team"}), "urn:team": frozenset({"urn:group"})})
    assert decide(policy, inside).permitted
    assert decide(policy, knowing(member_of={ALICE: frozenset({"urn:other"})})).code == "assignee-other"
    nobody_knows = decide(policy)
    assert nobody_knows.code == "assignee-other"
    assert nobody_knows.cause is not None
    assert nobody_knows.cause.outcome is Outcome.UNKNOWN
    forbidden = {"permission": [{"action": "read"}], "prohibition": policy["permission"]}
    assert not decide(forbidden).permitted
    assert decide(forbidden, mode=Mode.CLOSED).permitted
    assert decide(forbidden, knowing(member_of={ALICE: frozenset()})).permitted


def test_one_of_several_targets_is_enough_and_a_refinement_narrows() -> None:
    fresh = {"@type": "AssetCollection", "source": "urn:all", "refinement": [atom("version", "gteq", "2")]}
    policy = {"permission": [{"action": "read", "target": ["urn:y", fresh]}]}
    world = {"member_of": {"urn:x": frozenset({"urn:all"})}}
    assert decide(policy, replace(FACTS, target="urn:y")).permitted
    assert decide(policy, knowing(**world, about={About.ASSET: {ODRL + "version": Decimal(2)}})).permitted
    old = knowing(**world, about={About.ASSET: {ODRL + "version": Decimal(1)}})
    assert decide(policy, old).code == "fact-other"
    assert decide(policy, knowing(**world)).code == "fact-unknown"


def test_a_refinement_of_the_action_looks_at_the_action_first() -> None:
    policy = {"permission": [{"action": {"@id": "read", "refinement": [atom("resolution", "lteq", "1200")]}}]}
    scoped = knowing(
        about={About.ACTION: {ODRL + "resolution": Decimal(1190)}}, facts={ODRL + "resolution": Decimal(9999)}
    )
    assert decide(policy, scoped).permitted
    assert not decide(policy, knowing(facts={ODRL + "resolution": Decimal(9999)})).permitted
    assert decide(policy).code == "fact-unknown"


def test_several_facts_of_the_world_and_what_the_decision_rests_on() -> None:
    policy = {
        "permission": [
            {
                "action": "use",
                "constraint": [
                    atom(MMD + "requestsPerMinute", "lteq", "60"),
                    atom(MMD + "bytesPerDay", "lt", "1000000"),
                    atom(MMD + "columns", "isPartOf", ["a", "b", "c"]),
                    atom(MMD + "membership", "isAnyOf", ["urn:cluster"]),
                ],
            }
        ]
    }
    facts: dict[str, Any] = {
        MMD + "requestsPerMinute": Decimal(60),
        MMD + "bytesPerDay": Decimal(999_999),
        MMD + "columns": frozenset({"a", "c"}),
        MMD + "membership": frozenset({"urn:cluster", "urn:other"}),
    }
    decision = decide(policy, knowing(facts=facts))
    assert decision.permitted
    assert decision.facts >= set(facts)
    for name, bad in (
        ("requestsPerMinute", Decimal(61)),
        ("bytesPerDay", Decimal(1_000_000)),
        ("columns", frozenset({"a", "d"})),
        ("membership", frozenset({"urn:x"})),
    ):
        refused = decide(policy, knowing(facts=facts | {MMD + name: bad}))
        assert refused.code == "fact-other"
        assert refused.cause is not None
        assert refused.cause.operand == MMD + name
    later = replace(FACTS, deferred=frozenset(facts))
    assert decide(policy, later).permitted
    assert decide(policy).code == "fact-unknown"


def test_the_end_of_a_catena_x_usage_is_its_last_moment() -> None:
    policy = {
        "permission": [
            {"action": "use", "constraint": [atom(CX + "DataUsageEndDate", "eq", "2026-11-25T00:00:00Z")]}
        ]
    }
    decision = decide(policy)
    assert decision.permitted
    assert decision.valid_until == datetime(2026, 11, 25, 0, 0, 0, 1, UTC)
    assert decide(policy, replace(FACTS, now=NOW + DAY)).code == "time-over"
    assert ends_at(parse(policy, WHOLE), NOW) == datetime(2026, 11, 25, tzinfo=UTC)


def test_sovitys_referring_connector_lists_names_with_commas() -> None:
    policy = {
        "permission": [
            {"action": "use", "constraint": [atom("REFERRING_CONNECTOR", "eq", f"{BOB}, {ALICE}")]}
        ]
    }
    assert decide(policy).permitted
    assert decide(policy, replace(FACTS, recipient="did:web:c.example")).code == "recipient-not-listed"


def test_a_purpose_may_be_a_kind_of_another() -> None:
    policy = {"permission": [{"action": "use", "constraint": [atom("purpose", "isA", "urn:quality")]}]}
    tree = {"urn:inspection": frozenset({"urn:quality"}), "urn:ads": frozenset({"urn:marketing"})}
    ctx = knowing(broader=tree)
    assert decide(policy, replace(ctx, purpose="urn:inspection")).permitted
    assert decide(policy, replace(ctx, purpose="urn:ads")).code == "purpose-not-allowed"
    assert decide(policy, replace(ctx, purpose="urn:unheard-of")).code == "purpose-unknown"


# ---- comparing ----------------------------------------------------------------------------------

TREE = World(broader={"KR": frozenset({"Asia"}), "Asia": frozenset({"World"}), "DE": frozenset({"Europe"})})


@pytest.mark.parametrize(
    ("operator", "fact", "values", "level"),
    [
        ("isAnyOf", frozenset({"a", "b"}), ("b", "c"), TRUE),
        ("isAnyOf", "a", ("b", "c"), FALSE),
        ("isNoneOf", frozenset({"a"}), ("b", "c"), TRUE),
        ("isNoneOf", frozenset({"a", "c"}), ("b", "c"), FALSE),
        ("isAllOf", frozenset({"a", "b", "c"}), ("a", "b"), TRUE),
        ("isAllOf", frozenset({"a"}), ("a", "b"), FALSE),
        ("isAllOf", frozenset(), ("a",), FALSE),
        ("isPartOf", "KR", ("World",), TRUE),
        ("isPartOf", "KR", ("KR",), TRUE),
        ("isPartOf", "KR", ("Europe",), FALSE),
        ("isPartOf", "KR", ("Europe", "Asia"), TRUE),
        ("isPartOf", "Atlantis", ("Europe",), UNKNOWN),
        ("isPartOf", frozenset({"KR", "DE"}), ("Asia",), FALSE),
        ("isPartOf", frozenset(), ("Asia",), UNKNOWN),
        ("hasPart", "World", ("KR",), TRUE),
        ("hasPart", "Asia", ("KR", "DE"), FALSE),
        ("isA", Iri("KR"), (Iri("Asia"),), TRUE),
        ("eq", Iri("x"), ("x",), TRUE),
        ("eq", frozenset({"a", "b"}), ("b", "a"), TRUE),
        ("neq", frozenset({"a", "b"}), ("a",), TRUE),
        ("lt", frozenset({"a", "b"}), ("a",), UNKNOWN),
        ("eq", "1.0", (Decimal(1),), TRUE),
        ("gt", "10", ("9",), TRUE),
        ("lt", "apple", ("pear",), UNKNOWN),
        ("eq", "apple", ("pear",), FALSE),
        ("eq", True, ("true",), TRUE),
        ("eq", Literal("a", "@en"), ("a",), TRUE),
        ("eq", "ten", (Decimal(10),), UNKNOWN),
        ("lteq", "2026-01-01", (datetime(2026, 1, 1, tzinfo=UTC),), TRUE),
        ("lt", "2026-01-01", ("2026-01-02T00:00:00+09:00",), TRUE),
        ("gteq", Duration(0, DAY), (Duration(0, 2 * DAY),), FALSE),
        ("gteq", Duration(1, DAY), (Duration(0, DAY),), UNKNOWN),
        ("roughly", "a", ("a",), UNKNOWN),
    ],
)
def test_comparisons_are_three_valued(
    operator: str, fact: Any, values: tuple[Value, ...], level: int
) -> None:
    assert judge(operator, fact, values, TREE) == level


def test_order_is_one_of_an_order() -> None:
    values: list[Value] = [
        Decimal(1),
        "2",
        datetime(2026, 1, 1, tzinfo=UTC),
        "2026-01-02",
        "x",
        Duration(0, DAY),
    ]
    for a, b in itertools.product(values, repeat=2):
        forth, back = order(a, b), order(b, a)
        assert (forth is None) == (back is None)
        assert forth is None or back is None or forth == -back


# ---- strategies ---------------------------------------------------------------------------------

BOTH = {"permission": [{"action": "use"}], "prohibition": [{"action": "read"}]}


@pytest.mark.parametrize(
    ("conflict", "code"),
    [(None, "prohibited"), ("prohibit", "prohibited"), ("perm", "permitted"), ("invalid", "policy-void")],
)
def test_strategies_when_permission_and_prohibition_meet(conflict: str | None, code: str) -> None:
    policy = BOTH | ({"conflict": conflict} if conflict else {})
    assert decide(policy).code == code
    assert decide(policy, replace(FACTS, action=ODRL + "print")).permitted
    only = {k: v for k, v in policy.items() if k != "permission"}
    assert not decide(only).permitted


def test_the_closed_reading_takes_what_is_unknown_for_false() -> None:
    unknown = [atom("spatial", "eq", "KR")]
    policy = {"permission": [{"action": "use"}], "prohibition": [{"action": "use", "constraint": unknown}]}
    assert decide(policy).code == "fact-unknown"
    assert decide(policy, mode=Mode.CLOSED).permitted
    assert not decide({"permission": [{"action": "use", "constraint": unknown}]}, mode=Mode.CLOSED).permitted
    sure = knowing(facts={ODRL + "spatial": "KR"})
    assert decide(policy, sure, Mode.CLOSED).code == "prohibited"


# ---- duties -------------------------------------------------------------------------------------

PAY = {
    "@id": "urn:pay",
    "action": {"rdf:value": "odrl:compensate", "refinement": [atom("payAmount", "gteq", "50")]},
}
PAID_FIRST = {"assignee": ALICE, "permission": [{"action": "use", "duty": [PAY]}]}


def event(action: str, days: float = 0, party: str = ALICE, **facts: Any) -> Event:
    return Event(
        NOW + timedelta(days=days), ODRL + action, party, "urn:x", {ODRL + k: v for k, v in facts.items()}
    )


def after(*events: Event) -> Context:
    return knowing(events=events)


def test_a_duty_gates_the_permission_until_the_log_shows_it_done() -> None:
    paid = event("compensate", -1, payAmount=Decimal(50))
    assert decide(PAID_FIRST, after(paid)).permitted
    assert decide(PAID_FIRST, after()).code == "duty-open"
    assert decide(PAID_FIRST).code == "duty-unknown"
    for other in (
        event("compensate", -1, payAmount=Decimal(49)),
        event("compensate", -1),
        event("compensate", 1, payAmount=Decimal(50)),
        event("compensate", -1, BOB, payAmount=Decimal(50)),
        event("inform", -1, payAmount=Decimal(50)),
        replace(paid, performs="urn:something-else"),
    ):
        assert decide(PAID_FIRST, after(other)).code == "duty-open"
    assert decide(PAID_FIRST, after(replace(paid, performs="urn:pay"))).permitted


@pytest.mark.parametrize("key", ["urn:pay", "/permission/0/duty/0"])
@pytest.mark.parametrize(
    ("state", "ours", "closed"),
    [
        (Deontic.FULFILLED, "permitted", "permitted"),
        (Deontic.PENDING, "duty-open", "permitted"),
        (Deontic.NOT_SET, "duty-open", "permitted"),
        (Deontic.VIOLATED, "duty-open", "duty-open"),
    ],
)
def test_a_state_that_is_kept_stands_before_the_log(key: str, state: Deontic, ours: str, closed: str) -> None:
    ctx = knowing(duties={key: state}, events=())
    assert decide(PAID_FIRST, ctx).code == ours
    assert decide(PAID_FIRST, ctx, Mode.CLOSED).code == closed


def test_a_duty_that_does_not_bind_now_is_in_nobodys_way() -> None:
    duty = PAY | {"constraint": [atom("industry", "eq", "C29")]}
    policy = {"permission": [{"action": "use", "duty": [duty]}]}
    assert decide(policy, knowing(facts={ODRL + "industry": "C10"}, events=())).permitted
    assert decide(policy, knowing(facts={ODRL + "industry": "C29"}, events=())).code == "duty-open"
    assert decide(policy, knowing(events=())).code == "fact-unknown"


def test_before_the_agreement_a_duty_may_be_deferred() -> None:
    assert decide(PAID_FIRST, replace(FACTS, deferred=frozenset({"duties"}))).permitted
    assert decide(PAID_FIRST, replace(after(), deferred=frozenset({"duties"}))).permitted


DELETE = {"@id": "urn:delete", "action": "delete", "constraint": [atom("elapsedTime", "lteq", "P5D")]}
OWED = {"permission": [{"action": "use"}], "obligation": [DELETE]}


def test_an_obligation_stands_in_the_way_once_it_is_broken() -> None:
    early = replace(after(), agreed_at=NOW - 4 * DAY)
    decision = decide(OWED, early)
    assert decision.permitted
    assert decision.valid_until == NOW + DAY + timedelta(microseconds=1)
    assert not decide(OWED, replace(early, now=decision.valid_until)).permitted
    late = replace(after(), agreed_at=NOW - 6 * DAY)
    broken = decide(OWED, late)
    assert (broken.code, broken.rule) == ("obligation-violated", "/obligation/0")
    done = event("delete", -2)
    assert decide(OWED, replace(after(done), agreed_at=NOW - 6 * DAY)).permitted
    too_late = event("delete", -0.5)
    assert not decide(OWED, replace(after(too_late), agreed_at=NOW - 6 * DAY)).permitted
    nobody_knows = replace(FACTS, agreed_at=NOW - 6 * DAY)
    assert decide(OWED, nobody_knows).code == "obligation-violated"
    assert decide(OWED, replace(FACTS, agreed_at=NOW)).permitted
    kept = World(duties={"urn:delete": Deontic.FULFILLED})
    assert decide(OWED, replace(nobody_knows, world=kept)).permitted
    waived = World(duties={"/obligation/0": Deontic.VIOLATED})
    assert decide(OWED, replace(FACTS, agreed_at=NOW, world=waived)).code == "obligation-violated"


def test_a_broken_obligation_is_made_up_by_doing_it_and_its_consequences() -> None:
    policy = {
        "permission": [{"action": "use"}],
        "obligation": [DELETE | {"odrl:consequence": [{"action": "compensate"}]}],
    }
    base = replace(FACTS, agreed_at=NOW - 6 * DAY)
    deleted, paid, paid_before = event("delete", -0.5), event("compensate", -0.2), event("compensate", -3)
    for events, permitted in (
        ((deleted, paid), True),
        ((deleted,), False),
        ((paid,), False),
        ((deleted, paid_before), False),
    ):
        assert decide(policy, replace(base, world=World(events=events))).permitted is permitted


# ---- audits -------------------------------------------------------------------------------------


def breaches(policy: dict[str, Any], *events: Event, **more: Any) -> list[str]:
    return [finding.breach for finding in audit(parse(policy, OPEN), events, **more)]


def test_an_audit_judges_each_event_in_the_order_of_time() -> None:
    policy = {
        "permission": [{"action": "read", "assignee": ALICE, "constraint": [atom("count", "lteq", "2")]}]
    }
    assert breaches(policy, event("read", 1), event("read", 2)) == []
    found = audit(parse(policy, OPEN), tuple(event("read", day) for day in (3, 1, 2)))
    assert [(f.breach, f.event and f.event.at) for f in found] == [(Breach.NOT_PERMITTED, NOW + 3 * DAY)]
    assert breaches(policy, event("read", 0, BOB), event("print")) == ["not-permitted"] * 2
    assert found[0].to_json()["text"]["ko"] != found[0].to_json()["text"]["en"]


def test_an_audit_of_duties_prohibitions_and_remedies() -> None:
    paid, read = event("compensate", 0, payAmount=Decimal(50)), event("read", 1)
    policy = {
        "permission": [{"action": "read", "duty": [PAY | {"consequence": [{"action": "inform"}]}]}]
        + [{"action": a} for a in ("compensate", "inform", "delete", "sell")],
        "prohibition": [{"action": "sell", "remedy": [{"action": "delete"}]}],
    }
    assert breaches(policy, paid, read) == []
    assert breaches(policy, read) == ["duty-open"]
    assert breaches(policy, read, replace(paid, at=NOW + 2 * DAY)) == ["duty-open"]
    late = (read, replace(paid, at=NOW + 2 * DAY), event("inform", 3))
    assert breaches(policy, *late) == []
    assert breaches(policy, event("inform", 0), *late[:2]) == ["duty-open"]
    assert breaches(policy, event("sell", 1)) == ["prohibited"]
    assert breaches(policy, event("sell", 1), event("delete", 2)) == []
    assert breaches(policy, event("sell", 1), event("delete", 0)) == ["prohibited"]


def test_an_audit_of_obligations() -> None:
    policy = {"permission": [{"action": "use"}], "obligation": [DELETE]}
    agreed = {"agreed_at": NOW}
    assert breaches(policy, event("delete", 4), **agreed) == []
    assert breaches(policy, event("delete", 6), **agreed) == ["obligation-open"]
    assert breaches(policy, event("read", 1), **agreed) == ["obligation-open"]
    assert breaches(policy, event("read", 1), until=NOW + 2 * DAY, **agreed) == []
    assert breaches(policy, event("read", 1), until=NOW + 6 * DAY, **agreed) == ["obligation-open"]
    assert breaches(policy, **agreed) == ["obligation-open"]
    twice = {
        "permission": [{"action": "use"}],
        "obligation": [{"action": "print", "constraint": [atom("count", "gteq", "2")]}],
    }
    assert breaches(twice, event("print", 1)) == ["obligation-open"]
    assert breaches(twice, event("print", 1), event("print", 2)) == []


def test_an_audit_of_what_is_not_understood_finds_just_that() -> None:
    assert [f.breach for f in audit(parse({"inheritFrom": "urn:p"}, OPEN), ())] == [Breach.NOT_UNDERSTOOD]


# ---- reports ------------------------------------------------------------------------------------


def test_a_report_names_every_premise_and_its_value() -> None:
    policy = {
        "target": "urn:x",
        "permission": [
            {
                "@id": "urn:rule",
                "action": "use",
                "assignee": BOB,
                "constraint": [
                    {"@id": "urn:either", "or": [atom("count", "lteq", "4"), atom("spatial", "eq", "KR")]}
                ],
            }
        ],
        "prohibition": [{"action": "sell"}],
        "obligation": [DELETE],
    }
    compiled = compile(parse(policy, WHOLE))
    made = report(compiled, replace(knowing(facts={ODRL + "spatial": "KR"}, events=()), agreed_at=NOW))
    permission, prohibition, obligation = made.rules
    assert permission.id == "urn:rule"
    assert permission.activation is Activation.INACTIVE
    assert [(p.kind, p.is_satisfied) for p in permission.premises] == [
        ("action", True),
        ("target", True),
        ("party", False),
        ("constraint", True),
    ]
    either = permission.premises[-1]
    assert (either.id, [p.left for p in either.parts]) == ("urn:either", [Decimal(4), "KR"])
    assert prohibition.activation is Activation.INACTIVE
    assert (obligation.deontic, obligation.activation) == (Deontic.PENDING, Activation.ACTIVE)
    told = made.to_json()
    assert told["permitted"] is False
    assert told["rules"][0]["premises"][3]["parts"][1]["seen"] == "KR"
    linked = made.to_jsonld("urn:p", "urn:r", "urn:rr")
    assert [r["@type"] for r in linked["report:ruleReport"]] == [
        "report:PermissionReport",
        "report:ProhibitionReport",
        "report:DutyReport",
    ]


def test_a_rule_about_any_action_is_always_about_the_request() -> None:
    anything = parse({"permission": [{"@id": "urn:any"}]}, OPEN)
    made = report(compile(anything, Mode.CLOSED), Context(now=NOW, action="urn:whatever"))
    assert made.permitted
    assert made.rules[0].premises == ()
    nothing = parse({"permission": [{}], "prohibition": [{}]}, OPEN)
    assert not compile(nothing, Mode.CLOSED).permits(Context(now=NOW, action="urn:whatever"))


def test_codes_of_the_default_are_among_those_of_the_whole() -> None:
    assert CODES < WHOLE_CODES
    assert NOTHING_KNOWN.fact(About.ACTION, "urn:x") is None
