"""EDC's QuerySpec: which of many objects, in what order, and which page of them.

Works on rendered objects, so a filter can name whatever an answer shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connector.errors import InvalidMessage
from connector.model.names import EDC
from connector.web.edc_input import items, text

MAX_LIMIT: Final = 10_000
_MAX_CRITERIA: Final = 20
OPERATORS: Final = frozenset({"=", "!=", "in", "not in", "like", "ilike", "contains", "<", "<=", ">", ">="})
_ALIASES: Final = {
    "id": ("@id",),
    "contractId": ("contractId", "contractAgreementId", "agreementId"),
    "agreementId": ("agreementId", "contractAgreementId", "contractId"),
    "contractAgreementId": ("contractAgreementId", "contractId", "agreementId"),
    "providerId": ("providerId", "counterPartyId"),
}
_PART: Final = re.compile(r"'([^']*)'|([^.']+)")
_MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition: `left` names a field, `right` is compared with what it holds."""

    left: str
    operator: str
    right: Any

    def holds(self, rendered: Mapping[str, Any]) -> bool:
        """Whether an object meets it; a field that is not there meets only `!=` and `not in`."""
        found = field_of(rendered, self.left)
        match self.operator:
            case "=":
                return _equal(found, self.right)
            case "!=":
                return not _equal(found, self.right)
            case "in":
                return any(_equal(found, one) for one in self.right)
            case "not in":
                return not any(_equal(found, one) for one in self.right)
            case "contains":
                inside = found if isinstance(found, list) else [found]
                return any(_equal(one, self.right) for one in inside)
            case "like" | "ilike":
                return isinstance(found, str) and _like(found, str(self.right), self.operator)
            case _:
                return _ordered(found, self.operator, self.right)


