"""May this request leave? Rules on URLs and addresses, without a socket.

    scheme    https; http only for hosts in `egress.http_hosts`
    host      a plain name or a canonical IP literal; no user info, no number tricks
    port      443, or 1024 and up; others only for hosts in `egress.allow`
    address   public (`peer.addresses`); others only for hosts in `egress.allow`

Entries of both settings are `host` (every port) or `host:port`, IPv6 in brackets.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from yarl import URL

from connector.errors import EgressRefused
from connector.peer.addresses import is_public

MAX_URL_LENGTH: Final = 8192

_URL: Final = re.compile(r"(?P<scheme>https?)://(?P<authority>[^/?#]+)(?P<rest>[/?#].*)?", re.IGNORECASE)
_UNSAFE: Final = re.compile(r"[^!-~]|\\")
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?")
_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
# As browsers do: a last label that is a number means an IPv4 address in some spelling.
_NUMBER_AT_END: Final = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)")

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) -> IP addresses as text; raises OSError if there are none."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that passed every rule that needs no name look-up."""

    url: URL
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Guard:
    """The two settings, and what follows from them."""

    allow: frozenset[str] = frozenset()
    http_hosts: frozenset[str] = frozenset()

    def target(self, url: str) -> Target:
        """Read a URL and apply the rules on scheme, host, port and literal address.

        Raises:
            EgressRefused: with the host, and the setting that would let it pass if there is one.
        """
        if len(url) > MAX_URL_LENGTH or _UNSAFE.search(url):
            raise EgressRefused(
                "a URL is at most 8192 printable ASCII characters without backslash", pointer="url"
            )
        match = _URL.fullmatch(url)
        if match is None:
            raise EgressRefused(f"not an http(s) URL: {url[:200]!r}", pointer="url")
        scheme = match["scheme"].lower()
        host, port = _checked(self, scheme, match["authority"].lower())
        # Rebuilt from the checked parts, so that nobody reads the authority in another way.
        parsed = URL(f"{scheme}://{host}:{port}{_rest(match['rest'])}", encoded=True)
        return Target(parsed, host, port)

    def check_authority(self, scheme: str, authority: str) -> tuple[str, int]:
        """The host and port of a URL's authority, both in lower case, if the rules let them pass.

        Raises:
            EgressRefused: see `target`.
        """
        if "@" in authority:
            raise EgressRefused("a URL with user information is not followed", pointer="url")
        parts = _AUTHORITY.fullmatch(authority)
        if parts is None:
            raise EgressRefused(
                f"no valid host: {authority[:200]!r} (write other scripts as xn--…)", pointer="url"
            )
        host = parts["host"]
        port = int(parts["port"] or (443 if scheme == "https" else 80))
        if not 0 < port < 65536:
            raise EgressRefused(f"{authority} has no valid port", pointer="url")
        self._check_scheme(scheme, host, port)
        self._check_port(scheme, host, port)
        literal = _literal(host)
        if literal is not None:
            self.check_address(host, port, literal)
        return host, port

    def check_address(self, host: str, port: int, address: IPv4Address | IPv6Address) -> None:
        """Whether `host` may be dialled at that address.

        Raises:
            EgressRefused: it is not public, and the host is not listed.
        """
        if not is_public(address) and not self.is_allowed(host, port):
            raise EgressRefused(
                f"{host} is at {address}, which is not a public address",
                pointer=host,
                hint=f"if that is meant, list {_entry(host, port)} in egress.allow",
            )

    def is_allowed(self, host: str, port: int) -> bool:
        """Whether the settings list the host for any address and port."""
        return host in self.allow or _entry(host, port) in self.allow

    def _check_scheme(self, scheme: str, host: str, port: int) -> None:
        if scheme == "http" and host not in self.http_hosts and _entry(host, port) not in self.http_hosts:
            raise EgressRefused(
                f"{host} is addressed over plain http",
                pointer=host,
                hint=f"use https, or list {_entry(host, port)} in egress.http_hosts",
            )

    def _check_port(self, scheme: str, host: str, port: int) -> None:
        is_usual = port >= 1024 or port == (443 if scheme == "https" else 80)
        if not is_usual and not self.is_allowed(host, port):
            raise EgressRefused(
                f"port {port} of {host} is that of another service",
                pointer=host,
                hint=f"if that is meant, list {_entry(host, port)} in egress.allow",
            )


@lru_cache(maxsize=1024)
def _checked(guard: Guard, scheme: str, authority: str) -> tuple[str, int]:
    """The rules ask for nothing but these three, and a partner's authority comes with every message."""
    return guard.check_authority(scheme, authority)


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address if the host is one; None for a name.

    Raises:
        EgressRefused: neither a name nor an address in its usual form.
    """
    if host.startswith("["):
        try:
            return IPv6Address(host[1:-1])
        except ValueError:
            raise EgressRefused(f"{host} is no IPv6 address", pointer=host) from None
    if _NUMBER_AT_END.fullmatch(host.rstrip(".")):
        try:
            return IPv4Address(host)
        except ValueError:
            raise EgressRefused(f"{host} is no IPv4 address in its usual form", pointer=host) from None
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise EgressRefused(f"{host[:200]!r} is no host name", pointer="url")
    return None


def _entry(host: str, port: int) -> str:
    return f"{host}:{port}"


def _rest(rest: str | None) -> str:
    if not rest:
        return "/"
    return rest.partition("#")[0] if rest.startswith("/") else "/" + rest.partition("#")[0]


def read_address(text: str) -> IPv4Address | IPv6Address:
    """An address out of a name look-up.

    Raises:
        ValueError: not one, or one with a zone (link-local by its nature).
    """
    if "%" in text:
        raise ValueError(f"{text} has a zone")
    return ip_address(text)
