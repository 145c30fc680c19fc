"""RDF terms as plain values: IRIs, blank nodes, literals. No RDF library.

A term that exists is safe to write: what cannot stand in any of the written forms is refused
when the term is made, so no title or address can break out of its quotes (RDF 1.1 Concepts
sections 3.2 to 3.4; Turtle 6.5 for what an IRI may hold).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from connector.errors import DescriptionInvalid
from connector.model.names import XSD
from connector.semantic.terms import PREFIXES, RDF

# Turtle lets an IRI hold the spaces of Unicode; readers of N-Triples do not, and people do not see them.
_IRI: Final = re.compile(
    r'[A-Za-z][A-Za-z0-9+.\-]*:[^\s\x00-\x20<>"{}|\\^`\x7f-\xa0\ud800-\udfff\ufffe\uffff]+'
)
_LANGUAGE: Final = re.compile(r"[a-z]{2,8}(-[a-z0-9]{1,8})*")
_LABEL: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_UNWRITABLE: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# These act when a page follows them; none of them names a thing.
_ACTING: Final = frozenset({"javascript", "vbscript", "data", "file", "blob", "about", "view-source"})

STRING: Final = XSD + "string"
BOOLEAN: Final = XSD + "boolean"
INTEGER: Final = XSD + "integer"


@dataclass(frozen=True, slots=True)
class Iri:
    """An absolute IRI.

    Raises:
        DescriptionInvalid: not absolute, holds a character no IRI may hold, or is of a kind that
            acts instead of naming (`javascript:` and its like).
    """

    value: str

    def __post_init__(self) -> None:
        if not _IRI.fullmatch(self.value):
            raise DescriptionInvalid(
                f"{self.value[:80]!r} is not an absolute IRI",
                hint="write a full address without spaces, such as https://factory-a.example/shots",
            )
        scheme = self.value.partition(":")[0].lower()
        if scheme in _ACTING:
            raise DescriptionInvalid(f"an IRI of the kind {scheme}: is not accepted")
        if scheme in PREFIXES:
            # A reader of JSON-LD would take it for a prefixed name and see another IRI.
            raise DescriptionInvalid(f"{self.value[:80]!r} is a prefixed name; write the IRI in full")


@dataclass(frozen=True, slots=True)
class Blank:
    """A node without a name; `label` (letters and digits) tells it apart within one graph."""

    label: str

    def __post_init__(self) -> None:
        if not _LABEL.fullmatch(self.label):
            raise DescriptionInvalid(f"{self.label[:40]!r} is no label of a blank node")


@dataclass(frozen=True, slots=True)
class Literal:
    """A value: lexical form with either a datatype IRI or a language tag (lower case).

    Raises:
        DescriptionInvalid: the text holds a control character or half a surrogate pair.
    """

    value: str
    datatype: str = STRING
    language: str = ""

    def __post_init__(self) -> None:
        found = _UNWRITABLE.search(self.value)
        if found:
            raise DescriptionInvalid(
                f"the text holds U+{ord(found[0]):04X} at position {found.start()}, which cannot be written"
            )
        if self.language and not _LANGUAGE.fullmatch(self.language):
            raise DescriptionInvalid(f"{self.language[:40]!r} is not a language tag")


Node = Iri | Blank
Term = Iri | Blank | Literal
Triple = tuple[Node, Iri, Term]

TYPE: Final = Iri(RDF + "type")
FIRST: Final = Iri(RDF + "first")
REST: Final = Iri(RDF + "rest")
NIL: Final = Iri(RDF + "nil")


def text(value: str, language: str) -> Literal:
    """A text in a language."""
    return Literal(value, RDF + "langString", language)


def boolean(value: bool) -> Literal:
    """`true` or `false`."""
    return Literal("true" if value else "false", BOOLEAN)


def integer(value: int) -> Literal:
    """A whole number."""
    return Literal(str(value), INTEGER)


class Blanks:
    """Hands out blank nodes that are new within one graph, in a fixed order."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next = 0

    def new(self) -> Blank:
        """A blank node that was not handed out before."""
        self._next += 1
        return Blank(f"b{self._next}")

    def collection(self, items: Sequence[Term]) -> tuple[Node, list[Triple]]:
        """An RDF collection of the items (RDF Schema 5.2): its head, and its triples in order."""
        if not items:
            return NIL, []
        nodes = [self.new() for _ in items]
        found: list[Triple] = []
        for i, item in enumerate(items):
            found.append((nodes[i], FIRST, item))
            found.append((nodes[i], REST, nodes[i + 1] if i + 1 < len(nodes) else NIL))
        return nodes[0], found


_Made = TypeVar("_Made")


def located(pointer: str, make: Callable[..., _Made], *given: Any) -> _Made:
    """`make(*given)`, with `pointer` in the error if it refuses.

    Raises:
        DescriptionInvalid: what `make` raises, saying where.
    """
    try:
        return make(*given)
    except DescriptionInvalid as error:
        raise DescriptionInvalid(error.message, pointer=pointer, hint=error.hint) from None
