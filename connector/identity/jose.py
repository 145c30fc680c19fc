"""Compact JWS (RFC 7515) over JSON claims: strict reading, checking, and fast signing.

A token never says which key or algorithm may check it: the algorithm stands in
an allow-list before any arithmetic, has to fit the key's type, and the key comes
from a document that the caller resolved. Headers that would change either
(`jwk`, `jku`, `x5u`) or the meaning of the signature (`crit`, `b64`) are refused.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from connector.errors import BadInput, TokenInvalid, TooLarge
from connector.identity import base64url
from connector.identity.jwk import VERIFIERS, Verifier, verifier_of
from connector.model.canonical import load_json

MAX_TOKEN_BYTES: Final = 16 * 1024
"""The longest token that an Authorization header may carry."""

VERIFY_ALGS: Final = frozenset(VERIFIERS)
"""Every algorithm we check: ES256, ES384, EdDSA, PS256, RS256 (DCP 1.0 leaves the choice open)."""

_REFUSED_HEADERS: Final = ("crit", "b64", "jwk", "jku", "x5u")


@dataclass(frozen=True, slots=True)
class Jws:
    """A token that is well formed and of an allowed algorithm, and not yet checked."""

    header: Mapping[str, Any]
    claims: dict[str, Any]
    signing_input: bytes
    signature: bytes

    @property
    def alg(self) -> str:
        """The algorithm, one of those allowed."""
        return str(self.header["alg"])

    @property
    def kid(self) -> str | None:
        """The key that the token names, if it names one."""
        return self.header.get("kid")


def _read_object(segment: str, name: str, limit: int) -> dict[str, Any]:
    try:
        value = load_json(base64url.decode(segment), limit=limit)
    except ValueError as error:
        raise TokenInvalid(f"the token's {name} is {error}", pointer=name) from None
    except (BadInput, TooLarge) as error:
        raise TokenInvalid(f"the token's {name} cannot be read: {error.message}", pointer=name) from None
    if not isinstance(value, dict):
        raise TokenInvalid(f"the token's {name} is not a JSON object", pointer=name)
    return value


@lru_cache(maxsize=256)
def _read_header(segment: str) -> Mapping[str, Any]:
    # A signer's header never changes, so the same text arrives again and again.
    header = _read_object(segment, "header", 2048)
    for name in _REFUSED_HEADERS:
        if name in header:
            raise TokenInvalid(f"the header {name!r} is not accepted", pointer=name)
    for name in ("alg", "kid", "typ"):
        if name in header and not isinstance(header[name], str):
            raise TokenInvalid(f"the header {name!r} is not a string", pointer=name)
    if "alg" not in header:
        raise TokenInvalid("the token names no algorithm", pointer="alg")
    return MappingProxyType(header)


def parse_jws(
    token: str,
    *,
    allowed_algs: Collection[str] = VERIFY_ALGS,
    typ: str | None = None,
    max_bytes: int = MAX_TOKEN_BYTES,
) -> Jws:
    """Take a compact JWS apart, without trusting any of it.

    Raises:
        TokenInvalid: too long, malformed, a refused header, an algorithm that is not
            allowed, or another `typ` than the one asked for; `pointer` names which.
    """
    if len(token) > max_bytes:
        raise TokenInvalid(f"the token has {len(token)} bytes, {max_bytes} are allowed", pointer="token")
    segments = token.split(".")
    if len(segments) != 3 or not token.isascii():
        raise TokenInvalid("not a compact JWS of three parts", pointer="token")
    header = _read_header(segments[0])
    if header["alg"] not in allowed_algs or header["alg"] not in VERIFIERS:
        raise TokenInvalid(f"the algorithm {header['alg']!r} is not allowed", pointer="alg")
    if typ is not None and not typ_fits(header.get("typ"), typ):
        raise TokenInvalid(f"the token's typ is {header.get('typ')!r}, not {typ!r}", pointer="typ")
    claims = _read_object(segments[1], "claims", max_bytes)
    try:
        signature = base64url.decode(segments[2])
    except ValueError as error:
        raise TokenInvalid(f"the token's signature is {error}", pointer="signature") from None
    return Jws(header, claims, token[: token.rindex(".")].encode("ascii"), signature)


def typ_fits(found: str | None, wanted: str) -> bool:
    """Whether a `typ` header means the wanted type: any case, `application/` optional (RFC 7515 §4.1.9)."""
    return found is not None and found.lower().removeprefix("application/") == wanted.lower()


def check_signature(jws: Jws, jwk: Mapping[str, Any]) -> None:
    """Prove that the holder of this public key made the token.

    Raises:
        TokenInvalid: the key does not fit the algorithm, cannot be used, or did not sign.
    """
    verifier: Verifier = verifier_of(jwk, jws.alg)
    try:
        verifier(jws.signature, jws.signing_input)
    except InvalidSignature:
        raise TokenInvalid("the signature does not fit the key", pointer="signature") from None


def verify_jws(
    token: str,
    keys: Mapping[str, Mapping[str, Any]],
    *,
    allowed_algs: Collection[str] = VERIFY_ALGS,
    typ: str | None = None,
    max_bytes: int = MAX_TOKEN_BYTES,
) -> tuple[Mapping[str, Any], dict[str, Any]]:
    """Check a token with one of the given public keys and return its (header, claims).

    `keys` are JWKs by absolute `kid`, as `DidDocument.keys` gives them. A token
    without `kid` is accepted only if there is exactly one key. What the claims
    say (audience, times, repetition) is the caller's to judge.

    Raises:
        TokenInvalid: see `parse_jws` and `check_signature`; or no such key (`pointer` is `kid`).
    """
    jws = parse_jws(token, allowed_algs=allowed_algs, typ=typ, max_bytes=max_bytes)
    check_signature(jws, pick_key(jws.kid, keys))
    return jws.header, jws.claims


def pick_key(kid: str | None, keys: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """The one key that a token may be checked with.

    Raises:
        TokenInvalid: the key named is not among them, or none is named and there is not exactly one.
    """
    if kid is None:
        if len(keys) == 1:
            return next(iter(keys.values()))
        raise TokenInvalid(f"the token names no key and there are {len(keys)}", pointer="kid")
    if kid not in keys:
        raise TokenInvalid(f"there is no key {kid[:200]!r} for this use", pointer="kid")
    return keys[kid]


_ES256: Final = ECDSA(SHA256())


class KeySigner:
    """A private key in memory that signs compact JWS: `model.ports.Signer`.

    ES256 for P-256 keys, EdDSA for Ed25519. The header's bytes are made once per `typ`.
    """

    __slots__ = ("_headers", "_sign", "alg", "did", "kid")

    def __init__(self, did: str, kid: str, key: EllipticCurvePrivateKey | Ed25519PrivateKey) -> None:
        self.did = did
        self.kid = kid
        self._headers: dict[str, bytes] = {}
        self._sign: Callable[[bytes], bytes]
        if isinstance(key, Ed25519PrivateKey):
            self.alg = "EdDSA"
            self._sign = key.sign
        elif key.curve.name == "secp256r1":
            self.alg = "ES256"
            self._sign = lambda data: _raw_ecdsa(key.sign(data, _ES256))
        else:
            raise ValueError(f"no signing algorithm for the curve {key.curve.name}")

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS over the claims, with `alg`, `kid` and `typ` in the header.

        Raises:
            ValueError: a claim that JSON cannot hold (NaN, an infinity) or a value of a foreign type.
        """
        head = self._headers.get(typ)
        if head is None:
            header = {"alg": self.alg, "kid": self.kid, "typ": typ}
            head = _segment(header) + b"."
            self._headers[typ] = head
        data = head + _segment(claims)
        signature = base64.urlsafe_b64encode(self._sign(data)).rstrip(b"=")
        return (data + b"." + signature).decode("ascii")


_encode: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def _segment(value: Mapping[str, Any]) -> bytes:
    try:
        text = _encode(value)
    except TypeError as error:
        raise ValueError(str(error)) from None
    return base64.urlsafe_b64encode(text.encode("utf-8")).rstrip(b"=")


def _raw_ecdsa(der: bytes) -> bytes:
    """An ES256 signature as JWS wants it: r and s, 32 bytes each (RFC 7518 §3.4)."""
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")
