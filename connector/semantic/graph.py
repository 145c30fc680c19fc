"""The triples of a description, by the table in `templates`. Standard library only.

`triples` is what the rest of the connector calls; the functions below it are the ways that the
table names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from functools import cache
from operator import attrgetter
from typing import Any, Final
from urllib.parse import quote

from connector.errors import DescriptionInvalid
from connector.model.names import ODRL, XSD
from connector.model.times import iso
from connector.semantic.description import (
    Catalog,
    Column,
    Dataset,
    Description,
    Offer,
    Participant,
    Text,
    Tombstone,
)
from connector.semantic.durations import microseconds
from connector.semantic.odrl import policy_triples
from connector.semantic.rdf import (
    TYPE,
    Blanks,
    Iri,
    Literal,
    Node,
    Term,
    Triple,
    boolean,
    located,
    text,
)
from connector.semantic.templates import TEMPLATES, Row
from connector.semantic.terms import DATATYPES, LANGUAGES, MEDIA_TYPES, PREFIXES, RDFS, SCHEMES
from connector.semantic.units import UNITLESS, find_unit

_ADDRESS: Final = re.compile(r"(?i:https?|did|urn):")
_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*")
_LABEL: Final = Iri(RDFS + "label")
_EMPTY: Final = ("", None, (), Text())


def triples(description: Description, blanks: Blanks | None = None) -> list[Triple]:
    """Everything that a description says, its own node first. A catalog includes its datasets.

    `blanks` is shared by descriptions that are to stand in one file.

    Nodes that a description makes for itself (columns, distribution, …) are named below its IRI, so
    they keep their names; only the inside of a policy and RDF collections have none.

    Raises:
        DescriptionInvalid: a value that cannot be written (a broken IRI, an unknown datatype, a policy
            that is not understood); `pointer` names the field.
    """
    return _Writer(blanks or Blanks()).write(description)


class _Writer:
    def __init__(self, blanks: Blanks) -> None:
        self._blanks = blanks
        self._out: list[Triple] = []
        self._described: set[Node] = set()

    def write(self, description: Description) -> list[Triple]:
        kind = type(description).__name__
        self._describe(kind, description, _node_of(description, None, 0, ""), None, "")
        return self._out

    def _describe(self, kind: str, value: Any, node: Iri, parent: Any, pointer: str) -> None:
        """Append what the kind's template says about a value, once a node."""
        if node in self._described:
            return
        self._described.add(node)
        classes, rows = _compiled(kind)
        self._out.extend((node, TYPE, named) for named in classes)
        for prop, get, row, way in rows:
            found = get(value)
            if found in _EMPTY:
                continue
            at = f"{pointer}{row.field}"
            if way is not None:
                self._out.extend((node, prop, target) for target in located(at, _terms, way, value, found))
            else:
                self._structure(row, prop, node, value, found, parent, at)

    def _structure(
        self, row: Row, prop: Iri, node: Iri, value: Any, found: Any, parent: Any, pointer: str
    ) -> None:
        """The ways that make more nodes."""
        way, _, argument = row.how.partition(":")
        match way:
            case "part":
                part = _part_of(value, argument, pointer)
                self._out.append((node, prop, part))
                self._describe(argument, value, part, parent, pointer.removesuffix(row.field))
            case "each" | "all":
                items = found if isinstance(found, tuple) else (found,)
                nodes = [_node_of(item, value, i + 1, f"{pointer}/{i}") for i, item in enumerate(items)]
                if way == "all":
                    head, links = self._blanks.collection(nodes)
                    self._out += [(node, prop, head), *links]
                else:
                    self._out += [(node, prop, item) for item in nodes]
                for i, item in enumerate(items):
                    self._describe(argument, item, nodes[i], value, f"{pointer}/{i}/")
            case "thing":
                thing = _thing_of(value, found, row.field, pointer)
                self._out.append((node, prop, thing))
                if not _ADDRESS.match(found) and thing not in self._described:
                    self._described.add(thing)
                    self._out += [
                        (thing, TYPE, _full(argument)),
                        (thing, _LABEL, located(pointer, Literal, found)),
                    ]
            case "policy":
                self._out += policy_triples(node, found, self._blanks, pointer)
                self._out += _implied(node, found, parent, pointer)
            case _:
                raise AssertionError(f"{row.how!r} in the table of templates is no way of writing")


