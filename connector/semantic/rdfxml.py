"""RDF/XML (RDF 1.1 XML Syntax), written from plain triples without an RDF library.

The flat form: one `rdf:Description` a subject, one element a statement. A reader written twenty
years ago takes it, and a style sheet can find its way in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from connector.errors import DescriptionInvalid
from connector.semantic.grouping import Grouped
from connector.semantic.rdf import STRING, Iri, Literal, Node, Term, Triple
from connector.semantic.terms import PREFIXES, RDF

# A local name is cut off the end of a property: NCName in ASCII, which is all our terms need.
_LOCAL: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]*\Z")
# These mean something else as elements (RDF 1.1 XML Syntax, 5.1): no property may be called so.
_RESERVED: Final = frozenset(
    {"RDF", "ID", "about", "parseType", "resource", "nodeID", "datatype", "Description", "li"}
    | {"aboutEach", "aboutEachPrefix", "bagID"}
)
_TEXT: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "\r": "&#13;"})
_QUOTED: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"})


def to_rdfxml(triples: Iterable[Triple]) -> str:
    """RDF/XML of a graph; the same triples give the same bytes.

    Raises:
        DescriptionInvalid: a property whose IRI ends in no name: XML has no element for it.
    """
    names = _Names()
    blocks = [_block(subject, said, names) for subject, said in Grouped(triples).subjects.items()]
    declared = "".join(f'\n    xmlns:{prefix}="{_quoted(ns)}"' for prefix, ns in names.used())
    return f'<?xml version="1.0" encoding="utf-8"?>\n<rdf:RDF{declared}>\n{"".join(blocks)}</rdf:RDF>\n'


class _Names:
    """Element names for properties, and the prefixes that they need."""

    def __init__(self) -> None:
        self._prefixes = {namespace: prefix for prefix, namespace in PREFIXES.items()}
        self._used = {RDF: "rdf"}

    def element(self, prop: Iri) -> str:
        found = _LOCAL.search(prop.value)
        namespace = prop.value[: found.start()] if found else ""
        if found is None or not namespace or (namespace == RDF and found[0] in _RESERVED):
            raise DescriptionInvalid(f"the property {prop.value[:80]!r} cannot be written as RDF/XML")
        if namespace not in self._used:
            self._used[namespace] = self._prefixes.get(namespace) or f"ns{len(self._used)}"
        return f"{self._used[namespace]}:{found[0]}"

    def used(self) -> list[tuple[str, str]]:
        return sorted((prefix, namespace) for namespace, prefix in self._used.items())


def _block(subject: Node, said: dict[Iri, list[Term]], names: _Names) -> str:
    about = f'rdf:about="{_quoted(subject.value)}"' if isinstance(subject, Iri) else _node_id(subject)
    lines = [
        f"    {_statement(names.element(prop), target)}\n"
        for prop, targets in said.items()
        for target in targets
    ]
    return f"  <rdf:Description {about}>\n{''.join(lines)}  </rdf:Description>\n"


def _statement(element: str, target: Term) -> str:
    if isinstance(target, Iri):
        return f'<{element} rdf:resource="{_quoted(target.value)}"/>'
    if not isinstance(target, Literal):
        return f"<{element} {_node_id(target)}/>"
    kind = ""
    if target.language:
        kind = f' xml:lang="{target.language}"'
    elif target.datatype != STRING:
        kind = f' rdf:datatype="{_quoted(target.datatype)}"'
    return f"<{element}{kind}>{target.value.translate(_TEXT)}</{element}>"


def _node_id(node: Node) -> str:
    assert not isinstance(node, Iri)
    return f'rdf:nodeID="{node.label}"'


def _quoted(value: str) -> str:
    return value.translate(_QUOTED)
