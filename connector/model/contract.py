"""A contract both sides hold: the agreement and the tokens that prove it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connector.model.process import Role


@dataclass(frozen=True, slots=True)
class Agreement:
    """One agreement. `policy` is the Agreement object exactly as it was sent.

    Tokens are compact JWS or "" where the peer does not sign. `documents` holds the
    DID documents of both sides as they were when the contract was signed, by DID.
    """

    id: str
    negotiation_id: str
    role: Role
    peer: str
    our_id: str
    address: str
    dataset_id: str
    dataset_version: int
    dataset_sha256: str
    policy: dict[str, Any]
    consumer_pid: str
    provider_pid: str
    offer_token: str
    agreement_token: str
    verification_token: str
    withdrawal_token: str
    documents: dict[str, Any]
    is_final: bool
    signed_at: datetime
    ends_at: datetime | None
    withdrawn_at: datetime | None
    withdrawn_by: str
    withdrawal_reason: str
    version: int = 0

    @property
    def is_signed(self) -> bool:
        """Whether both sides signed."""
        return bool(self.agreement_token and self.verification_token)

    @property
    def consumer(self) -> str:
        """The consumer's participant id."""
        return self.our_id if self.role is Role.CONSUMER else self.peer

    @property
    def provider(self) -> str:
        """The provider's participant id."""
        return self.our_id if self.role is Role.PROVIDER else self.peer
