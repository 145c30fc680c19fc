"""What our bytes mean as JSON-LD: PyLD's triples against triples written from the typed value alone [D41]."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import rdflib
from hypothesis import given, settings
from pyld import jsonld
from pyld.context_resolver import ContextResolver
from rdflib import RDF, BNode, Literal, URIRef
from rdflib.compare import isomorphic

from connector.model import messages as m
from connector.protocol.messages import render
from tests.unit.protocol.dsp_messages import DSP, everything, needs_reference

pytestmark = needs_reference
DSPACE = "https://w3id.org/dspace/2025/1/"
ODRL = "http://www.w3.org/ns/odrl/2/"
MMD = "https://w3id.org/madang/ns#"
# A format has no IRI in the standard's context: it is resolved against wherever the document is.
HERE = "https://here.example/"
Triple = tuple[Any, URIRef, Any]


def _load(url: str, _options: Any) -> dict[str, Any]:
    """The two contexts of the standard from the reference folder, and nothing from anywhere else."""
    files = {"context.jsonld": "context.jsonld", "odrl-profile.jsonld": "odrl-profile.jsonld"}
    assert url.startswith(DSPACE), f"{url} would be fetched"
    text = (DSP / "contexts" / files[url.removeprefix(DSPACE)]).read_text("utf-8")
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": json.loads(text),
    }


def _meaning(body: Any) -> rdflib.Graph:
    # A resolver of its own: the shared one mixes up the standard's type-scoped contexts between documents.
    resolver = ContextResolver({}, _load)
    how = {
        "documentLoader": _load,
        "base": HERE,
        "format": "application/n-quads",
        "contextResolver": resolver,
    }
    quads = jsonld.to_rdf(body, how)
    return rdflib.Graph().parse(data=quads, format="nt")


def _node(value: str) -> URIRef:
    return URIRef(value)


def _word(value: str) -> URIRef:
    return URIRef(value if ":" in value else ODRL + value)


def _value(value: Any) -> Literal:
    if isinstance(value, dict):
        return Literal(value["@value"], datatype=URIRef(value["@type"]), normalize=False)
    return Literal(value)


def _constraint(about: BNode, constraint: dict[str, Any]) -> Iterator[Triple]:
    for operator in ("and", "or", "xone"):
        for part in constraint.get(operator, []):
            inner = BNode()
            yield about, URIRef(ODRL + operator), inner
            yield from _constraint(inner, part)
    if "leftOperand" in constraint:
        yield about, URIRef(ODRL + "leftOperand"), _word(constraint["leftOperand"])
        yield about, URIRef(ODRL + "operator"), _word(constraint["operator"])
        right = constraint["rightOperand"]
        for one in right if isinstance(right, list) else [right]:
            yield about, URIRef(ODRL + "rightOperand"), _value(one)


def _policy(policy: dict[str, Any], type_: str) -> Iterator[Triple]:
    about = _node(policy["@id"])
    yield about, RDF.type, URIRef(ODRL + type_)
    for name in ("target", "assigner", "assignee"):
        if name in policy:
            yield about, URIRef(ODRL + name), _node(policy[name])
    for kind in ("permission", "prohibition"):
        for rule in policy.get(kind, []):
            inner = BNode()
            yield about, URIRef(ODRL + kind), inner
            yield inner, URIRef(ODRL + "action"), _word(rule["action"])
            for constraint in rule.get("constraint", []):
                leaf = BNode()
                yield inner, URIRef(ODRL + "constraint"), leaf
                yield from _constraint(leaf, constraint)


def _address(about: URIRef, address: dict[str, Any] | None) -> Iterator[Triple]:
    if address is None:
        return
    place = BNode()
    yield about, URIRef(DSPACE + "dataAddress"), place
    yield place, RDF.type, URIRef(DSPACE + "DataAddress")
    yield place, URIRef(DSPACE + "endpointType"), _node(address["endpointType"])
    yield place, URIRef(DSPACE + "endpoint"), Literal(address["endpoint"])
    for item in address["endpointProperties"]:
        pair = BNode()
        yield place, URIRef(DSPACE + "endpointProperties"), pair
        yield pair, RDF.type, URIRef(DSPACE + "EndpointProperty")
        yield pair, URIRef(DSPACE + "name"), Literal(item["name"])
        yield pair, URIRef(DSPACE + "value"), Literal(item["value"])


def _told(about: URIRef, message: m.Message) -> Iterator[Triple]:
    def own(name: str, value: str) -> Iterator[Triple]:
        if value:
            yield about, URIRef(MMD + name), Literal(value)

    match message:
        case m.ContractRequest() | m.ContractOffer():
            yield about, URIRef(DSPACE + "offer"), _node(message.offer["@id"])
            yield from _policy(message.offer, "Offer")
            if message.callback:
                yield about, URIRef(DSPACE + "callbackAddress"), Literal(message.callback)
            yield from own("contractToken", message.token)
        case m.ContractAgreement():
            yield about, URIRef(DSPACE + "agreement"), _node(message.agreement["@id"])
            yield from _policy(message.agreement, "Agreement")
            # Coined on the message, the timestamp keeps that meaning inside the agreement (@propagate).
            stamp = Literal(message.agreement["timestamp"])
            yield _node(message.agreement["@id"]), URIRef(DSPACE + "timestamp"), stamp
            yield from own("contractToken", message.token)
        case m.ContractVerification():
            yield from own("contractToken", message.token)
        case m.ContractAccepted() | m.ContractFinalized():
            event = "ACCEPTED" if isinstance(message, m.ContractAccepted) else "FINALIZED"
            yield about, URIRef(DSPACE + "eventType"), URIRef(DSPACE + event)
        case m.TransferRequest():
            yield about, URIRef(DSPACE + "agreementId"), _node(message.agreement_id)
            yield about, URIRef("http://purl.org/dc/terms/format"), URIRef(HERE + message.format)
            yield about, URIRef(DSPACE + "callbackAddress"), Literal(message.callback)
            yield from _address(about, message.data_address)
            yield from own("declaration", message.declaration)
            yield from own("refresh", "true" if message.wants_refresh else "")
        case m.TransferStart():
            yield from _address(about, message.data_address)
        case m.ContractTermination() | m.TransferSuspension() | m.TransferTermination():
            if message.code:
                yield about, URIRef(DSPACE + "code"), Literal(message.code)
            for reason in message.reason:
                yield about, URIRef(DSPACE + "reason"), Literal(reason)
            if isinstance(message, m.TransferTermination):
                yield from own("withdrawalToken", message.withdrawal)
        case m.TransferCompletion():
            pass


_TYPES: dict[type, str] = {
    m.ContractRequest: "ContractRequestMessage",
    m.ContractOffer: "ContractOfferMessage",
    m.ContractAccepted: "ContractNegotiationEventMessage",
    m.ContractFinalized: "ContractNegotiationEventMessage",
    m.ContractAgreement: "ContractAgreementMessage",
    m.ContractVerification: "ContractAgreementVerificationMessage",
    m.ContractTermination: "ContractNegotiationTerminationMessage",
    m.TransferRequest: "TransferRequestMessage",
    m.TransferStart: "TransferStartMessage",
    m.TransferCompletion: "TransferCompletionMessage",
    m.TransferSuspension: "TransferSuspensionMessage",
    m.TransferTermination: "TransferTerminationMessage",
}


def _written(message: m.Message) -> rdflib.Graph:
    graph = rdflib.Graph()
    about = _node(message.id)
    graph.add((about, RDF.type, URIRef(DSPACE + _TYPES[type(message)])))
    for name, pid in (("consumerPid", message.consumer_pid), ("providerPid", message.provider_pid)):
        if pid:
            graph.add((about, URIRef(DSPACE + name), _node(pid)))
    for triple in _told(about, message):
        graph.add(triple)
    return graph


@given(everything)
@settings(max_examples=60, deadline=None)
def test_the_bytes_mean_what_the_typed_value_says(message: m.Message) -> None:
    found, wanted = _meaning(json.loads(json.dumps(render(message)))), _written(message)
    assert isomorphic(found, wanted), "\n".join(
        ["found:", found.serialize(format="nt"), "wanted:", wanted.serialize(format="nt")]
    )


def test_a_changed_member_changes_the_meaning() -> None:
    message = m.ContractAccepted(id="urn:m", consumer_pid="urn:c", provider_pid="urn:p")
    body = json.loads(json.dumps(render(message)))
    for changed in ({"eventType": "FINALIZED"}, {"consumerPid": "urn:x"}, {"@type": "TransferStartMessage"}):
        assert not isomorphic(_meaning({**body, **changed}), _written(message))