def _implied(node: Node, policy: Any, dataset: Dataset, pointer: str) -> Iterator[Triple]:
    """What the place of an offer in a catalog says: its target and assigner (DSP 2025-1, catalog)."""
    if "target" not in policy:
        yield node, Iri(ODRL + "target"), located(pointer, Iri, dataset.iri)
    if "assigner" not in policy:
        yield node, Iri(ODRL + "assigner"), located(pointer, Iri, dataset.publisher)


# --- names of nodes ---------------------------------------------------------------------------


def _node_of(value: Any, parent: Any, number: int, pointer: str) -> Iri:
    """The IRI of a value that has one of its own, or its place below its parent's."""
    at = f"{pointer}/" if pointer else ""
    match value:
        case Participant():
            return located(f"{at}did", Iri, value.did)
        case Catalog() | Dataset() | Tombstone():
            return located(f"{at}iri", Iri, value.iri)
        case Column():
            return _below(parent.iri, f"column-{number}", pointer)
        case Offer():
            if _ADDRESS.match(value.id):
                return located(f"{at}id", Iri, value.id)
            return _below(parent.iri, f"offer-{quote(value.id, safe='')}", pointer)
        case _:
            raise AssertionError(f"{type(value).__name__} has no node")


def _part_of(value: Any, kind: str, pointer: str) -> Iri:
    if kind == "Service":
        return located(pointer, Iri, value.service_iri)
    return _below(value.iri, kind.lower(), pointer)


def _thing_of(value: Any, name: str, field: str, pointer: str) -> Iri:
    return located(pointer, Iri, name) if _ADDRESS.match(name) else _below(value.iri, field, pointer)


def _below(iri: str, name: str, pointer: str) -> Iri:
    # An IRI has one fragment at most (RFC 3986, 3.5).
    return located(pointer, Iri, iri + ("-" if "#" in iri else "#") + name)


# --- ways of writing one value ------------------------------------------------------------------

Way = Callable[[Any, Any], Iterable[Term]]


def _terms(way: Way, value: Any, found: Any) -> list[Term]:
    return list(way(value, found))


def _text(_: Any, found: Text | tuple[Text, ...]) -> Iterator[Term]:
    for item in found if isinstance(found, tuple) else (found,):
        for language in LANGUAGES:
            words = getattr(item, language)
            if words:
                yield text(words, language)


def _iris(_: Any, found: str | tuple[str, ...]) -> Iterator[Term]:
    for address in found if isinstance(found, tuple) else (found,):
        yield Iri(address)


def _media_type(_: Any, found: str) -> Iterator[Term]:
    plain = found.partition(";")[0].strip()
    if not _MEDIA_TYPE.fullmatch(plain):
        raise DescriptionInvalid(f"{found[:80]!r} is no media type", hint="write it as text/csv")
    yield Iri(MEDIA_TYPES + plain.lower().replace("^", "%5E"))


def _datatype(_: Any, found: str) -> Iterator[Term]:
    if found not in DATATYPES:
        raise DescriptionInvalid(
            f"{found[:80]!r} is no datatype of a column", hint=f"one of {', '.join(sorted(DATATYPES))}"
        )
    yield Iri(XSD + found)


def _unit(_: Any, found: str) -> Iterator[Term]:
    """`unit`: the QUDT unit if the text names one; an address is taken as it is."""
    known = find_unit(found)
    if known:
        yield Iri(known.iri)
    elif _ADDRESS.match(found):
        yield Iri(found)


