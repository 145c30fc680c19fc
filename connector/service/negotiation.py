"""Contract negotiations, both roles (DSP 2025-1 §7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Final, cast

from connector.errors import (
    BadInput,
    Conflict,
    InvalidMessage,
    NotFound,
    PolicyInvalid,
    TooMany,
)
from connector.ledger.log import LeafKind
from connector.model.canonical import canonical
from connector.model.identity import Peer
from connector.model.messages import (
    ContractAccepted,
    ContractAgreement,
    ContractFinalized,
    ContractOffer,
    ContractRequest,
    ContractTermination,
    ContractVerification,
    Message,
)
from connector.model.process import (
    Approval,
    Kind,
    Negotiation,
    NegotiationAct,
    NegotiationState,
    Role,
    State,
)
from connector.protocol import messages
from connector.service import contract
from connector.service.agreeing import Agreeing
from connector.service.catalog import Catalogs
from connector.service.contract import Tokens
from connector.service.exchange import Answer, Exchange, Refused, Room, content_digest
from connector.service.extension import Step
from connector.service.judging import Judging
from connector.service.reading import read
from connector.store.tables import Negotiations as NegotiationRows
from connector.store.tables import Tx

_NOT_DECIDED: Final = "not-decided"


@dataclass(frozen=True, slots=True)
class Terms:
    """How this connector negotiates."""

    decide_within: timedelta
    offer_valid: timedelta
    require_signatures: bool
    open_per_peer: int


@dataclass(frozen=True, slots=True)
class Counterparty:
    """Whom a new negotiation is with: participant id, DSP base address, our id towards it."""

    id: str
    address: str
    our_id: str


class Negotiations(Exchange[Negotiation]):
    """Everything that happens in a negotiation."""

    kind: ClassVar[Kind] = Kind.NEGOTIATION

    def __init__(self, room: Room, tokens: Tokens, catalogs: Catalogs, terms: Terms) -> None:
        super().__init__(room)
        self._terms = terms
        self._judging = Judging(room.clock, room.journal, catalogs)
        self._agreeing = Agreeing(
            room,
            tokens,
            catalogs,
            require_signatures=terms.require_signatures,
            offer_valid=terms.offer_valid,
        )
        room.timers.on("decide", self._not_decided)

    def _rows(self, tx: Tx) -> NegotiationRows:
        return tx.negotiations

    # --- first messages -----------------------------------------------------------------------

    async def open_by_request(self, peer: Peer, message: ContractRequest, body: Mapping[str, Any]) -> Answer:
        """A consumer's first ContractRequestMessage.

        Raises:
            NotFound: no such offer for this peer.
            OfferExpired: the offer was replaced; fetch the catalog again.
            TooMany: the peer has too many open negotiations.
        """
        return await self._room.take(lambda tx: self._open(tx, peer, Role.PROVIDER, message, body))

    async def open_by_offer(self, peer: Peer, message: ContractOffer, body: Mapping[str, Any]) -> Answer:
        """A provider's first ContractOfferMessage."""
        return await self._room.take(lambda tx: self._open(tx, peer, Role.CONSUMER, message, body))

    def _open(
        self,
        tx: Tx,
        peer: Peer,
        role: Role,
        message: ContractRequest | ContractOffer,
        body: Mapping[str, Any],
    ) -> Answer:
        if (known := self._repeat_by_id(tx, peer, message, body)) is not None:
            return known
        peer_pid = message.pid_of(role.other)
        existing = tx.negotiations.by_peer_pid(peer.participant_id, peer_pid, role)
        if existing is not None:
            seen = tx.inbox.with_content(existing.id, content_digest(body))
            if seen is None:
                raise InvalidMessage("belongs to another negotiation already", pointer="/" + _pid(role.other))
            self._tell_again(tx, existing)
            answer = Answer(200, messages.render_process(existing))
            return self._again(tx, peer, existing, message, body, answer)
        self._room.check_callback(message.callback)
        if tx.negotiations.open_count(peer.participant_id) >= self._terms.open_per_peer:
            raise TooMany("too many open negotiations; finish or end some first")
        now = self._room.clock.now()
        negotiation = Negotiation(
            id=self._room.new_id(),
            role=role,
            peer=peer.participant_id,
            peer_pid=peer_pid,
            address=message.callback,
            our_id=peer.our_id,
            state=NegotiationState.REQUESTED if role is Role.PROVIDER else NegotiationState.OFFERED,
            pending=None,
            dataset_id=str(message.offer.get("target", "")),
            offer={},
            offer_token="",
            approval=Approval.NONE,
            agreement_id="",
            reason="",
            reason_by=None,
            created_at=now,
            updated_at=now,
            expires_at=self._expires(now),
        )
        negotiation = self._judging.judge(tx, negotiation, message, peer)
        self._start(tx, negotiation)
        negotiation = self._reach(tx, negotiation, None, actor=peer.participant_id)
        answer = Answer(201, messages.render_process(negotiation))
        self._remember(tx, peer, negotiation, message, body, answer)
        self.advance(tx, negotiation)
        return answer

    def _tell_again(self, tx: Tx, process: Negotiation) -> None:
        if process.role is not Role.PROVIDER:
            return
        pids, agreement = self._pids(process), tx.agreements.get(process.agreement_id)
        reached = (process.state, process.pending)
        if NegotiationState.FINALIZED in reached:
            self._send_again(tx, process, ContractFinalized(**pids))
        elif NegotiationState.AGREED in reached and agreement is not None:
            again = ContractAgreement(**pids, agreement=agreement.policy, token=agreement.agreement_token)
            self._send_again(tx, process, again)

    async def receive(
        self, peer: Peer, pid: str, receiver: Role | None, message: Message, body: Mapping[str, Any]
    ) -> Answer:
        """See `Exchange.receive`; an unsigned agreement may be replaced by an equal one.

        A stock EDC that missed our verification agrees a second time, with a new agreement
        id, and ends the negotiation if that is refused.
        """
        if isinstance(message, ContractAgreement) and not message.token:
            replaced = await self._room.store.transact(
                lambda tx: self._replace_agreement(tx, peer, pid, message, body)
            )
            if replaced is not None:
                return replaced
        return await super().receive(peer, pid, receiver, message, body)

    def _replace_agreement(
        self, tx: Tx, peer: Peer, pid: str, message: ContractAgreement, body: Mapping[str, Any]
    ) -> Answer | None:
        n = self._get(tx, pid, peer)
        old = tx.agreements.get(n.agreement_id)
        is_ours = n.role is Role.CONSUMER and n.state is NegotiationState.AGREED
        if not is_ours or old is None or old.agreement_token or old.id == message.agreement["@id"]:
            return None
        if message.id and tx.inbox.seen(peer.participant_id, message.id) is not None:
            return None
        self._check_pids(n, message)
        tx.agreements.delete(old.id)
        try:
            n = self._save(tx, self._agreeing.take(tx, n, message, peer))
        except Refused as refused:  # the first one stands: nothing has changed
            raise refused.error from None
        data = {"negotiation": n.id, "replaces": old.id}
        self._room.journal.write(tx, LeafKind.CONTRACT, n.agreement_id, data, actor=peer.participant_id)
        return self._again(tx, peer, n, message, body, Answer(200))

    # --- what the peer says -------------------------------------------------------------------

    def _accept(
        self, tx: Tx, process: Negotiation, message: Message, peer: Peer, state: State
    ) -> Negotiation:
        match message:
            case ContractRequest() | ContractOffer():
                process = replace(process, state=cast(NegotiationState, state))
                return self._judging.judge(tx, process, message, peer)
            case ContractAgreement():
                return self._agreeing.take(tx, process, message, peer)
            case ContractVerification():
                return self._agreeing.take_verification(tx, process, message, peer)
            case ContractFinalized():
                self._agreeing.finalise(tx, process)
                return process
            case ContractTermination():
                text = ": ".join(p for p in (message.code, "; ".join(message.reason)) if p)
                return replace(process, reason=text or "no reason given", reason_by=process.role.other)
            case ContractAccepted():
                return process
            case _:
                pass
        raise InvalidMessage("is no message of a negotiation", pointer="/@type")

    def _arrived(self, tx: Tx, process: Negotiation, before: State | None) -> Negotiation:
        if process.approval is Approval.WAITING and not process.is_over:
            due = self._room.clock.now() + self._terms.decide_within
            self._room.timers.set(tx, "decide", process.id, min(due, process.expires_at))
            data = {"peer": process.peer, "dataset": process.dataset_id, "reason": process.reason}
            self._room.events.publish(tx, "negotiation.waiting", process.id, data)
        return process

    def _not_decided(self, tx: Tx, ref: str) -> None:
        n = tx.negotiations.get(ref)
        if n is not None and n.approval is Approval.WAITING and not n.is_over:
            self._room.events.publish(tx, "negotiation.overdue", n.id, {"peer": n.peer})
            self._end(tx, n, Step(NegotiationAct.TERMINATE, _NOT_DECIDED, "nobody decided in time"))

    # --- what we say --------------------------------------------------------------------------

    def _compose(self, tx: Tx, process: Negotiation, step: Step) -> tuple[Negotiation, Message]:
        pids = self._pids(process)
        match step.act:
            case NegotiationAct.REQUEST:
                callback = "" if process.peer_pid else self._room.callback
                return process, ContractRequest(**pids, offer=process.offer, callback=callback)
            case NegotiationAct.OFFER:
                callback = "" if process.peer_pid else self._room.callback
                token = self._agreeing.sign_offer(tx, process)
                return process, ContractOffer(**pids, offer=process.offer, callback=callback, token=token)
            case NegotiationAct.ACCEPT:
                return process, ContractAccepted(**pids)
            case NegotiationAct.AGREE:
                return self._agreeing.agree(tx, process, pids)
            case NegotiationAct.VERIFY:
                return self._agreeing.verify(tx, process, pids)
            case NegotiationAct.FINALIZE:
                # The consumer may ask for data before its answer reaches us: the contract holds from here.
                self._agreeing.finalise(tx, process)
                return process, ContractFinalized(**pids)
            case NegotiationAct.TERMINATE:
                reason = (step.reason,) if step.reason else ()
                return process, ContractTermination(**pids, code=step.code, reason=reason)
            case _:
                pass
        raise Conflict(f"{step.act} is no step of a negotiation")

    # --- what the owner says ------------------------------------------------------------------

    async def request(
        self, other: Counterparty, offer: Mapping[str, Any], *, offer_token: str = ""
    ) -> Negotiation:
        """Ask a provider for an offer (consumer, initial ContractRequestMessage).

        `offer` has `@id`, `target` and the rules, as the catalog gave them.

        Raises:
            BadInput: the offer has no id or no target, or cannot be read.
        """
        return await self._begin(Role.CONSUMER, other, offer, offer_token)

    async def offer(self, other: Counterparty, offer: Mapping[str, Any]) -> Negotiation:
        """Offer a dataset to a consumer by ourselves (provider, initial ContractOfferMessage)."""
        return await self._begin(Role.PROVIDER, other, offer, "")

    async def _begin(
        self, role: Role, other: Counterparty, offer: Mapping[str, Any], offer_token: str
    ) -> Negotiation:
        for name in ("@id", "target"):
            if not isinstance(offer.get(name), str) or not offer[name]:
                raise BadInput("an offer needs it", pointer=f"policy/{name}")
        body = {"@id": offer["@id"], "@type": "Offer", **contract.rules(offer), "target": offer["target"]}
        assigner, assignee = (other.id, "") if role is Role.CONSUMER else (other.our_id, other.id)
        body |= {"assigner": assigner} | ({"assignee": assignee} if assignee else {})
        _check_signable(body)
        now = self._room.clock.now()
        act = NegotiationAct.REQUEST if role is Role.CONSUMER else NegotiationAct.OFFER

        def work(tx: Tx) -> Negotiation:
            negotiation = Negotiation(
                id=self._room.new_id(),
                role=role,
                peer=other.id,
                peer_pid="",
                address=other.address,
                our_id=other.our_id,
                state=None,
                pending=None,
                dataset_id=str(offer["target"]),
                offer=body,
                offer_token=offer_token,
                approval=Approval.NONE,
                agreement_id="",
                reason="",
                reason_by=None,
                created_at=now,
                updated_at=now,
                expires_at=self._expires(now),
            )
            self._start(tx, negotiation)
            return self.perform(tx, negotiation, Step(act))

        return await self._room.store.transact(work)

    async def approve(self, pid: str) -> Negotiation:
        """Say yes to what waits in the inbox: agree (provider) or accept (consumer)."""
        return await self._decide(pid, Approval.APPROVED, "")

    async def refuse(self, pid: str, reason: str = "") -> Negotiation:
        """Say no to what waits in the inbox; no reason is owed."""
        return await self._decide(pid, Approval.REFUSED, reason)

    async def _decide(self, pid: str, approval: Approval, reason: str) -> Negotiation:
        def work(tx: Tx) -> Negotiation:
            n = self._waiting(tx, pid)
            self._room.timers.clear(tx, "decide", n.id)
            n = self._save(tx, replace(n, approval=approval, reason=reason))
            self._room.journal.write(tx, LeafKind.APPROVAL, n.id, {"approval": approval.value})
            return self.advance(tx, n)

        return await self._room.store.transact(work)

    async def counter(self, pid: str, policy: Mapping[str, Any]) -> Negotiation:
        """Answer what waits in the inbox with other terms: a counter-offer, from either side.

        Raises:
            NotFound, Conflict: nothing waits there.
            PolicyInvalid: the terms cannot be read.
        """

        def work(tx: Tx) -> Negotiation:
            n = self._waiting(tx, pid)
            offer = {k: v for k, v in n.offer.items() if k not in (*contract.RULES, "profile")}
            offer |= contract.rules(policy) | {"@type": "Offer"}
            _check_signable(offer)
            self._room.timers.clear(tx, "decide", n.id)
            n = replace(n, offer=offer, approval=Approval.COUNTERED, reason="")
            self._room.journal.write(tx, LeafKind.APPROVAL, n.id, {"approval": n.approval.value})
            act = NegotiationAct.REQUEST if n.role is Role.CONSUMER else NegotiationAct.OFFER
            return self.perform(tx, n, Step(act))

        return await self._room.store.transact(work)

    def _waiting(self, tx: Tx, pid: str) -> Negotiation:
        n = tx.negotiations.get(pid)
        if n is None:
            raise NotFound(f"there is no negotiation {pid}")
        if n.approval is not Approval.WAITING or n.is_over:
            raise Conflict(f"nothing waits for a decision in negotiation {pid}")
        return n


def _pid(role: Role) -> str:
    return "consumerPid" if role is Role.CONSUMER else "providerPid"


def _check_signable(offer: Mapping[str, Any]) -> None:
    """Terms of ours can be read, and signed once they are agreed on [D7].

    Raises:
        PolicyInvalid: they cannot.
    """
    read(offer)
    try:
        canonical(offer)
    except ValueError as error:
        raise PolicyInvalid(str(error), pointer="policy") from None
