"""Every setting in one frozen object; the only reader of `connector.toml` and the environment.

Each field carries its own documentation (`doc`), from which docs/settings.md is
generated. The environment wins over the file: `[server] public_port` is
`MADANG_SERVER_PUBLIC_PORT`. A key that is not known is an error.
"""

from __future__ import annotations

import dataclasses
import math
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from connector.errors import BadInput


def _doc(default: Any, doc: str) -> Any:
    if isinstance(default, list | dict):
        return field(default_factory=lambda: type(default)(default), metadata={"doc": doc})
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class Participant:
    """Who this connector speaks for."""

    name: str = _doc("", "The company's name, in Korean, as partners see it.")
    name_en: str = _doc("", "The same in English; empty: the Korean one is used.")


@dataclass(frozen=True, slots=True)
class Server:
    """The two listeners."""

    public_url: str = _doc(
        "",
        "The https address partners reach this connector at; path prefixes work. "
        "Empty: made from host and port.",
    )
    # Partners must reach it, so it binds every address unless told otherwise.
    public_host: str = _doc("0.0.0.0", "Address the public listener binds.")  # noqa: S104
    public_port: int = _doc(8443, "Port of the public listener (0: any free one, for tests).")
    management_host: str = _doc("127.0.0.1", "Address the private listener binds; keep it on loopback.")
    management_port: int = _doc(9191, "Port of the private listener.")
    body_limit: int = _doc(1 << 20, "Largest request body that is read, in bytes.")
    request_timeout_s: float = _doc(30.0, "Longest time one request may take, data pulls excepted.")
    stop_within_s: float = _doc(10.0, "Longest time a graceful stop may take.")


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS of the public listener; both empty: plain http, for use behind a proxy."""

    cert: str = _doc("", "PEM file with the certificate chain. Read again when it changes.")
    key: str = _doc("", "PEM file with the private key.")


@dataclass(frozen=True, slots=True)
class Egress:
    """What may be called from here. See also `identity.static_peers`."""

    allow: list[str] = _doc([], "Hosts (`host` or `host:port`) that may have a private address.")
    http_hosts: list[str] = _doc([], "Hosts (`host:port`) that may be called without TLS. For tests only.")
    ca_file: str = _doc("", "PEM file with further certificate authorities to trust.")


@dataclass(frozen=True, slots=True)
class Negotiation:
    """How contracts come about."""

    decide_within_h: float = _doc(168.0, "Hours until an undecided request is ended with `not-decided`.")
    expire_after_h: float = _doc(720.0, "Hours until a process that is not over is ended with `expired`.")
    offer_valid_h: float = _doc(168.0, "Hours that a signed catalog offer is valid; it is renewed before.")
    require_signatures: bool = _doc(
        True,
        "Refuse contracts that a DID peer does not sign. Static peers never sign; they are listed by hand.",
    )
    approval: str = _doc("automatic", "Default for new offers: `automatic` or `manual` (your inbox).")


@dataclass(frozen=True, slots=True)
class StaticPeer:
    """A partner without a DID: who it is, and how both sides show who they are."""

    id: str = _doc("", "Its participant id.")
    address: str = _doc("", "Its DSP base address.")
    send: str = _doc("", "The Authorization header we send; `{audience}` and `{our_id}` are filled in.")
    match: str = _doc(
        "", "Its Authorization header, exactly; or, with `match_pointer`, the value found there."
    )
    match_pointer: str = _doc("", "JSON pointer into its Authorization header, for instance `/clientId`.")
    our_id: str = _doc("", "Our participant id towards it.")
    insist: bool = _doc(
        True,
        "Say an agreement, a finalisation and a start once more if it stays silent: "
        "a stock EDC under load can forget what it acknowledged.",
    )


@dataclass(frozen=True, slots=True)
class Identity:
    """How partners are recognised."""

    algorithm: str = _doc("ES256", "Algorithm of new keys: ES256 or EdDSA.")
    lenient_relationships: bool = _doc(False, "Accept keys that a DID document lists under no relationship.")
    static_peers: list[StaticPeer] = _doc([], "Partners without a DID (`[[identity.static_peers]]`).")


@dataclass(frozen=True, slots=True)
class Limits:
    """What protects the plant and the connector."""

    open_negotiations: int = _doc(100, "Open negotiations one partner may have.")
    requests_per_minute: int = _doc(6000, "DSP requests one partner may make in a minute.")
    strangers_per_minute: int = _doc(120, "Unauthenticated requests one network may make in a minute.")
    lookups_per_minute: int = _doc(60, "DID look-ups one network may cause in a minute.")
    parallel_pulls: int = _doc(4, "Pulls that run at the same time.")
    bandwidth: int = _doc(0, "Bytes a second for all pulls together; 0: no limit.")
    hours: str = _doc("", "When pulls may run, local time, such as `18:00-06:00`; empty: always.")
    catalog_page: int = _doc(100, "Datasets on one catalog page.")


@dataclass(frozen=True, slots=True)
class Data:
    """Access tokens and files."""

    token_minutes: float = _doc(5.0, "Life of an access token for a partner that can refresh it.")
    folder: str = _doc("data", "Where pulled data goes, below the home folder if relative.")
    stable_for_s: float = _doc(0.2, "How long a file's size must not change before it is published.")


@dataclass(frozen=True, slots=True)
class Notify:
    """Whom to tell when something waits, was withdrawn, is overdue, or runs short."""

    command: list[str] = _doc([], "Program and arguments; the event is its standard input, as JSON.")
    url: str = _doc("", "Address the event is posted to, as JSON.")


@dataclass(frozen=True, slots=True)
class Log:
    """What is written to standard error."""

    level: str = _doc("info", "debug, info, warning or error.")
    format: str = _doc("text", "text or json.")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of one connector."""

    home: Path
    participant: Participant = field(default_factory=Participant)
    server: Server = field(default_factory=Server)
    tls: Tls = field(default_factory=Tls)
    egress: Egress = field(default_factory=Egress)
    negotiation: Negotiation = field(default_factory=Negotiation)
    identity: Identity = field(default_factory=Identity)
    limits: Limits = field(default_factory=Limits)
    data: Data = field(default_factory=Data)
    notify: Notify = field(default_factory=Notify)
    log: Log = field(default_factory=Log)
    plugins: list[str] = field(
        default_factory=list, metadata={"doc": "Modules that extend the connector (docs/extending.md)."}
    )

    @property
    def public_url(self) -> str:
        """The public root address, without trailing slash."""
        if self.server.public_url:
            return self.server.public_url.rstrip("/")
        scheme = "https" if self.tls.cert else "http"
        host = self.server.public_host
        shown = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1") else host  # noqa: S104  # compared only
        return f"{scheme}://{shown}:{self.server.public_port}"

    @property
    def data_folder(self) -> Path:
        """Where pulled data goes."""
        return self.home / self.data.folder


