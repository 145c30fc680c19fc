from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import InvalidMessage
from connector.web.edc_input import compact
from connector.web.query import Criterion, Query, _like, field_of, read_query

NS = "https://w3id.org/edc/v0.0.1/ns/"
ROW = {
    "@id": "a1",
    "state": "STARTED",
    "createdAt": 1000,
    "contractId": "c1",
    "properties": {
        "id": "a1",
        "name": "Shots",
        "http://purl.org/dc/terms/type": {"@id": "urn:t"},
        "tags": ["x", "y"],
    },
    "flag": True,
}


@pytest.mark.parametrize(
    ("left", "operator", "right", "holds"),
    [
        ("@id", "=", "a1", True),
        ("id", "=", "a1", True),
        (NS + "id", "=", "a1", True),
        (NS + "id", "=", "a2", False),
        ("state", "!=", "STARTED", False),
        ("state", "!=", "SUSPENDED", True),
        ("nothing", "=", "", False),
        ("nothing", "!=", "x", True),
        ("state", "in", ["STARTED", "SUSPENDED"], True),
        ("state", "not in", ["STARTED"], False),
        ("name", "=", "Shots", True),
        ("properties.name", "=", "Shots", True),
        (NS + "name", "like", "Sh%", True),
        (NS + "name", "like", "sh%", False),
        (NS + "name", "ilike", "sh_ts", True),
        ("'http://purl.org/dc/terms/type'.'@id'", "=", "urn:t", True),
        ("http://purl.org/dc/terms/type", "=", "urn:t", False),
        ("tags", "contains", "y", True),
        ("tags", "contains", "z", False),
        ("createdAt", ">", 999, True),
        ("createdAt", ">=", "1000", True),
        ("createdAt", "<", 1000, False),
        ("createdAt", "<=", 1000, True),
        ("createdAt", "<", "abc", False),
        ("name", "<", "T", True),
        ("nothing", "<", 5, False),
        ("contractId", "=", "c1", True),
        ("agreementId", "=", "c1", True),
        ("contractAgreementId", "=", "c1", True),
        ("createdAt", "=", "1000", True),
        ("flag", "=", "true", True),
        ("flag", "=", 1, False),
    ],
)
def test_a_criterion(left: str, operator: str, right: Any, holds: bool) -> None:
    assert Criterion(left, operator, right).holds(ROW) is holds


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"offset": -1}, "offset"),
        ({"offset": "1"}, "offset"),
        ({"limit": 0}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": 10**9}, "limit"),
        ({"sortOrder": "UP"}, "sortOrder"),
        ({"filterExpression": ["x"]}, "filterExpression"),
        ({"filterExpression": [{"operandLeft": "a", "operator": "~", "operandRight": "b"}]}, "operator"),
        ({"filterExpression": [{"operandLeft": "a", "operator": "="}]}, "operandRight"),
        ({"filterExpression": [{"operator": "=", "operandRight": 1}]}, "operandLeft"),
        (
            {"filterExpression": [{"operandLeft": "a", "operator": "=", "operandRight": [1, 2]}]},
            "operandRight",
        ),
        (
            {"filterExpression": [{"operandLeft": "a", "operator": "=", "operandRight": 1}] * 21},
            "filterExpression",
        ),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], pointer: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        read_query(compact(body, "QuerySpec"))
    assert caught.value.pointer == NS + pointer


def test_an_empty_query_is_the_first_fifty() -> None:
    assert read_query({}) == Query(0, 50)
    assert read_query({}).is_plain


def test_order_and_pages() -> None:
    rows = [{"@id": str(i), "n": n} for i, n in enumerate([3, None, 1, 2])] + [{"@id": "4"}]
    rising = read_query(compact({"sortField": "n"}))
    assert [r["@id"] for r in rising.apply(rows)] == ["2", "3", "0", "1", "4"]
    falling = read_query(compact({"sortField": "n", "sortOrder": "DESC", "offset": 2, "limit": 2}))
    assert [r["@id"] for r in falling.apply(rows)] == ["0", "3"]


def test_a_filter_alone_or_in_a_list_or_wrapped() -> None:
    one = {
        "@type": "Criterion",
        "operandLeft": {"@value": "@id"},
        "operator": "=",
        "operandRight": {"@value": "4"},
    }
    for written in (one, [one]):
        query = read_query(
            compact({"@context": {"@vocab": NS}, "@type": "QuerySpec", "filterExpression": written})
        )
        assert [r["@id"] for r in query.apply([{"@id": "3"}, {"@id": "4"}])] == ["4"]


def test_a_hostile_pattern_takes_no_time() -> None:
    began = time.perf_counter()
    assert not _like("a" * 2000, "%a" * 500 + "b", "like")
    assert time.perf_counter() - began < 1.0


@given(st.text(alphabet="ab", max_size=8), st.text(alphabet="ab%_", max_size=6))
def test_like_is_what_sql_means(value: str, pattern: str) -> None:
    import sqlite3

    with sqlite3.connect(":memory:") as db:
        db.execute("pragma case_sensitive_like = on")
        (expected,) = db.execute("select ? like ?", (value, pattern)).fetchone()
    db.close()
    assert _like(value, pattern, "like") is bool(expected)


def test_a_field_that_is_no_object_ends_the_path() -> None:
    assert Criterion("state.deeper", "=", "x").holds(ROW) is False
    assert field_of(ROW, "properties.tags") == ["x", "y"]
