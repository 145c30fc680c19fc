"""Contract tokens: each claim wrong once is refused by its name; what was not agreed on ends it [D7, D8]."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from connector.model.canonical import canonical
from connector.model.process import Kind, NegotiationAct, NegotiationState, Role
from connector.model.times import iso
from connector.service.contract import over
from tests.integration.partner import CONTRACT_TOKEN, partner, urn
from tests.integration.talk import ByHand, Stage, Talk
from tests.integration.two_factories import at_rest, factories, offer, offered, until
from tests.ports import free_ports

_N, _S = NegotiationAct, NegotiationState
DIGEST = "0" * 64
DROP = object()


def _claims(talk: Talk, policy: dict[str, Any]) -> dict[str, Any]:
    now = int(talk.factory.node.clock.now().timestamp())
    return {
        "iss": talk.partner.did,
        "aud": talk.factory.did,
        "jti": urn(),
        "iat": now,
        **talk.pids(),
        "dataset": {"id": talk.offer["target"], "version": "1", "sha256": DIGEST},
        "policy": policy,
        "policyDigest": hashlib.sha256(canonical(policy)).hexdigest(),
        "treeHead": "",
    }


def _sign(talk: Talk, claims: dict[str, Any], typ: str) -> str:
    kept = {k: v for k, v in claims.items() if v is not DROP}
    return talk.partner.keys.signer.sign(kept, typ=typ)


OTHER = {
    "permission": [
        {"action": "use", "constraint": [{"leftOperand": "count", "operator": "lteq", "rightOperand": "1"}]}
    ]
}
WRONG: list[tuple[str, Any]] = [
    ("iss", "did:web:somebody.example"),
    ("iss", DROP),
    ("aud", "did:web:somebody.example"),
    ("aud", DROP),
    ("aud", ["did:web:somebody.example"]),
    ("consumerPid", "urn:uuid:another"),
    ("consumerPid", DROP),
    ("providerPid", "urn:uuid:another"),
    ("policy", OTHER),
    ("policy", DROP),
    ("policyDigest", DIGEST),
    ("policyDigest", DROP),
    ("iat", 4102444800),
    ("iat", "now"),
    ("iat", DROP),
    ("exp", 1000),
    ("exp", "never"),
]
WRONG_DATASET: list[tuple[str, Any]] = [
    ("dataset", {"id": "urn:another", "version": "1", "sha256": DIGEST}),
    ("dataset", {"version": "1", "sha256": DIGEST}),
    ("dataset", "urn:x"),
    ("dataset", DROP),
]


def _ids(case: Any) -> str:
    return "" if case is DROP else str(case)[:20]


@pytest.mark.parametrize(("claim", "value"), WRONG + WRONG_DATASET, ids=_ids)
async def test_an_agreement_whose_token_says_something_else_is_refused(
    stage: Stage, claim: str, value: Any
) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.PROVIDER)
    await talk.reach(_S.REQUESTED)
    url, body = talk.write(_N.AGREE)
    claims = _claims(talk, body["agreement"])
    body[CONTRACT_TOKEN] = _sign(talk, claims | {claim: value}, "madang-agreement+jwt")
    reply = await talk.post(url, body)
    assert (reply.status, reply.body["code"]) == (400, "token-invalid"), reply.text
    assert reply.body["reason"][0].startswith(f"{claim}: "), reply.text
    assert (await talk.see()).body["state"] == "REQUESTED"
    assert await stage.factory.node.store.read(lambda tx: tx.agreements.get(body["agreement"]["@id"])) is None
    good = {**body, "@id": urn(), CONTRACT_TOKEN: _sign(talk, claims, "madang-agreement+jwt")}
    assert (await talk.post(url, good)).status == 200


@pytest.mark.parametrize(("claim", "value"), [*WRONG, ("over", "0" * 64), ("over", DROP)], ids=_ids)
async def test_a_verification_whose_token_says_something_else_is_refused(
    stage: Stage, claim: str, value: Any
) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(_S.AGREED)
    url, body = talk.write(_N.VERIFY)
    told = [
        r.body
        for r in stage.partner.received
        if r.body.get("consumerPid") == talk.own and "agreement" in r.body
    ][-1]
    claims = _claims(talk, told["agreement"]) | {"over": over(told[CONTRACT_TOKEN])}
    body[CONTRACT_TOKEN] = _sign(talk, claims | {claim: value}, "madang-verification+jwt")
    reply = await talk.post(url, body)
    assert (reply.status, reply.body["code"]) == (400, "token-invalid"), reply.text
    assert reply.body["reason"][0].startswith(f"{claim}: "), reply.text
    assert (await talk.see()).body["state"] == "AGREED"
    good = {**body, "@id": urn(), CONTRACT_TOKEN: _sign(talk, claims, "madang-verification+jwt")}
    assert (await talk.post(url, good)).status == 200


@pytest.mark.parametrize(("claim", "value"), WRONG, ids=_ids)
async def test_an_offer_whose_token_says_something_else_is_refused(
    stage: Stage, claim: str, value: Any
) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.PROVIDER)
    await talk.reach(_S.REQUESTED)
    url, body = talk.write(_N.OFFER)
    claims = _claims(talk, body["offer"])
    body[CONTRACT_TOKEN] = _sign(talk, claims | {claim: value}, "madang-offer+jwt")
    reply = await talk.post(url, body)
    assert (reply.status, reply.body["code"]) == (400, "token-invalid"), reply.text
    assert reply.body["reason"][0].startswith(f"{claim}: "), reply.text
    assert (await talk.see()).body["state"] == "REQUESTED"


def _another_type(talk: Talk, claims: dict[str, Any]) -> str:
    return _sign(talk, claims, "madang-verification+jwt")


def _unsigned(talk: Talk, claims: dict[str, Any]) -> str:
    head, body, _ = _sign(talk, claims, "madang-agreement+jwt").split(".")
    return f"{head}.{body}."


def _broken(talk: Talk, claims: dict[str, Any]) -> str:
    token = _sign(talk, claims, "madang-agreement+jwt")
    other = _sign(talk, claims | {"jti": urn()}, "madang-agreement+jwt")
    return ".".join([*token.split(".")[:2], other.split(".")[2]])


def _none(talk: Talk, claims: dict[str, Any]) -> str:
    body = _sign(talk, claims, "madang-agreement+jwt").split(".")[1]
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"madang-agreement+jwt"}').rstrip(b"=").decode()
    return f"{head}.{body}."


def _ours(talk: Talk, claims: dict[str, Any]) -> str:
    return talk.factory.node.keys.signer.sign(claims, typ="madang-agreement+jwt")


@pytest.mark.parametrize(
    "forge", [_another_type, _unsigned, _broken, _none, _ours, lambda t, c: "x", lambda t, c: "a.b.c"]
)
async def test_a_token_that_is_no_signature_of_the_peer_is_refused(
    stage: Stage, forge: Callable[[Talk, dict[str, Any]], str]
) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.PROVIDER)
    await talk.reach(_S.REQUESTED)
    url, body = talk.write(_N.AGREE)
    body[CONTRACT_TOKEN] = forge(talk, _claims(talk, body["agreement"]))
    reply = await talk.post(url, body)
    assert (reply.status, reply.body["code"]) == (400, "token-invalid"), reply.text
    assert (await talk.see()).body["state"] == "REQUESTED"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"permission": OTHER["permission"]}, "permission"),
        ({"permission": [{"action": "distribute"}]}, "permission"),
        ({"prohibition": [{"action": "use"}]}, "prohibition"),
        ({"target": "urn:another"}, "/target"),
        ({"assigner": "did:web:another.example"}, "/assigner"),
        ({"assignee": "did:web:another.example"}, "/assignee"),
    ],
)
async def test_an_agreement_that_is_not_what_we_asked_for_is_refused_and_we_end_it(
    stage: Stage, changed: dict[str, Any], named: str
) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.PROVIDER)
    await talk.reach(_S.REQUESTED)
    url, body = talk.write(_N.AGREE)
    agreement = {**body["agreement"], **changed}
    body["agreement"] = agreement
    body[CONTRACT_TOKEN] = _sign(talk, _claims(talk, agreement), "madang-agreement+jwt")
    reply = await talk.post(url, body)
    assert reply.status == 400, reply.text
    assert named in reply.body["reason"][0], reply.text
    told = await stage.partner.heard("/termination")
    assert (told.body["code"], told.body["providerPid"]) == (reply.body["code"], talk.own)
    assert named in told.body["reason"][0]
    assert (await talk.see()).body["state"] == "TERMINATED"
    assert await stage.factory.node.store.read(lambda tx: tx.agreements.get(agreement["@id"])) is None


async def test_an_agreement_that_says_the_same_in_other_words_is_taken(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.PROVIDER)
    await talk.reach(_S.REQUESTED)
    url, body = talk.write(_N.AGREE)
    same = {"permission": [{"action": "odrl:use", "constraint": []}], "prohibition": [], "obligation": []}
    agreement = {**body["agreement"], **same, "timestamp": iso(stage.factory.node.clock.now())}
    body["agreement"] = agreement
    body[CONTRACT_TOKEN] = _sign(talk, _claims(talk, agreement), "madang-agreement+jwt")
    reply = await talk.post(url, body)
    assert reply.status == 200, reply.text


async def test_both_sides_hold_both_signatures_over_the_very_same_policy(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(_S.FINALIZED)
    process = await talk.service.find(talk.other)
    held = await stage.factory.node.store.read(lambda tx: tx.agreements.get(process.agreement_id))
    assert held is not None
    told = [r.body for r in stage.partner.received if r.body.get("agreement", {}).get("@id") == held.id][-1]
    assert held.policy == told["agreement"]
    assert held.agreement_token == told[CONTRACT_TOKEN]
    assert held.is_signed
    assert held.is_final
    assert set(held.documents) >= {stage.partner.did}


async def test_a_peer_without_a_did_is_listed_by_hand_and_its_contract_is_recorded_unsigned(
    tmp_path: Any,
) -> None:
    (port,) = free_ports(1)
    base = f"http://127.0.0.1:{port}/dsp"
    peer = {
        "id": "maker-17",
        "address": base,
        "send": "to-{audience}",
        "match": "secret-17",
        "our_id": "factory-a",
    }
    more = {"identity": {"static_peers": [peer]}}
    async with (
        factories(tmp_path, ["factory-a"], hosts=[f"127.0.0.1:{port}"], more=more) as (factory,),
        partner(tmp_path, port) as other,
    ):
        factory.node.automations.put_first(ByHand())
        dataset = await offer(factory, "one")
        talk = Talk(factory, other, Kind.NEGOTIATION, Role.CONSUMER, await offered(factory, dataset))
        url, body = talk.first()
        refused = await other.call("POST", url, body, authorization="secret-18")
        assert refused.status == 401
        reply = await other.call("POST", url, body, authorization="secret-17")
        assert reply.status == 201, reply.text
        talk.other = reply.body["providerPid"]
        await talk.ours(_N.AGREE)
        told = await other.heard("/agreement")
        assert (told.body["agreement"]["assigner"], told.body["agreement"]["assignee"]) == (
            "factory-a",
            "maker-17",
        )
        assert CONTRACT_TOKEN not in told.body
        url, body = talk.write(_N.TERMINATE)
        verify = {**body, "@type": "ContractAgreementVerificationMessage"}
        reply = await other.call(
            "POST", url.replace("termination", "agreement/verification"), verify, authorization="secret-17"
        )
        assert reply.status == 200, reply.text
        await talk.ours(_N.FINALIZE)
        (held,) = await factory.node.store.read(lambda tx: tx.agreements.everything())
        assert (held.is_final, held.is_signed, held.agreement_token, held.peer) == (
            True,
            False,
            "",
            "maker-17",
        )
        stranger = await other.call("GET", f"{talk.place}/{talk.other}", audience=factory.did)
        assert stranger.status == 404
        await at_rest(factory)
        assert await until(factory.node, lambda tx: not tx.outbox.everything())
