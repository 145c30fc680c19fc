"""Our own management calls, where EDC has none: plain JSON below `/manage`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from aiohttp import web

from connector.errors import InvalidMessage, PeerFailed, Unauthenticated
from connector.model.process import TransferAct
from connector.service import ledger_export
from connector.service.consuming import Fetched
from connector.service.extension import Step
from connector.service.negotiation import Counterparty
from connector.service.node import Node
from connector.service.publishing import Wish
from connector.web import manage_shapes as shapes
from connector.web.calls import LIMIT, Call, is_empty
from connector.web.edc_input import Names, has_rules, plain_policy, read_policy
from connector.web.middleware import read_json
from connector.web.plain_input import absolute, approval, mapping, number, params, text, texts, whole
from connector.web.public import own_document
from connector.web.streams import NDJSON, EventStream, Progress, lines_of, pieces_of

_BASE: Final = "/manage"
_STEPS: Final[Mapping[str, TransferAct]] = {
    "suspend": TransferAct.SUSPEND,
    "resume": TransferAct.START,
    "terminate": TransferAct.TERMINATE,
    "complete": TransferAct.COMPLETE,
}


class Manage:
    """What the command line, the console and the factory's own programs call."""

    def __init__(self, node: Node, stream: EventStream) -> None:
        self._node = node
        self._stream = stream

    def calls(self) -> list[Call]:
        """Every call; ids in a path are percent-encoded into one segment."""
        b = _BASE
        one = (404,)
        return [
            Call("GET", f"{b}/status", self.status, "What is public, who asked, what left", answer="Status"),
            Call(
                "POST",
                f"{b}/publish",
                self.publish,
                "Publish a file or folder under terms",
                "Publish",
                "Published",
            ),
            Call(
                "POST",
                f"{b}/unpublish",
                self.unpublish,
                "Take a dataset out of the catalog",
                "Id",
                "Id",
                200,
                (),
                one,
            ),
            Call("POST", f"{b}/republish", self.republish, "Put it back", "Id", "Id", 200, (), one),
            Call(
                "POST",
                f"{b}/catalog",
                self.catalog,
                "A partner's catalog",
                "Target",
                "CatalogPage",
                problems=(502,),
            ),
            Call(
                "POST",
                f"{b}/request",
                self.request,
                "Ask for a contract",
                "Request",
                "Negotiation",
                problems=(404, 502),
            ),
            Call(
                "POST",
                f"{b}/offer",
                self.offer,
                "Offer a dataset to a partner",
                "Offer",
                "Negotiation",
                problems=(404, 502),
            ),
            Call("GET", f"{b}/inbox", self.inbox, "What waits for a decision", answer="Negotiation[]"),
            *(
                Call(
                    "POST",
                    f"{b}/inbox/{{id}}/{verb}",
                    handler,
                    says,
                    body,
                    "Negotiation",
                    200,
                    (),
                    (404, 409),
                    is_body_optional=True,
                )
                for verb, handler, says, body in (
                    ("approve", self.approve, "Say yes", ""),
                    ("refuse", self.refuse, "Say no", "Reason"),
                )
            ),
            Call(
                "POST",
                f"{b}/inbox/{{id}}/counter",
                self.counter,
                "Answer with other terms",
                "Terms",
                "Negotiation",
                200,
                (),
                (404, 409),
            ),
            Call(
                "GET",
                f"{b}/negotiations/{{id}}",
                self.negotiation,
                "One negotiation",
                answer="Negotiation",
                problems=one,
            ),
            Call("GET", f"{b}/contracts", self.contracts, "Every contract", answer="Contract[]"),
            Call(
                "GET", f"{b}/contracts/{{id}}", self.contract, "One contract", answer="Contract", problems=one
            ),
            Call(
                "GET",
                f"{b}/contracts/{{id}}/export",
                self.export,
                "Its proof, as one file",
                answer="Proof",
                problems=one,
            ),
            Call(
                "POST",
                f"{b}/contracts/{{id}}/withdraw",
                self.withdraw,
                "Withdraw it",
                "Reason",
                "Contract",
                200,
                (),
                one,
                is_body_optional=True,
            ),
            Call(
                "GET",
                f"{b}/transfers",
                self.transfers,
                "Transfers, newest first",
                answer="Transfer[]",
                query=("limit", "offset"),
            ),
            Call(
                "GET", f"{b}/transfers/{{id}}", self.transfer, "One transfer", answer="Transfer", problems=one
            ),
            *(
                Call(
                    "POST",
                    f"{b}/transfers/{{id}}/{verb}",
                    self._step(act),
                    f"{verb.capitalize()} a transfer",
                    "Reason",
                    "Transfer",
                    200,
                    (),
                    (404, 409),
                    is_body_optional=True,
                )
                for verb, act in _STEPS.items()
            ),
            Call(
                "POST",
                f"{b}/pull",
                self.pull,
                "Fetch the data of a contract",
                "Pull",
                "PullLines",
                problems=(404, 409, 410, 502),
                media_type=NDJSON,
            ),
            Call(
                "GET",
                f"{b}/events",
                self._stream.serve,
                "What happens, as it happens",
                answer="Events",
                query=("types", "subject"),
                problems=(429,),
                media_type="text/event-stream",
            ),
            Call(
                "GET",
                f"{b}/ledger",
                self.ledger,
                "The ledger, for the verifier",
                answer="LedgerLines",
                media_type=NDJSON,
            ),
            Call(
                "POST",
                f"{b}/backup",
                self.backup,
                "Write a backup",
                "Backup",
                "BackedUp",
                problems=(409, 503),
            ),
            Call(
                "POST",
                f"{b}/restore/confirm",
                self.confirm,
                "After a restore: ask the partners, open the gates",
                "Confirm",
                "Confirmed",
                is_body_optional=True,
            ),
            Call("GET", f"{b}/templates", self.templates, "The policy templates", answer="Template[]"),
            Call("GET", f"{b}/did", self.did, "Our DID document", answer="DidDocument"),
        ]

    async def _body(self, request: web.Request, *, optional: bool = False) -> dict[str, Any]:
        if optional and is_empty(request):
            return {}
        body = await read_json(request, request.app[LIMIT])
        if not isinstance(body, dict):
            raise InvalidMessage("the body must be a JSON object")
        return body

    async def _other(self, body: Mapping[str, Any]) -> Counterparty:
        return await self._node.parties.locate(
            text(body, "target"), participant=text(body, "participant", needed=False)
        )

    def _rules(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """The terms of a body: `policy`, or `templates` with `params`; None if it says none."""
        if body.get("policy") is not None:
            policy = plain_policy(mapping(body, "policy"), Names())
            if not has_rules(policy):
                raise InvalidMessage(
                    "must have a permission, a prohibition or an obligation", pointer="policy"
                )
            return read_policy(policy)
        names = texts(body, "templates")
        return self._node.publishing.templates.build(names, params(body)) if names else None

    # --- what we offer ------------------------------------------------------------------------

    async def status(self, _: web.Request) -> web.Response:
        """GET /manage/status."""
        return web.json_response(await self._node.overview.status())

    async def publish(self, request: web.Request) -> web.Response:
        """POST /manage/publish: asset, policies and definition in one go."""
        body = await self._body(request)
        wish = Wish(
            path=Path(absolute(body, "path")),
            templates=texts(body, "templates"),
            params=params(body),
            policy=self._rules({"policy": body.get("policy")}),
            visible_to=texts(body, "visibleTo"),
            id=text(body, "id", needed=False),
            description=mapping(body, "description"),
            approval=approval(body, self._node.settings.negotiation.approval),
        )
        return web.json_response(shapes.published(await self._node.publishing.publish(wish)))

    async def unpublish(self, request: web.Request) -> web.Response:
        """POST /manage/unpublish: contracts go on."""
        body = await self._body(request)
        return web.json_response({"id": await self._node.publishing.unpublish(text(body, "id"))})

    async def republish(self, request: web.Request) -> web.Response:
        """POST /manage/republish."""
        body = await self._body(request)
        return web.json_response({"id": await self._node.publishing.republish(text(body, "id"))})

    async def offer(self, request: web.Request) -> web.Response:
        """POST /manage/offer."""
        body = await self._body(request)
        rules, name = self._rules(body), text(body, "dataset")
        made = await self._node.offering.offer(await self._other(body), name, rules)
        return web.json_response(shapes.negotiation(made))

    async def templates(self, _: web.Request) -> web.Response:
        """GET /manage/templates."""
        known = self._node.publishing.templates
        return web.json_response([known[name].to_json() for name in known.names])

    # --- what we ask for ----------------------------------------------------------------------

    async def catalog(self, request: web.Request) -> web.Response:
        """POST /manage/catalog: one page; `next` is the `page` to ask for then, or null."""
        body = await self._body(request)
        limit, offset, page = number(body, "limit"), number(body, "offset"), text(body, "page", needed=False)
        raw, following = await self._node.consuming.catalog(
            await self._other(body), limit=limit, offset=offset, page=page
        )
        return web.json_response({"catalog": shapes.partner_json(raw), "next": following or None})

    async def request(self, request: web.Request) -> web.Response:
        """POST /manage/request: on the terms of the first offer, or on others."""
        body = await self._body(request)
        rules, dataset = self._rules(body), text(body, "dataset")
        made = await self._node.consuming.request(await self._other(body), dataset, policy=rules)
        return web.json_response(shapes.negotiation(made))

    async def pull(self, request: web.Request) -> web.StreamResponse:
        """POST /manage/pull: progress and result as NDJSON."""
        body = await self._body(request)
        folder = Path(absolute(body, "folder")) if body.get("folder") else None
        agreement, purpose = text(body, "agreement"), text(body, "purpose", needed=False)

        async def start(progress: Progress) -> Fetched:
            try:
                return await self._node.consuming.pull(
                    agreement, purpose=purpose, folder=folder, progress=progress
                )
            except Unauthenticated as error:  # of the provider: our own caller showed the right key
                raise PeerFailed(str(error), code=error.reason_code, extra=error.extra) from error

        return await lines_of(request, start, shapes.fetched)

    # --- decisions ----------------------------------------------------------------------------

    async def inbox(self, _: web.Request) -> web.Response:
        """GET /manage/inbox."""
        return web.json_response([shapes.negotiation(n) for n in await self._node.listing.inbox()])

    async def approve(self, request: web.Request) -> web.Response:
        """POST /manage/inbox/{id}/approve."""
        return web.json_response(
            shapes.negotiation(await self._node.negotiations.approve(request.match_info["id"]))
        )

    async def refuse(self, request: web.Request) -> web.Response:
        """POST /manage/inbox/{id}/refuse."""
        reason = text(await self._body(request, optional=True), "reason", needed=False)
        refused = await self._node.negotiations.refuse(request.match_info["id"], reason)
        return web.json_response(shapes.negotiation(refused))

    async def counter(self, request: web.Request) -> web.Response:
        """POST /manage/inbox/{id}/counter."""
        rules = self._rules(await self._body(request))
        if rules is None:
            raise InvalidMessage("say the terms: a policy, or templates", pointer="policy")
        countered = await self._node.negotiations.counter(request.match_info["id"], rules)
        return web.json_response(shapes.negotiation(countered))

    async def negotiation(self, request: web.Request) -> web.Response:
        """GET /manage/negotiations/{id}."""
        return web.json_response(
            shapes.negotiation(await self._node.negotiations.find(request.match_info["id"]))
        )

    # --- contracts and transfers --------------------------------------------------------------

    async def contracts(self, _: web.Request) -> web.Response:
        """GET /manage/contracts."""
        return web.json_response(await self._node.overview.contracts())

    async def contract(self, request: web.Request) -> web.Response:
        """GET /manage/contracts/{id}."""
        return await self._contract(request.match_info["id"])

    async def _contract(self, agreement_id: str) -> web.Response:
        found = await self._node.overview.contract(agreement_id)
        summary = await self._node.overview.summary(agreement_id)
        transfers = await self._node.listing.transfers_of(agreement_id)
        return web.json_response(shapes.contract(found, summary, transfers))

    async def export(self, request: web.Request) -> web.Response:
        """GET /manage/contracts/{id}/export."""
        return web.json_response(
            await self._node.overview.export(request.match_info["id"], own_document(self._node))
        )

    async def withdraw(self, request: web.Request) -> web.Response:
        """POST /manage/contracts/{id}/withdraw: at once here, and told to the partner."""
        reason = text(await self._body(request, optional=True), "reason", needed=False, limit=500)
        return await self._contract(
            (await self._node.transfers.withdraw(request.match_info["id"], reason)).id
        )

    async def transfers(self, request: web.Request) -> web.Response:
        """GET /manage/transfers."""
        query = {name: whole(request.query.get(name), name) for name in ("limit", "offset")}
        found = await self._node.listing.some_transfers(query["limit"] or 100, query["offset"] or 0)
        return web.json_response([shapes.transfer(t) for t in found])

    async def transfer(self, request: web.Request) -> web.Response:
        """GET /manage/transfers/{id}."""
        return web.json_response(shapes.transfer(await self._node.transfers.find(request.match_info["id"])))

    def _step(self, act: TransferAct) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            reason = text(await self._body(request, optional=True), "reason", needed=False)
            moved = await self._node.transfers.act(request.match_info["id"], Step(act, reason=reason))
            return web.json_response(shapes.transfer(moved))

        return handler

    # --- proof --------------------------------------------------------------------------------

    async def ledger(self, request: web.Request) -> web.StreamResponse:
        """GET /manage/ledger."""
        keys = self._node.keys.public_jwks["keys"]
        return await pieces_of(request, ledger_export.export(self._node.store, self._node.journal, keys))

    async def backup(self, request: web.Request) -> web.Response:
        """POST /manage/backup."""
        from connector.service.backup import backup  # tarfile and its kind: not before they are needed

        made = await backup(self._node, Path(absolute(await self._body(request), "path")))
        return web.json_response(made.as_json())

    async def confirm(self, request: web.Request) -> web.Response:
        """POST /manage/restore/confirm; `anyway` opens the gates though a partner does not answer."""
        from connector.service.recovery import confirm

        anyway = (await self._body(request, optional=True)).get("anyway") is True
        return web.json_response(await confirm(self._node, anyway=anyway))

    async def did(self, _: web.Request) -> web.Response:
        """GET /manage/did."""
        return web.json_response(own_document(self._node))
