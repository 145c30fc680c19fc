"""The one door out: every outbound HTTP request of the connector goes through here.

`peer.guard` says which requests may leave. This file makes sure that what was
checked is what is dialled: a name is looked up once per new connection, every
address of the answer is checked, and the socket is opened to exactly those.
Redirects are answers, not instructions; proxies of the environment, cookies and
compressed answers are not used; every request has a deadline and a size.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from connector.errors import EgressRefused, PeerFailed
from connector.model.ports import Response
from connector.peer.guard import Guard, Lookup, Target, read_address

CONNECT_S: Final = 5.0
KEEPALIVE_S: Final = 15.0
"""Shorter than what common servers keep, so that we rarely write into a closed connection."""
DNS_CACHE_S: Final = 10
READ_BUFFER: Final = 1 << 20
MAX_STREAM_S: Final = 24 * 3600.0

_LINE_BREAK: Final = re.compile(r"[\r\n\0]")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer whose body arrives piece by piece; `chunks` can be read once.

    `chunks` raises PeerFailed when the body breaks off, falls silent, or passes its cap.
    """

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class Egress:
    """Guarded HTTP client; calling it is `model.ports.Fetch`. Own it between `start` and `close`.

    `allow` and `http_hosts` are lists of `host` or `host:port` (see `peer.guard`).
    `ca_file` adds certificate authorities to those of the system. `lookup` stands
    for the name service. Connections are kept and reused, at most `per_host` at once
    to one host and `total` in all.

    Raises:
        ValueError, OSError: `ca_file` cannot be read.
    """

    def __init__(
        self,
        *,
        allow: frozenset[str] = frozenset(),
        http_hosts: frozenset[str] = frozenset(),
        ca_file: Path | None = None,
        per_host: int = 128,
        total: int = 1024,
        lookup: Lookup | None = None,
    ) -> None:
        self._guard = Guard(frozenset(a.lower() for a in allow), frozenset(h.lower() for h in http_hosts))
        self._tls = _tls_context(ca_file)
        self._per_host = per_host
        self._total = total
        self._lookup = lookup or _system_lookup
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool; needs the running loop."""
        connector = aiohttp.TCPConnector(
            ssl=self._tls,
            resolver=_CheckedResolver(self._guard, self._lookup),
            ttl_dns_cache=DNS_CACHE_S,
            limit=self._total,
            limit_per_host=self._per_host,
            keepalive_timeout=KEEPALIVE_S,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "madang"},
        )

    def check(self, url: str) -> None:
        """Whether a request to `url` would be let out, as far as that shows without a name look-up.

        Raises:
            EgressRefused: it would not.
        """
        self._guard.target(url)

    async def close(self) -> None:
        """Close every connection; requests under way fail."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def __call__(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout_s: float = 10.0,
        max_bytes: int = 1 << 20,
    ) -> Response:
        """Send one request and read the whole answer, whatever its status; 3xx too.

        Raises:
            EgressRefused: the guard does not let it out; `hint` names the setting, if one would.
            PeerFailed: no complete answer within `timeout_s` seconds and `max_bytes` bytes.
        """
        target = self._guard.target(url)
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_S, ceil_threshold=60)
        try:
            async with self._request(method, target, headers, body, timeout) as answer:
                content = await _read_capped(answer, target, max_bytes)
                return Response(answer.status, answer.headers, content)
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            _raise_failed(target, error, timeout_s)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        answer_s: float = 30.0,
        idle_s: float = 30.0,
        total_s: float = MAX_STREAM_S,
        max_bytes: int | None = None,
    ) -> AsyncIterator[Stream]:
        """Send one request and hand over its answer piece by piece, in constant memory.

        The headers have to come within `answer_s`, each further piece within `idle_s`,
        all of it within `total_s` seconds. Leaving early closes the connection.

        Raises:
            EgressRefused: the guard does not let it out.
            PeerFailed: no answer in time; or from `chunks`.
        """
        target = self._guard.target(url)
        timeout = aiohttp.ClientTimeout(
            total=total_s, sock_connect=CONNECT_S, sock_read=idle_s, ceil_threshold=60
        )
        request = self._request(method, target, headers, body, timeout)
        try:
            async with asyncio.timeout(answer_s):
                answer = await request.__aenter__()
        except (aiohttp.ClientError, TimeoutError, OSError, UnicodeError) as error:
            _raise_failed(target, error, answer_s)
        try:
            _refuse_encoded(answer, target)
            async with aclosing(_chunks(answer, target, idle_s, max_bytes)) as chunks:
                yield Stream(answer.status, answer.headers, chunks)
        finally:
            await request.__aexit__(None, None, None)

    def _request(
        self,
        method: str,
        target: Target,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        timeout: aiohttp.ClientTimeout,
    ) -> Any:
        if self._session is None:
            raise RuntimeError("Egress.start() was not called, or it is closed")
        if method not in _METHODS:
            raise EgressRefused(f"the method {method[:20]!r} is not used", pointer="method")
        for name, value in (headers or {}).items():
            _check_header(name, value)
        return self._session.request(
            method,
            target.url,
            headers=headers,
            data=body,
            timeout=timeout,
            allow_redirects=False,
            read_bufsize=READ_BUFFER,
        )


