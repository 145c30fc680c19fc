"""The Dataspace Protocol over HTTPS (DSP 2025-1 §8 and §10): a table of routes and small handlers."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Final, cast

from aiohttp import web

from connector.errors import BadInput, NotFound
from connector.failpoints import failpoint
from connector.model import names
from connector.model.messages import ContractOffer, ContractRequest, Message, TransferRequest
from connector.model.process import Kind, Role
from connector.protocol import messages
from connector.protocol.messages import parse, parse_catalog_request, render_process
from connector.service.exchange import Answer
from connector.service.node import Node
from connector.web.door import Door
from connector.web.middleware import read_json

_REQUEST: Final = "ContractRequestMessage"
_OFFER: Final = "ContractOfferMessage"
_EVENT: Final = "ContractNegotiationEventMessage"


class Dsp:
    """The handlers; each reads, calls one service, and renders."""

    def __init__(self, node: Node, door: Door) -> None:
        self._node = node
        self._door = door
        self._limit = node.settings.server.body_limit

    def routes(self, base: str) -> list[web.RouteDef]:
        """Every route below the DSP base path."""
        n, t = f"{base}/negotiations", f"{base}/transfers"
        negotiation = {
            "request": (_REQUEST,),
            "offers": (_OFFER,),
            "events": (_EVENT,),
            "agreement": ("ContractAgreementMessage",),
            "agreement/verification": ("ContractAgreementVerificationMessage",),
            "termination": ("ContractNegotiationTerminationMessage",),
        }
        transfer = {
            "start": ("TransferStartMessage",),
            "completion": ("TransferCompletionMessage",),
            "suspension": ("TransferSuspensionMessage",),
            "termination": ("TransferTerminationMessage",),
        }
        found = [
            web.post(f"{base}/catalog/request", self.catalog),
            web.get(f"{base}/catalog/datasets/{{id:.+}}", self.dataset, allow_head=False),
            web.post(f"{n}/request", self.first_request),
            web.post(f"{n}/offers", self.first_offer),
            web.get(f"{n}/{{pid}}", self.negotiation, allow_head=False),
            web.post(f"{t}/request", self.transfer_request),
            web.get(f"{t}/{{pid}}", self.transfer, allow_head=False),
            web.post(f"{base}/agreements/{{id:.+}}/withdrawal", self.withdrawal),
            web.get(f"{base}/agreements/{{id:.+}}/withdrawal", self.asked_withdrawal, allow_head=False),
        ]
        found += [
            web.post(f"{n}/{{pid}}/{p}", self._moves(Kind.NEGOTIATION, p, w)) for p, w in negotiation.items()
        ]
        found += [web.post(f"{t}/{{pid}}/{p}", self._moves(Kind.TRANSFER, p, w)) for p, w in transfer.items()]
        return found

    async def catalog(self, request: web.Request) -> web.Response:
        """POST /catalog/request: one page, with Link headers to the pages beside it."""
        peer = await self._door.peer(request)
        message = parse_catalog_request(await read_json(request, self._limit))
        after, before = self._cursor(request, "after"), self._cursor(request, "before")
        page = await self._node.catalogs.page(peer, message, after=after or 0, before=before)
        here = f"{self._node.dsp_base}/catalog/request"
        seal = self._node.cursors.seal
        links = [f'<{here}?after={seal(page.after)}>; rel="next"'] if page.after is not None else []
        if page.before is not None:
            links.append(f'<{here}?before={seal(page.before)}>; rel="previous"')
        headers = {"Link": ", ".join(links)} if links else {}
        return web.Response(body=page.body, content_type="application/json", headers=headers)

    def _cursor(self, request: web.Request, name: str) -> int | None:
        text = request.query.get(name)
        return None if text is None else self._node.cursors.open(text, name)

    async def dataset(self, request: web.Request) -> web.Response:
        """GET /catalog/datasets/{id}."""
        peer = await self._door.peer(request)
        body = await self._node.catalogs.dataset_for(peer, request.match_info["id"])
        return web.Response(body=body, content_type="application/json")

    async def first_request(self, request: web.Request) -> web.Response:
        """POST /negotiations/request: a consumer begins."""
        peer = await self._door.peer(request)
        body = await read_json(request, self._limit)
        message = cast(ContractRequest, parse(body, _REQUEST))
        _is_first(message.callback)
        return await _answer(message, self._node.negotiations.open_by_request(peer, message, body))

    async def first_offer(self, request: web.Request) -> web.Response:
        """POST /negotiations/offers: a provider begins."""
        peer = await self._door.peer(request)
        body = await read_json(request, self._limit)
        message = cast(ContractOffer, parse(body, _OFFER))
        _is_first(message.callback)
        return await _answer(message, self._node.negotiations.open_by_offer(peer, message, body))

    async def transfer_request(self, request: web.Request) -> web.Response:
        """POST /transfers/request: a consumer asks for data."""
        peer = await self._door.peer(request)
        body = await read_json(request, self._limit)
        message = cast(TransferRequest, parse(body, "TransferRequestMessage"))
        return await _answer(message, self._node.transfers.open_by_request(peer, message, body))

    async def negotiation(self, request: web.Request) -> web.Response:
        """GET /negotiations/{pid}."""
        peer = await self._door.peer(request)
        found = await self._node.negotiations.show(peer, request.match_info["pid"])
        return web.json_response(render_process(found))

    async def transfer(self, request: web.Request) -> web.Response:
        """GET /transfers/{pid}."""
        peer = await self._door.peer(request)
        found = await self._node.transfers.show(peer, request.match_info["pid"])
        return web.json_response(render_process(found))

    async def withdrawal(self, request: web.Request) -> web.Response:
        """POST /agreements/{id}/withdrawal: between connectors of our kind [D9]."""
        peer = await self._door.peer(request)
        body = await read_json(request, self._limit)
        token = body.get(names.WITHDRAWAL_TOKEN) if isinstance(body, dict) else None
        if not isinstance(token, str):
            raise BadInput("must be a signed withdrawal", pointer=names.WITHDRAWAL_TOKEN)
        await self._node.transfers.receive_withdrawal(peer, request.match_info["id"], token)
        failpoint("before-answer", "withdrawal")
        return web.Response(status=200)

    async def asked_withdrawal(self, request: web.Request) -> web.Response:
        """GET /agreements/{id}/withdrawal: its party asks again, as after a restore [D17]."""
        peer = await self._door.peer(request)
        token = await self._node.overview.withdrawal(request.match_info["id"], peer.participant_id)
        return web.json_response({names.WITHDRAWAL_TOKEN: token})

    def _moves(self, kind: Kind, path: str, wire_types: tuple[str, ...]) -> Any:
        """The handler of a message to an existing process; some paths belong to one role only."""
        receiver = {
            "request": Role.PROVIDER,
            "agreement/verification": Role.PROVIDER,
            "offers": Role.CONSUMER,
            "agreement": Role.CONSUMER,
        }.get(path)

        async def handler(request: web.Request) -> web.Response:
            peer = await self._door.peer(request)
            body = await read_json(request, self._limit)
            service: Any = self._node.negotiations if kind is Kind.NEGOTIATION else self._node.transfers
            message = parse(body, *wire_types)
            pid = request.match_info["pid"]
            return await _answer(message, service.receive(peer, pid, receiver, message, body))

        return handler


def _is_first(callback: str) -> None:
    if not callback:
        raise messages.Invalid("/callbackAddress", "a first message needs a callbackAddress")


async def _answer(message: Message, answering: Awaitable[Answer]) -> web.Response:
    try:
        answer = await answering
    finally:
        failpoint("before-answer", message.act.value)
    if answer.body is None:
        return web.Response(status=answer.status)
    return web.json_response(dict(answer.body), status=answer.status)


async def version(request: web.Request) -> web.Response:
    """GET /.well-known/dspace-version: unversioned, for everybody (§4.3)."""
    node = request.app[NODE]
    path = "/2025-1" if request.path.endswith("/dsp/.well-known/dspace-version") else "/dsp/2025-1"
    return web.json_response(messages.version_document(path, service_id=node.parties.did))


NODE: Final = web.AppKey("node", Node)
"""The connector that an application serves."""


async def nothing(_: web.Request) -> web.Response:
    """Any other path below the DSP base."""
    raise NotFound("there is nothing here")
