"""Bodies that attack: each is refused with a 4xx in the protocol's own words, and changes nothing."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connector.model.process import Kind, NegotiationAct, NegotiationState, Role, TransferAct, TransferState
from tests.integration.partner import CONTEXT, Reply, partner, urn
from tests.integration.talk import Stage, Talk
from tests.integration.two_factories import factories
from tests.ports import free_ports

LIMIT = 1 << 20
ERRORS = {"negotiations": "ContractNegotiationError", "transfers": "TransferError", "catalog": "CatalogError"}


async def _talks(stage: Stage) -> list[Talk]:
    found = []
    for kind, state in ((Kind.NEGOTIATION, NegotiationState.OFFERED), (Kind.TRANSFER, TransferState.STARTED)):
        talk = stage.talk(kind, Role.CONSUMER)
        await talk.reach(state)
        found.append(talk)
    return found


def _calls(stage: Stage, talks: list[Talk]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A good message for every kind of endpoint."""
    negotiation, transfer = talks
    yield f"{stage.factory.base}/catalog/request", {"@context": CONTEXT, "@type": "CatalogRequestMessage"}
    for kind in Kind:
        yield stage.talk(kind, Role.CONSUMER).first()
    yield negotiation.write(NegotiationAct.ACCEPT)
    yield transfer.write(TransferAct.COMPLETE)


async def _states(talks: list[Talk]) -> list[str]:
    return [(await talk.see()).body["state"] for talk in talks]


async def _post(stage: Stage, url: str, raw: bytes, **headers: str) -> Reply:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await stage.partner.call("POST", url, raw=raw, audience=stage.factory.did, headers=sent)


def _attacks(body: dict[str, Any]) -> Iterator[tuple[str, bytes, dict[str, str], int, str]]:
    good = json.dumps(body).encode()
    inner = good[1:]
    yield "empty", b"", {}, 400, "malformed-body"
    yield "no JSON", b"hello", {}, 400, "malformed-body"
    yield "not UTF-8", b"\xff\xfe" + good, {}, 400, "malformed-body"
    yield "an array", b"[" + good + b"]", {}, 400, "invalid-message"
    yield "a null", b"null", {}, 400, "invalid-message"
    yield "NaN", b'{"x":NaN,' + inner, {}, 400, "malformed-body"
    yield "a key twice", b'{"@type":"X",' + inner, {}, 400, "malformed-body"
    yield "a hidden key twice", b'{"\\u0040type":"X",' + inner, {}, 400, "malformed-body"
    yield "half a character", b'{"x":"\\ud800",' + inner, {}, 400, "malformed-body"
    yield "half a character as a key", b'{"\\uDFFF":1,' + inner, {}, 400, "malformed-body"
    yield "too deep", b'{"x":' + b"[" * 40 + b"]" * 40 + b"," + inner, {}, 400, "malformed-body"
    yield "far too deep", b"[" * 500_000, {}, 400, "malformed-body"
    many = b'{"x":{' + b",".join(b'"%d":0' % i for i in range(60_000)) + b"}," + inner
    yield "too many members", many, {}, 400, "malformed-body"
    yield "too large", b'{"x":"' + b"a" * LIMIT + b'",' + inner, {}, 413, "too-large"
    yield "gzip", gzip.compress(good), {"Content_Encoding": "gzip"}, 400, "malformed-body"
    yield "deflate", zlib.compress(good), {"Content_Encoding": "deflate"}, 400, "malformed-body"
    yield "a bomb", gzip.compress(b"0" * (64 << 20)), {"Content_Encoding": "gzip"}, 400, "malformed-body"
    yield (
        "another type",
        json.dumps({**body, "@type": "VersionResponse"}).encode(),
        {},
        400,
        "invalid-message",
    )
    yield "two types", json.dumps({**body, "@type": [body["@type"]]}).encode(), {}, 400, "invalid-message"
    for context in (
        "https://elsewhere.example/c",
        [*CONTEXT, "https://elsewhere.example/c"],
        [*CONTEXT, {}],
        None,
        [],
    ):
        yield (
            f"context {context}",
            json.dumps({**body, "@context": context}).encode(),
            {},
            400,
            "invalid-message",
        )


async def test_no_endpoint_takes_a_body_that_is_not_clean(stage: Stage) -> None:
    talks = await _talks(stage)
    before = await _states(talks)
    count = 0
    for url, body in _calls(stage, talks):
        expected = ERRORS[url.removeprefix(stage.factory.base).split("/")[1]]
        for name, raw, headers, status, code in _attacks(body):
            reply = await _post(stage, url, raw, **headers)
            assert (reply.status, reply.body["code"]) == (status, code), (url, name, reply.text[:300])
            assert reply.body["@type"] == expected, (url, name)
            assert len(reply.text) < 4096, "the answer does not repeat the attack"
            count += 1
    assert count == 5 * 24
    assert await _states(talks) == before


