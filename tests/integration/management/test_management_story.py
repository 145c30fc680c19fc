"""The whole story over HTTP: publish, catalog, request, pull, refuse, withdraw, prove."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.integration.management.conftest import DESCRIPTION, Factory, content, seg

Pair = tuple[Factory, Factory]


async def published(provider: Factory, shots: Path, **more: Any) -> Any:
    body = {"path": str(shots), "id": "shots", "description": DESCRIPTION, "templates": ["open-use"], **more}
    return await provider.post("/manage/publish", body)


async def contracted(provider: Factory, consumer: Factory, shots: Path, **more: Any) -> Any:
    """A final contract; the negotiation as the consumer sees it."""
    await published(provider, shots, **more)
    asked = await consumer.post("/manage/request", {"target": provider.did, "dataset": "shots"})
    return await consumer.until(f"/manage/negotiations/{seg(asked['id'])}", "FINALIZED")


async def test_the_whole_story(pair: Pair, shots: Path, tmp_path: Path) -> None:
    provider, consumer = pair
    sha256 = hashlib.sha256(content(shots)).hexdigest()
    done = await published(
        provider,
        shots,
        templates=["purpose", "count-limit"],
        params={"purposes": "quality-assurance", "count": 2},
    )
    assert (done["outcome"], done["sha256"], done["version"]) == ("created", sha256, 1)
    again = await published(
        provider,
        shots,
        templates=["purpose", "count-limit"],
        params={"purposes": "quality-assurance", "count": 2},
    )
    assert again["outcome"] == "unchanged"

    found = await consumer.post("/manage/catalog", {"target": provider.public})
    assert [d["@id"] for d in found["catalog"]["dataset"]] == [done["id"]]
    assert found["next"] is None

    asked = await consumer.post("/manage/request", {"target": provider.did, "dataset": "shots"})
    assert set(asked["terms"]) == {"ko", "en"}
    final = await consumer.until(f"/manage/negotiations/{seg(asked['id'])}", "FINALIZED")
    contract = await consumer.get(f"/manage/contracts/{seg(final['agreement'])}")
    assert contract["signed"] is True
    assert contract["state"] == "holds"

    target = tmp_path / "data"
    body = {"agreement": contract["id"], "purpose": "quality-assurance", "folder": str(target)}
    lines = await consumer.lines("/manage/pull", body)
    result = lines[-1]["result"]
    assert content(result["path"]) == content(shots)
    assert result["sha256"] == sha256
    assert json.loads(content(result["contractFile"]))["agreementId"] == contract["id"]

    wrong = {**body, "purpose": "marketing", "folder": str(tmp_path / "no")}
    status, refused = await consumer.call("POST", "/manage/pull", wrong, status=None)
    assert status >= 400, refused
    assert "purpose" in json.dumps(refused)

    withdrawn = await provider.post(
        f"/manage/contracts/{seg(contract['id'])}/withdraw", {"reason": "no longer"}
    )
    assert withdrawn["state"] == "withdrawn"
    status, refused = await consumer.call("POST", "/manage/pull", body, status=None)
    assert status >= 400, refused
    assert "withdr" in json.dumps(refused)

    proof = await consumer.get(f"/manage/contracts/{seg(contract['id'])}/export")
    assert set(proof["didDocuments"]) == {provider.did, consumer.did}
    assert {"agreement", "verification"} <= set(proof["tokens"])


@pytest.mark.parametrize("side", [0, 1])
async def test_status_and_ledger_tell_of_it(pair: Pair, shots: Path, side: int) -> None:
    final = await contracted(*pair, shots)
    await pair[1].lines("/manage/pull", {"agreement": final["agreement"]})
    status = await pair[side].get("/manage/status")
    assert [c["id"] for c in status[("given", "taken")[side]]] == [final["agreement"]]
    ledger = (await pair[side].get("/manage/ledger")).splitlines()
    kinds = {json.loads(json.loads(line)["body"])["kind"] for line in ledger if b'"body"' in line}
    assert {"contract", "state"} <= kinds
    assert ("grant" in kinds) is (side == 0)
