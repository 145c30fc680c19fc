"""EDC's management API v3, against two running connectors."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.integration.management.conftest import NS, ODRL, C, Factory, content, seg

Pair = tuple[Factory, Factory]
USE = {
    "@context": ODRL,
    "@type": "Set",
    "permission": [{"action": "use"}],
    "prohibition": [],
    "obligation": [],
}
BY_ID = {"@type": "Criterion", "operandLeft": NS + "id", "operator": "="}


async def offered(provider: Factory, path: Path, name: str = "small", **more: Any) -> None:
    """An asset under a policy, as EDC's clients make it."""
    address = {"type": "File", "path": str(path)}
    await provider.v3("assets", {"@id": name, "properties": {"name": name}, "dataAddress": address})
    await provider.v3("policydefinitions", {"@id": f"{name}-p", "policy": USE})
    await provider.v3("contractdefinitions", definition(name, **more))


def definition(name: str, **more: Any) -> dict[str, Any]:
    return {
        "@id": f"{name}-d",
        "accessPolicyId": f"{name}-p",
        "contractPolicyId": f"{name}-p",
        "assetsSelector": [{**BY_ID, "operandRight": name}],
        **more,
    }


def to(provider: Factory) -> dict[str, str]:
    return {
        "counterPartyAddress": provider.dsp,
        "counterPartyId": provider.did,
        "protocol": "dataspace-protocol-http:2025-1",
    }


async def negotiated(
    provider: Factory, consumer: Factory, *, rules: bool = True, wait: str = "FINALIZED"
) -> Any:
    catalog = await consumer.v3("catalog/request", {"@type": "CatalogRequest", **to(provider)})
    offer = catalog["dataset"][0]["hasPolicy"][0]
    policy = {
        "@context": ODRL,
        "@type": "Offer",
        "@id": offer["@id"],
        "assigner": provider.did,
        "target": "small",
    }
    if rules:
        policy |= {k: offer[k] for k in ("permission", "prohibition", "obligation") if k in offer}
    made = await consumer.v3(
        "contractnegotiations", {"@type": "ContractRequest", **to(provider), "policy": policy}
    )
    return await consumer.until(f"/management/v3/contractnegotiations/{seg(made['@id'])}", wait)


async def transferred(provider: Factory, consumer: Factory, agreement: str) -> Any:
    body = {
        "@type": "TransferRequestDto",
        **to(provider),
        "connectorId": provider.did,
        "assetId": "small",
        "contractId": agreement,
        "transferType": "HttpData-PULL",
        "dataDestination": {"type": "HttpProxy"},
    }
    made = await consumer.v3("transferprocesses", body)
    return await consumer.until(f"/management/v3/transferprocesses/{seg(made['@id'])}", "STARTED")


async def fetched(session: aiohttp.ClientSession, edr: Any, prefix: str = "") -> tuple[int, bytes]:
    headers = {"Authorization": prefix + edr["authorization"]}
    async with session.get(edr["endpoint"], headers=headers) as answer:
        return answer.status, await answer.read()


@pytest.mark.parametrize("rules", [True, False], ids=["with rules", "by offer id alone"])
async def test_from_asset_to_bytes(pair: Pair, shots: Path, rules: bool) -> None:
    provider, consumer = pair
    await offered(provider, shots)
    negotiation = await negotiated(provider, consumer, rules=rules)
    assert negotiation["type"] == "CONSUMER"
    agreement = await consumer.get(f"/management/v3/contractnegotiations/{seg(negotiation['@id'])}/agreement")
    assert agreement["@id"] == negotiation["contractAgreementId"]
    assert agreement["policy"]["odrl:permission"] == {"odrl:action": {"@id": "odrl:use"}}
    assert (agreement["providerId"], agreement["consumerId"]) == (provider.did, consumer.did)
    assert abs(agreement["contractSigningDate"] - time.time()) < 60

    transfer = await transferred(provider, consumer, agreement["@id"])
    path = f"/management/v3/edrs/{seg(transfer['@id'])}"
    edr = await consumer.get(f"{path}/dataaddress")
    assert edr["type"] == edr["endpointType"] == "https://w3id.org/idsa/v4.1/HTTP"
    for prefix in ("", "Bearer "):
        assert await fetched(consumer.session, edr, prefix) == (200, content(shots))

    listed = await consumer.v3(
        "edrs/request",
        {
            "@type": "QuerySpec",
            "filterExpression": [
                {"operandLeft": "contractNegotiationId", "operator": "=", "operandRight": negotiation["@id"]}
            ],
        },
    )
    assert [e["transferProcessId"] for e in listed] == [transfer["@id"]]
    await consumer.call("DELETE", path, status=204)
    await consumer.get(f"{path}/dataaddress", status=404)
    await consumer.call("DELETE", path, status=404)


