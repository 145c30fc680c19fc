"""What is probably not meant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connector.errors import PolicyInvalid
from connector.policy import parse
from connector.policy.lint import FINDINGS, Severity, lint
from connector.policy.vocabulary import WHOLE

A, B = "did:web:a.example", "did:web:b.example"


def c(operand: str, operator: str, value: Any) -> dict[str, Any]:
    return {"leftOperand": operand, "operator": operator, "rightOperand": value}


def use(*constraints: dict[str, Any]) -> dict[str, Any]:
    return {"action": "use", "constraint": list(constraints)}


def permits(*constraints: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"permission": [use(*constraints)], **more}


UNTIL, FROM = c("dateTime", "lteq", "2026-11-01T00:00:00Z"), c("dateTime", "gteq", "2026-12-01T00:00:00Z")
FIVE, TEN = c("count", "lteq", "5"), c("count", "lteq", "10")
CASES: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    (permits(), []),
    (permits(FIVE, UNTIL, c("recipient", "isAnyOf", [A, B])), []),
    (permits(c("edc:inForceDate", "lteq", "contractAgreement+30d"), c("purpose", "eq", "energy")), []),
    ({}, [("permits-nothing", "/permission")]),
    (permits(FIVE, UNTIL, FROM), [("end-before-start", "/permission/0/constraint/1")]),
    (
        permits(c("elapsedTime", "lt", "P1D"), c("elapsedTime", "gt", "P2D")),
        [("end-before-start", "/permission/0/constraint/0")],
    ),
    (permits(c("count", "lteq", "0")), [("count-zero", "/permission/0/constraint/0")]),
    (permits(c("count", "lt", "1"), UNTIL), [("count-zero", "/permission/0/constraint/0")]),
    (
        permits(c("recipient", "eq", A), c("recipient", "eq", B)),
        [("never-satisfiable", "/permission/0/constraint/0")],
    ),
    (permits({"and": [FIVE, c("count", "gt", "5")]}), [("count-zero", "/permission/0/constraint/0")]),
    (
        {"permission": [use(FIVE), use(c("recipient", "eq", A))]},
        [("permissions-are-or", "/permission/1")],
    ),
    (
        {"permission": [use(), use(FIVE)]},
        [("permissions-are-or", "/permission/1"), ("permission-covered", "/permission/1")],
    ),
    (
        {"permission": [use(FIVE), use(FIVE)]},
        [("permissions-are-or", "/permission/1"), ("permission-covered", "/permission/0")],
    ),
    (permits(FIVE, TEN), [("says-nothing-new", "/permission/0/constraint/1")]),
    (permits(FIVE, FIVE), [("stated-twice", "/permission/0/constraint/1")]),
    (permits({"or": [FIVE]}), [("one-of-one", "/permission/0/constraint/0")]),
    (permits({"or": [FIVE, {"xone": [UNTIL]}]}), [("one-of-one", "/permission/0/constraint/0/or/1")]),
    (permits(prohibition=[use()]), [("all-prohibited", "/prohibition")]),
    (permits(FIVE, prohibition=[use(TEN)]), [("all-prohibited", "/prohibition")]),
    (permits(TEN, prohibition=[use(FIVE)]), []),
    (permits(prohibition=[use(UNTIL, FROM)]), [("prohibition-idle", "/prohibition/0")]),
    (
        permits(c("dateTime", "lteq", "2026-11-01")),
        [
            ("leniency", "/permission/0/constraint/0/rightOperand"),
            ("leniency", "/permission/0/constraint/0/rightOperand"),
        ],
    ),
    (permits(c("mmd:odd", "eq", "x")), [("not-understood", "/permission/0/constraint/0/leftOperand")]),
    (permits(obligation=[{"action": "delete"}]), [("not-understood", "/obligation/0")]),
]


@pytest.mark.parametrize(("policy", "expected"), CASES)
def test_findings(policy: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = lint(policy)
    assert [(f.code, f.pointer) for f in found] == expected
    for finding in found:
        assert finding.severity is FINDINGS[finding.code][0]
        assert finding.text("ko") != finding.text("en")
        assert "{}" not in finding.text("ko") + finding.text("en")
        assert finding.to_json()["code"] == finding.code


def test_only_the_conditions_that_clash_are_named() -> None:
    (finding,) = lint(permits(FIVE, UNTIL, c("recipient", "eq", A), FROM))
    assert finding.text("en") == (
        "the end lies before the start: until 2026-11-01 00:00:00 UTC at the latest; "
        "from 2026-12-01 00:00:00 UTC on"
    )
    assert finding.text("ko").startswith("끝이 시작보다 앞섭니다: 2026-11-01 00:00:00 UTC까지")


def test_what_is_over_needs_a_clock() -> None:
    assert lint(permits(UNTIL)) == []
    (finding,) = lint(permits(UNTIL), datetime(2026, 11, 24, tzinfo=UTC))
    assert (finding.code, finding.severity) == ("already-over", Severity.ERROR)
    assert lint(permits(UNTIL), datetime(2026, 10, 24, tzinfo=UTC)) == []
    assert [f.code for f in lint({}, datetime(2026, 10, 24, tzinfo=UTC))] == ["permits-nothing"]


def test_promises_are_told_where_they_are_understood() -> None:
    policy = parse(permits(prohibition=[{"action": "sell"}]), WHOLE)
    (finding,) = lint(policy)
    assert (finding.code, finding.severity) == ("only-promised", Severity.NOTE)
    assert "sale" in finding.text("en")
    assert "판매" in finding.text("ko")


def test_errors_come_first_and_every_finding_occurs() -> None:
    mixed = permits(TEN, FIVE, c("dateTime", "lteq", "2026-11-01"), prohibition=[use()])
    order = [f.severity for f in lint(mixed)]
    assert order == sorted(order, key=list(Severity).index)
    assert len(set(order)) == 3
    told = {code for _, expected in CASES for code, _ in expected} | {"already-over", "only-promised"}
    assert told == set(FINDINGS)
    with pytest.raises(PolicyInvalid):
        lint({"permission": "x"})
