"""Making, checking and closing agreements: both signatures, and the row that proves the contract [D7]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from connector.errors import Conflict, ConnectorError, InvalidMessage, PolicyDiffers, TokenInvalid
from connector.ledger.log import LeafKind
from connector.model.contract import Agreement
from connector.model.identity import Peer, PeerKind
from connector.model.messages import ContractAgreement, ContractVerification
from connector.model.process import Negotiation, NegotiationAct, Role
from connector.model.times import iso
from connector.policy import ends_at
from connector.service import contract
from connector.service.catalog import Catalogs
from connector.service.contract import Dataset, Parties, Tokens
from connector.service.exchange import Refused, Room
from connector.service.extension import Step
from connector.service.reading import read
from connector.store.tables import Tx


class Agreeing:
    """The agreement of a negotiation, from either side."""

    def __init__(
        self,
        room: Room,
        tokens: Tokens,
        catalogs: Catalogs,
        *,
        require_signatures: bool,
        offer_valid: timedelta,
    ) -> None:
        self._room = room
        self._tokens = tokens
        self._catalogs = catalogs
        self._require_signatures = require_signatures
        self._offer_valid = offer_valid

    def take(self, tx: Tx, n: Negotiation, message: ContractAgreement, peer: Peer) -> Negotiation:
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
        elif peer.kind is PeerKind.DID and self._require_signatures:
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

    def take_verification(
        self, tx: Tx, n: Negotiation, message: ContractVerification, peer: Peer
    ) -> Negotiation:
        """The consumer's counter-signature over our agreement."""
        agreement = self.of(tx, n)
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
        elif peer.kind is PeerKind.DID and self._require_signatures:
            raise TokenInvalid("the verification is not signed", pointer="/contractToken")
        documents = dict(agreement.documents)
        if peer.document is not None:
            documents[peer.participant_id] = dict(peer.document.source)
        tx.agreements.save(replace(agreement, verification_token=message.token, documents=documents))
        return n

    def of(self, tx: Tx, n: Negotiation) -> Agreement:
        """The agreement of a negotiation."""
        agreement = tx.agreements.get(n.agreement_id)
        if agreement is None:
            raise Conflict(f"negotiation {n.id} has no agreement")
        return agreement

    def finalise(self, tx: Tx, n: Negotiation) -> None:
        """From here on the contract holds."""
        agreement = self.of(tx, n)
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

    def sign_offer(self, tx: Tx, n: Negotiation) -> str:
        """Our token for an offer within a negotiation; empty towards a peer that cannot check it."""
        if not self._signs_towards(n):
            return ""
        now = self._room.clock.now()
        dataset = self._catalogs.dataset(tx, n.dataset_id, str(n.offer.get("@id", "")))
        parties = Parties(n.our_id, n.peer, n.peer_pid, n.id)
        return self._tokens.bound_offer(n.offer, dataset, parties, now, now + self._offer_valid)

    def _signs_towards(self, n: Negotiation) -> bool:
        return n.peer.startswith("did:") and n.our_id.startswith("did:")

    def agree(self, tx: Tx, n: Negotiation, pids: dict[str, Any]) -> tuple[Negotiation, ContractAgreement]:
        """Make our agreement: its object, its token and its row, and the message that carries them."""
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

    def verify(
        self, tx: Tx, n: Negotiation, pids: dict[str, Any]
    ) -> tuple[Negotiation, ContractVerification]:
        """Counter-sign the provider's agreement."""
        agreement = self.of(tx, n)
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
