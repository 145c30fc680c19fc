"""What an owner defines piece by piece, as EDC's clients do: assets, policies, contract definitions.

Each change remakes the offers it touches and writes its leaf within the same
transaction. What a contract or an open negotiation refers to cannot be deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from connector.errors import BadInput, Conflict, DescriptionInvalid, NotFound
from connector.ledger.log import LeafKind
from connector.model.canonical import digest
from connector.model.catalog import HTTP, ApprovalMode, Asset, ContractDefinition, PolicyDefinition
from connector.model.names import EDC, MMD
from connector.model.ports import Clock
from connector.semantic.description import read_text
from connector.semantic.negotiation import TURTLE
from connector.service.catalog import Catalogs, selects
from connector.service.describing import Describing, write
from connector.service.journal import Journal
from connector.service.publishing import Inspect
from connector.store.api import Store
from connector.store.tables import Tx

DESCRIPTION: Final = MMD + "description"
"""An asset property: the whole self-description, as `publish` takes it; the shapes are then asked."""
_SERVED: Final = frozenset({"file", "folder", "localfile"})
_DESCRIBED: Final = frozenset({"httpdata", "httpproxy"})
_FROM_SOURCE: Final = frozenset(
    {"generator", "media_type", "byte_size", "sha256", "encoding", "row_count", "columns", "title"}
)


@dataclass(frozen=True, slots=True)
class AssetDraft:
    """An asset as its owner writes it. Property names are absolute IRIs; `data_address` is
    `{"type": "File", "path": …}` or an EDC `HttpData` address; {} leaves the source as it is.
    """

    id: str
    properties: Mapping[str, Any]
    private_properties: Mapping[str, Any]
    data_address: Mapping[str, Any]


class Definitions:
    """The provider's definitions."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        journal: Journal,
        catalogs: Catalogs,
        describing: Describing,
        inspect: Inspect,
    ) -> None:
        self._store = store
        self._clock = clock
        self._journal = journal
        self._catalogs = catalogs
        self._describing = describing
        self._inspect = inspect

    # --- assets -------------------------------------------------------------------------------

    async def create_asset(self, draft: AssetDraft) -> Asset:
        """A new asset.

        Raises:
            Conflict: its id is taken.
            SourceInvalid, BadInput: the data address leads nowhere, or is of a type not known here.
            DescriptionInvalid: it brings a self-description that lacks something.
        """
        if not draft.data_address:
            raise BadInput("is missing", pointer=EDC + "dataAddress")
        if await self._store.read(lambda tx: tx.assets.newest_version(draft.id)):
            raise Conflict(f"there is an asset {draft.id} already", pointer="@id")
        asset = await self._asset(draft, None)

        def work(tx: Tx) -> Asset:
            if tx.assets.newest_version(draft.id):
                raise Conflict(f"there is an asset {draft.id} already", pointer="@id")
            return self._put(tx, asset, "created")

        return await self._store.transact(work)

    async def update_asset(self, draft: AssetDraft) -> Asset:
        """A changed asset becomes a new version; contracts keep theirs. An equal one stays as it is.

        Raises:
            NotFound: there is none of that id.
            SourceInvalid, BadInput, DescriptionInvalid: see `create_asset`.
        """
        current = await self._store.read(lambda tx: tx.assets.current(draft.id))
        if current is None:
            raise NotFound(f"there is no asset {draft.id}")
        asset = await self._asset(draft, current)
        if _content(asset) == _content(current):
            return current

        def work(tx: Tx) -> Asset:
            if tx.assets.current(draft.id) is None:
                raise NotFound(f"there is no asset {draft.id}")
            return self._put(tx, asset, "updated")

        return await self._store.transact(work)

    def _put(self, tx: Tx, asset: Asset, outcome: str) -> Asset:
        asset = replace(asset, version=tx.assets.newest_version(asset.id) + 1)
        tx.assets.retire(asset.id)
        tx.assets.add(asset)
        self._catalogs.refresh(tx, [asset.id])
        data = {"version": asset.version, "sha256": asset.sha256, "outcome": outcome}
        self._journal.write(tx, LeafKind.PUBLISH, asset.id, data)
        return asset

    async def _asset(self, draft: AssetDraft, current: Asset | None) -> Asset:
        given = _given(draft, current)
        source, sha256, size, description = await self._source(draft, current, given)
        asset = Asset(
            id=draft.id,
            version=0,
            properties={**draft.properties, EDC + "id": draft.id},
            private_properties=dict(draft.private_properties),
            source=source,
            description=description,
            sha256=sha256,
            size=size,
            is_current=True,
            created_at=current.created_at if current else self._clock.now(),
        )
        self._show(asset)
        if DESCRIPTION in draft.properties:
            await self._check(asset)
        return asset

    def _show(self, asset: Asset) -> None:
        """What cannot be shown must not get in: nobody could read the catalog any more."""
        try:
            write(self._describing.dataset(asset, []), TURTLE)
        except DescriptionInvalid as error:
            if error.pointer == "iri":
                raise DescriptionInvalid(error.message, pointer="@id") from None
            raise

    async def _source(
        self, draft: AssetDraft, current: Asset | None, given: dict[str, Any]
    ) -> tuple[dict[str, Any], str, int, dict[str, Any]]:
        address = draft.data_address
        if not address and current is not None:
            kept = {k: v for k, v in current.description.items() if k not in given}
            return current.source, current.sha256, current.size, kept | given
        kind = str(address.get("type", "")).lower()
        if kind in _DESCRIBED:
            media_type = draft.properties.get(EDC + "contenttype")
            if isinstance(media_type, str):
                given.setdefault("media_type", media_type)
            base = address.get("baseUrl")
            if not isinstance(base, str) or not base.startswith(("http://", "https://")):
                raise BadInput("must be an http address", pointer=EDC + "dataAddress/baseUrl")
            given.setdefault("generator", self._describing.participant.did)
            return {"kind": HTTP, "address": dict(address)}, "", 0, given
        if kind not in _SERVED:
            raise BadInput(
                "is no source of this connector",
                pointer=EDC + "dataAddress/type",
                hint="known: File, HttpData",
            )
        path = address.get("path")
        if not isinstance(path, str) or not path.startswith("/") or "\0" in path:
            raise BadInput("must be an absolute path", pointer=EDC + "dataAddress/path")
        found = await self._inspect(Path(path))
        return found.as_json(), found.sha256, found.size, self._describing.complete(given, found)

    async def _check(self, asset: Asset) -> None:
        findings = await self._describing.check(asset, {"permission": [{"action": "use"}]})
        if findings:
            texts = [{"ko": f.sentence("ko"), "en": f.sentence("en")} for f in findings]
            first = findings[0]
            raise DescriptionInvalid(first.sentence("en"), pointer=first.path, extra={"findings": texts})

    async def delete_asset(self, asset_id: str) -> None:
        """Forget an asset.

        Raises:
            NotFound: there is none of that id.
            Conflict: a contract or an open negotiation refers to it.
        """

        def work(tx: Tx) -> None:
            if not tx.assets.newest_version(asset_id):
                raise NotFound(f"there is no asset {asset_id}")
            if tx.agreements.count_for_dataset(asset_id) or tx.negotiations.open_for_asset(asset_id):
                raise Conflict(
                    f"a contract or an open negotiation refers to {asset_id}",
                    hint="unpublish it to take it out of the catalog",
                )
            tx.assets.delete(asset_id)
            self._catalogs.refresh(tx, [asset_id])
            self._journal.write(tx, LeafKind.UNPUBLISH, asset_id, {"outcome": "deleted"})

        await self._store.transact(work)

    # --- policies -----------------------------------------------------------------------------

    async def put_policy(
        self, policy_id: str, rules: Mapping[str, Any], private: Mapping[str, Any], *, is_new: bool
    ) -> PolicyDefinition:
        """Create or replace a policy; `rules` in the form that `policy.serialise` writes.

        Raises:
            Conflict, NotFound: the id is taken (`is_new`), or there is none of it.
            DescriptionInvalid: it cannot be shown in the catalog.
        """
        self._describing.check_writable(rules)

        def work(tx: Tx) -> PolicyDefinition:
            known = tx.policies.get(policy_id)
            _claim("policy", policy_id, known is not None, is_new=is_new)
            body = {"@id": policy_id, "@type": "Set", **rules}
            created_at = known.created_at if known else self._clock.now()
            policy = PolicyDefinition(policy_id, body, dict(private), created_at)
            tx.policies.add(policy)
            using = [d for d in tx.definitions.everything() if policy_id in _policies(d)]
            self._remake(tx, using)
            self._note(tx, policy_id, "policy", "created" if is_new else "updated", digest(dict(rules)))
            return policy

        return await self._store.transact(work)

    async def delete_policy(self, policy_id: str) -> None:
        """Forget a policy.

        Raises:
            NotFound: there is none of that id.
            Conflict: a contract definition uses it.
        """

        def work(tx: Tx) -> None:
            if tx.policies.get(policy_id) is None:
                raise NotFound(f"there is no policy {policy_id}")
            if tx.definitions.count_using_policy(policy_id):
                raise Conflict(f"a contract definition uses the policy {policy_id}")
            tx.policies.delete(policy_id)
            self._note(tx, policy_id, "policy", "deleted")

        await self._store.transact(work)

    # --- contract definitions -----------------------------------------------------------------

    async def put_definition(
        self,
        definition_id: str,
        access_policy_id: str,
        contract_policy_id: str,
        selector: list[dict[str, Any]],
        private: Mapping[str, Any],
        approval: ApprovalMode,
        *,
        is_new: bool,
    ) -> ContractDefinition:
        """Create or replace a contract definition.

        Raises:
            Conflict, NotFound: the id is taken (`is_new`), or there is none of it.
            BadInput: a policy it names is not there, or its selector is not understood.
        """

        def work(tx: Tx) -> ContractDefinition:
            known = tx.definitions.get(definition_id)
            _claim("contract definition", definition_id, known is not None, is_new=is_new)
            for name, policy_id in (
                ("accessPolicyId", access_policy_id),
                ("contractPolicyId", contract_policy_id),
            ):
                if tx.policies.get(policy_id) is None:
                    raise BadInput(f"there is no policy {policy_id}", pointer=EDC + name)
            definition = ContractDefinition(
                id=definition_id,
                access_policy_id=access_policy_id,
                contract_policy_id=contract_policy_id,
                selector=list(selector),
                private_properties=dict(private),
                approval=approval,
                created_at=known.created_at if known else self._clock.now(),
            )
            tx.definitions.add(definition)
            self._remake(tx, [definition, *([known] if known else [])])
            self._note(tx, definition_id, "definition", "created" if is_new else "updated")
            return definition

        return await self._store.transact(work)

    async def delete_definition(self, definition_id: str) -> None:
        """Take an offer out of the catalog; contracts made under it go on.

        Raises:
            NotFound: there is none of that id.
        """

        def work(tx: Tx) -> None:
            known = tx.definitions.get(definition_id)
            if known is None:
                raise NotFound(f"there is no contract definition {definition_id}")
            tx.definitions.delete(definition_id)
            self._remake(tx, [known])
            self._note(tx, definition_id, "definition", "deleted")

        await self._store.transact(work)

    # --- common -------------------------------------------------------------------------------

    def _remake(self, tx: Tx, definitions: Iterable[ContractDefinition]) -> None:
        """Make the offers of every asset anew that one of the definitions selects."""
        chosen = list(definitions)
        touched = (
            [a.id for a in tx.assets.all_current() if any(selects(d, a) for d in chosen)] if chosen else []
        )
        self._catalogs.refresh(tx, touched)

    def _note(self, tx: Tx, subject: str, what: str, outcome: str, content: str = "") -> None:
        data = {"what": what, "outcome": outcome} | ({"sha256": content} if content else {})
        self._journal.write(tx, LeafKind.SETTING, subject, data)


