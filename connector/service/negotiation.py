"""Contract negotiations, both roles (DSP 2025-1 §7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar, Final, cast

from connector.errors import (
    BadInput,
    Conflict,
    ConnectorError,
    InvalidMessage,
    NotFound,
    OfferExpired,
    PolicyDiffers,
    PolicyInvalid,
    TokenInvalid,
    TooMany,
)
from connector.ledger.log import LeafKind
from connector.model.canonical import canonical
from connector.model.catalog import ApprovalMode, CatalogOffer
from connector.model.contract import Agreement
from connector.model.identity import Peer, PeerKind
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
from connector.model.times import iso
from connector.policy import BEFORE_AGREEMENT, Context, Scope, ends_at, equal
from connector.protocol import messages
from connector.service import contract
from connector.service.catalog import Catalogs
from connector.service.contract import Dataset, Parties, Tokens
from connector.service.exchange import Answer, Exchange, Refused, Room, content_digest
from connector.service.extension import Step
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
        self._tokens = tokens
        self._catalogs = catalogs
        self._terms = terms
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
        negotiation = self._judge(tx, negotiation, message, peer)
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
        n = self._save(tx, self._take_agreement(tx, n, message, peer))
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
                return self._judge(tx, process, message, peer)
            case ContractAgreement():
                return self._take_agreement(tx, process, message, peer)
            case ContractVerification():
                return self._take_verification(tx, process, message, peer)
            case ContractFinalized():
                self._finalise(tx, process)
                return process
            case ContractTermination():
                text = ": ".join(p for p in (message.code, "; ".join(message.reason)) if p)
                return replace(process, reason=text or "no reason given", reason_by=process.role.other)
            case ContractAccepted():
                return process
            case _:
                pass
        raise InvalidMessage("is no message of a negotiation", pointer="/@type")

    def _judge(
        self, tx: Tx, n: Negotiation, message: ContractRequest | ContractOffer, peer: Peer
    ) -> Negotiation:
        """Decide, as far as a machine may, about what the peer now asks or offers."""
        if n.role is Role.CONSUMER:
            return self._judge_offer(n, message, peer)
        return self._judge_request(tx, n, message, peer)

    def _judge_offer(
        self, n: Negotiation, message: ContractRequest | ContractOffer, peer: Peer
    ) -> Negotiation:
        target = message.offer.get("target")
        if n.dataset_id and target not in (None, n.dataset_id):
            raise InvalidMessage("is not the dataset of this negotiation", pointer="/offer/target")
        policy = read(message.offer).policy
        if message.token:
            parties = Parties(peer.participant_id, n.our_id, n.id, message.provider_pid)
            self._check_token(message, peer, parties, is_bound=bool(message.consumer_pid))
        is_wanted = bool(n.offer) and not policy.not_understood and not equal(read(n.offer).policy, policy)
        approval = Approval.APPROVED if is_wanted else Approval.WAITING
        return replace(
            n,
            offer=message.offer,
            offer_token=message.token,
            dataset_id=n.dataset_id or str(target or ""),
            approval=approval,
        )

    def _check_token(
        self, message: ContractRequest | ContractOffer, peer: Peer, parties: Parties, *, is_bound: bool
    ) -> None:
        if peer.document is None:
            raise TokenInvalid("a peer without a DID cannot sign", pointer="/contractToken")
        now = self._room.clock.now()
        contract.check(
            message.token, contract.OFFER, peer.document, message.offer, parties, now, is_bound=is_bound
        )

    def _judge_request(
        self, tx: Tx, n: Negotiation, message: ContractRequest | ContractOffer, peer: Peer
    ) -> Negotiation:
        offer = self._offered(tx, n, str(message.offer["@id"]), peer)
        target = message.offer.get("target")
        if target not in (None, offer.asset_id):
            raise InvalidMessage("is not the dataset of that offer", pointer="/offer/target")
        asked = message.offer
        if not contract.rules(asked):
            asked = {**offer.policy, "@id": offer.id, "@type": "Offer", "target": offer.asset_id}
        asks = read(asked)
        policy = asks.policy
        same = not equal(read(offer.policy).policy, policy)
        reason, approval = "", Approval.WAITING
        decision = asks.compiled.evaluate(self._context(n, peer, offer.asset_id))
        if policy.not_understood:
            reason = f"not understood: {policy.not_understood[0].name}"
        elif not decision.permitted:
            approval, reason = Approval.REFUSED, f"{decision.code}: {decision.text('en')}"
        elif same and offer.approval is ApprovalMode.AUTOMATIC:
            approval = Approval.APPROVED
        self._room.journal.write(
            tx,
            LeafKind.DECISION,
            n.id,
            {"scope": "negotiation", "code": decision.code, "approval": approval.value, "offer": offer.id},
        )
        return replace(
            n, offer=dict(asked), dataset_id=offer.asset_id, approval=approval, reason=reason, offer_token=""
        )

    def _offered(self, tx: Tx, n: Negotiation, offer_id: str, peer: Peer) -> CatalogOffer:
        found = self._catalogs.offer_for(tx, offer_id, peer)
        if found is None:
            raise NotFound("there is no such offer", pointer="/offer/@id")
        if not found.is_current:
            raise OfferExpired("the offer was replaced: fetch the catalog again", pointer="/offer/@id")
        if n.dataset_id not in ("", found.asset_id):
            raise InvalidMessage("is an offer for another dataset", pointer="/offer/@id")
        return found

    def _context(self, n: Negotiation, peer: Peer, target: str) -> Context:
        return Context(
            now=self._room.clock.now(),
            scope=Scope.NEGOTIATION,
            target=target,
            recipient=peer.participant_id,
            assigner=n.our_id,
            deferred=BEFORE_AGREEMENT,
        )

    def _take_agreement(self, tx: Tx, n: Negotiation, message: ContractAgreement, peer: Peer) -> Negotiation:
        """The provider's agreement must be what we asked for, or accepted, and signed by it."""
        policy, now = message.agreement, self._room.clock.now()
        try:
            for name, wanted in (("assigner", n.peer), ("assignee", n.our_id), ("target", n.dataset_id)):
                found = policy.get(name)
                found = found.get("@id") if isinstance(found, Mapping) else found
                if found != wanted:
                    raise PolicyDiffers(f"is {found!r:.120}, agreed was {wanted!r:.120}", pointer=f"/{name}")
            contract.check_equal(n.offer, policy)
        except ConnectorError as error:
            raise Refused(error, Step(NegotiationAct.TERMINATE, error.reason_code, str(error))) from error
        parties = Parties(peer.participant_id, n.our_id, n.id, message.provider_pid)
        dataset = Dataset(n.dataset_id, 0, "")
        if message.token and peer.document is not None:
            claims = contract.check(message.token, contract.AGREEMENT, peer.document, policy, parties, now)
            dataset = Dataset.read(claims.get("dataset"), n.dataset_id)
        elif peer.kind is PeerKind.DID and self._terms.require_signatures:
            raise TokenInvalid("the agreement is not signed", pointer="/contractToken")
        agreement = self._agreement(n, policy, dataset, message.provider_pid, message.token, peer)
        if tx.agreements.get(agreement.id) is not None:
            raise InvalidMessage("was used for another agreement", pointer="/agreement/@id")
        tx.agreements.add(agreement)
        return replace(n, agreement_id=agreement.id)

    def _agreement(
        self,
        n: Negotiation,
        policy: Mapping[str, Any],
        dataset: Dataset,
        provider_pid: str,
        token: str,
        peer: Peer | None,
    ) -> Agreement:
        now = self._room.clock.now()
        documents = {peer.participant_id: dict(peer.document.source)} if peer and peer.document else {}
        consumer_pid = n.id if n.role is Role.CONSUMER else n.peer_pid
        return Agreement(
            id=str(policy["@id"]),
            negotiation_id=n.id,
            role=n.role,
            peer=n.peer,
            our_id=n.our_id,
            address=n.address,
            dataset_id=n.dataset_id,
            dataset_version=dataset.version,
            dataset_sha256=dataset.sha256,
            policy=dict(policy),
            consumer_pid=consumer_pid,
            provider_pid=provider_pid,
            offer_token=n.offer_token,
            agreement_token=token,
            verification_token="",
            withdrawal_token="",
            documents=documents,
            is_final=False,
            signed_at=now,
            ends_at=ends_at(read(policy).policy, now),
            withdrawn_at=None,
            withdrawn_by="",
            withdrawal_reason="",
        )

    def _take_verification(
        self, tx: Tx, n: Negotiation, message: ContractVerification, peer: Peer
    ) -> Negotiation:
        agreement = self._its_agreement(tx, n)
        if message.token and peer.document is not None and agreement.agreement_token:
            parties = Parties(peer.participant_id, n.our_id, n.peer_pid, n.id)
            contract.check(
                message.token,
                contract.VERIFICATION,
                peer.document,
                agreement.policy,
                parties,
                self._room.clock.now(),
                agreement_token=agreement.agreement_token,
            )
        elif peer.kind is PeerKind.DID and self._terms.require_signatures:
            raise TokenInvalid("the verification is not signed", pointer="/contractToken")
        documents = dict(agreement.documents)
        if peer.document is not None:
            documents[peer.participant_id] = dict(peer.document.source)
        tx.agreements.save(replace(agreement, verification_token=message.token, documents=documents))
        return n

    def _its_agreement(self, tx: Tx, n: Negotiation) -> Agreement:
        agreement = tx.agreements.get(n.agreement_id)
        if agreement is None:
            raise Conflict(f"negotiation {n.id} has no agreement")
        return agreement

    def _finalise(self, tx: Tx, n: Negotiation) -> None:
        """From here on the contract holds."""
        agreement = self._its_agreement(tx, n)
        agreement = tx.agreements.save(replace(agreement, is_final=True))
        self._room.journal.write(
            tx,
            LeafKind.CONTRACT,
            agreement.id,
            {
                "negotiation": n.id,
                "dataset": agreement.dataset_id,
                "version": agreement.dataset_version,
                "signed": agreement.is_signed,
                "over": contract.over(agreement.agreement_token),
            },
        )
        if agreement.ends_at is not None:
            self._room.timers.set(tx, "contract-end", agreement.id, agreement.ends_at)

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
                token = self._sign_offer(tx, process)
                return process, ContractOffer(**pids, offer=process.offer, callback=callback, token=token)
            case NegotiationAct.ACCEPT:
                return process, ContractAccepted(**pids)
            case NegotiationAct.AGREE:
                return self._agree(tx, process, pids)
            case NegotiationAct.VERIFY:
                return self._verify(tx, process, pids)
            case NegotiationAct.FINALIZE:
                # The consumer may ask for data before its answer reaches us: the contract holds from here.
                self._finalise(tx, process)
                return process, ContractFinalized(**pids)
            case NegotiationAct.TERMINATE:
                reason = (step.reason,) if step.reason else ()
                return process, ContractTermination(**pids, code=step.code, reason=reason)
            case _:
                pass
        raise Conflict(f"{step.act} is no step of a negotiation")

    def _sign_offer(self, tx: Tx, n: Negotiation) -> str:
        if not self._signs_towards(n):
            return ""
        now = self._room.clock.now()
        dataset = self._catalogs.dataset(tx, n.dataset_id, str(n.offer.get("@id", "")))
        parties = Parties(n.our_id, n.peer, n.peer_pid, n.id)
        return self._tokens.bound_offer(n.offer, dataset, parties, now, now + self._terms.offer_valid)

    def _signs_towards(self, n: Negotiation) -> bool:
        return n.peer.startswith("did:") and n.our_id.startswith("did:")

    def _agree(self, tx: Tx, n: Negotiation, pids: dict[str, Any]) -> tuple[Negotiation, ContractAgreement]:
        now = self._room.clock.now()
        policy = {
            "@id": self._room.new_id(),
            "@type": "Agreement",
            **contract.rules(n.offer),
            "assigner": n.our_id,
            "assignee": n.peer,
            "target": n.dataset_id,
            "timestamp": iso(now),
        }
        dataset = self._catalogs.dataset(tx, n.dataset_id, str(n.offer.get("@id", "")))
        token = ""
        if self._signs_towards(n):
            parties = Parties(n.our_id, n.peer, n.peer_pid, n.id)
            token = self._tokens.agreement(policy, dataset, parties, now, self._room.journal.head(tx))
        tx.agreements.add(self._agreement(n, policy, dataset, n.id, token, None))
        n = replace(n, agreement_id=str(policy["@id"]))
        return n, ContractAgreement(**pids, agreement=policy, token=token)

    def _verify(
        self, tx: Tx, n: Negotiation, pids: dict[str, Any]
    ) -> tuple[Negotiation, ContractVerification]:
        agreement = self._its_agreement(tx, n)
        token = ""
        if agreement.agreement_token and self._signs_towards(n):
            dataset = Dataset(agreement.dataset_id, agreement.dataset_version, agreement.dataset_sha256)
            parties = Parties(n.our_id, n.peer, n.id, n.peer_pid)
            now, head = self._room.clock.now(), self._room.journal.head(tx)
            token = self._tokens.verification(
                agreement.policy, dataset, parties, now, head, agreement.agreement_token
            )
            tx.agreements.save(replace(agreement, verification_token=token))
        return n, ContractVerification(**pids, token=token)

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
            offer = {k: v for k, v in n.offer.items() if k not in contract.rules(n.offer)}
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
