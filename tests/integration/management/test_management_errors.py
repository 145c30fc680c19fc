"""What is wrong is answered as EDC's error array; garbage never breaks anything."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from connector.web.management import calls, is_loopback
from connector.web.streams import EventStream
from tests.integration.management.conftest import KEY, Factory, seg

TYPES = {
    "ValidationFailure",
    "InvalidRequest",
    "ObjectNotFound",
    "ObjectConflict",
    "AuthenticationFailed",
    "NotAuthorized",
    "BadGateway",
}


def is_error(found: Any, type_: str | None = None, path: str | None = None) -> bool:
    (error,) = found
    assert set(error) >= {"message", "type", "path", "invalidValue", "code"}
    assert error["message"]
    assert error["type"] in TYPES
    return (type_ is None or error["type"] == type_) and (path is None or error["path"] == path)


async def test_without_the_key_there_is_nothing(one: Factory) -> None:
    for path in ("/manage/status", "/management/v3/assets/x", "/nothing", "/manage/events", "/manage/ledger"):
        for key in (None, "", "wrong", KEY + "x", KEY[:-1], "열쇠".encode().decode("latin-1")):
            found = await one.get(path, status=401, key=key)
            assert is_error(found, "AuthenticationFailed", "x-api-key"), (path, key)


async def test_the_header_is_found_in_any_case_and_health_needs_none(one: Factory) -> None:
    for name in ("X-Api-Key", "x-api-key", "X-API-KEY"):
        async with one.session.get(one.private + "/manage/status", headers={name: KEY}) as answer:
            assert answer.status == 200
    for path in ("/health/live", "/health/ready", "/openapi.json", "/metrics"):
        await one.get(path, key=None)


@pytest.mark.parametrize(
    ("remote", "is_here"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
        (None, False),
        ("x", False),
    ],
)
def test_who_is_on_this_machine(remote: str | None, is_here: bool) -> None:
    assert is_loopback(remote) is is_here


async def test_not_ready_says_what_is_missing(one: Factory) -> None:
    one.connector.node.is_ready = False
    found = await one.get("/health/ready", status=503, key=None)
    assert found["missing"] == ["start"]
    one.connector.node.is_ready = True


BAD: list[tuple[str, Any, int, str | None]] = [
    ("/management/v3/assets", b"{", 400, None),
    ("/management/v3/assets", b'{"@id":"a","@id":"b"}', 400, None),
    ("/management/v3/assets", b'{"@id":NaN}', 400, None),
    ("/management/v3/assets", b"\xff\xfe", 400, None),
    ("/management/v3/assets", b"[" * 100, 400, None),
    ("/management/v3/assets", b"[" + b" " * (1 << 20) + b"]", 413, None),
    ("/management/v3/assets", {"@context": "https://unknown.example/c"}, 400, "@context"),
    ("/management/v3/assets", {"@type": "Policy"}, 400, "@type"),
    ("/management/v3/assets", {"@id": "a"}, 400, "https://w3id.org/edc/v0.0.1/ns/dataAddress"),
    (
        "/management/v3/assets",
        {"@id": "a", "dataAddress": {"type": "File", "path": "/no/such/file"}},
        400,
        None,
    ),
    (
        "/management/v3/assets",
        {"@id": "a", "dataAddress": {"type": "File", "path": "../x"}},
        400,
        "https://w3id.org/edc/v0.0.1/ns/dataAddress/path",
    ),
    (
        "/management/v3/assets",
        {"@id": "a", "dataAddress": {"type": "AmazonS3"}},
        400,
        "https://w3id.org/edc/v0.0.1/ns/dataAddress/type",
    ),
    ("/management/v3/policydefinitions", {"@id": "p"}, 400, "https://w3id.org/edc/v0.0.1/ns/policy"),
    (
        "/management/v3/policydefinitions",
        {"policy": {"permission": [{"action": "use", "x": 1}]}},
        400,
        "/permission/0/x",
    ),
    (
        "/management/v3/contractdefinitions",
        {"accessPolicyId": "no", "contractPolicyId": "no"},
        400,
        "https://w3id.org/edc/v0.0.1/ns/accessPolicyId",
    ),
    (
        "/management/v3/contractdefinitions",
        {
            "accessPolicyId": "p",
            "contractPolicyId": "p",
            "assetsSelector": [{"operandLeft": "a", "operator": "<", "operandRight": 1}],
        },
        400,
        "https://w3id.org/edc/v0.0.1/ns/operator",
    ),
    (
        "/management/v3/transferprocesses",
        {"contractId": "x", "transferType": "HttpData-PUSH"},
        400,
        "https://w3id.org/edc/v0.0.1/ns/transferType",
    ),
    ("/management/v3/transferprocesses", {"contractId": "x"}, 404, None),
    ("/management/v3/catalog/request", {}, 400, "https://w3id.org/edc/v0.0.1/ns/counterPartyAddress"),
    (
        "/management/v3/catalog/request",
        {"counterPartyAddress": "x", "protocol": "ids"},
        400,
        "https://w3id.org/edc/v0.0.1/ns/protocol",
    ),
    (
        "/management/v3/contractnegotiations",
        {"counterPartyAddress": "http://localhost:1", "policy": {"@id": "o"}},
        400,
        "policy/target",
    ),
    ("/manage/publish", {"path": "relative"}, 400, "path"),
    ("/manage/publish", {}, 400, "path"),
    ("/manage/publish", {"path": "/no/such"}, 400, None),
    ("/manage/publish", {"path": "/x", "policy": {}}, 400, "policy"),
    ("/manage/publish", {"path": "/x", "approval": "maybe"}, 400, "approval"),
    ("/manage/publish", {"path": "/x", "templates": ["no-such"]}, 400, None),
    ("/manage/publish", {"path": "/x", "templates": [5]}, 400, "templates"),
    ("/manage/publish", {"path": "/x", "params": {"a": 1.5}}, 400, "params/a"),
    ("/manage/unpublish", {"id": "none"}, 404, None),
    ("/manage/catalog", {"target": "nonsense"}, 400, None),
    ("/manage/catalog", {"target": "http://localhost:1", "limit": -1}, 400, "limit"),
    ("/manage/offer", {"target": "did:web:x.example", "dataset": 5}, 400, "dataset"),
    ("/manage/pull", {"agreement": "none"}, 404, None),
    ("/manage/pull", {"agreement": "none", "folder": "here"}, 400, "folder"),
    ("/manage/pull", [], 400, None),
    ("/manage/inbox/x/approve", {}, 404, None),
    ("/manage/inbox/x/counter", {}, 400, "policy"),
    ("/manage/transfers/x/suspend", None, 404, None),
    ("/manage/contracts/x/withdraw", None, 404, None),
    ("/manage/backup", {"path": "x"}, 400, "path"),
]


async def test_bad_input(one: Factory) -> None:
    for path, body, status, where in BAD:
        assert is_error(await one.post(path, body, status=status), path=where), (path, body)


async def test_a_partner_that_cannot_be_reached_is_a_bad_gateway(one: Factory) -> None:
    """The address is listed, and nobody listens there."""
    node = one.connector.node
    body = {"target": one.public.replace(str(node.settings.server.public_port), "1")}
    found = await one.post("/manage/catalog", body, status=502)
    assert is_error(found, "BadGateway")
    found = await one.v3("catalog/request", {"counterPartyAddress": "http://10.0.0.1:1/dsp"}, status=502)
    assert is_error(found, "BadGateway")


async def test_a_page_of_somebody_else_gets_no_token(pair: tuple[Factory, Factory]) -> None:
    provider, consumer = pair
    body = {"target": provider.did, "page": "http://localhost:1/steal"}
    assert is_error(await consumer.post("/manage/catalog", body, status=400), path="page")


async def test_methods_that_are_not_there(one: Factory) -> None:
    assert is_error(await one.call("DELETE", "/manage/status", status=405))
    assert is_error(await one.get("/manage/nothing", status=404), "ObjectNotFound")


GARBAGE: list[Any] = [
    None,
    b"",
    b"\x00",
    b"null",
    b"[]",
    b"1e999",
    b'"x"',
    {},
    {"@context": {"@vocab": "https://w3id.org/edc/v0.0.1/ns/"}},
    {"@context": [[{}]]},
    {"@id": {}, "@type": [], "policy": [], "dataAddress": "x", "properties": 1, "assetsSelector": {"x": []}},
    {"@id": "\u0000", "id": "../../etc/passwd", "path": "/\u0000", "target": "http://[", "agreement": []},
    {"target": "http://localhost:1/dsp/x", "participant": "did:web:x.example", "page": "http://["},
    {
        "target": "did:web:..%2F",
        "dataset": "a" * 3000,
        "counterPartyAddress": "http://\u202e:99999/",
        "@id": "a",
    },
    {
        "policy": {"permission": {"action": {"@id": []}}, "@id": "o", "target": {"@id": 5}},
        "counterPartyAddress": "did:x",
    },
    {
        "policy": {
            "permission": [
                {"action": "use", "constraint": {"leftOperand": 1, "operator": [], "rightOperand": {}}}
            ]
        }
    },
    {
        "path": "/",
        "params": [],
        "templates": {},
        "visibleTo": [[]],
        "description": {"columns": 5},
        "approval": [],
    },
    {"path": "/etc/hostname", "description": {"columns": [{"name": 5}]}, "id": "x"},
    {"path": "/etc/hostname", "description": {"title": [], "keywords": 5}, "id": "x"},
    {
        "@id": "a",
        "dataAddress": {"type": "File", "path": "/etc/hostname"},
        "properties": {"name": [], "https://w3id.org/madang/ns#description": {"columns": {}}},
    },
    {"@id": "a", "dataAddress": {"type": "HttpData", "baseUrl": 5}, "properties": {"x": None}},
    {"@id": "a\ud800", "dataAddress": {"type": "HttpData", "baseUrl": "http://x\ud800"}},
    {
        "@id": "b",
        "dataAddress": {"type": "HttpData", "baseUrl": "http://x\ud800", "\ud800": 1},
        "properties": {"\ud800": "\ud800"},
    },
    {
        "sortField": "'",
        "filterExpression": {"operandLeft": "''.''", "operator": "like", "operandRight": None},
    },
    {"filterExpression": [{"operandLeft": "@id", "operator": "<", "operandRight": 10**400}]},
    {"limit": 10**30, "offset": 1.5, "querySpec": [], "reason": {"x": 1}, "anyway": "yes", "page": 5},
    {"contractId": "x", "counterPartyAddress": "http://\ud800", "purpose": "\ud800", "transferType": None},
]


async def test_garbage_never_breaks_it(one: Factory, tmp_path: Path) -> None:
    """Every call with every body, and a few ids: an answer below 500, 502 of a partner excepted."""
    node = one.connector.node
    table = [c for c in calls(node, EventStream(node.events)) if c.path not in ("/manage/events", "/metrics")]
    assert len(table) > 60
    ids = ["x", seg("urn:uuid:1"), "%00", "%2e%2e", "%F0%9F", "a" * 2000]
    dice = random.Random(7)
    bad = []
    for call in table:
        for garbage in GARBAGE:
            path = call.path.replace("{id:.+}", "{id}").replace("{id}", dice.choice(ids))
            if call.query:
                path += f"?{call.query[0]}=%00-1"
            status, found = await one.call(call.method, path, garbage, status=None)
            if status >= 500 and status != 502:
                bad.append((call.method, path, garbage, status, found))
            elif status >= 400:
                assert is_error(found), (path, garbage, found)
    assert bad == []
    async with one.session.get(f"{one.public}/catalog") as answer:
        assert answer.status == 200
    assert (await one.get("/health/ready"))["status"] == "ready"
