"""Turtle and N-Triples (RDF 1.1), written from plain triples without an RDF library."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from connector.semantic.grouping import Grouped
from connector.semantic.rdf import (
    BOOLEAN,
    INTEGER,
    NIL,
    STRING,
    TYPE,
    Blank,
    Iri,
    Literal,
    Node,
    Term,
    Triple,
)
from connector.semantic.terms import PREFIXES, compact

_ESCAPES: Final = str.maketrans(
    {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
    # Some readers take these for ends of lines; escaped, they mean the same to all.
    | {chr(code): f"\\u{code:04X}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029)}
)
_BESIDE: Final = 4
"""So many objects stand on one line, more below each other."""
_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]*)")


def to_ntriples(triples: Iterable[Triple]) -> str:
    """One line a triple, in the given order, each once."""
    return "".join(f"{_full(s)} {_full(p)} {_full(o)} .\n" for s, p, o in dict.fromkeys(triples))


def to_turtle(triples: Iterable[Triple]) -> str:
    """Turtle for people too: prefixes that are used, one block a subject, nodes without a name inside."""
    writer = _Turtle(Grouped(triples))
    body = writer.document()
    used = [prefix for prefix in PREFIXES if prefix in writer.used]
    return "".join(f"@prefix {prefix}: <{PREFIXES[prefix]}> .\n" for prefix in used) + "\n" + body


def _full(term: Term) -> str:
    match term:
        case Iri():
            return f"<{term.value}>"
        case Blank():
            return f"_:{term.label}"
        case Literal():
            return _quoted(term) + _suffix(term, f"<{term.datatype}>")


def _quoted(term: Literal) -> str:
    return f'"{term.value.translate(_ESCAPES)}"'


def _suffix(term: Literal, datatype: str) -> str:
    if term.language:
        return f"@{term.language}"
    return "" if term.datatype == STRING else f"^^{datatype}"


class _Turtle:
    def __init__(self, graph: Grouped) -> None:
        self._graph = graph
        self._done: set[Node] = set()
        self.used: set[str] = set()

    def document(self) -> str:
        blocks: list[str] = []
        # What stands inside another block is written there; a ring of nameless nodes is not inside anything.
        for inner in (False, True):
            for subject in self._graph.subjects:
                if subject not in self._done and (inner or not self._is_inside(subject)):
                    self._done.add(subject)
                    name = self._term(subject) if isinstance(subject, Iri) else f"_:{subject.label}"
                    blocks.append(f"{name} {self._body(subject, 1)} .\n")
        return "\n".join(blocks)

    def _is_inside(self, node: Node) -> bool:
        return isinstance(node, Blank) and self._graph.references.get(node) == 1

    def _body(self, subject: Node, level: int) -> str:
        indent = ";\n" + "    " * level
        said = self._graph.subjects[subject]
        lines = []
        for prop in sorted(said, key=lambda prop: prop != TYPE):
            verb = "a" if prop == TYPE else self._term(prop)
            targets = said[prop]
            between = ", " if len(targets) <= _BESIDE else ",\n" + "    " * (level + 1)
            lines.append(f"{verb} {between.join(self._object(target, level) for target in targets)}")
        return f" {indent}".join(lines)

    def _object(self, term: Term, level: int) -> str:
        if isinstance(term, Literal) or (isinstance(term, Iri) and term != NIL):
            return self._term(term)
        collection = self._graph.collection(term, self._done)
        if collection is not None:
            cells, items = collection
            self._done.update(cells)
            pad = "\n" + "    " * (level + 1)
            return f"({''.join(pad + self._object(item, level + 1) for item in items)} )"
        if isinstance(term, Blank) and self._is_inside(term) and term not in self._done:
            self._done.add(term)
            if term not in self._graph.subjects:
                return "[]"
            pad = "\n" + "    " * (level + 1)
            return f"[{pad}{self._body(term, level + 1)} ]"
        return self._term(term)

    def _term(self, term: Term) -> str:
        match term:
            case Iri():
                short = compact(term.value)
                if short:
                    self.used.add(short.partition(":")[0])
                return short or f"<{term.value}>"
            case Blank():
                return f"_:{term.label}"
            case Literal():
                if term.datatype == BOOLEAN and term.value in {"true", "false"}:
                    return term.value
                if term.datatype == INTEGER and _WHOLE.fullmatch(term.value):
                    return term.value
                datatype = "" if term.datatype == STRING or term.language else self._term(Iri(term.datatype))
                return _quoted(term) + _suffix(term, datatype)
