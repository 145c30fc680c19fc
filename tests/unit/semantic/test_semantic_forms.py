"""The three written forms say the same, to readers that we did not write."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import Graph
from rdflib.compare import isomorphic

from connector.errors import DescriptionInvalid
from connector.semantic.description import Column, Dataset, Offer, Participant, Text
from connector.semantic.graph import triples
from connector.semantic.jsonld import CONTEXT, to_jsonld
from connector.semantic.rdf import NIL, Blank, Blanks, Iri, Literal, boolean, integer, text
from connector.semantic.turtle import to_ntriples, to_turtle
from examples.generate.injection import DESCRIPTION
from tests.unit.semantic.samples import CLONE, DID, IRI, catalog, graphs, same_meaning, sample

S, P = Iri("https://factory-a.example/s"), Iri("https://factory-a.example/p")


@pytest.fixture(scope="module")
def shots():
    """The demo's dataset, with its 44 columns."""
    return sample(**DESCRIPTION)


def everything(shots):
    return [sample(), shots, catalog().participant, catalog(), catalog(sample(), shots)]


def test_rdflib_reads_the_same_graph_from_all_forms(shots):
    for description in everything(shots):
        turtle, jsonld, ntriples = graphs(description)
        assert len(turtle) == len(set(triples(description))) > 8
        assert isomorphic(turtle, jsonld)
        assert isomorphic(turtle, ntriples)


def test_pyld_reads_the_same_statements_without_network(shots):
    for description in everything(shots):
        document = json.loads(json.dumps(to_jsonld(description)))
        assert same_meaning(document, to_ntriples(triples(description)))


def test_a_document_may_be_written_from_triples_or_from_the_description():
    assert to_jsonld(triples(sample())) == to_jsonld(sample())


def test_the_jsonld_starts_with_the_thing_itself_and_contains_its_parts():
    found = to_jsonld(catalog())
    assert found["@id"] == "https://factory-a.example/catalog"
    assert found["title"] == {"ko": "공장 가 데이터 카탈로그", "en": "Data catalog of Factory A"}
    (dataset,) = found["dataset"]
    assert dataset["personalData"] is False
    assert dataset["keyword"] == {"ko": ["사출", "품질"], "en": "moulding"}
    assert dataset["distribution"][0]["checksum"]["checksumValue"] == "a4" * 32
    assert [c["columnName"] for c in dataset["column"]] == ["사이클시간", "샷번호", "판정"]
    logical = dataset["hasPolicy"][0]["permission"][0]["constraint"][1]
    assert [c["operator"] for c in logical["or"]["@list"]] == ["odrl:lt", "odrl:lteq"]


def test_turtle_is_written_for_people():
    written = to_turtle(triples(sample()))
    assert "    mmd:process mmd:InjectionMoulding ;\n" in written
    assert "odrl:or (" in written
    assert '"사출 1호기"@ko, "Moulder 1"@en' in written
    assert "_:" not in written
    assert "@prefix foaf" in to_turtle(triples(catalog()))
    assert "@prefix foaf" not in written  # a prefix that is not used is not declared


def test_the_same_description_gives_the_same_bytes():
    assert to_turtle(triples(catalog())) == to_turtle(triples(catalog()))
    assert json.dumps(to_jsonld(catalog())) == json.dumps(to_jsonld(catalog()))


def test_the_context_file_is_the_one_that_documents_carry():
    published = json.loads((CLONE / "vocab" / "context.jsonld").read_text("utf-8"))
    assert published == {"@context": CONTEXT}


# --- hostile values -----------------------------------------------------------------------------

hostile = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        [
            '" . <https://evil.example/> a <https://evil.example/T> . #',
            "\\",
            '\\"',
            '"""',
            "''' ",
            "</script><script>",
            "line\nfeed\r\ttab",
            "_:b1",
            "@context",
            "\U0001f3ed 공장",
            "\\u0022",
            "a\u2028b\u00a0c",
        ]
    ),
)


@given(hostile, hostile, hostile)
@settings(max_examples=80, deadline=None)
def test_no_text_breaks_out_of_its_quotes(title, name, value):
    policy = {"permission": [{"action": "use", "constraint": [
        {"leftOperand": "purpose", "operator": "eq", "rightOperand": value}]}]}  # fmt: skip
    try:
        said = triples(
            Dataset(
                IRI,
                name,
                "1",
                Text(ko=title, en=name),
                DID,
                columns=(Column(name, label=Text(ko=title)),),
                offers=(Offer(name, policy),),
                equipment=name,
            )
        )
    except DescriptionInvalid:
        refused = [
            c for c in title + name + value if (ord(c) < 32 and c not in "\t\n\r") or c in "\ufffe\uffff"
        ]
        address = name.lower().startswith(("did:", "urn:", "http:", "https:"))
        assert refused or address or any(0xD800 <= ord(c) < 0xE000 for c in title + name + value)
        return
    turtle, jsonld, ntriples = graphs(said)
    assert len(turtle) == len(set(said))
    assert isomorphic(turtle, jsonld)
    assert isomorphic(turtle, ntriples)
    assert {str(o) for o in turtle.objects()} >= {title, value} - {""}
    assert same_meaning(to_jsonld(said), to_ntriples(said))


