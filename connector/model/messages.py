"""The messages of the Dataspace Protocol as typed values (shapes: DSP 2025-1 §6 to §8).

`id` is the message's own `@id` ("" if the peer sent none); pids are IRIs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from connector.model.process import Act, NegotiationAct, Role, TransferAct


@dataclass(frozen=True, slots=True, kw_only=True)
class _Message:
    id: str = ""
    consumer_pid: str = ""
    provider_pid: str = ""

    def pid_of(self, role: Role) -> str:
        """The pid that the side with `role` gave the process."""
        return self.consumer_pid if role is Role.CONSUMER else self.provider_pid


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRequest(_Message):
    """A consumer asks for an offer, first (with `callback`) or as a counter-offer."""

    act: ClassVar[Act] = NegotiationAct.REQUEST
    offer: dict[str, Any]
    callback: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractOffer(_Message):
    """A provider offers, first (with `callback`) or as a counter-offer."""

    act: ClassVar[Act] = NegotiationAct.OFFER
    offer: dict[str, Any]
    callback: str = ""
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractAccepted(_Message):
    """The consumer takes the provider's offer."""

    act: ClassVar[Act] = NegotiationAct.ACCEPT


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractAgreement(_Message):
    """The provider's agreement, with its signed token if it signs."""

    act: ClassVar[Act] = NegotiationAct.AGREE
    agreement: dict[str, Any]
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractVerification(_Message):
    """The consumer's counter-signature."""

    act: ClassVar[Act] = NegotiationAct.VERIFY
    token: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFinalized(_Message):
    """The provider closes the negotiation: the contract holds."""

    act: ClassVar[Act] = NegotiationAct.FINALIZE


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTermination(_Message):
    """Either side ends the negotiation."""

    act: ClassVar[Act] = NegotiationAct.TERMINATE
    code: str = ""
    reason: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferRequest(_Message):
    """A consumer asks for the data of an agreement."""

    act: ClassVar[Act] = TransferAct.REQUEST
    agreement_id: str
    format: str
    callback: str
    data_address: dict[str, Any] | None = None
    declaration: str = ""
    wants_refresh: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferStart(_Message):
    """The provider starts, or either side resumes."""

    act: ClassVar[Act] = TransferAct.START
    data_address: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferCompletion(_Message):
    """Either side is done."""

    act: ClassVar[Act] = TransferAct.COMPLETE


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferSuspension(_Message):
    """Either side pauses."""

    act: ClassVar[Act] = TransferAct.SUSPEND
    code: str = ""
    reason: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferTermination(_Message):
    """Either side ends the transfer; a withdrawal of the contract travels along."""

    act: ClassVar[Act] = TransferAct.TERMINATE
    code: str = ""
    reason: tuple[str, ...] = ()
    withdrawal: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRequest:
    """A page of the catalog; limit and offset as an EDC's QuerySpec asks for them."""

    limit: int = 0
    offset: int = 0
    dataset_id: str = ""


NegotiationMessage = (
    ContractRequest
    | ContractOffer
    | ContractAccepted
    | ContractAgreement
    | ContractVerification
    | ContractFinalized
    | ContractTermination
)
TransferMessage = (
    TransferRequest | TransferStart | TransferCompletion | TransferSuspension | TransferTermination
)
Message = NegotiationMessage | TransferMessage