async def test_suspend_resume_terminate_with_the_reason_on_both_sides(pair: Pair, shots: Path) -> None:
    provider, consumer = pair
    await offered(provider, shots)
    negotiation = await negotiated(provider, consumer)
    transfer = await transferred(provider, consumer, negotiation["contractAgreementId"])
    here, there = (f"/management/v3/transferprocesses/{seg(transfer[k])}" for k in ("@id", "correlationId"))
    old = await consumer.get(f"/management/v3/edrs/{seg(transfer['@id'])}/dataaddress")

    await consumer.post(
        f"{here}/suspend", {"@context": C, "@type": "SuspendTransfer", "reason": "line is slow"}, status=204
    )
    suspended = await provider.until(there, "SUSPENDED")
    assert "line is slow" in suspended["errorDetail"]
    assert (await fetched(consumer.session, old))[0] == 423
    await consumer.get(f"/management/v3/edrs/{seg(transfer['@id'])}/dataaddress", status=404)

    await consumer.post(f"{here}/resume", status=204)
    await consumer.until(here, "STARTED")
    new = await consumer.when(
        f"/management/v3/edrs/{seg(transfer['@id'])}/dataaddress", lambda status, _: status == 200
    )
    assert new["authorization"] != old["authorization"]
    assert (await fetched(consumer.session, new))[0] == 200

    await provider.post(
        f"{there}/terminate",
        {"@context": C, "@type": "TerminateTransfer", "reason": "wrong file"},
        status=204,
    )
    with pytest.raises(AssertionError):
        await consumer.until(here, "COMPLETED")
    assert "wrong file" in (await consumer.get(here))["errorDetail"]
    assert (await consumer.get(f"{here}/state"))["state"] == "TERMINATED"
    await provider.post(f"{there}/resume", status=409)


async def test_manual_approval_and_termination_with_a_reason(pair: Pair, shots: Path) -> None:
    provider, consumer = pair
    await offered(provider, shots, approval="manual")
    asked = await negotiated(provider, consumer, wait="REQUESTED")
    waiting = await provider.get("/manage/inbox")
    assert [n["id"] for n in waiting] == [asked["correlationId"]]
    theirs = f"/management/v3/contractnegotiations/{seg(asked['correlationId'])}"
    assert (await provider.get(theirs))["https://w3id.org/madang/ns#approval"] == "waiting"
    await provider.call("DELETE", theirs, status=409)
    await provider.call("DELETE", "/management/v3/assets/small", status=409)

    await provider.post(
        f"{theirs}/terminate", {"@type": "TerminateNegotiation", "reason": "not this month"}, status=204
    )
    mine = f"/management/v3/contractnegotiations/{seg(asked['@id'])}"
    with pytest.raises(AssertionError):
        await consumer.until(mine, "FINALIZED")
    assert "not this month" in (await consumer.get(mine))["errorDetail"]
    await consumer.get(f"{mine}/agreement", status=404)
    await consumer.call("DELETE", mine, status=204)
    await consumer.get(mine, status=404)

    again = await negotiated(provider, consumer, wait="REQUESTED")
    (n,) = await provider.get("/manage/inbox")
    await provider.post(f"/manage/inbox/{seg(n['id'])}/approve")
    await consumer.until(f"/management/v3/contractnegotiations/{seg(again['@id'])}", "FINALIZED")
    await provider.post(f"/manage/inbox/{seg(n['id'])}/approve", status=409)
    await provider.call("DELETE", "/management/v3/assets/small", status=409)


