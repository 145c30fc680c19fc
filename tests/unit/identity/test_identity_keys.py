"""The key ring: what is on the disk, who may read it, rotation, and damage."""

from __future__ import annotations

import json
import stat
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connector.errors import BadInput, Conflict, NotFound, TokenInvalid, Unavailable
from connector.identity import keys as keys_module
from connector.identity.jose import verify_jws
from connector.identity.jwk import public_jwk, thumbprint
from connector.identity.keys import KeyRing, KeyStatus

DID = "did:web:factory-a.example"


@pytest.fixture
def ring(tmp_path, clock):
    return KeyRing.create(tmp_path / "keys", DID, now=clock.now())


def published(ring):
    return {k["kid"]: k for k in ring.public_jwks["keys"]}


@pytest.mark.parametrize("alg", ["ES256", "EdDSA"])
def test_a_new_ring_signs_and_is_read_back(tmp_path, clock, alg):
    made = KeyRing.create(tmp_path / "keys", DID, now=clock.now(), alg=alg)
    read = KeyRing.open(tmp_path / "keys", DID)
    assert read.public_jwks == made.public_jwks
    assert read.signer.kid == made.signer.kid == f"{DID}#key-{read.thumbprint[:16]}"
    assert read.signer.alg == alg
    assert read.signer.did == DID
    assert read.entries[0].created == clock.now()
    assert verify_jws(read.signer.sign({"n": 1}, typ="JWT"), published(made))[1] == {"n": 1}


def test_private_keys_are_pkcs8_for_their_owner_alone(ring):
    (pem,) = ring.folder.glob("*.pem")
    assert stat.S_IMODE(pem.stat().st_mode) == 0o600
    assert stat.S_IMODE(ring.folder.stat().st_mode) == 0o700
    assert pem.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    key = load_pem_private_key(pem.read_bytes(), None)
    assert pem.stem == "key-" + thumbprint(public_jwk(key.public_key()))[:16]


def test_nothing_private_is_published_or_indexed(ring):
    assert "PRIVATE" not in (ring.folder / "index.json").read_text()
    (jwk,) = ring.public_jwks["keys"]
    assert set(jwk) == {"kty", "crv", "x", "y", "kid", "alg"}


def test_the_same_randomness_makes_the_same_key(tmp_path, clock):
    def random(n):
        return bytes(range(n))

    for alg in ("ES256", "EdDSA"):
        one = KeyRing.create(tmp_path / alg / "1", DID, now=clock.now(), alg=alg, random=random)
        two = KeyRing.create(tmp_path / alg / "2", DID, now=clock.now(), alg=alg, random=random)
        assert one.public_jwks == two.public_jwks


def test_a_scalar_out_of_range_is_drawn_again(tmp_path, clock):
    draws = iter([b"\xff" * 32, b"\0" * 32, b"\1" * 32])
    ring = KeyRing.create(tmp_path / "keys", DID, now=clock.now(), random=lambda n: next(draws))
    assert next(draws, None) is None
    KeyRing.open(ring.folder, DID)


def test_rotation_keeps_the_old_method_and_signs_with_the_new(ring, clock):
    signer, old_kid = ring.signer, ring.signer.kid
    before = signer.sign({"n": 1}, typ="JWT")
    clock.advance(60)
    entry = ring.rotate(now=clock.now(), alg="EdDSA")
    after = signer.sign({"n": 2}, typ="JWT")
    assert signer.kid == f"{DID}#{entry.fragment}" != old_kid
    assert list(published(ring)) == [signer.kid, old_kid]
    for ring_ in (ring, KeyRing.open(ring.folder, DID)):
        assert verify_jws(before, published(ring_))[0]["kid"] == old_kid
        assert verify_jws(after, published(ring_))[0] == {"alg": "EdDSA", "kid": signer.kid, "typ": "JWT"}
        assert [e.status for e in ring_.entries] == [KeyStatus.RETIRED, KeyStatus.ACTIVE]
        assert ring_.entries[1].created - ring_.entries[0].created == timedelta(seconds=60)


