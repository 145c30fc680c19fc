"""What a room needs from a sibling, as Protocols: the composition root plugs them together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> datetime:
        """The UTC wall clock, aware."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, for deadlines and back-off."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


@dataclass(frozen=True, slots=True)
class Response:
    """What came back from an outbound request, read whole and within its cap."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Fetch(Protocol):
    """One guarded outbound HTTP request (`peer.egress`).

    Raises:
        EgressRefused: the guard does not let this address out.
        PeerFailed: no complete answer within the deadline or cap.
    """

    def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = 10.0,
        max_bytes: int = 1 << 20,
    ) -> Awaitable[Response]:
        """Send one request and read the whole answer."""
        ...


class Signer(Protocol):
    """A private key that signs compact JWS, wherever it lives."""

    @property
    def did(self) -> str:
        """The DID whose key this is."""
        ...

    @property
    def kid(self) -> str:
        """The DID URL of the verification method."""
        ...

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS over the claims, with `kid` and `typ` in the header."""
        ...


RandomBytes = Callable[[int], bytes]
