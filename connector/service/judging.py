"""Deciding, as far as a machine may, about what a peer asks for or offers [D6, D8].

A request that equals an offer of ours with automatic approval is approved, one
that the policy refuses is refused, and everything else waits for a person.
"""

from __future__ import annotations

from dataclasses import replace

from connector.errors import InvalidMessage, NotFound, OfferExpired, TokenInvalid
from connector.ledger.log import LeafKind
from connector.model.catalog import ApprovalMode, CatalogOffer
from connector.model.identity import Peer
from connector.model.messages import ContractOffer, ContractRequest
from connector.model.ports import Clock
from connector.model.process import Approval, Negotiation, Role
from connector.policy import BEFORE_AGREEMENT, Context, Scope, equal
from connector.service import contract
from connector.service.catalog import Catalogs
from connector.service.contract import Parties
from connector.service.journal import Journal
from connector.service.reading import read
from connector.store.tables import Tx


class Judging:
    """What becomes of a request or an offer by itself."""

    def __init__(self, clock: Clock, journal: Journal, catalogs: Catalogs) -> None:
        self._clock = clock
        self._journal = journal
        self._catalogs = catalogs

    def judge(
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
        now = self._clock.now()
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
        self._journal.write(
            tx,
            LeafKind.DECISION,
            n.id,
            {"scope": "negotiation", "code": decision.code, "approval": approval.value, "offer": offer.id},
        )
        kept = {k: v for k, v in asked.items() if k not in contract.RULES}
        return replace(
            n,
            offer=kept | contract.rules(asked),
            dataset_id=offer.asset_id,
            approval=approval,
            reason=reason,
            offer_token="",
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
            now=self._clock.now(),
            scope=Scope.NEGOTIATION,
            target=target,
            recipient=peer.participant_id,
            assigner=n.our_id,
            deferred=BEFORE_AGREEMENT,
        )