def _policies(definition: ContractDefinition) -> tuple[str, str]:
    return definition.access_policy_id, definition.contract_policy_id


def _claim(what: str, name: str, is_known: bool, *, is_new: bool) -> None:
    if is_new and is_known:
        raise Conflict(f"there is a {what} {name} already", pointer="@id")
    if not is_new and not is_known:
        raise NotFound(f"there is no {what} {name}")


def _given(draft: AssetDraft, current: Asset | None) -> dict[str, Any]:
    """The owner's own words: its self-description, or what the usual properties say."""
    whole = draft.properties.get(DESCRIPTION)
    if whole is not None:
        if not isinstance(whole, Mapping):
            raise BadInput("must be a self-description", pointer=DESCRIPTION)
        title = whole.get("title") or draft.id
        return {**whole, "title": _title(title) if isinstance(title, str) else title}
    given = {k: v for k, v in current.description.items() if k not in _FROM_SOURCE} if current else {}
    name, text = draft.properties.get(EDC + "name"), draft.properties.get(EDC + "description")
    given["title"] = _title(name if isinstance(name, str) and name else draft.id)
    if isinstance(text, str) and text:
        given["description"] = text
    return given


def _title(text: str) -> dict[str, str]:
    read = read_text(text)
    return {"ko": read.ko} if read.ko else {"en": read.en}


def _content(asset: Asset) -> Any:
    source = {k: v for k, v in asset.source.items() if k not in ("fingerprint", "members")}
    return asset.sha256, asset.properties, asset.private_properties, asset.description, source
