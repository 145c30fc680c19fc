"""One client for the EDC management API v3, whoever serves it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

EDC_NS = "https://w3id.org/edc/v0.0.1/ns/"
ODRL_CONTEXT = "http://www.w3.org/ns/odrl.jsonld"
_CONTEXT = {"@vocab": EDC_NS}

Entity = dict[str, Any]
"""A JSON object as the management API writes it."""


class ManagementError(Exception):
    """The API refused a call: `status`, and the body it gave as `answer`."""

    def __init__(self, call: str, status: int, answer: Any) -> None:
        shown = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
        super().__init__(f"{call} answered {status}: {shown[:600]}")
        self.status = status
        self.answer = answer


class Unsettled(Exception):
    """A process did not reach a wanted state; `entity` is how it was last seen."""

    def __init__(self, what: str, entity: Entity) -> None:
        shown = {k: entity.get(k) for k in ("@id", "state", "errorDetail", "correlationId") if k in entity}
        super().__init__(f"{what}: {json.dumps(shown, ensure_ascii=False)}")
        self.entity = entity


@dataclass(frozen=True, slots=True)
class Partner:
    """How a connector's management API is told whom to talk to."""

    participant_id: str
    address: str
    protocol: str


@dataclass(frozen=True, slots=True)
class Edr:
    """An endpoint data reference: where the bytes are and the token that opens them."""

    endpoint: str
    authorization: str