CONFIG_FILE = "connector.toml"


def load(home: Path, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings of a home folder.

    Raises:
        BadInput: a key or value is wrong, with its name and what was expected.
    """
    path = home / CONFIG_FILE
    raw: dict[str, Any] = {}
    if path.exists():
        try:
            raw = tomllib.loads(path.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"{path} is not TOML: {error}") from None
    return build(home, raw, os.environ if environ is None else environ)


def build(home: Path, raw: Mapping[str, Any], environ: Mapping[str, str]) -> Settings:
    """Settings from already read TOML and an environment.

    Raises:
        BadInput: a key or value is wrong.
    """
    hints = typing.get_type_hints(Settings)
    sections = {
        f.name: hints[f.name] for f in dataclasses.fields(Settings) if f.name not in ("home", "plugins")
    }
    unknown = set(raw) - set(sections) - {"plugins"}
    if unknown:
        raise BadInput(f"there is no setting {min(unknown)!r}", hint=f"known: {', '.join(sorted(sections))}")
    found: dict[str, Any] = {"home": home}
    for name, cls in sections.items():
        found[name] = _section(cls, name, raw.get(name, {}), environ)
    plugins = environ.get("MADANG_PLUGINS")
    found["plugins"] = _convert(
        list[str], plugins if plugins is not None else raw.get("plugins", []), "plugins"
    )
    return Settings(**found)


def _section(cls: Any, where: str, raw: Any, environ: Mapping[str, str]) -> Any:
    if not isinstance(raw, Mapping):
        raise BadInput("must be a table", pointer=where)
    hints = typing.get_type_hints(cls)
    names = [f.name for f in dataclasses.fields(cls)]
    unknown = set(raw) - set(names)
    if unknown:
        raise BadInput(f"there is no setting {where}.{min(unknown)}", hint=f"known: {', '.join(names)}")
    values: dict[str, Any] = {}
    for name in names:
        variable = f"MADANG_{where}_{name}".upper().replace(".", "_")
        if variable in environ:
            values[name] = _convert(hints[name], environ[variable], f"{where}.{name}")
        elif name in raw:
            values[name] = _convert(hints[name], raw[name], f"{where}.{name}")
    return cls(**values)


def _convert(hint: Any, value: Any, where: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is list:
        (item,) = typing.get_args(hint)
        if isinstance(value, str):
            value = [part.strip() for part in value.split(",") if part.strip()]
        if not isinstance(value, list):
            raise BadInput("must be a list", pointer=where)
        if dataclasses.is_dataclass(item):
            return [_section(item, f"{where}[{i}]", entry, {}) for i, entry in enumerate(value)]
        return [_convert(item, entry, f"{where}[{i}]") for i, entry in enumerate(value)]
    if isinstance(hint, types.UnionType):  # pragma: no branch
        raise TypeError(f"{where}: settings have one type each")
    if hint is bool:
        if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
            return value.lower() in ("true", "1")
        if isinstance(value, bool):
            return value
        raise BadInput("must be true or false", pointer=where)
    if hint in (int, float) and not isinstance(value, bool):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if hint is int and number.is_integer():
            return int(value)
        if hint is float and math.isfinite(number):
            return number
        raise BadInput(f"must be a {'whole ' if hint is int else ''}number", pointer=where)
    if hint is str and isinstance(value, str):
        return value
    raise BadInput(f"must be {'text' if hint is str else hint.__name__}", pointer=where)


def markdown() -> str:
    """The table of all settings, for docs/settings.md."""
    lines: list[str] = []
    hints = typing.get_type_hints(Settings)
    for f in dataclasses.fields(Settings):
        cls = hints[f.name]
        if dataclasses.is_dataclass(cls):
            lines += _table(f.name, cls)
    nested = _table("identity.static_peers", StaticPeer)
    return "\n".join([*lines, *nested]) + "\n"


def _table(name: str, cls: Any) -> list[str]:
    lines = [
        f"## {name}",
        "",
        (cls.__doc__ or "").strip(),
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    for f in dataclasses.fields(cls):
        default = f.default if f.default is not dataclasses.MISSING else []
        lines.append(f"| `{f.name}` | `{default!r}` | {f.metadata['doc']} |")
    return [*lines, ""]
