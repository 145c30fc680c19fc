"""What one caller may read of the catalog outside the protocol: datasets, and what is left of old ones.

The same rule as the catalog of the protocol [D4]: the access policy alone says what is visible;
without a visible offer a dataset exists nowhere for that caller. A caller is a participant, or
None for anybody who has not shown who it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from connector.errors import NotFound
from connector.ledger.log import LeafKind
from connector.model.catalog import Asset, CatalogOffer, Tombstone
from connector.service.catalog import Catalogs
from connector.service.journal import Journal
from connector.store.api import Store
from connector.store.tables import Tx


@dataclass(frozen=True, slots=True)
class Shown:
    """A dataset with the offers that the caller may see; `previous` is the version before it, 0 if none."""

    asset: Asset
    offers: tuple[CatalogOffer, ...]
    previous: int


@dataclass(frozen=True, slots=True)
class ShownPage:
    """Some datasets, and where the pages beside them begin (None: nowhere)."""

    datasets: tuple[Shown, ...]
    after: int | None
    before: int | None


@dataclass(frozen=True, slots=True)
class Ended:
    """A version that is not offered any more.

    `is_replaced`: another one of the same dataset is. `is_last`: it was the last one that was offered,
    so that its end is the end of the dataset.
    """

    tombstone: Tombstone
    is_replaced: bool
    is_last: bool


class Showing:
    """Reads the catalog for a caller. What a participant reads is a leaf in the ledger: see `tell`."""

    def __init__(self, store: Store, catalogs: Catalogs, journal: Journal, *, page_size: int) -> None:
        self._store = store
        self._catalogs = catalogs
        self._journal = journal
        self._page_size = page_size

    async def view(self, participant: str | None) -> tuple[int, tuple[str, ...]]:
        """What an answer depends on: the state of the catalog, and the access policies that let through."""
        generation = self._catalogs.generation
        digests = await self._store.read(lambda tx: tuple(self._catalogs.visible(tx, participant)))
        return generation, digests

    async def page(self, participant: str | None, *, after: int = 0, before: int | None = None) -> ShownPage:
        """One page of what the caller may see."""

        def look(tx: Tx) -> ShownPage:
            return self._page(tx, participant, after, before)

        page = await self._store.read(look)
        if await self._renew(page.datasets):
            page = await self._store.read(look)
        return page

    async def everything(self, participant: str | None) -> AsyncIterator[ShownPage]:
        """Everything that the caller may see, page by page."""
        after: int | None = 0
        while after is not None:
            page = await self.page(participant, after=after)
            yield page
            after = page.after

    async def find(self, participant: str | None, names: Sequence[str], version: int = 0) -> Shown | Ended:
        """The dataset that goes by one of the names; a version of 0 is the one that is offered now.

        Raises:
            NotFound: there is none, or none that the caller may know of.
        """

        def look(tx: Tx) -> Shown | Ended | None:
            found = (self._find(tx, participant, name, version) for name in names)
            return next((one for one in found if one is not None), None)

        found = await self._store.read(look)
        if isinstance(found, Shown) and await self._renew([found]):
            found = await self._store.read(look)
        if found is None:
            raise NotFound("there is no such dataset")
        return found

    def _page(self, tx: Tx, participant: str | None, after: int, before: int | None) -> ShownPage:
        digests = self._catalogs.visible(tx, participant)
        size = self._page_size
        if before is not None:
            rows = tx.catalog.page_before(digests, before, size + 1)
            more, has_before = True, len(rows) > size
            rows = rows[-size:]
        else:
            rows = tx.catalog.page_after(digests, after, size + 1)
            more, has_before = len(rows) > size, after > 0
            rows = rows[:size]
        found = (self._shown(tx, str(row["asset_id"]), digests) for row in rows)
        return ShownPage(
            tuple(one for one in found if one is not None),
            after=int(rows[-1]["seq"]) if more and rows else None,
            before=int(rows[0]["seq"]) if has_before and rows else None,
        )

    def _shown(self, tx: Tx, asset_id: str, digests: Sequence[str]) -> Shown | None:
        asset = tx.assets.current(asset_id)
        standing = tx.catalog.current_of_asset(asset_id) if asset is not None else []
        # The same offer may stand under several definitions: it is one offer to whoever reads it.
        offers = {offer.id: offer for offer in standing if offer.access_digest in digests}
        if asset is None or not offers:
            return None
        return Shown(asset, tuple(offers.values()), tx.tombstones.before(asset_id, asset.version))

    def _find(self, tx: Tx, participant: str | None, asset_id: str, version: int) -> Shown | Ended | None:
        if tx.catalog.dataset(asset_id) is not None:
            # It stands: whoever does not see it now learns nothing of what it was before either.
            shown = self._shown(tx, asset_id, self._catalogs.visible(tx, participant))
            if shown is None or version in (0, shown.asset.version):
                return shown
            old = tx.tombstones.of_version(asset_id, version)
            return Ended(old, is_replaced=True, is_last=False) if old is not None else None
        newest = tx.tombstones.newest(asset_id)
        if newest is None or not self._catalogs.could_see(newest, participant):
            return None
        old = tx.tombstones.of_version(asset_id, version) if version else newest
        return Ended(old, is_replaced=False, is_last=old == newest) if old is not None else None

    async def _renew(self, datasets: Sequence[Shown]) -> bool:
        """Sign anew what ends soon, as the protocol's catalog does; whether anything was."""
        due = {o.id for shown in datasets for o in shown.offers if self._catalogs.is_due(o)}

        def work(tx: Tx) -> None:
            for offer_id in due:
                self._catalogs.renew(tx, offer_id)

        if due:
            await self._store.transact(work)
        return bool(due)

    async def tell(self, participant: str | None, subject: str, datasets: int) -> None:
        """Write down that a participant read about so many datasets; durable when this returns [D14]."""
        if participant is not None:
            data = {"datasets": datasets}
            await self._store.transact(
                lambda tx: self._journal.write(tx, LeafKind.CATALOG, subject, data, actor=participant)
            )