class _CheckedResolver(AbstractResolver):
    """Looks a name up and lets through only what the guard accepts.

    aiohttp asks it for each new connection to a name (literals were checked with
    the URL), keeps the answer for ten seconds, and dials these addresses.
    """

    def __init__(self, guard: Guard, lookup: Lookup) -> None:
        self._guard = guard
        self._lookup = lookup

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._lookup(host, port)
        if not found:
            raise OSError(f"{host} has no address")
        results: list[ResolveResult] = []
        for text in found:
            try:
                address = read_address(text)
            except ValueError as error:
                raise EgressRefused(f"{host} cannot be dialled: {error}", pointer=host) from None
            # One bad address among good ones refuses them all: no honest name mixes them.
            self._guard.check_address(host, port, address)
            kind = socket.AF_INET if address.version == 4 else socket.AF_INET6
            if family not in (socket.AF_UNSPEC, kind):
                continue
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(address),
                    port=port,
                    family=kind,
                    proto=0,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        return results

    async def close(self) -> None:
        """Nothing is held."""


async def _system_lookup(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def _tls_context(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.load_verify_locations(cafile=ca_file)
    return context


def _check_header(name: str, value: str) -> None:
    if _LINE_BREAK.search(name) or _LINE_BREAK.search(value):
        raise EgressRefused(f"the header {name[:80]!r} has a line break in it", pointer="headers")


def _refuse_encoded(answer: aiohttp.ClientResponse, target: Target) -> None:
    # We asked for identity; unpacking what comes anyway would open the door to bombs.
    encoding = answer.headers.get("Content-Encoding", "identity").lower()
    if encoding != "identity":
        raise PeerFailed(
            f"{target.host} answered in {encoding[:40]!r}, which was not asked for", pointer=target.host
        )


async def _read_capped(answer: aiohttp.ClientResponse, target: Target, max_bytes: int) -> bytes:
    _refuse_encoded(answer, target)
    if answer.content_length is not None and answer.content_length > max_bytes and answer.method != "HEAD":
        raise _too_large(target, max_bytes)
    parts: list[bytes] = []
    size = 0
    async for part in answer.content.iter_any():
        size += len(part)
        if size > max_bytes:
            raise _too_large(target, max_bytes)
        parts.append(part)
    return b"".join(parts)


async def _chunks(
    answer: aiohttp.ClientResponse, target: Target, idle_s: float, max_bytes: int | None
) -> AsyncGenerator[bytes, None]:
    size = 0
    try:
        async for part in answer.content.iter_any():
            size += len(part)
            if max_bytes is not None and size > max_bytes:
                raise _too_large(target, max_bytes)
            yield part
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        _raise_failed(target, error, idle_s)


def _too_large(target: Target, max_bytes: int) -> PeerFailed:
    return PeerFailed(
        f"the answer of {target.host} is larger than {max_bytes} bytes",
        pointer=target.host,
        code="answer-too-large",
    )


def _raise_failed(target: Target, error: Exception, timeout_s: float) -> NoReturn:
    """Say in our words what went wrong on the way to a peer."""
    where = f"{target.host}:{target.port}"
    match error:
        case aiohttp.ClientConnectorCertificateError():
            reason = f"the certificate of {where} is not accepted: {error.certificate_error}"
            hint = "if it comes from your own authority, name its file in egress.ca_file"
            raise PeerFailed(reason, pointer=target.host, hint=hint, code="peer-certificate") from error
        case aiohttp.ClientConnectorDNSError():
            raise PeerFailed(
                f"{target.host} has no address", pointer=target.host, code="peer-unknown"
            ) from error
        case TimeoutError():
            raise PeerFailed(
                f"{where} did not answer within {timeout_s:g} s", pointer=target.host, code="peer-timeout"
            ) from error
        case aiohttp.ClientConnectorError():
            reason = f"{where} cannot be reached: {error.os_error.strerror or error.os_error}"
            raise PeerFailed(reason, pointer=target.host, code="peer-unreachable") from error
        case _:
            reason = f"the exchange with {where} broke off: {str(error) or type(error).__name__}"
            raise PeerFailed(reason, pointer=target.host, code="peer-broke-off") from error