@dataclass(frozen=True, slots=True)
class Query:
    """A QuerySpec that was read."""

    offset: int = 0
    limit: int = 50
    sort_field: str = ""
    is_descending: bool = False
    criteria: tuple[Criterion, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether it only pages."""
        return not self.criteria and not self.sort_field

    def meets(self, rendered: Mapping[str, Any]) -> bool:
        """Whether an object meets every criterion."""
        return all(criterion.holds(rendered) for criterion in self.criteria)

    def apply(self, rendered: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The page of those objects that meet every criterion, in order."""
        met = [one for one in rendered if self.meets(one)]
        if self.sort_field:
            met.sort(key=self._key, reverse=self.is_descending)
        return met[self.offset : self.offset + self.limit]

    def _key(self, rendered: Mapping[str, Any]) -> tuple[int, float, str]:
        found = field_of(rendered, self.sort_field)
        if isinstance(found, int | float) and not isinstance(found, bool):
            return 0, found, ""
        return (2, 0, "") if found is _MISSING or found is None else (1, 0, str(found))


def read_query(body: Mapping[str, Any]) -> Query:
    """Read a compacted QuerySpec; an empty one is the first fifty.

    Raises:
        InvalidMessage: a value out of range, or an operator that is not known.
    """
    order = text(body, "sortOrder", needed=False) or "ASC"
    if order.upper() not in ("ASC", "DESC"):
        raise InvalidMessage("must be ASC or DESC", pointer=EDC + "sortOrder")
    return Query(
        offset=_number(body, "offset", 0, at_least=0, at_most=2**31),
        limit=_number(body, "limit", 50, at_least=1, at_most=MAX_LIMIT),
        sort_field=text(body, "sortField", needed=False),
        is_descending=order.upper() == "DESC",
        criteria=read_criteria(items(body, "filterExpression"), "filterExpression"),
    )


def read_criteria(raw: list[Any], name: str) -> tuple[Criterion, ...]:
    """Read a list of EDC Criteria.

    Raises:
        InvalidMessage: one that is none, or too many.
    """
    if len(raw) > _MAX_CRITERIA:
        raise InvalidMessage(f"at most {_MAX_CRITERIA} are allowed", pointer=EDC + name)
    return tuple(_criterion(one, name) for one in raw)


def _criterion(raw: Any, name: str) -> Criterion:
    if not isinstance(raw, Mapping):
        raise InvalidMessage("must be a Criterion", pointer=EDC + name)
    left, operator = text(raw, "operandLeft"), text(raw, "operator").lower()
    if operator not in OPERATORS:
        known = " ".join(sorted(OPERATORS))
        raise InvalidMessage(
            f"the operator {operator!r:.40} is not known ({known})", pointer=EDC + "operator"
        )
    if "operandRight" not in raw:
        raise InvalidMessage("is missing", pointer=EDC + "operandRight")
    right = raw["operandRight"]
    if operator in ("in", "not in"):
        right = right if isinstance(right, list) else [right]
    elif isinstance(right, list) and len(right) == 1:
        right = right[0]
    if operator not in ("in", "not in") and isinstance(right, list | Mapping):
        raise InvalidMessage("must be one value", pointer=EDC + "operandRight")
    return Criterion(left, operator, right)


def _number(body: Mapping[str, Any], name: str, default: int, *, at_least: int, at_most: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not at_least <= value <= at_most:
        raise InvalidMessage(f"must be a whole number from {at_least} to {at_most}", pointer=EDC + name)
    return value


def field_of(rendered: Mapping[str, Any], path: str) -> Any:
    """What stands at a path: an IRI, a short name, `a.b`, or `'quoted'.'parts'`; also within `properties`."""
    whole = path.removeprefix(EDC)
    found = _at(rendered, whole)
    if found is not _MISSING or whole.startswith(("http://", "https://", "urn:")):
        return found
    current: Any = rendered
    for quoted, bare in _PART.findall(path):
        part = (quoted or bare).removeprefix(EDC)
        if part == "@id" and isinstance(current, str):
            continue
        current = _at(current, part)
    return current


def _at(value: Any, name: str) -> Any:
    if not isinstance(value, Mapping):
        return _MISSING
    for key in _ALIASES.get(name, (name,)):
        if key in value:
            return value[key]
    properties = value.get("properties")
    if isinstance(properties, Mapping) and name in properties:
        return properties[name]
    return _MISSING


def _equal(found: Any, right: Any) -> bool:
    if found is _MISSING:
        return False
    if isinstance(found, bool) or isinstance(right, bool):
        return str(found).lower() == str(right).lower()
    return bool(found == right) or (
        isinstance(found, str | int | float)
        and isinstance(right, str | int | float)
        and str(found) == str(right)
    )


def _like(found: str, pattern: str, operator: str) -> bool:
    """SQL's LIKE: `%` is any text, `_` one character."""
    if operator == "ilike":
        found, pattern = found.lower(), pattern.lower()
    # Greedy with one point to go back to: linear in practice, and never exponential.
    at, p, star, back = 0, 0, -1, 0
    while at < len(found):
        if p < len(pattern) and pattern[p] == "%":
            star, back, p = p, at, p + 1
        elif p < len(pattern) and pattern[p] in ("_", found[at]):
            at, p = at + 1, p + 1
        elif star >= 0:
            back += 1
            at, p = back, star + 1
        else:
            return False
    return not pattern[p:].strip("%")


def _ordered(found: Any, operator: str, right: Any) -> bool:
    pair: Any = _numbers(found, right)
    if pair is None:
        if not (isinstance(found, str) and isinstance(right, str)):
            return False
        pair = found, right
    left, other = pair
    match operator:
        case "<":
            return bool(left < other)
        case "<=":
            return bool(left <= other)
        case ">":
            return bool(left > other)
        case _:
            return bool(left >= other)


def _numbers(found: Any, right: Any) -> tuple[float, float] | None:
    try:
        return float(found), float(right)
    except (TypeError, ValueError, OverflowError):
        return None