class ManagementClient:
    """Calls to one connector's management API; every call raises ManagementError on a refusal."""

    def __init__(self, base: str, api_key: str, session: aiohttp.ClientSession) -> None:
        self._base = base.rstrip("/")
        self._headers = {"x-api-key": api_key}
        self._session = session

    # what a provider sets up ------------------------------------------------

    async def create_asset(self, asset_id: str, data_address: Mapping[str, str]) -> None:
        """An asset over a source."""
        properties = {"name": asset_id, "contenttype": "application/octet-stream"}
        await self._post(
            "assets", {"@id": asset_id, "properties": properties, "dataAddress": dict(data_address)}
        )

    async def create_policy(self, policy_id: str, rules: Mapping[str, Any]) -> None:
        """A policy definition with these ODRL rules."""
        policy = {"@context": ODRL_CONTEXT, "@type": "Set", **rules}
        await self._post("policydefinitions", {"@id": policy_id, "policy": policy})

    async def create_contract_definition(
        self, definition_id: str, *, policy_id: str, asset_id: str, extra: Mapping[str, Any] | None = None
    ) -> None:
        """An offer of one asset under one policy, seen and used under the same terms."""
        selector = {
            "@type": "Criterion",
            "operandLeft": EDC_NS + "id",
            "operator": "=",
            "operandRight": asset_id,
        }
        await self._post(
            "contractdefinitions",
            {
                "@id": definition_id,
                "accessPolicyId": policy_id,
                "contractPolicyId": policy_id,
                "assetsSelector": [selector],
                **(extra or {}),
            },
        )

    # what a consumer asks -----------------------------------------------------

    async def catalog(self, partner: Partner) -> Entity:
        """The partner's catalog, as the partner wrote it."""
        query = {"@type": "QuerySpec", "offset": 0, "limit": 50}
        return await self._post_object(
            "catalog/request", {"@type": "CatalogRequest", **_to(partner), "querySpec": query}
        )

    async def dataset(self, partner: Partner, dataset_id: str) -> Entity:
        """One dataset of the partner's catalog."""
        return await self._post_object(
            "catalog/dataset/request", {"@type": "DatasetRequest", **_to(partner), "@id": dataset_id}
        )

    async def negotiate(self, partner: Partner, asset_id: str, offer: Mapping[str, Any]) -> str:
        """Ask for a contract over this offer; the id of the negotiation here."""
        rules = {k: offer[k] for k in ("permission", "prohibition", "obligation") if offer.get(k)}
        policy = {
            "@context": ODRL_CONTEXT,
            "@type": "Offer",
            "@id": offer["@id"],
            "assigner": partner.participant_id,
            "target": asset_id,
            **rules,
        }
        body = {"@type": "ContractRequest", **_to(partner), "policy": policy}
        return str((await self._post_object("contractnegotiations", body))["@id"])

    async def start_transfer(self, partner: Partner, agreement_id: str) -> str:
        """Ask for a pull under an agreement; the id of the transfer here."""
        body = {
            "@type": "TransferRequest",
            **_to(partner),
            "contractId": agreement_id,
            "transferType": "HttpData-PULL",
        }
        return str((await self._post_object("transferprocesses", body))["@id"])

    async def edr(self, transfer_id: str) -> Edr:
        """Where and with which token the bytes of a started transfer are."""
        found = await self._get(f"edrs/{transfer_id}/dataaddress")
        return Edr(endpoint=str(found["endpoint"]), authorization=str(found["authorization"]))

    # processes ----------------------------------------------------------------

    async def negotiation(self, negotiation_id: str) -> Entity:
        """A negotiation by our own id."""
        return await self._get(f"contractnegotiations/{negotiation_id}")

    async def agreement_of(self, negotiation_id: str) -> Entity:
        """The agreement that a negotiation led to."""
        return await self._get(f"contractnegotiations/{negotiation_id}/agreement")

    async def agreements(self) -> dict[str, Entity]:
        """All agreements, by id."""
        return await self._all("contractagreements/request")

    async def negotiations(self) -> dict[str, Entity]:
        """All negotiations, by our own id."""
        return await self._all("contractnegotiations/request")

    async def terminate_negotiation(self, negotiation_id: str, reason: str) -> None:
        """End a negotiation."""
        body = {"@type": "TerminateNegotiation", "@id": negotiation_id, "reason": reason}
        await self._post(f"contractnegotiations/{negotiation_id}/terminate", body)

    async def transfer(self, transfer_id: str) -> Entity:
        """A transfer by our own id."""
        return await self._get(f"transferprocesses/{transfer_id}")

    async def transfers(self) -> dict[str, Entity]:
        """All transfers, by our own id."""
        return await self._all("transferprocesses/request")

    async def suspend_transfer(self, transfer_id: str, reason: str) -> None:
        """Pause a transfer."""
        await self._post(
            f"transferprocesses/{transfer_id}/suspend", {"@type": "SuspendTransfer", "reason": reason}
        )

    async def resume_transfer(self, transfer_id: str) -> None:
        """Let a paused transfer go on."""
        await self._post(f"transferprocesses/{transfer_id}/resume", {})

    async def terminate_transfer(self, transfer_id: str, reason: str) -> None:
        """End a transfer."""
        await self._post(
            f"transferprocesses/{transfer_id}/terminate", {"@type": "TerminateTransfer", "reason": reason}
        )

    async def data_planes(self) -> list[Entity]:
        """The data planes that have registered (EDC only)."""
        found = await self._call("GET", "dataplanes", None)
        return [plane for plane in found if isinstance(plane, dict)]

    # the wire -----------------------------------------------------------------

    async def _all(self, path: str) -> dict[str, Entity]:
        query = {"@type": "QuerySpec", "offset": 0, "limit": 5000}
        found = await self._post(path, query)
        return {str(entity["@id"]): entity for entity in found}

    async def _get(self, path: str) -> Entity:
        return _object(f"GET {path}", await self._call("GET", path, None))

    async def _post_object(self, path: str, body: Mapping[str, Any]) -> Entity:
        return _object(f"POST {path}", await self._post(path, body))

    async def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        return await self._call("POST", path, {"@context": _CONTEXT, **body})

    async def _call(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        url = f"{self._base}/v3/{path}"
        async with self._session.request(method, url, json=body, headers=self._headers) as response:
            raw = await response.read()
            try:
                answer: Any = json.loads(raw) if raw else None
            except ValueError:
                answer = raw.decode("utf-8", "replace")
            if response.status not in (200, 204):
                raise ManagementError(f"{method} {path}", response.status, answer)
            return answer


def _to(partner: Partner) -> dict[str, str]:
    return {
        "counterPartyAddress": partner.address,
        "counterPartyId": partner.participant_id,
        "protocol": partner.protocol,
    }


def _object(call: str, answer: Any) -> Entity:
    if not isinstance(answer, dict):
        raise ManagementError(call, 200, answer)
    return answer


async def settle(
    read: Callable[[], Awaitable[Entity]],
    wanted: frozenset[str],
    *,
    timeout_s: float,
    every_s: float = 0.05,
) -> Entity:
    """Look at a process until its state is one of `wanted`; the entity as then seen.

    Raises:
        Unsettled: it ended in another state, or `timeout_s` passed.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        entity = await read()
        state = str(entity.get("state"))
        if state in wanted:
            return entity
        if state == "TERMINATED":
            raise Unsettled(f"wanted {'/'.join(sorted(wanted))}, ended TERMINATED", entity)
        if time.monotonic() >= deadline:
            raise Unsettled(f"wanted {'/'.join(sorted(wanted))} within {timeout_s:.0f} s", entity)
        await asyncio.sleep(every_s)
