"""Attacks on identity tokens. Each has to end in Unauthenticated, name the failed check, and leave no trace.

The attacker knows our partner's DID document (its public key) and every token it
once sent, may send any bytes, and owns a DID and keys of its own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import os
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from connector.errors import Unauthenticated
from connector.identity.did import did_document, parse_did_document
from connector.identity.jwk import public_jwk, read_public_key
from connector.identity.keys import KeyRing
from connector.identity.replay import MemoryReplayStore
from connector.identity.tokens import SelfIssuedTokens

US = "did:web:factory-b.example"
PARTNER = "did:web:factory-a.example"
ATTACKER = "did:web:rogue.example"


class StillClock:
    def now(self):
        return datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

    def monotonic(self):
        return 0.0

    async def sleep(self, seconds):
        raise AssertionError("nothing here waits")


NOW = int(StillClock().now().timestamp())


@dataclass
class Scene:
    partner: KeyRing
    attacker: KeyRing
    documents: dict
    replay: MemoryReplayStore
    us: SelfIssuedTokens
    asked: list

    async def resolve(self, did, kid=None):
        self.asked.append((did, kid))
        return parse_did_document(self.documents[did], did)

    async def accept(self, token, audience=US):
        return await self.us.verify(token, resolve=self.resolve, audience=audience, replay=self.replay)

    async def refuse(self, token, *pointers):
        with pytest.raises(Unauthenticated) as caught:
            await self.accept(token)
        assert caught.value.pointer in pointers, caught.value
        assert caught.value.status == 401
        assert len(self.replay) == 0
        return caught.value

    @property
    def key(self):
        """The partner's public key, which everybody knows."""
        return read_public_key(self.partner.public_jwks["keys"][0])


@pytest.fixture(scope="module")
def rings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return {
        did: KeyRing.create(folder / str(n), did, now=StillClock().now())
        for n, did in enumerate((PARTNER, ATTACKER, US))
    }


@pytest.fixture
def scene(rings):
    clock = StillClock()
    documents = {
        did: did_document(did, ring.public_jwks["keys"], f"https://{did.removeprefix('did:web:')}/dsp")
        for did, ring in rings.items()
    }
    us = SelfIssuedTokens(rings[US].signer, clock, os.urandom)
    return Scene(rings[PARTNER], rings[ATTACKER], documents, MemoryReplayStore(clock), us, [])


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def claims(**changes):
    said = {"iss": PARTNER, "sub": PARTNER, "aud": US, "jti": "1", "iat": NOW, "exp": NOW + 300} | changes
    return {k: v for k, v in said.items() if v is not ...}


def assemble(header, body, sign):
    """A token of exactly these parts; dicts become JSON, text and bytes stand as they are."""
    parts = []
    for part in (header, body):
        raw = (
            part
            if isinstance(part, bytes)
            else part.encode()
            if isinstance(part, str)
            else json.dumps(part).encode()
        )
        parts.append(b64(raw))
    return ".".join([*parts, b64(sign(".".join(parts).encode()))])


def with_key(ring):
    """ES256 with the ring's active key, whatever the header says."""
    path = ring.folder / f"{ring.signer.kid.partition('#')[2]}.pem"
    algorithm = jwt.get_algorithm_by_name("ES256")
    key = algorithm.prepare_key(path.read_bytes())
    return lambda data: algorithm.sign(data, key)


def header(scene, **changes):
    said = {"alg": "ES256", "kid": scene.partner.signer.kid, "typ": "JWT"} | changes
    return {k: v for k, v in said.items() if v is not ...}


async def test_the_scene_itself_lets_the_honest_token_in(scene):
    token = assemble(header(scene), claims(), with_key(scene.partner))
    assert (await scene.accept(token)).peer.participant_id == PARTNER


# --- algorithms ---


