"""Public keys as JWK (RFC 7517, 7518, 8037): strict reading, thumbprints, and what each may check.

The algorithm is bound to the key: an EC key on P-256 checks ES256 and nothing
else, so a token cannot choose how its signature is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, HashAlgorithm

from connector.errors import TokenInvalid
from connector.identity import base64url

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
Verifier = Callable[[bytes, bytes], None]
"""(signature, data): returns, or raises InvalidSignature."""

MIN_RSA_BITS: Final = 2048
MAX_RSA_BITS: Final = 8192

PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
"""JWK members that no published key may have (RFC 7518 §6)."""

# Members that make up the key, in the order of RFC 7638 §3.2 (lexicographic).
_THUMBPRINT_MEMBERS: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
}
_CURVES: Final[dict[str, tuple[ec.EllipticCurve, int]]] = {
    "P-256": (ec.SECP256R1(), 32),
    "P-384": (ec.SECP384R1(), 48),
}

_P25519: Final = 2**255 - 19
# y of the two points of order 8 (the other has p - y), y of those of order 1, 2 and 4.
_Y8: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER_Y: Final = frozenset({0, 1, _P25519 - 1, _Y8, _P25519 - _Y8})


@dataclass(frozen=True, slots=True)
class _Alg:
    kty: str
    crv: str | None
    bind: Callable[[Any], Verifier]


def _ecdsa(hash_: HashAlgorithm, size: int) -> Callable[[Any], Verifier]:
    def bind(key: ec.EllipticCurvePublicKey) -> Verifier:
        algorithm = ec.ECDSA(hash_)

        def verify(signature: bytes, data: bytes) -> None:
            if len(signature) != 2 * size:
                raise InvalidSignature
            r, s = int.from_bytes(signature[:size], "big"), int.from_bytes(signature[size:], "big")
            # Zero signatures verify under any key in a careless library; ours stops before asking.
            if r == 0 or s == 0:
                raise InvalidSignature
            key.verify(encode_dss_signature(r, s), data, algorithm)

        return verify

    return bind


def _eddsa(key: ed25519.Ed25519PublicKey) -> Verifier:
    return key.verify


def _rsa(pad: padding.AsymmetricPadding) -> Callable[[Any], Verifier]:
    def bind(key: rsa.RSAPublicKey) -> Verifier:
        hash_ = SHA256()
        return lambda signature, data: key.verify(signature, data, pad, hash_)

    return bind


VERIFIERS: Final[dict[str, _Alg]] = {
    "ES256": _Alg("EC", "P-256", _ecdsa(SHA256(), 32)),
    "ES384": _Alg("EC", "P-384", _ecdsa(SHA384(), 48)),
    "EdDSA": _Alg("OKP", "Ed25519", _eddsa),
    "PS256": _Alg("RSA", None, _rsa(padding.PSS(padding.MGF1(SHA256()), 32))),
    "RS256": _Alg("RSA", None, _rsa(padding.PKCS1v15())),
}


def verifier_of(jwk: Mapping[str, Any], alg: str) -> Verifier:
    """What checks a signature of this algorithm with this key; parsed keys are remembered.

    Raises:
        TokenInvalid: the key is of another type, curve, algorithm or use, or is no valid key.
    """
    wanted = VERIFIERS[alg]
    if jwk.get("kty") != wanted.kty or (wanted.crv is not None and jwk.get("crv") != wanted.crv):
        raise TokenInvalid(
            f"the key is {jwk.get('kty')}/{jwk.get('crv', '-')}, which does not check {alg}", pointer="alg"
        )
    if jwk.get("alg", alg) != alg:
        raise TokenInvalid(f"the key is for {jwk['alg']!r}, the token says {alg!r}", pointer="alg")
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        raise TokenInvalid("the key is not for checking signatures", pointer="kid")
    return _verifier(alg, _key_members(jwk))


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """The SHA-256 thumbprint of a key (RFC 7638), base64url.

    Raises:
        TokenInvalid: no EC, OKP or RSA key, or a member is missing.
    """
    members = _key_members(jwk)
    text = json.dumps(dict(zip(_THUMBPRINT_MEMBERS[jwk["kty"]], members, strict=True)), separators=(",", ":"))
    return base64url.encode(hashlib.sha256(text.encode()).digest())


def read_public_key(jwk: Mapping[str, Any]) -> PublicKey:
    """The key itself, every rule of this file applied.

    Raises:
        TokenInvalid: no key that we can check signatures with.
    """
    return _read(_key_members(jwk))


def public_jwk(key: PublicKey) -> dict[str, str]:
    """The members of a public key that make it up; no `kid`, no `alg`."""
    match key:
        case ed25519.Ed25519PublicKey():
            return {"kty": "OKP", "crv": "Ed25519", "x": base64url.encode(key.public_bytes_raw())}
        case rsa.RSAPublicKey():
            numbers = key.public_numbers()
            return {"kty": "RSA", "n": _b64_int(numbers.n), "e": _b64_int(numbers.e)}
        case ec.EllipticCurvePublicKey():
            name = next(n for n, (curve, _) in _CURVES.items() if curve.name == key.curve.name)
            size = _CURVES[name][1]
            point = key.public_numbers()
            return {
                "kty": "EC",
                "crv": name,
                "x": base64url.encode(point.x.to_bytes(size, "big")),
                "y": base64url.encode(point.y.to_bytes(size, "big")),
            }


def _key_members(jwk: Mapping[str, Any]) -> tuple[str, ...]:
    if not PRIVATE_MEMBERS.isdisjoint(jwk):
        raise TokenInvalid("a private or symmetric key stands where a public key belongs", pointer="kid")
    kty = jwk.get("kty")
    names = _THUMBPRINT_MEMBERS.get(kty) if isinstance(kty, str) else None
    if names is None:
        raise TokenInvalid(f"the key type {kty!r} is not accepted", pointer="kid")
    members = tuple(jwk.get(name) for name in names)
    for name, value in zip(names, members, strict=True):
        if not isinstance(value, str):
            raise TokenInvalid(f"the key has no {name!r}", pointer="kid")
    return members  # type: ignore[return-value]  # each was just seen to be a str


@lru_cache(maxsize=1024)
def _verifier(alg: str, members: tuple[str, ...]) -> Verifier:
    return VERIFIERS[alg].bind(_read(members))


@lru_cache(maxsize=1024)
def _read(members: tuple[str, ...]) -> PublicKey:
    # `members` is what a thumbprint is made of, so equal members are the same key.
    try:
        match members:
            case (crv, "EC", x, y) if crv in _CURVES:
                return _read_ec(crv, x, y)
            case ("Ed25519", "OKP", x):
                return _read_ed25519(x)
            case (e, "RSA", n):
                return _read_rsa(_int(n), _int(e))
            case _:
                raise TokenInvalid(f"the key type {members[1]}/{members[0]} is not accepted", pointer="kid")
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TokenInvalid(f"the key cannot be used: {error}", pointer="kid") from None


def _read_ec(crv: str, x: str, y: str) -> ec.EllipticCurvePublicKey:
    curve, size = _CURVES[crv]
    # RFC 7518 §6.2.1.2: full length, so that one key has one spelling. Off the curve: ValueError.
    return ec.EllipticCurvePublicNumbers(_fixed(x, size), _fixed(y, size), curve).public_key()


def _read_ed25519(x: str) -> ed25519.Ed25519PublicKey:
    raw = base64url.decode(x)
    if len(raw) != 32:
        raise ValueError(f"{len(raw)} bytes instead of 32")
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    # A key of small order accepts signatures that nobody made for the message.
    if y >= _P25519 or y in _SMALL_ORDER_Y:
        raise ValueError("a point of small order or in no canonical form")
    return ed25519.Ed25519PublicKey.from_public_bytes(raw)


def _read_rsa(n: int, e: int) -> rsa.RSAPublicKey:
    if not MIN_RSA_BITS <= n.bit_length() <= MAX_RSA_BITS:
        raise ValueError(f"{n.bit_length()} bits, {MIN_RSA_BITS} to {MAX_RSA_BITS} are accepted")
    # An even exponent or one below 3 is refused by the library; a huge one only costs time.
    if e.bit_length() > 32:
        raise ValueError("the public exponent is out of range")
    return rsa.RSAPublicNumbers(e, n).public_key()


def _fixed(text: str, size: int) -> int:
    raw = base64url.decode(text)
    if len(raw) != size:
        raise ValueError(f"a coordinate has {len(raw)} bytes instead of {size}")
    return int.from_bytes(raw, "big")


def _int(text: str) -> int:
    if len(text) > MAX_RSA_BITS // 4:
        raise ValueError("a number of the key is too long")
    return int.from_bytes(base64url.decode(text), "big")


def _b64_int(number: int) -> str:
    return base64url.encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
