"""The real connector under the player, in one process: as it ships, and broken on purpose.

Each fault breaks one rule of the product itself (a transition, a status, a pid
check, a repetition); the scenarios named beside it must notice.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import unused_port

from connector import errors
from connector.app import API_KEY, KEYS, Connector, public_app
from connector.identity.did import did_from_url
from connector.identity.keys import KeyRing
from connector.model.identity import Peer, PeerKind
from connector.model.process import NegotiationAct as Na
from connector.model.process import NegotiationState as N
from connector.model.process import Role
from connector.model.process import TransferAct as Ta
from connector.model.process import TransferState as T
from connector.protocol import machine, messages
from connector.service import agreeing, deliver, exchange, negotiation, parties, transfer
from connector.settings import build
from connector.store import tables
from tests.conformance.dsp.dialogue import Target
from tests.conformance.dsp.player import Result, play
from tests.conformance.dsp.scenarios import SCENARIOS
from tests.conformance.dsp.table import AGREEMENTS, DATASETS, TCK_PARTICIPANT

AGENT = "CONNECTOR_UNDER_TEST"
PACE_S = 0.02
C, P = Role.CONSUMER, Role.PROVIDER

Break = Callable[[pytest.MonkeyPatch], None]


def _home(folder: Path, *, plugins: list[str], callback: int, public: int) -> dict[str, Any]:
    """The settings of a connector under test; its keys are made in `folder`."""
    url = f"http://localhost:{public}/api"
    if not folder.exists():
        folder.mkdir()
        KeyRing.create(folder / KEYS, did_from_url(url), now=datetime.now(UTC))
        (folder / API_KEY).write_text("key", encoding="utf-8")
    peer = {"id": TCK_PARTICIPANT, "address": f"http://localhost:{callback}", "send": "any", "match": "any"}
    return {
        "plugins": plugins,
        "server": {
            "public_url": url,
            "public_host": "127.0.0.1",
            "public_port": public,
            "management_port": unused_port(),
        },
        "egress": {"allow": [f"localhost:{callback}"], "http_hosts": [f"localhost:{callback}"]},
        "identity": {"static_peers": [peer | {"our_id": AGENT}]},
    }


@asynccontextmanager
async def _under_test(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Target]:
    public, hooks, callback = unused_port(), unused_port(), unused_port()
    monkeypatch.setenv("MADANG_CONFORMANCE_PORT", str(hooks))
    monkeypatch.setenv("MADANG_CONFORMANCE_DELAY_S", "0")
    plugins = ["tests.conformance.dsp.plugin"]
    raw = _home(folder, plugins=plugins, callback=callback, public=public)
    connector = Connector(build(folder, raw, {}))
    await connector.start()
    root = f"http://localhost:{public}/api/dsp"
    try:
        yield Target(
            dsp=f"{root}/2025-1",
            root=root,
            negotiate=f"http://localhost:{hooks}/tck/negotiations/requests",
            transfer=f"http://localhost:{hooks}/tck/transfers/requests",
            agent=AGENT,
            callback=f"http://localhost:{callback}",
            wait_s=1.5,
            pace_s=PACE_S,
        )
    finally:
        await connector.stop()


async def _play(
    folder: Path, monkeypatch: pytest.MonkeyPatch, scenarios: list[str], loss: float = 0.0
) -> list[Result]:
    async with _under_test(folder, monkeypatch) as target:
        return await play(target, scenarios, authorization="any", loss=loss, seed=11, say=lambda _line: None)


def _rows(table: Any, rows: dict[tuple[Any, Role, Any], Any]) -> Break:
    def apply(monkeypatch: pytest.MonkeyPatch) -> None:
        for (state, sender, act), leads_to in rows.items():
            monkeypatch.setitem(table[state], (sender, act), leads_to)

    return apply


def _lacks(table: Any, state: Any, sender: Role, act: Any) -> Break:
    return lambda monkeypatch: monkeypatch.delitem(table[state], (sender, act))


def _status(error: type[errors.ConnectorError], status: int) -> Break:
    return lambda monkeypatch: monkeypatch.setattr(error, "status", status)


def _instead(where: Any, name: str, make: Callable[[Any], Any]) -> Break:
    return lambda monkeypatch: monkeypatch.setattr(where, name, make(getattr(where, name)))


def _created_as_200(answer: Any) -> Any:
    def make(status: int, *args: Any, **kwargs: Any) -> Any:
        return answer(200 if status == 201 else status, *args, **kwargs)

    return make


def _never(_original: Any) -> Any:
    return lambda *_args, **_kwargs: None


def _blind_to(whose: str) -> Callable[[Any], Any]:
    """A pid check that does not look at one of the two pids: `own` or `peer`."""

    def make(original: Any) -> Any:
        def check(self: Any, process: Any, message: Any) -> None:
            role, pid = (
                (process.role, process.id) if whose == "own" else (process.role.other, process.peer_pid)
            )
            member = "consumer_pid" if role is C else "provider_pid"
            original(self, process, replace(message, **{member: pid}))

        return check

    return make


def _any_body(original: Any) -> Any:
    def repeat(self: Any, tx: Any, peer: Peer, message: Any, body: Any) -> Any:
        seen = tx.inbox.seen(peer.participant_id, message.id)
        return exchange.Answer(200) if seen is not None else original(self, tx, peer, message, body)

    return repeat


def _another_type(original: Any) -> Any:
    def render(kind: Any, *args: Any, **kwargs: Any) -> Any:
        return original(kind, *args, **kwargs) | {"@type": "CatalogError"}

    return render


def _known_to_all(_original: Any) -> Any:
    async def authenticate(_self: Any, _header: str | None, **_kwargs: Any) -> Peer:
        return Peer(TCK_PARTICIPANT, PeerKind.STATIC, AGENT)

    return authenticate


def _final_at_404(original: Any) -> Any:
    def judge(status: int | None, *args: Any) -> Any:
        return deliver.Verdict(deliver.Outcome.FINAL) if status == 404 else original(status, *args)

    return judge


def _fresh_id(original: Any) -> Any:
    count = iter(range(1_000_000))

    async def attempt(self: Any, item: Any) -> Any:
        body = json.loads(item.body) | {"@id": f"urn:uuid:again-{next(count)}"}
        return await original(self, replace(item, body=json.dumps(body)))

    return attempt


def _unsaid_state(original: Any) -> Any:
    def render(process: Any) -> Any:
        return original(process) | {"state": "REQUESTED"}

    return render


def _for_ourselves(original: Any) -> Any:
    def agree(self: Any, tx: Any, n: Any, pids: Any) -> Any:
        n, message = original(self, tx, n, pids)
        return n, replace(message, agreement=message.agreement | {"assignee": n.our_id})

    return agree


FAULTS: dict[str, tuple[Break, list[str]]] = {
    "agree-after-offer": (_rows(machine.NEGOTIATION, {(N.OFFERED, P, Na.AGREE): N.AGREED}), ["CN_C:03-02"]),
    "finalize-when-requested": (
        _rows(machine.NEGOTIATION, {(N.REQUESTED, P, Na.FINALIZE): N.FINALIZED}),
        ["CN_C:03-01"],
    ),
    "finalize-when-agreed": (
        _rows(machine.NEGOTIATION, {(N.AGREED, P, Na.FINALIZE): N.FINALIZED}),
        ["CN_C:03-06"],
    ),
    "verify-when-offered": (
        _rows(machine.NEGOTIATION, {(N.OFFERED, C, Na.VERIFY): N.VERIFIED}),
        ["CN:03-02"],
    ),
    "verify-when-accepted": (
        _rows(machine.NEGOTIATION, {(N.ACCEPTED, C, Na.VERIFY): N.VERIFIED}),
        ["CN:03-03"],
    ),
    "terminate-when-finalized": (
        _rows(machine.NEGOTIATION, {(N.FINALIZED, C, Na.TERMINATE): N.TERMINATED}),
        ["CN:03-01"],
    ),
    "second-counter": (
        _rows(machine.NEGOTIATION, {(N.REQUESTED, C, Na.REQUEST): N.REQUESTED}),
        ["CN:03-04"],
    ),
    "offer-when-accepted": (
        _rows(machine.NEGOTIATION, {(N.ACCEPTED, P, Na.OFFER): N.OFFERED}),
        ["CN_C:03-05"],
    ),
    "accept-own-offer": (_rows(machine.NEGOTIATION, {(N.REQUESTED, C, Na.ACCEPT): N.ACCEPTED}), ["CN:02-02"]),
    "consumer-finalizes": (
        _rows(machine.NEGOTIATION, {(N.OFFERED, C, Na.FINALIZE): N.FINALIZED}),
        ["CN:03-02"],
    ),
    "no-termination-when-verified": (
        _lacks(machine.NEGOTIATION, N.VERIFIED, P, Na.TERMINATE),
        ["CN_C:02-06"],
    ),
    "no-counter": (_lacks(machine.NEGOTIATION, N.OFFERED, C, Na.REQUEST), ["CN:01-02"]),
    "complete-when-requested": (
        _rows(machine.TRANSFER, {(T.REQUESTED, s, Ta.COMPLETE): T.COMPLETED for s in (C, P)}),
        ["TP:03-01", "TP_C:03-01"],
    ),
    "suspend-when-requested": (
        _rows(machine.TRANSFER, {(T.REQUESTED, s, Ta.SUSPEND): T.SUSPENDED for s in (C, P)}),
        ["TP:03-02", "TP_C:03-02"],
    ),
    "complete-when-suspended": (
        _rows(machine.TRANSFER, {(T.SUSPENDED, s, Ta.COMPLETE): T.COMPLETED for s in (C, P)}),
        ["TP:03-03", "TP_C:03-03"],
    ),
    "start-when-terminated": (
        _rows(machine.TRANSFER, {(T.TERMINATED, s, Ta.START): T.STARTED for s in (C, P)}),
        ["TP:03-04", "TP_C:03-04"],
    ),
    "no-resumption": (_lacks(machine.TRANSFER, T.SUSPENDED, P, Ta.START), ["TP_C:01-04"]),
    "illegal-is-409": (_status(errors.IllegalTransition, 409), ["CN:03-02", "TP:03-01"]),
    "illegal-is-404": (_status(errors.IllegalTransition, 404), ["CN:03-02", "TP:03-01"]),
    "unknown-is-400": (_status(errors.NotFound, 400), ["CN:02-02", "TP:02-05", "CAT:01-03"]),
    "stranger-is-404": (_status(errors.Unauthenticated, 404), ["CN:02-02", "CAT:01-01"]),
    "negotiation-is-created-as-200": (_instead(negotiation, "Answer", _created_as_200), ["CN:02-02"]),
    "transfer-is-created-as-200": (_instead(transfer, "Answer", _created_as_200), ["TP:02-05"]),
    "error-of-another-type": (_instead(messages, "render_error", _another_type), ["CN:03-02", "TP:03-01"]),
    "own-pid-unchecked": (
        _instead(exchange.Exchange, "_check_pids", _blind_to("own")),
        ["CN:01-01", "TP:02-01", "CN_C:02-04"],
    ),
    "peer-pid-unchecked": (
        _instead(exchange.Exchange, "_check_pids", _blind_to("peer")),
        ["CN:01-01", "TP:02-01", "TP_C:01-05"],
    ),
    "repetition-is-news": (_instead(exchange.Exchange, "_repeat_by_id", _never), ["CN:03-03", "CN:01-02"]),
    "repetition-with-another-body": (
        _instead(exchange.Exchange, "_repeat_by_id", _any_body),
        ["CN:03-03", "TP:02-03"],
    ),
    "second-negotiation": (_instead(tables.Negotiations, "by_peer_pid", _never), ["CN:02-02"]),
    "second-transfer": (_instead(tables.Transfers, "by_peer_pid", _never), ["TP:02-05"]),
    "everybody-is-known": (
        _instead(parties.Parties, "authenticate", _known_to_all),
        ["CN:02-02", "CAT:01-01"],
    ),
    "gives-up-at-404": (_instead(deliver, "judge", _final_at_404), ["CN_C:02-02", "TP_C:02-05"]),
    "fresh-id-at-each-try": (_instead(deliver.Sender, "_attempt", _fresh_id), ["CN_C:02-02", "TP_C:02-05"]),
    "agreement-for-another": (_instead(agreeing.Agreeing, "agree", _for_ourselves), ["CN:01-04"]),
}
"""What is broken, and the scenarios that must fail."""


@pytest.mark.slow
async def test_the_connector_passes_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = await _play(tmp_path / "home", monkeypatch, list(SCENARIOS), loss=0.2)
    assert {r.scenario: r.reason for r in results if r.reason} == {}


def _named_by_a_fault() -> list[str]:
    return sorted({scenario for _, scenarios in FAULTS.values() for scenario in scenarios})


async def test_the_connector_passes_where_no_fault_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = await _play(tmp_path / "home", monkeypatch, _named_by_a_fault())
    assert {r.scenario: r.reason for r in results if r.reason} == {}


def test_there_are_faults_enough() -> None:
    assert len(FAULTS) >= 20


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_the_connector_is_found(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, scenarios = FAULTS[fault]
    make(monkeypatch)
    # A rule about repeating is tried only where something has to be repeated: then every answer is lost.
    loss = 1.0 if fault in ("gives-up-at-404", "fresh-id-at-each-try") else 0.0
    results = await _play(tmp_path / "home", monkeypatch, scenarios, loss)
    assert {r.scenario for r in results if not r.reason} == set()


def _code() -> dict[str, int]:
    """Every function and attribute of the connector's modules and classes, by identity."""
    found: dict[str, int] = {}
    for name, module in sorted(sys.modules.items()):
        if name.split(".")[0] == "connector":
            for key, value in vars(module).items():
                if inspect.isfunction(value) or inspect.isclass(value):
                    found[f"{name}.{key}"] = id(value)
                if inspect.isclass(value) and value.__module__ == name:
                    members = {k: v for k, v in vars(value).items() if inspect.isroutine(v)}
                    found |= {f"{name}.{key}.{k}": id(v) for k, v in members.items()}
    return found


