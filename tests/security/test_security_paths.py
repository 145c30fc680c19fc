"""Ids that try to be something else: an unknown id is a 404 whatever it looks like, and never a 500."""

from __future__ import annotations

import pytest
from yarl import URL

from connector.model.process import Kind, NegotiationAct, Role, TransferAct
from tests.integration.partner import CONTEXT
from tests.integration.talk import Stage

TRICKS = [
    "..%2F..%2Fetc%2Fpasswd",
    "%2e%2e%2f%2e%2e%2fmadang.db",
    "....//....//x",
    "%00",
    "x%00y",
    "%0d%0aSet-Cookie:%20a=b",
    "'%20or%201=1%20--",
    "%22;drop%20table%20negotiation;--",
    "%25",
    "%ED%A0%80",
    "%F0%9F%8F%AD",
    "한국",
    "x" * 4000,
    "%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "${jndi:ldap:%2F%2Fx}",
    "{{7*7}}",
    "urn%3Auuid%3A%2A",
    "%25%32%65%25%32%65%2F",
]
WAYS = [
    ("GET", "/negotiations/{}", "ContractNegotiationError"),
    ("POST", "/negotiations/{}/events", "ContractNegotiationError"),
    ("POST", "/negotiations/{}/termination", "ContractNegotiationError"),
    ("GET", "/transfers/{}", "TransferError"),
    ("POST", "/transfers/{}/suspension", "TransferError"),
    ("GET", "/catalog/datasets/{}", "CatalogError"),
    ("POST", "/agreements/{}/withdrawal", ""),
]


@pytest.mark.parametrize("trick", TRICKS, ids=lambda t: t[:20])
async def test_an_id_is_only_an_id(stage: Stage, trick: str) -> None:
    for method, path, error in WAYS:
        url = URL(stage.factory.base + path.format(trick), encoded=True)
        talk = stage.talk(Kind.TRANSFER if "transfers" in path else Kind.NEGOTIATION, Role.CONSUMER)
        acts = {
            "events": NegotiationAct.ACCEPT,
            "termination": NegotiationAct.TERMINATE,
            "suspension": TransferAct.SUSPEND,
        }
        act = acts.get(path.rpartition("/")[2])
        body = talk.write(act)[1] | {"providerPid": "urn:x"} if act else None
        if "withdrawal" in path:
            body = {"https://w3id.org/madang/ns#withdrawalToken": "a.b.c"}
        reply = await stage.partner.call(method, url, body, audience=stage.factory.did)  # type: ignore[arg-type]
        assert reply.status in (400, 404, 405), (method, path, reply.status, reply.text[:200])
        assert "Set-Cookie" not in reply.headers
        assert "passwd" not in reply.text.replace("etc/passwd", "").replace("etc%2Fpasswd", "")
        if error and reply.status == 404 and reply.text.startswith("{") and "@type" in reply.text:
            assert reply.body["@type"] == error, path


@pytest.mark.parametrize("trick", TRICKS, ids=lambda t: t[:20])
async def test_public_pages_serve_only_what_is_public(stage: Stage, trick: str) -> None:
    for path in ("/vocab/{}", "/datasets/{}", "/{}", "/.well-known/{}"):
        url = URL(stage.factory.url + path.format(trick), encoded=True)
        reply = await stage.stranger.call("GET", url, authorization="")  # type: ignore[arg-type]
        assert reply.status in (400, 404, 405), (path, reply.status, reply.text[:200])
        assert "SQLite format" not in reply.text
        assert "test-key" not in reply.text


async def test_the_management_api_is_not_on_the_public_listener(stage: Stage) -> None:
    for path in (
        "/manage/status",
        "/management/v3/assets/request",
        "/metrics",
        "/health/ready",
        "/openapi.json",
        "/console",
    ):
        for key in ("", "test-key"):
            reply = await stage.stranger.call(
                "GET", stage.factory.url + path, authorization="", headers={"x-api-key": key}
            )
            assert reply.status == 404, path


async def test_other_methods_than_those_of_the_binding_are_refused(stage: Stage) -> None:
    for method in ("PUT", "DELETE", "PATCH", "TRACE", "HEAD"):
        reply = await stage.partner.call(
            method, f"{stage.factory.base}/negotiations/urn:x", audience=stage.factory.did
        )
        assert reply.status == 405, method


async def test_a_dataset_whose_id_looks_like_a_path_is_found_by_its_whole_id(stage: Stage) -> None:
    target = stage.offer["target"]
    escaped = target.replace("%", "%25").replace(":", "%3A").replace("/", "%2F")
    for shown, status in (
        (escaped, 200),
        (escaped + "%2F", 404),
        (escaped.upper(), 404),
        ("x%2F" + escaped, 404),
    ):
        url = URL(f"{stage.factory.base}/catalog/datasets/{shown}", encoded=True)
        reply = await stage.partner.call("GET", url, audience=stage.factory.did)  # type: ignore[arg-type]
        assert reply.status == status, shown
        if status == 200:
            assert reply.body["@context"] == CONTEXT
