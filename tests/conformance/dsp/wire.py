"""The player's client: how the official suite speaks HTTP, its patience included.

A POST that should succeed is sent again, byte for byte, after 200 and 400 ms if
it gets a 4xx that is not 404; a 404 or a 5xx is final. A POST that should fail
must get a 4xx that is not 404. Every call has a connection of its own.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector


class Failed(Exception):
    """The connector under test did what the scenario does not allow; the text says what."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: the status, and the body as JSON if there was one."""

    status: int
    body: Any
    tries: int = 1


class Wire:
    """HTTP to the connector under test.

    Raises:
        Failed: it could not be reached, or answered with something that is not JSON.
    """

    def __init__(self, authorization: str, *, pace_s: float) -> None:
        self._authorization = authorization
        self._pace_s = pace_s
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = ClientSession(
            connector=TCPConnector(force_close=True), timeout=ClientTimeout(total=20), auto_decompress=True
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, url: str, *, authorization: str | None = None) -> Answer:
        """GET, whatever the status."""
        return await self._call("GET", url, None, authorization)

    async def once(self, url: str, raw: bytes, *, authorization: str | None = None) -> Answer:
        """POST once, whatever the status."""
        return await self._call("POST", url, raw, authorization)

    async def post(self, url: str, body: Any) -> Answer:
        """POST what must be accepted, with the suite's two more tries.

        Raises:
            Failed: it was not accepted.
        """
        raw = encode(body)
        tries, answer = 1, await self.once(url, raw)
        while tries < 3 and 400 <= answer.status < 500 and answer.status != 404:
            await asyncio.sleep(2 * self._pace_s * tries)
            tries, answer = tries + 1, await self.once(url, raw)
        if not 200 <= answer.status < 300:
            raise Failed(f"POST {url} was answered {answer.status}{_excerpt(answer.body)}")
        return Answer(answer.status, answer.body, tries)

    async def _call(self, method: str, url: str, raw: bytes | None, authorization: str | None) -> Answer:
        assert self._session is not None
        headers = {"Authorization": self._authorization if authorization is None else authorization}
        if raw is not None:
            headers["Content-Type"] = "application/json; charset=utf-8"
        try:
            async with self._session.request(
                method, url, data=raw, headers=headers, allow_redirects=False
            ) as response:
                content = await response.read()
                status = response.status
        except (ClientError, TimeoutError, OSError) as error:
            raise Failed(f"{method} {url}: {type(error).__name__} {error}") from None
        if not content.strip():
            return Answer(status, None)
        try:
            return Answer(status, json.loads(content))
        except ValueError:
            raise Failed(f"{method} {url} was answered {status} with no JSON: {content[:200]!r}") from None


def encode(body: Any) -> bytes:
    """JSON as bytes."""
    return json.dumps(body, ensure_ascii=False).encode("utf-8")


def _excerpt(body: Any) -> str:
    return "" if body is None else f": {json.dumps(body, ensure_ascii=False)[:300]}"
