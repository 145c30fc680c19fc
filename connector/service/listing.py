"""What there is, one by one and in lists, for whoever manages this connector."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final, TypeVar

from connector.errors import Conflict, NotFound
from connector.model.catalog import Asset, ContractDefinition, PolicyDefinition
from connector.model.contract import Agreement
from connector.model.process import Approval, Negotiation, NegotiationState, Transfer
from connector.store.api import Store
from connector.store.tables import Tx

T = TypeVar("T")
_PAGE: Final = 500


class Listing:
    """Assets, policies, definitions, processes and contracts.

    Processes and contracts come newest first and a few hundred at a time, so that a long list
    holds nobody else up.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    async def assets(self) -> list[Asset]:
        """Every asset's current version, oldest first."""
        return await self._store.read(lambda tx: tx.assets.all_current())

    async def asset(self, asset_id: str) -> Asset:
        """One asset's current version; NotFound if there is none."""
        return _found(await self._store.read(lambda tx: tx.assets.current(asset_id)), f"asset {asset_id}")

    async def policies(self) -> list[PolicyDefinition]:
        """Every policy definition, oldest first."""
        return await self._store.read(lambda tx: tx.policies.everything())

    async def policy(self, policy_id: str) -> PolicyDefinition:
        """One policy definition; NotFound if there is none."""
        return _found(await self._store.read(lambda tx: tx.policies.get(policy_id)), f"policy {policy_id}")

    async def definitions(self) -> list[ContractDefinition]:
        """Every contract definition, oldest first."""
        return await self._store.read(lambda tx: tx.definitions.everything())

    async def definition(self, definition_id: str) -> ContractDefinition:
        """One contract definition; NotFound if there is none."""
        found = await self._store.read(lambda tx: tx.definitions.get(definition_id))
        return _found(found, f"contract definition {definition_id}")

    def negotiations(self) -> AsyncIterator[Negotiation]:
        """Every negotiation, newest first."""
        return self._each(lambda tx, offset: tx.negotiations.page(limit=_PAGE, offset=offset))

    async def some_negotiations(self, limit: int, offset: int) -> list[Negotiation]:
        """One page of them."""
        return await self._store.read(lambda tx: tx.negotiations.page(limit=limit, offset=offset))

    def transfers(self) -> AsyncIterator[Transfer]:
        """Every transfer, newest first."""
        return self._each(lambda tx, offset: tx.transfers.page(limit=_PAGE, offset=offset))

    async def some_transfers(self, limit: int, offset: int) -> list[Transfer]:
        """One page of them."""
        return await self._store.read(lambda tx: tx.transfers.page(limit=limit, offset=offset))

    def agreements(self) -> AsyncIterator[Agreement]:
        """Every agreement, newest first; also those that are not final yet."""
        return self._each(lambda tx, offset: tx.agreements.page(limit=_PAGE, offset=offset))

    async def some_agreements(self, limit: int, offset: int) -> list[Agreement]:
        """One page of them."""
        return await self._store.read(lambda tx: tx.agreements.page(limit=limit, offset=offset))

    async def agreement(self, agreement_id: str) -> Agreement:
        """One agreement; NotFound if there is none."""
        found = await self._store.read(lambda tx: tx.agreements.get(agreement_id))
        return _found(found, f"agreement {agreement_id}")

    async def transfers_of(self, agreement_id: str) -> list[Transfer]:
        """The transfers under an agreement, oldest first."""
        return await self._store.read(lambda tx: tx.transfers.of_agreement(agreement_id))

    async def inbox(self) -> list[Negotiation]:
        """The negotiations that wait for a decision of ours, newest first."""
        waiting = Approval.WAITING.value
        found = await self._store.read(lambda tx: tx.negotiations.page(limit=1000, approval=waiting))
        return [n for n in found if not n.is_over]

    async def delete_negotiation(self, negotiation_id: str) -> None:
        """Forget a negotiation that came to nothing; its leaves stay in the ledger.

        Raises:
            NotFound: there is none of that id.
            Conflict: it is under way, or led to a contract.
        """

        def work(tx: Tx) -> None:
            found = _found(tx.negotiations.get(negotiation_id), f"negotiation {negotiation_id}")
            if found.agreement_id or found.state is not NegotiationState.TERMINATED:
                raise Conflict("only a terminated negotiation without a contract can be deleted")
            if tx.outbox.of_process(negotiation_id):
                raise Conflict("the partner has not been told yet that it is over")
            tx.negotiations.delete(negotiation_id)

        await self._store.transact(work)

    async def _each(self, page: Callable[[Tx, int], list[T]]) -> AsyncIterator[T]:
        offset = 0

        def read(tx: Tx) -> list[T]:
            return page(tx, offset)

        while True:
            found = await self._store.read(read)
            for one in found:
                yield one
            if len(found) < _PAGE:
                return
            offset += _PAGE
            await asyncio.sleep(0)


def _found(value: T | None, what: str) -> T:
    if value is None:
        raise NotFound(f"there is no {what}")
    return value
