"""The data endpoint: HEAD, GET with ranges, and the refresh of access tokens."""

from __future__ import annotations

import logging
import re
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from connector.dataplane.body import Body
from connector.dataplane.line import Ended
from connector.dataplane.ranges import Plan, Span, strong_etag
from connector.dataplane.serve import Terms, plan_for, send
from connector.errors import BadInput, TooLarge, Unavailable
from connector.failpoints import failpoint, halfway
from connector.model.catalog import Asset
from connector.service.access import Grant, Pass
from connector.service.node import Node
from connector.web.door import Door

_log = logging.getLogger(__name__)
_REFRESH: Final = "refresh_token"
_MAX_FORM: Final = 16 << 10
_MAX_FIELDS: Final = 20
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")
_SUFFIX: Final = re.compile(r"\.[A-Za-z0-9]{1,10}\Z")


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
                return await self._without_bytes(request, passed, body, planned)
            if node.pulls.hours is not None:
                node.pulls.hours.check(node.clock.now())
            with node.pulls.gate.enter():
                return await self._deliver(request, passed, body, planned, planned.span)
        finally:
            body.close()

    async def _without_bytes(
        self, request: web.Request, passed: Pass, body: Body, planned: Plan
    ) -> web.StreamResponse:
        """What brings no byte is no use [D14]; an empty file is yet not for everybody."""
        if request.method == "GET" and planned.span is not None:
            await self._node.access.check(passed)
        headers = _naming(passed.asset)
        return (await send(request, body, planned, self._terms(passed, None), headers=headers)).response

    async def _deliver(
        self, request: web.Request, passed: Pass, body: Body, planned: Plan, span: Span
    ) -> web.StreamResponse:
        """Count the use, send, and write down what left."""
        grant = await self._node.access.grant(passed, span, strong_etag(body.sha256), body.size)
        sent, outcome = Span(span.start, span.start), Ended.DISCONNECTED.value
        try:
            headers = _naming(passed.asset)
            delivered = await send(request, body, planned, self._terms(passed, grant), headers=headers)
            sent, outcome = delivered.span, delivered.ended.value
            failpoint("body:after")
            return delivered.response
        finally:
            await self._settle(grant, sent, outcome)

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


def _naming(asset: Asset) -> dict[str, str]:
    """A name for whoever saves the bytes: the dataset's, with the ending of the source (RFC 6266)."""
    stem = _UNSAFE.sub("_", asset.id.rstrip("/").rpartition("/")[2]) or "data"
    suffix = _SUFFIX.search(str(asset.source.get("name", "")))
    ending = suffix.group(0) if suffix and not stem.lower().endswith(suffix.group(0).lower()) else ""
    return {"Content-Disposition": f'attachment; filename="{stem}{ending}"'}