def test_two_processes_that_rotate_lose_no_key(ring, clock):
    other = KeyRing.open(ring.folder, DID)
    first, second = other.rotate(now=clock.now()), ring.rotate(now=clock.now())
    fragments = [e.fragment for e in KeyRing.open(ring.folder, DID).entries]
    assert fragments[1:] == [first.fragment, second.fragment]
    assert len(fragments) == 3


def test_a_revoked_key_is_published_no_more(ring, clock):
    old = ring.entries[0].fragment
    token = ring.signer.sign({}, typ="JWT")
    with pytest.raises(Conflict):
        ring.revoke(old)
    ring.rotate(now=clock.now())
    ring.revoke(old)
    for ring_ in (ring, KeyRing.open(ring.folder, DID)):
        assert list(published(ring_)) == [ring.signer.kid]
        with pytest.raises(TokenInvalid, match="there is no key"):
            verify_jws(token, published(ring_))
    with pytest.raises(NotFound):
        ring.revoke("key-unknown")


def test_a_ring_is_not_made_twice(ring, clock):
    with pytest.raises(Conflict):
        KeyRing.create(ring.folder, DID, now=clock.now())
    assert KeyRing.open(ring.folder, DID).public_jwks == ring.public_jwks


def test_other_algorithms_are_not_made(tmp_path, clock):
    with pytest.raises(BadInput):
        KeyRing.create(tmp_path / "keys", DID, now=clock.now(), alg="RS256")
    assert not list((tmp_path / "keys").iterdir())


def test_a_missing_ring_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        KeyRing.open(tmp_path, DID)


def test_a_ring_of_another_did_is_refused(ring):
    with pytest.raises(Conflict, match=r"factory-a\.example"):
        KeyRing.open(ring.folder, "did:web:factory-b.example")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(ring, mode):
    (pem,) = ring.folder.glob("*.pem")
    pem.chmod(mode)
    with pytest.raises(Unavailable) as caught:
        KeyRing.open(ring.folder, DID)
    assert caught.value.hint == f"chmod 600 {pem}"


def test_damage_is_named(ring, tmp_path, clock):
    (pem,) = ring.folder.glob("*.pem")
    index = ring.folder / "index.json"
    good_pem, good_index = pem.read_bytes(), json.loads(index.read_text())
    other = KeyRing.create(tmp_path / "other", DID, now=clock.now())
    other_pem = next(other.folder.glob("*.pem")).read_bytes()
    for damaged in (b"", good_pem[:40], other_pem):
        pem.write_bytes(damaged)
        with pytest.raises(Unavailable, match=pem.stem):
            KeyRing.open(ring.folder, DID)
    pem.unlink()
    with pytest.raises(Unavailable, match="missing"):
        KeyRing.open(ring.folder, DID)
    pem.touch(0o600)
    pem.write_bytes(good_pem)

    entry = good_index["keys"][0]
    for bad in (
        {},
        [],
        {**good_index, "version": 2},
        {**good_index, "keys": []},
        {**good_index, "keys": [entry, entry]},
        {**good_index, "keys": [{**entry, "status": "retired"}]},
        {**good_index, "keys": [{**entry, "status": "asleep"}]},
        {**good_index, "keys": [{**entry, "fragment": "../../etc/passwd"}]},
        {**good_index, "keys": [{**entry, "alg": "none"}]},
        {**good_index, "keys": [{**entry, "created": "yesterday"}]},
        {**good_index, "keys": [{**entry, "jwk": other.public_jwks["keys"][0]}]},
    ):
        index.write_text(json.dumps(bad))
        with pytest.raises(Unavailable, match=r"index\.json"):
            KeyRing.open(ring.folder, DID)
    index.write_text(json.dumps(good_index))
    KeyRing.open(ring.folder, DID)


def test_a_crash_before_the_index_leaves_the_old_ring(ring, clock, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(keys_module, "_write_index", crash)
        with pytest.raises(KeyboardInterrupt):
            ring.rotate(now=clock.now())
    assert len(list(ring.folder.glob("*.pem"))) == 2
    assert KeyRing.open(ring.folder, DID).public_jwks == ring.public_jwks
    # A draft of the index that was never put in place does not stand in the way either.
    (ring.folder / "index.json.new").write_text("{")
    ring.rotate(now=clock.now())
    assert len(KeyRing.open(ring.folder, DID).entries) == 2