async def test_an_asset_lives_and_changes(one: Factory, shots: Path, tmp_path: Path) -> None:
    await offered(one, shots)
    body = {
        "@id": "small",
        "properties": {"name": "small"},
        "dataAddress": {"type": "File", "path": str(shots)},
    }
    await one.v3("assets", body, status=409)
    found = await one.get("/management/v3/assets/small")
    assert found["properties"] == {"name": "small", "id": "small"}
    assert found["dataAddress"] == {"@type": "DataAddress", "type": "File", "path": str(shots)}

    whole = {"@context": C, **body}
    await one.call("PUT", "/management/v3/assets", whole, status=204)
    versions = one.connector.node.store.read
    assert await versions(lambda tx: tx.assets.newest_version("small")) == 1
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    whole["dataAddress"] = {"type": "File", "path": str(other)}
    await one.call("PUT", "/management/v3/assets", whole, status=204)
    assert await versions(lambda tx: tx.assets.newest_version("small")) == 2
    await one.call("PUT", "/management/v3/assets", {**whole, "@id": "none"}, status=404)

    await one.call("DELETE", "/management/v3/policydefinitions/small-p", status=409)
    await one.call("DELETE", "/management/v3/contractdefinitions/small-d", status=204)
    await one.call("DELETE", "/management/v3/contractdefinitions/small-d", status=404)
    await one.call("DELETE", "/management/v3/policydefinitions/small-p", status=204)
    await one.call("DELETE", "/management/v3/assets/small", status=204)
    await one.get("/management/v3/assets/small", status=404)


async def test_an_id_that_is_an_address(one: Factory, shots: Path) -> None:
    name = f"{one.public}/datasets/a/ü%2F"
    address = {"type": "File", "path": str(shots)}
    spaced = {"@id": f"{one.public}/datasets/a b", "properties": {}, "dataAddress": address}
    assert (await one.v3("assets", spaced, status=400))[0]["path"] == "@id"
    await one.v3("assets", {"@id": name, "properties": {}, "dataAddress": address})
    assert (await one.get(f"/management/v3/assets/{seg(name)}"))["@id"] == name
    plain = f"{one.public}/datasets/plain"
    await one.v3("assets", {"@id": plain, "properties": {}, "dataAddress": address})
    assert (await one.get(f"/management/v3/assets/{plain}"))["@id"] == plain
    await one.call("DELETE", f"/management/v3/assets/{seg(name)}", status=204)


async def test_the_catalog_follows_every_change(pair: Pair, shots: Path) -> None:
    provider, consumer = pair
    await offered(provider, shots)

    async def seen() -> Any:
        found = await consumer.v3("catalog/request", {**to(provider)})
        return {d["@id"]: [o["@id"] for o in d["hasPolicy"]] for d in found.get("dataset", [])}

    before = await seen()
    counted = {"leftOperand": "count", "operator": "lteq", "rightOperand": "3"}
    policy = {"@context": ODRL, "permission": [{"action": "use", "constraint": [counted]}]}
    await provider.call(
        "PUT", "/management/v3/policydefinitions/small-p", {"@context": C, "policy": policy}, status=204
    )
    after = await seen()
    assert before.keys() == after.keys() == {"small"}
    assert before != after
    hidden = {
        "@context": ODRL,
        "permission": [
            {
                "action": "use",
                "constraint": [
                    {"leftOperand": "recipient", "operator": "eq", "rightOperand": "did:web:other.example"}
                ],
            }
        ],
    }
    await provider.v3("policydefinitions", {"@id": "hidden", "policy": hidden})
    changed = {"@context": C, **definition("small", accessPolicyId="hidden")}
    await provider.call("PUT", "/management/v3/contractdefinitions", changed, status=204)
    assert await seen() == {}
    query = {"filterExpression": [{**BY_ID, "operandRight": "small"}]}
    await provider.call(
        "PUT", "/management/v3/contractdefinitions", {"@context": C, **definition("small")}, status=204
    )
    found = await consumer.v3("catalog/request", {**to(provider), "querySpec": query})
    assert [d["@id"] for d in found["dataset"]] == ["small"]
    one = await consumer.v3(
        "catalog/dataset/request", {"@type": "DatasetRequest", "@id": "small", **to(provider)}
    )
    assert one["@id"] == "small"


async def test_an_http_source_is_described_and_not_served(pair: Pair) -> None:
    provider, consumer = pair
    address = {"type": "HttpData", "baseUrl": "https://data.factory-a.example/x", "proxyPath": "true"}
    await provider.v3(
        "assets",
        {"@id": "small", "properties": {"name": "x", "contenttype": "text/csv"}, "dataAddress": address},
    )
    assert (await provider.get("/management/v3/assets/small"))["dataAddress"] == {
        "@type": "DataAddress",
        **address,
    }
    await provider.v3("policydefinitions", {"@id": "small-p", "policy": USE})
    await provider.v3("contractdefinitions", definition("small"))
    negotiation = await negotiated(provider, consumer)
    with pytest.raises(AssertionError):
        await transferred(provider, consumer, negotiation["contractAgreementId"])
    (transfer,) = await consumer.v3("transferprocesses/request")
    assert transfer["state"] == "TERMINATED"
    assert "not served by this connector" in transfer["errorDetail"]
    async with consumer.session.get(f"{provider.public}/catalog") as answer:
        assert answer.status == 200
        assert "data.factory-a.example" not in await answer.text()


