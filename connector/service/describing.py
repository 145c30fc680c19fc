"""Self-descriptions: what the owner said, completed by what the source says, as RDF in every form."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol
from urllib.parse import quote

from connector.dataplane.sources.api import Datatype, SourceDescription
from connector.errors import DescriptionInvalid
from connector.model.catalog import Asset, CatalogOffer, Tombstone
from connector.model.names import DATA_FORMAT, EDC
from connector.semantic.description import (
    Catalog,
    Dataset,
    Description,
    Participant,
    Text,
    read_dataset,
    read_text,
)
from connector.semantic.description import Tombstone as Ended
from connector.semantic.graph import triples
from connector.semantic.jsonld import to_jsonld
from connector.semantic.labels import guess_label
from connector.semantic.negotiation import JSONLD, NTRIPLES, RDFXML, TURTLE
from connector.semantic.odrl import policy_triples
from connector.semantic.rdf import TYPE, Blanks, Iri, Triple
from connector.semantic.rdfxml import to_rdfxml
from connector.semantic.shacl import Finding, Severity
from connector.semantic.terms import DCAT, HYDRA
from connector.semantic.turtle import to_ntriples, to_turtle
from connector.semantic.units import guess_unit

_NUMBERS: Final = frozenset({Datatype.INTEGER, Datatype.DECIMAL})


class Check(Protocol):
    """Holds a description against the shapes."""

    async def check(self, turtle: str) -> list[Finding]:
        """What is wrong with it."""
        ...

    async def close(self) -> None:
        """End what was started for it."""
        ...


class Describing:
    """Makes descriptions of this connector's things."""

    def __init__(self, participant: Participant, public_url: str, shapes: Check) -> None:
        self._participant = participant
        self._public_url = public_url
        self._shapes = shapes

    @property
    def participant(self) -> Participant:
        """Who we are."""
        return self._participant

    def complete(self, given: dict[str, Any], found: SourceDescription) -> dict[str, Any]:
        """The owner's words, with what the source itself tells and the names of columns suggest.

        What only the owner can know (process, confidentiality, personal data) is never guessed.

        Raises:
            DescriptionInvalid: title or columns have not the form of it.
        """
        said = read_text(given.get("title") or {"ko": found.name}, "title")
        title = {lang: text for lang, text in (("ko", said.ko), ("en", said.en)) if text}
        chosen = _chosen(given.pop("columns", []))
        known: dict[str, Any] = {
            "generator": self._participant.did,
            "media_type": found.media_type,
            "byte_size": found.size,
            "sha256": found.sha256,
            "encoding": found.encoding or "",
            "row_count": found.row_count,
        }
        columns = []
        for column in found.columns:
            label = guess_label(column.name)
            unit = (column.unit or guess_unit(column.name) or "") if column.datatype in _NUMBERS else ""
            guessed: dict[str, Any] = {
                "name": column.name,
                "datatype": column.datatype.value,
                "label": {"ko": label.ko, "en": label.en},
                "unit": unit,
                "unitless": False,
            }
            columns.append(guessed | dict(chosen.get(column.name, {})))
        return {**known, **given, "title": title, "columns": columns}

    async def check(self, asset: Asset, rules: Mapping[str, Any]) -> list[Finding]:
        """The violations of a description that is about to be published under these terms."""
        policy = {"@id": "urn:uuid:00000000-0000-4000-8000-000000000000", "@type": "Offer", **rules}
        dataset = self._dataset(asset, [{"id": policy["@id"], "policy": policy}])
        found = await self._shapes.check(to_turtle(triples(dataset)))
        return [f for f in found if f.severity is Severity.VIOLATION]

    def check_writable(self, rules: Mapping[str, Any]) -> None:
        """That terms can be written as RDF: one that cannot would keep everybody from the whole catalog.

        Raises:
            DescriptionInvalid: they hold a name or a value that RDF has no place for; `pointer` says where.
        """
        node = Iri("urn:uuid:00000000-0000-4000-8000-000000000000")
        for _ in policy_triples(node, {"@type": "Offer", **rules}, Blanks(), ""):
            pass

    async def close(self) -> None:
        """End the worker that checks shapes."""
        await self._shapes.close()

    def dataset_iri(self, asset_id: str) -> str:
        """The address of a dataset's description."""
        if asset_id.startswith(self._public_url + "/datasets/"):
            return asset_id
        return f"{self._public_url}/datasets/{quote(asset_id, safe='')}"

    def version_iri(self, asset_id: str, version: int) -> str:
        """The address of one version's description."""
        return f"{self.dataset_iri(asset_id)}?version={version}"

    def dataset(self, asset: Asset, offers: Iterable[CatalogOffer], previous: int = 0) -> Dataset:
        """A dataset with the offers that stand for it; `previous` is the version before it, 0 if none."""
        found = [
            {"id": o.id, "policy": o.policy, "policy_digest": o.policy_digest, "token": o.token}
            for o in offers
        ]
        made = self._dataset(asset, found)
        return replace(made, previous=self.version_iri(asset.id, previous)) if previous else made

    def _dataset(self, asset: Asset, offers: list[dict[str, Any]]) -> Dataset:
        given = dict(asset.description)
        name = asset.properties.get(EDC + "name")
        given.setdefault("title", name if isinstance(name, str) else asset.id)
        if asset.sha256:
            given.setdefault("sha256", asset.sha256)
        return read_dataset(
            given
            | {
                "iri": self.dataset_iri(asset.id),
                "id": asset.id,
                "version": str(max(asset.version, 1)),
                "publisher": self._participant.did,
                "issued": asset.created_at,
                "offers": offers,
                "access_service": self._participant.service_iri,
                "format": DATA_FORMAT,
            }
        )

    def catalog(self, datasets: Iterable[Dataset]) -> Catalog:
        """The catalog with some datasets."""
        return Catalog(
            iri=f"{self._public_url}/catalog", participant=self._participant, datasets=tuple(datasets)
        )

    def tombstone(self, left: Tombstone, *, is_replaced: bool, is_last: bool) -> Ended:
        """What is left of a version; the last one's end is the end of the dataset itself."""
        iri = self.dataset_iri(left.asset_id)
        return Ended(
            iri=iri if is_last else self.version_iri(left.asset_id, left.version),
            id=left.asset_id,
            version=str(left.version),
            publisher=self._participant.did,
            ended_at=left.ended_at,
            replaced_by=iri if is_replaced else "",
        )


