"""EDC management API v3: assets, policy definitions, contract definitions."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from connector.errors import InvalidMessage
from connector.model.catalog import ApprovalMode
from connector.model.names import EDC, MMD
from connector.policy import understands
from connector.service.definitions import AssetDraft
from connector.service.node import Node
from connector.web import edc_shapes as shapes
from connector.web.calls import Call, no_content, read_body
from connector.web.edc_input import items, mapping, read_policy, text
from connector.web.query import Query, read_criteria, read_query

_MAX_ID: Final = 500
_SELECTORS: Final = frozenset({"=", "!=", "in", "like", "ilike"})


class EdcDefinitions:
    """What a provider defines."""

    def __init__(self, node: Node, base: str) -> None:
        self._node = node
        self._base = base

    def calls(self) -> list[Call]:
        """The calls, below `/v3`."""
        a, p, d = (f"{self._base}/{n}" for n in ("assets", "policydefinitions", "contractdefinitions"))
        return [
            Call("POST", a, self.create_asset, "Create an asset", "Asset", "IdResponse", problems=(409,)),
            Call("PUT", a, self.update_asset, "Change an asset", "Asset", status=204, problems=(404,)),
            _list(f"{a}/request", self.assets, "List assets", "Asset"),
            Call("GET", f"{a}/{{id:.+}}", self.asset, "One asset", answer="Asset", problems=(404,)),
            Call(
                "DELETE",
                f"{a}/{{id:.+}}",
                self.delete_asset,
                "Delete an asset",
                status=204,
                problems=(404, 409),
            ),
            Call(
                "POST",
                p,
                self.create_policy,
                "Create a policy",
                "PolicyDefinition",
                "IdResponse",
                problems=(409,),
            ),
            _list(f"{p}/request", self.policies, "List policies", "PolicyDefinition"),
            Call(
                "POST",
                f"{p}/{{id:.+}}/validate",
                self.validate_policy,
                "Whether a policy is understood",
                answer="PolicyValidationResult",
                problems=(404,),
            ),
            Call(
                "GET", f"{p}/{{id:.+}}", self.policy, "One policy", answer="PolicyDefinition", problems=(404,)
            ),
            Call(
                "PUT",
                f"{p}/{{id:.+}}",
                self.update_policy,
                "Change a policy",
                "PolicyDefinition",
                "",
                204,
                (),
                (404,),
            ),
            Call(
                "DELETE", f"{p}/{{id:.+}}", self.delete_policy, "Delete a policy", "", "", 204, (), (404, 409)
            ),
            Call(
                "POST",
                d,
                self.create_definition,
                "Create a contract definition",
                "ContractDefinition",
                "IdResponse",
                problems=(409,),
            ),
            Call(
                "PUT",
                d,
                self.update_definition,
                "Change a contract definition",
                "ContractDefinition",
                "",
                204,
                (),
                (404,),
            ),
            _list(f"{d}/request", self.definitions, "List contract definitions", "ContractDefinition"),
            Call(
                "GET",
                f"{d}/{{id:.+}}",
                self.definition,
                "One contract definition",
                answer="ContractDefinition",
                problems=(404,),
            ),
            Call(
                "DELETE",
                f"{d}/{{id:.+}}",
                self.delete_definition,
                "Delete a contract definition",
                "",
                "",
                204,
                (),
                (404,),
            ),
        ]

    # --- assets -------------------------------------------------------------------------------

    async def create_asset(self, request: web.Request) -> web.Response:
        """POST /assets."""
        draft = _asset(await read_body(request, "Asset"))
        made = await self._node.definitions.create_asset(draft)
        return web.json_response(shapes.created(made.id, made.created_at))

    async def update_asset(self, request: web.Request) -> web.Response:
        """PUT /assets: a changed asset becomes a new version."""
        body = await read_body(request, "Asset")
        text(body, "@id")
        await self._node.definitions.update_asset(_asset(body))
        return no_content()

    async def assets(self, request: web.Request) -> web.Response:
        """POST /assets/request."""
        query = await _query(request)
        return web.json_response(query.apply(map(shapes.asset, await self._node.listing.assets())))

    async def asset(self, request: web.Request) -> web.Response:
        """GET /assets/{id}."""
        return web.json_response(shapes.asset(await self._node.listing.asset(request.match_info["id"])))

    async def delete_asset(self, request: web.Request) -> web.Response:
        """DELETE /assets/{id}."""
        await self._node.definitions.delete_asset(request.match_info["id"])
        return no_content()

    # --- policies -----------------------------------------------------------------------------

    async def create_policy(self, request: web.Request) -> web.Response:
        """POST /policydefinitions."""
        body = await read_body(request, "PolicyDefinition", "PolicyDefinitionRequestDto")
        rules = read_policy(mapping(body, "policy", needed=True))
        private = mapping(body, "privateProperties")
        made = await self._node.definitions.put_policy(_id(body), rules, private, is_new=True)
        return web.json_response(shapes.created(made.id, made.created_at))

    async def update_policy(self, request: web.Request) -> web.Response:
        """PUT /policydefinitions/{id}."""
        body = await read_body(request, "PolicyDefinition", "PolicyDefinitionRequestDto")
        rules = read_policy(mapping(body, "policy", needed=True))
        private = mapping(body, "privateProperties")
        await self._node.definitions.put_policy(request.match_info["id"], rules, private, is_new=False)
        return no_content()

    async def policies(self, request: web.Request) -> web.Response:
        """POST /policydefinitions/request."""
        query = await _query(request)
        return web.json_response(
            query.apply(map(shapes.policy_definition, await self._node.listing.policies()))
        )

    async def policy(self, request: web.Request) -> web.Response:
        """GET /policydefinitions/{id}."""
        found = await self._node.listing.policy(request.match_info["id"])
        return web.json_response(shapes.policy_definition(found))

    async def validate_policy(self, request: web.Request) -> web.Response:
        """POST /policydefinitions/{id}/validate: what is not understood denies in use."""
        found = await self._node.listing.policy(request.match_info["id"])
        strange = [f"{n.pointer}: {n.text.en}" for n in understands(found.policy)]
        result = {"@type": "PolicyValidationResult", "isValid": not strange, "errors": strange}
        return web.json_response({**result, "@context": shapes.CONTEXT})

    async def delete_policy(self, request: web.Request) -> web.Response:
        """DELETE /policydefinitions/{id}."""
        await self._node.definitions.delete_policy(request.match_info["id"])
        return no_content()

    # --- contract definitions -----------------------------------------------------------------

    async def create_definition(self, request: web.Request) -> web.Response:
        """POST /contractdefinitions."""
        body = await read_body(request, "ContractDefinition")
        made = await self._put_definition(_id(body), body, is_new=True)
        return web.json_response(shapes.created(made.id, made.created_at))

    async def update_definition(self, request: web.Request) -> web.Response:
        """PUT /contractdefinitions."""
        body = await read_body(request, "ContractDefinition")
        await self._put_definition(text(body, "@id", limit=_MAX_ID), body, is_new=False)
        return no_content()

    async def _put_definition(self, id_: str, body: Mapping[str, Any], *, is_new: bool) -> Any:
        return await self._node.definitions.put_definition(
            id_,
            text(body, "accessPolicyId"),
            text(body, "contractPolicyId"),
            _selector(body),
            mapping(body, "privateProperties"),
            approval(body, self._node.settings.negotiation.approval),
            is_new=is_new,
        )

    async def definitions(self, request: web.Request) -> web.Response:
        """POST /contractdefinitions/request."""
        query = await _query(request)
        found = await self._node.listing.definitions()
        return web.json_response(query.apply(map(shapes.contract_definition, found)))

    async def definition(self, request: web.Request) -> web.Response:
        """GET /contractdefinitions/{id}."""
        found = await self._node.listing.definition(request.match_info["id"])
        return web.json_response(shapes.contract_definition(found))

    async def delete_definition(self, request: web.Request) -> web.Response:
        """DELETE /contractdefinitions/{id}."""
        await self._node.definitions.delete_definition(request.match_info["id"])
        return no_content()


def _list(path: str, handler: Any, summary: str, item: str) -> Call:
    return Call("POST", path, handler, summary, "QuerySpec", f"{item}[]", is_body_optional=True)


async def _query(request: web.Request) -> Query:
    return read_query(await read_body(request, "QuerySpec", "QuerySpecDto", optional=True))


def _id(body: Mapping[str, Any]) -> str:
    return text(body, "@id", needed=False, limit=_MAX_ID) or f"urn:uuid:{uuid.uuid4()}"


def _asset(body: Mapping[str, Any]) -> AssetDraft:
    address = {k: v for k, v in mapping(body, "dataAddress").items() if k != "@type"}
    properties = {
        k: v for k, v in mapping(body, "properties").items() if k not in ("@id", "@type", EDC + "id")
    }
    return AssetDraft(_id(body), properties, mapping(body, "privateProperties"), address)


def _selector(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = read_criteria(items(body, "assetsSelector"), "assetsSelector")
    for criterion in found:
        if criterion.operator not in _SELECTORS:
            known = " ".join(sorted(_SELECTORS))
            raise InvalidMessage(f"a selector knows {known} only", pointer=EDC + "operator")
    return [{"operandLeft": c.left, "operator": c.operator, "operandRight": c.right} for c in found]


def approval(body: Mapping[str, Any], default: str) -> ApprovalMode:
    """Who decides about requests: `automatic` or `manual`.

    Raises:
        InvalidMessage: neither.
    """
    try:
        return ApprovalMode(text(body, "approval", needed=False) or default)
    except ValueError:
        raise InvalidMessage("must be automatic or manual", pointer=MMD + "approval") from None
