"""The catalog: what stands in it, and what of it a caller may see (DSP 2025-1 §6).

Offers are made and rendered when assets, policies or definitions change; a
request only reads rows and joins texts. Visibility is the access policy alone,
asked once for each distinct policy and caller [D4].
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any, Final

from connector.errors import BadInput, NotFound
from connector.ledger.log import LeafKind
from connector.model import names
from connector.model.canonical import digest
from connector.model.catalog import Asset, CatalogOffer, ContractDefinition, Tombstone
from connector.model.identity import Peer
from connector.model.messages import CatalogRequest
from connector.model.ports import Clock
from connector.model.times import iso
from connector.policy import BEFORE_AGREEMENT, Compiled, Context, Scope, parse
from connector.policy import compile as compile_policy
from connector.service import contract, indexing
from connector.service.contract import Dataset, Tokens
from connector.service.journal import Journal
from connector.service.pages import Page, Pages
from connector.store.api import Store
from connector.store.tables import Tx

_OFFERS: Final = uuid.UUID("5f1c6f3e-0f64-5a0b-9d2e-6d3a1c3f7b10")
"""Name space of offer ids: an offer has the same id wherever the same policy meets the same version."""
_RENEW_AT: Final = 0.5
"""A token is renewed once less than this part of its life is left."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where this connector's catalog is."""

    participant: str
    catalog_id: str
    service_id: str
    dsp_base: str
    signs: bool


@lru_cache(maxsize=4096)
def _compiled(_digest: str, policy_json: str) -> Compiled:
    return compile_policy(parse(json.loads(policy_json)))


