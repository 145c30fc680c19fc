"""Which public keys are read, which are refused, and their thumbprints."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from connector.errors import TokenInvalid
from connector.identity.jwk import _SMALL_ORDER_Y, public_jwk, read_public_key, thumbprint, verifier_of

# RFC 7638 section 3.1 and RFC 8037 appendix A.
RSA_N = (
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
    "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdA"
    "ZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-"
    "kEgU8awapJzKnqDKgw"
)
ED = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
P = 2**255 - 19


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def p256():
    return public_jwk(ec.generate_private_key(ec.SECP256R1()).public_key())


def test_thumbprints_of_the_standards():
    rsa_key = {"kty": "RSA", "n": RSA_N, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(rsa_key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert thumbprint(ED) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    "make",
    [
        lambda: ec.generate_private_key(ec.SECP256R1()),
        lambda: ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate,
        lambda: rsa.generate_private_key(65537, 2048),
    ],
)
def test_a_key_survives_the_way_through_jwk(make):
    key = make().public_key()
    assert read_public_key(public_jwk(key)) == key


@pytest.mark.parametrize(
    "change",
    [
        {"x": b64(b"\1" * 32)},  # off the curve
        {"x": b64(b"\0" * 31)},
        {"x": b64(b"\0" * 33)},
        {"x": ""},
        {"x": None},
        {"x": "=="},
        {"x": "é"},
        {"crv": "P-521"},
        {"crv": "secp256k1"},
        {"crv": ["P-256"]},
        {"kty": "oct", "k": "AAAA"},
        {"kty": ["EC"]},
        {"d": b64(b"\1" * 32)},
    ],
)
def test_a_damaged_key_is_refused(p256, change):
    with pytest.raises(TokenInvalid) as caught:
        read_public_key({**p256, **change})
    assert caught.value.pointer == "kid"


@pytest.mark.parametrize(
    ("n", "e"),
    [
        ((1 << 1024) - 105, 65537),
        ((1 << 9000) + 1, 65537),
        ((1 << 2048) - 1942289, 1),
        ((1 << 2048) - 1942289, 1 << 40 | 1),
    ],
)
def test_weak_and_monstrous_rsa_keys_are_refused(n, e):
    def number(value):
        return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))

    with pytest.raises(TokenInvalid):
        read_public_key({"kty": "RSA", "n": number(n), "e": number(e)})


def _edwards_add(a, b):
    d = -121665 * pow(121666, -1, P) % P
    (x1, y1), (x2, y2) = a, b
    k = d * x1 * x2 * y1 * y2 % P
    x3 = (x1 * y2 + x2 * y1) * pow(1 + k, -1, P) % P
    return x3, (y1 * y2 + x1 * x2) * pow(1 - k, -1, P) % P


def _multiple(n, point):
    total = (0, 1)
    while n:
        if n & 1:
            total = _edwards_add(total, point)
        point, n = _edwards_add(point, point), n >> 1
    return total


def _point(y):
    d = -121665 * pow(121666, -1, P) % P
    xx = (y * y - 1) * pow(d * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx:
        x = x * pow(2, (P - 1) // 4, P) % P
    return (x, y) if x * x % P == xx else None


def test_the_small_order_points_are_all_listed():
    # Computed from the curve: the prime order times any point leaves its torsion part.
    order = 2**252 + 27742317777372353535851937790883648493
    torsion = set()
    for y in range(2, 60):
        point = _point(y)
        if point is not None:
            part = _multiple(order, point)
            torsion |= {_multiple(n, part) for n in range(8)}
    assert len(torsion) == 8
    assert {y for _, y in torsion} == _SMALL_ORDER_Y


@pytest.mark.parametrize("sign", [0, 1 << 255])
@pytest.mark.parametrize("y", [*sorted(_SMALL_ORDER_Y), P, P + 1, P + 5])
def test_ed25519_keys_of_small_order_or_odd_spelling_are_refused(y, sign):
    with pytest.raises(TokenInvalid):
        read_public_key({**ED, "x": b64((y | sign).to_bytes(32, "little"))})


@pytest.mark.parametrize(
    "change",
    [{"alg": "ES384"}, {"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": "verify"}, {"alg": None}],
)
def test_a_key_meant_for_something_else_checks_nothing(p256, change):
    with pytest.raises(TokenInvalid):
        verifier_of({**p256, **change}, "ES256")


def test_a_coordinate_has_its_full_length_and_no_more(p256):
    padded = b64(b"\0" + base64.urlsafe_b64decode(p256["x"] + "="))
    with pytest.raises(TokenInvalid, match="33 bytes instead of 32"):
        read_public_key({**p256, "x": padded})


def test_a_key_that_says_what_it_is_for_is_used(p256):
    verifier_of({**p256, "alg": "ES256", "use": "sig", "key_ops": ["verify"], "kid": "x"}, "ES256")


@pytest.mark.parametrize("alg", ["ES384", "EdDSA", "PS256", "RS256"])
def test_a_p256_key_checks_es256_only(p256, alg):
    with pytest.raises(TokenInvalid) as caught:
        verifier_of(p256, alg)
    assert caught.value.pointer == "alg"


def test_the_thumbprint_is_the_digest_of_the_required_members(p256):
    x, y = p256["x"], p256["y"]
    text = f'{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}'
    assert thumbprint({**p256, "kid": "any"}) == b64(hashlib.sha256(text.encode()).digest())