@pytest.mark.parametrize(
    "alg",
    [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        " none",
        "es256",
        "ES256 ",
        "ES256K",
        "ES512",
        "RS384",
        "HS256",
        "dir",
    ],
)
@pytest.mark.parametrize("is_signed", [False, True])
async def test_other_algorithms(scene, alg, is_signed):
    sign = with_key(scene.partner) if is_signed else lambda data: b""
    await scene.refuse(assemble(header(scene, alg=alg), claims(), sign), "alg")
    assert scene.asked == []


@pytest.mark.parametrize("alg", [None, 7, True, ["ES256"], {"alg": "ES256"}, ...])
async def test_an_algorithm_that_is_no_name(scene, alg):
    await scene.refuse(assemble(header(scene, alg=alg), claims(), with_key(scene.partner)), "alg")


@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512", "ES256", "RS256", "PS256", "EdDSA", "ES384"])
@pytest.mark.parametrize("form", ["pem", "der", "jwk", "jwk-canonical", "x", "raw"])
async def test_a_public_key_is_no_secret(scene, alg, form):
    key, jwk = scene.key, scene.documents[PARTNER]["verificationMethod"][0]["publicKeyJwk"]
    secret = {
        "pem": key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(jwk).encode(),
        "jwk-canonical": json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode(),
        "x": base64.urlsafe_b64decode(jwk["x"] + "="),
        "raw": key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
    }[form]
    hash_ = {"HS384": hashlib.sha384, "HS512": hashlib.sha512}.get(alg, hashlib.sha256)

    def sign(data):
        return hmac.new(secret, data, hash_).digest()

    await scene.refuse(assemble(header(scene, alg=alg), claims(), sign), "alg", "signature")


@pytest.mark.parametrize("published", ["RS256", "PS256", None])
async def test_rsa_confusions(scene, published):
    """An RSA partner: no HMAC with its key; and a key published for one padding is not used for another."""
    key = rsa.generate_private_key(65537, 2048)
    kid = f"{PARTNER}#rsa"
    jwk = public_jwk(key.public_key()) | {"kid": kid} | ({"alg": published} if published else {})
    scene.documents[PARTNER] = did_document(PARTNER, [jwk], "https://factory-a.example/dsp")
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forged = assemble(
        header(scene, alg="HS256", kid=kid), claims(), lambda d: hmac.new(pem, d, hashlib.sha256).digest()
    )
    await scene.refuse(forged, "alg")
    for alg in ("RS256", "PS256"):
        token = jwt.encode(claims(jti=alg), key, algorithm=alg, headers={"kid": kid})
        if published not in (None, alg):
            await scene.refuse(token, "alg")
    await scene.accept(jwt.encode(claims(), key, algorithm=published or "PS256", headers={"kid": kid}))


async def test_a_symmetric_key_in_the_partners_document_checks_nothing(scene):
    secret = b"s" * 32
    method = scene.documents[PARTNER]["verificationMethod"][0]
    method["publicKeyJwk"] = {"kty": "oct", "k": b64(secret), "alg": "HS256"}
    token = jwt.encode(claims(), secret, algorithm="HS256", headers={"kid": method["id"]})
    await scene.refuse(token, "alg")


# --- keys ---


@pytest.mark.parametrize(
    "kid",
    [
        "",
        "key-1",
        "#key-1",
        PARTNER,
        PARTNER + "#",
        PARTNER + "#../../../../dev/null",
        PARTNER + "/../rogue.example#key-1",
        PARTNER + "#' OR '1'='1",
        PARTNER + "#key-1\0",
        "https://rogue.example/key.json",
        "file:///etc/passwd",
        "../../../etc/passwd",
        "/dev/null",
        "did:web:factory-a.example.rogue.example#key-1",
        "did:web:factory-a.example%23key-1",
        PARTNER + "?x#key-1",
        "x" * 1500,
    ],
)
async def test_a_kid_is_a_name_and_nothing_else(scene, kid):
    await scene.refuse(assemble(header(scene, kid=kid), claims(), with_key(scene.partner)), "kid")
    assert [did for did, _ in scene.asked] == [PARTNER]


