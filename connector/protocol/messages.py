"""DSP 2025-1 messages: wire JSON to typed values and back (§6 to §8, HTTPS binding).

A hand-written mapping of the compact form that the bundled context defines.
`parse` accepts what the standard's JSON Schemas accept, plus the two habits of
stock peers that are harmless (members it does not know, a reason that is no
array), and names the member that is wrong otherwise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

from connector.model import names
from connector.model.canonical import canonical
from connector.model.messages import (
    CatalogRequest,
    ContractAccepted,
    ContractAgreement,
    ContractFinalized,
    ContractOffer,
    ContractRequest,
    ContractTermination,
    ContractVerification,
    Message,
    TransferCompletion,
    TransferRequest,
    TransferStart,
    TransferSuspension,
    TransferTermination,
)
from connector.model.process import Kind, Negotiation, Process, Role

CONTEXT: Final = [names.CONTEXT_DSP]
_KNOWN_CONTEXTS: Final = frozenset({names.CONTEXT_DSP, names.CONTEXT_EDC})
_MAX_TEXT: Final = 2048
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_MAX_TOKEN: Final = 64 * 1024
_MAX_COUNT: Final = 2**53
_SEGMENT: Final = "!$&'()*+,;=:@"
Body = Mapping[str, Any]


class Invalid(ValueError):
    """A body that is not the message it should be; `pointer` is a JSON pointer to the spot."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.message = message


# --- reading ---------------------------------------------------------------------------------


def parse(body: Any, *expected: str) -> Message:
    """Read a message that is one of the `expected` wire types.

    Raises:
        Invalid: a member is missing, has the wrong type or value, or the context is not known.
    """
    wire_type = _head(body, expected)
    return _READERS[wire_type](body)


def parse_catalog_request(body: Any) -> CatalogRequest:
    """Read a CatalogRequestMessage (§6.1.1).

    A filter is understood if it is absent, empty, or one EDC QuerySpec that
    pages and at most names one dataset; any other is Invalid, as the standard demands.
    """
    _head(body, ("CatalogRequestMessage",))
    wanted = body.get("filter")
    if wanted is None:
        return CatalogRequest()
    if isinstance(wanted, Mapping):
        wanted = [wanted]
    if not isinstance(wanted, list):
        raise Invalid("/filter", "must be an array")
    if not wanted:
        return CatalogRequest()
    if len(wanted) > 1 or not isinstance(wanted[0], Mapping) or wanted[0].get("@type") != "QuerySpec":
        raise Invalid("/filter/0", "this filter is not understood; leave it out")
    spec = wanted[0]
    unknown = set(spec) - {"@type", "limit", "offset", "sortOrder", "filterExpression"}
    if unknown:
        raise Invalid(f"/filter/0/{min(unknown)}", "this member of a filter is not understood")
    limit, offset = spec.get("limit", 0), spec.get("offset", 0)
    for name, value in (("limit", limit), ("offset", offset)):
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_COUNT:
            raise Invalid(f"/filter/0/{name}", f"must be a whole number between 0 and {_MAX_COUNT}")
    return CatalogRequest(
        limit=limit, offset=offset, dataset_id=_one_dataset(spec.get("filterExpression") or [])
    )


def _one_dataset(expressions: Any) -> str:
    if not expressions:
        return ""
    here = "/filter/0/filterExpression"
    if isinstance(expressions, Mapping):
        expressions = [expressions]
    if not isinstance(expressions, list) or len(expressions) != 1 or not isinstance(expressions[0], Mapping):
        raise Invalid(here, "at most one expression is understood")
    left, operator, right = (expressions[0].get(k) for k in ("operandLeft", "operator", "operandRight"))
    if left not in ("id", "@id", names.EDC + "id") or operator != "=" or not isinstance(right, str):
        raise Invalid(f"{here}/0", "only an id = value expression is understood")
    return right


def _head(body: Any, expected: tuple[str, ...]) -> str:
    if not isinstance(body, Mapping):
        raise Invalid("", "the body must be a JSON object")
    context = body.get("@context")
    if not isinstance(context, list) or not all(isinstance(c, str) for c in context):
        raise Invalid("/@context", "must be an array of strings")
    if names.CONTEXT_DSP not in context:
        raise Invalid("/@context", f"must contain {names.CONTEXT_DSP}")
    for i, item in enumerate(context):
        if item not in _KNOWN_CONTEXTS:
            raise Invalid(f"/@context/{i}", f"the context {item!r:.200} is not known here")
    wire_type = body.get("@type")
    if not isinstance(wire_type, str) or wire_type not in expected:
        raise Invalid("/@type", f"must be {' or '.join(expected)}")
    return wire_type


