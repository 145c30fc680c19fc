"""Objects as an EDC's management API v3 shows them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, assert_never

from connector.model.catalog import Asset, ContractDefinition, PolicyDefinition
from connector.model.contract import Agreement
from connector.model.names import CONTRACT_TOKEN, EDC, ENDPOINT_HTTP, MMD, ODRL
from connector.model.process import Approval, Negotiation, NegotiationState, Transfer, TransferState
from connector.policy.terms import ACTIONS, LEFT_OPERANDS, OPERATOR_IRIS
from connector.service.references import Reference

CONTEXT: Final = {"@vocab": EDC, "edc": EDC, "odrl": ODRL}
PROTOCOL: Final = "dataspace-protocol-http:2025-1"
Shape = dict[str, Any]


def millis(moment: datetime) -> int:
    """Milliseconds since 1970, as EDC writes times."""
    return round(moment.timestamp() * 1000)


def created(id_: str, moment: datetime) -> Shape:
    """The answer to a create."""
    return {"@type": "IdResponse", "@id": id_, "createdAt": millis(moment), "@context": CONTEXT}


def asset(a: Asset) -> Shape:
    """An asset with its data address."""
    shape = {
        "@id": a.id,
        "@type": "Asset",
        "createdAt": millis(a.created_at),
        "properties": _properties({**a.properties, EDC + "id": a.id}),
        "dataAddress": {"@type": "DataAddress", **_address(a.source)},
    }
    if a.private_properties:
        shape["privateProperties"] = _properties(a.private_properties)
    return {**shape, "@context": CONTEXT}


def _properties(found: Mapping[str, Any]) -> Shape:
    return {name.removeprefix(EDC): value for name, value in found.items()}


def _address(source: Mapping[str, Any]) -> Shape:
    if isinstance(source.get("address"), Mapping):
        return dict(source["address"])
    return {"type": "File", "path": source["path"]} if "path" in source else {"type": "none"}


def policy_definition(p: PolicyDefinition) -> Shape:
    """A policy definition."""
    shape = {
        "@id": p.id,
        "@type": "PolicyDefinition",
        "createdAt": millis(p.created_at),
        "policy": policy({**p.policy, "@type": "Set"}),
    }
    if p.private_properties:
        shape["privateProperties"] = _properties(p.private_properties)
    return {**shape, "@context": CONTEXT}


def contract_definition(d: ContractDefinition) -> Shape:
    """A contract definition, with our own member for who decides about requests."""
    shape = {
        "@id": d.id,
        "@type": "ContractDefinition",
        "createdAt": millis(d.created_at),
        "accessPolicyId": d.access_policy_id,
        "contractPolicyId": d.contract_policy_id,
        "assetsSelector": [{"@type": "Criterion", **criterion} for criterion in d.selector],
        MMD + "approval": d.approval.value,
    }
    if d.private_properties:
        shape["privateProperties"] = _properties(d.private_properties)
    return {**shape, "@context": CONTEXT}


def negotiation(n: Negotiation) -> Shape:
    """A negotiation; the reason is there on both sides of a refusal or termination."""
    shape: Shape = {
        "@type": "ContractNegotiation",
        "@id": n.id,
        "type": n.role.value,
        "protocol": PROTOCOL,
        "state": negotiation_state(n),
        "counterPartyId": n.peer,
        "counterPartyAddress": n.address,
        "callbackAddresses": [],
        "createdAt": millis(n.created_at),
        "stateTimestamp": millis(n.updated_at),
        "assetId": n.dataset_id,
    }
    optional = {"correlationId": n.peer_pid, "contractAgreementId": n.agreement_id, "errorDetail": n.reason}
    shape |= {name: value for name, value in optional.items() if value}
    if n.approval is not Approval.NONE:
        shape[MMD + "approval"] = n.approval.value
    return {**shape, "@context": CONTEXT}


def transfer(t: Transfer) -> Shape:
    """A transfer process."""
    shape: Shape = {
        "@id": t.id,
        "@type": "TransferProcess",
        "type": t.role.value,
        "protocol": PROTOCOL,
        "state": transfer_state(t),
        "stateTimestamp": millis(t.updated_at),
        "createdAt": millis(t.created_at),
        "counterPartyId": t.peer,
        "counterPartyAddress": t.address,
        "assetId": t.dataset_id,
        "contractId": t.agreement_id,
        "transferType": t.format,
        "callbackAddresses": [],
    }
    optional = {"correlationId": t.peer_pid, "errorDetail": t.reason}
    shape |= {name: value for name, value in optional.items() if value}
    return {**shape, "@context": CONTEXT}


def agreement(a: Agreement) -> Shape:
    """A contract agreement; the signing date is in seconds."""
    return {
        "@type": "ContractAgreement",
        "@id": a.id,
        "agreementId": a.id,
        "assetId": a.dataset_id,
        "policy": policy(a.policy),
        "contractSigningDate": int(a.signed_at.timestamp()),
        "consumerId": a.consumer,
        "providerId": a.provider,
        "@context": CONTEXT,
    }


def edr_entry(r: Reference) -> Shape:
    """An endpoint data reference in a list."""
    return {
        "@type": "EndpointDataReferenceEntry",
        "@id": r.transfer.id,
        "transferProcessId": r.transfer.id,
        "agreementId": r.transfer.agreement_id,
        "contractNegotiationId": r.negotiation_id,
        "assetId": r.transfer.dataset_id,
        "providerId": r.provider,
        "createdAt": millis(r.transfer.created_at),
        "@context": CONTEXT,
    }


def edr_address(r: Reference) -> Shape:
    """Where the data is, and the token; send it in `Authorization`, raw or after `Bearer`."""
    own = {"type": ENDPOINT_HTTP, "endpointType": ENDPOINT_HTTP, "authType": "bearer"}
    return {"@type": "DataAddress", **own, **r.properties, "@context": CONTEXT}


def state(kind: str, name: str) -> Shape:
    """The answer to a question for the state alone."""
    return {"@type": kind, "state": name, "@context": CONTEXT}


def negotiation_state(n: Negotiation) -> str:
    """EDC's name of a negotiation's state: the -ING one while our message is on its way [D1]."""
    match n.pending:
        case None:
            return n.state.value if n.state else "INITIAL"
        case NegotiationState.REQUESTED:
            return "REQUESTING"
        case NegotiationState.OFFERED:
            return "OFFERING"
        case NegotiationState.ACCEPTED:
            return "ACCEPTING"
        case NegotiationState.AGREED:
            return "AGREEING"
        case NegotiationState.VERIFIED:
            return "VERIFYING"
        case NegotiationState.FINALIZED:
            return "FINALIZING"
        case NegotiationState.TERMINATED:
            return "TERMINATING"
        case _:
            assert_never(n.pending)


def transfer_state(t: Transfer) -> str:
    """EDC's name of a transfer's state: the -ING one while our message is on its way [D1]."""
    match t.pending:
        case None:
            return t.state.value if t.state else "INITIAL"
        case TransferState.REQUESTED:
            return "REQUESTING"
        case TransferState.STARTED:
            return "RESUMING" if t.state is TransferState.SUSPENDED else "STARTING"
        case TransferState.SUSPENDED:
            return "SUSPENDING"
        case TransferState.COMPLETED:
            return "COMPLETING"
        case TransferState.TERMINATED:
            return "TERMINATING"
        case _:
            assert_never(t.pending)


# --- policies: ODRL's words with their prefix, one thing instead of a list of one ----------------

_REFERENCES: Final = frozenset({"target", "assigner", "assignee"})
_LISTS: Final = frozenset({"permission", "prohibition", "obligation"})
_NESTED: Final = frozenset(
    {"duty", "remedy", "consequence", "and", "or", "xone", "andSequence", "constraint"}
)
_NAMED: Final[Mapping[str, Mapping[str, str]]] = {
    "action": ACTIONS,
    "leftOperand": LEFT_OPERANDS,
    "operator": OPERATOR_IRIS,
}


def policy(found: Mapping[str, Any]) -> Shape:
    """A policy as EDC shows it, from the form that is stored and sent."""
    shape: Shape = {"@type": f"odrl:{found.get('@type', 'Set')}"}
    if "@id" in found:
        shape = {"@id": found["@id"], **shape}
    for name in ("permission", "prohibition", "obligation"):
        shape[f"odrl:{name}"] = []
    for name, value in found.items():
        if name not in ("@id", "@type", CONTRACT_TOKEN):
            key, shown = _member(name, value)
            shape[key] = shown
    return shape


def _member(name: str, value: Any) -> tuple[str, Any]:
    if name in _REFERENCES:
        return f"odrl:{name}", {"@id": value} if isinstance(value, str) else value
    if name in _NAMED:
        return f"odrl:{name}", _reference(value, _NAMED[name])
    if name in _LISTS or name in _NESTED:
        parts = [_object(v) for v in (value if isinstance(value, list) else [value])]
        return f"odrl:{name}", parts[0] if len(parts) == 1 else parts
    if name.startswith(("@", "http", "odrl:")) or name == "timestamp":
        return name, value
    return f"odrl:{name}", value


def _object(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    return dict(_member(name, inner) for name, inner in value.items())


def _reference(value: Any, words: Mapping[str, str]) -> Any:
    if not isinstance(value, str):
        return value
    iri = words.get(value, value)
    return {"@id": "odrl:" + iri.removeprefix(ODRL) if iri.startswith(ODRL) else iri}