async def test_the_attackers_own_key(scene):
    sign = with_key(scene.attacker)
    mine = scene.attacker.signer.kid
    # Under the partner's key id; under its own; naming none; and the partner's name with its own document.
    await scene.refuse(assemble(header(scene), claims(), sign), "signature")
    await scene.refuse(assemble(header(scene, kid=mine), claims(), sign), "kid")
    await scene.refuse(assemble(header(scene, kid=...), claims(), sign), "signature")
    fragment = mine.partition("#")[2]
    await scene.refuse(assemble(header(scene, kid=f"{PARTNER}#{fragment}"), claims(), sign), "kid")


async def test_a_document_that_claims_the_partners_key_id(scene):
    """The attacker publishes a method with the partner's id in its own document, and signs as itself."""
    method = scene.documents[ATTACKER]["verificationMethod"][0]
    stolen = {**method, "id": scene.partner.signer.kid, "controller": PARTNER}
    scene.documents[ATTACKER]["verificationMethod"].append(stolen)
    scene.documents[ATTACKER]["capabilityInvocation"].append(stolen["id"])
    said = claims(iss=ATTACKER, sub=ATTACKER)
    await scene.refuse(assemble(header(scene), said, with_key(scene.attacker)), "kid")
    # And two methods of one id, of which a reader might take either.
    scene.documents[PARTNER]["verificationMethod"].append(
        {**method, "id": scene.partner.signer.kid, "controller": PARTNER}
    )
    await scene.refuse(assemble(header(scene), claims(), with_key(scene.attacker)), "did")


async def test_a_document_that_carries_another_partys_key(scene):
    """Even if a reader of documents let a foreign key through, its id does not fit the issuer."""
    document = parse_did_document(scene.documents[PARTNER], PARTNER)
    foreign = parse_did_document(scene.documents[ATTACKER], ATTACKER).methods
    mixed = replace(document, methods=(*document.methods, *foreign))

    async def resolve(did, kid=None):
        return mixed

    token = assemble(header(scene, kid=foreign[0].id), claims(), with_key(scene.attacker))
    with pytest.raises(Unauthenticated) as caught:
        await scene.us.verify(token, resolve=resolve, audience=US, replay=scene.replay)
    assert caught.value.pointer == "kid"


async def test_no_kid_and_two_keys_of_which_one_may_invoke(scene):
    second = {**scene.attacker.public_jwks["keys"][0], "kid": f"{PARTNER}#second"}
    keys = [*scene.partner.public_jwks["keys"], second]
    scene.documents[PARTNER] = did_document(PARTNER, keys, "https://factory-a.example/dsp")
    scene.documents[PARTNER]["capabilityInvocation"] = [scene.partner.signer.kid]
    await scene.refuse(assemble(header(scene, kid=...), claims(), with_key(scene.partner)), "kid")


@pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "crit", "b64"])
async def test_headers_that_bring_their_own_key_or_rules(scene, name):
    value = {
        "jwk": scene.attacker.public_jwks["keys"][0],
        "jku": "https://rogue.example/jwks.json",
        "x5u": "https://rogue.example/chain.pem",
        "crit": ["exp"],
        "b64": False,
    }[name]
    for ring in (scene.partner, scene.attacker):
        await scene.refuse(assemble(header(scene, **{name: value}), claims(), with_key(ring)), name)
    assert scene.asked == []


@pytest.mark.parametrize("use", ["authentication", "assertionMethod", "keyAgreement"])
async def test_a_key_that_may_not_invoke(scene, use):
    kid = scene.partner.signer.kid
    for name in ("authentication", "assertionMethod", "capabilityInvocation"):
        scene.documents[PARTNER][name] = []
    scene.documents[PARTNER][use] = [kid]
    await scene.refuse(assemble(header(scene), claims(), with_key(scene.partner)), "kid")


# --- signatures ---


