"""From values to triples: the table against statements typed by hand, and the odd values."""

from __future__ import annotations

import subprocess
import sys

import pytest
from rdflib import Graph
from rdflib.compare import graph_diff, to_isomorphic

from connector.errors import DescriptionInvalid
from connector.semantic import graph as graph_module
from connector.semantic.description import Column, Dataset, Offer, Text
from connector.semantic.graph import triples
from connector.semantic.rdf import Iri, Literal
from connector.semantic.templates import TEMPLATES
from connector.semantic.terms import PREFIXES
from connector.semantic.turtle import to_ntriples
from tests.unit.semantic.samples import CLONE, DID, IRI, catalog, sample

# Typed from DCAT 3, ODRL 2.2, CSVW and the vocabulary, not made by the code under test.
EXPECTED = """
@prefix mmd: <https://w3id.org/madang/ns#> .
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix odrl: <http://www.w3.org/ns/odrl/2/> .
@prefix csvw: <http://www.w3.org/ns/csvw#> .
@prefix qudt: <http://qudt.org/schema/qudt/> .
@prefix unit: <http://qudt.org/vocab/unit/> .
@prefix foaf: <http://xmlns.com/foaf/0.1/> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix spdx: <http://spdx.org/rdf/terms#> .
@prefix s4inma: <https://saref.etsi.org/saref4inma/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix d: <https://factory-a.example/datasets/shots/1#> .

<https://factory-a.example/catalog> a dcat:Catalog ;
    dct:title "공장 가 데이터 카탈로그"@ko, "Data catalog of Factory A"@en ;
    dct:publisher <did:web:factory-a.example> ;
    dcat:service <https://factory-a.example/dsp#service> ;
    dcat:dataset <https://factory-a.example/datasets/shots/1> .

<did:web:factory-a.example> a mmd:Participant, foaf:Organization ;
    foaf:name "공장 가"@ko, "Factory A"@en ;
    foaf:homepage <https://factory-a.example/> ;
    mmd:connector <https://factory-a.example/dsp#service> .

<https://factory-a.example/dsp#service> a dcat:DataService ;
    dct:title "공장 가"@ko, "Factory A"@en ;
    dct:publisher <did:web:factory-a.example> ;
    dcat:endpointURL <https://factory-a.example/dsp> ;
    dct:conformsTo <https://w3id.org/dspace/2025/1/> .

<https://factory-a.example/datasets/shots/1> a mmd:ManufacturingDataset, dcat:Dataset, prov:Entity ;
    dct:identifier "shots" ;
    dcat:version "1" ;
    dcat:previousVersion <https://factory-a.example/datasets/shots/0> ;
    dct:title "사출 1호기"@ko, "Moulder 1"@en ;
    dct:description "사출기 한 대의 샷 로그"@ko ;
    dcat:keyword "사출"@ko, "품질"@ko, "moulding"@en ;
    dct:publisher <did:web:factory-a.example> ;
    dct:issued "2026-11-24T12:00:00.000Z"^^xsd:dateTime ;
    dct:modified "2026-11-25T12:00:00.500Z"^^xsd:dateTime ;
    dcat:landingPage <https://factory-a.example/datasets/shots> ;
    mmd:process mmd:InjectionMoulding ;
    mmd:dataClass mmd:EquipmentData ;
    mmd:confidentiality mmd:LimitedProvision ;
    mmd:personalData false ;
    mmd:generator <did:web:factory-a.example> ;
    prov:wasAttributedTo <did:web:factory-a.example> ;
    prov:wasDerivedFrom <urn:uuid:00000000-0000-4000-8000-0000000000aa> ;
    mmd:equipment d:equipment ;
    mmd:rowCount "8000"^^xsd:nonNegativeInteger ;
    mmd:column d:column-1, d:column-2, d:column-3 ;
    dcat:distribution d:distribution ;
    odrl:hasPolicy <urn:uuid:00000000-0000-4000-8000-000000000001> .

d:equipment a s4inma:ProductionEquipment ; rdfs:label "사출-01" .

d:distribution a dcat:Distribution ;
    dcat:accessURL <https://factory-a.example/datasets/shots> ;
    dcat:accessService <https://factory-a.example/dsp#service> ;
    dcat:mediaType <https://www.iana.org/assignments/media-types/text/csv> ;
    dcat:byteSize "2212517"^^xsd:nonNegativeInteger ;
    mmd:transferFormat "HttpData-PULL" ;
    mmd:encoding "cp949" ;
    spdx:checksum d:checksum ;
    csvw:tableSchema d:schema .

d:checksum a spdx:Checksum ;
    spdx:algorithm spdx:checksumAlgorithm_sha256 ;
    spdx:checksumValue "a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4"^^xsd:hexBinary .

d:schema a csvw:Schema ; csvw:column ( d:column-1 d:column-2 d:column-3 ) .

d:column-1 a mmd:Column, csvw:Column ;
    csvw:name "사이클시간" ;
    rdfs:label "사이클 시간"@ko, "cycle time"@en ;
    csvw:datatype xsd:decimal ;
    qudt:hasUnit unit:SEC ;
    mmd:unitText "s" ;
    mmd:minimum 12.50 ;
    mmd:maximum "31"^^xsd:decimal .

d:column-2 a mmd:Column, csvw:Column ;
    csvw:name "샷번호" ;
    rdfs:label "샷 번호"@ko ;
    csvw:datatype xsd:integer ;
    mmd:unitless true ;
    mmd:minimum 1 .

d:column-3 a mmd:Column, csvw:Column ;
    csvw:name "판정" ; rdfs:label "verdict"@en ; csvw:datatype xsd:string .

<urn:uuid:00000000-0000-4000-8000-000000000001> a odrl:Offer ;
    dct:identifier "urn:uuid:00000000-0000-4000-8000-000000000001" ;
    mmd:policyDigest "b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5b5"^^xsd:hexBinary ;
    mmd:contractToken "e30.e30.AA" ;
    odrl:target <https://factory-a.example/datasets/shots/1> ;
    odrl:assigner <did:web:factory-a.example> ;
    odrl:prohibition [ a odrl:Prohibition ; odrl:action odrl:distribute ] ;
    odrl:permission [ a odrl:Permission ;
        odrl:action odrl:use ;
        odrl:duty [ a odrl:Duty ; odrl:action odrl:delete ] ;
        odrl:constraint
            [ a odrl:Constraint ; odrl:leftOperand odrl:purpose ; odrl:operator odrl:isAnyOf ;
              odrl:rightOperand mmd:QualityAssurance, "energy" ] ,
            [ a odrl:LogicalConstraint ; odrl:or (
                [ a odrl:Constraint ; odrl:leftOperand odrl:dateTime ; odrl:operator odrl:lt ;
                  odrl:rightOperand "2027-01-01T00:00:00Z"^^xsd:dateTime ]
                [ a odrl:Constraint ; odrl:leftOperand odrl:count ; odrl:operator odrl:lteq ;
                  odrl:rightOperand 5 ] ) ] ] .
"""


