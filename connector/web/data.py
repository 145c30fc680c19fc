"""The data endpoint: HEAD, GET with ranges, and the refresh of access tokens."""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from connector.dataplane.line import Ended
from connector.dataplane.ranges import Span, strong_etag
from connector.dataplane.serve import Terms, plan_for, send
from connector.errors import BadInput, TooLarge, Unavailable
from connector.failpoints import failpoint, halfway
from connector.service.access import Grant, Pass
from connector.service.node import Node
from connector.web.door import Door

_log = logging.getLogger(__name__)
_REFRESH: Final = "refresh_token"
_MAX_FORM: Final = 16 << 10
_MAX_FIELDS: Final = 20


class DataEndpoint:
    """Serves bytes under a transfer's access token."""

    def __init__(self, node: Node, door: Door) -> None:
        self._node = node
        self._door = door

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """The routes; GET also answers HEAD."""
        return [
            web.get(f"{prefix}/data", self.get, allow_head=True),
            web.post(f"{prefix}/data/token", self.refresh),
        ]

    async def get(self, request: web.Request) -> web.StreamResponse:
        """GET or HEAD /data: the bytes of the contract that the token stands for."""
        node = self._node
        passed = await node.access.recognise(request.headers.get("Authorization"))
        if node.is_paused:
            raise Unavailable("restored from a backup: pulls begin again once the owner confirms it")
        body = await node.open_body(passed.asset.source)
        try:
            planned = plan_for(request, body)
            if request.method == "HEAD" or planned.span is None or planned.span.length == 0:
                if request.method == "GET" and planned.span is not None:
                    await node.access.check(passed)  # an empty file is no use, and yet not for everybody
                return (await send(request, body, planned, self._terms(passed, None))).response
            if node.pulls.hours is not None:
                node.pulls.hours.check(node.clock.now())
            with node.pulls.gate.enter():
                grant = await node.access.grant(passed, planned.span, strong_etag(body.sha256), body.size)
                sent, outcome = Span(planned.span.start, planned.span.start), Ended.DISCONNECTED.value
                try:
                    delivered = await send(request, body, planned, self._terms(passed, grant))
                    sent, outcome = delivered.span, delivered.ended.value
                    failpoint("body:after")
                    return delivered.response
                finally:
                    await self._settle(grant, sent, outcome)
        finally:
            body.close()

    async def _settle(self, grant: Grant, sent: Span, outcome: str) -> None:
        self._node.metrics.delivered(sent.length)
        try:
            await self._node.access.settle(grant, sent, outcome)
        except Unavailable as error:
            # The answer is out; a grant without its second leaf counts in full [D14].
            _log.warning("a delivery could not be settled", extra={"grant": grant.leaf, "error": str(error)})

    def _terms(self, passed: Pass, grant: Grant | None) -> Terms:
        node = self._node
        until = grant.allowed_until if grant else None
        return Terms(
            still_allowed=lambda: until is None or node.clock.now() < until,
            stopper=node.access.stopper(passed.transfer.id),
            limiter=node.pulls.bandwidth,
            clock=node.clock,
            on_slice=halfway("body:middle", grant.span.start, grant.span.stop) if grant else None,
        )

    async def refresh(self, request: web.Request) -> web.Response:
        """POST /data/token: grant_type=refresh_token, in the query or as a form."""
        peer = await self._door.peer(request)
        form = {**request.query, **await _form(request)}
        if form.get("grant_type") != _REFRESH or not form.get(_REFRESH):
            raise BadInput("grant_type=refresh_token and a refresh_token are needed", pointer="grant_type")
        return web.json_response(await self._node.access.refresh(peer.participant_id, form[_REFRESH]))


async def _form(request: web.Request) -> dict[str, str]:
    """The fields of an urlencoded form; whatever else the body is has none of ours.

    Raises:
        TooLarge, BadInput: more than a form of two fields can be.
    """
    raw = bytearray()
    async for chunk in request.content.iter_any():
        raw += chunk
        if len(raw) > _MAX_FORM:
            raise TooLarge(f"the form has more than {_MAX_FORM} bytes")
    try:
        return dict(parse_qsl(raw.decode("utf-8", "replace"), max_num_fields=_MAX_FIELDS))
    except ValueError as error:
        raise BadInput(str(error), pointer="grant_type") from None