async def test_lists_filter_sort_and_page(one: Factory, shots: Path) -> None:
    for name in ("b", "a", "c"):
        address = {"type": "HttpData", "baseUrl": "https://data.factory-a.example/x"}
        await one.v3("assets", {"@id": name, "properties": {"name": name.upper()}, "dataAddress": address})

    async def ids(**query: Any) -> list[str]:
        return [a["@id"] for a in await one.v3("assets/request", {"@type": "QuerySpec", **query})]

    assert [a["@id"] for a in await one.v3("assets/request")] == ["b", "a", "c"]
    assert await ids(sortField="name", sortOrder="DESC") == ["c", "b", "a"]
    assert await ids(sortField="@id", limit=1, offset=1) == ["b"]
    assert await ids(
        filterExpression=[{"operandLeft": NS + "name", "operator": "in", "operandRight": ["A", "C"]}]
    ) == ["a", "c"]
    assert await ids(filterExpression=[{**BY_ID, "operandRight": "a"}]) == ["a"]


async def test_processes_are_found_by_any_name_of_the_contract(pair: Pair, shots: Path) -> None:
    provider, consumer = pair
    await offered(provider, shots)
    negotiation = await negotiated(provider, consumer)
    agreement = negotiation["contractAgreementId"]
    transfer = await transferred(provider, consumer, agreement)
    for side, id_ in ((consumer, transfer["@id"]), (provider, transfer["correlationId"])):
        for name in ("contractId", "agreementId", "contractAgreementId"):
            query = {"filterExpression": [{"operandLeft": name, "operator": "=", "operandRight": agreement}]}
            assert [t["@id"] for t in await side.v3("transferprocesses/request", query)] == [id_]
        (a,) = await side.v3("contractagreements/request", {"limit": 5000})
        assert a["@id"] == agreement
        found = await side.get(f"/management/v3/contractagreements/{seg(agreement)}/negotiation")
        assert found["contractAgreementId"] == agreement
    none = {"filterExpression": [{"operandLeft": "state", "operator": "=", "operandRight": "TERMINATED"}]}
    assert await consumer.v3("contractnegotiations/request", none) == []


async def test_a_policy_that_is_not_understood_is_kept_and_shown(one: Factory) -> None:
    strange = {"leftOperand": "region", "operator": "eq", "rightOperand": "eu"}
    policy = {"@context": ODRL, "@type": "Set", "permission": [{"action": "use", "constraint": [strange]}]}
    await one.v3("policydefinitions", {"@id": "p", "policy": policy})
    result = await one.post("/management/v3/policydefinitions/p/validate")
    assert result["isValid"] is False
    assert "region" in result["errors"][0]
    shown = (await one.get("/management/v3/policydefinitions/p"))["policy"]
    await one.v3("policydefinitions", {"@id": "q", "policy": shown})
    again = (await one.get("/management/v3/policydefinitions/q"))["policy"]
    assert {**again, "@id": ""} == {**shown, "@id": ""}


async def test_auto_refresh_renews_a_token_that_is_over(pair: Pair, shots: Path) -> None:
    provider, consumer = pair
    await offered(provider, shots)
    negotiation = await negotiated(provider, consumer)
    transfer = await transferred(provider, consumer, negotiation["contractAgreementId"])
    path = f"/management/v3/edrs/{seg(transfer['@id'])}/dataaddress"
    first = await consumer.get(path)
    assert (await consumer.get(f"{path}?auto_refresh=true"))["authorization"] == first["authorization"]

    def age(tx: Any) -> None:
        from dataclasses import replace
        from datetime import timedelta

        t = tx.transfers.get(transfer["@id"])
        tx.transfers.save(replace(t, updated_at=t.updated_at - timedelta(hours=1)))

    await consumer.connector.node.store.transact(age)
    assert (await consumer.get(path))["authorization"] == first["authorization"]
    second = await consumer.get(f"{path}?auto_refresh=true")
    assert second["authorization"] != first["authorization"]
    assert await fetched(consumer.session, second) == (200, content(shots))
    assert (await consumer.get(f"{path}?auto_refresh=true"))["authorization"] == second["authorization"]
