"""JWS against the standards' own examples, against PyJWT, and against text that is none."""

from __future__ import annotations

import json

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import TokenInvalid
from connector.identity import base64url
from connector.identity.jose import KeySigner, parse_jws, pick_key, verify_jws
from connector.identity.jwk import public_jwk

DID = "did:web:factory-a.example"
KID = f"{DID}#key-1"

# RFC 7515 appendix A.3.
RFC_TOKEN = (
    "eyJhbGciOiJFUzI1NiJ9"
    ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"
)
RFC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}


@pytest.fixture(scope="module")
def keys():
    return {
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "ES384": ec.generate_private_key(ec.SECP384R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
        "PS256": rsa.generate_private_key(65537, 2048),
        "RS256": rsa.generate_private_key(65537, 2048),
    }


def test_the_example_of_the_standard_holds():
    header, claims = verify_jws(RFC_TOKEN, {"k": RFC_KEY})
    assert header == {"alg": "ES256"}
    assert claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}


@pytest.mark.parametrize("alg", ["ES256", "ES384", "EdDSA", "PS256", "RS256"])
def test_tokens_of_another_library_hold_and_fail_under_another_key(keys, alg):
    token = jwt.encode({"a": "마당"}, keys[alg], algorithm=alg, headers={"kid": KID})
    jwk = public_jwk(keys[alg].public_key())
    assert verify_jws(token, {KID: jwk})[1] == {"a": "마당"}
    other = {
        "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "ES384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate,
        "PS256": lambda: keys["RS256"],
        "RS256": lambda: keys["PS256"],
    }[alg]()
    with pytest.raises(TokenInvalid) as caught:
        verify_jws(token, {KID: public_jwk(other.public_key())})
    assert caught.value.pointer == "signature"


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_another_library_accepts_our_tokens(keys, alg):
    token = KeySigner(DID, KID, keys[alg]).sign({"iss": DID, "텍스트": "값 <&> \U0001f3ed"}, typ="JWT")
    assert jwt.decode(token, keys[alg].public_key(), algorithms=[alg]) == {
        "iss": DID,
        "텍스트": "값 <&> \U0001f3ed",
    }
    assert jwt.get_unverified_header(token) == {"alg": alg, "kid": KID, "typ": "JWT"}


def test_a_signer_keeps_one_header_per_type(keys):
    signer = KeySigner(DID, KID, keys["ES256"])
    types = [parse_jws(signer.sign({}, typ=t)).header["typ"] for t in ("JWT", "madang-offer+jwt", "JWT")]
    assert types == ["JWT", "madang-offer+jwt", "JWT"]


def test_a_signer_refuses_what_json_cannot_hold(keys):
    signer = KeySigner(DID, KID, keys["ES256"])
    for value in (float("nan"), float("inf"), {1, 2}, "\ud800"):
        with pytest.raises(ValueError, match=r"."):
            signer.sign({"x": value}, typ="JWT")


def test_no_signer_for_a_curve_we_do_not_sign_with(keys):
    with pytest.raises(ValueError, match="secp384r1"):
        KeySigner(DID, KID, keys["ES384"])


@pytest.mark.parametrize(
    ("typ", "is_fitting"),
    [("madang-offer+jwt", True), ("application/MADANG-offer+JWT", True), ("JWT", False), (None, False)],
)
def test_the_type_is_compared_when_asked_for(keys, typ, is_fitting):
    headers = {"kid": KID, "typ": typ}
    token = jwt.encode({}, keys["EdDSA"], algorithm="EdDSA", headers=headers)
    jwks = {KID: public_jwk(keys["EdDSA"].public_key())}
    if is_fitting:
        verify_jws(token, jwks, typ="madang-offer+jwt")
    else:
        with pytest.raises(TokenInvalid) as caught:
            verify_jws(token, jwks, typ="madang-offer+jwt")
        assert caught.value.pointer == "typ"


def test_the_allow_list_narrows(keys):
    token = jwt.encode({}, keys["EdDSA"], algorithm="EdDSA", headers={"kid": KID})
    with pytest.raises(TokenInvalid) as caught:
        verify_jws(token, {KID: public_jwk(keys["EdDSA"].public_key())}, allowed_algs=("ES256",))
    assert caught.value.pointer == "alg"


def test_a_longer_limit_admits_a_longer_token(keys):
    token = KeySigner(DID, KID, keys["ES256"]).sign({"policy": "x" * 20_000}, typ="JWT")
    jwks = {KID: public_jwk(keys["ES256"].public_key())}
    with pytest.raises(TokenInvalid) as caught:
        verify_jws(token, jwks)
    assert caught.value.pointer == "token"
    assert len(verify_jws(token, jwks, max_bytes=1 << 20)[1]["policy"]) == 20_000


def test_a_key_is_picked_by_its_id_alone():
    one, two = {"kty": "one"}, {"kty": "two"}
    assert pick_key("b", {"a": one, "b": two}) is two
    assert pick_key(None, {"a": one}) is one
    for kid, keys in ((None, {}), (None, {"a": one, "b": two}), ("c", {"a": one})):
        with pytest.raises(TokenInvalid) as caught:
            pick_key(kid, keys)
        assert caught.value.pointer == "kid"


@given(st.binary(max_size=80))
def test_base64url_has_one_spelling(raw):
    text = base64url.encode(raw)
    assert base64url.decode(text) == raw
    for wrong in (text + "=", text + "\n", " " + text, text + "+", "/" + text):
        with pytest.raises(ValueError, match=r"."):
            base64url.decode(wrong)


def test_stray_bits_at_the_end_are_refused():
    assert base64url.decode("AA") == b"\0"
    with pytest.raises(ValueError, match="canonical"):
        base64url.decode("AB")


@given(
    st.one_of(
        st.text(max_size=60),
        st.tuples(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=64)).map(
            lambda parts: ".".join(base64url.encode(p) for p in parts)
        ),
        st.tuples(
            st.dictionaries(
                st.sampled_from(["alg", "typ", "kid", "crit"]), st.sampled_from(["ES256", "", 1, None, []])
            ),
            st.recursive(
                st.none() | st.booleans() | st.floats() | st.text(max_size=5),
                lambda inner: (
                    st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
                ),
                max_leaves=8,
            ),
        ).map(lambda p: ".".join(base64url.encode(json.dumps(x).encode()) for x in p) + ".AAAA"),
    )
)
def test_only_a_typed_error_comes_out_of_any_text(text):
    try:
        jws = parse_jws(text)
    except TokenInvalid:
        return
    assert jws.alg == "ES256"
    assert isinstance(jws.claims, dict)
