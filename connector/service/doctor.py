"""`madang doctor`: looks at what goes wrong in practice, and says how to mend it.

Reads and asks, never changes. Every check stands for itself: one that fails does not hide another. A finding
is `ok`, a `note` (fine, but know it), or `broken`.
"""

from __future__ import annotations

import asyncio
import email.utils
import shutil
import socket
import sqlite3
import ssl
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509

from connector.errors import BadInput, ConnectorError, NotFound, PeerFailed
from connector.identity.did import did_from_url, parse_did_document, url_of_did
from connector.identity.keys import KeyRing
from connector.model.ports import Clock, Response
from connector.peer.egress import Egress
from connector.service.backup import DATABASE, META, UNCONFIRMED
from connector.service.doctor_texts import FINDINGS
from connector.settings import Settings, load

OFF_S: Final = 15.0
"""A clock that is off by more makes every token fail (the leeway everywhere)."""
_SOON: Final = timedelta(days=14)
_LOW_PERCENT: Final = 10
_NONE_PERCENT: Final = 1


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: a code of `FINDINGS` and what it speaks of."""

    level: str
    code: str
    params: Mapping[str, str] = field(default_factory=dict)

    def text(self, lang: str) -> str:
        """What was found, in `ko` or `en`."""
        return FINDINGS[self.code][0 if lang == "ko" else 1].format(**self.params)

    def mend(self, lang: str) -> str:
        """What would mend it; "" if there is nothing to mend."""
        return FINDINGS[self.code][2 if lang == "ko" else 3].format(**self.params)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        both = ("ko", "en")
        return {
            "level": self.level,
            "code": self.code,
            "params": dict(self.params),
            "text": {lang: self.text(lang) for lang in both},
            "mend": {lang: self.mend(lang) for lang in both},
        }


def _ok(code: str, **params: object) -> Finding:
    return Finding("ok", code, _texts(params))


def _note(code: str, **params: object) -> Finding:
    return Finding("note", code, _texts(params))


def _broken(code: str, **params: object) -> Finding:
    return Finding("broken", code, _texts(params))


def _texts(params: Mapping[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items()}


def examine(home: Path, peers: Sequence[str], clock: Clock) -> list[Finding]:
    """Look at everything, in order. Not within a running event loop; raises nothing for what is wrong."""
    if not home.is_dir() or not any(home.iterdir()):
        return [_broken("home.missing", home=home)]
    findings = [_ok("home.ok", home=home), *permissions(home)]
    try:
        settings = load(home)
        did = did_from_url(settings.public_url)
    except BadInput as error:
        return [*findings, _broken("settings.wrong", error=error)]
    findings.append(_ok("settings.ok"))
    ring, found = _keys(home, did)
    findings += [found, *_disk(home), *_database(home), *_address(settings), *_dns(settings)]
    findings += certificate(settings, clock.now())
    return [*findings, *asyncio.run(_network(settings, did, ring, peers, clock))]


# --- on this machine --------------------------------------------------------------------------


def permissions(home: Path) -> Iterator[Finding]:
    """What others may read although it is secret."""
    secret = [home / "management.key", home / DATABASE, *sorted((home / "keys").glob("*.pem"))]
    for path, mode in [(home, "700"), (home / "keys", "700"), *((p, "600") for p in secret)]:
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            # The database is inside the home: where nobody else may enter, its own mode says little.
            is_shut = path.name == DATABASE and not stat.S_IMODE(home.stat().st_mode) & 0o077
            if not is_shut:
                yield _broken("home.open", path=path, mode=mode)


def _keys(home: Path, did: str) -> tuple[KeyRing | None, Finding]:
    try:
        ring = KeyRing.open(home / "keys", did)
    except ConnectorError as error:
        return None, _broken("keys.wrong", error=error, hint=error.hint)
    return ring, _ok("keys.ok", kid=ring.signer.kid)


def _disk(home: Path) -> Iterator[Finding]:
    usage = shutil.disk_usage(home)
    percent = round(100 * usage.free / usage.total)
    if percent < _NONE_PERCENT:
        yield _broken("disk.low", percent=percent)
    else:
        yield (_note if percent < _LOW_PERCENT else _ok)(
            "disk.low" if percent < _LOW_PERCENT else "disk.ok", percent=percent
        )


def _database(home: Path) -> Iterator[Finding]:
    path = home / DATABASE
    if not path.is_file():
        yield _note("database.none")
        return
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
        try:
            (said,) = connection.execute("pragma quick_check(1)").fetchone()
            meta = connection.execute("select value from meta where key = ?", (META,)).fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        yield _broken("database.broken", error=error)
        return
    yield _ok("database.ok") if said == "ok" else _broken("database.broken", error=said)
    if meta is not None and meta[0] == UNCONFIRMED:
        yield _broken("database.unconfirmed")


def _address(settings: Settings) -> Iterator[Finding]:
    if not settings.server.public_url:
        yield _note("url.none", url=settings.public_url)
    elif urlsplit(settings.public_url).scheme != "https":
        yield _note("url.plain", url=settings.public_url)


def _dns(settings: Settings) -> Iterator[Finding]:
    host = urlsplit(settings.public_url).hostname or ""
    try:
        found = socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)
    except OSError:
        yield _broken("dns.wrong", host=host)
        return
    yield _ok("dns.ok", host=host, addresses=", ".join(sorted({str(entry[4][0]) for entry in found})))


def certificate(settings: Settings, now: datetime) -> Iterator[Finding]:
    """The certificate file: that it and its key fit, its names, and its end."""
    tls = settings.tls
    if not tls.cert:
        yield _note("tls.none")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.cert, tls.key or None)
        leaf = x509.load_pem_x509_certificates(Path(tls.cert).read_bytes())[0]
    except (OSError, ValueError) as error:
        yield _broken("tls.unreadable", error=error)
        return
    host = urlsplit(settings.public_url).hostname or ""
    names = _names(leaf)
    days = (leaf.not_valid_after_utc - now).days
    if not any(_covers(name, host) for name in names):
        yield _broken("tls.name", host=host, names=", ".join(names) or "-")
    if leaf.not_valid_after_utc <= now or leaf.not_valid_before_utc > now:
        yield _broken("tls.expired", days=days)
    elif leaf.not_valid_after_utc - now < _SOON:
        yield _note("tls.soon", days=days)
    else:
        yield _ok("tls.ok", names=", ".join(names), days=days)


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        san = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [*san.get_values_for_type(x509.DNSName), *map(str, san.get_values_for_type(x509.IPAddress))]


def _covers(name: str, host: str) -> bool:
    """RFC 6125 §6.4.3: a star stands for one label, the leftmost."""
    if name.lower() == host.lower():
        return True
    star, _, rest = name.partition(".")
    return star == "*" and "." in rest and host.partition(".")[2].lower() == rest.lower()


# --- over the network -------------------------------------------------------------------------


async def _network(
    settings: Settings, did: str, ring: KeyRing | None, peers: Sequence[str], clock: Clock
) -> list[Finding]:
    own = urlsplit(settings.public_url).netloc
    is_plain = urlsplit(settings.public_url).scheme == "http"
    server = settings.server
    private = f"{_dial(server.management_host)}:{server.management_port}"
    egress = Egress(
        allow=frozenset({*settings.egress.allow, own, private}),
        http_hosts=frozenset({*settings.egress.http_hosts, private, *([own] if is_plain else [])}),
        ca_file=Path(settings.egress.ca_file) if settings.egress.ca_file else None,
    )
    async with egress:
        is_up = await _is_up(egress, private)
        findings = [_ok("running.yes") if is_up else _note("running.no")]
        findings += _ports(settings, is_up=is_up)
        if is_up:
            findings.append(await _own_did(egress, settings, did, ring, clock))
        else:
            findings.append(_note("did.unasked"))
        offsets: dict[str, float] = {}
        for peer in peers:
            findings.append(await _ask(egress, peer, settings, clock, offsets))
    return [*findings, *_clock(offsets)]


def _dial(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104  # compared only


async def _is_up(egress: Egress, private: str) -> bool:
    try:
        return (await egress("GET", f"http://{private}/health/ready", timeout_s=3.0)).status == 200
    except PeerFailed:
        return False


def _ports(settings: Settings, *, is_up: bool) -> Iterator[Finding]:
    server = settings.server
    for name, host, port in (
        ("public", server.public_host, server.public_port),
        ("management", server.management_host, server.management_port),
    ):
        if is_up:
            yield _ok("port.ours", name=name, port=port)
        elif _is_free(host, port):
            yield _ok("port.free", name=name, port=port)
        else:
            yield _broken("port.taken", name=name, port=port)


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


async def _own_did(
    egress: Egress, settings: Settings, did: str, ring: KeyRing | None, clock: Clock
) -> Finding:
    own = urlsplit(settings.public_url)
    hosts = frozenset({own.netloc}) if own.scheme == "http" else frozenset[str]()
    url = url_of_did(did, http_hosts=hosts)
    began = clock.monotonic()
    try:
        answer = await egress("GET", url, timeout_s=10.0)
        if answer.status != 200:
            return _broken("did.unreachable", url=url, error=answer.status)
        document = parse_did_document(answer.body, did)
    except ConnectorError as error:
        return _broken("did.unreachable", url=url, error=error)
    if ring is not None and document.method(ring.signer.kid) is None:
        return _broken("did.other", url=url)
    return _ok("did.ok", url=url, ms=round((clock.monotonic() - began) * 1000))


async def _ask(
    egress: Egress, peer: str, settings: Settings, clock: Clock, offsets: dict[str, float]
) -> Finding:
    """How long a partner's DID document takes, and what time it is there."""
    try:
        did = peer if peer.startswith("did:") else did_from_url(peer.rstrip("/"))
        url = url_of_did(did, http_hosts=frozenset(settings.egress.http_hosts))
        before, began = clock.now(), clock.monotonic()
        answer = await egress("GET", url, timeout_s=10.0)
        took_s = clock.monotonic() - began
        if answer.status != 200:
            raise NotFound(f"{url} answered {answer.status}")
        parse_did_document(answer.body, did)
    except ConnectorError as error:
        return _broken("peer.failed", peer=peer, error=error, hint=error.hint)
    if (there := _date(answer)) is not None:
        # The header has whole seconds: it stands for the middle of its second.
        here = before + timedelta(seconds=took_s / 2)
        offsets[peer] = (here - there - timedelta(seconds=0.5)).total_seconds()
    return _ok("peer.ok", peer=peer, ms=round(took_s * 1000))


def _date(answer: Response) -> datetime | None:
    said = {name.lower(): value for name, value in answer.headers.items()}.get("date", "")
    try:
        moment = email.utils.parsedate_to_datetime(said)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _clock(offsets: Mapping[str, float]) -> Iterator[Finding]:
    if not offsets:
        yield _note("clock.unknown")
    for peer, offset in offsets.items():
        is_off = abs(offset) > OFF_S
        make = _broken if is_off else _ok
        yield make("clock.off" if is_off else "clock.ok", offset=f"{round(offset):+d}", against=peer)
