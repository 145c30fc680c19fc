"""did:web: from DID to URL and back, our own document, and reading other parties'.

A DID document is the only source of a peer's keys and service addresses, so it
is read strictly: the id has to be the DID that was asked for, no method id may
stand twice, and only keys that the DID itself controls are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

from connector.errors import BadInput, ConnectorError, PeerFailed
from connector.identity.jwk import PRIVATE_MEMBERS
from connector.model.canonical import load_json
from connector.model.identity import DidDocument, Relationship, ServiceEntry, VerificationMethod
from connector.model.names import CONTEXT_DSP

MAX_DOCUMENT_BYTES: Final = 256 * 1024
MAX_DID_LENGTH: Final = 512
MAX_METHODS: Final = 64
MAX_SERVICES: Final = 64

WITHDRAWAL_SERVICE: Final = "MadangWithdrawal"
"""Type of the service entry that says: this connector takes `POST {endpoint}/{agreement id}/withdrawal`."""

_CONTEXTS: Final = (
    "https://www.w3.org/ns/did/v1",
    "https://w3id.org/security/suites/jws-2020/v1",
    CONTEXT_DSP,
)
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9_-]*[a-z0-9])?)*")
# Escapes only for non-ASCII letters: an escaped `/`, `.` or NUL has no honest use in a path.
_SEGMENT: Final = re.compile(r"(?:[A-Za-z0-9._-]|%[89A-Fa-f][0-9A-Fa-f])+")
_AUTHORITY: Final = re.compile(r"(?P<host>[^%:]+)(?:%3[Aa](?P<port>[1-9][0-9]{0,4}))?")


def is_did(value: object) -> bool:
    """Whether this is a did:web that we can resolve."""
    try:
        _split(value)
    except BadInput:
        return False
    return True


def url_of_did(did: str, *, http_hosts: frozenset[str] = frozenset()) -> str:
    """Where the document of a did:web stands (did:web method, "Read").

    https, unless `http_hosts` lists the host as `host` or `host:port`.

    Raises:
        BadInput: not a did:web, or one with path tricks in it.
    """
    host, port, path = _split(did)
    is_plain = host in http_hosts or f"{host}:{port or 80}" in http_hosts
    authority = f"{host}:{port}" if port else host
    return f"{'http' if is_plain else 'https'}://{authority}/{'/'.join(path) or '.well-known'}/did.json"


def did_from_url(public_url: str) -> str:
    """The did:web of a connector that is reached under that URL; a path prefix becomes part of it.

    Raises:
        BadInput: not an absolute http(s) URL of host, port and path alone.
    """
    try:
        url = urlsplit(public_url)
        port = url.port
    except ValueError as error:
        raise BadInput(f"not a URL: {error}", pointer="public_url") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise BadInput("an absolute http(s) URL is needed", pointer="public_url")
    if url.query or url.fragment or "@" in url.netloc:
        raise BadInput("the URL may have a host, a port and a path, nothing else", pointer="public_url")
    path = [quote(s, safe="%") for s in url.path.strip("/").split("/")] if url.path.strip("/") else []
    is_default = port is None or port == {"http": 80, "https": 443}[url.scheme]
    did = ":".join(["did:web", url.hostname.lower() + ("" if is_default else f"%3A{port}"), *path])
    _split(did)
    return did


def _split(did: object) -> tuple[str, str | None, list[str]]:
    if not isinstance(did, str) or not did.startswith("did:web:"):
        raise BadInput("only DIDs of the form did:web:… are accepted", pointer="did")
    if len(did) > MAX_DID_LENGTH:
        raise BadInput(f"a DID has at most {MAX_DID_LENGTH} characters", pointer="did")
    authority, *path = did.removeprefix("did:web:").split(":")
    match = _AUTHORITY.fullmatch(authority)
    if match is None or not _HOST.fullmatch(match["host"]) or int(match["port"] or 1) > 65535:
        raise BadInput(f"the DID has no valid host: {authority[:80]!r}", pointer="did")
    for segment in path:
        if not _SEGMENT.fullmatch(segment) or segment in (".", ".."):
            raise BadInput(f"the DID's path has an invalid segment {segment[:80]!r}", pointer="did")
    return match["host"], match["port"], path


def did_document(
    did: str,
    keys: Iterable[Mapping[str, str]],
    dsp_url: str,
    *,
    root_url: str = "",
    services: Iterable[ServiceEntry] = (),
) -> dict[str, Any]:
    """Our own document, as served under `url_of_did`.

    `keys` are JWKs with absolute `kid` and `alg` (`KeyRing.public_jwks["keys"]`),
    the active one first. `dsp_url` is the base that protocol paths are appended
    to; `root_url`, the base of `/.well-known/dspace-version`, is by default the
    URL that the DID itself stands for. Every key stands in all three relationships:
    peers differ in which one they look at (DCP 1.0 wants capabilityInvocation).
    """
    dsp = dsp_url.rstrip("/")
    root = root_url.rstrip("/") or url_of_did(did).removesuffix("/did.json").removesuffix("/.well-known")
    methods = [
        {"id": key["kid"], "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": dict(key)}
        for key in keys
    ]
    ids = [method["id"] for method in methods]
    entries = (
        ServiceEntry(f"{did}#data-service", "DataService", f"{root}/.well-known/dspace-version"),
        ServiceEntry(f"{did}#catalog-service", "CatalogService", f"{dsp}/catalog"),
        ServiceEntry(f"{did}#withdrawal", WITHDRAWAL_SERVICE, f"{dsp}/agreements"),
        *services,
    )
    return {
        "@context": list(_CONTEXTS),
        "id": did,
        "verificationMethod": methods,
        Relationship.AUTHENTICATION.value: ids,
        Relationship.ASSERTION_METHOD.value: list(ids),
        Relationship.CAPABILITY_INVOCATION.value: list(ids),
        "service": [{"id": e.id, "type": e.type, "serviceEndpoint": e.endpoint} for e in entries],
    }


def withdrawal_url(document: DidDocument, agreement_id: str) -> str | None:
    """Where that party takes the withdrawal of an agreement, or None if it announces nothing."""
    entry = document.service(WITHDRAWAL_SERVICE)
    return f"{entry.endpoint.rstrip('/')}/{quote(agreement_id, safe='')}/withdrawal" if entry else None


def parse_did_document(source: bytes | Mapping[str, Any], did: str) -> DidDocument:
    """Read the document of that DID, from bytes off the wire or from JSON already read.

    Methods without a public JWK, or controlled by another DID, are left out:
    nothing signed with them can be accepted. Relative ids are made absolute.

    Raises:
        PeerFailed: not a DID document of that DID, or one that cannot be trusted
            (`reason_code` is `did-invalid`).
    """
    try:
        value = load_json(source, limit=MAX_DOCUMENT_BYTES) if isinstance(source, bytes) else source
    except ConnectorError as error:
        raise _invalid(did, error.message) from None
    if not isinstance(value, Mapping):
        raise _invalid(did, "it is not a JSON object")
    if value.get("id") != did:
        raise _invalid(did, f"its id is {str(value.get('id'))[:200]!r}")
    return DidDocument(did, _methods(value, did), _services(value, did), value)


def _methods(value: Mapping[str, Any], did: str) -> tuple[VerificationMethod, ...]:
    declared: list[tuple[Any, Relationship | None]] = [
        (m, None) for m in _list(value, "verificationMethod", did)
    ]
    uses: dict[str, set[Relationship]] = {}
    embedded: list[tuple[Any, Relationship | None]] = []
    for use in Relationship:
        for item in _list(value, use.value, did):
            if isinstance(item, str):
                uses.setdefault(_absolute(item, did), set()).add(use)
            else:
                embedded.append((item, use))
    if len(declared) + len(embedded) > MAX_METHODS:
        raise _invalid(did, f"it has more than {MAX_METHODS} verification methods")
    found: dict[str, VerificationMethod | None] = {}
    for method, relationship in [*declared, *embedded]:
        if not isinstance(method, Mapping) or not isinstance(method.get("id"), str):
            raise _invalid(did, "a verification method is no object with an id")
        id_ = _absolute(method["id"], did)
        if id_ in found:
            raise _invalid(did, f"the method {id_[:200]!r} stands in it twice")
        own = uses.get(id_, set()) if relationship is None else {relationship}
        found[id_] = _method(method, id_, did, frozenset(own))
    return tuple(m for m in found.values() if m is not None)


def _method(
    value: Mapping[str, Any], id_: str, did: str, uses: frozenset[Relationship]
) -> VerificationMethod | None:
    jwk = value.get("publicKeyJwk")
    if not isinstance(jwk, Mapping):
        return None
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise _invalid(did, f"the method {id_[:200]!r} publishes a private key")
    if not id_.startswith(f"{did}#") or value.get("controller", did) != did:
        return None
    return VerificationMethod(id_, jwk, uses)


def _services(value: Mapping[str, Any], did: str) -> tuple[ServiceEntry, ...]:
    entries = _list(value, "service", did)
    if len(entries) > MAX_SERVICES:
        raise _invalid(did, f"it has more than {MAX_SERVICES} services")
    found: list[ServiceEntry] = []
    for entry in entries:
        if not isinstance(entry, Mapping):
            raise _invalid(did, "a service is not an object")
        id_, types, endpoint = entry.get("id"), entry.get("type"), entry.get("serviceEndpoint")
        # Endpoints that are objects or lists (DID Core 1.0 §5.4) mean nothing to DSP or DCP.
        if not isinstance(id_, str) or not isinstance(endpoint, str):
            continue
        names = types if isinstance(types, list) else [types]
        found.extend(ServiceEntry(_absolute(id_, did), n, endpoint) for n in names if isinstance(n, str))
    return tuple(found)


def _list(value: Mapping[str, Any], name: str, did: str) -> list[Any]:
    items = value.get(name, [])
    if not isinstance(items, list):
        raise _invalid(did, f"its {name!r} is not a list")
    return items


def _absolute(id_: str, did: str) -> str:
    return did + id_ if id_.startswith("#") else id_


def _invalid(did: str, reason: str) -> PeerFailed:
    return PeerFailed(
        f"the DID document of {did} cannot be used: {reason}", pointer="did", code="did-invalid"
    )