def read(said) -> Graph:
    return Graph().parse(data=to_ntriples(said), format="nt")


def test_a_catalog_says_exactly_what_the_standards_ask_for():
    expected = to_isomorphic(Graph().parse(data=EXPECTED, format="turtle"))
    found = to_isomorphic(read(triples(catalog())))
    _, missing, extra = graph_diff(expected, found)
    assert not set(missing)
    assert not set(extra)


def test_what_is_empty_makes_no_triple():
    said = triples(Dataset(IRI, "x", "1", Text("가"), DID))
    assert len(said) == 9  # three classes, identifier, version, title, publisher, distribution, its class
    assert not any(isinstance(o, Literal) and o.value == "" for _, _, o in said)


def test_zero_and_false_are_not_empty():
    found = read(triples(sample(row_count=0, byte_size=0, personal_data=False)))
    values = {str(p).rpartition("#")[2]: o.toPython() for _, p, o in found}
    assert (values["rowCount"], values["byteSize"], values["personalData"]) == (0, 0, False)


def objects(said, prop):
    return [o.value for _, p, o in said if p.value.endswith(prop)]


@pytest.mark.parametrize(
    ("unit", "iris", "texts"),
    [
        ("SEC", ["http://qudt.org/vocab/unit/SEC"], ["s"]),
        ("s", ["http://qudt.org/vocab/unit/SEC"], ["s"]),
        ("http://qudt.org/vocab/unit/SEC", ["http://qudt.org/vocab/unit/SEC"], ["s"]),
        ("℃", ["http://qudt.org/vocab/unit/DEG_C"], ["Cel"]),
        ("https://units.example/x", ["https://units.example/x"], []),
        ("개/상자", [], ["개/상자"]),
        ("UNITLESS", [], []),
        ("", [], []),
    ],
)
def test_units_are_understood_in_every_spelling(unit, iris, texts):
    said = triples(Dataset(IRI, "x", "1", Text("가"), DID, columns=(Column("a", "decimal", unit=unit),)))
    assert objects(said, "#hasUnit") + objects(said, "/hasUnit") == iris
    assert objects(said, "#unitText") == texts
    assert bool(objects(said, "#unitless")) == (unit == "UNITLESS")


