"""A policy as it stands on the DSP wire, as triples (ODRL Information Model 2.2; DSP 2025-1).

What a policy says must not change by being written in another form, so nothing is dropped: a
member that is not known here and is no full IRI is refused. `and`, `or`, `xone` and
`andSequence` become RDF collections, as ODRL's own JSON-LD context makes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from connector.errors import DescriptionInvalid
from connector.model.names import EDC, ODRL, XSD
from connector.semantic.rdf import (
    TYPE,
    Blanks,
    Iri,
    Literal,
    Node,
    Term,
    Triple,
    boolean,
    integer,
    located,
    text,
)
from connector.semantic.terms import PREFIXES, RDF

MAX_DEPTH: Final = 16

# What stands behind each member: a class name (nodes of that class), or
#   name    a term of ODRL or another IRI      value   a literal or an IRI
#   action  a term, or a refined action        party   an IRI, or a refined party or asset
#   list    an RDF collection of constraints
MEMBERS: Final[dict[str, str]] = {
    "permission": "Permission",
    "prohibition": "Prohibition",
    "obligation": "Duty",
    "duty": "Duty",
    "consequence": "Duty",
    "remedy": "Duty",
    "constraint": "Constraint",
    "refinement": "Constraint",
    "and": "list",
    "or": "list",
    "xone": "list",
    "andSequence": "list",
    "action": "action",
    "includedIn": "name",
    "leftOperand": "name",
    "operator": "name",
    "conflict": "name",
    "profile": "name",
    "inheritFrom": "name",
    "dataType": "name",
    "unit": "name",
    "rightOperand": "value",
    "rightOperandReference": "name",
    "status": "value",
    "target": "party",
    "relation": "party",
    "output": "party",
    "function": "party",
    "assigner": "party",
    "assignee": "party",
    "compensatedParty": "party",
    "compensatingParty": "party",
    "informedParty": "party",
    "informingParty": "party",
    "trackedParty": "party",
    "trackingParty": "party",
    "attributedParty": "party",
    "attributingParty": "party",
    "contractingParty": "party",
    "contractedParty": "party",
    "consentedParty": "party",
    "consentingParty": "party",
}
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")
# Operands that a stock EDC writes without a prefix.
_ELSEWHERE: Final = {"inForceDate": EDC + "inForceDate"}
_NOT_SAID: Final = frozenset({"@context", "@id", "@type", "uid"})
_VALUE_OF_ACTION: Final = frozenset({"rdf:value", RDF + "value"})


def policy_triples(node: Node, policy: Mapping[str, Any], blanks: Blanks, pointer: str) -> Iterator[Triple]:
    """What the policy says, as statements about `node`.

    Raises:
        DescriptionInvalid: a member that is not understood, a value of the wrong kind, or deeper
            than MAX_DEPTH; `pointer` names the place.
    """
    yield from _members(node, policy, "Offer", blanks, pointer, 0)


def name(value: Any, pointer: str) -> Iri:
    """The IRI behind a term of ODRL ("use"), a prefixed name, a full IRI, or an object with one @id.

    Raises:
        DescriptionInvalid: none of these.
    """
    if isinstance(value, Mapping) and set(value) == {"@id"}:
        value = value["@id"]
    if not isinstance(value, str):
        raise DescriptionInvalid("must be a term of ODRL or an IRI", pointer=pointer)
    if value in _ELSEWHERE:
        return Iri(_ELSEWHERE[value])
    if _NAME.fullmatch(value):
        return Iri(ODRL + value)
    prefix, colon, local = value.partition(":")
    if colon and prefix in PREFIXES:
        value = PREFIXES[prefix] + local
    return located(pointer, Iri, value)


def _members(
    node: Node, value: Mapping[str, Any], kind: str, blanks: Blanks, pointer: str, depth: int
) -> Iterator[Triple]:
    if depth > MAX_DEPTH:
        raise DescriptionInvalid(f"nested deeper than {MAX_DEPTH} levels", pointer=pointer)
    for given in _each(value.get("@type") or kind):
        yield node, TYPE, name(given, f"{pointer}/@type")
    for key, found in value.items():
        if key in _NOT_SAID:
            continue
        at = f"{pointer}/{key}"
        term = key.removeprefix("odrl:").removeprefix(ODRL)
        how = MEMBERS.get(term)
        if how is None:
            yield from _foreign(node, key, found, blanks, at)
        elif how == "list":
            yield from _collection(node, Iri(ODRL + term), found, blanks, at, depth)
        else:
            for item in _each(found):
                target, triples = _object(how, item, blanks, at, depth)
                yield node, Iri(ODRL + term), target
                yield from triples


def _foreign(node: Node, key: str, found: Any, blanks: Blanks, pointer: str) -> Iterator[Triple]:
    if ":" not in key:
        raise DescriptionInvalid(
            "this member of a policy is not known", pointer=pointer, hint="write its name as a full IRI"
        )
    for item in _each(found):
        target, triples = _value(item, blanks, pointer)
        yield node, name(key, pointer), target
        yield from triples


def _object(how: str, item: Any, blanks: Blanks, pointer: str, depth: int) -> tuple[Term, list[Triple]]:
    """One value of a member, and what is said about it."""
    if how == "value":
        return _value(item, blanks, pointer)
    if (
        how == "name"
        or not isinstance(item, Mapping)
        or (how in {"party", "action"} and set(item) == {"@id"})
    ):
        if how[0].isupper():
            raise DescriptionInvalid("must be an object", pointer=pointer)
        return name(item, pointer), []
    node: Node = name(item["@id"], pointer) if how == "party" and "@id" in item else blanks.new()
    if how == "action":
        return node, _refined_action(node, item, blanks, pointer, depth)
    kind = _kind_of_constraint(item) if how == "Constraint" else "" if how == "party" else how
    return node, list(_members(node, item, kind, blanks, pointer, depth + 1))


def _refined_action(
    node: Node, item: Mapping[str, Any], blanks: Blanks, pointer: str, depth: int
) -> list[Triple]:
    """An action with conditions of its own: `rdf:value` names it (ODRL IM 2.6.4)."""
    found: list[Triple] = []
    rest = {}
    for key, value in item.items():
        if key in _VALUE_OF_ACTION or key == "@id":
            found.append((node, Iri(RDF + "value"), name(value, f"{pointer}/{key}")))
        else:
            rest[key] = value
    if not found:
        raise DescriptionInvalid("a refined action has rdf:value", pointer=pointer)
    return found + list(_members(node, rest, "Action", blanks, pointer, depth + 1))


def _collection(
    node: Node, prop: Iri, found: Any, blanks: Blanks, pointer: str, depth: int
) -> Iterator[Triple]:
    """The operands of a logical constraint, in order."""
    if isinstance(found, Mapping) and set(found) == {"@list"}:
        found = found["@list"]
    items: list[Term] = []
    inside: list[Triple] = []
    for i, item in enumerate(_each(found)):
        target, triples = _object("Constraint", item, blanks, f"{pointer}/{i}", depth)
        items.append(target)
        inside += triples
    head, links = blanks.collection(items)
    yield node, prop, head
    yield from links
    yield from inside


def _value(item: Any, blanks: Blanks, pointer: str) -> tuple[Term, list[Triple]]:
    """A free value: plain, typed, in a language, an IRI, or a collection of these."""
    match item:
        case bool():
            return boolean(item), []
        case int():
            return integer(item), []
        case str():
            return located(pointer, Literal, item), []
        case {"@list": list(items), **rest} if not rest:
            inside = [_value(i, blanks, pointer) for i in items]
            head, links = blanks.collection([target for target, _ in inside])
            return head, links + [triple for _, triples in inside for triple in triples]
        case {"@id": str(), **rest} if not rest:
            return name(item, pointer), []
        case {"@value": str(plain), "@language": str(language), **rest} if not rest:
            return located(pointer, text, plain, language.lower()), []
        case {"@value": plain, "@type": str(datatype), **rest} if not rest:
            return located(pointer, Literal, _lexical(plain, pointer), _datatype(datatype, pointer)), []
        case {"@value": plain, **rest} if not rest:
            return _value(plain, blanks, pointer)
    raise DescriptionInvalid(
        "must be a text, a whole number, true, false, a typed value or an @id", pointer=pointer
    )


def _lexical(plain: Any, pointer: str) -> str:
    match plain:
        case bool():
            return "true" if plain else "false"
        case str() | int():
            return str(plain)
        case _:
            raise DescriptionInvalid("@value must be a text, a whole number, true or false", pointer=pointer)


def _datatype(given: str, pointer: str) -> str:
    return XSD + given if _NAME.fullmatch(given) else name(given, pointer).value


def _kind_of_constraint(item: Mapping[str, Any]) -> str:
    terms = {key.removeprefix("odrl:").removeprefix(ODRL) for key in item}
    return "LogicalConstraint" if terms & {"and", "or", "xone", "andSequence"} else "Constraint"


def _each(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
