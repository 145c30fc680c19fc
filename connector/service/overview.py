"""What the owner wants to see at a glance: what is public, who asked, what left, what waits."""

from __future__ import annotations

from typing import Any

from connector.errors import NotFound
from connector.model.contract import Agreement
from connector.model.ports import Clock
from connector.model.process import Approval, NegotiationState, Role
from connector.model.times import iso
from connector.policy import describe
from connector.store.api import Store
from connector.store.tables import Tx


class Overview:
    """Reads only."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def status(self) -> dict[str, Any]:
        """The whole picture as JSON: datasets, contracts, waiting, pulled data whose contract has ended."""
        return await self._store.read(self._status)

    def _status(self, tx: Tx) -> dict[str, Any]:
        now = self._clock.now()
        agreements = [a for a in tx.agreements.everything() if a.is_final]
        waiting = tx.negotiations.page(limit=1000, approval=Approval.WAITING.value)
        given = [self._contract(tx, a) for a in agreements if a.role is Role.PROVIDER]
        taken = [self._contract(tx, a) for a in agreements if a.role is Role.CONSUMER]
        totals = tx.uses.totals()
        return {
            "at": iso(now),
            "public": [
                {
                    "id": asset.id,
                    "version": asset.version,
                    "title": asset.description.get("title", {}),
                    "size": asset.size,
                    "offers": len(tx.catalog.current_of_asset(asset.id)),
                }
                for asset in tx.assets.all_current()
            ],
            "waiting": [
                {"id": n.id, "peer": n.peer, "dataset": n.dataset_id, "since": iso(n.updated_at)}
                for n in waiting
                if not n.is_over
            ],
            "unmade": [
                {
                    "id": n.id,
                    "peer": n.peer,
                    "dataset": n.dataset_id,
                    "at": iso(n.updated_at),
                    "reason": n.reason,
                    "by": "us" if n.reason_by is n.role else "them",
                }
                for n in tx.negotiations.page(limit=20, state=NegotiationState.TERMINATED.value)
            ],
            "given": given,
            "taken": taken,
            "ended": [c for c in taken if c["state"] != "holds"],
            "left": {"uses": totals["uses"], "bytes": totals["bytes_sent"]},
            "refused": [dict(r) for r in tx.refusals()[:50]],
        }

    def _contract(self, tx: Tx, a: Agreement) -> dict[str, Any]:
        used = tx.uses.totals_of_agreement(a.id)
        return {
            "id": a.id,
            "peer": a.peer,
            "dataset": a.dataset_id,
            "state": self.state_of(a),
            "signed": a.is_signed,
            "since": iso(a.signed_at),
            "until": iso(a.ends_at) if a.ends_at else None,
            "uses": used["uses"],
            "bytes": used["bytes_sent"],
            "last": used["last_at"],
        }

    def state_of(self, a: Agreement) -> str:
        """holds, withdrawn or ended."""
        if a.withdrawn_at is not None:
            return "withdrawn"
        return "ended" if a.ends_at is not None and a.ends_at <= self._clock.now() else "holds"

    async def contracts(self) -> list[dict[str, Any]]:
        """Every contract, newest last."""

        def work(tx: Tx) -> list[dict[str, Any]]:
            return [
                {**self._contract(tx, a), "role": a.role.value}
                for a in tx.agreements.everything()
                if a.is_final
            ]

        return await self._store.read(work)

    async def summary(self, agreement_id: str) -> dict[str, Any]:
        """One line of `contracts`, also for a contract that is not final yet.

        Raises:
            NotFound: no such contract.
        """
        a = await self.contract(agreement_id)
        found = await self._store.read(lambda tx: self._contract(tx, a))
        return {**found, "role": a.role.value}

    async def contract(self, agreement_id: str) -> Agreement:
        """One contract.

        Raises:
            NotFound: no such contract.
        """
        found = await self._store.read(lambda tx: tx.agreements.get(agreement_id))
        if found is None:
            raise NotFound(f"there is no contract {agreement_id}")
        return found

    async def withdrawal(self, agreement_id: str, peer: str) -> str:
        """The signed withdrawal of a contract with this peer.

        Raises:
            NotFound: there is none, or it is not this peer's: in the same words [D4].
        """
        found = await self._store.read(lambda tx: tx.agreements.get(agreement_id))
        if found is None or found.peer != peer or not found.withdrawal_token:
            raise NotFound("there is no such withdrawal")
        return found.withdrawal_token

    async def export(self, agreement_id: str, own_document: dict[str, Any]) -> dict[str, Any]:
        """Everything that proves a contract, in one JSON file (`madang contract verify` reads it).

        Raises:
            NotFound: no such contract.
        """
        a = await self.contract(agreement_id)
        documents = dict(a.documents)
        documents[a.our_id] = own_document
        tokens = {
            "offer": a.offer_token,
            "agreement": a.agreement_token,
            "verification": a.verification_token,
            "withdrawal": a.withdrawal_token,
        }
        return {
            "format": "madang-contract/1",
            "agreementId": a.id,
            "terms": {lang: describe(a.policy, lang) for lang in ("ko", "en")},
            "tokens": {name: token for name, token in tokens.items() if token},
            "didDocuments": documents,
            "policy": a.policy,
        }
