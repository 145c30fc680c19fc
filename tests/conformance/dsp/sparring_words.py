"""What the sparring partner knows of one process, and the messages it says."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from tests.conformance.dsp.table import FORMAT, TCK_PARTICIPANT

CONTEXT: Final = ["https://w3id.org/dspace/2025/1/context.jsonld"]
STATUS_TYPES: Final = {"negotiations": "ContractNegotiation", "transfers": "TransferProcess"}


@dataclass(slots=True)
class Process:
    """One negotiation or transfer as the sparring partner sees it."""

    kind: str
    role: str
    key: str
    callback: str
    offer: dict[str, Any] = field(default_factory=dict)
    format: str = FORMAT
    pid: str = field(default_factory=lambda: f"urn:uuid:{uuid.uuid4()}")
    peer_pid: str = ""
    state: str = ""
    pending: str = ""
    trail: list[str] = field(default_factory=list)
    answered: dict[str, tuple[bytes, int, dict[str, Any]]] = field(default_factory=dict)
    shown: str = ""

    @property
    def pids(self) -> dict[str, str]:
        ours, theirs = ("providerPid", "consumerPid") if self.role == "P" else ("consumerPid", "providerPid")
        return {ours: self.pid, theirs: self.peer_pid}

    def enter(self, state: str) -> None:
        self.shown = self.state or state
        self.state, self.pending = state, ""
        self.trail.append(state)


def compose(process: Process, act: str, *, agent: str, base: str, faults: frozenset[str]) -> dict[str, Any]:
    """One message under a fresh @id; `base` is our own DSP address."""
    negotiates = process.kind == "negotiations"
    policy: dict[str, Any] = {"permission": [{"action": "use"}]}
    if "offer-without-target" not in faults:
        policy["target"] = process.key
    offer = {"@id": process.offer.get("@id", ""), "@type": "Offer", **policy}
    pids = process.pids
    if act == "request":
        del pids["providerPid"]
    match act:
        case "request" if negotiates:
            rest = {"@type": "ContractRequestMessage", "offer": offer, "callbackAddress": base}
        case "request":
            rest = {"@type": "TransferRequestMessage", "agreementId": process.key, "callbackAddress": base}
            rest["format"] = process.format
        case "counter":
            rest = {"@type": "ContractRequestMessage", "offer": offer}
        case "offer":
            rest = {"@type": "ContractOfferMessage", "offer": offer}
        case "agree":
            parties = {
                "assigner": agent,
                "assignee": agent if "wrong-assignee" in faults else TCK_PARTICIPANT,
            }
            signed = {"@id": f"urn:uuid:{uuid.uuid4()}", "timestamp": "2026-01-01T00:00:00Z", **parties}
            rest = {
                "@type": "ContractAgreementMessage",
                "agreement": {"@type": "Agreement", **policy, **signed},
            }
        case "verify":
            rest = {"@type": "ContractAgreementVerificationMessage"}
        case "accept":
            rest = {"@type": "ContractNegotiationEventMessage", "eventType": "ACCEPTED"}
        case "finalize":
            rest = {"@type": "ContractNegotiationEventMessage", "eventType": "FINALIZED"}
        case "start":
            address = {"@type": "DataAddress", "endpointType": "https://w3id.org/idsa/v4.1/HTTP"}
            rest = {"@type": "TransferStartMessage", "dataAddress": address | {"endpoint": f"{base}/data"}}
        case "complete":
            rest = {"@type": "TransferCompletionMessage"}
        case "suspend":
            rest = {"@type": "TransferSuspensionMessage", "code": "1"}
        case _:
            kind = "ContractNegotiation" if negotiates else "Transfer"
            rest = {"@type": f"{kind}TerminationMessage", "code": "1", "reason": ["the table says so"]}
    return {"@context": CONTEXT, "@id": f"urn:uuid:{uuid.uuid4()}", **pids, **rest}
