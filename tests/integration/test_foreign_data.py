"""Readers of the data endpoint that are not ours."""

from __future__ import annotations

import asyncio
import io
import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from connector.dataplane.naming import announced_suffix
from connector.protocol.messages import endpoint_properties
from tests.integration.test_exchange_data import CONTENT, Client
from tests.integration.two_factories import at_most, contract, factories, for_purpose

_TX_AUTH = "https://w3id.org/tractusx/auth/"


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    async with factories(tmp_path) as (consumer, provider), aiohttp.ClientSession() as session:
        yield Client(consumer, provider, session)


async def test_the_scheme_is_read_in_any_case(client: Client) -> None:
    _, token = await client.start(await client.agree("shots"))
    for header in (token, f"Bearer {token}", f"bearer {token}", f"BEARER  {token}"):
        assert (await client.get(header, method="HEAD")).status == 200, header[:7]
    for header in (f"Basic {token}", f"Token {token}", "Bearer", f"Bearer {token}x", f"{token} {token}"):
        assert (await client.get(header, method="HEAD")).status == 401, header[:7]


async def test_pieces_in_any_order_and_at_once_are_one_use(client: Client) -> None:
    agreement = await client.agree("shots", at_most(1))
    _, token = await client.start(agreement)
    spans = [(i, min(i + 499, len(CONTENT) - 1)) for i in range(0, len(CONTENT), 500)]
    random.Random(7).shuffle(spans)
    at_once = [client.get(token, Range=f"bytes={a}-{b}") for a, b in spans[:4]]
    replies = await asyncio.gather(*at_once)
    replies += [await client.get(token, Range=f"bytes={a}-{b}") for a, b in spans[4:]]
    assert {r.status for r in replies} == {206}
    pieces = {a: r.text for (a, _), r in zip(spans, replies, strict=True)}
    assert "".join(pieces[a] for a in sorted(pieces)).encode("latin-1") == CONTENT
    assert await client.uses(agreement) == 1
    assert (await client.get(token)).status == 403


async def test_an_empty_file_is_no_use_and_yet_not_for_everybody(client: Client) -> None:
    free = await client.agree("empty", at_most(1), content=b"")
    _, token = await client.start(free)
    assert [(await client.get(token)).status for _ in range(3)] == [200, 200, 200]
    assert await client.uses(free) == 0
    bound = await client.agree("bound", for_purpose("https://w3id.org/madang/ns#quality"), content=b"")
    transfer, token = await client.start(bound, purpose="https://w3id.org/madang/ns#quality")
    assert (await client.get(token)).status == 200

    def forget_purpose(tx: Any) -> None:
        tx.transfers.save(replace(tx.transfers.get(transfer.peer_pid), purpose=""))

    await client.provider.node.store.transact(forget_purpose)
    assert (await client.get(token)).status == 403


async def _refresh(client: Client, data: Any, **headers: str) -> tuple[int, Any]:
    node = client.consumer.node
    header = await node.parties.authorize(client.provider.did, client.provider.url, client.consumer.did)
    url = f"{client.provider.url}/data/token"
    sent = {"Authorization": header, **headers}
    async with client.session.post(url, data=data, headers=sent) as answer:
        return answer.status, await answer.json()


async def test_a_refresh_is_a_small_form_and_nothing_else(client: Client) -> None:
    transfer, _ = await client.start(await client.agree("shots"))
    token = endpoint_properties(transfer.data_address)[_TX_AUTH + "refreshToken"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await _refresh(client, b"--x\r\n", **broken))[0] == 400
    assert (await _refresh(client, b"--y", **{"Content-Type": "multipart/form-data"}))[0] == 400
    assert (await _refresh(client, "&".join("a=1" for _ in range(50))))[0] == 400
    assert (await _refresh(client, io.BytesIO(b"x" * 100_000)))[0] == 413
    assert (await _refresh(client, {**form, "grant_type": "password"}))[0] == 400
    assert (await _refresh(client, {**form, "refresh_token": "guess"}))[0] == 401
    status, found = await _refresh(client, form)
    assert (status, found["token_type"]) == (200, "bearer")


async def test_pulls_that_find_their_token_over_ask_for_one_new_token(client: Client) -> None:
    transfer, _ = await client.start(await client.agree("shots"))
    address = endpoint_properties(transfer.data_address)
    consuming = client.consumer.node.consuming
    found = await asyncio.gather(*(consuming.refreshed(transfer, address) for _ in range(5)))
    assert len(set(found)) == 1
    assert (await client.get(found[0])).status == 200


async def test_the_refresh_endpoint_is_no_way_around_the_limits_for_strangers(tmp_path: Path) -> None:
    more = {"limits": {"strangers_per_minute": 5}}
    async with factories(tmp_path, more=more) as (consumer, provider), aiohttp.ClientSession() as session:
        await contract(consumer, provider, "shots")
        statuses = []
        for _ in range(8):
            async with session.post(f"{provider.url}/data/token", data={"grant_type": "x"}) as answer:
                statuses.append(answer.status)
    assert statuses == [401] * 5 + [429] * 3


async def test_a_pulled_file_has_the_ending_of_its_source(client: Client, tmp_path: Path) -> None:
    agreement = await client.agree("shots")
    for _ in range(2):
        fetched = await client.consumer.node.consuming.pull(agreement, folder=tmp_path / "here")
        assert fetched.pulled.path.name == "shots.csv"
        assert fetched.pulled.path.read_bytes() == CONTENT
    names = sorted(p.name for p in fetched.pulled.path.parent.iterdir())
    assert names == [".contract.json", "shots.csv"]
    assert json.loads(fetched.contract_file.read_text())["file"] == "shots.csv"
    _, token = await client.start(agreement)
    head = await client.get(token, method="HEAD")
    assert head.headers["Content-Disposition"] == 'attachment; filename="shots.csv"'


@pytest.mark.parametrize(
    ("said", "suffix"),
    [
        ('attachment; filename="a.csv"', ".csv"),
        ("attachment; filename=a.TAR", ".TAR"),
        ("attachment; filename*=UTF-8''%EC%83%B7.parquet", ".parquet"),
        ('attachment; filename="a.part"', ""),
        ('attachment; filename="../../a.b/c"', ""),
        ('attachment; filename=".bashrc"', ""),
        ('attachment; filename="a.c s v"', ""),
        ("inline", ""),
        ("", ""),
    ],
)
def test_an_ending_is_plain_or_none(said: str, suffix: str) -> None:
    assert announced_suffix({"Content-Disposition": said}) == suffix
