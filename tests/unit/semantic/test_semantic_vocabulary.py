"""The vocabulary: every term labelled and defined in both languages, used, and documented."""

from __future__ import annotations

import re

import pytest
from rdflib import OWL, RDF, RDFS, Graph, Literal, URIRef
from rdflib.namespace import SKOS

from connector.model import names
from connector.semantic.templates import TEMPLATES
from connector.semantic.terms import SCHEMES
from tests.unit.semantic.samples import CLONE

VOCABULARY = Graph().parse(CLONE / "vocab" / "madang.ttl")
SHAPES = Graph().parse(CLONE / "vocab" / "shapes.ttl")
SH = "http://www.w3.org/ns/shacl#"
TERMS = sorted({str(s) for s in VOCABULARY.subjects() if str(s).startswith(names.MMD)})
ON_THE_WIRE = {names.CONTRACT_TOKEN, names.DECLARATION, names.WITHDRAWAL_TOKEN, names.REFRESH}


def languages(term, *properties):
    found = [o for prop in properties for o in VOCABULARY.objects(URIRef(term), prop)]
    assert all(isinstance(o, Literal) and o.strip() for o in found)
    return sorted(o.language for o in found)


def test_there_are_terms():
    assert len(TERMS) > 50


@pytest.mark.parametrize("term", TERMS)
def test_every_term_is_labelled_and_defined_once_in_each_language(term):
    assert languages(term, RDFS.label, SKOS.prefLabel) == ["en", "ko"]
    assert languages(term, RDFS.comment, SKOS.definition) == ["en", "ko"]


def test_korean_is_korean_and_english_is_not():
    for term in TERMS:
        for text in VOCABULARY.objects(URIRef(term)):
            if isinstance(text, Literal) and text.language:
                assert bool(re.search("[가-힣]", text)) == (text.language == "ko"), (term, text)


def test_every_class_and_property_is_written_by_the_table_or_carried_on_the_wire():
    used = {
        names.MMD + name.removeprefix("mmd:")
        for template in TEMPLATES.values()
        for name in (*template.classes, *(row.prop for row in template.rows))
        if name.startswith("mmd:")
    }
    kinds = (OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty)
    defined = {str(s) for kind in kinds for s in VOCABULARY.subjects(RDF.type, kind)}
    assert defined == used | ON_THE_WIRE


def test_the_schemes_are_those_that_the_code_offers():
    found = {}
    for scheme in VOCABULARY.subjects(RDF.type, SKOS.ConceptScheme):
        concepts = {}
        for concept in VOCABULARY.subjects(SKOS.inScheme, scheme):
            labels = {o.language: str(o) for o in VOCABULARY.objects(concept, SKOS.prefLabel)}
            local = str(concept).removeprefix(names.MMD)
            concepts[str(VOCABULARY.value(concept, SKOS.notation))] = (local, labels["ko"], labels["en"])
        found[str(scheme).removeprefix(names.MMD)] = concepts
    assert found == {
        scheme: {notation: tuple(concept) for notation, concept in concepts.items()}
        for scheme, concepts in SCHEMES.items()
    }


def test_the_purposes_are_the_agreed_ones():
    assert {n: c.local for n, c in SCHEMES["UseScheme"].items()} == {
        "quality-assurance": "QualityAssurance",
        "predictive-maintenance": "PredictiveMaintenance",
        "process-optimisation": "ProcessOptimisation",
        "energy": "EnergyManagement",
        "supply-chain": "SupplyChainOptimisation",
    }


def test_the_shapes_speak_of_defined_terms_only():
    said = {str(node) for triple in SHAPES for node in triple if str(node).startswith(names.MMD)}
    assert said
    assert said <= set(TERMS)


def test_every_message_and_field_is_in_both_languages():
    for prop in ("message", "name"):
        subjects = set(SHAPES.subjects(URIRef(SH + prop)))
        assert subjects
        for subject in subjects:
            texts = list(SHAPES.objects(subject, URIRef(SH + prop)))
            assert sorted(text.language for text in texts) == ["en", "ko"]
    for shape in SHAPES.subjects(URIRef(SH + "message")):
        named = list(SHAPES.objects(shape, URIRef(SH + "name"))) or list(SHAPES.objects(shape, RDFS.label))
        assert len(named) == 2, list(SHAPES.objects(shape, URIRef(SH + "message")))


def test_the_page_documents_every_term_and_every_row():
    page = (CLONE / "docs" / "self-description.md").read_text("utf-8")
    for term in TERMS:
        if (URIRef(term), RDF.type, SKOS.Concept) not in VOCABULARY:
            assert f"`mmd:{term.removeprefix(names.MMD)}`" in page, term
    for concepts in SCHEMES.values():
        for notation, concept in concepts.items():
            assert f"`{notation}`" in page
            assert concept.ko in page
    for kind, template in TEMPLATES.items():
        for row in template.rows:
            line = f"| {kind} | `{row.prop}` | {f'`{row.field}`' if row.field else '—'} | `{row.how}` |"
            assert line in page, line
