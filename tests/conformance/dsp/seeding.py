"""What the connector under test has to hold before the first scenario: datasets, offers, contracts.

The rows are those that publishing and negotiating leave, with the ids that the
scenarios name. No bytes lie behind the datasets: the scenarios end before any move.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final

from connector.model.canonical import digest
from connector.model.catalog import ApprovalMode, Asset, CatalogOffer, ContractDefinition, PolicyDefinition
from connector.model.contract import Agreement
from connector.model.names import DATA_FORMAT, EDC
from connector.model.process import Role
from connector.model.times import iso
from connector.store.tables import Tx
from tests.conformance.dsp.table import AGREEMENTS, DATASETS, SeededAgreement, SeededDataset

DEFINITION: Final = "CD123"
POLICY: Final = "open-use"
RULES: Final[dict[str, Any]] = {"permission": [{"action": "use"}]}
LONG: Final = timedelta(days=365)


def seed(tx: Tx, now: datetime, *, peer: str, our_id: str, address: str, service_id: str) -> None:
    """Put everything in; what is there already stays.

    Args:
        peer: the participant id of the suite, `our_id` ours towards it, `address` its DSP base.
        service_id: `@id` of the data service that the distributions refer to.
    """
    tx.policies.add(PolicyDefinition(POLICY, {"@id": POLICY, "@type": "Set", **RULES}, {}, now))
    automatic = ApprovalMode.AUTOMATIC
    tx.definitions.add(ContractDefinition(DEFINITION, POLICY, POLICY, [], {}, automatic, now))
    for dataset in DATASETS:
        if tx.assets.current(dataset.id) is None:
            _publish(tx, dataset, now, service_id)
    for agreement in AGREEMENTS:
        if tx.agreements.get(agreement.id) is None:
            tx.agreements.add(_contract(agreement, now, peer, our_id, address))


def _publish(tx: Tx, dataset: SeededDataset, now: datetime, service_id: str) -> None:
    properties = {EDC + "id": dataset.id, EDC + "name": dataset.id}
    description = {"title": {"ko": f"적합성 시험 {dataset.id}", "en": f"Conformance test {dataset.id}"}}
    tx.assets.add(Asset(dataset.id, 1, properties, {}, {}, description, "", 0, True, now))
    policy = {"@id": dataset.offer_id, "@type": "Offer", **RULES}
    offer = CatalogOffer(
        id=dataset.offer_id,
        asset_id=dataset.id,
        asset_version=1,
        definition_id=DEFINITION,
        access_digest=digest(RULES),
        access_policy={"@id": POLICY, "@type": "Set", **RULES},
        policy=policy,
        policy_digest=digest(RULES),
        approval=ApprovalMode.AUTOMATIC,
        token="",
        token_expires_at=now + LONG,
        rendered=json.dumps(policy),
        is_current=True,
    )
    tx.catalog.add(offer)
    distribution = {"@type": "Distribution", "format": DATA_FORMAT, "accessService": service_id}
    head = {"@id": dataset.id, "@type": "Dataset", "distribution": [distribution]}
    tx.catalog.put_dataset(dataset.id, 1, json.dumps(head))


def _contract(seeded: SeededAgreement, now: datetime, peer: str, our_id: str, address: str) -> Agreement:
    provider, consumer = (our_id, peer) if seeded.provides else (peer, our_id)
    policy = {
        "@id": seeded.id,
        "@type": "Agreement",
        **RULES,
        "target": seeded.dataset_id,
        "assigner": provider,
        "assignee": consumer,
        "timestamp": iso(now),
    }
    return Agreement(
        id=seeded.id,
        negotiation_id=f"urn:negotiation:{seeded.id}",
        role=Role.PROVIDER if seeded.provides else Role.CONSUMER,
        peer=peer,
        our_id=our_id,
        address=address,
        dataset_id=seeded.dataset_id,
        dataset_version=1,
        dataset_sha256="",
        policy=policy,
        consumer_pid=f"urn:consumer:{seeded.id}",
        provider_pid=f"urn:provider:{seeded.id}",
        offer_token="",
        agreement_token="",
        verification_token="",
        withdrawal_token="",
        documents={},
        is_final=True,
        signed_at=now,
        ends_at=None,
        withdrawn_at=None,
        withdrawn_by="",
        withdrawal_reason="",
    )