def _chosen(columns: Any) -> dict[str, Mapping[str, Any]]:
    """What the owner says about columns, by name."""
    if not isinstance(columns, list):
        raise DescriptionInvalid("must be a list", pointer="columns")
    found: dict[str, Mapping[str, Any]] = {}
    for i, column in enumerate(columns):
        if not isinstance(column, Mapping) or not isinstance(column.get("name"), str):
            raise DescriptionInvalid("a column is an object with a name", pointer=f"columns/{i}")
        found[column["name"]] = column
    return found


def write(description: Description, form: str, beside: Iterable[Triple] = ()) -> bytes:
    """A description in one of the written forms (media type), with further statements `beside` it."""
    graph = [*triples(description), *beside]
    if form == JSONLD:
        return json.dumps(to_jsonld(graph), ensure_ascii=False, indent=1).encode("utf-8")
    if form == NTRIPLES:
        return to_ntriples(graph).encode("utf-8")
    if form == RDFXML:
        return to_rdfxml(graph).encode("utf-8")
    assert form == TURTLE, form  # negotiation offers only these four
    return to_turtle(graph).encode("utf-8")


def in_part(catalog: str, page: str, following: str, preceding: str) -> Iterator[Triple]:
    """That a catalog is shown in pages (Hydra Core, partial collection views); "" where there is none."""
    if following or preceding:
        here = Iri(page)
        yield Iri(catalog), Iri(HYDRA + "view"), here
        yield here, TYPE, Iri(HYDRA + "PartialCollectionView")
        if following:
            yield here, Iri(HYDRA + "next"), Iri(following)
        if preceding:
            yield here, Iri(HYDRA + "previous"), Iri(preceding)


class Lines:
    """A catalog as N-Triples in pieces, for a file that need never be in memory as a whole."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._blanks = Blanks()

    def head(self) -> bytes:
        """The catalog without datasets, and who offers it."""
        return to_ntriples(triples(self._catalog, self._blanks)).encode("utf-8")

    def dataset(self, dataset: Dataset) -> bytes:
        """One dataset, and that it stands in the catalog."""
        member = (Iri(self._catalog.iri), Iri(DCAT + "dataset"), Iri(dataset.iri))
        return to_ntriples([member, *triples(dataset, self._blanks)]).encode("utf-8")


def participant(did: str, name_ko: str, name_en: str, dsp_base: str, service_id: str) -> Participant:
    """Who we are, for descriptions."""
    return Participant(did=did, name=Text(ko=name_ko, en=name_en), dsp_url=dsp_base, service=service_id)
