"""The two processes of the Dataspace Protocol: negotiation and transfer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """Which side of a process somebody plays."""

    CONSUMER = "CONSUMER"
    PROVIDER = "PROVIDER"

    @property
    def other(self) -> Role:
        """The counterparty's role."""
        return Role.PROVIDER if self is Role.CONSUMER else Role.CONSUMER


class Kind(StrEnum):
    """The two kinds of process."""

    NEGOTIATION = "negotiation"
    TRANSFER = "transfer"


class NegotiationState(StrEnum):
    """DSP 2025-1 §7.1."""

    REQUESTED = "REQUESTED"
    OFFERED = "OFFERED"
    ACCEPTED = "ACCEPTED"
    AGREED = "AGREED"
    VERIFIED = "VERIFIED"
    FINALIZED = "FINALIZED"
    TERMINATED = "TERMINATED"


class TransferState(StrEnum):
    """DSP 2025-1 §8.1."""

    REQUESTED = "REQUESTED"
    STARTED = "STARTED"
    SUSPENDED = "SUSPENDED"
    COMPLETED = "COMPLETED"
    TERMINATED = "TERMINATED"


class NegotiationAct(StrEnum):
    """The messages that move a negotiation; an event message is two, by its eventType."""

    REQUEST = "ContractRequestMessage"
    OFFER = "ContractOfferMessage"
    ACCEPT = "ContractNegotiationEventMessage:ACCEPTED"
    AGREE = "ContractAgreementMessage"
    VERIFY = "ContractAgreementVerificationMessage"
    FINALIZE = "ContractNegotiationEventMessage:FINALIZED"
    TERMINATE = "ContractNegotiationTerminationMessage"


class TransferAct(StrEnum):
    """The messages that move a transfer."""

    REQUEST = "TransferRequestMessage"
    START = "TransferStartMessage"
    COMPLETE = "TransferCompletionMessage"
    SUSPEND = "TransferSuspensionMessage"
    TERMINATE = "TransferTerminationMessage"


class Approval(StrEnum):
    """What our own side has decided about an offer; no state of the protocol."""

    NONE = "none"
    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    COUNTERED = "countered"


@dataclass(frozen=True, slots=True)
class Negotiation:
    """One contract negotiation, as this side sees it.

    `state` is the last one both sides acknowledged (None: our first message is
    still on its way); `pending` is the one that our message in the outbox leads to.
    """

    id: str
    role: Role
    peer: str
    peer_pid: str
    address: str
    our_id: str
    state: NegotiationState | None
    pending: NegotiationState | None
    dataset_id: str
    offer: dict[str, Any]
    """The offer on the table, as its sender put it."""
    offer_token: str
    approval: Approval
    agreement_id: str
    reason: str
    reason_by: Role | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    version: int = 0

    @property
    def kind(self) -> Kind:
        """What kind of process this is."""
        return Kind.NEGOTIATION

    @property
    def is_over(self) -> bool:
        """Whether it has reached a terminal state."""
        return self.state in (NegotiationState.FINALIZED, NegotiationState.TERMINATED)


@dataclass(frozen=True, slots=True)
class Transfer:
    """One transfer process, as this side sees it."""

    id: str
    role: Role
    peer: str
    peer_pid: str
    address: str
    our_id: str
    state: TransferState | None
    pending: TransferState | None
    agreement_id: str
    dataset_id: str
    format: str
    data_address: dict[str, Any]
    """Consumer: the endpoint and token that came with the start; provider: where to push."""
    purpose: str
    declaration: str
    wants_refresh: bool
    suspended_by: Role | None
    reason: str
    reason_by: Role | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    version: int = 0

    @property
    def kind(self) -> Kind:
        """What kind of process this is."""
        return Kind.TRANSFER

    @property
    def is_over(self) -> bool:
        """Whether it has reached a terminal state."""
        return self.state in (TransferState.COMPLETED, TransferState.TERMINATED)


Process = Negotiation | Transfer
State = NegotiationState | TransferState
Act = NegotiationAct | TransferAct
