"""Compact JWS with the algorithm bound to the key, and the keys of a DID document.

Contract tokens and tree heads are proved here with nothing but the token and
the document (RFC 7515, RFC 7518, RFC 7638, RFC 8037; DID Core section 5.3.2).
No key is ever taken from a token's header.
"""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt

from connector.errors import BadInput, TokenInvalid
from connector.model.canonical import canonical, load_json

MAX_TOKEN_BYTES: Final = 512 * 1024
MIN_RSA_BITS: Final = 2048

Jwk = Mapping[str, Any]
_PIECE: Final = re.compile(r"[A-Za-z0-9_-]+")
_THUMBPRINT_MEMBERS: Final = {
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
    "RSA": ("e", "kty", "n"),
}
_ALGORITHM: Final = {
    ("EC", "P-256"): "ES256",
    ("EC", "P-384"): "ES384",
    ("OKP", "Ed25519"): "EdDSA",
    ("RSA", None): "PS256",
}
_VERIFIER: Final = jwt.PyJWS(algorithms=sorted(_ALGORITHM.values()))


@dataclass(frozen=True, slots=True)
class Signed:
    """A token whose signature was checked: its claims, the key that signed it and that key's name."""

    claims: Mapping[str, Any]
    kid: str
    thumbprint: str


def algorithm_of(jwk: Jwk) -> str:
    """The one algorithm that this public key may sign with: ES256, ES384, EdDSA or PS256.

    Raises:
        TokenInvalid: a key type we do not accept, a private key, or a key that names another algorithm.
    """
    kind, curve = jwk.get("kty"), jwk.get("crv")
    algorithm = _ALGORITHM.get((kind, curve)) if isinstance(kind, str) else None
    if algorithm is None:
        raise TokenInvalid(f"a key of type {kind!r}, curve {curve!r}, is not accepted", pointer="key")
    if "d" in jwk:
        raise TokenInvalid("this is a private key", pointer="key")
    if jwk.get("alg", algorithm) != algorithm or jwk.get("use", "sig") != "sig":
        raise TokenInvalid(f"the key is not for {algorithm} signatures", pointer="key")
    return algorithm


def thumbprint(jwk: Jwk) -> str:
    """The RFC 7638 SHA-256 thumbprint of a public key, base64url without padding.

    Raises:
        TokenInvalid: the key type is unknown or a member is missing.
    """
    members = _THUMBPRINT_MEMBERS.get(str(jwk.get("kty")), ())
    if not members or not all(isinstance(jwk.get(name), str) for name in members):
        raise TokenInvalid("not a complete public key", pointer="key")
    raw = hashlib.sha256(canonical({name: jwk[name] for name in members})).digest()
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def verify_jws(token: str, keys: Mapping[str, Jwk], *, typ: str) -> Signed:
    """Check one compact JWS and return its claims.

    `keys` maps DID URLs to public JWKs. The header must name `typ`, a `kid`
    among the keys and the algorithm of that key; `crit` is refused, other
    members of the header are ignored. Times are the caller's to check.

    Raises:
        TokenInvalid: anything of this does not hold; `pointer` is one of form, typ, crit, kid, alg,
            key, signature.
    """
    header = read_unverified(token, part=0)
    if header.get("typ") != typ:
        raise TokenInvalid(f"the token is {header.get('typ')!r}, expected {typ!r}", pointer="typ")
    if "crit" in header or "b64" in header:
        raise TokenInvalid("the token asks for extensions that are not understood", pointer="crit")
    kid = header.get("kid")
    if not isinstance(kid, str) or kid not in keys:
        raise TokenInvalid(f"no key is known under {kid!r}", pointer="kid")
    jwk = keys[kid]
    algorithm = algorithm_of(jwk)
    if header.get("alg") != algorithm:
        raise TokenInvalid(
            f"{header.get('alg')!r} is not the algorithm of the key, {algorithm}", pointer="alg"
        )
    try:
        key = jwt.PyJWK.from_dict(dict(jwk), algorithm).key
        if algorithm == "PS256" and key.key_size < MIN_RSA_BITS:
            raise TokenInvalid(f"an RSA key needs {MIN_RSA_BITS} bits", pointer="key")
        _VERIFIER.decode(token, key, algorithms=[algorithm])
    except jwt.InvalidSignatureError:
        raise TokenInvalid(
            "the signature is not by this key over these claims", pointer="signature"
        ) from None
    except (jwt.PyJWTError, ValueError) as error:
        raise TokenInvalid(f"the token cannot be checked: {error}", pointer="key") from None
    return Signed(read_unverified(token), kid, thumbprint(jwk))


def read_unverified(token: str, *, part: int = 1) -> Mapping[str, Any]:
    """The claims (part 1) or the header (part 0) of a compact JWS, nothing checked but its form.

    Raises:
        TokenInvalid: not the compact form, too large, or not strict JSON.
    """
    pieces = token.split(".") if len(token) <= MAX_TOKEN_BYTES else []
    if len(pieces) != 3 or not all(_PIECE.fullmatch(piece) for piece in pieces):
        raise TokenInvalid("not a compact JWS", pointer="form")
    try:
        raw = urlsafe_b64decode(pieces[part] + "=" * (-len(pieces[part]) % 4))
        value = load_json(raw, limit=MAX_TOKEN_BYTES)
    except (ValueError, BadInput) as error:
        raise TokenInvalid(f"the token cannot be read: {error}", pointer="form") from None
    if not isinstance(value, dict):
        raise TokenInvalid("the token holds no JSON object", pointer="form")
    return value


def assertion_keys(document: Mapping[str, Any]) -> dict[str, Jwk]:
    """The public keys, by DID URL, with which the subject of a DID document makes assertions.

    Only methods that `assertionMethod` lists, that stand under the document's
    own id and are controlled by it; a fragment alone is relative to that id.

    Raises:
        TokenInvalid: the document has no id, or two methods share a name (`pointer` is document).
    """
    did = document.get("id")
    if not isinstance(did, str) or not did.startswith("did:"):
        raise TokenInvalid("the DID document has no id", pointer="document")
    methods: dict[str, Mapping[str, Any]] = {}
    allowed: list[str] = []
    entries = [(entry, False) for entry in _items(document, "verificationMethod")]
    entries += [(entry, True) for entry in _items(document, "assertionMethod")]
    for entry, is_assertion in entries:
        name = entry.get("id") if isinstance(entry, Mapping) else entry
        name = did + name if isinstance(name, str) and name.startswith("#") else name
        if not isinstance(name, str):
            raise TokenInvalid("a verification method of the DID document has no id", pointer="document")
        if isinstance(entry, Mapping):
            if name in methods:
                raise TokenInvalid(
                    f"two verification methods of the DID document are both {name}", pointer="document"
                )
            methods[name] = entry
        if is_assertion:
            allowed.append(name)
    return {
        name: methods[name]["publicKeyJwk"]
        for name in allowed
        if name.partition("#")[0] == did
        and name in methods
        and methods[name].get("controller") == did
        and isinstance(methods[name].get("publicKeyJwk"), Mapping)
    }


def _items(document: Mapping[str, Any], member: str) -> list[Any]:
    value = document.get(member, [])
    return value if isinstance(value, list) else [value]