class Catalogs:
    """Makes offers and answers catalog requests."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        journal: Journal,
        tokens: Tokens,
        place: Place,
        *,
        offer_valid: timedelta,
        page_size: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._journal = journal
        self._tokens = tokens
        self._place = place
        self._valid = offer_valid
        self._page_size = page_size
        self._pages = Pages()

    # --- asking -------------------------------------------------------------------------------

    async def page(
        self, peer: Peer, request: CatalogRequest, *, after: int = 0, before: int | None = None
    ) -> Page:
        """One page of what `peer` may see, as a DSP Catalog; every request is a ledger leaf."""

        def work(tx: Tx) -> Page:
            page = self._page(tx, peer, request, after, before)
            self._journal.write(
                tx,
                LeafKind.CATALOG,
                self._place.catalog_id,
                {"datasets": page.datasets, "after": after},
                actor=peer.participant_id,
            )
            return page

        return await self._store.transact(work)

    def _page(self, tx: Tx, peer: Peer, request: CatalogRequest, after: int, before: int | None) -> Page:
        digests = self.visible(tx, peer.participant_id)
        limit = min(request.limit or self._page_size, self._page_size)
        key = (tuple(digests), peer.our_id, request.dataset_id, limit, request.offset, after, before)
        kept = self._pages.find(key, self._soon())
        if kept is not None:
            return kept
        generation = self._pages.generation
        has_before = after > 0
        if request.dataset_id:
            one = tx.catalog.dataset(request.dataset_id)
            rows, more = ([one] if one else []), False
        elif before is not None:
            rows = tx.catalog.page_before(digests, before, limit + 1)
            more, has_before = True, len(rows) > limit
            rows = rows[-limit:]
        else:
            rows = tx.catalog.page_after(digests, after, limit + 1, request.offset)
            more = len(rows) > limit
            rows = rows[:limit]
        body, expires = self._body(tx, rows, digests, peer.our_id)
        page = Page(
            body,
            len(rows),
            after=rows[-1]["seq"] if more and rows else None,
            before=rows[0]["seq"] if has_before and rows else None,
        )
        self._pages.keep(tx, key, page, generation=generation, expires=expires)
        return page

    async def dataset_for(self, peer: Peer, asset_id: str) -> bytes:
        """One dataset as a DSP Dataset.

        Raises:
            NotFound: there is none, or none that this peer may see.
        """

        def work(tx: Tx) -> bytes:
            row = tx.catalog.dataset(asset_id)
            digests = self.visible(tx, peer.participant_id)
            offers = self._offers(tx, [asset_id], digests)[0] if row else {}
            if row is None or not offers:
                raise NotFound("there is no such dataset")
            self._journal.write(tx, LeafKind.CATALOG, asset_id, {"datasets": 1}, actor=peer.participant_id)
            text = _dataset(row["head"], offers[asset_id])
            return f'{{"@context":{json.dumps([names.CONTEXT_DSP])},{text[1:]}'.encode()

        return await self._store.transact(work)

    def offer_for(self, tx: Tx, offer_id: str, peer: Peer) -> CatalogOffer | None:
        """An offer by its id, if its access policy lets the peer see it; it may be outdated."""
        for offer in tx.catalog.offers_with_id(offer_id):
            access = _compiled(offer.access_digest, json.dumps(offer.access_policy))
            if access.permits(self._context(peer.participant_id)):
                return offer
        return None

    def dataset(self, tx: Tx, asset_id: str, offer_id: str = "") -> Dataset:
        """The dataset that an offer stands for: its version then, or the current one."""
        for offer in tx.catalog.offers_with_id(offer_id) if offer_id else []:
            if offer.asset_id == asset_id and (found := tx.assets.version(asset_id, offer.asset_version)):
                return Dataset(found.id, found.version, found.sha256)
        asset = tx.assets.current(asset_id)
        return Dataset(asset_id, asset.version, asset.sha256) if asset else Dataset(asset_id, 0, "")

    def visible(self, tx: Tx, participant: str | None) -> list[str]:
        """The digests of the access policies that let a caller through; None: an anonymous one."""
        context = self._context(participant) if participant is not None else None
        return [d for d, policy in tx.catalog.access_policies() if _lets_through(d, policy, context)]

    def could_see(self, tombstone: Tombstone, participant: str | None) -> bool:
        """Whether a caller would be let through by one of the access policies that a version ended with."""
        context = self._context(participant) if participant is not None else None
        return any(_lets_through(digest(policy), policy, context) for policy in tombstone.access)

    def _context(self, participant: str) -> Context:
        return Context(
            now=self._clock.now(),
            scope=Scope.CATALOG,
            recipient=participant,
            assigner=self._place.participant,
            deferred=BEFORE_AGREEMENT,
        )

    # --- rendering ----------------------------------------------------------------------------

    def _body(self, tx: Tx, rows: list[Any], digests: list[str], our_id: str) -> tuple[bytes, str]:
        offers, expires = self._offers(tx, [row["asset_id"] for row in rows], digests)
        datasets = ",".join(
            _dataset(row["head"], offers[row["asset_id"]]) for row in rows if row["asset_id"] in offers
        )
        head = json.dumps(
            {
                "@context": [names.CONTEXT_DSP],
                "@id": self._place.catalog_id,
                "@type": "Catalog",
                "participantId": our_id,
                "service": [self._service()],
            },
            ensure_ascii=False,
        )
        text = f'{head[:-1]},"dataset":[{datasets}]}}' if datasets else head
        return text.encode("utf-8"), expires

    def _service(self) -> dict[str, Any]:
        return {
            "@id": self._place.service_id,
            "@type": "DataService",
            "endpointDescription": "dspace:connector",
            "endpointURL": self._place.dsp_base,
        }

    def _soon(self) -> str:
        """An offer that ends before this is signed anew."""
        return iso(self._clock.now() + self._valid * _RENEW_AT)

    def _offers(self, tx: Tx, asset_ids: list[str], digests: list[str]) -> tuple[dict[str, list[str]], str]:
        """The rendered offers by dataset, and when the first of them ends (a written time)."""
        found: dict[str, list[str]] = {}
        soon = self._soon()
        first = iso(self._clock.now() + self._valid)
        for row in tx.catalog.offers_of(asset_ids, digests):
            text = row["rendered"]
            if row["token_expires_at"] < soon and self._place.signs:
                text = self.renew(tx, row["id"]) or text
            first = min(first, row["token_expires_at"])
            found.setdefault(row["asset_id"], []).append(text)
        return found, first

    @property
    def generation(self) -> int:
        """Which state of the catalog is the newest: it counts up before a change and after its commit."""
        return self._pages.generation

    def _change(self, tx: Tx) -> None:
        """What is rendered meanwhile, in this transaction or from the state before it, is not kept."""
        self._pages.change()
        tx.after(self._pages.change)

    def is_due(self, offer: CatalogOffer) -> bool:
        """Whether an offer has to be signed anew before it is shown."""
        return self._place.signs and iso(offer.token_expires_at) < self._soon()

    def renew(self, tx: Tx, offer_id: str) -> str:
        """Sign a standing offer anew; how it is rendered then."""
        text = ""
        self._change(tx)
        for offer in tx.catalog.offers_with_id(offer_id):
            if offer.is_current:
                fresh = self._signed(tx, offer)
                tx.catalog.add(fresh)
                text = fresh.rendered
        return text

    # --- making offers ------------------------------------------------------------------------

    def refresh(self, tx: Tx, asset_ids: Iterable[str]) -> None:
        """Make the offers of some datasets anew, after something about them changed."""
        self._change(tx)
        definitions = tx.definitions.everything()
        policies = {p.id: p.policy for p in tx.policies.everything()}
        for asset_id in asset_ids:
            standing = tx.catalog.current_of_asset(asset_id)
            tx.catalog.retire_asset(asset_id)
            asset = tx.assets.current(asset_id)
            if asset is None:
                tx.catalog.drop_dataset(asset_id)
                self._bury(tx, standing)
                continue
            made = 0
            for definition in definitions:
                if selects(definition, asset):
                    access = policies.get(definition.access_policy_id)
                    terms = policies.get(definition.contract_policy_id)
                    if access is not None and terms is not None:
                        tx.catalog.add(self._signed(tx, self._offer(asset, definition, access, terms)))
                        made += 1
            if made:
                tx.catalog.put_dataset(asset.id, asset.version, self._head(asset))
                tx.tombstones.delete(asset.id, asset.version)
            else:
                tx.catalog.drop_dataset(asset_id)
            if not made or (standing and standing[0].asset_version != asset.version):
                self._bury(tx, standing)
        indexing.settle(tx)

    def _bury(self, tx: Tx, standing: list[CatalogOffer]) -> None:
        """The version that these offers stood for has left the catalog."""
        if standing:
            access = {offer.access_digest: offer.access_policy for offer in standing}
            one = standing[0]
            now = self._clock.now()
            tx.tombstones.add(Tombstone(one.asset_id, one.asset_version, list(access.values()), now))

    def _offer(
        self,
        asset: Asset,
        definition: ContractDefinition,
        access: Mapping[str, Any],
        terms: Mapping[str, Any],
    ) -> CatalogOffer:
        body = contract.rules(terms)
        policy_digest = digest(body)
        offer_id = uuid.uuid5(_OFFERS, f"{asset.id}\n{asset.version}\n{policy_digest}")
        policy = {"@id": f"urn:uuid:{offer_id}", "@type": "Offer", **body}
        plain = contract.rules(access)
        return CatalogOffer(
            id=policy["@id"],
            asset_id=asset.id,
            asset_version=asset.version,
            definition_id=definition.id,
            access_digest=digest(plain),
            access_policy={"@id": definition.access_policy_id, "@type": "Set", **plain},
            policy=policy,
            policy_digest=policy_digest,
            approval=definition.approval,
            token="",
            token_expires_at=self._clock.now() + self._valid,
            rendered="",
            is_current=True,
        )

    def _signed(self, tx: Tx, offer: CatalogOffer) -> CatalogOffer:
        now = self._clock.now()
        rendered = dict(offer.policy)
        token = ""
        if self._place.signs:
            dataset = self.dataset(tx, offer.asset_id, offer.id)
            token = self._tokens.offer(offer.policy, dataset, now, now + self._valid)
            rendered[names.CONTRACT_TOKEN] = token
        text = json.dumps(rendered, ensure_ascii=False, separators=(",", ":"))
        return replace(offer, token=token, token_expires_at=now + self._valid, rendered=text)

    def _head(self, asset: Asset) -> str:
        """A dataset without its offers: the closing brace is left to the page."""
        distribution: dict[str, Any] = {
            "@type": "Distribution",
            "format": names.DATA_FORMAT,
            "accessService": self._place.service_id,
        }
        head: dict[str, Any] = {"@id": asset.id, "@type": "Dataset"}
        for lang, text in (asset.description.get("title") or {}).items():
            head.setdefault("dct:title", []).append({"@value": text, "@language": lang})
        if asset.size:
            distribution["dcat:byteSize"] = {
                "@value": str(asset.size),
                "@type": names.XSD + "nonNegativeInteger",
            }
        if asset.sha256:
            head[names.MMD + "sha256"] = asset.sha256
            head["dcat:version"] = str(asset.version)
        media_type = asset.description.get("media_type") or asset.properties.get(names.EDC + "contenttype")
        if isinstance(media_type, str) and media_type:
            distribution["dct:format"] = media_type
        name = asset.properties.get(names.EDC + "name")
        if isinstance(name, str):
            head[names.EDC + "name"] = name  # where an EDC's clients look for one plain string
            head.setdefault("dct:title", name)
        head["distribution"] = [distribution]
        return json.dumps(head, ensure_ascii=False, separators=(",", ":"))


def _dataset(head: str, offers: list[str]) -> str:
    return f'{head[:-1]},"hasPolicy":[{",".join(offers)}]}}'


def _lets_through(policy_digest: str, policy: Mapping[str, Any], context: Context | None) -> bool:
    if context is None:
        return _is_open(policy)
    return _compiled(policy_digest, json.dumps(policy)).permits(context)


def _is_open(policy: Mapping[str, Any]) -> bool:
    """Whether an access policy has no constraint at all: then anybody may see the dataset."""
    read = parse(policy)
    return (
        not read.not_understood
        and not policy.get("prohibition")
        and not policy.get("obligation")
        and any(not rule.get("constraint") for rule in _rules(policy))
    )


def _rules(policy: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = policy.get("permission") or []
    return found if isinstance(found, list) else [found]


def selects(definition: ContractDefinition, asset: Asset) -> bool:
    """Whether a contract definition's selector (EDC Criteria, joined by and) takes an asset in."""
    return all(_matches(criterion, asset) for criterion in definition.selector)


def _matches(criterion: Mapping[str, Any], asset: Asset) -> bool:
    left, operator, right = (criterion.get(k) for k in ("operandLeft", "operator", "operandRight"))
    found = property_of(asset, str(left))
    match operator:
        case "=":
            return bool(found == right)
        case "!=":
            return bool(found != right)
        case "in":
            return isinstance(right, list) and found in right
        case "like" | "ilike":
            return isinstance(found, str) and isinstance(right, str) and _like(found, right, operator)
        case _:
            pass
    raise BadInput(f"the operator {operator!r} is not known", pointer="assetsSelector/operator")


def _like(value: str, pattern: str, operator: str) -> bool:
    parts = (".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    flags = re.DOTALL | (re.IGNORECASE if operator == "ilike" else 0)
    return re.fullmatch("".join(parts), value, flags) is not None


def property_of(asset: Asset, name: str) -> Any:
    """An asset's property by IRI or short name; `id` is the asset's id."""
    short = name.removeprefix(names.EDC)
    if short in ("id", "@id"):
        return asset.id
    for key in (name, names.EDC + name, short):
        if key in asset.properties:
            return asset.properties[key]
    return None
