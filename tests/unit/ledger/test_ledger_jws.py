"""Signatures: the key decides the algorithm, the DID document decides the key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from connector.errors import TokenInvalid
from connector.ledger.jws import algorithm_of, assertion_keys, read_unverified, thumbprint, verify_jws

TYP = "madang-agreement+jwt"
ALGORITHMS = ["ES256", "ES384", "EdDSA", "PS256"]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def signers(kit):
    return {name: kit.RealSigner(kit.PROVIDER, algorithm=name) for name in ALGORITHMS}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_algorithm_with_its_key_only(signers, algorithm):
    signer = signers[algorithm]
    token = signer.sign({"n": 1}, typ=TYP)
    signed = verify_jws(token, {signer.kid: signer.jwk}, typ=TYP)
    assert (signed.claims, signed.kid, signed.thumbprint) == ({"n": 1}, signer.kid, thumbprint(signer.jwk))
    for other in signers.values():
        if other is not signer:
            with pytest.raises(TokenInvalid) as caught:
                verify_jws(token, {signer.kid: other.jwk}, typ=TYP)
            assert caught.value.pointer == "alg"
    flipped = token[:-10] + ("A" if token[-10] != "A" else "B") + token[-9:]
    with pytest.raises(TokenInvalid) as caught:
        verify_jws(flipped, {signer.kid: signer.jwk}, typ=TYP)
    assert caught.value.pointer == "signature"


def test_thumbprint_of_the_standards_example():
    # The key and the thumbprint of RFC 7638 section 3.1.
    jwk = {
        "kty": "RSA",
        "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP"
        "ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368"
        "QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2"
        "NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        "e": "AQAB",
        "alg": "RS256",
        "kid": "2011-04-29",
    }
    assert thumbprint(jwk) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


@pytest.mark.parametrize("name", ["none", "None", "HS256", "ES384", "RS256", "", None])
def test_the_header_cannot_choose_the_algorithm(signer, name):
    secret = json.dumps(signer.jwk).encode()
    head = b64(json.dumps({"alg": name, "typ": TYP, "kid": signer.kid}).encode())
    body = b64(b'{"n":1}')
    for signature in (b64(hmac.digest(secret, f"{head}.{body}".encode(), "sha256")), b64(b"\x00" * 64)):
        with pytest.raises(TokenInvalid) as caught:
            verify_jws(f"{head}.{body}.{signature}", {signer.kid: signer.jwk}, typ=TYP)
        assert caught.value.pointer == "alg"


@pytest.mark.parametrize(
    ("headers", "pointer"),
    [
        ({"typ": "madang-offer+jwt"}, "typ"),
        ({"typ": "JWT"}, "typ"),
        ({"kid": "did:web:factory-a.example#key-2"}, "kid"),
        ({"kid": ""}, "kid"),
    ],
)
def test_header_members_are_checked(signer, headers, pointer):
    token = signer.sign({}, **({"typ": TYP} | headers))
    with pytest.raises(TokenInvalid) as caught:
        verify_jws(token, {signer.kid: signer.jwk}, typ=TYP)
    assert caught.value.pointer == pointer


def test_keys_in_the_header_are_ignored(signer, kit):
    thief = kit.RealSigner(kit.PROVIDER)
    token = thief.sign({}, typ=TYP, jwk=thief.jwk, jku="https://thief.example/keys")
    with pytest.raises(TokenInvalid) as caught:
        verify_jws(token, {signer.kid: signer.jwk}, typ=TYP)
    assert caught.value.pointer == "signature"


@pytest.mark.parametrize("member", ["crit", "b64"])
def test_extensions_are_refused(signer, member):
    head = b64(json.dumps({"alg": "ES256", "typ": TYP, "kid": signer.kid, member: True}).encode())
    with pytest.raises(TokenInvalid) as caught:
        verify_jws(f"{head}.e30.AAAA", {signer.kid: signer.jwk}, typ=TYP)
    assert caught.value.pointer == "crit"


def test_forms_that_are_no_compact_jws(signer):
    good = signer.sign({"n": 1}, typ=TYP)
    twice = b64(b'{"alg":"ES256","alg":"none"}')
    deep = b64(b"[" * 100 + b"]" * 100)
    for bad in (
        "",
        "a.b",
        good + ".x",
        good + "=",
        " " + good,
        good + "\n",
        f"{twice}.e30.AAAA",
        f"{deep}.e30.AAAA",
        f"{b64(b'[]')}.e30.AAAA",
        "A" * 600_000 + ".e30.AAAA",
    ):
        with pytest.raises(TokenInvalid) as caught:
            verify_jws(bad, {signer.kid: signer.jwk}, typ=TYP)
        assert caught.value.pointer == "form"
    assert read_unverified(good) == {"n": 1}


def test_keys_that_may_not_sign(kit, signers):
    es = signers["ES256"].jwk
    small = kit.RealSigner(kit.PROVIDER, algorithm="PS256").jwk | {"n": b64(b"\xff" * 128)}
    for jwk in (
        {},
        {"kty": "oct", "k": "AAAA"},
        {**es, "crv": "secp256k1"},
        {**es, "d": "AAAA"},
        {**es, "alg": "ES384"},
        {**es, "use": "enc"},
        {**es, "kty": ["EC"]},
    ):
        with pytest.raises(TokenInvalid) as caught:
            algorithm_of(jwk)
        assert caught.value.pointer == "key"
    for jwk in ({**es, "y": es["x"]}, {**es, "x": es["x"][:-4]}, {**es, "x": "!"}):
        with pytest.raises(TokenInvalid) as caught:
            verify_jws(signers["ES256"].sign({}, typ=TYP), {signers["ES256"].kid: jwk}, typ=TYP)
        assert caught.value.pointer == "key"
    with pytest.raises(TokenInvalid) as caught:
        verify_jws(signers["PS256"].sign({}, typ=TYP), {signers["PS256"].kid: small}, typ=TYP)
    assert caught.value.pointer == "key"
    with pytest.raises(TokenInvalid):
        thumbprint({"kty": "EC", "crv": "P-256", "x": es["x"]})


def test_only_assertion_keys_of_the_subject_count(kit, signer):
    other = kit.RealSigner(kit.PROVIDER, name="key-2")
    document = signer.document(other)
    assert assertion_keys(document) == {signer.kid: signer.jwk, other.kid: other.jwk}
    document["assertionMethod"] = [signer.kid]
    assert assertion_keys(document) == {signer.kid: signer.jwk}
    document["assertionMethod"] = ["#key-2"]
    assert assertion_keys(document) == {other.kid: other.jwk}
    embedded = document["verificationMethod"].pop()
    document["assertionMethod"] = [embedded]
    assert assertion_keys(document) == {other.kid: other.jwk}
    for change in (
        {"controller": kit.CONSUMER},
        {"controller": None},
        {"id": f"{kit.CONSUMER}#key-2"},
        {"publicKeyJwk": "text"},
    ):
        document["assertionMethod"] = [{**embedded, **change}]
        assert assertion_keys(document) == {}
    assert assertion_keys({"id": kit.PROVIDER}) == {}
    first = signer.document()["verificationMethod"][0]
    for bad in (
        {},
        {"id": "factory-a"},
        {"id": kit.PROVIDER, "verificationMethod": [first, first]},
        {"id": kit.PROVIDER, "verificationMethod": [first], "assertionMethod": [first]},
        {"id": kit.PROVIDER, "assertionMethod": [5]},
    ):
        with pytest.raises(TokenInvalid) as caught:
            assertion_keys(bad)
        assert caught.value.pointer == "document"


def test_thumbprint_is_what_the_standalone_verifier_says(signers):
    from connector.ledger import standalone

    for name in ("ES256", "EdDSA"):
        jwk = signers[name].named_jwk
        members = {m: jwk[m] for m in ("crv", "kty", "x", "y") if m in jwk}
        raw = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
        assert thumbprint(jwk) == standalone.thumbprint(jwk) == b64(hashlib.sha256(raw).digest())
