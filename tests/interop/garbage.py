"""Rubbish on the wire: as requests, as callbacks, and as answers. Nothing may change by it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.interop.management import ManagementError
from tests.interop.node import Node
from tests.interop.recorder import Spoiled
from tests.interop.steps import Books, Direction, check

_CONTEXT = ["https://w3id.org/dspace/2025/1/context.jsonld"]
_NEGOTIATION = "ContractNegotiationError"
_TRANSFER = "TransferError"
_DEEP = b'{"@context":' + b"[" * 4000 + b"]" * 4000 + b"}"


@dataclass(frozen=True, slots=True)
class Case:
    """One request that deserves a refusal, and the `@type` its error body has to have."""

    path: str
    body: Any
    error: str
    has_identity: bool = True


def _message(type_: str, **members: Any) -> dict[str, Any]:
    return {"@context": _CONTEXT, "@type": type_, **members}


def _to_provider(callback: str) -> list[Case]:
    offer = {
        "@type": "Offer",
        "@id": "no-such-offer",
        "target": "shots",
        "permission": [{"action": "use"}],
    }
    request = _message(
        "ContractRequestMessage", consumerPid="urn:uuid:rubbish", callbackAddress=callback, offer=offer
    )
    asked = "/negotiations/request"
    return [
        Case(asked, b"no JSON at all", _NEGOTIATION),
        Case(asked, b'{"@type": "ContractRequ', _NEGOTIATION),
        Case(asked, b"\xff\xfe\x00", _NEGOTIATION),
        Case(asked, b"[1, 2, 3]", _NEGOTIATION),
        Case(asked, _DEEP, _NEGOTIATION),
        Case(asked, _message("Nonsense"), _NEGOTIATION),
        Case(asked, {k: v for k, v in request.items() if k != "@context"}, _NEGOTIATION),
        Case(asked, {**request, "@context": ["https://nowhere.example/context"]}, _NEGOTIATION),
        Case(asked, {k: v for k, v in request.items() if k != "consumerPid"}, _NEGOTIATION),
        Case(asked, {**request, "offer": {"@id": "no-such-offer"}}, _NEGOTIATION),
        Case(asked, request, _NEGOTIATION),
        Case(asked, request, _NEGOTIATION, has_identity=False),
        Case("/transfers/request", b"{}", _TRANSFER),
        Case(
            "/transfers/request",
            _message(
                "TransferRequestMessage",
                consumerPid="urn:uuid:rubbish",
                callbackAddress=callback,
                agreementId="urn:uuid:no-such-agreement",
                format="HttpData-PULL",
            ),
            _TRANSFER,
        ),
        Case("/catalog/request", b"", "CatalogError"),
        Case("/catalog/request", _message("CatalogRequestMessage"), "CatalogError", has_identity=False),
    ]


def _to_consumer(negotiation: tuple[str, str], transfer: tuple[str, str]) -> list[Case]:
    """Callbacks about processes that exist, with wrong contents, and about others that do not."""
    consumer_pid, provider_pid = negotiation
    pids = {"consumerPid": consumer_pid, "providerPid": provider_pid}
    foreign = {"consumerPid": consumer_pid, "providerPid": "urn:uuid:somebody-else"}
    unknown = {"consumerPid": "urn:uuid:nobody", "providerPid": "urn:uuid:nobody"}
    moved = {"consumerPid": transfer[0], "providerPid": transfer[1]}
    own, flow = f"/negotiations/{consumer_pid}", f"/transfers/{transfer[0]}"
    return [
        Case(f"{own}/agreement", b"<html>", _NEGOTIATION),
        Case(f"{own}/agreement", _message("ContractAgreementMessage", **pids), _NEGOTIATION),
        Case(f"{own}/events", _message("ContractAgreementMessage", **pids), _NEGOTIATION),
        Case(
            f"{own}/events",
            _message("ContractNegotiationEventMessage", **pids, eventType="NONSENSE"),
            _NEGOTIATION,
        ),
        Case(
            f"{own}/termination",
            _message("ContractNegotiationTerminationMessage", **foreign),
            _NEGOTIATION,
        ),
        Case(
            f"{own}/termination",
            _message("ContractNegotiationTerminationMessage", **pids),
            _NEGOTIATION,
            has_identity=False,
        ),
        Case(
            "/negotiations/urn:uuid:nobody/termination",
            _message("ContractNegotiationTerminationMessage", **unknown),
            _NEGOTIATION,
        ),
        Case(f"{flow}/start", b"{", _TRANSFER),
        Case(f"{flow}/start", _message("Nonsense", **moved), _TRANSFER),
        Case(
            f"{flow}/termination",
            _message("TransferTerminationMessage", **moved),
            _TRANSFER,
            has_identity=False,
        ),
        Case(
            "/transfers/urn:uuid:nobody/termination",
            _message("TransferTerminationMessage", **unknown),
            _TRANSFER,
        ),
    ]


async def garbage_requests(way: Direction) -> str:
    """A provider that is sent rubbish refuses it in the standard's shape, and nothing changes."""
    return await _refuses(way, way.provider, way.consumer, _to_provider(way.consumer.partner.address))


