"""Endpoint data references: where the data of a started transfer is, and the token that opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from connector.errors import NotFound, PeerFailed, Unauthenticated
from connector.model.ports import Clock
from connector.model.process import Role, Transfer, TransferState
from connector.protocol.messages import endpoint_properties
from connector.service.consuming import Consuming
from connector.store.api import Store
from connector.store.tables import Tx

_EXPIRES_IN: Final = "https://w3id.org/tractusx/auth/expiresIn"
_EARLY: Final = timedelta(seconds=10)
"""A token this close to its end is taken as over: it has to survive the request it is for."""
_PAGE: Final = 500


@dataclass(frozen=True, slots=True)
class Reference:
    """A started transfer of ours as a consumer, with its endpoint's properties and its negotiation."""

    transfer: Transfer
    properties: dict[str, str]
    negotiation_id: str
    provider: str


class References:
    """The consumer's view on what it may fetch now."""

    def __init__(self, store: Store, clock: Clock, consuming: Consuming) -> None:
        self._store = store
        self._clock = clock
        self._consuming = consuming

    async def everything(self) -> list[Reference]:
        """The references of all transfers that are started, newest first."""

        def work(tx: Tx) -> list[Reference]:
            found: list[Reference] = []
            for offset in range(0, 1 << 31, _PAGE):
                page = tx.transfers.page(
                    limit=_PAGE, offset=offset, role=Role.CONSUMER.value, state=TransferState.STARTED.value
                )
                found += [self._reference(tx, t) for t in page if t.data_address]
                if len(page) < _PAGE:
                    break
            return found

        return await self._store.read(work)

    async def get(self, transfer_id: str, *, refresh: Callable[[Reference, datetime], bool]) -> Reference:
        """The reference of a transfer, with a new token if `refresh` asks for one (see `if_over`).

        Raises:
            NotFound: no such transfer of ours as a consumer, or it is not started.
            PeerFailed: the provider gave no new token.
        """
        found = await self._read(transfer_id)
        if refresh(found, self._clock.now()):
            try:
                await self._consuming.refreshed(found.transfer, found.properties)
            except Unauthenticated as error:  # of the provider: our own caller showed the right key
                raise PeerFailed(str(error), code=error.reason_code) from error
            found = await self._read(transfer_id)
        return found

    async def _read(self, transfer_id: str) -> Reference:
        def work(tx: Tx) -> Reference:
            transfer = tx.transfers.get(transfer_id)
            if transfer is None or not _is_open(transfer):
                raise NotFound(f"there is no endpoint data reference for {transfer_id}")
            return self._reference(tx, transfer)

        return await self._store.read(work)

    def _reference(self, tx: Tx, transfer: Transfer) -> Reference:
        agreement = tx.agreements.get(transfer.agreement_id)
        return Reference(
            transfer,
            endpoint_properties(transfer.data_address),
            agreement.negotiation_id if agreement else "",
            agreement.provider if agreement else transfer.peer,
        )

    async def forget(self, transfer_id: str) -> None:
        """Throw the token of a transfer away; the next pull asks for a new transfer.

        Raises:
            NotFound: there is none.
        """

        def work(tx: Tx) -> None:
            transfer = tx.transfers.get(transfer_id)
            if transfer is None or not _is_open(transfer):
                raise NotFound(f"there is no endpoint data reference for {transfer_id}")
            tx.transfers.save(replace(transfer, data_address={}, updated_at=self._clock.now()))

        await self._store.transact(work)


def _is_open(transfer: Transfer) -> bool:
    is_started = transfer.role is Role.CONSUMER and transfer.state is TransferState.STARTED
    return is_started and bool(transfer.data_address)


def never(_reference: Reference, _now: datetime) -> bool:
    """Take the token as it is."""
    return False


def always(_reference: Reference, _now: datetime) -> bool:
    """Get a new token in any case."""
    return True


def if_over(reference: Reference, now: datetime) -> bool:
    """Get a new token if the one at hand says that it is over, or nearly."""
    seconds = reference.properties.get(_EXPIRES_IN, "")
    if not seconds.isascii() or not seconds.isdecimal() or len(seconds) > 9:
        return False
    return now >= reference.transfer.updated_at + timedelta(seconds=int(seconds)) - _EARLY
