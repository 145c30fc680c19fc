"""Tells the owner that something waits, was withdrawn, is overdue, or runs short [D30]."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any, Final

from connector.errors import ConnectorError
from connector.model.ports import Fetch
from connector.model.times import iso
from connector.service.events import Event, Events

_log = logging.getLogger(__name__)
TOLD: Final = frozenset(
    {
        "negotiation.waiting",
        "negotiation.overdue",
        "contract.withdrawn",
        "contract.ended",
        "disk.low",
        "certificate.ending",
    }
)


class Notices:
    """Runs `notify.command` and posts to `notify.url` for the events that people must hear of."""

    def __init__(self, events: Events, fetch: Fetch, *, command: Sequence[str], url: str) -> None:
        self._events = events
        self._fetch = fetch
        self._command = list(command)
        self._url = url

    async def run(self) -> None:
        """The loop; the application owns its task."""
        if not (self._command or self._url):
            return
        async with aclosing(self._events.listen()) as events:  # type: ignore[type-var]  # an async generator
            async for event in events:
                if event.type in TOLD:
                    await self._tell(event)

    async def _tell(self, event: Event) -> None:
        body: dict[str, Any] = {
            "type": event.type,
            "subject": event.subject,
            "at": iso(event.at),
            "data": dict(event.data),
        }
        raw = json.dumps(body, ensure_ascii=False).encode("utf-8")
        try:
            if self._command:
                await self._run(raw)
            if self._url:
                headers = {"Content-Type": "application/json"}
                await self._fetch("POST", self._url, headers=headers, body=raw)
        except (ConnectorError, OSError, TimeoutError) as error:
            _log.warning("a notice could not be given", extra={"event": event.type, "error": str(error)})

    async def _run(self, raw: bytes) -> None:
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(30):
                await process.communicate(raw)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