async def garbage_calls(way: Direction) -> str:
    """So does a consumer, for callbacks about a finished negotiation and a running transfer."""
    contract = await way.contract("shots")
    started = await way.start(contract.agreement_id)
    cases = _to_consumer(
        (contract.consumer_id, contract.provider_id), (started.consumer_id, started.provider_id)
    )
    said = await _refuses(way, way.consumer, way.provider, cases)
    await way.pull(started.edr, "shots")
    return said


async def _refuses(way: Direction, target: Node, sender: Node, cases: list[Case]) -> str:
    before = await Books.of(target.management)
    base = target.partner.address
    for case in cases:
        raw = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
        headers = {"Content-Type": "application/json"}
        if case.has_identity:
            headers["Authorization"] = sender.identity_header(base)
        async with way.session.post(base + case.path, data=raw, headers=headers) as response:
            answer = await response.read()
            what = f"{case.path} with {raw[:60]!r}"
            # We never send 409 on DSP, and no rubbish is a 500; an EDC does both.
            refusals = {400, 404, 413} if target.is_strict else set(range(400, 501))
            wanted = refusals if case.has_identity else {401}
            check(response.status in wanted, f"{what} was answered {response.status}: {answer[:200]!r}")
            if target.is_strict:
                _check_error(what, answer, case.error)
    after = await Books.of(target.management)
    check(after == before, f"the books of {target.label} changed: {_difference(before, after)}")
    return f"{len(cases)} refused"


def _check_error(what: str, answer: bytes, type_: str) -> None:
    try:
        body = json.loads(answer)
    except ValueError:
        body = answer
    check(isinstance(body, dict), f"{what} was answered with {answer[:100]!r}, not an error object")
    check(body.get("@type") == type_, f"{what} was answered with a {body.get('@type')!r}, not a {type_}")
    check(bool(body.get("reason")), f"{what} was refused without a reason: {body}")


async def garbage_answers(way: Direction) -> str:
    """A consumer whose partner answers rubbish says so, retries what may be retried, and goes on."""
    recorder = way.provider.recorder
    assert recorder is not None
    before = await Books.of(way.consumer.management)
    answers = (
        Spoiled(200, b"<html>Welcome</html>"),
        Spoiled(200, b'{"@type": "Catal', "application/json"),
        Spoiled(200, b"[]", "application/json"),
        Spoiled(200, b'{"@type": "Catalog", "dataset": 7}', "application/json"),
        Spoiled(200, b"\x00\xff" * 40, "application/json"),
    )
    seen = recorder.spoiled
    for answer in answers:
        recorder.spoil_next("/catalog/request", answer)
        try:
            found: Any = await way.consumer.management.catalog(way.provider.partner)
        except ManagementError as error:
            wrong = way.consumer.is_strict and error.status != 502
            check(not wrong, f"the partner's fault is a 502, not: {error}")
        else:
            check(not way.consumer.is_strict, f"{answer.body[:30]!r} was passed on as a catalog: {found}")
    check(recorder.spoiled == seen + len(answers), "not every spoiled catalog was asked for")
    check(await Books.of(way.consumer.management) == before, "a spoiled catalog changed the consumer's books")

    # A refusal of the moment (503, in HTML) of each first message is repeated, and the exchange ends well.
    for path in ("/negotiations/request", "/transfers/request"):
        recorder.spoil_next(path, Spoiled(503, b"<html>Service Unavailable</html>"))
    contract = await way.agree("shots")
    await way.pull((await way.start(contract.agreement_id)).edr, "shots")
    check(recorder.spoiled == seen + len(answers) + 2, "a spoiled message was not asked for")
    return f"{recorder.spoiled - seen} answers spoiled"


def _difference(before: Books, after: Books) -> str:
    changes = [
        f"{key}: {old.get(key)} -> {new.get(key)}"
        for old, new in ((before.negotiations, after.negotiations), (before.transfers, after.transfers))
        for key in old.keys() | new.keys()
        if old.get(key) != new.get(key)
    ]
    changes += [f"agreement {key}" for key in before.agreements ^ after.agreements]
    return "; ".join(changes[:6])
