"""RDF/XML says what the other forms say, to readers that we did not write; no text becomes markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import Graph
from rdflib.compare import isomorphic

from connector.errors import DescriptionInvalid
from connector.model.times import parse_iso
from connector.semantic.description import Tombstone
from connector.semantic.graph import triples
from connector.semantic.rdf import Blank, Blanks, Iri, Literal, boolean, text
from connector.semantic.rdfxml import to_rdfxml
from connector.semantic.turtle import to_ntriples
from examples.generate.injection import DESCRIPTION
from tests.unit.semantic.samples import DID, catalog, graphs, sample

S, P = Iri("https://factory-a.example/s"), Iri("https://factory-a.example/p")
ENDED = Tombstone(
    "https://factory-a.example/datasets/shots?version=1",
    "shots",
    "1",
    DID,
    parse_iso("2026-11-24T12:00:00Z"),
    "https://factory-a.example/datasets/shots",
)


def read(said):
    return Graph().parse(data=to_rdfxml(said), format="xml")


def test_every_kind_of_description_is_the_same_graph_as_in_the_other_forms():
    shots = sample(**DESCRIPTION)
    for description in (sample(), shots, catalog(sample(), shots), catalog().participant, ENDED):
        said = triples(description)
        found = read(said)
        assert len(found) == len(set(said)) >= 5
        for other in graphs(description):
            assert isomorphic(found, other)


def test_only_the_prefixes_that_are_used_are_declared_and_the_bytes_are_stable():
    written = to_rdfxml(triples(ENDED))
    assert "xmlns:prov=" in written
    assert "xmlns:qudt=" not in written
    assert written == to_rdfxml(triples(ENDED))
    assert 'rdf:about="https://factory-a.example/datasets/shots?version=1"' in written


def test_a_namespace_that_is_not_ours_gets_a_prefix_of_its_own():
    said = [
        (S, Iri("https://a.example/x#one"), Literal("1")),
        (S, Iri("https://a.example/y/two"), Blank("b")),
    ]
    written = to_rdfxml(said)
    assert isomorphic(read(said), Graph().parse(data=to_ntriples(said), format="nt"))
    assert "https://a.example/x#" in written


@pytest.mark.parametrize(
    "prop",
    [
        "https://factory-a.example/1",
        "https://factory-a.example/",
        "urn:uuid:00000000-0000-4000-8000-000000000001:",
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#li",
        "http://www.w3.org/1999/02/22-rdf-syntax-ns#Description",
    ],
)
def test_a_property_without_an_element_name_is_refused(prop):
    with pytest.raises(DescriptionInvalid):
        to_rdfxml([(S, Iri(prop), Literal("x"))])


@pytest.mark.parametrize("last", ["\ufffe", "\uffff", "\u1680", "\u2028", "\u202f", "\u3000"])
def test_an_address_that_some_form_cannot_hold_is_no_address_at_all(last):
    with pytest.raises(DescriptionInvalid):
        Iri("https://factory-a.example/" + last)


@given(st.text(max_size=40), st.sampled_from(["ko", "en", ""]))
@settings(max_examples=120, deadline=None)
def test_no_text_becomes_markup_and_none_is_changed(value, language):
    for given_text in (value, f"</rdf:Description>{value}]]><!--\r\n\t&amp;"):
        try:
            literal = text(given_text, language) if language else Literal(given_text)
        except DescriptionInvalid:
            continue
        written = to_rdfxml([(S, P, literal)])
        (element,) = ET.fromstring(written).iter("{https://factory-a.example/}p")
        assert (element.text or "") == given_text
        assert len(element) == 0


@given(st.text(st.characters(exclude_characters='<>"{}|\\^`'), max_size=20))
@settings(max_examples=80, deadline=None)
def test_no_address_breaks_out_of_its_quotes(value):
    try:
        iri = Iri("https://factory-a.example/" + value + "&'x")
    except DescriptionInvalid:
        return
    said = [(iri, P, iri), (S, P, Literal("1", "https://factory-a.example/t&a=b"))]
    assert isomorphic(read(said), Graph().parse(data=to_ntriples(said), format="nt"))


def test_lists_and_shared_nameless_nodes_keep_their_places():
    blanks = Blanks()
    shared = blanks.new()
    head, links = blanks.collection([Literal("a"), shared, boolean(True)])
    said = [(S, P, head), *links, (S, P, shared), (shared, P, Literal("x"))]
    assert isomorphic(read(said), Graph().parse(data=to_ntriples(said), format="nt"))


def test_descriptions_that_share_their_nameless_nodes_can_stand_in_one_file():
    one = sample()
    two = sample(
        iri="https://factory-a.example/datasets/two",
        id="two",
        offers=[
            {"id": "urn:x:2", "policy": {"permission": [{"action": "use", "duty": [{"action": "delete"}]}]}}
        ],
    )
    apart = to_ntriples(triples(one)) + to_ntriples(triples(two))
    blanks = Blanks()
    together = to_ntriples(triples(one, blanks)) + to_ntriples(triples(two, blanks))
    wanted = Graph()
    for one_graph in (one, two):
        wanted += Graph().parse(data=to_ntriples(triples(one_graph)), format="nt")
    assert isomorphic(Graph().parse(data=together, format="nt"), wanted)
    assert not isomorphic(Graph().parse(data=apart, format="nt"), wanted), "labels of two files clash"