N256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        b"\0" * 64,
        b"\0" * 32 + b"\1" * 32,
        b"\1" * 32 + b"\0" * 32,
        N256.to_bytes(32, "big") * 2,
        (N256 + 1).to_bytes(32, "big") * 2,
        b"\xff" * 64,
        b"\1" * 63,
        b"\1" * 65,
        bytes.fromhex("3006020100020100"),
        bytes.fromhex("3006020101020101"),
    ],
)
async def test_signatures_out_of_range(scene, signature):
    await scene.refuse(assemble(header(scene), claims(), lambda data: signature), "signature")


async def test_a_true_signature_in_another_spelling(scene):
    token = assemble(header(scene), claims(), with_key(scene.partner))
    head, body, signature = token.split(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    for other in (
        signature + "=",
        signature + "==",
        signature + "\n",
        signature + ".",
        base64.b64encode(raw).decode() + "+",
        signature[:-1] + chr(ord(signature[-1]) + 1),
        b64(raw + b"\0"),
        b64(b"\0" + raw),
        b64(raw[:32] + b"\0" + raw[32:]),
    ):
        await scene.refuse(f"{head}.{body}.{other}", "signature", "token")
    await scene.refuse(f"{head}=.{body}.{signature}", "header")
    await scene.refuse(f"{head}.{body}=.{signature}", "claims")
    await scene.refuse(f" {token}", "header")


async def test_the_signature_of_another_token(scene):
    one = assemble(header(scene), claims(), with_key(scene.partner)).split(".")
    two = assemble(header(scene), claims(token="access"), with_key(scene.partner)).split(".")
    await scene.refuse(".".join([one[0], two[1], one[2]]), "signature")
    typed = assemble(header(scene, typ=...), claims(), with_key(scene.partner)).split(".")
    await scene.refuse(".".join([typed[0], one[1], one[2]]), "signature")


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()])
async def test_a_key_on_another_curve_in_the_document(scene, curve):
    key = ec.generate_private_key(curve)
    numbers = key.public_key().public_numbers()
    size = (curve.key_size + 7) // 8
    jwk = scene.documents[PARTNER]["verificationMethod"][0]["publicKeyJwk"]
    jwk |= {"x": b64(numbers.x.to_bytes(size, "big")), "y": b64(numbers.y.to_bytes(size, "big"))}
    await scene.refuse(assemble(header(scene), claims(), with_key(scene.partner)), "kid")


# --- claims ---


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"aud": ATTACKER}, "aud"),
        ({"aud": [ATTACKER]}, "aud"),
        ({"aud": US + "/"}, "aud"),
        ({"aud": US.upper()}, "aud"),
        ({"aud": "*"}, "aud"),
        ({"sub": ATTACKER}, "sub"),
        ({"iss": ATTACKER}, "sub"),
        ({"exp": NOW - 60, "iat": NOW - 360}, "exp"),
        ({"iat": NOW + 60}, "iat"),
        ({"nbf": NOW + 60}, "nbf"),
        ({"iat": NOW + 86400, "exp": NOW + 86700}, "iat"),
        ({"exp": NOW + 10**9}, "exp"),
        ({"exp": 2**63}, "exp"),
        ({"exp": "9999999999"}, "exp"),
        ({"exp": None}, "exp"),
        ({"exp": ...}, "exp"),
        ({"iat": ...}, "iat"),
        ({"iat": [NOW]}, "iat"),
        ({"jti": ...}, "jti"),
        ({"jti": {}}, "jti"),
        ({"vp": {"verifiableCredential": []}}, "vp"),
        ({"vc": {}}, "vc"),
    ],
)
async def test_claims_that_do_not_hold(scene, changes, pointer):
    await scene.refuse(assemble(header(scene), claims(**changes), with_key(scene.partner)), pointer)


