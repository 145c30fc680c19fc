"""What a Madang announces on its event stream, so that whoever waits for a state need not ask."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import aiohttp


class Announcements:
    """Listens to `GET /manage/events` and remembers which process reached which state."""

    def __init__(self, url: str, api_key: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._headers = {"x-api-key": api_key}
        self._session = session
        self._reached: dict[tuple[str, str], asyncio.Event] = {}
        self._listening = asyncio.Event()
        self._listener: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when nothing is missed from here on."""
        self._listener = asyncio.create_task(self._listen(), name="announcements")
        await asyncio.wait_for(self._listening.wait(), 10)

    async def stop(self) -> None:
        """Stop listening."""
        if self._listener is not None:
            self._listener.cancel()
            with suppress(asyncio.CancelledError, aiohttp.ClientError):
                await self._listener

    async def wait(self, subject: str, types: frozenset[str]) -> None:
        """Wait until one of these types was announced about this process, now or before."""
        events = [self._event(subject, type_) for type_ in types]
        waits = [asyncio.ensure_future(event.wait()) for event in events]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _event(self, subject: str, type_: str) -> asyncio.Event:
        return self._reached.setdefault((subject, type_), asyncio.Event())

    async def _listen(self) -> None:
        endless = aiohttp.ClientTimeout(total=None)
        async with self._session.get(self._url, headers=self._headers, timeout=endless) as response:
            response.raise_for_status()
            async for raw in response.content:
                line = raw.decode("utf-8").rstrip("\n")
                if line.startswith(":"):
                    self._listening.set()
                elif line.startswith("data: "):
                    said = json.loads(line.removeprefix("data: "))
                    self._event(said["subject"], said["type"]).set()
