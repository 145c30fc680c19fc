"""The public pages for people: values become HTML in Korean or English.

Templates only place what stands ready here; everything in them is escaped. jinja2 is loaded with
the first page that somebody asks for.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from connector.errors import ConnectorError
from connector.model.times import iso
from connector.policy import describe, enforcement
from connector.semantic.description import Catalog, Column, Dataset, Offer, Participant, Text, Tombstone
from connector.semantic.schema_org import catalog_card, dataset_card, embedded, participant_card
from connector.semantic.terms import CONFIDENTIALITY, DATA_CLASSES, PROCESSES, Concept
from connector.semantic.units import UNITLESS, find_unit
from connector.web.page_texts import LANGUAGES, say

if TYPE_CHECKING:
    from jinja2 import Environment

STYLE: Final = Path(__file__).parent / "static" / "style.css"
_MANAGEMENT: Final = "http://127.0.0.1:9191/manage/request"
"""Where a reader's own connector listens by default."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text, and its language where it is not the page's."""

    text: str
    lang: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """The same content for machines: media type, address, and what people call it."""

    media_type: str
    address: str
    name: str


@dataclass(frozen=True, slots=True)
class Frame:
    """What surrounds every page of one answer."""

    lang: str
    is_chosen: bool
    """The reader named the language in the address: links keep it."""
    caller: str
    """The participant that the page is shown to; "" = anybody."""
    address: str
    """The page's own address, without a query."""
    query: tuple[tuple[str, str], ...]
    """The rest of its query, without the language."""
    forms: tuple[Form, ...]
    root: str
    """The connector's public address."""
    who: Participant

    @property
    def name(self) -> Words:
        """Whose pages these are."""
        return words(self.who.name, self.lang) if self.who.name != Text() else Words(self.who.did)

    @property
    def home(self) -> str:
        """The participant's page."""
        return self.to(f"{self.root}/")

    @property
    def catalog(self) -> str:
        """The catalog's page."""
        return self.to(f"{self.root}/catalog")

    @property
    def style(self) -> str:
        """The style sheet."""
        return path_of(f"{self.root}/static/style.css")

    @property
    def other_lang(self) -> str:
        """The language that the page is not in."""
        return LANGUAGES[1 - LANGUAGES.index(self.lang)]

    @property
    def other(self) -> str:
        """The same page in the other language."""
        return f"{path_of(self.address)}?{urlencode([*self.query, ('lang', self.other_lang)])}"

    def to(self, address: str, **query: object) -> str:
        """A link to an address below the root, in the language that the reader chose."""
        said = {k: str(v) for k, v in query.items()} | ({"lang": self.lang} if self.is_chosen else {})
        return path_of(address) + (f"?{urlencode(said)}" if said else "")


@dataclass(frozen=True, slots=True)
class Fact:
    """A line of the table of facts."""

    name: str
    values: tuple[Words, ...]
    is_code: bool = False


def words(text: Text, lang: str) -> Words:
    """A text in the page's language, or the one that there is, marked as such."""
    own, other = (text.ko, text.en) if lang == "ko" else (text.en, text.ko)
    return Words(own) if own or not other else Words(other, "en" if lang == "ko" else "ko")


def path_of(address: str) -> str:
    """An address without scheme and host, so that links work whatever name the reader came by."""
    parts = urlsplit(address)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


# --- pages ------------------------------------------------------------------------------------


def participant_page(frame: Frame, catalog: Catalog) -> str:
    """Who this is, and the first of what it offers."""
    who = catalog.participant
    return _render(
        "participant",
        frame,
        title=frame.name,
        card=participant_card(who, f"{frame.root}/"),
        did=who.did,
        dsp=who.dsp_url,
        entries=_entries(frame, catalog),
    )


def catalog_page(frame: Frame, catalog: Catalog, after: int | None, before: int | None) -> str:
    """One page of the catalog; `after` and `before` say where the pages beside it begin."""
    here = f"{frame.root}/catalog"
    return _render(
        "catalog",
        frame,
        title=words(catalog.shown_title, frame.lang),
        card=catalog_card(catalog, here, {d.iri: d.iri for d in catalog.datasets}),
        entries=_entries(frame, catalog),
        following=frame.to(here, after=after) if after is not None else "",
        previous=frame.to(here, before=before) if before is not None else "",
        dump=path_of(f"{here}.nt"),
    )


def dataset_page(frame: Frame, dataset: Dataset) -> str:
    """One dataset: facts, columns, terms in words, how to ask for it."""
    lang = frame.lang
    spoken = {language: "\n".join(_terms(o, language)[0] for o in dataset.offers) for language in LANGUAGES}
    return _render(
        "dataset",
        frame,
        title=words(dataset.title, lang),
        card=dataset_card(dataset, dataset.iri, f"{frame.root}/catalog", spoken),
        description=words(dataset.description, lang),
        facts=_facts(dataset, lang),
        columns=[_column(column, lang) for column in dataset.columns],
        has_ranges=any(c.minimum or c.maximum for c in dataset.columns),
        offers=[_offer(offer, lang) for offer in dataset.offers],
        commands=_commands(frame.who.did, dataset),
    )


def ended_page(frame: Frame, left: Tombstone) -> str:
    """What is left of a dataset, or of a version, that is not offered any more."""
    code = "ended_version_title" if left.replaced_by else "ended_title"
    return _render(
        "ended",
        frame,
        title=Words(say(code, frame.lang)),
        identifier=left.id,
        version=left.version,
        ended_at=iso(left.ended_at),
        replaced_by=frame.to(left.replaced_by) if left.replaced_by else "",
    )


