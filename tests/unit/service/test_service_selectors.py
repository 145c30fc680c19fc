"""Which assets a contract definition takes in: EDC's criteria, joined by and."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connector.errors import BadInput
from connector.model.catalog import ApprovalMode, Asset, ContractDefinition
from connector.service.catalog import property_of, selects

EDC = "https://w3id.org/edc/v0.0.1/ns/"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def asset(**properties: Any) -> Asset:
    return Asset("urn:d:1", 1, properties, {}, {}, {}, "", 0, True, NOW)


def definition(*criteria: tuple[str, str, Any]) -> ContractDefinition:
    selector = [{"operandLeft": a, "operator": o, "operandRight": b} for a, o, b in criteria]
    return ContractDefinition("c", "a", "t", selector, {}, ApprovalMode.AUTOMATIC, NOW)


LINE = asset(**{EDC + "line": "press-3", "https://x.example/plant": "울산"})


@pytest.mark.parametrize(
    ("criteria", "wanted"),
    [
        ((), True),
        ((("id", "=", "urn:d:1"),), True),
        ((("@id", "=", "urn:d:1"),), True),
        (((EDC + "id", "=", "urn:d:2"),), False),
        ((("line", "=", "press-3"),), True),
        (((EDC + "line", "=", "press-3"),), True),
        ((("line", "!=", "press-3"),), False),
        ((("line", "in", ["press-2", "press-3"]),), True),
        ((("line", "in", "press-3"),), False),
        ((("line", "like", "press-%"),), True),
        ((("line", "like", "press-_"),), True),
        ((("line", "like", "PRESS-%"),), False),
        ((("line", "ilike", "PRESS-%"),), True),
        ((("line", "like", "press"),), False),
        ((("line", "like", "press.3"),), False),
        ((("https://x.example/plant", "like", "울%"),), True),
        ((("missing", "=", "x"),), False),
        ((("missing", "like", "%"),), False),
        ((("line", "=", "press-3"), ("id", "=", "urn:d:2")), False),
        ((("line", "=", "press-3"), ("id", "=", "urn:d:1")), True),
    ],
)
def test_criteria(criteria: tuple[tuple[str, str, Any], ...], wanted: bool) -> None:
    assert selects(definition(*criteria), LINE) is wanted


@pytest.mark.parametrize("operator", ["", "==", "contains", ">", None])
def test_an_operator_that_is_not_known_is_never_skipped(operator: Any) -> None:
    with pytest.raises(BadInput):
        selects(definition(("line", operator, "x")), LINE)


def test_properties_are_found_by_long_and_short_name() -> None:
    assert property_of(LINE, "line") == property_of(LINE, EDC + "line") == "press-3"
    assert property_of(asset(line="a"), EDC + "line") == "a"
    assert property_of(LINE, "nothing") is None
