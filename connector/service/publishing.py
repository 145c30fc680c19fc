"""Publishing: a file or folder becomes an asset, two policies and a definition, in one transaction.

Repeated with the same content it changes nothing; with other content it makes
a new version, and contracts keep theirs [D16].
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from connector.dataplane.sources.api import SourceDescription
from connector.errors import BadInput, DescriptionInvalid, NotFound
from connector.ledger.log import LeafKind
from connector.model.canonical import digest
from connector.model.catalog import ApprovalMode, Asset, ContractDefinition, PolicyDefinition
from connector.model.names import EDC, ODRL
from connector.model.ports import Clock
from connector.policy import Templates, describe, enforcement, parse
from connector.service.catalog import Catalogs
from connector.service.describing import Describing
from connector.service.journal import Journal
from connector.store.api import Store
from connector.store.tables import Tx

_ID: Final = re.compile(r"[\w.\-]{1,120}", re.ASCII)
_IRI: Final = re.compile(r"[^\x00-\x20<>\"{}|^`\\]{5,2000}")


class Inspect(Protocol):
    """Reads a file or folder once, locally."""

    async def __call__(self, path: Path) -> SourceDescription:
        """What it is.

        Raises:
            SourceInvalid: it cannot be published as it is.
        """
        ...


@dataclass(frozen=True, slots=True)
class Wish:
    """What the owner wants to publish, and how."""

    path: Path
    templates: Sequence[str] = ()
    params: Mapping[str, str] = field(default_factory=dict)
    policy: Mapping[str, Any] | None = None
    """Instead of templates: the rules themselves."""
    visible_to: Sequence[str] = ()
    """DIDs that may see it; empty: everybody."""
    id: str = ""
    description: Mapping[str, Any] = field(default_factory=dict)
    approval: ApprovalMode = ApprovalMode.AUTOMATIC


@dataclass(frozen=True, slots=True)
class Published:
    """What came of it. `outcome` is created, updated or unchanged."""

    id: str
    version: int
    outcome: str
    sha256: str
    size: int
    offers: tuple[str, ...]
    terms: Mapping[str, str]
    enforcement: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]


class Publishing:
    """The provider's use cases around what is offered."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        journal: Journal,
        catalogs: Catalogs,
        describing: Describing,
        inspect: Inspect,
        templates: Templates,
        *,
        public_url: str,
    ) -> None:
        self._store = store
        self._clock = clock
        self._journal = journal
        self._catalogs = catalogs
        self._describing = describing
        self._inspect = inspect
        self._templates = templates
        self._public_url = public_url

    @property
    def templates(self) -> Templates:
        """The policy templates."""
        return self._templates

    def iri(self, name: str) -> str:
        """The dataset's id, which is its address too.

        Raises:
            BadInput: the name cannot stand in an address.
        """
        if name.startswith((self._public_url, "urn:", "http://", "https://")):
            if not _IRI.fullmatch(name):
                raise BadInput("is no IRI: no spaces, quotes, brackets or control characters", pointer="id")
            return name
        if not _ID.fullmatch(name) or not name.strip("."):  # "." and ".." are no names in an address
            raise BadInput("an id has letters, digits, dot, dash and underscore only", pointer="id")
        return f"{self._public_url}/datasets/{quote(name)}"

    async def publish(self, wish: Wish) -> Published:
        """Publish a file or folder under terms.

        Raises:
            BadInput, PolicyInvalid: the wish cannot be read.
            SourceInvalid: the source cannot be published as it is.
            DescriptionInvalid: the description lacks something; the message says what in plain words.
        """
        rules = dict(wish.policy) if wish.policy is not None else self._build(wish)
        parse({"@id": "urn:wish", "@type": "Set", **rules})
        found = await self._inspect(wish.path)
        asset_id = self.iri(wish.id or _slug(wish.path))
        access = _access(wish.visible_to)
        asset = self._asset(asset_id, wish, found)
        await self._check(asset, rules)
        return await self._store.transact(lambda tx: self._commit(tx, wish, asset, access, rules, found))

    def _build(self, wish: Wish) -> dict[str, Any]:
        if not wish.templates:
            raise BadInput(
                "terms are needed: nothing is given away by default",
                pointer="policy",
                hint="`--policy open-use` lets anybody use it; `madang publish --help` lists the others",
            )
        return self._templates.build(wish.templates, wish.params)

    def _asset(self, asset_id: str, wish: Wish, found: SourceDescription) -> Asset:
        description = self._describing.complete(dict(wish.description), found)
        properties = {
            EDC + "id": asset_id,
            EDC + "name": str(description["title"].get("ko") or description["title"].get("en") or found.name),
            EDC + "contenttype": found.media_type,
        }
        return Asset(
            id=asset_id,
            version=0,
            properties=properties,
            private_properties={},
            source=found.as_json(),
            description=description,
            sha256=found.sha256,
            size=found.size,
            is_current=True,
            created_at=self._clock.now(),
        )

    async def _check(self, asset: Asset, rules: Mapping[str, Any]) -> None:
        findings = await self._describing.check(asset, rules)
        if findings:
            first = findings[0]
            raise DescriptionInvalid(
                first.sentence("en"),
                pointer=first.path,
                extra={"findings": [{"ko": f.sentence("ko"), "en": f.sentence("en")} for f in findings]},
            )

    def _commit(
        self,
        tx: Tx,
        wish: Wish,
        asset: Asset,
        access: dict[str, Any],
        rules: dict[str, Any],
        found: SourceDescription,
    ) -> Published:
        now = self._clock.now()
        current = tx.assets.current(asset.id)
        same_asset = current is not None and _same(current, asset)
        if current is not None and not wish.id and current.source.get("name") != asset.source["name"]:
            raise BadInput(
                f"another file, {current.source.get('name')}, is published under this id",
                pointer="id",
                hint="choose one with --id; to publish a new version of that dataset, name its id",
            )
        version = current.version if current and same_asset else tx.assets.newest_version(asset.id) + 1
        key = asset.id.rpartition("/")[2]
        access_id, terms_id = f"{key}-access", f"{key}-terms"
        definition = ContractDefinition(
            id=f"{key}-offer",
            access_policy_id=access_id,
            contract_policy_id=terms_id,
            selector=[{"operandLeft": EDC + "id", "operator": "=", "operandRight": asset.id}],
            private_properties={},
            approval=wish.approval,
            created_at=now,
        )
        known = tx.definitions.get(definition.id)
        same_terms = (
            known is not None
            and known.approval is wish.approval
            and _policy_is(tx, access_id, access)
            and _policy_is(tx, terms_id, rules)
        )
        outcome = "unchanged" if same_asset and same_terms else "updated" if current else "created"
        if outcome != "unchanged":
            if not same_asset:
                tx.assets.retire(asset.id)
                tx.assets.add(replace(asset, version=version))
            for policy_id, policy in ((access_id, access), (terms_id, rules)):
                body = {"@id": policy_id, "@type": "Set", **policy}
                tx.policies.add(PolicyDefinition(policy_id, body, {}, now))
            tx.definitions.add(definition)
            self._catalogs.refresh(tx, [asset.id])
            self._journal.write(
                tx,
                LeafKind.PUBLISH,
                asset.id,
                {"version": version, "sha256": asset.sha256, "policy": digest(rules), "outcome": outcome},
            )
        offers = tuple(o.id for o in tx.catalog.current_of_asset(asset.id))
        body = {"@id": terms_id, "@type": "Set", **rules}
        return Published(
            id=asset.id,
            version=version,
            outcome=outcome,
            sha256=asset.sha256,
            size=asset.size,
            offers=offers,
            terms={lang: describe(body, lang) for lang in ("ko", "en")},
            enforcement=tuple(e.to_json() for e in enforcement(body)),
            notes=found.notes,
        )

    async def unpublish(self, name: str) -> str:
        """Take a dataset out of the catalog; contracts go on. Returns its id.

        Raises:
            NotFound: it is not published.
        """
        asset_id = self.iri(name)

        def work(tx: Tx) -> str:
            if tx.assets.current(asset_id) is None:
                raise NotFound(f"{name} is not published")
            tx.assets.retire(asset_id)
            self._catalogs.refresh(tx, [asset_id])
            self._journal.write(tx, LeafKind.UNPUBLISH, asset_id, {})
            return asset_id

        return await self._store.transact(work)

    async def republish(self, name: str) -> str:
        """Put the newest version of an unpublished dataset back into the catalog. Returns its id.

        Raises:
            NotFound: it was never published.
        """
        asset_id = self.iri(name)

        def work(tx: Tx) -> str:
            version = tx.assets.newest_version(asset_id)
            asset = tx.assets.version(asset_id, version)
            if asset is None:
                raise NotFound(f"{name} was never published")
            if not asset.is_current:
                tx.assets.set_current(asset_id, version)
                self._catalogs.refresh(tx, [asset_id])
                data = {"version": version, "sha256": asset.sha256, "outcome": "republished"}
                self._journal.write(tx, LeafKind.PUBLISH, asset_id, data)
            return asset_id

        return await self._store.transact(work)


def _slug(path: Path) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.stem if path.suffix else path.name).strip("-.")
    if name:
        return name[:80].lower()
    return "dataset-" + digest(path.name)[:12]


def _access(visible_to: Sequence[str]) -> dict[str, Any]:
    """The access policy: everybody, or the participants listed."""
    rule: dict[str, Any] = {"action": "use"}
    if visible_to:
        rule["constraint"] = [
            {"leftOperand": ODRL + "recipient", "operator": "isAnyOf", "rightOperand": list(visible_to)}
        ]
    return {"permission": [rule]}


def _same(a: Asset, b: Asset) -> bool:
    def shown(asset: Asset) -> Any:
        source = {k: v for k, v in asset.source.items() if k not in ("fingerprint", "members")}
        return (asset.sha256, asset.size, asset.properties, asset.description, source)

    return bool(shown(a) == shown(b))


def _policy_is(tx: Tx, policy_id: str, rules: Mapping[str, Any]) -> bool:
    known = tx.policies.get(policy_id)
    return known is not None and {k: v for k, v in known.policy.items() if k[0] != "@"} == rules
