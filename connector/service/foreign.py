"""Reading a partner's catalog, whatever its habits: arrays of one, several Link headers, nested catalogs.

What a schema allows or a common stack writes is read; what is neither is said to be the partner's fault.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urljoin

from connector.errors import ConnectorError, NotFound, PeerFailed
from connector.model.canonical import load_json

_LINK: Final = re.compile(r'<([^<>]*)>((?:\s*;\s*[^\s=;,"<>]+(?:\s*=\s*(?:"[^"]*"|[^\s;,"<>]+))?)*)')
_PARAMETER: Final = re.compile(r';\s*([^\s=;,"<>]+)(?:\s*=\s*(?:"([^"]*)"|([^\s;,"<>]+)))?')
_MAX_DEPTH: Final = 4


def next_page(headers: Mapping[str, str], url: str) -> str:
    """The address that a Link header names as `next`, made absolute against `url`; "" if none (RFC 8288)."""
    every = headers.getall("Link", []) if hasattr(headers, "getall") else [headers.get("Link", "")]
    for address, parameters in _LINK.findall(", ".join(every)):
        for name, quoted, bare in _PARAMETER.findall(parameters):
            if name.lower() == "rel" and "next" in (quoted or bare).lower().split():
                return _joined(url, address)
    return ""


def _joined(url: str, address: str) -> str:
    try:
        return urljoin(url, address)
    except ValueError:
        return ""


def datasets_in(body: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """The datasets of a catalog and of the catalogs in it."""
    if not isinstance(body, Mapping) or depth > _MAX_DEPTH:
        return
    yield from (d for d in _several(body.get("dataset")) if isinstance(d, Mapping))
    for nested in _several(body.get("catalog")):
        yield from datasets_in(nested, depth + 1)


def read_dataset(raw: bytes, *, limit: int) -> dict[str, Any]:
    """A partner's answer as a dataset.

    Raises:
        PeerFailed: it is none.
    """
    try:
        found = load_json(raw, limit=limit)
    except ConnectorError as error:
        raise PeerFailed(f"the partner did not answer with a dataset: {error}") from None
    if not isinstance(found, dict):
        raise PeerFailed("the partner's dataset is no JSON object")
    return found


def first_offer(dataset: Mapping[str, Any]) -> Mapping[str, Any]:
    """The first offer that can be asked for.

    Raises:
        NotFound: there is no offer for us.
        PeerFailed: what stands there is no offer.
    """
    offers = _several(dataset.get("hasPolicy"))
    if not offers:
        raise NotFound("the dataset has no offer for us")
    for offer in offers:
        if isinstance(offer, Mapping) and isinstance(offer.get("@id"), str) and offer["@id"]:
            return offer
    raise PeerFailed("the partner's dataset has no offer with an @id")


def _several(value: Any) -> list[Any]:
    """An array, or one thing that stands for an array of one."""
    return value if isinstance(value, list) else [] if value is None else [value]