def _text(body: Body, name: str, *, at: str = "", limit: int = _MAX_TEXT, optional: bool = False) -> str:
    value = body.get(name)
    if value is None and optional:
        return ""
    if isinstance(value, Mapping) and set(value) == {"@id"}:
        value = value["@id"]
    if not isinstance(value, str) or not value:
        raise Invalid(f"{at}/{name}", "must be a string that is not empty")
    if len(value) > limit or _CONTROL.search(value):
        raise Invalid(f"{at}/{name}", f"must have at most {limit} characters and no control characters")
    return value


def _ids(body: Body, *required: str) -> dict[str, Any]:
    found: dict[str, Any] = {"id": _text(body, "@id", optional=True)}
    for wire, field in (("consumerPid", "consumer_pid"), ("providerPid", "provider_pid")):
        found[field] = _text(body, wire, optional=field not in required)
    return found


def _url(body: Body, name: str) -> str:
    value = _text(body, name)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise Invalid(f"/{name}", "is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None or port == 0:
        raise Invalid(f"/{name}", "must be an http(s) URL without user name")
    if parts.query or parts.fragment:
        raise Invalid(f"/{name}", "must have no query and no fragment")
    return value


def _reasons(body: Body) -> dict[str, Any]:
    found = body.get("reason", [])
    items = found if isinstance(found, list) else [found]
    texts = tuple(_reason_text(item)[:_MAX_TEXT] for item in items[:32] if item is not None)
    return {"code": _text(body, "code", optional=True), "reason": texts}


def _reason_text(item: Any) -> str:
    if isinstance(item, Mapping) and isinstance(item.get("@value"), str):
        item = item["@value"]
    return item if isinstance(item, str) else json.dumps(item, ensure_ascii=False)


def _offer(body: Body) -> dict[str, Any]:
    offer = body.get("offer")
    if not isinstance(offer, dict):
        raise Invalid("/offer", "must be an object")
    _text(offer, "@id", at="/offer")
    target = _text(offer, "target", at="/offer", optional=True)
    if "target" in offer and offer["target"] != target:
        offer = {**offer, "target": target}
    if offer.get("@type", "Offer") not in ("Offer", "odrl:Offer", names.ODRL + "Offer"):
        raise Invalid("/offer/@type", "must be Offer")
    _can_be_signed(offer, "/offer")
    return offer


def _can_be_signed(policy: dict[str, Any], at: str) -> None:
    """What is agreed on is signed in its RFC 8785 form, with numbers as typed strings [D7]."""
    try:
        canonical(policy)
    except ValueError as error:
        raise Invalid(at, str(error)) from None


def _request(body: Body) -> ContractRequest:
    ids = _ids(body, "consumer_pid")
    callback = _url(body, "callbackAddress") if "callbackAddress" in body else ""
    if bool(callback) == bool(ids["provider_pid"]):
        raise Invalid("/callbackAddress", "exactly one of callbackAddress and providerPid is needed")
    return ContractRequest(**ids, offer=_offer(body), callback=callback, token=_token(body))


def _contract_offer(body: Body) -> ContractOffer:
    ids = _ids(body, "provider_pid")
    callback = _url(body, "callbackAddress") if "callbackAddress" in body else ""
    if bool(callback) == bool(ids["consumer_pid"]):
        raise Invalid("/callbackAddress", "exactly one of callbackAddress and consumerPid is needed")
    if callback:
        _text(_offer(body), "target", at="/offer")
    return ContractOffer(**ids, offer=_offer(body), callback=callback, token=_token(body))


def _token(body: Body, name: str = names.CONTRACT_TOKEN) -> str:
    return _text(body, name, limit=_MAX_TOKEN, optional=True)


def _both(body: Body) -> dict[str, Any]:
    return _ids(body, "consumer_pid", "provider_pid")


def _agreement(body: Body) -> ContractAgreement:
    ids = _both(body)
    agreement = body.get("agreement")
    if not isinstance(agreement, dict):
        raise Invalid("/agreement", "must be an object")
    for name in ("@id", "target", "assigner", "assignee"):
        _text(agreement, name, at="/agreement")
    if agreement.get("@type", "Agreement") not in ("Agreement", "odrl:Agreement", names.ODRL + "Agreement"):
        raise Invalid("/agreement/@type", "must be Agreement")
    _can_be_signed(agreement, "/agreement")
    return ContractAgreement(**ids, agreement=agreement, token=_token(body))


def _event(body: Body) -> ContractAccepted | ContractFinalized:
    ids = _both(body)
    match str(body.get("eventType")).removeprefix(names.DSP).removeprefix("dspace:"):
        case "ACCEPTED":
            return ContractAccepted(**ids)
        case "FINALIZED":
            return ContractFinalized(**ids)
        case _:
            raise Invalid("/eventType", "must be ACCEPTED or FINALIZED")


def _transfer_request(body: Body) -> TransferRequest:
    refresh = body.get(names.REFRESH)
    return TransferRequest(
        **_ids(body, "consumer_pid"),
        agreement_id=_text(body, "agreementId"),
        format=_text(body, "format"),
        callback=_url(body, "callbackAddress"),
        data_address=_data_address(body),
        declaration=_token(body, names.DECLARATION),
        wants_refresh=refresh is True or refresh == "true",
    )


def _data_address(body: Body) -> dict[str, Any] | None:
    address = body.get("dataAddress")
    if address is None:
        return None
    if not isinstance(address, dict):
        raise Invalid("/dataAddress", "must be an object")
    _text(address, "endpointType", at="/dataAddress")
    _text(address, "endpoint", at="/dataAddress", optional=True)
    properties = address.get("endpointProperties", [])
    if not isinstance(properties, list):
        raise Invalid("/dataAddress/endpointProperties", "must be an array")
    for i, item in enumerate(properties):
        here = f"/dataAddress/endpointProperties/{i}"
        if not isinstance(item, Mapping):
            raise Invalid(here, "must be an object")
        _text(item, "name", at=here)
        if not isinstance(item.get("value"), str) or len(item["value"]) > _MAX_TOKEN:
            raise Invalid(f"{here}/value", "must be a string")
    return address


_READERS: Final[Mapping[str, Callable[[Body], Message]]] = {
    "ContractRequestMessage": _request,
    "ContractOfferMessage": _contract_offer,
    "ContractAgreementMessage": _agreement,
    "ContractAgreementVerificationMessage": lambda b: ContractVerification(**_both(b), token=_token(b)),
    "ContractNegotiationEventMessage": _event,
    "ContractNegotiationTerminationMessage": lambda b: ContractTermination(**_both(b), **_reasons(b)),
    "TransferRequestMessage": _transfer_request,
    "TransferStartMessage": lambda b: TransferStart(**_both(b), data_address=_data_address(b)),
    "TransferCompletionMessage": lambda b: TransferCompletion(**_both(b)),
    "TransferSuspensionMessage": lambda b: TransferSuspension(**_both(b), **_reasons(b)),
    "TransferTerminationMessage": lambda b: TransferTermination(
        **_both(b), **_reasons(b), withdrawal=_token(b, names.WITHDRAWAL_TOKEN)
    ),
}


# --- writing ---------------------------------------------------------------------------------


def render(message: Message) -> dict[str, Any]:
    """The wire form of a message: compact, with absent members left out."""
    wire_type, _, event = message.act.value.partition(":")
    body: dict[str, Any] = {"@context": CONTEXT, "@type": wire_type}
    if message.id:
        body["@id"] = message.id
    if message.consumer_pid:
        body["consumerPid"] = message.consumer_pid
    if message.provider_pid:
        body["providerPid"] = message.provider_pid
    match message:
        case ContractRequest() | ContractOffer():
            body["offer"] = message.offer
            _put(body, "callbackAddress", message.callback)
            _put(body, names.CONTRACT_TOKEN, message.token)
        case ContractAgreement():
            body["agreement"] = message.agreement
            _put(body, names.CONTRACT_TOKEN, message.token)
        case ContractVerification():
            _put(body, names.CONTRACT_TOKEN, message.token)
        case ContractAccepted() | ContractFinalized():
            body["eventType"] = event
        case TransferRequest():
            body |= {"agreementId": message.agreement_id, "format": message.format}
            body["callbackAddress"] = message.callback
            _put(body, "dataAddress", message.data_address)
            _put(body, names.DECLARATION, message.declaration)
            _put(body, names.REFRESH, "true" if message.wants_refresh else "")
        case TransferStart():
            _put(body, "dataAddress", message.data_address)
        case ContractTermination() | TransferSuspension() | TransferTermination():
            _put(body, "code", message.code)
            _put(body, "reason", list(message.reason))
            if isinstance(message, TransferTermination):
                _put(body, names.WITHDRAWAL_TOKEN, message.withdrawal)
        case TransferCompletion():
            pass
    return body


def _put(body: dict[str, Any], name: str, value: Any) -> None:
    if value:
        body[name] = value


def target_path(message: Message, peer_pid: str) -> str:
    """Where below the peer's DSP base a message is posted (HTTPS binding, §8 and §10 tables).

    The pid is the peer's own choice and one segment of the path, whatever stands in it.
    """
    peer_pid = _segment(peer_pid)
    match message:
        case ContractRequest():
            return f"/negotiations/{peer_pid}/request" if peer_pid else "/negotiations/request"
        case ContractOffer():
            return f"/negotiations/{peer_pid}/offers" if peer_pid else "/negotiations/offers"
        case ContractAgreement():
            return f"/negotiations/{peer_pid}/agreement"
        case ContractVerification():
            return f"/negotiations/{peer_pid}/agreement/verification"
        case ContractAccepted() | ContractFinalized():
            return f"/negotiations/{peer_pid}/events"
        case ContractTermination():
            return f"/negotiations/{peer_pid}/termination"
        case TransferRequest():
            return "/transfers/request"
        case TransferStart():
            return f"/transfers/{peer_pid}/start"
        case TransferCompletion():
            return f"/transfers/{peer_pid}/completion"
        case TransferSuspension():
            return f"/transfers/{peer_pid}/suspension"
        case TransferTermination():
            return f"/transfers/{peer_pid}/termination"


def _segment(pid: str) -> str:
    """A pid as one segment of a path (RFC 3986 §3.3): what may stand there as it is stays so."""
    return pid.replace(".", "%2E") if pid in (".", "..") else quote(pid, safe=_SEGMENT)


def render_process(process: Process) -> dict[str, Any]:
    """A ContractNegotiation or TransferProcess with its acknowledged state (§7.2.8, §8.2.6).

    The first message of a process counts as acknowledged once somebody can ask for it.
    """
    own, other = process.id, process.peer_pid
    consumer, provider = (own, other) if process.role is Role.CONSUMER else (other, own)
    state = process.state or process.pending
    return {
        "@context": CONTEXT,
        "@type": "ContractNegotiation" if isinstance(process, Negotiation) else "TransferProcess",
        "consumerPid": consumer,
        "providerPid": provider,
        "state": state.value if state else "REQUESTED",
    }


def pids_in_answer(body: Any) -> tuple[str, str]:
    """(consumerPid, providerPid) of an answer, "" where it has none; never raises."""
    if not isinstance(body, Mapping):
        return "", ""
    return _pid_or_nothing(body.get("consumerPid")), _pid_or_nothing(body.get("providerPid"))


def _pid_or_nothing(value: Any) -> str:
    fits = isinstance(value, str) and len(value) <= _MAX_TEXT and not _CONTROL.search(value)
    return value if fits else ""


_ERROR_TYPES: Final = {Kind.NEGOTIATION: "ContractNegotiationError", Kind.TRANSFER: "TransferError"}


def render_error(
    kind: Kind | None, code: str, reason: str, *, consumer_pid: str = "", provider_pid: str = ""
) -> dict[str, Any]:
    """A ContractNegotiationError, TransferError or (kind None) CatalogError.

    The first two need both pids; what the request did not give is an empty string.
    """
    body: dict[str, Any] = {"@context": CONTEXT, "@type": _ERROR_TYPES[kind] if kind else "CatalogError"}
    if kind:
        body |= {"consumerPid": consumer_pid, "providerPid": provider_pid}
    return body | {"code": code, "reason": [reason]}


def version_document(path: str, *, service_id: str = "") -> dict[str, Any]:
    """The answer of /.well-known/dspace-version (§4.3): plain JSON, one version."""
    entry = {"version": "2025-1", "path": path, "binding": "HTTPS"}
    if service_id:
        entry |= {"identifierType": "did:web", "serviceId": service_id}
    return {"protocolVersions": [entry]}


def endpoint_properties(address: Mapping[str, Any]) -> dict[str, str]:
    """A data address as plain names: endpoint, authorization, authType, and the rest.

    Reads both habits: DSP's `endpoint` member with short property names, and EDC's absolute names.
    """
    found: dict[str, str] = {}
    for item in address.get("endpointProperties", []):
        found[item["name"].removeprefix(names.EDC)] = item["value"]
    if isinstance(address.get("endpoint"), str):
        found["endpoint"] = address["endpoint"]
    return found


def data_address(endpoint: str, authorization: str, extra: Mapping[str, str]) -> dict[str, Any]:
    """The data address of a start message for a pull.

    Short names are DSP's convention; a stock EDC reads only its absolute ones, so both are sent.
    """
    pairs = {"authorization": authorization, "authType": "bearer"}
    absolute = {
        "endpoint": endpoint,
        "endpointType": names.ENDPOINT_HTTP,
        "authorization": authorization,
        "authType": "bearer",
    }
    items = [*pairs.items(), *((names.EDC + name, value) for name, value in absolute.items()), *extra.items()]
    return {
        "@type": "DataAddress",
        "endpointType": names.ENDPOINT_HTTP,
        "endpoint": endpoint,
        "endpointProperties": [{"@type": "EndpointProperty", "name": n, "value": v} for n, v in items],
    }
