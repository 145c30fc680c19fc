"""Resolving did:web over the guarded fetch: cached, one request per DID at a time, bounded."""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final, Protocol

from connector.errors import EgressRefused, PeerFailed
from connector.identity.did import MAX_DOCUMENT_BYTES, parse_did_document, url_of_did
from connector.model.identity import DidDocument
from connector.model.ports import Clock, Fetch

CACHE_S: Final = 300.0
"""How long a document is believed: the time that a removed key may still be accepted."""
NEGATIVE_CACHE_S: Final = 10.0
REFETCH_S: Final = 30.0
"""An unknown key makes us look again, but not more often than this per DID."""
DEADLINE_S: Final = 5.0

UNREACHABLE: Final = "did-unreachable"
"""`reason_code` of a failure that may pass by itself: whoever asked may ask again."""

_PASSING_STATUS: Final = frozenset({408, 425, 429, *range(500, 600)})


class ResolveDid(Protocol):
    """From a DID, and the key that is looked for, to its document.

    Raises:
        BadInput: not a did:web.
        PeerFailed: the document cannot be used (`did-missing`, `did-invalid`), could not be
            had just now (`did-unreachable`), or our guard refused (EgressRefused).
    """

    async def __call__(self, did: str, kid: str | None = None) -> DidDocument:
        """The document of the DID; a `kid` that it lacks is a reason to look again."""
        ...


@dataclass(slots=True)
class _Entry:
    outcome: DidDocument | PeerFailed
    expires: float
    looked_again: float
    """When it was last fetched for the sake of an unknown key."""


class DidResolver:
    """The documents of other parties; `resolve` is a `ResolveDid`.

    Keeps at most `max_entries` outcomes, the least recently used go first.
    """

    def __init__(
        self,
        fetch: Fetch,
        clock: Clock,
        *,
        http_hosts: frozenset[str] = frozenset(),
        max_entries: int = 4096,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._http_hosts = http_hosts
        self._max_entries = max_entries
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._running: dict[str, asyncio.Task[DidDocument]] = {}

    async def resolve(self, did: str, kid: str | None = None) -> DidDocument:
        """The document of the DID, at most five minutes old.

        If `kid` is given and is not in it, the document is fetched again, at most
        once in 30 seconds per DID; what comes back may still lack it.

        Raises:
            BadInput: not a did:web.
            PeerFailed: the document cannot be had or used; remembered for ten seconds.
        """
        entry = self._entries.get(did)
        if entry is not None and self._clock.monotonic() < entry.expires:
            self._entries.move_to_end(did)
            if isinstance(entry.outcome, PeerFailed):
                # A copy: one exception object raised twice would gather both tracebacks.
                raise _again(entry.outcome)
            if kid is None or entry.outcome.method(kid) is not None or not self._may_look_again(entry):
                return entry.outcome
            try:
                return await self._single_flight(did)
            except PeerFailed:
                # What we have stays good for its time; the key is still unknown.
                return entry.outcome
        return await self._single_flight(did)

    def needs_fetch(self, did: str, kid: str | None = None) -> bool:
        """Whether `resolve` would ask the network now."""
        entry = self._entries.get(did)
        if entry is None or self._clock.monotonic() >= entry.expires:
            return did not in self._running
        if isinstance(entry.outcome, PeerFailed) or kid is None or entry.outcome.method(kid) is not None:
            return False
        return self._clock.monotonic() - entry.looked_again >= REFETCH_S

    def forget(self, did: str) -> None:
        """Fetch the document anew when it is next asked for."""
        self._entries.pop(did, None)

    async def close(self) -> None:
        """End the requests that are still under way."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _may_look_again(self, entry: _Entry) -> bool:
        now = self._clock.monotonic()
        if now - entry.looked_again < REFETCH_S:
            return False
        entry.looked_again = now
        return True

    async def _single_flight(self, did: str) -> DidDocument:
        task = self._running.get(did)
        if task is None:
            url = url_of_did(did, http_hosts=self._http_hosts)
            task = asyncio.create_task(self._read(did, url), name=f"did {did}")
            self._running[did] = task
            task.add_done_callback(lambda done: self._finished(did, done))
        # Shielded: a caller that gives up must not take the answer from the others.
        return await asyncio.shield(task)

    def _finished(self, did: str, task: asyncio.Task[DidDocument]) -> None:
        self._running.pop(did, None)
        if not task.cancelled():
            task.exception()  # seen, even if every caller has gone

    async def _read(self, did: str, url: str) -> DidDocument:
        try:
            # The media type is not looked at: strict JSON whose id is the DID says more.
            document = parse_did_document(await self._get(url), did)
        except PeerFailed as error:
            old = self._entries.get(did)
            if old is None or self._clock.monotonic() >= old.expires or isinstance(old.outcome, PeerFailed):
                self._remember(did, error, NEGATIVE_CACHE_S)
            raise
        self._remember(did, document, CACHE_S)
        return document

    async def _get(self, url: str) -> bytes:
        try:
            answer = await self._fetch(
                "GET",
                url,
                headers={"Accept": "application/did+json, application/json"},
                timeout_s=DEADLINE_S,
                max_bytes=MAX_DOCUMENT_BYTES,
            )
        except EgressRefused:
            raise
        except PeerFailed as error:
            raise PeerFailed(error.message, pointer="did", hint=error.hint, code=UNREACHABLE) from error
        if answer.status != 200:
            code = UNREACHABLE if answer.status in _PASSING_STATUS else "did-missing"
            raise PeerFailed(
                f"{url} answered {answer.status} instead of the DID document", pointer="did", code=code
            )
        return answer.body

    def _remember(self, did: str, outcome: DidDocument | PeerFailed, for_s: float) -> None:
        old = self._entries.get(did)
        looked_again = old.looked_again if old else -math.inf
        self._entries[did] = _Entry(outcome, self._clock.monotonic() + for_s, looked_again)
        self._entries.move_to_end(did)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)


def _again(error: PeerFailed) -> PeerFailed:
    return type(error)(error.message, pointer=error.pointer, hint=error.hint, code=error.reason_code)
