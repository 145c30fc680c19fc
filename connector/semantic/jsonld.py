"""JSON-LD 1.1, written from plain triples with the context inside, so that no reader needs the network.

The table CONTEXT_TERMS is `vocab/context.jsonld` (a test keeps them equal). A value that does not
fit its term's form is written in full under the property's IRI: the meaning never depends on the
short form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from connector.model.names import XSD
from connector.semantic.description import Catalog, Dataset, Description, Participant, Tombstone
from connector.semantic.graph import triples as triples_of
from connector.semantic.grouping import Grouped
from connector.semantic.rdf import BOOLEAN, INTEGER, STRING, TYPE, Blank, Iri, Literal, Node, Term, Triple
from connector.semantic.terms import LANGUAGES, PREFIXES, compact

_WHOLE: Final = re.compile(r"-?(0|[1-9][0-9]{0,14})")

# Term: (property, form). Forms: "" plain, "@id" an IRI, "@set" IRIs and always an array, "@language"
# texts by language, "xsd:…" a literal of that type.
CONTEXT_TERMS: Final[dict[str, tuple[str, str]]] = {
    "title": ("dct:title", "@language"),
    "description": ("dct:description", "@language"),
    "keyword": ("dcat:keyword", "@language"),
    "name": ("foaf:name", "@language"),
    "label": ("rdfs:label", "@language"),
    "identifier": ("dct:identifier", ""),
    "publisher": ("dct:publisher", "@id"),
    "issued": ("dct:issued", "xsd:dateTime"),
    "modified": ("dct:modified", "xsd:dateTime"),
    "conformsTo": ("dct:conformsTo", "@id"),
    "homepage": ("foaf:homepage", "@id"),
    "version": ("dcat:version", ""),
    "previousVersion": ("dcat:previousVersion", "@id"),
    "landingPage": ("dcat:landingPage", "@id"),
    "dataset": ("dcat:dataset", "@set"),
    "service": ("dcat:service", "@id"),
    "distribution": ("dcat:distribution", "@set"),
    "accessURL": ("dcat:accessURL", "@id"),
    "accessService": ("dcat:accessService", "@id"),
    "endpointURL": ("dcat:endpointURL", "@id"),
    "mediaType": ("dcat:mediaType", "@id"),
    "byteSize": ("dcat:byteSize", "xsd:nonNegativeInteger"),
    "checksum": ("spdx:checksum", "@id"),
    "algorithm": ("spdx:algorithm", "@id"),
    "checksumValue": ("spdx:checksumValue", "xsd:hexBinary"),
    "tableSchema": ("csvw:tableSchema", "@id"),
    "tableColumn": ("csvw:column", "@id"),
    "columnName": ("csvw:name", ""),
    "datatype": ("csvw:datatype", "@id"),
    "hasUnit": ("qudt:hasUnit", "@id"),
    "wasAttributedTo": ("prov:wasAttributedTo", "@id"),
    "wasDerivedFrom": ("prov:wasDerivedFrom", "@id"),
    "connector": ("mmd:connector", "@id"),
    "process": ("mmd:process", "@id"),
    "dataClass": ("mmd:dataClass", "@id"),
    "confidentiality": ("mmd:confidentiality", "@id"),
    "personalData": ("mmd:personalData", ""),
    "labelled": ("mmd:labelled", ""),
    "generator": ("mmd:generator", "@id"),
    "equipment": ("mmd:equipment", "@id"),
    "rowCount": ("mmd:rowCount", "xsd:nonNegativeInteger"),
    "temporalResolution": ("dcat:temporalResolution", "xsd:duration"),
    "column": ("mmd:column", "@set"),
    "unitText": ("mmd:unitText", ""),
    "unitless": ("mmd:unitless", ""),
    "minimum": ("mmd:minimum", ""),
    "maximum": ("mmd:maximum", ""),
    "encoding": ("mmd:encoding", ""),
    "transferFormat": ("mmd:transferFormat", ""),
    "policyDigest": ("mmd:policyDigest", "xsd:hexBinary"),
    "contractToken": ("mmd:contractToken", ""),
    "hasPolicy": ("odrl:hasPolicy", "@set"),
    "permission": ("odrl:permission", "@set"),
    "prohibition": ("odrl:prohibition", "@set"),
    "obligation": ("odrl:obligation", "@set"),
    "duty": ("odrl:duty", "@set"),
    "consequence": ("odrl:consequence", "@set"),
    "remedy": ("odrl:remedy", "@set"),
    "constraint": ("odrl:constraint", "@set"),
    "refinement": ("odrl:refinement", "@set"),
    "action": ("odrl:action", "@id"),
    "leftOperand": ("odrl:leftOperand", "@id"),
    "operator": ("odrl:operator", "@id"),
    "rightOperand": ("odrl:rightOperand", ""),
    "and": ("odrl:and", "@id"),
    "or": ("odrl:or", "@id"),
    "xone": ("odrl:xone", "@id"),
    "andSequence": ("odrl:andSequence", "@id"),
    "target": ("odrl:target", "@id"),
    "assigner": ("odrl:assigner", "@id"),
    "assignee": ("odrl:assignee", "@id"),
    "profile": ("odrl:profile", "@id"),
}


def _definition(prop: str, form: str) -> Any:
    if form == "@language":
        return {"@id": prop, "@container": "@language"}
    if form == "@set":
        return {"@id": prop, "@type": "@id", "@container": "@set"}
    return {"@id": prop, "@type": form} if form else prop


CONTEXT: Final[dict[str, Any]] = {
    "@version": 1.1,
    **PREFIXES,
    **{term: _definition(*entry) for term, entry in CONTEXT_TERMS.items()},
}
"""The JSON-LD context of every description; `{"@context": CONTEXT}` is `vocab/context.jsonld`."""

_TERM_OF: Final = {
    PREFIXES[prop.partition(":")[0]] + prop.partition(":")[2]: (term, form)
    for term, (prop, form) in CONTEXT_TERMS.items()
}


def to_jsonld(description: Description | Iterable[Triple]) -> dict[str, Any]:
    """A JSON-LD document of a description, or of triples whose first subject is the main one.

    Nodes stand inside the first node that points at them; what nothing points at from there
    follows in `@graph`.

    Raises:
        DescriptionInvalid: as `graph.triples`.
    """
    if isinstance(description, Participant | Catalog | Dataset | Tombstone):
        description = triples_of(description)
    writer = _Writer(Grouped(description))
    nodes = writer.document()
    if len(nodes) == 1:
        return {"@context": CONTEXT, **nodes[0]}
    return {"@context": CONTEXT, "@graph": nodes}


class _Writer:
    def __init__(self, graph: Grouped) -> None:
        self._graph = graph
        self._done: set[Node] = set()

    def document(self) -> list[dict[str, Any]]:
        subjects = list(self._graph.subjects)
        references = self._graph.references
        roots = [s for i, s in enumerate(subjects) if i == 0 or s not in references]
        # A second pass takes what stands in a ring: nothing outside points at it.
        return [
            self._node(subject, is_named=subject in references)
            for subject in [*roots, *subjects]
            if subject not in self._done
        ]

    def _node(self, subject: Node, *, is_named: bool) -> dict[str, Any]:
        self._done.add(subject)
        found: dict[str, Any] = {}
        if isinstance(subject, Iri) or is_named:
            found["@id"] = _name(subject)
        for prop, targets in self._graph.subjects[subject].items():
            if prop == TYPE and all(isinstance(target, Iri) for target in targets):
                names = [_name(target) for target in targets if isinstance(target, Iri)]
                found["@type"] = names[0] if len(names) == 1 else names
                continue
            term, form = _TERM_OF.get(prop.value, ("", ""))
            if not term or not all(_fits(form, target) for target in targets):
                term, form = prop.value, ""
            if form == "@language":
                found[term] = _by_language(targets)
            else:
                values = [self._value(target, form) for target in targets]
                found[term] = values[0] if len(values) == 1 and form != "@set" else values
        return found

    def _value(self, target: Term, form: str) -> Any:
        if isinstance(target, Literal):
            return target.value if form else _plain(target)
        collection = self._graph.collection(target, self._done)
        if collection is not None:
            cells, items = collection
            self._done.update(cells)
            # Items say themselves what they are: a term's type would hold for all of them.
            return {"@list": [self._value(item, "") for item in items]}
        if target in self._graph.subjects and target not in self._done:
            return self._node(target, is_named=self._graph.references[target] > 1)
        return _name(target) if form else {"@id": _name(target)}


def _fits(form: str, target: Term) -> bool:
    match form:
        case "":
            return True
        case "@id" | "@set":
            return not isinstance(target, Literal)
        case "@language":
            return isinstance(target, Literal) and target.language in LANGUAGES
        case _:
            return isinstance(target, Literal) and target.datatype == XSD + form.removeprefix("xsd:")


def _by_language(targets: list[Term]) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for target in targets:
        if isinstance(target, Literal):
            found.setdefault(target.language, []).append(target.value)
    return {language: words[0] if len(words) == 1 else words for language, words in found.items()}


def _plain(literal: Literal) -> Any:
    """A literal that says its own type: JSON's own where RDF reads it back to the same literal."""
    if literal.language:
        return {"@value": literal.value, "@language": literal.language}
    if literal.datatype == STRING:
        return literal.value
    if literal.datatype == BOOLEAN and literal.value in {"true", "false"}:
        return literal.value == "true"
    if literal.datatype == INTEGER and _WHOLE.fullmatch(literal.value) and literal.value != "-0":
        return int(literal.value)
    return {"@value": literal.value, "@type": compact(literal.datatype) or literal.datatype}


def _name(node: Node) -> str:
    if isinstance(node, Blank):
        return f"_:{node.label}"
    return compact(node.value) or node.value
