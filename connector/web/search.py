"""Search over the catalog as JSON: `GET /search` for everybody, `POST /manage/search` for the owner.

Whoever shows a token, as in the protocol, searches what it may see; anybody else what is open to all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

from aiohttp import web

from connector.errors import BadInput, InvalidMessage
from connector.semantic.asking import MOST, Between
from connector.service.indexing import FACETS
from connector.service.node import Node
from connector.service.searching import MAX_LIMIT, OWNER, Caller, Order, Search
from connector.web.calls import LIMIT, Call
from connector.web.door import Door
from connector.web.middleware import read_json

_MAX_VALUES: Final = 20
"""Values that one filter may name."""
_MAX_TEXT: Final = 8_000
"""Characters of a line that are taken; how many are read says `semantic.asking`."""
_DEFAULT_LIMIT: Final = 20
_ONE: Final = ("q", "rowsMin", "rowsMax", "intervalMin", "intervalMax", "sort", "after", "limit")


class PublicSearch:
    """The search that partners and strangers use."""

    def __init__(self, node: Node, door: Door) -> None:
        self._node = node
        self._door = door

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Its one route; `prefix` is the path of the public address."""
        return [web.get(f"{prefix}/search", self.search)]

    async def search(self, request: web.Request) -> web.Response:
        """GET /search."""
        caller = await self._caller(request)
        wish = wish_of({name: request.query.getall(name) for name in request.query})
        answer = await self._node.searching.search(caller, wish)
        kept = "no-store" if caller is not None else "no-cache"
        headers = {"Vary": "Authorization", "Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
        return web.json_response(with_pages(self._node, answer), headers=headers)

    async def _caller(self, request: web.Request) -> Caller:
        if "Authorization" in request.headers:
            return (await self._door.peer(request)).participant_id
        self._door.stranger(request)
        return None


class OwnSearch:
    """The search of the factory itself over everything in its catalog."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def calls(self) -> list[Call]:
        """Its one call."""
        return [
            Call("POST", "/manage/search", self.search, "Search our own catalog", "Search", "Found", 200),
        ]

    async def search(self, request: web.Request) -> web.Response:
        """POST /manage/search: the members are the parameters of `GET /search`."""
        body = await read_json(request, request.app[LIMIT])
        if not isinstance(body, dict):
            raise InvalidMessage("the body must be a JSON object")
        wish = wish_of({name: _texts(name, value) for name, value in body.items()})
        answer = await self._node.searching.search(OWNER, wish)
        return web.json_response(with_pages(self._node, answer))


def with_pages(node: Node, answer: dict[str, Any]) -> dict[str, Any]:
    """Results with the address of each one's own page."""
    results = [one | {"page": node.describing.dataset_iri(one["id"])} for one in answer["results"]]
    return answer | {"results": results}


def _texts(name: str, value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int | float) and not isinstance(one, bool) for one in items):
        raise InvalidMessage("must be text or a number, or a list of them", pointer=name[:80])
    return [str(one) for one in items]


def wish_of(given: Mapping[str, list[str]]) -> Search:
    """A search from its parameters; those with another name mean nothing here.

    Raises:
        BadInput: a parameter that cannot be read; `pointer` names it.
    """
    for name in _ONE:
        if len(given.get(name, ())) > 1:
            raise BadInput("may be given once", pointer=name)
    one = {name: values[0] for name, values in given.items() if name in _ONE and values}
    try:
        order = Order(one.get("sort") or Order.NEWEST)
    except ValueError:
        raise BadInput(f"must be one of {', '.join(Order)}", pointer="sort") from None
    return Search(
        text=one.get("q", "")[:_MAX_TEXT],
        filters={facet: _values(facet, given[facet]) for facet in FACETS if given.get(facet)},
        rows=Between(_whole(one, "rowsMin", 1), _whole(one, "rowsMax", 1)),
        interval_us=Between(_whole(one, "intervalMin", 1_000_000), _whole(one, "intervalMax", 1_000_000)),
        order=order,
        after=one.get("after", ""),
        limit=min(_whole(one, "limit", 1) or _DEFAULT_LIMIT, MAX_LIMIT),
    )


def _values(facet: str, given: Iterable[str]) -> tuple[str, ...]:
    values = tuple(dict.fromkeys(given))
    if len(values) > _MAX_VALUES:
        raise BadInput(f"at most {_MAX_VALUES} values", pointer=facet)
    return values


def _whole(one: Mapping[str, str], name: str, per: int) -> int | None:
    """A number that is not negative, in units `per` times smaller; None if it is not there."""
    written = one.get(name, "")
    if not written:
        return None
    try:
        number = Decimal(written) * per if len(written) <= 32 else Decimal("nan")
    except ArithmeticError:  # no number, or one of a billion digits
        number = Decimal("nan")
    if not number.is_finite() or not 0 <= number <= MOST:
        raise BadInput("must be a number that is not negative", pointer=name)
    return int(number)
