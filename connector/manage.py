"""A client of a running connector's management API: plain HTTP/1.1 with the standard library.

The command line and the demo use it. It is small on purpose: no pool, one connection a call, so that a
verb costs a few milliseconds and no import of an HTTP framework.
"""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from connector.errors import ConnectorError, PeerFailed, Unavailable

TIMEOUT_S: Final = 60.0
_MAX_BODY: Final = 256 << 20


class Refused(ConnectorError):
    """The connector answered with an error; its code, words and status are kept."""

    def __init__(self, status: int, found: Mapping[str, Any]) -> None:
        known = ("message", "path", "pointer", "hint", "code", "type", "invalidValue")
        super().__init__(
            str(found.get("message") or f"the connector answered {status}"),
            pointer=str(found.get("path") or found.get("pointer") or ""),
            hint=str(found.get("hint") or ""),
            code=str(found.get("code") or "internal"),
            extra={name: value for name, value in found.items() if name not in known},
        )
        self.status = status  # type: ignore[misc]  # an instance stands for what was answered


class NotReached(Unavailable):
    """Nobody listens there."""

    code = "not-running"


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def call(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    tls: ssl.SSLContext | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Answer:
    """One request to any address, read whole.

    Raises:
        NotReached: nobody listens there.
        PeerFailed: it broke off, took too long, or sent too much.
    """
    with _opened(method, url, headers or {}, body, tls, timeout_s) as response:
        raw = response.read(_MAX_BODY + 1)
        if len(raw) > _MAX_BODY:
            raise PeerFailed(f"{url} sends more than {_MAX_BODY} bytes")
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, raw)


@contextmanager
def _opened(
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes | None,
    tls: ssl.SSLContext | None,
    timeout_s: float,
) -> Iterator[http.client.HTTPResponse]:
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = tls or ssl.create_default_context()
        connection = http.client.HTTPSConnection(parts.netloc, timeout=timeout_s, context=context)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_s)
    try:
        try:
            connection.connect()
        except OSError as error:
            reason = error.strerror or error
            raise NotReached(f"{parts.scheme}://{parts.netloc} cannot be reached: {reason}") from None
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body=body, headers=dict(headers))
        yield connection.getresponse()
    except TimeoutError:
        raise PeerFailed(f"{parts.netloc} did not answer within {timeout_s:g} s") from None
    except (OSError, http.client.HTTPException) as error:
        raise PeerFailed(f"{parts.netloc} broke off: {str(error) or type(error).__name__}") from None
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened: `type` like `negotiation.finalized`, and its data."""

    type: str
    data: Mapping[str, Any]

    @property
    def subject(self) -> str:
        """The id of what it happened to."""
        return str(self.data.get("subject", ""))


class Manage:
    """The management API of one connector."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url.rstrip("/")
        self._key = api_key

    @property
    def url(self) -> str:
        """Its address."""
        return self._url

    def get(self, *path: str, **query: object) -> Any:
        """GET /path; each part is one segment, whatever is in it. The decoded JSON, None if empty.

        Raises:
            NotReached: the connector does not run.
            Refused: it answered with an error.
            PeerFailed: it broke off.
        """
        return self._json("GET", path, query, None)

    def post(self, *path: str, body: Any = None, timeout_s: float = TIMEOUT_S) -> Any:
        """POST /path with JSON; raises as `get`."""
        return self._json("POST", path, {}, {} if body is None else body, timeout_s)

    def raw(self, *path: str) -> bytes:
        """GET /path, undecoded; raises as `get`."""
        answer = call("GET", self._address(path, {}), headers=self._headers())
        _check(answer.status, answer.body)
        return answer.body

    def lines(self, *path: str, body: Any, timeout_s: float = TIMEOUT_S) -> Iterator[Any]:
        """POST /path and decode its NDJSON answer line by line, as it comes; raises as `get`.

        `timeout_s` is the longest silence between two lines.
        """
        raw = json.dumps(body).encode("utf-8")
        with _opened("POST", self._address(path, {}), self._headers(), raw, None, timeout_s) as response:
            if response.status >= 300:
                _check(response.status, response.read(_MAX_BODY))
            while line := response.readline():
                if line.strip():
                    yield json.loads(line)

    @contextmanager
    def events(self, *, within_s: float | None = None) -> Iterator[Iterator[Event]]:
        """The event stream from now on; what happens inside the block is not missed. Raises as `get`, and
        PeerFailed when `within_s` is over (to within the stream's heartbeat).
        """
        address = self._address(("manage", "events"), {})
        with _opened("GET", address, self._headers(), None, None, TIMEOUT_S) as response:
            if response.status >= 300:
                _check(response.status, response.read(_MAX_BODY))
            response.readline()  # the comment that says: from here on
            yield _sse(response, within_s)

    def _json(
        self,
        method: str,
        path: tuple[str, ...],
        query: Mapping[str, object],
        body: Any,
        timeout_s: float = TIMEOUT_S,
    ) -> Any:
        raw = None if body is None else json.dumps(body).encode("utf-8")
        address = self._address(path, query)
        answer = call(method, address, headers=self._headers(), body=raw, timeout_s=timeout_s)
        _check(answer.status, answer.body)
        return json.loads(answer.body) if answer.body.strip() else None

    def _headers(self) -> dict[str, str]:
        return {"x-api-key": self._key, "Content-Type": "application/json"}

    def _address(self, path: tuple[str, ...], query: Mapping[str, object]) -> str:
        said = {name: value for name, value in query.items() if value not in (None, "", 0)}
        parts = "/".join(quote(part, safe="") for part in path)
        return f"{self._url}/{parts}" + (f"?{urlencode(said)}" if said else "")


def _check(status: int, body: bytes) -> None:
    if status < 300:
        return
    try:
        found = json.loads(body)
    except ValueError:
        found = {}
    if isinstance(found, list):
        found = found[0] if found and isinstance(found[0], dict) else {}
    raise Refused(status, found if isinstance(found, dict) else {})


def _sse(response: http.client.HTTPResponse, within_s: float | None) -> Iterator[Event]:
    """Server-sent events (HTML Living Standard §9.2.6), those with JSON data."""
    name, data = "message", list[str]()
    end = None if within_s is None else time.monotonic() + within_s
    while line := response.readline():
        if end is not None and time.monotonic() > end:
            raise PeerFailed(f"it did not happen within {within_s:g} s")
        text = line.decode("utf-8").rstrip("\r\n")
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if not text:
            if data:
                yield Event(name, json.loads("\n".join(data)))
            name, data = "message", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
