"""One connector, put together: what web and CLI get to work with."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

from connector.dataplane.body import Body
from connector.dataplane.limits import Bandwidth, Hours, PullGate
from connector.dataplane.sources.api import SourceDescription
from connector.identity.keys import KeyRing
from connector.model.ports import Clock
from connector.service.access import Access
from connector.service.catalog import Catalogs
from connector.service.consuming import Consuming
from connector.service.cursors import Cursors
from connector.service.definitions import Definitions
from connector.service.deliver import Sender
from connector.service.describing import Describing
from connector.service.events import Events
from connector.service.extension import Automations
from connector.service.journal import Journal
from connector.service.listing import Listing
from connector.service.metrics import Metrics
from connector.service.negotiation import Negotiations
from connector.service.notify import Notices
from connector.service.offering import Offering
from connector.service.overview import Overview
from connector.service.parties import Parties
from connector.service.publishing import Publishing
from connector.service.references import References
from connector.service.searching import Searching
from connector.service.timers import Timers
from connector.service.transfer import Transfers
from connector.settings import Settings
from connector.store.sqlite import SqliteStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Pulls:
    """What bounds the deliveries of data, all together."""

    gate: PullGate
    bandwidth: Bandwidth
    hours: Hours | None


@dataclass(slots=True)
class Node:
    """The services of one running connector."""

    settings: Settings
    clock: Clock
    store: SqliteStore
    keys: KeyRing
    parties: Parties
    journal: Journal
    events: Events
    timers: Timers
    sender: Sender
    catalogs: Catalogs
    negotiations: Negotiations
    transfers: Transfers
    access: Access
    describing: Describing
    publishing: Publishing
    consuming: Consuming
    overview: Overview
    notices: Notices
    pulls: Pulls
    open_source: Any
    public_url: str
    api_key: str
    cursors: Cursors
    automations: Automations
    definitions: Definitions
    listing: Listing
    offering: Offering
    references: References
    metrics: Metrics
    searching: Searching
    is_ready: bool = False
    is_paused: bool = False
    """After a restore, until it is confirmed: no pulls [D17]."""
    _refusals: list[tuple[str, str]] = field(default_factory=list)

    @property
    def dsp_base(self) -> str:
        """The base address of our DSP endpoints."""
        return f"{self.public_url}/dsp/2025-1"

    def refused(self, peer: str, code: str) -> None:
        """Count a refusal; written with others, not one by one."""
        self._refusals.append((peer, code))
        if len(self._refusals) == 1:
            asyncio.get_running_loop().call_later(1.0, self._write_refusals)

    def _write_refusals(self) -> None:
        counted, self._refusals = self._refusals, []
        day = self.clock.now().date().isoformat()

        def work(tx: Any) -> None:
            for peer, code in counted:
                tx.count_refusal(peer, code, day)

        task = asyncio.ensure_future(self.store.transact(work))
        task.add_done_callback(lambda t: t.cancelled() or t.exception())

    async def open_body(self, source: dict[str, Any]) -> Body:
        """Open exactly what an asset's source describes.

        Raises:
            SourceChanged: it is not that any more.
        """
        body: Body = await self.open_source(SourceDescription.from_json(source))
        return body