def error_page(frame: Frame, status: int) -> str:
    """That there is nothing here (404), or that the address is wrong (400)."""
    title = Words(say(f"error_{status}", frame.lang))
    return _render("error", frame, title=title, why=say(f"error_{status}_why", frame.lang))


@cache
def _environment() -> Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )


def _render(template: str, frame: Frame, *, card: dict[str, Any] | None = None, **values: Any) -> str:
    from markupsafe import Markup

    # The one text that goes in as it is: `embedded` leaves nothing in it that HTML could take for markup.
    shown = {"card": Markup(embedded(card))} if card is not None else {}  # noqa: S704
    t = partial(_say, frame.lang)
    return _environment().get_template(f"{template}.html").render(frame=frame, t=t, **values, **shown)


def _say(lang: str, code: str, *parts: object) -> str:
    return say(code, lang, *parts)


# --- parts of pages -------------------------------------------------------------------------------


def _entries(frame: Frame, catalog: Catalog) -> list[dict[str, Any]]:
    return [
        {
            "address": frame.to(dataset.iri),
            "title": words(dataset.title, frame.lang),
            "description": words(dataset.description, frame.lang),
            "notes": _notes(dataset, frame.lang),
        }
        for dataset in catalog.datasets
    ]


def _notes(dataset: Dataset, lang: str) -> list[str]:
    process = PROCESSES.get(dataset.process)
    notes = [_named(process, lang)] if process else []
    if dataset.row_count is not None:
        notes.append(say("rows", lang, f"{dataset.row_count:,}"))
    if dataset.columns:
        notes.append(say("columns_count", lang, f"{len(dataset.columns):,}"))
    return notes


def _facts(dataset: Dataset, lang: str) -> list[Fact]:
    personal = {None: "", True: say("personal_yes", lang), False: say("personal_no", lang)}
    size = f"{dataset.byte_size:,}" if dataset.byte_size is not None else ""
    rows: Sequence[tuple[str, Iterable[Words], bool]] = (
        ("publisher", _plain(dataset.publisher), True),
        ("process", _concept(PROCESSES, dataset.process, lang), False),
        ("data_class", _concept(DATA_CLASSES, dataset.data_class, lang), False),
        ("confidentiality", _concept(CONFIDENTIALITY, dataset.confidentiality, lang), False),
        ("personal_data", _plain(personal[dataset.personal_data]), False),
        ("generator", _plain(dataset.generator), False),
        ("equipment", _plain(dataset.equipment), False),
        ("keywords", (words(keyword, lang) for keyword in dataset.keywords), False),
        ("derived_from", _plain(*dataset.derived_from), True),
        ("row_count", _plain(f"{dataset.row_count:,}" if dataset.row_count is not None else ""), False),
        ("media_type", _plain(dataset.media_type), False),
        ("encoding", _plain(dataset.encoding), False),
        ("size", _plain(say("bytes", lang, size) if size else ""), False),
        ("sha256", _plain(dataset.sha256), True),
        ("version", _plain(dataset.version), False),
        ("issued", _plain(iso(dataset.issued) if dataset.issued else ""), False),
        ("modified", _plain(iso(dataset.modified) if dataset.modified else ""), False),
        ("identifier", _plain(dataset.id), True),
    )
    facts = (Fact(say(code, lang), tuple(values), is_code) for code, values, is_code in rows)
    return [fact for fact in facts if fact.values]


def _plain(*texts: str) -> list[Words]:
    return [Words(text) for text in texts if text]


def _named(concept: Concept, lang: str) -> str:
    return concept.ko if lang == "ko" else concept.en


def _concept(concepts: dict[str, Concept], notation: str, lang: str) -> list[Words]:
    known = concepts.get(notation)
    return _plain(_named(known, lang) if known else notation)


def _column(column: Column, lang: str) -> dict[str, Any]:
    unit = find_unit(column.unit) if column.unit else None
    if column.unitless or column.unit == UNITLESS:
        shown = say("unitless", lang)
    elif unit is not None:
        named = unit.ko if lang == "ko" else unit.en
        shown = f"{named} ({unit.ucum})" if unit.ucum and unit.ucum != named else named
    else:
        shown = column.unit
    return {
        "name": column.name,
        "label": words(column.label, lang),
        "datatype": column.datatype,
        "unit": shown,
        "range": f"{column.minimum} – {column.maximum}" if column.minimum or column.maximum else "",
    }


def _terms(offer: Offer, lang: str) -> tuple[str, list[dict[str, str]]]:
    """The terms in words, and what stands behind each; a policy that cannot be read says so."""
    try:
        behind = [{"text": e.text.of(lang), "level": e.level.value} for e in enforcement(offer.policy)]
        return describe(offer.policy, lang), behind
    except ConnectorError:
        return say("unreadable", lang), []


def _offer(offer: Offer, lang: str) -> dict[str, Any]:
    spoken, behind = _terms(offer, lang)
    return {"id": offer.id, "terms": spoken.splitlines(), "behind": behind}


def _commands(did: str, dataset: Dataset) -> dict[str, str]:
    """What to type, ready for a shell: whatever stands in a name stays one word there."""
    wish = json.dumps({"target": did, "dataset": dataset.id}, ensure_ascii=False)
    key = '"x-api-key: $(cat ~/madang/management.key)"'
    sent = shlex.join(["-H", "content-type: application/json", "-d", wish])
    return {
        "request": shlex.join(["madang", "request", did, dataset.id]),
        "manage": f"curl -H {key} {sent} {_MANAGEMENT}",
        "read": shlex.join(["curl", "-H", "accept: text/turtle", dataset.iri]),
    }