async def test_the_plug_in_adds_no_route_and_changes_no_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def routes(connector: Connector) -> list[tuple[str, str, str]]:
        table = public_app(connector.node).router.routes()
        return sorted((r.method, r.resource.canonical, r.handler.__qualname__) for r in table if r.resource)

    plain = Connector(
        build(tmp_path / "plain", _home(tmp_path / "plain", plugins=[], callback=1, public=2), {})
    )
    before_routes, before_code = routes(plain), _code()
    await plain.stop()
    public, callback, hooks = unused_port(), unused_port(), unused_port()
    monkeypatch.setenv("MADANG_CONFORMANCE_PORT", str(hooks))
    raw = _home(
        tmp_path / "tested", plugins=["tests.conformance.dsp.plugin"], callback=callback, public=public
    )
    tested = Connector(build(tmp_path / "tested", raw, {}))
    await tested.start()
    try:
        assert routes(tested) == before_routes
        after = _code()
        assert {name: after[name] for name in before_code} == before_code
        assert type(tested.node.store) is type(plain.node.store)
    finally:
        await tested.stop()
    assert any(canonical.endswith("/negotiations/request") for _, canonical, _ in before_routes)


async def test_seeding_twice_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    public, callback = unused_port(), unused_port()
    monkeypatch.setenv("MADANG_CONFORMANCE_PORT", str(unused_port()))
    raw = _home(tmp_path / "home", plugins=["tests.conformance.dsp.plugin"], callback=callback, public=public)
    seen = []
    for _ in range(2):
        connector = Connector(build(tmp_path / "home", raw, {}))
        await connector.start()
        try:
            agreements = await connector.node.store.read(lambda tx: tx.agreements.everything())
            assets = await connector.node.store.read(lambda tx: tx.assets.all_current())
        finally:
            await connector.stop()
        seen.append((agreements, sorted(asset.id for asset in assets)))
    assert seen[0] == seen[1]
    assert len(seen[0][0]) == len(AGREEMENTS)
    assert len(seen[0][1]) == len(DATASETS)
