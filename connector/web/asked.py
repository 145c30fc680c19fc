"""What a client of the public pages asks for: form and language (RFC 9110, 12.5), place and version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from aiohttp import web

from connector.errors import BadInput, NotFound
from connector.semantic.negotiation import FORMS, HTML, SUFFIXES, negotiate
from connector.web.page_texts import LANGUAGES

_MAX_RANGES: Final = 32
_IN_ADDRESSES: Final = "!#$%&'()*+,/:;=?@[]~"
NAMES: Final = {".ttl": "Turtle", ".jsonld": "JSON-LD", ".nt": "N-Triples", ".rdf": "RDF/XML"}

HEADERS: Final = {
    "Vary": "Accept, Accept-Language, Authorization",
    "X-Content-Type-Options": "nosniff",
}
PAGE_HEADERS: Final = {
    **HEADERS,
    # Nothing may run, load or embed but our own style sheet; the JSON-LD in a page is data, not a script.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}


class NotAcceptable(NotFound):
    """No form that the client accepts."""

    code = "not-acceptable"
    status = 406

    def __init__(self) -> None:
        super().__init__(f"ask for one of {', '.join((*FORMS, HTML))}")


def form_of(request: web.Request, suffix: str = "") -> str:
    """The media type to answer in: what the address ends in, else what the client likes best.

    Raises:
        NotAcceptable: nothing of ours.
    """
    form = SUFFIXES.get(suffix) or negotiate(request.headers.get("Accept"), (*FORMS, HTML))
    if form is None:
        raise NotAcceptable
    return form


def question(request: web.Request) -> tuple[str | None, ...]:
    """All of a request that an answer depends on, but for who asks."""
    form = negotiate(request.headers.get("Accept"), (*FORMS, HTML))
    spoken = (language_of(request), str(request.query.get("lang") in LANGUAGES)) if form == HTML else ()
    places = (request.query.get(name) for name in ("after", "before", "version"))
    return (request.rel_url.raw_path, form, *spoken, *places)


def language_of(request: web.Request) -> str:
    """`ko` or `en`: what the address says, else what the client likes best, else Korean."""
    chosen = request.query.get("lang", "")
    if chosen in LANGUAGES:
        return chosen
    best, found = 0.0, LANGUAGES[0]
    for part in request.headers.get("Accept-Language", "").split(",")[:_MAX_RANGES]:
        name, _, parameter = part.strip().partition(";")
        language = name.strip().lower().partition("-")[0]
        weight = _weight(parameter)
        if language in LANGUAGES and weight > best:
            best, found = weight, language
    return found


def _weight(parameter: str) -> float:
    key, _, value = parameter.partition("=")
    if key.strip().lower() != "q":
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if 0 <= weight <= 1 else 0.0


def number_of(request: web.Request, name: str) -> int | None:
    """A whole number out of the query; None if it is not there.

    Raises:
        BadInput: it is no number.
    """
    value = request.query.get(name)
    if value is None:
        return None
    if not value.isascii() or not value.isdecimal() or len(value) > 15:
        raise BadInput("must be a whole number", pointer=name)
    return int(value)


def without_suffix(name: str) -> tuple[str, str]:
    """A name and the ending of a form ("" if it has none)."""
    return next(((name.removesuffix(end), end) for end in SUFFIXES if name.endswith(end)), (name, ""))


def link(relations: Mapping[str, str], alternates: Mapping[str, str]) -> dict[str, str]:
    """A Link header (RFC 8288): relation -> address, and media type -> address of another form."""
    found = [f'<{_address(to)}>; rel="{relation}"' for relation, to in relations.items() if to]
    found += [f'<{_address(to)}>; rel="alternate"; type="{form}"' for form, to in alternates.items()]
    return {"Link": ", ".join(found)} if found else {}


def _address(iri: str) -> str:
    """An IRI as a URI (RFC 3987, 3.1), which is all that a header may hold."""
    return quote(iri, safe=_IN_ADDRESSES)
