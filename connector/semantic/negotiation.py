"""Which written form a client gets (RFC 9110, section 12.5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

TURTLE: Final = "text/turtle"
JSONLD: Final = "application/ld+json"
NTRIPLES: Final = "application/n-triples"
RDFXML: Final = "application/rdf+xml"
HTML: Final = "text/html"
FORMS: Final = (TURTLE, JSONLD, NTRIPLES, RDFXML)
"""The forms of RDF that we write, the preferred first where a client likes several equally."""
SUFFIXES: Final = {".ttl": TURTLE, ".jsonld": JSONLD, ".nt": NTRIPLES, ".rdf": RDFXML}
"""How an address ends that names one form."""

# Other names under which clients ask for the same.
_ALIASES: Final = {"application/x-turtle": TURTLE, "application/json": JSONLD}
_MAX_RANGES: Final = 64


def negotiate(accept: str | None, offered: Sequence[str] = FORMS, default: str = TURTLE) -> str | None:
    """The media type out of `offered` that the Accept header likes best.

    The most specific range that fits decides the weight of a form; equal weights go by the order of
    the header's exact names, then `default`, then the order of `offered`. No header means `default`;
    None means that nothing offered is acceptable (406). Parts that cannot be read are passed over.
    """
    if accept is None or not accept.strip():
        return default
    ranges = [found for part in accept.split(",")[:_MAX_RANGES] if (found := _range(part)) is not None]
    if not ranges:
        return default
    best: tuple[float, int, bool, int] | None = None
    chosen = None
    for index, form in enumerate(offered):
        weight, place = _weight(form, ranges)
        rank = (weight, -place, form == default, -index)
        if weight > 0 and (best is None or rank > best):
            best, chosen = rank, form
    return chosen


def _range(part: str) -> tuple[str, float] | None:
    name, *parameters = (piece.strip() for piece in part.split(";"))
    name = name.lower()
    kind, slash, subtype = name.partition("/")
    if not (kind and slash and subtype) or (kind == "*" and subtype != "*"):
        return None
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "q":
            try:
                weight = float(value)
            except ValueError:
                return None
            return (_ALIASES.get(name, name), weight) if 0 <= weight <= 1 else None
    return _ALIASES.get(name, name), 1.0


def _weight(form: str, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """The weight of a form and the place of the range that gave it."""
    kind = form.partition("/")[0]
    for wanted in (form, f"{kind}/*", "*/*"):
        fitting = [(weight, place) for place, (name, weight) in enumerate(ranges) if name == wanted]
        if fitting:
            weight, place = max(fitting, key=lambda found: (found[0], -found[1]))
            # A wildcard expresses no order among the forms that it covers.
            return weight, place if wanted == form else len(ranges)
    return 0.0, len(ranges)
