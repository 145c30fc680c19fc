"""Peers of another make: valid habits that we do not have ourselves, and the edges of what is valid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web

from connector.model.messages import ContractTermination
from connector.model.process import Kind, NegotiationAct, Role, TransferAct, TransferState
from connector.protocol.messages import target_path
from connector.service.extension import Step
from connector.service.negotiation import Counterparty
from tests.integration.partner import CONTRACT_TOKEN, Received, acknowledge, partner, urn
from tests.integration.talk import ByHand, Stage, Talk
from tests.integration.two_factories import factories, offer, offered, until
from tests.ports import free_ports

_N, _T = NegotiationAct, TransferAct
PIDS = [
    "plain",
    "urn:uuid:7c0f7f2a-0b6e-4d0f-9d6a-1d2f3c4b5a69",
    "https://peer.example/negotiations/7?of=2026#now",
    "a/../b",
    "50%2Fof%",
    "번호 7",
    "x" * 2000,
    "..",
    '<"{|}">\\^`',
]


# --- pids ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pid", PIDS, ids=range(len(PIDS)))
async def test_a_pid_is_one_segment_of_the_path_whatever_stands_in_it(stage: Stage, pid: str) -> None:
    for kind, act in ((Kind.NEGOTIATION, _N.TERMINATE), (Kind.TRANSFER, _T.TERMINATE)):
        talk = stage.talk(kind, Role.CONSUMER)
        talk.own = pid
        reply = await talk.begin()
        assert (reply.status, reply.body["consumerPid"]) == (201, pid)
        await talk.service.act(talk.other, Step(act, code="over", reason="enough"))
        heard = await stage.partner.heard(f"/{kind.value}s/{pid}/termination")
        assert heard.body["consumerPid"] == pid


@pytest.mark.parametrize("pid", PIDS, ids=range(len(PIDS)))
def test_no_pid_reaches_another_resource(pid: str) -> None:
    path = target_path(
        ContractTermination(id="", consumer_pid=pid, provider_pid="p", code="", reason=()), pid
    )
    before, after = "/negotiations/", "/termination"
    segment = path.removeprefix(before).removesuffix(after)
    assert path == f"{before}{segment}{after}"
    assert not set(segment) & set("/?#\\ "), segment
    assert segment not in (".", "..")
    assert path.isascii()


async def test_our_own_pid_is_found_in_every_spelling(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.begin()
    for spelling in (talk.other, quote(talk.other, safe=""), talk.other.replace(":", "%3a")):
        seen = await stage.partner.call("GET", f"{talk.place}/{spelling}", audience=stage.factory.did)
        assert (seen.status, seen.body["providerPid"]) == (200, talk.other)


# --- numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [1.5, -0.25, [1e300], {"deep": [0.1]}])
async def test_a_member_of_theirs_may_hold_any_number(stage: Stage, value: Any) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    url, body = talk.first(rating=value)
    first = await talk.post(url, body)
    assert first.status == 201, first.text
    same = await talk.post(url, body)
    assert (same.status, same.body) == (201, first.body)
    renamed = await talk.post(url, {**body, "@id": urn()})
    assert (renamed.status, renamed.body["providerPid"]) == (200, first.body["providerPid"])
    other = await talk.post(url, {**body, "rating": 7.25})
    assert (other.status, "/@id" in other.body["reason"][0]) == (400, True)


async def test_a_number_that_is_none_is_refused(stage: Stage) -> None:
    url, body = stage.talk(Kind.NEGOTIATION, Role.CONSUMER).first(rating="#")
    for raw in ("1e400", "-1e999", "9" * 5000):
        text = json.dumps(body).replace('"#"', raw)
        reply = await stage.partner.call("POST", url, raw=text.encode(), audience=stage.factory.did)
        assert (reply.status, reply.body["code"]) == (400, "malformed-body"), raw


async def test_terms_that_nobody_could_sign_are_refused_with_the_place(stage: Stage) -> None:
    constraint = {"leftOperand": "count", "operator": "lteq", "rightOperand": 1.5}
    terms = {**stage.offer, "permission": [{"action": "use", "constraint": [constraint]}]}
    for role in Role:
        talk = stage.talk(Kind.NEGOTIATION, role)
        reply = await talk.post(*talk.first(offer=terms))
        assert (reply.status, reply.body["code"]) == (400, "invalid-message")
        assert reply.body["reason"][0].startswith("/offer: 1.5")


# --- shapes ----------------------------------------------------------------------------------------


def _habits(offer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        "one rule instead of an array": {**offer, "permission": offer["permission"][0]},
        "no type": {k: v for k, v in offer.items() if k != "@type"},
        "the target as an object": {**offer, "target": {"@id": offer["target"]}},
        "the action as an object": {**offer, "permission": [{"action": {"@id": "use"}}]},
        "a prefixed action": {**offer, "permission": [{"action": "odrl:use"}]},
        "empty arrays": {**offer, "prohibition": [], "obligation": []},
        "an empty constraint": {**offer, "permission": [{"action": "use", "constraint": []}]},
        "the rule names the target again": {
            **offer,
            "permission": [{"action": "use", "target": offer["target"]}],
        },
    }


@pytest.mark.parametrize("name", list(_habits({"permission": [{}], "target": ""})))
async def test_the_same_offer_in_other_words_is_the_same_offer(stage: Stage, name: str) -> None:
    stage.by_hand.holds = False
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    reply = await talk.begin(offer=_habits(stage.offer)[name])
    assert reply.status == 201, reply.text
    agreed = await stage.partner.heard(f"/negotiations/{talk.own}/agreement")
    assert agreed.body["agreement"]["target"] == stage.offer["target"]
    permission = agreed.body["agreement"]["permission"]
    assert isinstance(permission, list), "what we say has the schema's shape, whatever we heard"
    assert [r["action"] for r in permission] in (["use"], ["odrl:use"])
    assert not {"prohibition", "obligation"} & set(agreed.body["agreement"])


async def test_what_was_asked_in_single_objects_is_offered_back_in_arrays(stage: Stage) -> None:
    rule = {
        "action": {"@id": "use"},
        "constraint": {"leftOperand": "count", "operator": "lteq", "rightOperand": "5"},
    }
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    assert (await talk.begin(offer={**stage.offer, "permission": rule, "prohibition": []})).status == 201
    await talk.ours(_N.OFFER)
    offered_back = (await stage.partner.heard(f"/negotiations/{talk.own}/offers")).body["offer"]
    assert offered_back["permission"] == [{"action": "use", "constraint": [rule["constraint"]]}]
    assert "prohibition" not in offered_back


async def test_a_provider_that_writes_single_objects_is_answered_in_arrays(stage: Stage) -> None:
    constraint = {"or": {"leftOperand": "count", "operator": "lteq", "rightOperand": "5"}}
    rule = {"action": {"@id": "use"}, "constraint": constraint}
    terms = {k: v for k, v in stage.offer.items() if k not in ("permission", "target")}
    target = stage.offer["target"]
    begun = await stage.factory.node.negotiations.request(
        stage.them, {**terms, "permission": rule, "target": target}
    )
    asked = await stage.partner.heard("/negotiations/request", count=_asked(stage) + 1)
    assert asked.body["consumerPid"] == begun.id
    (permission,) = asked.body["offer"]["permission"]
    assert permission["action"] == "use"
    assert permission["constraint"] == [{"or": [constraint["or"]]}]


def _asked(stage: Stage) -> int:
    return sum(1 for r in stage.partner.received if r.path == "/negotiations/request")


async def test_an_offer_out_of_the_blue_has_to_say_what_it_is_about(stage: Stage) -> None:
    terms = {k: v for k, v in stage.offer.items() if k != "target"}
    talk = stage.talk(Kind.NEGOTIATION, Role.PROVIDER)
    reply = await talk.post(*talk.first(offer=terms))
    assert (reply.status, "/offer/target" in reply.body["reason"][0]) == (400, True)


@pytest.mark.parametrize("ending", ["", "/", "//", "/deep/er", "/deep/er/"])
async def test_a_callback_address_is_continued_with_exactly_one_slash(stage: Stage, ending: str) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    assert (await talk.begin(callbackAddress=stage.partner.base + ending)).status == 201
    await talk.service.act(talk.other, Step(_N.TERMINATE, code="over", reason="enough"))
    heard = await stage.partner.heard(f"/negotiations/{talk.own}/termination")
    assert heard.path == f"{ending.rstrip('/')}/negotiations/{talk.own}/termination"


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    "address",
    [
        "http://10.0.0.1/dsp",
        "https://192.168.0.10/dsp",
        "https://[::1]/dsp",
        "https://127.0.0.1:22/dsp",
        "http://partner.example/dsp",
        "https://partner.example:99999/dsp",
        "https://user:word@partner.example/dsp",
        "ftp://partner.example/dsp",
        "https://partner.example/dsp?x=1",
        "/dsp",
    ],
)
async def test_an_address_we_may_never_call_begins_nothing(stage: Stage, kind: Kind, address: str) -> None:
    talk = stage.talk(kind, Role.CONSUMER)
    reply = await talk.post(*talk.first(callbackAddress=address))
    assert (reply.status, "/callbackAddress" in reply.body["reason"][0]) == (400, True), reply.text
    good = await talk.begin()
    assert good.status == 201, "the same consumerPid is still free"


# --- answers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_success_is_an_acknowledgement_with_or_without_a_body(stage: Stage, status: int) -> None:
    async def answer(received: Received) -> web.StreamResponse:
        return web.Response(status=status) if status == 204 else web.Response(status=status, body=b"")

    stage.partner.answer = answer
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.begin()
    await talk.ours(_N.OFFER)
    assert (await talk.see()).body["state"] == "OFFERED"


async def test_a_consumer_that_is_not_ready_is_asked_again_with_the_same_id(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.begin()
    refusals = [409, 404, 409]

    async def answer(received: Received) -> web.StreamResponse:
        return web.Response(status=refusals.pop()) if refusals else acknowledge(received)

    stage.partner.answer = answer
    await talk.ours(_N.OFFER)
    tries = [r.body["@id"] for r in stage.partner.received if r.path.endswith(f"{talk.own}/offers")]
    assert len(tries) == 4
    assert len(set(tries)) == 1


# --- what is not told ------------------------------------------------------------------------------


async def test_a_withdrawal_that_is_not_yours_reads_like_one_that_is_not(stage: Stage) -> None:
    async def ask(agreement: str) -> tuple[int, str]:
        url = f"{stage.factory.base}/agreements/{quote(agreement, safe='')}/withdrawal"
        reply = await stage.stranger.call("GET", url, audience=stage.factory.did)
        return reply.status, reply.text

    held, unknown = await ask(stage.sold), await ask(urn())
    assert held == unknown
    assert held[0] == 404
    await stage.factory.node.transfers.withdraw(stage.sold, "over")
    assert await ask(stage.sold) == unknown


async def test_a_method_that_is_not_served_says_which_are(stage: Stage) -> None:
    for url, allowed in (
        (f"{stage.factory.base}/negotiations/request", "POST"),
        (f"{stage.factory.url}/data", "GET"),
    ):
        reply = await stage.partner.call("DELETE", url, audience=stage.factory.did)
        assert (reply.status, allowed in reply.headers.get("Allow", "")) == (405, True)


async def test_a_filter_is_absent_empty_null_or_understood(stage: Stage) -> None:
    url = f"{stage.factory.base}/catalog/request"
    request = {"@context": _context(stage), "@type": "CatalogRequestMessage"}

    async def ask(**more: Any) -> int:
        return (await stage.partner.call("POST", url, {**request, **more}, audience=stage.factory.did)).status

    assert [await ask(), await ask(filter=[]), await ask(filter=None)] == [200, 200, 200]
    for spec in ({"offset": 10**30}, {"limit": 10**30}, {"offset": -1}, {"limit": 1.5}):
        assert await ask(filter=[{"@type": "QuerySpec", **spec}]) == 400, spec


def _context(stage: Stage) -> list[str]:
    return list(stage.talk(Kind.NEGOTIATION, Role.CONSUMER).first()[1]["@context"])


async def test_two_transfers_of_one_contract_do_not_disturb_each_other(stage: Stage) -> None:
    one, two = (stage.talk(Kind.TRANSFER, Role.CONSUMER) for _ in range(2))
    for talk in (one, two):
        await talk.reach(TransferState.STARTED)
    await _end(one)
    assert [(await t.see()).body["state"] for t in (one, two)] == ["TERMINATED", "STARTED"]


async def _end(talk: Talk) -> None:
    assert (await talk.say(_T.TERMINATE)).status == 200


async def test_an_unsigned_agreement_is_replaced_by_an_equal_one_and_by_no_other(tmp_path: Path) -> None:
    ports = free_ports(1)
    more = {"negotiation": {"require_signatures": False}}
    async with (
        factories(tmp_path, ["factory-a"], hosts=[f"127.0.0.1:{ports[0]}"], more=more) as (factory,),
        partner(tmp_path, ports[0]) as other,
    ):
        factory.node.automations.put_first(ByHand())
        terms = await offered(factory, await offer(factory, "shots"))
        talk = Talk(factory, other, Kind.NEGOTIATION, Role.PROVIDER, terms)
        begun = await talk.service.request(Counterparty(other.did, other.base, factory.did), terms)
        talk.other = begun.id
        await until(factory.node, lambda tx: not tx.outbox.of_process(begun.id))
        talk.own = (await talk.service.find(begun.id)).peer_pid

        async def agree(**changes: Any) -> tuple[int, str]:
            url, body = talk.write(_N.AGREE)
            del body[CONTRACT_TOKEN]
            body["agreement"] |= changes
            reply = await talk.post(url, body)
            return reply.status, (await talk.service.find(begun.id)).agreement_id

        status, first = await agree()
        assert status == 200
        assert await agree(permission=[{"action": "distribute"}]) == (400, first)
        assert await agree(assigner=factory.did) == (400, first)
        assert (await talk.see()).body["state"] == "AGREED"
        status, second = await agree()
        assert (status, second != first) == (200, True)


async def test_the_reason_of_an_end_is_seen_by_the_owner_afterwards(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.begin()
    assert (await talk.say(_N.TERMINATE, code="too-dear", reason=["지금은 아닙니다"])).status == 200
    ours = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await ours.begin()
    await ours.ours(_N.TERMINATE, code="no", reason="not to you")
    status = await stage.factory.node.overview.status()
    shown = {n["id"]: (n["by"], n["reason"]) for n in status["unmade"]}
    assert shown[talk.other] == ("them", "too-dear: 지금은 아닙니다")
    assert shown[ours.other] == ("us", "no: not to you")
