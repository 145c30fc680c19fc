"""What is described: a participant, its catalog, its datasets, their columns and offers.

Values only. Everything that the owner may forget has a default, on purpose: the SHACL shapes in
`vocab/shapes.ttl` are the one place that says what must be there, and they say it in sentences.
Only what cannot be written at all (a broken IRI, an unknown datatype) raises earlier.

`read_dataset` makes a `Dataset` from the plain mapping that a management call, a description
file or a stored row holds; its field names are those of the dataclasses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from connector.errors import DescriptionInvalid
from connector.model.times import parse_iso

MAX_COLUMNS: Final = 5_000
MAX_TEXT: Final = 10_000
"""Characters in one text or address."""
MAX_TEXTS: Final = 200
"""Keywords, offers or origins of one dataset."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text in Korean, in English or in both; "" where there is none."""

    ko: str = ""
    en: str = ""


@dataclass(frozen=True, slots=True)
class Participant:
    """Who offers: `dsp_url` is the base of its Dataspace Protocol endpoints."""

    did: str
    name: Text
    dsp_url: str
    homepage: str = ""
    service: str = ""
    """IRI of its connector as a service; "" = `dsp_url` + "#service"."""

    @property
    def service_iri(self) -> str:
        """The IRI under which datasets and catalog point at this connector."""
        return self.service or f"{self.dsp_url}#service"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. `unit` is a QUDT name ("SEC"), its IRI, a UCUM code ("s") or plain text."""

    name: str
    datatype: str = "string"
    label: Text = Text()
    unit: str = ""
    unitless: bool = False
    minimum: str = ""
    """Smallest value as the owner wants it shown; "" = not shown. The same for `maximum`."""
    maximum: str = ""


@dataclass(frozen=True, slots=True)
class Offer:
    """Terms under which a dataset may be used; `policy` is the object as it stands on the DSP wire."""

    id: str
    policy: Mapping[str, Any]
    policy_digest: str = ""
    token: str = ""
    """The provider's signed offer, if it is to be published."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """One version of a dataset. `iri` names it for good; `id` is its name on the DSP wire."""

    iri: str
    id: str
    version: str
    title: Text
    publisher: str
    """DID of the participant that offers it."""
    description: Text = Text()
    process: str = ""
    """Notation out of `terms.PROCESSES`; likewise `data_class` and `confidentiality`."""
    data_class: str = ""
    confidentiality: str = ""
    personal_data: bool | None = None
    """None = the owner has not said."""
    labelled: bool | None = None
    """Whether each row carries somebody's judgement, as training needs it. None = the owner has not said."""
    generator: str = ""
    """Who has the right to use and profit: a DID or other IRI, or a name."""
    equipment: str = ""
    """An IRI, or a name."""
    keywords: tuple[Text, ...] = ()
    issued: datetime | None = None
    modified: datetime | None = None
    media_type: str = ""
    byte_size: int | None = None
    sha256: str = ""
    encoding: str = ""
    row_count: int | None = None
    temporal_resolution: str = ""
    """Time between two samples, as an XML Schema duration: PT0.5S, PT1M."""
    columns: tuple[Column, ...] = ()
    offers: tuple[Offer, ...] = ()
    landing: str = ""
    """Address of a page about it."""
    access_service: str = ""
    """IRI of the service that delivers it."""
    format: str = ""
    """Transfer format on the DSP wire, such as HttpData-PULL."""
    previous: str = ""
    """IRI of the version before this one."""
    derived_from: tuple[str, ...] = ()
    """IRIs of what it was made from."""


@dataclass(frozen=True, slots=True)
class Catalog:
    """What one participant offers, or one page of it."""

    iri: str
    participant: Participant
    datasets: tuple[Dataset, ...] = ()
    title: Text = Text()
    """Empty = made of the participant's name."""

    @property
    def shown_title(self) -> Text:
        """The title, or one made of the participant's name."""
        name = self.participant.name
        return Text(
            ko=self.title.ko or (f"{name.ko} 데이터 카탈로그" if name.ko else ""),
            en=self.title.en or (f"Data catalog of {name.en}" if name.en else ""),
        )


@dataclass(frozen=True, slots=True)
class Tombstone:
    """What is left of a version that is not offered any more: its name, and when that ended."""

    iri: str
    id: str
    version: str
    publisher: str
    ended_at: datetime
    replaced_by: str = ""
    """IRI of what is offered in its place; "" = nothing is."""


Description = Participant | Catalog | Dataset | Tombstone


