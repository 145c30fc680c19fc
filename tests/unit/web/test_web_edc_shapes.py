from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connector.model.process import Approval, Negotiation, NegotiationState, Role, Transfer, TransferState
from connector.policy import parse, serialise
from connector.web import edc_shapes as shapes

N, T = NegotiationState, TransferState
AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
NEGOTIATION = Negotiation(
    id="urn:uuid:1",
    role=Role.CONSUMER,
    peer="did:web:factory-a.example",
    peer_pid="",
    address="https://factory-a.example/dsp/2025-1",
    our_id="did:web:factory-b.example",
    state=None,
    pending=None,
    dataset_id="small",
    offer={},
    offer_token="",
    approval=Approval.NONE,
    agreement_id="",
    reason="",
    reason_by=None,
    created_at=AT,
    updated_at=AT,
    expires_at=AT,
)
TRANSFER = Transfer(
    id="urn:uuid:2",
    role=Role.PROVIDER,
    peer="did:web:factory-b.example",
    peer_pid="urn:uuid:3",
    address="https://factory-b.example/dsp/2025-1",
    our_id="did:web:factory-a.example",
    state=None,
    pending=None,
    agreement_id="urn:uuid:4",
    dataset_id="small",
    format="HttpData-PULL",
    data_address={"secret": "never shown"},
    purpose="",
    declaration="",
    wants_refresh=False,
    suspended_by=None,
    reason="",
    reason_by=None,
    created_at=AT,
    updated_at=AT,
    expires_at=AT,
)


@pytest.mark.parametrize(
    ("state", "pending", "shown"),
    [
        (None, None, "INITIAL"),
        (None, N.REQUESTED, "REQUESTING"),
        (None, N.OFFERED, "OFFERING"),
        (N.REQUESTED, None, "REQUESTED"),
        (N.REQUESTED, N.OFFERED, "OFFERING"),
        (N.OFFERED, N.ACCEPTED, "ACCEPTING"),
        (N.ACCEPTED, N.AGREED, "AGREEING"),
        (N.AGREED, N.VERIFIED, "VERIFYING"),
        (N.VERIFIED, N.FINALIZED, "FINALIZING"),
        (N.REQUESTED, N.TERMINATED, "TERMINATING"),
        (N.FINALIZED, None, "FINALIZED"),
        (N.TERMINATED, None, "TERMINATED"),
    ],
)
def test_a_negotiations_state(state: Any, pending: Any, shown: str) -> None:
    n = replace(NEGOTIATION, state=state, pending=pending)
    assert shapes.negotiation_state(n) == shapes.negotiation(n)["state"] == shown


@pytest.mark.parametrize(
    ("state", "pending", "shown"),
    [
        (None, None, "INITIAL"),
        (None, T.REQUESTED, "REQUESTING"),
        (T.REQUESTED, T.STARTED, "STARTING"),
        (T.SUSPENDED, T.STARTED, "RESUMING"),
        (T.STARTED, T.SUSPENDED, "SUSPENDING"),
        (T.STARTED, T.COMPLETED, "COMPLETING"),
        (T.STARTED, T.TERMINATED, "TERMINATING"),
        (T.STARTED, None, "STARTED"),
    ],
)
def test_a_transfers_state(state: Any, pending: Any, shown: str) -> None:
    t = replace(TRANSFER, state=state, pending=pending)
    assert shapes.transfer_state(t) == shapes.transfer(t)["state"] == shown


def test_a_negotiation_is_shown_whole() -> None:
    shown = shapes.negotiation(
        replace(
            NEGOTIATION,
            state=N.TERMINATED,
            peer_pid="urn:uuid:9",
            agreement_id="urn:uuid:4",
            reason="no-deal: x",
        )
    )
    assert shown == {
        "@context": {"@vocab": shapes.EDC, "edc": shapes.EDC, "odrl": "http://www.w3.org/ns/odrl/2/"},
        "@type": "ContractNegotiation",
        "@id": "urn:uuid:1",
        "type": "CONSUMER",
        "protocol": "dataspace-protocol-http:2025-1",
        "state": "TERMINATED",
        "counterPartyId": "did:web:factory-a.example",
        "counterPartyAddress": "https://factory-a.example/dsp/2025-1",
        "callbackAddresses": [],
        "createdAt": 1795521600000,
        "stateTimestamp": 1795521600000,
        "assetId": "small",
        "correlationId": "urn:uuid:9",
        "contractAgreementId": "urn:uuid:4",
        "errorDetail": "no-deal: x",
    }


def test_a_transfer_never_shows_its_token() -> None:
    assert "never shown" not in str(shapes.transfer(TRANSFER))


def test_a_policy_has_prefixes_and_no_lists_of_one() -> None:
    policy = {
        "@id": "p",
        "@type": "Agreement",
        "assigner": "did:web:factory-a.example",
        "target": "small",
        "permission": [
            {
                "action": "use",
                "constraint": [
                    {
                        "leftOperand": "http://www.w3.org/ns/odrl/2/count",
                        "operator": "lteq",
                        "rightOperand": 3,
                    }
                ],
            }
        ],
    }
    assert shapes.policy(policy) == {
        "@id": "p",
        "@type": "odrl:Agreement",
        "odrl:assigner": {"@id": "did:web:factory-a.example"},
        "odrl:target": {"@id": "small"},
        "odrl:permission": {
            "odrl:action": {"@id": "odrl:use"},
            "odrl:constraint": {
                "odrl:leftOperand": {"@id": "odrl:count"},
                "odrl:operator": {"@id": "odrl:lteq"},
                "odrl:rightOperand": 3,
            },
        },
        "odrl:prohibition": [],
        "odrl:obligation": [],
    }


RICH = {
    "@type": "Set",
    "permission": [
        {
            "action": "use",
            "constraint": [
                {
                    "or": [
                        {
                            "leftOperand": "purpose",
                            "operator": "isAnyOf",
                            "rightOperand": ["https://p.example/a", "x"],
                        },
                        {
                            "and": [
                                {"leftOperand": "count", "operator": "lteq", "rightOperand": "3"},
                                {
                                    "leftOperand": "https://o.example/own",
                                    "operator": "eq",
                                    "rightOperand": "1",
                                },
                            ]
                        },
                    ]
                }
            ],
            "duty": [
                {
                    "action": "delete",
                    "constraint": [
                        {"leftOperand": "dateTime", "operator": "lt", "rightOperand": "2027-01-01T00:00:00Z"}
                    ],
                }
            ],
        },
        {"action": "https://a.example/act"},
    ],
    "prohibition": [{"action": "distribute"}],
    "obligation": [{"action": "compensate"}],
}


def test_what_is_shown_reads_back_as_the_same_policy() -> None:
    stored = serialise(parse(RICH))
    assert serialise(parse(shapes.policy(stored))) == stored
