"""The plug-in that makes a connector the connector under test.

It seeds what the scenarios name, plays the table, and listens for the two calls
by which the suite asks it to begin. Everything else is the product as it is.

Environment: `MADANG_CONFORMANCE_PORT` (8687) where it listens on loopback,
`MADANG_CONFORMANCE_DELAY_S` (see `table.DELAY_S`) before each step of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from connector.errors import BadInput, ConnectorError
from connector.model.process import Act, Negotiation, NegotiationAct, Process, TransferAct
from connector.service.extension import Automation, Hold, Host, Step
from connector.service.negotiation import Counterparty
from connector.settings import StaticPeer
from tests.conformance.dsp.seeding import RULES, seed
from tests.conformance.dsp.table import DELAY_S, FORMAT, SCRIPTS, TCK_PARTICIPANT, Does, next_step

NEGOTIATION: Final[Mapping[Does, Act]] = {
    Does.OFFER: NegotiationAct.OFFER,
    Does.COUNTER: NegotiationAct.REQUEST,
    Does.ACCEPT: NegotiationAct.ACCEPT,
    Does.AGREE: NegotiationAct.AGREE,
    Does.VERIFY: NegotiationAct.VERIFY,
    Does.FINALIZE: NegotiationAct.FINALIZE,
    Does.TERMINATE: NegotiationAct.TERMINATE,
}
TRANSFER: Final[Mapping[Does, Act]] = {
    Does.START: TransferAct.START,
    Does.SUSPEND: TransferAct.SUSPEND,
    Does.COMPLETE: TransferAct.COMPLETE,
    Does.TERMINATE: TransferAct.TERMINATE,
}


class Script:
    """The table as an automation: what to send next, by how often a process has been in its state."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s
        self._trails: dict[str, dict[int, str]] = {}

    def next(self, process: Process) -> Step | Hold | None:
        """The table's step; Hold where it says none; None for what is not in the table."""
        negotiates = isinstance(process, Negotiation)
        key = process.dataset_id if negotiates else process.agreement_id
        if key not in SCRIPTS or process.state is None:
            return None
        # One entry for each version: being asked again about the same one is no second visit, and a state
        # may be entered twice in a row when the peer's message was the proof of the one between.
        trail = self._trails.setdefault(process.id, {})
        trail[process.version] = process.state.value
        step = next_step(key, list(trail.values()))
        if step is None:
            return Hold()
        acts = NEGOTIATION if negotiates else TRANSFER
        ends = step.does is Does.TERMINATE
        reason = "the scenario ends it here" if ends else ""
        return Step(acts[step.does], code="conformance" if ends else "", reason=reason, delay_s=self._delay_s)


class Conformance:
    """Seeds, automates, and serves the two hooks on loopback."""

    def __init__(self, host: Host, *, port: int, delay_s: float) -> None:
        self._host = host
        self._port = port
        self._peer = _suite(host)
        self._script = Script(delay_s)
        self._runner: web.AppRunner | None = None

    @property
    def automation(self) -> Automation | None:
        """The table."""
        return self._script

    async def start(self) -> None:
        """Seed, and listen."""
        peer, now = self._peer, self._host.clock.now()
        service_id = f"{self._host.settings.public_url}/dsp#service"
        await self._host.store.transact(
            lambda tx: seed(
                tx, now, peer=peer.id, our_id=peer.our_id, address=peer.address, service_id=service_id
            )
        )
        app = web.Application()
        app.router.add_post("/tck/negotiations/requests", self._negotiate)
        app.router.add_post("/tck/transfers/requests", self._transfer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def stop(self) -> None:
        """Close the listener."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _negotiate(self, request: web.Request) -> web.Response:
        """Begin a negotiation: {providerId, offerId, datasetId, connectorAddress}."""
        wish = await request.json()
        return await _answered(self._begin_negotiation(wish))

    async def _transfer(self, request: web.Request) -> web.Response:
        """Begin a transfer: {providerId, agreementId, format, connectorAddress}."""
        wish = await request.json()
        return await _answered(self._begin_transfer(wish))

    async def _begin_negotiation(self, wish: Mapping[str, str]) -> str:
        provider = Counterparty(self._known(wish), wish["connectorAddress"], self._peer.our_id)
        offer = {"@id": wish["offerId"], "target": wish["datasetId"], **RULES}
        return (await self._host.negotiations.request(provider, offer)).id

    async def _begin_transfer(self, wish: Mapping[str, str]) -> str:
        self._known(wish)
        if wish["format"] != FORMAT:
            raise BadInput(f"must be {FORMAT}", pointer="format")
        agreement, address = wish["agreementId"], wish["connectorAddress"]
        return (await self._host.transfers.request(agreement, address=address)).id

    def _known(self, wish: Mapping[str, str]) -> str:
        if wish["providerId"] != self._peer.id:
            raise BadInput(f"must be {self._peer.id}", pointer="providerId")
        return wish["providerId"]


async def _answered(beginning: Any) -> web.Response:
    try:
        return web.json_response({"id": await beginning})
    except KeyError as error:
        return web.json_response({"error": f"{error.args[0]} is missing"}, status=400)
    except ConnectorError as error:
        return web.json_response({"error": str(error)}, status=error.status)


def _suite(host: Host) -> StaticPeer:
    for peer in host.settings.identity.static_peers:
        if peer.id == TCK_PARTICIPANT:
            return peer
    raise BadInput(f"{TCK_PARTICIPANT} must be among them", pointer="identity.static_peers")


def plugin(host: Host) -> Conformance:
    """The hook that the connector calls."""
    port = int(os.environ.get("MADANG_CONFORMANCE_PORT", "8687"))
    delay_s = float(os.environ.get("MADANG_CONFORMANCE_DELAY_S", str(DELAY_S)))
    return Conformance(host, port=port, delay_s=delay_s)
