"""EDC management API v3: catalog, negotiations, agreements, transfers, endpoint data references."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

from aiohttp import web

from connector.errors import BadInput, NotFound
from connector.model.names import DATA_FORMAT, EDC
from connector.model.process import NegotiationAct, TransferAct
from connector.service.extension import Step
from connector.service.negotiation import Counterparty
from connector.service.node import Node
from connector.service.references import if_over, never
from connector.web import edc_shapes as shapes
from connector.web.calls import JSON, Call, no_content, read_body
from connector.web.edc_input import has_rules, mapping, party, protocol, read_policy, text
from connector.web.query import Query, read_query

T = TypeVar("T")
_REQUESTS: Final = ("ContractRequest", "ContractRequestDto", "NegotiationInitiateRequestDto")


class EdcProcesses:
    """What a consumer asks for, and every process of either role."""

    def __init__(self, node: Node, base: str) -> None:
        self._node = node
        self._base = base

    def calls(self) -> list[Call]:
        """The calls, below `/v3`."""
        b = self._base
        n, a, t, e = (
            f"{b}/{name}"
            for name in ("contractnegotiations", "contractagreements", "transferprocesses", "edrs")
        )
        return [
            Call(
                "POST",
                f"{b}/catalog/request",
                self.catalog,
                "A partner's catalog",
                "CatalogRequest",
                "Catalog",
                problems=(502,),
            ),
            Call(
                "POST",
                f"{b}/catalog/dataset/request",
                self.dataset,
                "One dataset of a partner",
                "DatasetRequest",
                "Dataset",
                problems=(404, 502),
            ),
            Call(
                "POST",
                n,
                self.negotiate,
                "Ask for a contract",
                "ContractRequest",
                "IdResponse",
                problems=(404, 502),
            ),
            _list(f"{n}/request", self.negotiations, "List negotiations", "ContractNegotiation"),
            _get(f"{n}/{{id}}", self.negotiation, "One negotiation", "ContractNegotiation"),
            _get(f"{n}/{{id}}/state", self.negotiation_state, "Its state", "State"),
            _get(f"{n}/{{id}}/agreement", self.agreement_of, "The agreement it led to", "ContractAgreement"),
            _act(f"{n}/{{id}}/terminate", self.terminate_negotiation, "End a negotiation"),
            Call(
                "DELETE",
                f"{n}/{{id}}",
                self.delete_negotiation,
                "Forget a failed negotiation",
                "",
                "",
                204,
                (),
                (404, 409),
            ),
            _list(f"{a}/request", self.agreements, "List agreements", "ContractAgreement"),
            _get(f"{a}/{{id}}", self.agreement, "One agreement", "ContractAgreement"),
            _get(
                f"{a}/{{id}}/negotiation",
                self.negotiation_of,
                "The negotiation behind it",
                "ContractNegotiation",
            ),
            Call(
                "POST",
                t,
                self.request_transfer,
                "Ask for the data",
                "TransferRequest",
                "IdResponse",
                problems=(404, 409, 410),
            ),
            _list(f"{t}/request", self.transfers, "List transfers", "TransferProcess"),
            _get(f"{t}/{{id}}", self.transfer, "One transfer", "TransferProcess"),
            _get(f"{t}/{{id}}/state", self.transfer_state, "Its state", "State"),
            _act(f"{t}/{{id}}/suspend", self._transfer_step(TransferAct.SUSPEND), "Pause a transfer"),
            _act(f"{t}/{{id}}/resume", self._transfer_step(TransferAct.START), "Let it go on"),
            _act(f"{t}/{{id}}/terminate", self._transfer_step(TransferAct.TERMINATE), "End a transfer"),
            _list(f"{e}/request", self.edrs, "List endpoint data references", "EndpointDataReferenceEntry"),
            Call(
                "GET",
                f"{e}/{{id}}/dataaddress",
                self.edr,
                "Endpoint and token of a transfer",
                answer="DataAddress",
                query=("auto_refresh",),
                problems=(404, 502),
            ),
            Call("DELETE", f"{e}/{{id}}", self.delete_edr, "Throw a token away", "", "", 204, (), (404,)),
        ]

    async def _other(self, body: Mapping[str, Any], otherwise: str = "") -> Counterparty:
        protocol(body)
        named = text(body, "counterPartyId", needed=False) or text(body, "providerId", needed=False)
        address = text(body, "counterPartyAddress")
        return await self._node.parties.locate(address, participant=named or otherwise)

    # --- catalog ------------------------------------------------------------------------------

    async def catalog(self, request: web.Request) -> web.Response:
        """POST /catalog/request: the partner's own bytes."""
        body = await read_body(request, "CatalogRequest", "CatalogRequestMessage")
        given = mapping(body, "querySpec")
        query = read_query(given)
        criteria = [
            {"@type": "Criterion", "operandLeft": c.left, "operator": c.operator, "operandRight": c.right}
            for c in query.criteria
        ]
        raw, _ = await self._node.consuming.catalog(
            await self._other(body), limit=query.limit if given else 0, offset=query.offset, criteria=criteria
        )
        return web.Response(body=raw, content_type=JSON)

    async def dataset(self, request: web.Request) -> web.Response:
        """POST /catalog/dataset/request."""
        body = await read_body(request, "DatasetRequest")
        found = await self._node.consuming.dataset(await self._other(body), text(body, "@id"))
        return web.json_response(found)

    # --- negotiations and agreements ----------------------------------------------------------

    async def negotiate(self, request: web.Request) -> web.Response:
        """POST /contractnegotiations: an offer by its id; without rules, those of the catalog are taken."""
        body = await read_body(request, *_REQUESTS)
        policy = mapping(body, "policy", needed=True)
        offer_id, target = text(policy, "@id"), party(policy, "target")
        if not target:
            raise BadInput("is missing", pointer="policy/target")
        rules = read_policy(policy) if has_rules(policy) else {}
        other = await self._other(body, party(policy, "assigner"))
        made = await self._node.consuming.request_offer(other, offer_id, target, rules)
        return web.json_response(shapes.created(made.id, made.created_at))

    async def negotiations(self, request: web.Request) -> web.Response:
        """POST /contractnegotiations/request, newest first unless sorted."""
        there = self._node.listing
        return await _page(request, there.some_negotiations, there.negotiations, shapes.negotiation)

    async def negotiation(self, request: web.Request) -> web.Response:
        """GET /contractnegotiations/{id}."""
        return web.json_response(
            shapes.negotiation(await self._node.negotiations.find(request.match_info["id"]))
        )

    async def negotiation_state(self, request: web.Request) -> web.Response:
        """GET /contractnegotiations/{id}/state."""
        found = await self._node.negotiations.find(request.match_info["id"])
        return web.json_response(shapes.state("NegotiationState", shapes.negotiation_state(found)))

    async def agreement_of(self, request: web.Request) -> web.Response:
        """GET /contractnegotiations/{id}/agreement."""
        found = await self._node.negotiations.find(request.match_info["id"])
        if not found.agreement_id:
            raise NotFound(f"negotiation {found.id} has no agreement")
        return web.json_response(shapes.agreement(await self._node.listing.agreement(found.agreement_id)))

    async def terminate_negotiation(self, request: web.Request) -> web.Response:
        """POST /contractnegotiations/{id}/terminate."""
        body = await read_body(request, "TerminateNegotiation", "TerminateNegotiationDto", optional=True)
        step = Step(NegotiationAct.TERMINATE, reason=text(body, "reason", needed=False))
        await self._node.negotiations.act(request.match_info["id"], step)
        return no_content()

    async def delete_negotiation(self, request: web.Request) -> web.Response:
        """DELETE /contractnegotiations/{id}."""
        await self._node.listing.delete_negotiation(request.match_info["id"])
        return no_content()

    async def agreements(self, request: web.Request) -> web.Response:
        """POST /contractagreements/request, newest first unless sorted."""
        there = self._node.listing
        return await _page(request, there.some_agreements, there.agreements, shapes.agreement)

    async def agreement(self, request: web.Request) -> web.Response:
        """GET /contractagreements/{id}."""
        return web.json_response(
            shapes.agreement(await self._node.listing.agreement(request.match_info["id"]))
        )

    async def negotiation_of(self, request: web.Request) -> web.Response:
        """GET /contractagreements/{id}/negotiation."""
        found = await self._node.listing.agreement(request.match_info["id"])
        return web.json_response(shapes.negotiation(await self._node.negotiations.find(found.negotiation_id)))

    # --- transfers ----------------------------------------------------------------------------

    async def request_transfer(self, request: web.Request) -> web.Response:
        """POST /transferprocesses: a pull; a destination and old names are tolerated."""
        body = await read_body(request, "TransferRequest", "TransferRequestDto")
        protocol(body)
        if text(body, "transferType", needed=False) not in ("", DATA_FORMAT):
            raise BadInput(f"only {DATA_FORMAT} is served here", pointer=EDC + "transferType")
        made = await self._node.transfers.request(
            text(body, "contractId"),
            purpose=text(body, "purpose", needed=False),
            address=text(body, "counterPartyAddress", needed=False),
        )
        return web.json_response(shapes.created(made.id, made.created_at))

    async def transfers(self, request: web.Request) -> web.Response:
        """POST /transferprocesses/request, newest first unless sorted."""
        there = self._node.listing
        return await _page(request, there.some_transfers, there.transfers, shapes.transfer)

    async def transfer(self, request: web.Request) -> web.Response:
        """GET /transferprocesses/{id}."""
        return web.json_response(shapes.transfer(await self._node.transfers.find(request.match_info["id"])))

    async def transfer_state(self, request: web.Request) -> web.Response:
        """GET /transferprocesses/{id}/state."""
        found = await self._node.transfers.find(request.match_info["id"])
        return web.json_response(shapes.state("TransferState", shapes.transfer_state(found)))

    def _transfer_step(self, act: TransferAct) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            body = await read_body(
                request, "SuspendTransfer", "TerminateTransfer", "ResumeTransfer", optional=True
            )
            step = Step(act, reason=text(body, "reason", needed=False))
            await self._node.transfers.act(request.match_info["id"], step)
            return no_content()

        return handler

    # --- endpoint data references -------------------------------------------------------------

    async def edrs(self, request: web.Request) -> web.Response:
        """POST /edrs/request."""
        query = read_query(await read_body(request, "QuerySpec", "QuerySpecDto", optional=True))
        return web.json_response(query.apply(map(shapes.edr_entry, await self._node.references.everything())))

    async def edr(self, request: web.Request) -> web.Response:
        """GET /edrs/{id}/dataaddress; `auto_refresh=true` renews a token that is over."""
        wants_fresh = request.query.get("auto_refresh", "").lower() == "true"
        found = await self._node.references.get(
            request.match_info["id"], refresh=if_over if wants_fresh else never
        )
        return web.json_response(shapes.edr_address(found))

    async def delete_edr(self, request: web.Request) -> web.Response:
        """DELETE /edrs/{id}."""
        await self._node.references.forget(request.match_info["id"])
        return no_content()


def _list(path: str, handler: Any, summary: str, item: str) -> Call:
    return Call("POST", path, handler, summary, "QuerySpec", f"{item}[]", is_body_optional=True)


def _get(path: str, handler: Any, summary: str, answer: str) -> Call:
    return Call("GET", path, handler, summary, answer=answer, problems=(404,))


def _act(path: str, handler: Any, summary: str) -> Call:
    return Call(
        "POST", path, handler, summary, "Reason", status=204, problems=(404, 409), is_body_optional=True
    )


async def _page(
    request: web.Request,
    some: Callable[[int, int], Awaitable[list[T]]],
    every: Callable[[], AsyncIterator[T]],
    shape: Callable[[T], shapes.Shape],
) -> web.Response:
    """A list of rows: a plain page is read as such, anything else is picked out of all."""
    query: Query = read_query(await read_body(request, "QuerySpec", "QuerySpecDto", optional=True))
    if query.is_plain:
        return web.json_response([shape(one) for one in await some(query.limit, query.offset)])
    met = [shown async for one in every() if query.meets(shown := shape(one))]
    return web.json_response(query.apply(met))
