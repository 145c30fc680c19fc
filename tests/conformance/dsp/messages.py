"""The messages that the player sends, and what each kind of message is called and where it goes.

Shapes: DSP 2025-1 §6 to §8, compacted, with an `@id` of their own. The player's
policies are the plainest there are: one permission to use.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tests.conformance.dsp.table import FORMAT, TCK_PARTICIPANT

CONTEXT: Final = ["https://w3id.org/dspace/2025/1/context.jsonld"]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Form:
    """A kind of message: its `@type`, its place below the receiver's process, the state it leads to."""

    type: str
    place: str
    leads_to: str
    event: str = ""


NEGOTIATION: Final[dict[str, Form]] = {
    "request": Form("ContractRequestMessage", "request", "REQUESTED"),
    "counter": Form("ContractRequestMessage", "request", "REQUESTED"),
    "offer": Form("ContractOfferMessage", "offers", "OFFERED"),
    "accept": Form("ContractNegotiationEventMessage", "events", "ACCEPTED", "ACCEPTED"),
    "agree": Form("ContractAgreementMessage", "agreement", "AGREED"),
    "verify": Form("ContractAgreementVerificationMessage", "agreement/verification", "VERIFIED"),
    "finalize": Form("ContractNegotiationEventMessage", "events", "FINALIZED", "FINALIZED"),
    "terminate": Form("ContractNegotiationTerminationMessage", "termination", "TERMINATED"),
}
TRANSFER: Final[dict[str, Form]] = {
    "request": Form("TransferRequestMessage", "request", "REQUESTED"),
    "start": Form("TransferStartMessage", "start", "STARTED"),
    "bare-start": Form("TransferStartMessage", "start", "STARTED"),
    "suspend": Form("TransferSuspensionMessage", "suspension", "SUSPENDED"),
    "complete": Form("TransferCompletionMessage", "completion", "COMPLETED"),
    "terminate": Form("TransferTerminationMessage", "termination", "TERMINATED"),
}
FORMS: Final = {"negotiations": NEGOTIATION, "transfers": TRANSFER}

EXPECTED: Final = {
    "accepted": "accept",
    "agreement": "agree",
    "verification": "verify",
    "finalized": "finalize",
    "termination": "terminate",
    "suspension": "suspend",
    "completion": "complete",
}
"""How a scenario calls a message that it expects, where that is not the verb itself."""

STATUS_TYPE: Final = {"negotiations": "ContractNegotiation", "transfers": "TransferProcess"}
ERROR_TYPE: Final = {
    "negotiations": "ContractNegotiationError",
    "transfers": "TransferError",
    "catalog": "CatalogError",
}


@dataclass(frozen=True, slots=True)
class Parties:
    """What a message needs to know of the process it belongs to."""

    kind: str
    consumer_pid: str
    provider_pid: str
    key: str
    """Dataset id of a negotiation, agreement id of a transfer."""
    offer_id: str
    agent: str
    """The connector under test, as it calls itself."""
    callback: str


def envelope(type_: str) -> Json:
    """A message with nothing in it yet."""
    return {"@id": str(uuid.uuid4()), "@type": type_, "@context": CONTEXT}


def message(verb: str, parties: Parties) -> Json:
    """The message that `verb` sends, under a fresh `@id`."""
    form = FORMS[parties.kind][verb]
    body = envelope(form.type) | {"consumerPid": parties.consumer_pid, "providerPid": parties.provider_pid}
    if form.event:
        body["eventType"] = form.event
    match verb:
        case "request" if parties.kind == "negotiations":
            del body["providerPid"]
            body |= {
                "offer": _policy("Offer", parties.offer_id, parties.key),
                "callbackAddress": parties.callback,
            }
        case "request":
            del body["providerPid"]
            body |= {"agreementId": parties.key, "format": FORMAT, "callbackAddress": parties.callback}
        case "counter":
            body["offer"] = _policy("Offer", parties.offer_id, parties.key) | {"assignee": TCK_PARTICIPANT}
        case "offer":
            body["offer"] = _policy("Offer", parties.offer_id, parties.key) | _between(parties.agent)
        case "agree":
            agreement = _policy("Agreement", str(uuid.uuid4()), parties.key) | _between(parties.agent)
            # Nine digits of a second, as Java writes them.
            body["agreement"] = agreement | {"timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}123Z"}
            body["callbackAddress"] = parties.callback
        case "start":
            address = {"@type": "DataAddress", "endpoint": "http://example.com"}
            body["dataAddress"] = address | {"endpointType": "https://w3id.org/idsa/v4.1/HTTP"}
        case "terminate" | "suspend":
            body["code"] = "1"
        case _:
            pass
    return body


def status(kind: str, consumer_pid: str, provider_pid: str, state: str) -> Json:
    """What a process is answered with: a ContractNegotiation or a TransferProcess."""
    pids = {"providerPid": provider_pid, "consumerPid": consumer_pid}
    return envelope(STATUS_TYPE[kind]) | pids | {"state": state}


def refusal(kind: str, consumer_pid: str, provider_pid: str, reason: str) -> Json:
    """An error body of the kind."""
    pids = {"providerPid": provider_pid, "consumerPid": consumer_pid}
    return envelope(ERROR_TYPE[kind]) | pids | {"code": "1", "reason": [reason]}


def _policy(type_: str, id_: str, target: str) -> Json:
    return {"@type": type_, "@id": id_, "target": target, "permission": [{"action": "use"}]}


def _between(agent: str) -> Json:
    return {"assigner": TCK_PARTICIPANT, "assignee": agent}
