"""A large catalog, put into the store the way the services do it, without ten thousand files."""

from __future__ import annotations

from typing import Any

from connector.model.catalog import ApprovalMode, Asset, ContractDefinition, PolicyDefinition
from connector.model.names import EDC
from connector.protocol.messages import CONTEXT
from connector.service.node import Node

__all__ = ["CONTEXT", "fill"]
_RULES = {"permission": [{"action": "use"}]}
_BATCH = 500


def _asset(node: Node, number: int) -> Asset:
    name = f"shots-{number:05}"
    return Asset(
        id=f"{node.public_url}/datasets/{name}",
        version=1,
        properties={EDC + "name": name, EDC + "contenttype": "text/csv"},
        private_properties={},
        source={},
        description={
            "title": {"ko": f"사출 성형 이력 {number}", "en": f"Moulding shots {number}"},
            "media_type": "text/csv",
        },
        sha256=f"{number:064x}",
        size=4096 + number,
        is_current=True,
        created_at=node.clock.now(),
    )


async def fill(node: Node, count: int) -> int:
    """Add so many datasets under one open offer each, signed; returns how many stand in the catalog."""
    policy = PolicyDefinition("open", {"@id": "open", "@type": "Set", **_RULES}, {}, node.clock.now())
    definition = ContractDefinition("all", "open", "open", [], {}, ApprovalMode.AUTOMATIC, node.clock.now())

    def begin(tx: Any) -> None:
        tx.policies.add(policy)
        tx.definitions.add(definition)

    def add(tx: Any, assets: list[Asset]) -> None:
        for asset in assets:
            tx.assets.add(asset)
        node.catalogs.refresh(tx, [asset.id for asset in assets])

    await node.store.transact(begin)
    for first in range(0, count, _BATCH):
        assets = [_asset(node, n) for n in range(first, min(first + _BATCH, count))]
        await node.store.transact(lambda tx, assets=assets: add(tx, assets))  # type: ignore[misc]
    return await node.store.read(lambda tx: tx.catalog.dataset_count())