@pytest.mark.parametrize(
    "address",
    [
        "https://factory-a.example/a b",
        "https://factory-a.example/> . <urn:x",
        'https://factory-a.example/"x',
        "https://factory-a.example/\n",
        "https://factory-a.example/\\u003e",
        "https://factory-a.example/{x}",
        "https://factory-a.example/\ud800",
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "mmd:InjectionMoulding",
        "datasets/1",
        "//factory-a.example/x",
        "",
    ],
)
def test_an_address_that_cannot_be_one_is_refused(address):
    with pytest.raises(DescriptionInvalid):
        Iri(address)


@pytest.mark.parametrize("field", ["iri", "publisher", "landing", "access_service", "previous"])
def test_the_refusal_names_the_field(field):
    with pytest.raises(DescriptionInvalid) as refusal:
        triples(sample(**{field: "not an address"}))
    assert refusal.value.pointer == field


def test_the_refusal_names_the_column_and_the_offer():
    with pytest.raises(DescriptionInvalid) as refusal:
        triples(sample(columns=[{"name": "a"}, {"name": "b", "datatype": "number"}]))
    assert refusal.value.pointer == "columns/1/datatype"
    with pytest.raises(DescriptionInvalid) as refusal:
        triples(catalog(sample(), sample(iri="https://a.example/2", title={"ko": "a\x00"})))
    assert refusal.value.pointer == "datasets/1/title"
    with pytest.raises(DescriptionInvalid) as refusal:
        triples(Participant("did:web:a.example", Text("가"), "ftp server"))
    assert refusal.value.pointer == "dsp_url"


@pytest.mark.parametrize(("value", "language"), [("x", "en> <"), ("x", "EN"), ("\x01", "en"), ("\ud800", "")])
def test_a_literal_that_cannot_be_written_is_refused(value, language):
    with pytest.raises(DescriptionInvalid):
        text(value, language) if language else Literal(value)


def test_a_label_of_a_nameless_node_cannot_carry_more():
    with pytest.raises(DescriptionInvalid):
        Blank("b1 <urn:x> <urn:y> . _:b2")


# --- any graph, not only ours -----------------------------------------------------------------------


def terms():
    blanks = st.sampled_from([Blank("b1"), Blank("b2"), Blank("b3")])
    iris = st.sampled_from([S, Iri("urn:a:b"), NIL, Iri("http://www.w3.org/ns/odrl/2/use"), Iri("did:web:a")])
    literals = st.sampled_from([
        Literal("x"), text("x", "ko"), text("x", "fr"), boolean(True), integer(-5),
        Literal("007", integer(1).datatype),
        Literal("1.50", "http://www.w3.org/2001/XMLSchema#decimal"), Literal("maybe", boolean(True).datatype),
    ])  # fmt: skip
    properties = st.sampled_from([
        P, Iri("http://purl.org/dc/terms/title"), Iri("http://www.w3.org/1999/02/22-rdf-syntax-ns#type"),
        Iri("http://www.w3.org/1999/02/22-rdf-syntax-ns#first"), Iri("http://www.w3.org/ns/odrl/2/or"),
        Iri("http://www.w3.org/1999/02/22-rdf-syntax-ns#rest"), Iri("http://purl.org/dc/terms/issued"),
        Iri("https://w3id.org/madang/ns#personalData"), Iri("http://purl.org/dc/terms/publisher"),
    ])  # fmt: skip
    return st.tuples(st.one_of(blanks, iris), properties, st.one_of(blanks, iris, literals))


@given(st.lists(terms(), min_size=1, max_size=14))
@settings(max_examples=100, deadline=None)
def test_rings_shared_nodes_and_broken_lists_keep_their_meaning(said):
    turtle = Graph().parse(data=to_turtle(said), format="turtle")
    ntriples = Graph().parse(data=to_ntriples(said), format="nt")
    assert isomorphic(turtle, ntriples)
    # PyLD drops types that are literals, which JSON-LD cannot say either; ours never are.
    assert same_meaning(to_jsonld(said), to_ntriples(said))


@given(st.lists(st.sampled_from([S, Literal("a"), integer(3), Blank("z")]), max_size=5))
@settings(max_examples=50, deadline=None)
def test_collections_keep_their_order(items):
    head, links = Blanks().collection(items)
    said = [(S, P, head), *links]
    turtle = Graph().parse(data=to_turtle(said), format="turtle")
    assert isomorphic(turtle, Graph().parse(data=to_ntriples(said), format="nt"))
    assert same_meaning(to_jsonld(said), to_ntriples(said))
