"""Triples ordered for writing: by subject, with collections recognised. Shared by both written forms."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from connector.semantic.rdf import FIRST, NIL, REST, Blank, Iri, Literal, Node, Term, Triple


class Grouped:
    """Triples by subject and property, in the order of first appearance; repeats are dropped."""

    __slots__ = ("_list_cells", "references", "subjects")

    def __init__(self, triples: Iterable[Triple]) -> None:
        self.subjects: dict[Node, dict[Iri, list[Term]]] = {}
        self.references: dict[Node, int] = {}
        """How often a node stands as an object."""
        for subject, prop, target in dict.fromkeys(triples):
            self.subjects.setdefault(subject, {}).setdefault(prop, []).append(target)
            if not isinstance(target, Literal):
                self.references[target] = self.references.get(target, 0) + 1
        self._list_cells = {node for node in self.subjects if self._is_cell(node)}

    def _is_cell(self, node: Node) -> bool:
        said = self.subjects[node]
        return (
            isinstance(node, Blank)
            and self.references.get(node) == 1
            and set(said) == {FIRST, REST}
            and len(said[FIRST]) == len(said[REST]) == 1
        )

    def collection(self, head: Term, written: AbstractSet[Node]) -> tuple[list[Node], list[Term]] | None:
        """The cells and the items of the RDF collection that starts at `head`, or None if it is none.

        Only whole collections count: nothing else points at a cell, and none is in `written`.
        """
        cells: dict[Node, None] = {}
        items: list[Term] = []
        while head != NIL:
            if isinstance(head, Literal) or head not in self._list_cells or head in written or head in cells:
                return None
            cells[head] = None
            said = self.subjects[head]
            items.append(said[FIRST][0])
            head = said[REST][0]
        return list(cells), items