@pytest.mark.parametrize(
    ("datatype", "given", "written"),
    [
        ("decimal", "1E+2", "100"),
        ("decimal", "-0.50", "-0.50"),
        ("integer", "-7", "-7"),
        ("double", "1e-9", "1e-9"),
        ("date", "2026-11-24", "2026-11-24"),
        ("dateTime", "2026-11-24T08:00:00+09:00", "2026-11-24T08:00:00+09:00"),
        ("time", "08:00", "08:00:00"),
    ],
)
def test_extremes_are_typed_like_their_column(datatype, given, written):
    column = Column("a", datatype, minimum=given)
    said = triples(Dataset(IRI, "x", "1", Text("가"), DID, columns=(column,)))
    (found,) = [o for _, p, o in said if p.value.endswith("#minimum")]
    assert found == Literal(written, f"http://www.w3.org/2001/XMLSchema#{datatype}")


@pytest.mark.parametrize(
    ("datatype", "given"),
    [
        ("decimal", "many"),
        ("decimal", "NaN"),
        ("decimal", "1e100000000"),
        ("double", "inf"),
        ("integer", "1.5"),
        ("date", "tomorrow"),
        ("string", "a"),
    ],
)
def test_an_extreme_that_is_none_is_refused(datatype, given):
    column = Column("a", datatype, maximum=given)
    with pytest.raises(DescriptionInvalid) as refusal:
        triples(Dataset(IRI, "x", "1", Text("가"), DID, columns=(column,)))
    assert refusal.value.pointer == "columns/0/maximum"


@pytest.mark.parametrize("given", ["csv", "text/", "text/csv x", "text/\ncsv", "a/b/c", ' "/>'])
def test_a_media_type_that_is_none_is_refused(given):
    with pytest.raises(DescriptionInvalid) as refusal:
        triples(sample(media_type=given))
    assert refusal.value.pointer == "media_type"


def test_parameters_of_a_media_type_are_left_out():
    assert objects(triples(sample(media_type="Text/CSV; charset=cp949")), "mediaType") == [
        "https://www.iana.org/assignments/media-types/text/csv"
    ]


def test_an_unknown_notation_stays_visible_for_the_shapes():
    assert objects(triples(sample(process="knitting")), "#process") == ["knitting"]


@pytest.mark.parametrize("offer_id", ["일 번", "a b", "javascript:alert(1)", "Mg==:YXNz", "x#y/z?<>"])
def test_any_offer_id_has_a_place_below_its_dataset(offer_id):
    policy = {"permission": [{"action": "use"}]}
    said = triples(Dataset(IRI, "x", "1", Text("가"), DID, offers=(Offer(offer_id, policy),)))
    (node,) = [o for _, p, o in said if p.value.endswith("hasPolicy")]
    assert node.value.startswith(f"{IRI}#offer-")
    assert (node, Iri(PREFIXES["dct"] + "identifier"), Literal(offer_id)) in said


def test_a_dataset_with_a_fragment_has_parts_too():
    said = triples(sample(iri="https://a.example/all#one"))
    assert all(node.value.count("#") <= 1 for node, _, _ in said if isinstance(node, Iri))
    assert read(said)


def test_a_name_of_a_generator_becomes_an_agent():
    said = triples(sample(generator="가나다 정밀"))
    agent = Iri(IRI + "#generator")
    assert (agent, Iri(PREFIXES["rdfs"] + "label"), Literal("가나다 정밀")) in said
    assert (Iri(IRI), Iri(PREFIXES["mmd"] + "generator"), agent) in said


def test_every_row_of_the_table_can_be_written():
    for kind, template in TEMPLATES.items():
        classes, rows = graph_module._compiled(kind)
        assert len(classes) == len(template.classes)
        for _, _, row, way in rows:
            structural = row.how.partition(":")[0] in {"part", "each", "all", "thing", "policy"}
            assert structural == (way is None), row


def test_the_main_process_stays_without_rdf_libraries():
    rooms = (
        "description",
        "graph",
        "jsonld",
        "labels",
        "negotiation",
        "odrl",
        "shacl",
        "templates",
        "turtle",
    )
    program = (
        f"import sys, connector.semantic.units, {', '.join('connector.semantic.' + room for room in rooms)}\n"
        "print([name for name in ('rdflib', 'pyshacl', 'pyld') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=CLONE, capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"