def read_dataset(value: Mapping[str, Any]) -> Dataset:
    """A dataset from plain values (JSON or a stored row).

    A text may be a mapping {ko, en} or one string, whose language is told by its script; times
    are ISO 8601 strings or datetimes; `keywords` is a list of texts, or {ko: [...], en: [...]}.

    Raises:
        DescriptionInvalid: a field of a wrong type, an unknown field, or too much of something;
            `pointer` names the field.
    """
    fields = dict(value)
    found: dict[str, Any] = {
        "columns": tuple(
            _column(item, f"columns/{i}")
            for i, item in enumerate(_items(fields.pop("columns", ()), "columns", MAX_COLUMNS))
        ),
        "offers": tuple(
            _offer(item, f"offers/{i}")
            for i, item in enumerate(_items(fields.pop("offers", ()), "offers", MAX_TEXTS))
        ),
        "keywords": _keywords(fields.pop("keywords", ())),
        "derived_from": tuple(
            _string(item, f"derived_from/{i}")
            for i, item in enumerate(_items(fields.pop("derived_from", ()), "derived_from", MAX_TEXTS))
        ),
    }
    return Dataset(**_plain(fields, Dataset, ""), **found)


def read_text(value: Any, pointer: str = "") -> Text:
    """A text from {ko, en} or from one string: Korean if it holds a Hangul syllable, else English.

    Raises:
        DescriptionInvalid: neither, or longer than MAX_TEXT.
    """
    if value is None:
        return Text()
    if isinstance(value, Text):
        return value
    if isinstance(value, str):
        given = _string(value, pointer)
        return Text(ko=given) if any("가" <= c <= "힣" for c in given) else Text(en=given)
    if not isinstance(value, Mapping) or not set(value) <= {"ko", "en"}:
        raise DescriptionInvalid('a text is a string or {"ko": …, "en": …}', pointer=pointer)
    return Text(
        ko=_string(value.get("ko") or "", f"{pointer}/ko"), en=_string(value.get("en") or "", f"{pointer}/en")
    )


def _column(value: Any, pointer: str) -> Column:
    if not isinstance(value, Mapping):
        raise DescriptionInvalid("a column is an object with a name", pointer=pointer)
    fields = dict(value)
    # Profilers report numbers; a short spelling of the two names is common.
    for name, short in (("minimum", "min"), ("maximum", "max")):
        given = fields.pop(short, None) if name not in fields else fields[name]
        fields[name] = "" if given is None else str(given)
    return Column(**_plain(fields, Column, pointer))


def _offer(value: Any, pointer: str) -> Offer:
    if not isinstance(value, Mapping) or not isinstance(value.get("policy"), Mapping):
        raise DescriptionInvalid("an offer is an object with an id and a policy", pointer=pointer)
    fields = dict(value)
    policy = fields.pop("policy")
    return Offer(policy=policy, **_plain(fields, Offer, pointer))


def _keywords(value: Any) -> tuple[Text, ...]:
    if isinstance(value, Mapping):
        if not set(value) <= {"ko", "en"}:
            raise DescriptionInvalid("keywords are given in ko and en", pointer="keywords")
        return tuple(
            Text(**{language: _string(word, f"keywords/{language}/{i}")})
            for language, words in value.items()
            for i, word in enumerate(_items(words, f"keywords/{language}", MAX_TEXTS))
        )
    words = _items(value, "keywords", MAX_TEXTS)
    return tuple(read_text(word, f"keywords/{i}") for i, word in enumerate(words))


def _plain(fields: Mapping[str, Any], kind: type, pointer: str) -> dict[str, Any]:
    """The scalar fields of a dataclass, each checked against its annotation."""
    known: dict[str, str] = kind.__annotations__
    at = f"{pointer}/" if pointer else ""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if name not in known:
            raise DescriptionInvalid(
                "there is no such field", pointer=at + str(name)[:80], hint=f"known: {', '.join(known)}"
            )
        if value is not None:
            found[name] = _READERS[known[name]](value, at + name)
    missing = [name for name in _REQUIRED[kind.__name__] if name not in found]
    if missing:
        raise DescriptionInvalid("is missing", pointer=at + missing[0])
    return found


def _items(value: Any, pointer: str, at_most: int) -> Sequence[Any]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise DescriptionInvalid("must be a list", pointer=pointer)
    if len(value) > at_most:
        raise DescriptionInvalid(f"has {len(value)} entries, {at_most} are allowed", pointer=pointer)
    return value


def _string(value: Any, pointer: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise DescriptionInvalid("must be a text", pointer=pointer)
    if len(value) > MAX_TEXT:
        raise DescriptionInvalid(f"has {len(value)} characters, {MAX_TEXT} are allowed", pointer=pointer)
    return value


def _flag(value: Any, pointer: str) -> bool:
    if not isinstance(value, bool):
        raise DescriptionInvalid("must be true or false", pointer=pointer)
    return value


def _count(value: Any, pointer: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise DescriptionInvalid("must be a whole number from 0", pointer=pointer)
    return value


def _moment(value: Any, pointer: str) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    try:
        return parse_iso(_string(value, pointer))
    except ValueError:
        raise DescriptionInvalid("must be a time such as 2026-11-24T12:00:00Z", pointer=pointer) from None


_READERS: Final[dict[str, Any]] = {
    "str": _string,
    "Text": read_text,
    "bool": _flag,
    "bool | None": _flag,
    "int | None": _count,
    "datetime | None": _moment,
}
_REQUIRED: Final = {
    "Dataset": ("iri", "id", "version", "title", "publisher"),
    "Column": ("name",),
    "Offer": ("id",),
}
