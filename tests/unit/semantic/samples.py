"""Sample descriptions and the readers that judge what we write."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import rdflib
from pyld import jsonld as pyld
from rdflib import Graph
from rdflib.compare import isomorphic

from connector.semantic.description import Catalog, Dataset, Participant, Text, read_dataset
from connector.semantic.graph import triples
from connector.semantic.jsonld import to_jsonld
from connector.semantic.turtle import to_ntriples, to_turtle

CLONE = Path(__file__).resolve().parents[3]
IRI = "https://factory-a.example/datasets/shots/1"
DID = "did:web:factory-a.example"

PLAIN: dict[str, Any] = {
    "iri": IRI,
    "id": "shots",
    "version": 1,
    "title": {"ko": "사출 1호기", "en": "Moulder 1"},
    "description": "사출기 한 대의 샷 로그",
    "publisher": DID,
    "generator": DID,
    "process": "injection-moulding",
    "data_class": "equipment",
    "confidentiality": "limited-provision",
    "personal_data": False,
    "equipment": "사출-01",
    "keywords": {"ko": ["사출", "품질"], "en": ["moulding"]},
    "issued": "2026-11-24T12:00:00Z",
    "modified": "2026-11-25T12:00:00.5Z",
    "media_type": "text/csv",
    "byte_size": 2_212_517,
    "sha256": "a4" * 32,
    "encoding": "cp949",
    "row_count": 8000,
    "columns": [
        {"name": "사이클시간", "datatype": "decimal", "label": {"ko": "사이클 시간", "en": "cycle time"},
         "unit": "SEC", "min": "12.50", "max": 31},
        {"name": "샷번호", "datatype": "integer", "label": "샷 번호", "unitless": True, "min": 1},
        {"name": "판정", "label": {"en": "verdict"}},
    ],
    "offers": [
        {
            "id": "urn:uuid:00000000-0000-4000-8000-000000000001",
            "policy_digest": "b5" * 32,
            "token": "e30.e30.AA",
            "policy": {
                "@id": "urn:uuid:00000000-0000-4000-8000-000000000001",
                "@type": "Offer",
                "permission": [
                    {
                        "action": "use",
                        "constraint": [
                            {"leftOperand": "purpose", "operator": "isAnyOf",
                             "rightOperand": [{"@id": "mmd:QualityAssurance"}, "energy"]},
                            {"or": [
                                {"leftOperand": "dateTime", "operator": "lt",
                                 "rightOperand": {"@value": "2027-01-01T00:00:00Z", "@type": "xsd:dateTime"}},
                                {"leftOperand": "count", "operator": "lteq",
                                 "rightOperand": {"@value": "5", "@type": "xsd:integer"}},
                            ]},
                        ],
                        "duty": [{"action": "delete"}],
                    }
                ],
                "prohibition": [{"action": "distribute"}],
                "obligation": [],
            },
        }
    ],
    "landing": "https://factory-a.example/datasets/shots",
    "access_service": "https://factory-a.example/dsp#service",
    "format": "HttpData-PULL",
    "previous": "https://factory-a.example/datasets/shots/0",
    "derived_from": ["urn:uuid:00000000-0000-4000-8000-0000000000aa"],
}  # fmt: skip


def plain(**changes: Any) -> dict[str, Any]:
    """The sample as plain values, changed; a change to None takes the field away."""
    return {key: value for key, value in (PLAIN | changes).items() if value is not None}


def sample(**changes: Any) -> Dataset:
    return read_dataset(plain(**changes))


def catalog(*datasets: Dataset) -> Catalog:
    factory = Participant(
        DID, Text("공장 가", "Factory A"), "https://factory-a.example/dsp", "https://factory-a.example/"
    )
    return Catalog("https://factory-a.example/catalog", factory, datasets or (sample(),))


def graphs(description: Any) -> tuple[Graph, Graph, Graph]:
    """The description as rdflib reads it from Turtle, JSON-LD and N-Triples."""
    said = triples(description) if not isinstance(description, list) else description
    return (
        Graph().parse(data=to_turtle(said), format="turtle"),
        read_jsonld(to_jsonld(said)),
        Graph().parse(data=to_ntriples(said), format="nt"),
    )


def read_jsonld(document: Any) -> Graph:
    """A JSON-LD document as rdflib reads it."""
    with warnings.catch_warnings():
        # rdflib's own reader uses a class that rdflib has deprecated.
        warnings.filterwarnings("ignore", "ConjunctiveGraph is deprecated", DeprecationWarning)
        return Graph().parse(data=json.dumps(document), format="json-ld")


def same_meaning(document: Any, ntriples: str) -> bool:
    """Whether PyLD's N-Quads of the document are the given statements, to the letter, without network."""

    def refuse(url: str, options: Any) -> Any:
        raise AssertionError(f"a reader would have to fetch {url}")

    quads = pyld.to_rdf(document, {"format": "application/n-quads", "documentLoader": refuse})
    kept, rdflib.NORMALIZE_LITERALS = rdflib.NORMALIZE_LITERALS, False
    try:
        theirs, ours = (Graph().parse(data=text, format="nt") for text in (quads, ntriples))
    finally:
        rdflib.NORMALIZE_LITERALS = kept
    return isomorphic(theirs, ours)
