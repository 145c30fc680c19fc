"""Descriptions in schema.org's words, for search engines that read them out of a web page.

A summary, not another form of the graph: what schema.org has a word for and a reader of search
results wants to know. The context is named, not included, because that is the spelling that
crawlers look for; they know it and fetch nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from connector.model.times import iso
from connector.semantic.description import Catalog, Column, Dataset, Participant, Text
from connector.semantic.terms import PROCESSES
from connector.semantic.units import UNITLESS, find_unit

CONTEXT: Final = "https://schema.org/"
_MAX_COLUMNS: Final = 200
"""A crawler reads the page for its words; a thousand more columns add none."""
_LEAST_WORDS: Final = 50
"""Search engines pass over a description that is shorter."""
_ESCAPED: Final = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def dataset_card(dataset: Dataset, page: str, catalog: str, terms: Mapping[str, str]) -> dict[str, Any]:
    """A schema.org Dataset; `page` and `catalog` are addresses, `terms` are its conditions by language."""
    card: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "Dataset",
        "@id": dataset.iri,
        "identifier": dataset.id,
        "name": _texts(dataset.title),
        "description": _description(dataset),
        "url": page,
        "version": dataset.version,
        "publisher": {"@type": "Organization", "@id": dataset.publisher},
        "creator": _creator(dataset),
        "includedInDataCatalog": {"@type": "DataCatalog", "@id": catalog, "url": catalog},
        "license": f"{page}#terms",
        "conditionsOfAccess": _texts(Text(ko=terms.get("ko", ""), en=terms.get("en", ""))),
        "keywords": [word for text in dataset.keywords for word in (text.ko, text.en) if word],
        "datePublished": iso(dataset.issued) if dataset.issued else None,
        "dateModified": iso(dataset.modified) if dataset.modified else None,
        "encodingFormat": dataset.media_type,
        "measurementTechnique": _process(dataset),
        "isBasedOn": list(dataset.derived_from),
        "variableMeasured": [_variable(column) for column in dataset.columns[:_MAX_COLUMNS]],
    }
    return _without_empty(card)


def catalog_card(catalog: Catalog, page: str, pages: Mapping[str, str]) -> dict[str, Any]:
    """A schema.org DataCatalog; `pages` says for each dataset's IRI the address of its page."""
    datasets = [
        {"@type": "Dataset", "@id": d.iri, "name": _texts(d.title), "description": _description(d),
         "url": pages[d.iri]}
        for d in catalog.datasets
    ]  # fmt: skip
    card = {
        "@context": CONTEXT,
        "@type": "DataCatalog",
        "@id": catalog.iri,
        "name": _texts(catalog.shown_title),
        "url": page,
        "publisher": _organisation(catalog.participant),
        "dataset": datasets,
    }
    return _without_empty(card)


def participant_card(participant: Participant, page: str) -> dict[str, Any]:
    """A schema.org Organization."""
    return {"@context": CONTEXT, **_organisation(participant), "url": participant.homepage or page}


def embedded(card: Mapping[str, Any]) -> str:
    """JSON that can stand in a `script` element of HTML: nothing in it ends the element or begins markup."""
    written = json.dumps(card, ensure_ascii=False, separators=(",", ":"))
    return "".join(_ESCAPED.get(c, c) for c in written)


def _organisation(participant: Participant) -> dict[str, Any]:
    found = {"@type": "Organization", "@id": participant.did, "name": _texts(participant.name)}
    return _without_empty(found)


def _creator(dataset: Dataset) -> dict[str, Any] | None:
    if not dataset.generator:
        return None
    if dataset.generator == dataset.publisher or dataset.generator.startswith(("did:", "http", "urn:")):
        return {"@type": "Organization", "@id": dataset.generator}
    return {"@type": "Organization", "name": dataset.generator}


def _description(dataset: Dataset) -> list[dict[str, str]]:
    """The owner's words; where they are too few, with what the columns are called."""
    labels = dataset.columns[:20]
    found = {}
    for language, title, given in (
        ("ko", dataset.title.ko, dataset.description.ko),
        ("en", dataset.title.en, dataset.description.en),
    ):
        said = given
        if title and len(said) < _LEAST_WORDS:
            called = ", ".join((c.label.ko if language == "ko" else c.label.en) or c.name for c in labels)
            said = ". ".join(part.rstrip(".") for part in (said or title, called) if part) + "."
        found[language] = said
    return _texts(Text(**found))


def _process(dataset: Dataset) -> list[dict[str, str]]:
    known = PROCESSES.get(dataset.process)
    return _texts(Text(known.ko, known.en)) if known else []


def _variable(column: Column) -> dict[str, Any]:
    unit = find_unit(column.unit) if column.unit and column.unit != UNITLESS else None
    found: dict[str, Any] = {
        "@type": "PropertyValue",
        "name": column.name,
        "description": _texts(column.label),
        "unitText": (unit.ucum or unit.en) if unit else "" if column.unit == UNITLESS else column.unit,
        "minValue": column.minimum,
        "maxValue": column.maximum,
    }
    return _without_empty(found)


def _texts(text: Text) -> list[dict[str, str]]:
    pairs = (("ko", text.ko), ("en", text.en))
    return [{"@language": language, "@value": words} for language, words in pairs if words]


def _without_empty(card: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in card.items() if value not in (None, "", [])}
