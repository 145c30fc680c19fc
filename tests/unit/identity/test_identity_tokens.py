"""Self-issued tokens: what ours say, what is accepted, and in which order it is checked."""

from __future__ import annotations

import os

import jwt
import pytest

from connector.errors import EgressRefused, PeerFailed, Unauthenticated, Unavailable
from connector.identity.did import parse_did_document
from connector.identity.replay import MemoryReplayStore
from connector.identity.tokens import SelfIssuedTokens
from connector.model.identity import Peer, PeerKind

US = "did:web:factory-b.example%3A8443"


@pytest.fixture
def replay(clock):
    return MemoryReplayStore(clock)


@pytest.fixture
def check(factory_a, factory_b, replay):
    async def check(token, **changes):
        arguments = {"resolve": factory_a.resolve, "audience": US, "replay": replay, **changes}
        return await factory_b.tokens.verify(token, **arguments)

    return check


@pytest.fixture
def forge(factory_a, clock):
    """A token signed with factory A's true key that says something else."""

    def forge(typ="JWT", **claims):
        now = int(clock.now().timestamp())
        did = factory_a.did
        said = {"iss": did, "sub": did, "aud": US, "jti": os.urandom(8).hex(), "iat": now, "exp": now + 300}
        said |= claims
        return factory_a.ring.signer.sign({k: v for k, v in said.items() if v is not ...}, typ=typ)

    return forge


async def refused(check, token, pointer, **changes):
    with pytest.raises(Unauthenticated) as caught:
        await check(token, **changes)
    assert caught.value.pointer == pointer, caught.value
    return caught.value


def test_what_our_token_says(factory_a, clock):
    token = factory_a.tokens.issue(US)
    key = jwt.PyJWK(factory_a.ring.public_jwks["keys"][0])
    claims = jwt.decode(token, key, algorithms=["ES256"], audience=US, options={"verify_exp": False})
    now = int(clock.now().timestamp())
    jti = claims.pop("jti")
    assert claims == {"iss": factory_a.did, "sub": factory_a.did, "aud": US, "iat": now, "exp": now + 300}
    assert len(bytes.fromhex(jti)) == 16
    assert jwt.get_unverified_header(token)["kid"] == factory_a.ring.signer.kid


def test_no_two_tokens_share_an_id_and_randomness_is_an_argument(factory_a, clock):
    assert factory_a.tokens.issue(US) != factory_a.tokens.issue(US)
    fixed = SelfIssuedTokens(factory_a.ring.signer, clock, lambda n: b"\x07" * n)
    assert jwt.decode(fixed.issue(US), options={"verify_signature": False})["jti"] == "07" * 16


async def test_a_token_is_accepted_once(check, factory_a):
    token = factory_a.tokens.issue(US, access_token="opaque")
    verified = await check(token)
    assert verified.peer == Peer(factory_a.did, PeerKind.DID, US, factory_a.document)
    assert verified.kid == factory_a.ring.signer.kid
    assert verified.access_token == "opaque"
    assert factory_a.asked == [(factory_a.did, verified.kid)]
    await refused(check, token, "jti")


async def test_an_edwards_key_is_accepted(factory_a, factory_b, clock, replay):
    verified = await factory_a.tokens.verify(
        factory_b.tokens.issue(factory_a.did),
        resolve=factory_b.resolve,
        audience=factory_a.did,
        replay=replay,
    )
    assert verified.peer.participant_id == factory_b.did
    assert verified.access_token is None


