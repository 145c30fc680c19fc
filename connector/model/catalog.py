"""What a provider offers: assets, policies, contract definitions, and the offers they make."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

HTTP: Final = "http"
"""The kind of a source that is an address elsewhere."""


class ApprovalMode(StrEnum):
    """Who decides about a request for an offer."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Asset:
    """One version of a dataset. Contracts name a version and keep it.

    `source` says where the bytes are (never published); `description` is the
    self-description the owner gave, from which every RDF form is made.
    """

    id: str
    version: int
    properties: dict[str, Any]
    private_properties: dict[str, Any]
    source: dict[str, Any]
    description: dict[str, Any]
    sha256: str
    size: int
    is_current: bool
    created_at: datetime

    @property
    def is_served(self) -> bool:
        """Whether its bytes can be pulled here; an HTTP address is described, and not served."""
        return self.source.get("kind") != HTTP


@dataclass(frozen=True, slots=True)
class PolicyDefinition:
    """A stored policy, used for access or for contracts."""

    id: str
    policy: dict[str, Any]
    private_properties: dict[str, Any]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class ContractDefinition:
    """Which assets are offered to whom (access policy) on what terms (contract policy)."""

    id: str
    access_policy_id: str
    contract_policy_id: str
    selector: list[Any]
    private_properties: dict[str, Any]
    approval: ApprovalMode
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CatalogOffer:
    """One offer that stands in the catalog, ready to be sent.

    `id` is stable for (dataset version, policy digest); the token is renewed before it expires.
    """

    id: str
    asset_id: str
    asset_version: int
    definition_id: str
    access_digest: str
    access_policy: dict[str, Any]
    policy: dict[str, Any]
    policy_digest: str
    approval: ApprovalMode
    token: str
    token_expires_at: datetime
    rendered: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Tombstone:
    """A version of a dataset that stood in the catalog and stands there no more.

    `access` holds the access policies of its last offers: who could see it then may learn that it ended.
    """

    asset_id: str
    version: int
    access: list[Any]
    ended_at: datetime
