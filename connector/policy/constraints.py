"""Constraints: comparisons and their logic, from DSP JSON to the tree (DSP 2025-1 contract schema)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.model.names import ODRL
from connector.policy import terms
from connector.policy.document import MAX_DEPTH, MAX_VALUES, Document, elements, fail
from connector.policy.operand import Operand
from connector.policy.tree import Atomic, Constraint, Flag, Logic, NotUnderstood
from connector.policy.values import Iri, Value, bare, show_value, typed
from connector.policy.world import About

_TYPES = frozenset(terms.TYPES[n] for n in ("Constraint", "LogicalConstraint", "AtomicConstraint"))
_KNOWN = frozenset({"@id", "uid", "@type", "leftOperand", "operator", "rightOperand"}) | terms.LOGICS


_OF_WHOLES = frozenset({"isA", "isPartOf", "hasPart"})
_KEPT = frozenset({"unit", "dataType", "status"})
"""Members that an open vocabulary takes to be those of the fact that is handed in."""


def read_constraints(
    doc: Document, raw: Any, pointer: str, depth: int = 0, about: About = About.CIRCUMSTANCES
) -> tuple[Constraint, ...]:
    """All constraints of a rule, of a refinement or of one logical constraint, each with its pointer.

    Raises:
        PolicyInvalid: not the shape of constraints, an ill-typed value, or over a limit.
    """
    if depth >= MAX_DEPTH:
        fail(pointer, f"constraints are nested deeper than {MAX_DEPTH} levels")
    return tuple(_constraint(doc, part, where, depth, about) for part, where in elements(raw, pointer))


def _constraint(doc: Document, raw: Any, pointer: str, depth: int, about: About) -> Constraint:
    doc.count_constraint(pointer)
    members = doc.members(raw, terms.CONSTRAINT_KEYS, pointer, "a constraint")
    odd = _strange_members(doc, members)
    unread = doc.unread({k: v for k, v in members.items() if k not in _KNOWN or (k == "@type" and odd)})
    logics = [name for name in members if name in terms.LOGICS]
    if not logics:
        return _atomic(doc, members, pointer, unread, odd, about)
    if len(logics) > 1 or members.keys() & {"leftOperand", "operator", "rightOperand"}:
        fail(pointer, "a constraint is one comparison, or one of and, or, xone, andSequence")
    logic = logics[0]
    value, inner = members[logic]
    parts = read_constraints(doc, value, inner, depth + 1, about)
    if not parts:
        fail(inner, f"{logic} needs at least one constraint")
    return Logic(logic, parts, unread, odd, pointer, _id(doc, members))


def _strange_members(doc: Document, members: Mapping[str, tuple[Any, str]]) -> NotUnderstood | None:
    """The first thing about a constraint, beside its comparison, that we cannot act on."""
    odd: NotUnderstood | None = None
    if "@type" in members:
        raw, pointer = members["@type"]
        for item, where in elements(raw, pointer):
            name = doc.name(item, terms.TYPES, where, "@type")
            if name not in _TYPES:
                odd = odd or doc.strange(where, "type", name)
    for key, (value, pointer) in members.items():
        if key not in _KNOWN and value not in ([], {}, None):
            if key in _KEPT and doc.vocabulary.is_open:
                continue
            entry = doc.strange(pointer, key, ODRL + key)
            odd = odd or entry
    return odd


def _atomic(
    doc: Document,
    members: Mapping[str, tuple[Any, str]],
    pointer: str,
    unread: tuple[Any, ...],
    odd: Any,
    about: About,
) -> Atomic:
    for needed in ("leftOperand", "operator"):
        if needed not in members:
            fail(pointer, f"a constraint needs {needed}")
    operand_iri = doc.name(*_swap(members["leftOperand"], doc.vocabulary.words), "leftOperand")
    operator_iri = doc.name(*_swap(members["operator"], terms.OPERATOR_IRIS), "operator")
    operator = operator_iri.removeprefix(ODRL)
    operand = doc.vocabulary.operand(operand_iri, about)
    own_id = _id(doc, members)

    if operand is None:
        odd = doc.strange(members["leftOperand"][1], "operand", operand_iri)
    elif operator not in operand.operators:
        odd = doc.strange(members["operator"][1], "operator", operator_iri)
    if "rightOperand" not in members:
        # rightOperandReference is ODRL's other way; it was found strange as a member above.
        if "rightOperandReference" not in members:
            fail(pointer, "a constraint needs rightOperand")
        return Atomic(operand_iri, operator, (), unread, odd, pointer, own_id, operand)

    raw, where = members["rightOperand"]
    values, read_as = _values(doc, raw, where, operand)
    if operand is not None and read_as is not None:
        odd = odd or doc.strange(where, "value", read_as)
    takes_sets = operator in terms.SET_OPERATORS or (doc.vocabulary.is_whole and operator in _OF_WHOLES)
    if len(values) > 1 and not takes_sets:
        odd = odd or doc.strange(where, "value", f"{len(values)} × {operator}")
    return Atomic(operand_iri, operator, values, unread, odd, pointer, own_id, operand)


def _id(doc: Document, members: Mapping[str, tuple[Any, str]]) -> str:
    """The constraint's own IRI, for reports; it says nothing about what is meant."""
    for key in ("@id", "uid"):
        if key in members and isinstance(members[key][0], str):
            return doc.name(members[key][0], terms.NOTHING, members[key][1], key)
    return ""


def _swap(member: tuple[Any, str], table: Mapping[str, str]) -> tuple[Any, Mapping[str, str], str]:
    return member[0], table, member[1]


def _values(
    doc: Document, raw: Any, pointer: str, operand: Operand | None
) -> tuple[tuple[Value, ...], str | None]:
    """The typed values, and the first one that the operand does not compare with."""
    items = elements(raw, pointer)
    if not items:
        fail(pointer, "rightOperand needs a value")
    if len(items) > MAX_VALUES:
        fail(pointer, f"rightOperand has more than {MAX_VALUES} values")
    values: list[Value] = []
    foreign: str | None = None

    def note(what: str) -> None:
        doc.flags.append(Flag(pointer, what))

    for item, where in items:
        try:
            value = _value(doc, item, where)
            if operand is not None:
                read = operand.read(value, note)
                if read is None and foreign is None:
                    foreign = show_value(value)[:80]
                value = value if read is None else read
        except ValueError as error:
            fail(where, f"the value of {terms.short(operand.iri) if operand else 'a constraint'}: {error}")
        values.append(value)
    return tuple(values), foreign


def _value(doc: Document, raw: Any, pointer: str) -> Value:
    def note(what: str) -> None:
        doc.flags.append(Flag(pointer, what))

    if type(raw) is str or not isinstance(raw, Mapping):
        return bare(raw, note)
    keys = set(raw)
    if keys == {"@id"}:
        return Iri(doc.name(raw, terms.NOTHING, pointer, "@id"))
    if "@value" not in keys or not keys <= {"@value", "@type", "@language"} or {"@type", "@language"} <= keys:
        fail(pointer, 'a value is text, a number, {"@value": …, "@type": …} or {"@id": …}')
    datatype = doc.name(raw["@type"], terms.NOTHING, pointer, "@type") if "@type" in keys else ""
    return typed(raw, datatype, note)