def _unit_text(_: Any, found: str) -> Iterator[Term]:
    """`unit-text`: the UCUM code if there is one, else the text as given."""
    known = find_unit(found)
    if known:
        if known.ucum:
            yield Literal(known.ucum)
    elif found != UNITLESS and not _ADDRESS.match(found):
        yield Literal(found)


def _unitless(column: Column, _: Any) -> Iterator[Term]:
    if column.unitless or column.unit == UNITLESS:
        yield boolean(value=True)


def _value(column: Column, found: str) -> Iterator[Term]:
    """`value`: a literal of the column's own datatype; only numbers and times have an order."""
    try:
        match column.datatype:
            case "integer":
                lexical = str(int(found))
            case "decimal":
                lexical = _finite(found)
            case "double" | "float":
                _finite(found)
                lexical = found.strip()
            case "date":
                lexical = date.fromisoformat(found).isoformat()
            case "dateTime":
                lexical = datetime.fromisoformat(found).isoformat()
            case "time":
                lexical = time.fromisoformat(found).isoformat()
            case _:
                raise DescriptionInvalid("only numbers and times have a smallest and a largest value")
    except (ValueError, InvalidOperation):
        raise DescriptionInvalid(f"{found[:80]!r} is no {column.datatype}") from None
    yield Literal(lexical, XSD + column.datatype)


def _finite(found: str) -> str:
    number = Decimal(found)
    # A number of a sensor has some digits; a hundred thousand zeros are an attack.
    if not number.is_finite() or abs(number.adjusted()) > 400:
        raise ValueError(found)
    return format(number, "f")


def _duration(_: Any, found: str) -> Iterator[Term]:
    if microseconds(found) is None:
        raise DescriptionInvalid(
            f"{found[:80]!r} is no time between samples", hint="write it as PT0.5S or PT1M"
        )
    yield Literal(found, XSD + "duration")


def _concept(scheme: str) -> Way:
    concepts = SCHEMES[scheme]

    def write(_: Any, notation: str) -> Iterator[Term]:
        known = concepts.get(notation)
        yield Iri(known.iri) if known else Literal(notation)

    return write


def _typed(datatype: str, lexical: Callable[[Any], str]) -> Way:
    def write(_: Any, found: Any) -> Iterator[Term]:
        yield Literal(lexical(found), XSD + datatype)

    return write


def _constant(iri: str) -> Way:
    return lambda _, __: [Iri(iri)]


_WAYS: Final[dict[str, Way]] = {
    "text": _text,
    "iri": _iris,
    "string": _typed("string", str),
    "hex": _typed("hexBinary", str),
    "boolean": lambda _, found: [boolean(found)],
    "instant": _typed("dateTime", iso),
    "count": _typed("nonNegativeInteger", str),
    "duration": _duration,
    "media-type": _media_type,
    "datatype": _datatype,
    "unit": _unit,
    "unit-text": _unit_text,
    "unitless": _unitless,
    "value": _value,
}
_WAYS_OF: Final[dict[str, Callable[[str], Way]]] = {"concept": _concept, "const": _constant}


@cache
def _full(name: str) -> Iri:
    """The IRI of a prefixed name in the table."""
    prefix, _, local = name.partition(":")
    return Iri(PREFIXES[prefix] + local)


@cache
def _compiled(
    kind: str,
) -> tuple[tuple[Iri, ...], tuple[tuple[Iri, Callable[[Any], Any], Row, Way | None], ...]]:
    """A template with its names resolved; a way of None makes more nodes (`_Writer._structure`)."""
    template = TEMPLATES[kind]
    rows = []
    for row in template.rows:
        way, _, argument = row.how.partition(":")
        writer = _WAYS_OF[way](argument) if way in _WAYS_OF else _WAYS.get(row.how)
        get: Callable[[Any], Any] = attrgetter(row.field) if row.field else _itself
        rows.append((_full(row.prop), get, row, writer))
    return tuple(_full(name) for name in template.classes), tuple(rows)


def _itself(value: Any) -> Any:
    return value
