"""Tokens over HTTP: each way to pretend to be somebody is a 401 that names the check, and changes nothing."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest

from connector.model.process import Kind, NegotiationAct, NegotiationState, Role
from tests.integration.partner import Partner, partner, urn
from tests.integration.talk import ByHand, Stage, Talk
from tests.integration.two_factories import factories, offer, offered
from tests.ports import free_ports

DROP = object()


def _claims(who: Partner, audience: str, **changed: Any) -> dict[str, Any]:
    now = int(time.time())
    made = {
        "iss": who.did,
        "sub": who.did,
        "aud": audience,
        "jti": urn(),
        "iat": now,
        "exp": now + 300,
    } | changed
    return {k: v for k, v in made.items() if v is not DROP}


def _segment(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("changed", "check"),
    [
        ({"exp": 1000}, "exp"),
        ({"exp": DROP}, "exp"),
        ({"exp": "later"}, "exp"),
        ({"exp": int(time.time()) + 86400}, "exp"),
        ({"iat": int(time.time()) + 600}, "iat"),
        ({"nbf": int(time.time()) + 600}, "nbf"),
        ({"aud": "did:web:else.example"}, "aud"),
        ({"aud": DROP}, "aud"),
        ({"aud": []}, "aud"),
        ({"sub": "did:web:else.example"}, "sub"),
        ({"sub": DROP}, "sub"),
        ({"iss": DROP}, "iss"),
        ({"iss": "https://else.example", "sub": "https://else.example"}, "iss"),
        ({"jti": DROP}, "jti"),
        ({"jti": "x" * 300}, "jti"),
        ({"vp": {}}, ""),
    ],
)
async def test_a_token_that_says_something_wrong(stage: Stage, changed: dict[str, Any], check: str) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(NegotiationState.OFFERED)
    claims = _claims(stage.partner, stage.factory.did, **changed)
    token = stage.partner.keys.signer.sign(claims, typ="JWT")
    url, body = talk.write(NegotiationAct.ACCEPT)
    reply = await stage.partner.call("POST", url, body, authorization=f"Bearer {token}")
    assert (reply.status, reply.body["code"]) == (401, "unauthenticated"), reply.text
    assert check in reply.body["reason"][0].partition(":")[0]
    assert reply.body["@type"] == "ContractNegotiationError"
    assert (await talk.see()).body["state"] == "OFFERED"


async def test_a_token_that_somebody_else_signed(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(NegotiationState.OFFERED)
    url, body = talk.write(NegotiationAct.ACCEPT)
    claims = _claims(stage.partner, stage.factory.did)
    head, middle, signature = stage.partner.keys.signer.sign(claims, typ="JWT").split(".")
    kid = stage.partner.keys.signer.kid

    def under(**header: Any) -> str:
        return f"{_segment(header)}.{middle}.{signature}"

    own = stage.stranger.keys.signer
    forged = own.sign(claims, typ="JWT")
    jwk = {k: v for k, v in stage.stranger.keys.public_jwks["keys"][0].items() if k != "kid"}
    tokens = {
        "the stranger's key under the stranger's kid": forged,
        "the stranger's signature under the partner's kid": f"{head}.{middle}.{forged.split('.')[2]}",
        "no signature": f"{head}.{middle}.",
        "alg none": f"{_segment({'alg': 'none', 'kid': kid, 'typ': 'JWT'})}.{middle}.",
        "HS256 with the public key": under(alg="HS256", kid=kid, typ="JWT"),
        "a key of its own in the header": under(alg="ES256", jwk=jwk, typ="JWT"),
        "another place for the key": under(alg="ES256", kid=kid, jku=stage.stranger.base),
        "other claims": f"{head}.{_segment({**claims, 'jti': 'new'})}.{signature}",
        "a kid that is not there": under(alg="ES256", kid=kid + "x", typ="JWT"),
    }
    for name, token in tokens.items():
        reply = await stage.partner.call("POST", url, body, authorization=f"Bearer {token}")
        assert reply.status == 401, name
        assert reply.body["@type"] == "ContractNegotiationError", name
    assert (await talk.see()).body["state"] == "OFFERED"


async def test_a_token_counts_once_even_after_a_restart(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(NegotiationState.OFFERED)
    header = stage.partner.authorization(stage.factory.did)
    url, body = talk.write(NegotiationAct.ACCEPT)
    assert (await stage.partner.call("POST", url, body, authorization=header)).status == 200
    again = await stage.partner.call("POST", url, body, authorization=header)
    assert (again.status, "jti" in again.body["reason"][0]) == (401, True)
    await stage.factory.restart()
    again = await stage.partner.call("POST", url, body, authorization=header)
    assert (again.status, "jti" in again.body["reason"][0]) == (401, True)
    assert (await talk.see()).body["state"] == "ACCEPTED"


async def test_one_party_cannot_speak_about_anothers_process(stage: Stage) -> None:
    """A valid token of a stranger, with the right ids, does nothing to a negotiation or its contract."""
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(NegotiationState.OFFERED)
    for act in (NegotiationAct.ACCEPT, NegotiationAct.REQUEST, NegotiationAct.TERMINATE):
        url, body = talk.write(act)
        reply = await stage.stranger.call("POST", url, body, audience=stage.factory.did)
        assert reply.status == 404, act
    assert (await talk.see()).body["state"] == "OFFERED"


async def test_strangers_are_slowed_down_and_partners_are_not(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    more = {"limits": {"strangers_per_minute": 5}}
    async with (
        factories(tmp_path, ["factory-a"], hosts=[f"127.0.0.1:{port}"], more=more) as (factory,),
        partner(tmp_path, port) as other,
    ):
        factory.node.automations.put_first(ByHand())
        url = f"{factory.base}/catalog/request"
        statuses = []
        for _ in range(8):
            reply = await other.call("POST", url, {}, authorization="Bearer x")
            statuses.append(reply.status)
        assert statuses == [401] * 5 + [429] * 3
        assert int(reply.headers["Retry-After"]) >= 1
        assert reply.body["@type"] == "CatalogError"
        dataset = await offer(factory, "one")
        talk = Talk(factory, other, Kind.NEGOTIATION, Role.CONSUMER, await offered(factory, dataset))
        assert (await talk.begin()).status == 201


async def test_a_partner_has_its_share_of_requests_and_of_open_negotiations(tmp_path: Path) -> None:
    ports = free_ports(2)
    more = {"limits": {"open_negotiations": 3, "requests_per_minute": 12}}
    async with (
        factories(tmp_path, ["factory-a"], hosts=[f"127.0.0.1:{p}" for p in ports], more=more) as (factory,),
        partner(tmp_path, ports[0]) as greedy,
        partner(tmp_path, ports[1]) as modest,
    ):
        factory.node.automations.put_first(ByHand())
        proposal = await offered(factory, await offer(factory, "one"))

        async def ask(who: Partner) -> int:
            return (await Talk(factory, who, Kind.NEGOTIATION, Role.CONSUMER, proposal).begin()).status

        assert [await ask(greedy) for _ in range(5)] == [201, 201, 201, 429, 429]
        assert await ask(modest) == 201
        rest = [
            (await greedy.call("POST", f"{factory.base}/catalog/request", {}, audience=factory.did)).status
            for _ in range(9)
        ]
        assert rest.count(400) == 7
        assert rest[-2:] == [429, 429]
        assert await ask(modest) == 201
