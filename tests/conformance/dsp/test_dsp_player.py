"""The judge is judged: the player passes a correct connector and finds each seeded fault."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from aiohttp.test_utils import unused_port

from tests.conformance.dsp.dialogue import Target
from tests.conformance.dsp.player import Result, chosen, junit, play
from tests.conformance.dsp.scenarios import SCENARIOS
from tests.conformance.dsp.sparring import SparringPartner
from tests.conformance.dsp.sparring_rules import FAULTS

AGENT = "CONNECTOR_UNDER_TEST"
PACE_S = 0.01

FOUND_BY = {
    "agree-after-offer": ["CN_C:03-02"],
    "finalize-before-verify": ["CN_C:03-01", "CN_C:03-03", "CN_C:03-06"],
    "verify-before-agree": ["CN:03-02", "CN:03-03"],
    "terminate-after-final": ["CN:03-01"],
    "second-counter": ["CN:03-04"],
    "offer-after-accept": ["CN_C:03-05"],
    "complete-when-requested": ["TP:03-01", "TP_C:03-01"],
    "suspend-when-requested": ["TP:03-02", "TP_C:03-02"],
    "complete-when-suspended": ["TP:03-03", "TP_C:03-03"],
    "start-after-terminated": ["TP:03-04", "TP_C:03-04"],
    "accept-own-offer": ["CN:02-02"],
    "consumer-may-finalize": ["CN:03-02"],
    "illegal-is-409": ["CN:03-02", "TP:03-01"],
    "illegal-is-404": ["CN:03-02", "TP:03-01"],
    "illegal-is-200": ["CN:03-02", "TP:03-01"],
    "unknown-is-400": ["CN:02-02", "TP:02-05"],
    "create-is-200": ["CN:02-02", "TP:02-05"],
    "error-without-body": ["CN:03-02", "TP:03-01"],
    "error-of-wrong-type": ["CN:03-02", "TP:03-01"],
    "wrong-peer-pid": ["CN:01-01", "TP:02-01", "TP_C:01-05"],
    "wrong-own-pid": ["CN:01-01", "TP:02-01", "CN_C:02-04"],
    "repeat-refused": ["CN:03-03", "TP:02-03"],
    "altered-repeat": ["CN:03-03", "TP:02-03"],
    "request-twice-two-processes": ["CN:02-02", "TP:02-05"],
    "state-lags": ["CN:02-02"],
    "state-changes-on-error": ["CN_C:03-02", "TP:03-01"],
    "new-id-on-retry": ["CN_C:02-02", "TP_C:02-03"],
    "gives-up-on-404": ["CN_C:02-02", "TP_C:02-03"],
    "no-authorization": ["CAT:01-01", "CN:02-02"],
    "wrong-assignee": ["CN:01-04"],
    "offer-without-target": ["CN:01-01"],
    "foreign-context": ["CN:01-01"],
    "missing-dataset-is-empty": ["CAT:01-03"],
}
"""Which scenarios must fail for which fault."""


async def _play(
    scenarios: list[str], *, faults: frozenset[str] = frozenset(), loss: float = 0.0, as_kit: bool = False
) -> list[Result]:
    port, hook_port, callback_port = unused_port(), unused_port(), unused_port()
    root = f"http://localhost:{port}/api/dsp"
    target = Target(
        dsp=f"{root}/2025-1",
        root=root,
        negotiate=f"http://localhost:{hook_port}/tck/negotiations/requests",
        transfer=f"http://localhost:{hook_port}/tck/transfers/requests",
        agent=AGENT,
        callback=f"http://localhost:{callback_port}",
        wait_s=0.6,
        pace_s=PACE_S,
        as_kit=as_kit,
    )
    partner = SparringPartner(
        port=port, hook_port=hook_port, agent=AGENT, faults=faults, hurry=0.0, retry_s=PACE_S / 5
    )
    async with partner:
        return await play(target, scenarios, authorization="any", loss=loss, seed=7, say=lambda _line: None)


async def test_a_correct_connector_passes_everything() -> None:
    results = await _play(list(SCENARIOS), loss=0.25)
    assert {r.scenario: r.reason for r in results if r.reason} == {}
    assert len(results) == 65


async def test_a_correct_connector_passes_what_the_official_suite_asks() -> None:
    results = await _play(chosen(["CN", "TP_C:03"]), as_kit=True)
    assert {r.scenario: r.reason for r in results if r.reason} == {}


def test_every_fault_has_scenarios_that_must_find_it() -> None:
    assert set(FOUND_BY) == set(FAULTS)
    assert len(FAULTS) >= 20


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_found(fault: str) -> None:
    # A rule about repeating is tried only where something has to be repeated: then every answer is lost.
    loss = 1.0 if fault in ("gives-up-on-404", "new-id-on-retry") else 0.0
    results = await _play(FOUND_BY[fault], faults=frozenset({fault}), loss=loss)
    assert {r.scenario for r in results if not r.reason} == set()


async def test_the_same_seed_loses_the_same_answers() -> None:
    lines: list[str] = []
    port, hook_port, callback_port = unused_port(), unused_port(), unused_port()
    root = f"http://localhost:{port}/api/dsp"
    target = Target(
        f"{root}/2025-1",
        root,
        f"http://localhost:{hook_port}/tck/negotiations/requests",
        f"http://localhost:{hook_port}/tck/transfers/requests",
        AGENT,
        f"http://localhost:{callback_port}",
        wait_s=1,
        pace_s=PACE_S,
    )
    async with SparringPartner(port=port, hook_port=hook_port, agent=AGENT, hurry=0.0, retry_s=PACE_S / 5):
        for _ in range(2):
            await play(target, ["CN:01-03"], authorization="any", loss=0.9, seed=3, say=lines.append)
    lost = [line.rsplit(" lost ")[1] for line in lines if " lost " in line]
    assert len(lost) == 2
    assert lost[0] == lost[1] != "0 answers"


def test_scenarios_are_chosen_by_name_and_by_beginning() -> None:
    assert chosen(["CN:01-03"]) == ["CN:01-03"]
    assert chosen(["TP_C:03"]) == [f"TP_C:03-0{n}" for n in range(1, 7)]
    assert all(name.startswith("CN:") for name in chosen(["CN"]))
    assert len(chosen([])) == 65
    with pytest.raises(ValueError, match="no scenario is called"):
        chosen(["CN:09-99"])


def test_a_failure_stands_in_the_junit_file() -> None:
    document = junit([Result("CN:01-01", "", 0.5), Result("CN:01-02", "it <broke>", 0.1)]).decode()
    assert 'tests="2" failures="1"' in document
    assert "it &lt;broke&gt;" in document


def test_the_judges_import_nothing_from_the_connector() -> None:
    imported: Counter[str] = Counter()
    for path in Path(__file__).parent.glob("*.py"):
        if path.name in ("plugin.py", "seeding.py", "test_dsp_plugin.py"):
            continue  # the plug-in runs inside the connector
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom):
                imported[(node.module or "").split(".")[0]] += 1
            elif isinstance(node, ast.Import):
                imported.update(alias.name.split(".")[0] for alias in node.names)
    assert imported["tests"] > 5
    assert imported["connector"] == 0
