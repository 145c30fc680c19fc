"""From values to triples: one table, read by every format.

Each kind of thing has its classes and its rows. A row says: this property, of that field, in this
way. The ways:

    text                    one literal in each language that is given
    string, hex, boolean    one literal of that type; likewise instant (time), count (whole number)
                            and duration
    iri                     the field is the address of a thing
    thing:CLASS             the address of a thing, or the name of one of that class that is made here
    concept:SCHEME          the field is a notation: its concept, or the notation itself if unknown
    const:IRI               always this
    part:KIND               a node of that kind about the same value, unless the field is empty
    each:KIND, all:KIND     a node of that kind for each value; `all` makes them one RDF collection
    media-type, datatype, unit, unit-text, unitless, value, policy      as the functions in `ways` say

An empty field makes no triple: what must be there is said by the SHACL shapes alone.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from connector.model.names import DSP
from connector.semantic.terms import SPDX


class Row(NamedTuple):
    """Property (prefixed name), field of the value ("" = the value itself), way of writing."""

    prop: str
    field: str
    how: str


class Template(NamedTuple):
    """Classes (prefixed names) and rows of one kind of thing."""

    classes: tuple[str, ...]
    rows: tuple[Row, ...]


TEMPLATES: Final[dict[str, Template]] = {
    "Participant": Template(
        ("mmd:Participant", "foaf:Organization"),
        (
            Row("foaf:name", "name", "text"),
            Row("foaf:homepage", "homepage", "iri"),
            Row("mmd:connector", "dsp_url", "part:Service"),
        ),
    ),
    "Service": Template(
        ("dcat:DataService",),
        (
            Row("dct:title", "name", "text"),
            Row("dct:publisher", "did", "iri"),
            Row("dcat:endpointURL", "dsp_url", "iri"),
            Row("dct:conformsTo", "", f"const:{DSP}"),
        ),
    ),
    "Catalog": Template(
        ("dcat:Catalog",),
        (
            Row("dct:title", "shown_title", "text"),
            Row("dct:publisher", "participant", "each:Participant"),
            Row("dcat:service", "participant.service_iri", "iri"),
            Row("dcat:dataset", "datasets", "each:Dataset"),
        ),
    ),
    "Dataset": Template(
        ("mmd:ManufacturingDataset", "dcat:Dataset", "prov:Entity"),
        (
            Row("dct:identifier", "id", "string"),
            Row("dcat:version", "version", "string"),
            Row("dcat:previousVersion", "previous", "iri"),
            Row("dct:title", "title", "text"),
            Row("dct:description", "description", "text"),
            Row("dcat:keyword", "keywords", "text"),
            Row("dct:publisher", "publisher", "iri"),
            Row("dct:issued", "issued", "instant"),
            Row("dct:modified", "modified", "instant"),
            Row("dcat:landingPage", "landing", "iri"),
            Row("mmd:process", "process", "concept:ProcessScheme"),
            Row("mmd:dataClass", "data_class", "concept:DataClassScheme"),
            Row("mmd:confidentiality", "confidentiality", "concept:ConfidentialityScheme"),
            Row("mmd:personalData", "personal_data", "boolean"),
            Row("mmd:labelled", "labelled", "boolean"),
            Row("mmd:generator", "generator", "thing:foaf:Agent"),
            Row("prov:wasAttributedTo", "generator", "thing:foaf:Agent"),
            Row("prov:wasDerivedFrom", "derived_from", "iri"),
            Row("mmd:equipment", "equipment", "thing:s4inma:ProductionEquipment"),
            Row("mmd:rowCount", "row_count", "count"),
            Row("dcat:temporalResolution", "temporal_resolution", "duration"),
            Row("mmd:column", "columns", "each:Column"),
            Row("dcat:distribution", "", "part:Distribution"),
            Row("odrl:hasPolicy", "offers", "each:Offer"),
        ),
    ),
    "Tombstone": Template(
        ("prov:Entity",),
        (
            Row("dct:identifier", "id", "string"),
            Row("dcat:version", "version", "string"),
            Row("dct:publisher", "publisher", "iri"),
            Row("prov:invalidatedAtTime", "ended_at", "instant"),
            Row("dct:isReplacedBy", "replaced_by", "iri"),
        ),
    ),
    "Distribution": Template(
        ("dcat:Distribution",),
        (
            Row("dcat:accessURL", "landing", "iri"),
            Row("dcat:accessService", "access_service", "iri"),
            Row("dcat:mediaType", "media_type", "media-type"),
            Row("dcat:byteSize", "byte_size", "count"),
            Row("mmd:transferFormat", "format", "string"),
            Row("mmd:encoding", "encoding", "string"),
            Row("spdx:checksum", "sha256", "part:Checksum"),
            Row("csvw:tableSchema", "columns", "part:Schema"),
        ),
    ),
    "Checksum": Template(
        ("spdx:Checksum",),
        (
            Row("spdx:algorithm", "", f"const:{SPDX}checksumAlgorithm_sha256"),
            Row("spdx:checksumValue", "sha256", "hex"),
        ),
    ),
    "Schema": Template(("csvw:Schema",), (Row("csvw:column", "columns", "all:Column"),)),
    "Column": Template(
        ("mmd:Column", "csvw:Column"),
        (
            Row("csvw:name", "name", "string"),
            Row("rdfs:label", "label", "text"),
            Row("csvw:datatype", "datatype", "datatype"),
            Row("qudt:hasUnit", "unit", "unit"),
            Row("mmd:unitText", "unit", "unit-text"),
            Row("mmd:unitless", "", "unitless"),
            Row("mmd:minimum", "minimum", "value"),
            Row("mmd:maximum", "maximum", "value"),
        ),
    ),
    "Offer": Template(
        (),
        (
            Row("dct:identifier", "id", "string"),
            Row("mmd:policyDigest", "policy_digest", "hex"),
            Row("mmd:contractToken", "token", "string"),
            Row("odrl:permission", "policy", "policy"),
        ),
    ),
}