async def test_a_body_that_says_nothing_of_its_length_is_cut_at_the_limit(stage: Stage) -> None:
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        yield b'{"x":"'
        while sent < 64 * LIMIT:
            sent += 65536
            yield b"a" * 65536

    headers = {
        "Authorization": stage.partner.authorization(stage.factory.did),
        "Content-Type": "application/json",
    }
    try:
        async with stage.partner.session.post(
            f"{stage.factory.base}/catalog/request", data=endless(), headers=headers
        ) as answer:
            assert answer.status == 413
    except ConnectionError:
        pass  # the connector may hang up once it has said so
    assert sent < 32 * LIMIT


async def test_a_body_that_never_ends_is_given_up_in_time(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    more = {"server": {"request_timeout_s": 0.3}}
    async with (
        factories(tmp_path, ["factory-a"], hosts=[f"127.0.0.1:{port}"], more=more) as (factory,),
        partner(tmp_path, port) as other,
    ):
        host, own = factory.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(own))
        head = (
            f"POST /dsp/2025-1/negotiations/request HTTP/1.1\r\nHost: {host}\r\n"
            "Content-Type: application/json\r\n"
            f"Authorization: {other.authorization(factory.did)}\r\nContent-Length: 1000\r\n\r\n{{"
        )
        writer.write(head.encode())
        async with asyncio.timeout(5):
            status = await reader.readline()
        assert b" 503 " in status
        writer.close()


@pytest.mark.parametrize(
    "policy", [{"permission": "use"}, {"permission": [5]}, {"permission": []}, {"permission": None}]
)
async def test_a_policy_that_is_no_policy_is_never_agreed_to(stage: Stage, policy: Any) -> None:
    stage.by_hand.holds = False
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    talk.offer = {**talk.offer, **policy}
    reply = await talk.begin()
    assert reply.status in (201, 400), reply.text
    if reply.status == 201 and talk.offer["permission"]:
        found = await talk.service.find(talk.other)
        assert found.agreement_id == ""


async def test_a_policy_of_monstrous_size_is_judged_quickly(stage: Stage) -> None:
    constraint = {"leftOperand": "http://www.w3.org/ns/odrl/2/count", "operator": "lteq", "rightOperand": "1"}
    nested: Any = constraint
    for _ in range(9):
        nested = {"or": [nested, constraint]}
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    talk.offer = {**talk.offer, "permission": [{"action": "use", "constraint": [nested] * 200}]}
    async with asyncio.timeout(10):
        reply = await talk.begin()
    assert reply.status in (201, 400), reply.text
    again = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    assert (await again.begin()).status == 201


async def test_nothing_secret_stands_in_an_error(stage: Stage) -> None:
    """Whatever goes wrong inside, the caller learns an incident id and nothing else."""

    async def breaks(*_: Any, **__: Any) -> Any:
        raise RuntimeError("the password is hunter2")

    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    stage.factory.node.negotiations.open_by_request = breaks  # type: ignore[method-assign]
    reply = await talk.begin(**{"@id": urn()})
    assert reply.status == 500
    assert "hunter2" not in reply.text
    assert len(reply.body["incident"]) == 12
    assert reply.body["@type"] == "ContractNegotiationError"


@pytest.mark.parametrize("number", ["1.5", "-0.25", "1e10", "123456789012345678901234567890", "1E-7"])
async def test_a_number_that_has_no_canonical_form_breaks_nothing(stage: Stage, number: str) -> None:
    """Where nobody reads it, it may stand; in a policy it is refused or waits for a person. Never a 500."""
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    url, body = talk.first()
    raw = b'{"note":%s,' % number.encode() + json.dumps(body).encode()[1:]
    assert (await _post(stage, url, raw)).status == 201
    assert (await _post(stage, url, raw)).status == 201, "the same message again"
    changed = raw.replace(number.encode(), b"2.5", 1)
    assert (await _post(stage, url, changed)).status == 400, "the same id for another body"
    asked = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    constraint = {
        "leftOperand": "http://www.w3.org/ns/odrl/2/count",
        "operator": "lteq",
        "rightOperand": "@@",
    }
    asked.offer = {**asked.offer, "permission": [{"action": "use", "constraint": [constraint]}]}
    url, body = asked.first()
    raw = json.dumps(body).encode().replace(b'"@@"', number.encode())
    reply = await _post(stage, url, raw)
    assert reply.status in (201, 400), reply.text


@pytest.mark.parametrize("number", ["1e400", "-1e400", "9" * 5000])
async def test_a_number_that_is_too_large_is_no_json_here(stage: Stage, number: str) -> None:
    url, body = stage.talk(Kind.NEGOTIATION, Role.CONSUMER).first()
    reply = await _post(stage, url, b'{"note":%s,' % number.encode() + json.dumps(body).encode()[1:])
    assert (reply.status, reply.body["code"]) == (400, "malformed-body")