@pytest.mark.parametrize(
    "typ", ["at+jwt", "vp+jwt", "vc+jwt", "madang-agreement+jwt", "madang-offer+jwt", ""]
)
async def test_another_kind_of_token_of_the_same_key(scene, typ):
    await scene.refuse(assemble(header(scene, typ=typ), claims(), with_key(scene.partner)), "typ")


async def test_replay(scene):
    token = assemble(header(scene), claims(), with_key(scene.partner))
    await scene.accept(token)
    with pytest.raises(Unauthenticated) as caught:
        await scene.accept(token)
    assert caught.value.pointer == "jti"
    # The same id, signed anew with other words, is a repetition too; another party's is not.
    again = assemble(header(scene), claims(exp=NOW + 100), with_key(scene.partner))
    with pytest.raises(Unauthenticated):
        await scene.accept(again)
    other = assemble(
        header(scene, kid=scene.attacker.signer.kid),
        claims(iss=ATTACKER, sub=ATTACKER),
        with_key(scene.attacker),
    )
    await scene.accept(other)


async def test_an_attacker_cannot_burn_the_partners_token(scene):
    """A forged copy that arrives first must not use up the jti of the true one."""
    token = assemble(header(scene), claims(), with_key(scene.partner))
    forged = assemble(header(scene), claims(), with_key(scene.attacker))
    await scene.refuse(forged, "signature")
    await scene.accept(token)


async def test_a_token_for_us_is_worth_nothing_elsewhere(scene):
    token = assemble(header(scene), claims(), with_key(scene.partner))
    with pytest.raises(Unauthenticated) as caught:
        await scene.accept(token, audience="did:web:factory-c.example")
    assert caught.value.pointer == "aud"


# --- form ---


@pytest.mark.parametrize(
    "body",
    [
        f'{{"iss":"{PARTNER}","iss":"{ATTACKER}"}}',
        f'{{"iss":"{PARTNER}","\\u0069ss":"{ATTACKER}"}}',
        "[]",
        "null",
        '"text"',
        "7",
        "",
        "{",
        '{"exp":NaN}',
        '{"exp":Infinity}',
        '{"a":' * 40 + "1" + "}" * 40,
        '{"a":' * 1500,
        '{"exp":' + "9" * 5000 + "}",
        "\ufeff{}",
        b'{"iss":"\xff"}',
        b"\x00",
    ],
)
async def test_claims_that_two_readers_would_read_differently(scene, body):
    await scene.refuse(assemble(header(scene), body, with_key(scene.partner)), "claims")


@pytest.mark.parametrize(
    "head",
    [
        '{"alg":"none","alg":"ES256"}',
        '{"alg":"ES256","\\u0061lg":"none"}',
        "[]",
        "null",
        '"ES256"',
        "{",
        '{"alg":"ES256","x":NaN}',
        '{"alg":"ES256","pad":"' + "x" * 3000 + '"}',
    ],
)
async def test_headers_that_two_readers_would_read_differently(scene, head):
    await scene.refuse(assemble(head, claims(), with_key(scene.partner)), "header")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        "e30.e30.é",
        "\0",
        "Bearer e30.e30.e30",
        "e30.e30.e30 e30",
        "." * 20_000,
        "e30." * 5_000,
        "x" * 16_385,
        "{}",
    ],
)
async def test_bytes_that_are_no_token(scene, token):
    await scene.refuse(token, "token", "header", "alg")
    assert scene.asked == []


async def test_an_oversized_token_with_a_true_signature(scene):
    token = assemble(header(scene), claims(pad="x" * 13_000), with_key(scene.partner))
    error = await scene.refuse(token, "token")
    assert "16384" in error.message


async def test_nothing_secret_in_errors_or_logs(scene, caplog):
    caplog.set_level(logging.DEBUG)
    token = assemble(header(scene), claims(exp=NOW - 60, iat=NOW - 90), with_key(scene.partner))
    error = await scene.refuse(token, "exp")
    signature = token.rpartition(".")[2]
    assert signature not in f"{error!r} {error.hint} {caplog.text}"
