"""A provider's own initiative: offering a dataset of ours to a partner that has not asked."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from connector.errors import NotFound
from connector.model.ports import RandomBytes
from connector.model.process import Negotiation
from connector.service.negotiation import Counterparty, Negotiations
from connector.service.publishing import Publishing
from connector.store.api import Store
from connector.store.tables import Tx


class Offering:
    """Provider-initiated negotiations (DSP 2025-1 §7.2.2)."""

    def __init__(
        self, store: Store, random: RandomBytes, publishing: Publishing, negotiations: Negotiations
    ) -> None:
        self._store = store
        self._random = random
        self._publishing = publishing
        self._negotiations = negotiations

    async def offer(self, other: Counterparty, name: str, rules: Mapping[str, Any] | None) -> Negotiation:
        """Offer a dataset, by id or short name, on these terms or on those of its first offer.

        Raises:
            NotFound: we publish no such dataset, or it has no offer and no terms are given.
        """
        offer = await self._store.read(lambda tx: self._compose(tx, name, rules))
        return await self._negotiations.offer(other, offer)

    def _compose(self, tx: Tx, name: str, rules: Mapping[str, Any] | None) -> dict[str, Any]:
        asset = tx.assets.current(name) or tx.assets.current(self._publishing.iri(name))
        if asset is None:
            raise NotFound(f"we publish no dataset {name}", pointer="dataset")
        if rules is not None:
            new_id = uuid.UUID(bytes=self._random(16), version=4)
            return {**rules, "@id": f"urn:uuid:{new_id}", "target": asset.id}
        standing = tx.catalog.current_of_asset(asset.id)
        if not standing:
            raise NotFound(f"{name} has no offer in the catalog; say the terms", pointer="policy")
        return {**standing[0].policy, "target": asset.id}
