"""A sparring partner: a small in-memory connector that the judges are tried on.

It plays the table of scenarios against the player and the official kit, so a
mistake in the table, the player or the runner is found before, and apart from,
a mistake in the product. Its faults are the other half: each breaks one rule of
the protocol on purpose, and a player that still passes has missed it.

It keeps nothing on disk, knows one peer, signs nothing, and shares no code with
the connector.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, Final, Self

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from tests.conformance.dsp.sparring_rules import ACTS, ERRORS, EVENTS, FAULTS, PATHS, RULES, WIRE
from tests.conformance.dsp.sparring_words import CONTEXT, STATUS_TYPES, Process, compose
from tests.conformance.dsp.table import AUTHORIZATION, DATASETS, FORMAT, PROVIDER_TRANSFERS, next_step

ROOT: Final = "/api/dsp"
BASE: Final = f"{ROOT}/2025-1"


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class SparringPartner:
    """Serves DSP on `port` and the two start hooks on `hook_port` while the context is open.

    Args:
        hurry: factor on the delays of the table; 0 acts at once.
        retry_s: first pause before a message is sent again.
    """

    def __init__(
        self,
        *,
        port: int,
        hook_port: int,
        agent: str,
        faults: frozenset[str] = frozenset(),
        hurry: float = 1.0,
        retry_s: float = 0.02,
    ) -> None:
        if unknown := faults - set(FAULTS):
            raise ValueError(f"no such fault: {', '.join(sorted(unknown))}")
        self._port, self._hook_port, self._agent = port, hook_port, agent
        self._faults, self._hurry, self._retry_s = faults, hurry, retry_s
        self._processes: dict[str, Process] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._runners: list[web.AppRunner] = []
        self._session: ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = ClientSession(
            timeout=ClientTimeout(total=5), headers={"Authorization": AUTHORIZATION}
        )
        dsp = web.Application(middlewares=[self._guard])
        dsp.router.add_get(f"{ROOT}/.well-known/dspace-version", self._version)
        dsp.router.add_post(f"{BASE}/catalog/request", self._catalog)
        dsp.router.add_get(f"{BASE}/catalog/datasets/{{id}}", self._dataset)
        for kind in ("negotiations", "transfers"):
            dsp.router.add_post(f"{BASE}/{kind}/request", self._create)
            dsp.router.add_get(f"{BASE}/{kind}/{{pid}}", self._show)
            dsp.router.add_post(f"{BASE}/{kind}/{{pid}}/{{what:.+}}", self._message)
        hooks = web.Application()
        hooks.router.add_post("/tck/negotiations/requests", self._start_negotiation)
        hooks.router.add_post("/tck/transfers/requests", self._start_transfer)
        for app, port in ((dsp, self._port), (hooks, self._hook_port)):
            runner = web.AppRunner(app)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", port).start()
            self._runners.append(runner)
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        assert self._session is not None
        await self._session.close()
        for runner in self._runners:
            await runner.cleanup()

    def _has(self, fault: str) -> bool:
        return fault in self._faults

    # ---- inbound ----------------------------------------------------------------------------

    @web.middleware
    async def _guard(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        kind = request.path.removeprefix(f"{BASE}/").split("/")[0]
        open_to_all = request.path.endswith("/dspace-version") or self._has("no-authorization")
        try:
            if not open_to_all and request.headers.get("Authorization") != AUTHORIZATION:
                raise Refusal(401, "who are you?")
            return await handler(request)
        except Refusal as refusal:
            return self._error(kind, request, refusal)

    def _error(self, kind: str, request: web.Request, refusal: Refusal) -> web.Response:
        status = refusal.status
        if status == 400:
            status = 409 if self._has("illegal-is-409") else 404 if self._has("illegal-is-404") else status
        if status == 404 and str(refusal) == "unknown" and self._has("unknown-is-400"):
            status = 400
        if self._has("error-without-body"):
            return web.Response(status=status)
        type_ = "CatalogError" if self._has("error-of-wrong-type") and kind != "catalog" else ERRORS[kind]
        body: dict[str, Any] = {
            "@context": CONTEXT,
            "@type": type_,
            "code": str(status),
            "reason": [str(refusal)],
        }
        if kind != "catalog":
            pid = request.match_info.get("pid", "")
            known = self._processes.get(pid)
            body |= known.pids if known else {"providerPid": pid, "consumerPid": ""}
        return web.json_response(body, status=status)

    async def _version(self, request: web.Request) -> web.Response:
        return web.json_response(
            {"protocolVersions": [{"version": "2025-1", "path": "/2025-1", "binding": "HTTPS"}]}
        )

    async def _catalog(self, request: web.Request) -> web.Response:
        if (await request.json()).get("filter"):
            raise Refusal(400, "no filter is understood here")
        datasets = [self._describe(d.id, d.offer_id) for d in DATASETS]
        body = {
            "@id": "urn:uuid:catalog",
            "@type": "Catalog",
            "participantId": self._agent,
            "dataset": datasets,
        }
        return web.json_response({"@context": CONTEXT, **body})

    async def _dataset(self, request: web.Request) -> web.Response:
        for dataset in DATASETS:
            if dataset.id == request.match_info["id"]:
                return web.json_response(
                    {"@context": CONTEXT, **self._describe(dataset.id, dataset.offer_id)}
                )
        if self._has("missing-dataset-is-empty"):
            return web.json_response(
                {"@context": CONTEXT, "@type": "Dataset", "@id": request.match_info["id"]}
            )
        raise Refusal(404, "unknown")

    def _describe(self, id_: str, offer: str) -> dict[str, Any]:
        url = f"http://localhost:{self._port}{BASE}"
        service = {"@id": "urn:uuid:service", "@type": "DataService", "endpointURL": url}
        return {
            "@id": id_,
            "@type": "Dataset",
            "hasPolicy": [{"@id": offer, "@type": "Offer", "permission": [{"action": "use"}]}],
            "distribution": [{"@type": "Distribution", "format": FORMAT, "accessService": service}],
        }

    async def _show(self, request: web.Request) -> web.Response:
        process = self._find(request)
        return web.json_response(self._status(process, lagging=self._has("state-lags")))

    def _status(self, process: Process, *, lagging: bool = False) -> dict[str, Any]:
        type_ = STATUS_TYPES[process.kind]
        context = [*CONTEXT, "https://example.com/own.jsonld"] if self._has("foreign-context") else CONTEXT
        state = process.shown if lagging else process.state
        return {"@context": context, "@type": type_, **process.pids, "state": state}

    def _find(self, request: web.Request) -> Process:
        process = self._processes.get(request.match_info["pid"])
        if process is None:
            raise Refusal(404, "unknown")
        return process

    async def _create(self, request: web.Request) -> web.Response:
        raw = await request.read()
        body = json.loads(raw)
        kind = request.path.removeprefix(f"{BASE}/").split("/")[0]
        for known in self._processes.values():
            again = known.kind == kind and known.role == "P" and known.peer_pid == body.get("consumerPid")
            if again and not self._has("request-twice-two-processes"):
                return web.json_response(self._status(known), status=201)
        if kind == "negotiations":
            offer = body.get("offer", {})
            seeded = {d.offer_id: d.id for d in DATASETS}
            if seeded.get(offer.get("@id")) != offer.get("target") or "callbackAddress" not in body:
                raise Refusal(400, "no such offer")
            process = Process(kind, "P", offer["target"], body["callbackAddress"], offer)
        else:
            if body.get("agreementId") not in PROVIDER_TRANSFERS or "callbackAddress" not in body:
                raise Refusal(400, "no such agreement")
            process = Process(kind, "P", body["agreementId"], body["callbackAddress"])
        process.peer_pid = body["consumerPid"]
        self._processes[process.pid] = process
        process.enter("REQUESTED")
        self._think(process)
        return web.json_response(self._status(process), status=200 if self._has("create-is-200") else 201)

    async def _message(self, request: web.Request) -> web.Response:
        process = self._find(request)
        raw = await request.read()
        body = json.loads(raw)
        act = ACTS.get((process.kind, request.match_info["what"].rstrip("/")))
        if act == "event":
            act = EVENTS.get(body.get("eventType"))
        if act is None:
            raise Refusal(404, "unknown")
        if (earlier := process.answered.get(body.get("@id", ""))) and not self._has("repeat-refused"):
            first, status, answer = earlier
            if first == raw or self._has("altered-repeat"):
                return web.json_response(answer, status=status)
            raise Refusal(400, "this @id was used for another message")
        self._check_pids(process, body)
        state = self._target(process, act)
        if state is None:
            if self._has("state-changes-on-error"):
                process.enter("TERMINATED")
            if self._has("illegal-is-200"):
                return web.json_response(self._status(process))
            raise Refusal(400, f"{act} is not allowed in {process.state}")
        if "offer" in body:
            process.offer = body["offer"]
        process.enter(state)
        self._think(process)
        answer = self._status(process)
        process.answered[body.get("@id", "")] = (raw, 200, answer)
        return web.json_response(answer)

    def _check_pids(self, process: Process, body: dict[str, Any]) -> None:
        ours, theirs = (
            ("providerPid", "consumerPid") if process.role == "P" else ("consumerPid", "providerPid")
        )
        if body.get(ours) != process.pid and not self._has("wrong-own-pid"):
            raise Refusal(400, f"{ours} is not the one of the path")
        if not process.peer_pid:
            process.peer_pid = body.get(theirs, "")
        if body.get(theirs) != process.peer_pid and not self._has("wrong-peer-pid"):
            raise Refusal(400, f"{theirs} is not the one of this process")

    def _target(self, process: Process, act: str) -> str | None:
        sender = "C" if process.role == "P" else "P"
        rules = RULES[process.kind]
        for fault, broken in WIRE.items():
            if self._has(fault):
                rules = rules | broken
        if state := rules.get((process.state, sender, act)):
            return state
        if process.pending and (state := rules.get((process.pending, sender, act))):
            process.enter(process.pending)  # only somebody who got our message can answer it like this
            return state
        return None

    # ---- outbound ---------------------------------------------------------------------------

    async def _start_negotiation(self, request: web.Request) -> web.Response:
        body = await request.json()
        offer = {"@id": body["offerId"], "@type": "Offer", "target": body["datasetId"]}
        process = Process("negotiations", "C", body["datasetId"], body["connectorAddress"], offer)
        self._processes[process.pid] = process
        self._spawn(self._send(process, "request", 0.0))
        return web.json_response({})

    async def _start_transfer(self, request: web.Request) -> web.Response:
        body = await request.json()
        process = Process(
            "transfers", "C", body["agreementId"], body["connectorAddress"], format=body["format"]
        )
        self._processes[process.pid] = process
        self._spawn(self._send(process, "request", 0.0))
        return web.json_response({})

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _think(self, process: Process) -> None:
        if step := next_step(process.key, process.trail):
            self._spawn(self._send(process, step.does.value, step.delay_s * self._hurry))

    async def _send(self, process: Process, act: str, delay_s: float) -> None:
        """Deliver one message, again and again while the peer is not ready for it."""
        await asyncio.sleep(delay_s)
        state, address, age = process.state, process.callback, len(process.trail)
        if act == "request":
            path, target = f"/{process.kind}/request", "REQUESTED"
        else:
            path = f"/{process.kind}/{process.peer_pid}/{PATHS[process.kind, act]}"
            target = RULES[process.kind].get(
                (state, process.role, "request" if act == "counter" else act), ""
            )
        own = f"http://localhost:{self._port}{BASE}"
        body = compose(process, act, agent=self._agent, base=own, faults=self._faults)
        process.pending = target
        for attempt in range(60):
            if len(process.trail) != age:
                return
            answer = await self._post(address + path, body)
            if len(process.trail) != age:
                return
            if answer is not None and 200 <= answer[0] < 300:
                if act == "request" and not process.peer_pid:
                    process.peer_pid = json.loads(answer[1])["providerPid"]
                process.enter(target)
                self._think(process)
                return
            if answer is not None and answer[0] == 404 and self._has("gives-up-on-404"):
                return
            if self._has("new-id-on-retry"):
                body["@id"] = f"urn:uuid:{uuid.uuid4()}"
            await asyncio.sleep(min(self._retry_s * 2**attempt, 10 * self._retry_s))

    async def _post(self, url: str, body: dict[str, Any]) -> tuple[int, bytes] | None:
        assert self._session is not None
        try:
            async with self._session.post(url, json=body) as answer:
                return answer.status, await answer.read()
        except (ClientError, TimeoutError):
            return None