@pytest.mark.parametrize(
    ("claims", "pointer"),
    [
        ({"iss": ...}, "iss"),
        ({"iss": 7}, "iss"),
        ({"sub": ...}, "sub"),
        ({"sub": "did:web:other.example"}, "sub"),
        ({"iss": "factory-a", "sub": "factory-a"}, "iss"),
        ({"iss": "did:web:a.example:..", "sub": "did:web:a.example:.."}, "iss"),
        ({"aud": ...}, "aud"),
        ({"aud": []}, "aud"),
        ({"aud": "did:web:other.example"}, "aud"),
        ({"aud": US + "x"}, "aud"),
        ({"aud": {US: US}}, "aud"),
        ({"jti": ...}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": 7}, "jti"),
        ({"jti": "x" * 257}, "jti"),
        ({"jti": "a\nb"}, "jti"),
        ({"iat": ...}, "iat"),
        ({"exp": ...}, "exp"),
        ({"exp": "2026"}, "exp"),
        ({"exp": True}, "exp"),
        ({"iat": -1}, "iat"),
        ({"exp": 1e300}, "exp"),
        ({"nbf": "now"}, "nbf"),
        ({"vp": {}}, "vp"),
        ({"vc": {}}, "vc"),
    ],
)
async def test_a_claim_that_does_not_fit_is_named_before_anything_is_fetched(
    check, forge, factory_a, claims, pointer
):
    await refused(check, forge(**claims), pointer)
    assert factory_a.asked == []


@pytest.mark.parametrize("aud", [[US], ["did:web:other.example", US]])
async def test_an_audience_may_be_a_list(check, forge, aud):
    await check(forge(aud=aud))


@pytest.mark.parametrize(
    ("typ", "is_accepted"), [("jwt", True), ("application/jwt", True), ("at+jwt", False)]
)
async def test_the_type_if_there_is_one_has_to_fit(check, forge, typ, is_accepted):
    if is_accepted:
        await check(forge(typ=typ))
    else:
        await refused(check, forge(typ=typ), "typ")


def seconds(clock, offset):
    return clock.now().timestamp() + offset


@pytest.mark.parametrize(
    ("iat", "exp", "nbf", "pointer", "said"),
    [
        (-300, -14.9, ..., None, ""),
        (-300, -15, ..., "exp", "ended 15 s ago"),
        (-1000, -700, ..., "exp", "ended 700 s ago"),
        (15, 300, ..., None, ""),
        (15.1, 300, ..., "iat", "begins in 15 s"),
        (60, 300, ..., "iat", "begins in 60 s"),
        (0, 300, 15, None, ""),
        (0, 300, 60, "nbf", "begins in 60 s"),
        (0, 900, ..., None, ""),
        (0, 901, ..., "exp", "holds for 901 s"),
        (-800, 101, ..., "exp", "holds for 901 s"),
        (10, 10, ..., "exp", "holds for 0 s"),
        (12, 5, ..., "exp", "holds for -7 s"),
    ],
)
async def test_times(check, forge, clock, iat, exp, nbf, pointer, said):
    nbf = nbf if nbf is ... else seconds(clock, nbf)
    token = forge(iat=seconds(clock, iat), exp=seconds(clock, exp), nbf=nbf)
    if pointer is None:
        await check(token)
    else:
        error = await refused(check, token, pointer)
        assert said in error.message


async def test_a_token_ends_as_time_goes_by(check, factory_a, clock):
    tokens = [factory_a.tokens.issue(US) for _ in range(2)]
    clock.advance(314)
    await check(tokens[0])
    clock.advance(1)
    await refused(check, tokens[1], "exp")


def failing(error):
    async def resolve(did, kid=None):
        raise error

    return resolve


async def test_an_issuer_without_a_document_is_refused(check, forge):
    error = await refused(
        check, forge(), "did", resolve=failing(PeerFailed("it is no JSON", code="did-invalid"))
    )
    assert "it is no JSON" in error.message


async def test_what_our_guard_saw_is_not_told(check, forge):
    guard = EgressRefused("rogue.example is at 10.0.0.7", hint="list rogue.example")
    error = await refused(check, forge(), "did", resolve=failing(guard))
    assert "10.0.0.7" not in error.message
    assert error.hint == ""
    assert error.__cause__ is guard


async def test_a_document_that_cannot_be_had_just_now_is_no_refusal(check, forge, replay):
    token = forge()
    with pytest.raises(Unavailable) as caught:
        await check(token, resolve=failing(PeerFailed("no answer", code="did-unreachable")))
    assert (caught.value.pointer, caught.value.status) == ("did", 503)
    assert len(replay) == 0
    await check(token)


async def test_a_document_of_somebody_else_is_refused(check, forge, factory_b):
    await refused(check, forge(), "did", resolve=factory_b.resolve)


async def test_a_key_of_another_party_is_refused(check, factory_a, factory_b, clock):
    # B's true signature and kid under A's name.
    now = int(clock.now().timestamp())
    did = factory_a.did
    claims = {"iss": did, "sub": did, "aud": US, "jti": "1", "iat": now, "exp": now + 60}
    await refused(check, factory_b.ring.signer.sign(claims, typ="JWT"), "kid")


async def test_a_key_for_another_use_is_refused_unless_told_otherwise(
    check, forge, factory_a, factory_b, replay, clock
):
    value = {**factory_a.json, "capabilityInvocation": []}

    async def resolve(did, kid=None):
        return parse_did_document(value, did)

    await refused(check, forge(), "kid", resolve=resolve)
    lenient = SelfIssuedTokens(factory_b.ring.signer, clock, os.urandom, lenient_relationships=True)
    await lenient.verify(forge(), resolve=resolve, audience=US, replay=replay)


async def test_a_token_without_kid_needs_exactly_one_method(check, factory_a, clock):
    key = factory_a.ring.folder / f"{factory_a.ring.entries[0].fragment}.pem"
    now = int(clock.now().timestamp())
    did = factory_a.did
    claims = {"iss": did, "sub": did, "aud": US, "jti": "1", "iat": now, "exp": now + 60}
    token = jwt.encode(claims, key.read_text(), algorithm="ES256", headers={"typ": None})
    assert "kid" not in jwt.get_unverified_header(token)
    assert (await check(token)).kid == factory_a.ring.signer.kid
    factory_a.ring.rotate(now=clock.now())
    token = jwt.encode({**claims, "jti": "2"}, key.read_text(), algorithm="ES256")
    await refused(check, token, "kid")


async def test_a_retired_key_is_accepted_and_a_revoked_one_is_not(check, factory_a, clock):
    before = [factory_a.tokens.issue(US) for _ in range(2)]
    old = factory_a.ring.entries[0].fragment
    factory_a.ring.rotate(now=clock.now())
    await check(before[0])
    await check(factory_a.tokens.issue(US))
    factory_a.ring.revoke(old)
    await refused(check, before[1], "kid")


class Recorder:
    """Every look at the outside, in order; each can be made to fail."""

    def __init__(self, factory, is_first=True):
        self.factory, self.is_first, self.seen = factory, is_first, []

    async def resolve(self, did, kid=None):
        self.seen.append("resolve")
        return self.factory.document

    async def first_use(self, issuer, jti, expires_at):
        self.seen.append((issuer, jti, expires_at))
        return self.is_first


async def test_nothing_is_remembered_before_everything_else_holds(check, forge, factory_a, clock):
    end = int(clock.now().timestamp()) + 300
    bad = forge(jti="x")
    head, claims, signature = bad.split(".")
    broken = ".".join([head, claims, ("B" if signature[0] == "A" else "A") + signature[1:]])
    for token, pointer in (
        (broken, "signature"),
        (forge(exp=end - 400, iat=end - 500), "exp"),
        (forge(iat=end - 200), "iat"),
        (forge(exp=end + 3600), "exp"),
    ):
        recorder = Recorder(factory_a)
        await refused(check, token, pointer, resolve=recorder.resolve, replay=recorder)
        assert recorder.seen == ["resolve"]
    recorder = Recorder(factory_a)
    await check(bad, resolve=recorder.resolve, replay=recorder)
    assert recorder.seen == ["resolve", (factory_a.did, "x", end + 15)]


async def test_the_store_has_the_last_word(check, forge, factory_a):
    recorder = Recorder(factory_a, is_first=False)
    await refused(check, forge(), "jti", replay=recorder)


async def test_a_full_store_accepts_nothing_more(check, forge, clock):
    store = MemoryReplayStore(clock, max_entries=1)
    await check(forge(), replay=store)
    with pytest.raises(Unavailable):
        await check(forge(), replay=store)


async def test_every_changed_character_is_noticed(check, factory_a, replay):
    token = factory_a.tokens.issue(US)
    for i, character in enumerate(token):
        changed = token[:i] + ("A" if character != "A" else "B") + token[i + 1 :]
        with pytest.raises(Unauthenticated):
            await check(changed)
    assert len(replay) == 0
    await check(token)
