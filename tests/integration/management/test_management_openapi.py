"""The API's description is valid, complete, and what the connector really answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
from openapi_spec_validator import validate

from connector.web.management import calls
from connector.web.openapi_schemas import SCHEMAS
from connector.web.streams import EventStream
from tests.integration.management.conftest import DESCRIPTION, ODRL, Factory, seg

PAGE = Path(__file__).resolve().parents[3] / "docs" / "management.md"


def conforms(answer: Any, schema: dict[str, Any]) -> None:
    whole = {**schema, "components": {"schemas": SCHEMAS}}
    jsonschema.validate(answer, whole, cls=jsonschema.Draft202012Validator)


async def test_it_is_openapi_31(one: Factory) -> None:
    document = await one.get("/openapi.json", key=None)
    validate(document)
    assert document["openapi"].startswith("3.1")


async def test_every_route_is_in_it_and_the_other_way_round(one: Factory) -> None:
    document = await one.get("/openapi.json", key=None)
    said = {(m.upper(), path) for path, item in document["paths"].items() for m in item}
    app = one.connector._runners[1].app
    served = {
        (route.method, re.sub(r"\{(\w+):[^}]*\}", r"{\1}", route.resource.canonical))
        for route in app.router.routes()
    }
    assert said == served
    ids = [op["operationId"] for item in document["paths"].values() for op in item.values()]
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert used == set(SCHEMAS)


async def test_every_call_is_in_the_page(one: Factory) -> None:
    page = PAGE.read_text("utf-8")
    node = one.connector.node
    for call in calls(node, EventStream(node.events)):
        path = call.path.replace("{id:.+}", "{id}")
        assert f"`{call.method} {path}`" in page, f"{call.method} {path} stands nowhere in docs/management.md"


async def test_answers_have_the_shape_it_says(pair: tuple[Factory, Factory], shots: Path) -> None:
    provider, consumer = pair
    document = await provider.get("/openapi.json", key=None)
    checked = set()

    async def ask(side: Factory, method: str, template: str, body: Any = None, **ids: str) -> Any:
        operation = document["paths"][template][method.lower()]
        path = re.sub(r"\{(\w+)\}", lambda m: seg(ids[m[1]]), template)
        if body is not None and "requestBody" in operation:
            conforms(body, operation["requestBody"]["content"]["application/json"]["schema"])
        success = next(s for s in operation["responses"] if s.startswith("2"))
        found = await side.call(method, path, body, status=int(success))
        content = operation["responses"][success].get("content", {})
        if "application/json" in content:
            conforms(found, content["application/json"]["schema"])
        checked.add((method, template))
        return found

    v3, m = "/management/v3", "/manage"
    done = await ask(
        provider,
        "POST",
        f"{m}/publish",
        {"path": str(shots), "id": "shots", "templates": ["open-use"], "description": DESCRIPTION},
    )
    page = await ask(consumer, "POST", f"{m}/catalog", {"target": provider.did})
    assert page["catalog"]["dataset"][0]["@id"] == done["id"]
    asked = await ask(consumer, "POST", f"{m}/request", {"target": provider.did, "dataset": "shots"})
    final = await consumer.until(f"{m}/negotiations/{seg(asked['id'])}", "FINALIZED")
    n, a = asked["id"], final["agreement"]
    pulled = await consumer.lines(f"{m}/pull", {"agreement": a})
    t = pulled[-1]["result"]["transfer"]
    for side in pair:
        await ask(side, "GET", f"{m}/status")
        await ask(side, "GET", f"{m}/contracts")
        await ask(side, "GET", f"{m}/contracts/{{id}}", id=a)
        await ask(side, "GET", f"{m}/contracts/{{id}}/export", id=a)
        await ask(side, "GET", f"{m}/transfers")
        await ask(side, "POST", f"{v3}/contractnegotiations/request")
        await ask(side, "POST", f"{v3}/contractagreements/request", {"limit": 5})
        await ask(side, "POST", f"{v3}/transferprocesses/request")
        await ask(side, "GET", f"{v3}/contractagreements/{{id}}", id=a)
        await ask(side, "GET", f"{m}/templates")
        await ask(side, "GET", f"{m}/did")
        await ask(side, "GET", f"{m}/inbox")
        await ask(side, "GET", "/health/ready")
    await ask(consumer, "GET", f"{m}/negotiations/{{id}}", id=n)
    await ask(consumer, "GET", f"{v3}/contractnegotiations/{{id}}", id=n)
    await ask(consumer, "GET", f"{v3}/contractnegotiations/{{id}}/state", id=n)
    await ask(consumer, "GET", f"{v3}/contractnegotiations/{{id}}/agreement", id=n)
    await ask(consumer, "GET", f"{m}/transfers/{{id}}", id=t)
    await ask(consumer, "GET", f"{v3}/transferprocesses/{{id}}", id=t)
    await ask(consumer, "GET", f"{v3}/transferprocesses/{{id}}/state", id=t)
    await ask(consumer, "POST", f"{v3}/edrs/request")
    await ask(consumer, "GET", f"{v3}/edrs/{{id}}/dataaddress", id=t)
    policy = {"@id": "p", "policy": {"@context": ODRL, "permission": [{"action": "use"}]}}
    await ask(provider, "POST", f"{v3}/policydefinitions", policy)
    await ask(provider, "GET", f"{v3}/policydefinitions/{{id}}", id="p")
    await ask(provider, "POST", f"{v3}/policydefinitions/request")
    await ask(provider, "POST", f"{v3}/policydefinitions/{{id}}/validate", id="p")
    await ask(
        provider,
        "POST",
        f"{v3}/contractdefinitions",
        {"@id": "d", "accessPolicyId": "p", "contractPolicyId": "p"},
    )
    await ask(provider, "GET", f"{v3}/contractdefinitions/{{id}}", id="d")
    await ask(provider, "POST", f"{v3}/contractdefinitions/request")
    await ask(provider, "GET", f"{v3}/assets/{{id}}", id=done["id"])
    await ask(provider, "POST", f"{v3}/assets/request")
    offer = {"target": consumer.did, "dataset": "shots", "templates": ["open-use"]}
    offered = await ask(provider, "POST", f"{m}/offer", offer)
    await consumer.until(f"{m}/negotiations/{seg(await _other(provider, offered['id']))}", "OFFERED")
    (waiting,) = await ask(consumer, "GET", f"{m}/inbox")
    await ask(consumer, "POST", f"{m}/inbox/{{id}}/approve", id=waiting["id"])
    await consumer.until(f"{m}/negotiations/{seg(waiting['id'])}", "FINALIZED")
    await ask(consumer, "POST", f"{m}/transfers/{{id}}/suspend", {"reason": "pause"}, id=t)
    await ask(provider, "POST", f"{m}/unpublish", {"id": "shots"})
    await ask(provider, "POST", f"{m}/republish", {"id": "shots"})
    await ask(provider, "POST", f"{m}/contracts/{{id}}/withdraw", {"reason": "enough"}, id=a)
    await ask(provider, "POST", f"{m}/backup", {"path": str(shots.parent / "backup.tar")})
    await ask(provider, "POST", f"{m}/restore/confirm")
    assert len(checked) > 40


async def _other(provider: Factory, negotiation: str) -> str:
    """The pid that the partner gave the negotiation, once it is known."""
    await provider.until(f"/manage/negotiations/{seg(negotiation)}", "OFFERED")
    found = await provider.get(f"/management/v3/contractnegotiations/{seg(negotiation)}")
    return str(found["correlationId"])
