"""Bytes under a contract: purposes, tokens, answers, uses, stopping, sources [D10, D12 to D16, D18]."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import select
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from connector.errors import ConnectorError
from connector.model.process import (
    Kind,
    NegotiationAct,
    NegotiationState,
    Role,
    Transfer,
    TransferAct,
    TransferState,
)
from connector.protocol.messages import endpoint_properties
from connector.service.extension import Step
from connector.store.tables import Tx
from tests.integration.partner import Reply, urn
from tests.integration.talk import Stage
from tests.integration.two_factories import (
    OPEN,
    Factory,
    at_most,
    at_rest,
    contract,
    factories,
    for_purpose,
    offer,
    until,
)

_T, _U = TransferAct, TransferState
_TX_AUTH = "https://w3id.org/tractusx/auth/"
CONTENT = b"time;temperature\n" + b"".join(b"%06d;21.5\n" % i for i in range(500))


class Client:
    """Two factories, and a reader of the provider's data endpoint."""

    def __init__(self, consumer: Factory, provider: Factory, session: aiohttp.ClientSession) -> None:
        self.consumer = consumer
        self.provider = provider
        self.session = session

    async def agree(self, name: str, rules: Any = OPEN, content: bytes = CONTENT) -> str:
        """A contract over a new dataset."""
        return await contract(self.consumer, self.provider, name, rules, content=content)

    async def start(self, agreement: str, purpose: str = "") -> tuple[Transfer, str]:
        """A started transfer of it, and the access token."""
        begun = await self.consumer.node.transfers.request(agreement, purpose=purpose)
        started = await until(
            self.consumer.node,
            lambda tx: (
                t if (t := tx.transfers.get(begun.id)) and t.state in (_U.STARTED, _U.TERMINATED) else None
            ),
        )
        assert started.state is _U.STARTED, started.reason
        await at_rest(self.provider)
        return started, endpoint_properties(started.data_address)["authorization"]

    async def get(self, token: str, *, method: str = "GET", **headers: str) -> Reply:
        """One request to the data endpoint."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = token
        async with self.session.request(method, f"{self.provider.url}/data", headers=sent) as answer:
            raw = await answer.read()
            body = await answer.json() if answer.content_type == "application/json" else None
            return Reply(answer.status, body, answer.headers, raw.decode("latin-1"))

    async def uses(self, agreement: str) -> int:
        """How many uses the provider has counted."""
        return await self.provider.node.store.read(lambda tx: tx.uses.count_of_agreement(agreement))


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with factories(tmp_path) as (consumer, provider), aiohttp.ClientSession() as session:
        yield Client(consumer, provider, session)


async def test_a_pull_brings_the_bytes_the_contract_and_two_ledger_leaves(
    client: Client, tmp_path: Path
) -> None:
    agreement = await client.agree("one")
    fetched = await client.consumer.node.consuming.pull(agreement, folder=tmp_path / "in")
    assert fetched.pulled.path.read_bytes() == CONTENT
    assert fetched.contract_file.exists()
    kinds = await client.provider.node.store.read(lambda tx: _kinds(client.provider, tx))
    assert (kinds.count("grant"), kinds.count("delivered")) == (1, 1)
    assert kinds.index("grant") < kinds.index("delivered")
    again = await client.consumer.node.consuming.pull(agreement, folder=tmp_path / "in")
    assert again.transfer_id == fetched.transfer_id, "a started transfer is used again"


def _kinds(factory: Factory, tx: Tx) -> list[str]:
    lines = [json.loads(line) for line in factory.node.journal.ledger.export(tx, [])]
    return [json.loads(line["body"])["kind"] for line in lines if "body" in line]


async def test_bearer_and_raw_tokens_are_taken_and_others_are_not(client: Client) -> None:
    _, token = await client.start(await client.agree("one"))
    assert (await client.get(token)).status == 200
    assert (await client.get(f"Bearer {token}")).status == 200
    for wrong in ("", "Bearer", "x", f"{token}x", token[:-1], f"Basic {token}"):
        got = await client.get(wrong)
        assert (got.status, got.body["code"]) == (401, "unauthenticated"), wrong


async def test_each_end_of_a_right_has_its_answer(client: Client) -> None:
    agreement = await client.agree("one")
    node = client.provider.node

    async def theirs(transfer: Transfer) -> str:
        return (await client.consumer.node.transfers.find(transfer.id)).peer_pid

    for act, status, code in (
        (_T.SUSPEND, 423, "suspended"),
        (_T.TERMINATE, 410, "terminated"),
        (_T.COMPLETE, 410, "terminated"),
    ):
        transfer, token = await client.start(await client.agree(f"one-{status}-{act.name.lower()}"))
        assert (await client.get(token)).status == 200
        await node.transfers.act(await theirs(transfer), Step(act, "by-hand", "we say so"))
        await at_rest(client.provider)
        got = await client.get(token)
        assert (got.status, got.body["code"]) == (status, code), act
        assert set(got.body["reason"]) == {"ko", "en"}
    transfer, token = await client.start(agreement)
    await node.transfers.withdraw(agreement, "no more")
    got = await client.get(token)
    assert (got.status, got.body["code"]) == (410, "withdrawn")
    assert got.body["https://w3id.org/madang/ns#withdrawalToken"].count(".") == 2


async def test_a_count_of_uses_is_exact(client: Client) -> None:
    agreement = await client.agree("one", at_most(2))
    _, token = await client.start(agreement)
    etag = (await client.get(token, method="HEAD")).headers["ETag"]
    for headers, status in (
        ({"If_None_Match": etag}, 304),
        ({"Range": "bytes=999999-"}, 416),
        ({"If_Match": '"x"'}, 412),
    ):
        assert (await client.get(token, **headers)).status == status
    assert await client.uses(agreement) == 0, "nothing was delivered"
    half = len(CONTENT) // 2
    assert (await client.get(token, Range=f"bytes=0-{half - 1}")).status == 206
    assert (await client.get(token, Range=f"bytes={half}-")).status == 206
    assert await client.uses(agreement) == 1, "both halves belong to one use"
    assert (await client.get(token)).status == 200
    assert await client.uses(agreement) == 2
    denied = await client.get(token)
    assert (denied.status, await client.uses(agreement)) == (403, 2)
    assert denied.body["rule"]
    assert set(denied.body["reason"]) == {"ko", "en"}
    assert denied.body["reason"]["ko"] != denied.body["reason"]["en"]
    with pytest.raises(AssertionError, match="count"):
        await client.start(agreement)


async def test_of_racing_pulls_at_the_last_count_exactly_one_goes_through(client: Client) -> None:
    agreement = await client.agree("one", at_most(1))
    tokens = [(await client.start(agreement))[1] for _ in range(4)]
    got = await asyncio.gather(*(client.get(token) for token in tokens))
    assert sorted(r.status for r in got) == [200, 403, 403, 403]
    assert await client.uses(agreement) == 1


async def test_counters_and_tokens_survive_a_restart(client: Client) -> None:
    agreement = await client.agree("one", at_most(2))
    _, token = await client.start(agreement)
    assert (await client.get(token)).status == 200
    await client.provider.restart()
    assert await client.uses(agreement) == 1
    assert (await client.get(token)).status == 200
    assert (await client.get(token)).status == 403


async def test_a_changed_source_is_not_delivered_and_a_touched_one_is(client: Client) -> None:
    agreement = await client.agree("one")
    _, token = await client.start(agreement)
    path = client.provider.home / "files" / "one.csv"
    os.utime(path, ns=(1, 1))
    assert (await client.get(token)).text.encode() == CONTENT
    path.write_bytes(CONTENT.replace(b"21.5", b"99.9", 1))
    got = await client.get(token)
    assert (got.status, got.body["code"]) == (409, "source-changed")
    path.unlink()
    assert (await client.get(token)).status in (404, 409)
    path.write_bytes(CONTENT)
    assert (await client.get(token)).status == 200
    assert await client.uses(agreement) == 2


async def test_a_new_version_leaves_contracts_with_theirs(client: Client) -> None:
    agreement = await client.agree("one")
    dataset = (await client.consumer.node.store.read(lambda tx: tx.agreements.get(agreement))).dataset_id  # type: ignore[union-attr]
    await offer(client.provider, "one", content=b"new;1\n")
    current = await client.provider.node.store.read(lambda tx: tx.assets.current(dataset))
    assert current is not None
    assert current.version == 2
    _, token = await client.start(agreement)
    got = await client.get(token)
    assert (got.status, got.body["code"]) == (409, "source-changed"), (
        "the old bytes are gone; never the new ones"
    )


async def test_a_dataset_made_anew_under_the_same_id_is_not_what_the_contract_names(client: Client) -> None:
    """Deleted and published again, version numbers begin anew: only the digest tells the two apart."""
    agreement = await client.agree("one")
    _, token = await client.start(agreement)
    dataset = f"{client.provider.url}/datasets/one"
    await client.provider.node.store.transact(lambda tx: tx.assets.delete(dataset))
    await offer(client.provider, "one", content=b"something else\n")
    got = await client.get(token)
    assert (got.status, got.body["code"]) == (409, "source-changed")
    await client.provider.node.store.transact(lambda tx: tx.assets.delete(dataset))
    assert (await client.get(token)).status in (404, 409, 410)
    await offer(client.provider, "one", content=CONTENT)
    assert (await client.get(token)).text.encode() == CONTENT


async def test_a_purpose_must_be_declared_and_signed(client: Client) -> None:
    agreement = await client.agree("one", for_purpose("quality-assurance"))
    for purpose in ("", "marketing"):
        begun = await client.consumer.node.transfers.request(agreement, purpose=purpose)
        ended = await until(
            client.consumer.node,
            lambda tx, b=begun: t if (t := tx.transfers.get(b.id)) and t.is_over else None,
        )
        assert ended.state is _U.TERMINATED
        assert "purpose" in ended.reason
    transfer, token = await client.start(agreement, purpose="quality-assurance")
    assert (await client.get(token)).status == 200
    theirs = await client.provider.node.transfers.find(transfer.peer_pid)
    assert theirs.purpose == "quality-assurance"
    assert theirs.declaration.count(".") == 2


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", "did:web:else.example"),
        ("aud", "did:web:else.example"),
        ("agreementId", "urn:x"),
        ("iat", 1000),
        ("iat", None),
        ("purpose", ""),
        ("purpose", None),
    ],
)
async def test_a_declaration_that_says_something_else_is_refused(
    stage: Stage, claim: str, value: Any
) -> None:
    talk = stage.talk(Kind.TRANSFER, Role.CONSUMER)
    claims = {
        "iss": stage.partner.did,
        "aud": stage.factory.did,
        "jti": urn(),
        "iat": int(time.time()),
        "agreementId": stage.sold,
        "purpose": "quality-assurance",
    }
    member = "https://w3id.org/madang/ns#declaration"

    def signed(changed: dict[str, Any]) -> str:
        kept = {k: v for k, v in {**claims, **changed}.items() if v is not None}
        return stage.partner.keys.signer.sign(kept, typ="madang-declaration+jwt")

    reply = await talk.begin(**{member: signed({claim: value})})
    assert (reply.status, reply.body["code"]) == (400, "token-invalid"), reply.text
    assert reply.body["reason"][0].startswith(f"{claim}: ")
    assert (await talk.begin(**{member: signed({})})).status == 201


async def test_a_peer_that_cannot_refresh_gets_a_token_without_an_end(stage: Stage) -> None:
    stage.by_hand.holds = False
    for refresh in ({}, {"https://w3id.org/madang/ns#refresh": "true"}):
        talk = stage.talk(Kind.TRANSFER, Role.CONSUMER)
        assert (await talk.begin(**refresh)).status == 201
        told = await stage.partner.heard("/start", count=2 if refresh else 1)
        found = {p["name"]: p["value"] for p in told.body["dataAddress"]["endpointProperties"]}
        assert found["authType"] == "bearer"
        assert (f"{_TX_AUTH}refreshToken" in found) is bool(refresh)
        if refresh:
            assert 290 <= int(found[f"{_TX_AUTH}expiresIn"]) <= 300
            url = f"{found[f'{_TX_AUTH}refreshEndpoint']}/token"
            form = f"grant_type=refresh_token&refresh_token={found[f'{_TX_AUTH}refreshToken']}"
            kind = {"Content-Type": "application/x-www-form-urlencoded"}
            thief = await stage.stranger.call(
                "POST", url, raw=form.encode(), audience=stage.factory.did, headers=kind
            )
            assert thief.status == 401
            own = await stage.partner.call(
                "POST", url, raw=form.encode(), audience=stage.factory.did, headers=kind
            )
            assert own.status == 200, own.text
            old, new = found["authorization"], own.body["access_token"]
            data = f"{stage.factory.url}/data"
            for token, status in ((old, 200), (new, 200), (old, 401), (new, 200)):
                got = await stage.partner.call("GET", data, authorization=f"Bearer {token}")
                assert got.status == status, "the old token holds until the new one is used"


async def test_a_token_that_is_over_is_refreshed_by_a_pull(tmp_path: Path) -> None:
    more = {"data": {"token_minutes": 0.002}}
    async with factories(tmp_path, more=more) as (consumer, provider), aiohttp.ClientSession() as session:
        client = Client(consumer, provider, session)
        agreement = await client.agree("one")
        _, token = await client.start(agreement)
        await asyncio.sleep(0.15)
        got = await client.get(token)
        assert (got.status, got.body["code"]) == (401, "token-over")
        fetched = await consumer.node.consuming.pull(agreement, folder=tmp_path / "in")
        assert fetched.pulled.path.read_bytes() == CONTENT


async def test_whoever_suspended_for_the_policy_resumes_itself(stage: Stage) -> None:
    talk = stage.talk(Kind.TRANSFER, Role.CONSUMER)
    await talk.reach(_U.STARTED)
    await talk.ours(_T.SUSPEND, code="policy", reason="outside the hours agreed on")
    reply = await talk.say(_T.START)
    assert (reply.status, reply.body["code"], reply.body["@type"]) == (400, "policy-denied", "TransferError")
    assert "outside the hours" in reply.body["reason"][0]
    assert (await talk.see()).body["state"] == "SUSPENDED"
    around = await stage.talk(Kind.TRANSFER, Role.CONSUMER).begin()
    assert (around.status, around.body["code"]) == (400, "suspended"), "a new transfer is no way around it"
    await talk.ours(_T.START)
    assert (await talk.see()).body["state"] == "STARTED"


async def test_a_consumer_that_resumes_gets_a_new_token_and_the_old_one_is_cut(stage: Stage) -> None:
    talk = stage.talk(Kind.TRANSFER, Role.CONSUMER)
    await talk.reach(_U.STARTED)
    first = (await stage.partner.heard("/start")).body["dataAddress"]["endpointProperties"][0]["value"]
    assert (await talk.say(_T.SUSPEND)).status == 200
    data = f"{stage.factory.url}/data"
    assert (await stage.partner.call("GET", data, authorization=first)).status == 423
    assert (await talk.say(_T.START)).status == 200
    second = (await stage.partner.heard("/start", count=2)).body["dataAddress"]["endpointProperties"][0][
        "value"
    ]
    assert second != first
    assert (await stage.partner.call("GET", data, authorization=second)).status == 200
    assert (await talk.see()).body["state"] == "STARTED"


# --- D15 ---------------------------------------------------------------------------------------


async def _reset_after(client: Client, token: str, bytes_a_second: int, change: Any) -> float:
    """Seconds from the commit of `change` until the reader's own socket knows that it was reset."""
    where = urlsplit(client.provider.url)
    loop = asyncio.get_running_loop()
    one = socket.socket()
    one.setblocking(False)
    try:
        await loop.sock_connect(one, (where.hostname, where.port))
        head = f"GET /data HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: {token}\r\n\r\n"
        await loop.sock_sendall(one, head.encode())
        got, ends = 0, asyncio.Event()
        watched = select.poll()
        watched.register(one, select.POLLERR | select.POLLHUP)

        async def read() -> None:
            nonlocal got
            while not ends.is_set():
                try:
                    piece = await loop.sock_recv(one, max(4096, bytes_a_second // 20))
                except ConnectionResetError:
                    return
                assert piece, "a clean end instead of a reset"
                got += len(piece)
                await asyncio.sleep(0.05 if bytes_a_second < 10**6 else 0)

        reader = asyncio.create_task(read())
        while got < 50_000:  # noqa: ASYNC110  # counted by the reader above
            await asyncio.sleep(0.01)
        assert not reader.done()
        await change()
        committed = time.monotonic()
        while not watched.poll(0) and not reader.done():
            assert time.monotonic() - committed < 10
            await asyncio.sleep(0.005)
        passed = time.monotonic() - committed
        ends.set()
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
        return passed
    finally:
        one.close()


@pytest.mark.parametrize("speed", [100_000, 10**9], ids=["100 kB/s", "fast"])
@pytest.mark.parametrize("how", ["suspend", "terminate", "withdraw"])
async def test_a_running_stream_is_reset_within_a_second(client: Client, speed: int, how: str) -> None:
    agreement = await contract(client.consumer, client.provider, "big", content=b"x")
    path = client.provider.home / "files" / "big.csv"
    await _grow(client, path, 1 << 30 if speed > 10**6 else 64 << 20, agreement)
    transfer, token = await client.start(agreement)
    node = client.provider.node

    async def change() -> None:
        if how == "withdraw":
            await node.transfers.withdraw(agreement, "now")
            return
        act = _T.SUSPEND if how == "suspend" else _T.TERMINATE
        await node.transfers.act(transfer.peer_pid, Step(act, "by-hand", "now"))

    assert await _reset_after(client, token, speed, change) <= 1.0


async def _grow(client: Client, path: Path, size: int, agreement: str) -> None:
    """Make the source as large as the stream has to be: a sparse file, described anew."""
    with path.open("wb") as file:
        file.truncate(size)
    node = client.provider.node
    found = await node.publishing._inspect(path)

    def work(tx: Tx) -> None:
        held = tx.agreements.get(agreement)
        assert held is not None
        asset = tx.assets.version(held.dataset_id, held.dataset_version)
        assert asset is not None
        large = {"sha256": found.sha256, "size": found.size}
        tx.assets.replace(dataclasses.replace(asset, source=found.as_json(), **large))
        tx.agreements.save(dataclasses.replace(held, dataset_sha256=found.sha256))

    await node.store.transact(work)


async def test_too_many_pulls_at_once_are_told_to_come_back(tmp_path: Path) -> None:
    more = {"limits": {"parallel_pulls": 1, "bandwidth": 200_000}}
    async with factories(tmp_path, more=more) as (consumer, provider), aiohttp.ClientSession() as session:
        client = Client(consumer, provider, session)
        agreement = await client.agree("big", content=os.urandom(4 << 20))
        _, token = await client.start(agreement)
        async with session.get(f"{provider.url}/data", headers={"Authorization": token}) as running:
            await running.content.read(1000)
            got = await client.get(token)
            assert got.status == 429
            assert int(got.headers["Retry-After"]) >= 1
            running.close()


async def test_only_a_contract_that_holds_gets_a_transfer(stage: Stage) -> None:
    for agreement, status in (("urn:uuid:nothing", 404), (stage.bought, 404)):
        talk = stage.talk(Kind.TRANSFER, Role.CONSUMER)
        talk.agreement_id = agreement
        assert (await talk.begin()).status == status
    stranger = stage.talk(Kind.TRANSFER, Role.CONSUMER)
    stranger.partner = stage.stranger
    assert (await stranger.begin()).status == 404
    other = stage.talk(Kind.TRANSFER, Role.CONSUMER)
    assert (await other.begin(format="HttpData-PUSH")).body["reason"][0].startswith("/format")
    open_ = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await open_.reach(NegotiationState.AGREED)
    early = stage.talk(Kind.TRANSFER, Role.CONSUMER)
    early.agreement_id = (await stage.factory.node.negotiations.find(open_.other)).agreement_id
    assert (await early.begin()).status == 400
    assert (await open_.say(NegotiationAct.VERIFY)).status == 200
    await open_.ours(NegotiationAct.FINALIZE)
    assert (await early.begin()).status == 201


async def test_our_own_transfer_needs_a_contract_that_holds(client: Client) -> None:
    with pytest.raises(ConnectorError):
        await client.consumer.node.transfers.request("urn:uuid:nothing")
    agreement = await client.agree("one")
    with pytest.raises(ConnectorError):
        await client.provider.node.transfers.request(agreement)
