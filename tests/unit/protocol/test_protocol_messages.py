"""Messages on the wire: against the standard's schemas, there and back, and the ways a body can be wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from connector.model import messages as m
from connector.model.process import Kind
from connector.protocol import messages
from connector.protocol.messages import Invalid, parse, parse_catalog_request, render, target_path
from tests.unit.protocol.dsp_messages import DSP, REFERENCE, Standard, everything, needs_reference

CONTEXT = ["https://w3id.org/dspace/2025/1/context.jsonld"]
WIRE_TYPES = (
    "ContractRequestMessage",
    "ContractOfferMessage",
    "ContractAgreementMessage",
    "ContractAgreementVerificationMessage",
    "ContractNegotiationEventMessage",
    "ContractNegotiationTerminationMessage",
    "TransferRequestMessage",
    "TransferStartMessage",
    "TransferCompletionMessage",
    "TransferSuspensionMessage",
    "TransferTerminationMessage",
)


@pytest.fixture(scope="module")
def standard() -> Standard:
    return Standard()


def _json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


@given(everything)
@settings(max_examples=150, deadline=None)
def test_what_is_written_is_read_back_the_same(message: m.Message) -> None:
    body = json.loads(json.dumps(render(message)))
    assert parse(body, *WIRE_TYPES) == message


@needs_reference
@given(message=everything)
@settings(max_examples=100, deadline=None)
def test_what_is_written_fits_the_standards_schema(standard: Standard, message: m.Message) -> None:
    standard.check(json.loads(json.dumps(render(message))))


@needs_reference
@pytest.mark.parametrize("kind", [*Kind, None])
def test_errors_fit_the_standards_schema(standard: Standard, kind: Kind | None) -> None:
    body = messages.render_error(kind, "not-found", "there is no such process", provider_pid="urn:x")
    standard.check(body)
    assert body["@type"] == {None: "CatalogError", Kind.NEGOTIATION: "ContractNegotiationError"}.get(
        kind, "TransferError"
    )


# A DatasetRequestMessage has no HTTPS binding: a dataset is asked for with GET (§6.4.3).
EXAMPLES = [p for p in sorted((DSP / "examples").rglob("*-message*.json")) if "dataset-request" not in p.name]


@needs_reference
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_the_standards_examples_are_read_and_written_back(standard: Standard, path: Path) -> None:
    body = _json(path)
    if body["@type"] == "CatalogRequestMessage":
        if body.get("filter"):
            with pytest.raises(Invalid):
                parse_catalog_request(body)
            return
        assert parse_catalog_request(body) == m.CatalogRequest()
        return
    written = render(parse(body, *WIRE_TYPES))
    standard.check(written)
    # `providerPid` may stand beside a callbackAddress in none of them: nothing is lost.
    assert written == body


def _traces() -> list[Path]:
    """Calls with a JSON body that the stock peer itself took."""
    calls = [(path, _json(path)) for path in sorted((REFERENCE / "edc" / "trace").glob("*.json"))]
    return [
        p for p, c in calls if isinstance(c["request"].get("body"), dict) and c["response"]["status"] < 300
    ]


@needs_reference
@pytest.mark.parametrize("path", _traces(), ids=lambda p: p.stem)
def test_what_a_stock_peer_was_seen_to_send_is_read(path: Path) -> None:
    call = _json(path)
    body = call["request"]["body"]
    if body["@type"] == "CatalogRequestMessage":
        parse_catalog_request(body)
        return
    message = parse(body, *WIRE_TYPES)
    assert message.id == body.get("@id", "")
    assert message.act.value.partition(":")[0] == body["@type"]


_NUMBER = {"consumerPid": "urn:c", "providerPid": "urn:p"}
_OFFER = {"@id": "urn:o", "@type": "Offer", "target": "urn:d", "permission": [{"action": "use"}]}
_AGREEMENT = {
    **_OFFER,
    "@type": "Agreement",
    "assigner": "did:web:a.example",
    "assignee": "did:web:b.example",
}
GOOD: dict[str, dict[str, Any]] = {
    "ContractRequestMessage": {
        "consumerPid": "urn:c",
        "offer": _OFFER,
        "callbackAddress": "https://b.example/dsp",
    },
    "ContractOfferMessage": {
        "providerPid": "urn:p",
        "offer": _OFFER,
        "callbackAddress": "https://a.example/dsp",
    },
    "ContractAgreementMessage": {**_NUMBER, "agreement": _AGREEMENT},
    "ContractAgreementVerificationMessage": _NUMBER,
    "ContractNegotiationEventMessage": {**_NUMBER, "eventType": "ACCEPTED"},
    "ContractNegotiationTerminationMessage": {**_NUMBER, "code": "c", "reason": ["r"]},
    "TransferRequestMessage": {
        "consumerPid": "urn:c",
        "agreementId": "urn:a",
        "format": "HttpData-PULL",
        "callbackAddress": "https://b.example/dsp",
    },
    "TransferStartMessage": _NUMBER,
    "TransferCompletionMessage": _NUMBER,
    "TransferSuspensionMessage": _NUMBER,
    "TransferTerminationMessage": _NUMBER,
}


def _good(wire_type: str, **changed: Any) -> dict[str, Any]:
    body = {"@context": CONTEXT, "@type": wire_type, **GOOD[wire_type], **changed}
    return {k: v for k, v in body.items() if v is not ...}


@pytest.mark.parametrize("wire_type", WIRE_TYPES)
def test_each_member_that_is_needed_is_missed(wire_type: str) -> None:
    parse(_good(wire_type), wire_type)
    needed = [name for name in GOOD[wire_type] if name not in ("code", "reason")]
    for name in ["@context", "@type", *needed]:
        with pytest.raises(Invalid) as caught:
            parse(_good(wire_type, **{name: ...}), wire_type)
        assert caught.value.pointer == f"/{name}"


@pytest.mark.parametrize(
    ("wire_type", "changed", "pointer"),
    [
        ("TransferStartMessage", {"@context": CONTEXT[0]}, "/@context"),
        ("TransferStartMessage", {"@context": []}, "/@context"),
        ("TransferStartMessage", {"@context": [CONTEXT[0], {"x": "urn:x"}]}, "/@context"),
        ("TransferStartMessage", {"@context": [CONTEXT[0], "https://x.example/c"]}, "/@context/1"),
        ("TransferStartMessage", {"@type": "TransferCompletionMessage"}, "/@type"),
        ("TransferStartMessage", {"@type": ["TransferStartMessage"]}, "/@type"),
        ("TransferStartMessage", {"consumerPid": 7}, "/consumerPid"),
        ("TransferStartMessage", {"consumerPid": ""}, "/consumerPid"),
        ("TransferStartMessage", {"consumerPid": "urn:" + "x" * 2048}, "/consumerPid"),
        ("TransferStartMessage", {"consumerPid": "urn:\r\nx"}, "/consumerPid"),
        ("TransferStartMessage", {"@id": {"a": 1}}, "/@id"),
        ("TransferStartMessage", {"dataAddress": "https://x.example"}, "/dataAddress"),
        ("TransferStartMessage", {"dataAddress": {"endpoint": "x"}}, "/dataAddress/endpointType"),
        (
            "TransferStartMessage",
            {"dataAddress": {"endpointType": "x", "endpointProperties": {}}},
            "/dataAddress/endpointProperties",
        ),
        (
            "TransferStartMessage",
            {"dataAddress": {"endpointType": "x", "endpointProperties": [{"name": "a", "value": 1}]}},
            "/dataAddress/endpointProperties/0/value",
        ),
        ("ContractRequestMessage", {"providerPid": "urn:p"}, "/callbackAddress"),
        ("ContractRequestMessage", {"callbackAddress": "ftp://x.example"}, "/callbackAddress"),
        ("ContractRequestMessage", {"callbackAddress": "https://me:pw@x.example/"}, "/callbackAddress"),
        ("ContractRequestMessage", {"callbackAddress": "https://x.example/?a=1"}, "/callbackAddress"),
        ("ContractRequestMessage", {"callbackAddress": "https://x.example/#a"}, "/callbackAddress"),
        ("ContractRequestMessage", {"callbackAddress": "https://x.example:0/"}, "/callbackAddress"),
        ("ContractRequestMessage", {"callbackAddress": "https://x.example:99999/"}, "/callbackAddress"),
        ("ContractRequestMessage", {"callbackAddress": "https://"}, "/callbackAddress"),
        ("ContractRequestMessage", {"offer": "urn:o"}, "/offer"),
        ("ContractRequestMessage", {"offer": {**_OFFER, "@id": 1}}, "/offer/@id"),
        ("ContractRequestMessage", {"offer": {**_OFFER, "@type": "Set"}}, "/offer/@type"),
        ("ContractAgreementMessage", {"agreement": {**_AGREEMENT, "@type": "Offer"}}, "/agreement/@type"),
        ("ContractAgreementMessage", {"agreement": {**_AGREEMENT, "target": [_OFFER]}}, "/agreement/target"),
        ("ContractNegotiationEventMessage", {"eventType": "accepted"}, "/eventType"),
        ("ContractNegotiationEventMessage", {"eventType": ["ACCEPTED"]}, "/eventType"),
    ],
)
def test_a_wrong_member_is_named(wire_type: str, changed: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse(_good(wire_type, **changed), wire_type)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("body", [None, 1, "x", [], [{}], True])
def test_a_body_must_be_an_object(body: Any) -> None:
    with pytest.raises(Invalid):
        parse(body, "TransferStartMessage")


def test_the_habits_of_stock_peers_are_understood() -> None:
    edc = "https://w3id.org/edc/dspace/v0.0.1"
    assert parse(_good("TransferStartMessage", **{"@context": [CONTEXT[0], edc]}), "TransferStartMessage")
    found = parse(
        _good(
            "TransferTerminationMessage",
            reason={"@value": "no", "@language": "en"},
            consumerPid={"@id": "urn:c"},
        ),
        "TransferTerminationMessage",
    )
    assert found == m.TransferTermination(consumer_pid="urn:c", provider_pid="urn:p", reason=("no",))
    for event in ("FINALIZED", "dspace:FINALIZED", "https://w3id.org/dspace/2025/1/FINALIZED"):
        body = _good("ContractNegotiationEventMessage", eventType=event)
        assert isinstance(parse(body, "ContractNegotiationEventMessage"), m.ContractFinalized)


@pytest.mark.parametrize(
    ("filters", "wanted"),
    [
        (..., m.CatalogRequest()),
        ([], m.CatalogRequest()),
        ([{"@type": "QuerySpec", "limit": 5, "offset": 10}], m.CatalogRequest(limit=5, offset=10)),
        ({"@type": "QuerySpec", "limit": 5}, m.CatalogRequest(limit=5)),
        (
            [
                {
                    "@type": "QuerySpec",
                    "filterExpression": [{"operandLeft": "id", "operator": "=", "operandRight": "urn:d"}],
                }
            ],
            m.CatalogRequest(dataset_id="urn:d"),
        ),
    ],
)
def test_catalog_filters_that_are_understood(filters: Any, wanted: m.CatalogRequest) -> None:
    body = {"@context": CONTEXT, "@type": "CatalogRequestMessage", "filter": filters}
    assert parse_catalog_request({k: v for k, v in body.items() if v is not ...}) == wanted


@pytest.mark.parametrize(
    "filters",
    [
        "everything",
        5,
        ["everything"],
        [{"limit": 5}],
        [{"@type": "QuerySpec"}, {"@type": "QuerySpec"}],
        [{"@type": "QuerySpec", "limit": -1}],
        [{"@type": "QuerySpec", "limit": True}],
        [{"@type": "QuerySpec", "offset": "3"}],
        [{"@type": "QuerySpec", "sortField": "id"}],
        [
            {
                "@type": "QuerySpec",
                "filterExpression": [{"operandLeft": "name", "operator": "=", "operandRight": "x"}],
            }
        ],
        [
            {
                "@type": "QuerySpec",
                "filterExpression": [{"operandLeft": "id", "operator": "like", "operandRight": "x"}],
            }
        ],
        [{"@type": "QuerySpec", "filterExpression": [{}, {}]}],
    ],
)
def test_any_other_filter_is_refused(filters: Any) -> None:
    with pytest.raises(Invalid) as caught:
        parse_catalog_request({"@context": CONTEXT, "@type": "CatalogRequestMessage", "filter": filters})
    assert caught.value.pointer.startswith("/filter")


@given(everything)
@settings(max_examples=60, deadline=None)
def test_each_message_has_its_place_in_the_https_binding(message: m.Message) -> None:
    first = getattr(message, "callback", "")
    path = target_path(message, "" if first else "urn:them")
    kind = "negotiations" if isinstance(message, m.NegotiationMessage) else "transfers"
    assert path.startswith(f"/{kind}/")
    assert ("urn:them" in path) is not bool(first)


def test_data_addresses_say_the_same_in_both_dialects() -> None:
    address = messages.data_address("https://a.example/data", "secret", {"https://x.example/more": "1"})
    found = messages.endpoint_properties(address)
    assert found["endpoint"] == "https://a.example/data"
    assert found["authorization"] == "secret"
    assert found["authType"] == "bearer"
    assert found["https://x.example/more"] == "1"
    absolute = {p["name"]: p["value"] for p in address["endpointProperties"]}
    assert absolute["https://w3id.org/edc/v0.0.1/ns/authorization"] == "secret"
    assert absolute["https://w3id.org/edc/v0.0.1/ns/endpoint"] == "https://a.example/data"


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"consumerPid": 1, "providerPid": ["x"]}, {"consumerPid": "x" * 3000}]
)
def test_pids_of_an_answer_never_fail(body: Any) -> None:
    assert messages.pids_in_answer(body) == ("", "")


def test_the_version_document_is_plain_json_with_one_version() -> None:
    document = messages.version_document("/dsp/2025-1", service_id="did:web:a.example")
    assert document == {
        "protocolVersions": [
            {
                "version": "2025-1",
                "path": "/dsp/2025-1",
                "binding": "HTTPS",
                "identifierType": "did:web",
                "serviceId": "did:web:a.example",
            }
        ]
    }
