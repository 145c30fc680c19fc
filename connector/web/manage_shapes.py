"""Objects as our own management calls show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connector.errors import MalformedBody, PeerFailed
from connector.model.canonical import load_json
from connector.model.contract import Agreement
from connector.model.process import Negotiation, Transfer
from connector.model.times import iso
from connector.policy import describe, enforcement
from connector.service.consuming import Fetched
from connector.service.publishing import Published
from connector.web.edc_shapes import negotiation_state, transfer_state

Shape = dict[str, Any]


def negotiation(n: Negotiation) -> Shape:
    """A negotiation with the offer on the table, also in words."""
    return {
        "id": n.id,
        "role": n.role.value,
        "peer": n.peer,
        "dataset": n.dataset_id,
        "state": n.state.value if n.state else "INITIAL",
        "shownState": negotiation_state(n),
        "approval": n.approval.value,
        "agreement": n.agreement_id,
        "reason": n.reason,
        "reasonBy": n.reason_by.value if n.reason_by else None,
        "offer": n.offer,
        "terms": terms(n.offer),
        "createdAt": iso(n.created_at),
        "updatedAt": iso(n.updated_at),
        "expiresAt": iso(n.expires_at),
    }


def terms(policy: Mapping[str, Any]) -> Shape:
    """A policy in words, ko and en; {} where there is none yet."""
    return {lang: describe(policy, lang) for lang in ("ko", "en")} if policy else {}


def transfer(t: Transfer) -> Shape:
    """A transfer; never its token."""
    return {
        "id": t.id,
        "role": t.role.value,
        "peer": t.peer,
        "agreement": t.agreement_id,
        "dataset": t.dataset_id,
        "format": t.format,
        "state": t.state.value if t.state else "INITIAL",
        "shownState": transfer_state(t),
        "purpose": t.purpose,
        "suspendedBy": t.suspended_by.value if t.suspended_by else None,
        "reason": t.reason,
        "reasonBy": t.reason_by.value if t.reason_by else None,
        "createdAt": iso(t.created_at),
        "updatedAt": iso(t.updated_at),
        "expiresAt": iso(t.expires_at),
    }


def contract(a: Agreement, summary: Mapping[str, Any], transfers: list[Transfer]) -> Shape:
    """A contract: its summary, its terms in words and in ODRL, what of them is enforced, its transfers."""
    return {
        **summary,
        "negotiation": a.negotiation_id,
        "provider": a.provider,
        "consumer": a.consumer,
        "datasetVersion": a.dataset_version,
        "sha256": a.dataset_sha256,
        "terms": terms(a.policy),
        "enforcement": [e.to_json() for e in enforcement(a.policy)],
        "policy": a.policy,
        "withdrawn": None
        if a.withdrawn_at is None
        else {"at": iso(a.withdrawn_at), "by": a.withdrawn_by, "reason": a.withdrawal_reason},
        "transfers": [transfer(t) for t in transfers],
    }


def published(p: Published) -> Shape:
    """What a publish did."""
    return {
        "id": p.id,
        "version": p.version,
        "outcome": p.outcome,
        "sha256": p.sha256,
        "size": p.size,
        "offers": list(p.offers),
        "terms": dict(p.terms),
        "enforcement": [dict(e) for e in p.enforcement],
        "notes": list(p.notes),
    }


def partner_json(raw: bytes) -> Any:
    """What a partner sent as JSON.

    Raises:
        PeerFailed: it is no JSON.
    """
    try:
        return load_json(raw, limit=len(raw))
    except MalformedBody as error:
        raise PeerFailed(f"the partner's answer is {error.message}") from None


def fetched(f: Fetched) -> Shape:
    """A pulled file; it is verified."""
    return {
        "path": str(f.pulled.path),
        "size": f.pulled.size,
        "sha256": f.pulled.sha256,
        "received": f.pulled.received,
        "resumedFrom": f.pulled.resumed_from,
        "contractFile": str(f.contract_file),
        "transfer": f.transfer_id,
    }
