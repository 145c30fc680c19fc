"""The table, the scenarios and the kit's configuration say the same, and the kit's output is read rightly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.dsp import official, table
from tests.conformance.dsp.checks import MessageCheck, reference
from tests.conformance.dsp.launch import Ports, UnderTest
from tests.conformance.dsp.messages import FORMS, Parties, message, refusal, status
from tests.conformance.dsp.scenarios import CATALOG, SCENARIOS, key_of, steps_of
from tests.conformance.dsp.table import Does, Step, next_step

SUITE = reference() / "tck"

PASSED = """
[2026-01-01T00:00:00.1] SUCCESSFUL: TP:01-01
[2026-01-01T00:00:00.2] Passed tests: 65
[2026-01-01T00:00:00.2] Failed tests: 0

[2026-01-01T00:00:00.2] All tests passed


[2026-01-01T00:00:00.2] Test run complete
"""
FAILED = """
[2026-01-01T00:00:00.2] Passed tests: 64
[2026-01-01T00:00:00.2] Failed tests: 1

[2026-01-01T00:00:00.2] Failures:
[2026-01-01T00:00:00.2]
   -  org.example.Some03Test.cn_03_04

[2026-01-01T00:00:00.2]      [CN:03-04: Verify contract request, counter-offer (x2)]
[2026-01-01T00:00:00.2]      MESSAGE

[2026-01-01T00:00:00.2] Test run complete
"""


@pytest.mark.skipif(not SUITE.exists(), reason="the reference cases are not here")
def test_the_scenarios_are_the_enabled_ones_of_the_suite() -> None:
    rows = [line.split("\t") for line in (SUITE / "scenarios.tsv").read_text("utf-8").splitlines()]
    enabled = {row[0] for row in rows if len(row) > 1 and row[1] == "enabled"}
    assert set(SCENARIOS) == enabled
    assert len(enabled) == 65


@pytest.mark.skipif(not SUITE.exists(), reason="the reference cases are not here")
def test_the_kit_is_given_the_ids_of_its_sample() -> None:
    sample = {}
    for line in (SUITE / "sample.tck.properties").read_text("utf-8").splitlines():
        name, _, value = line.strip().partition("=")
        if name.startswith(("CN_", "TP_", "CAT_")):
            sample[name] = value
    assert table.configuration() == sample


def test_every_scenario_has_a_script_and_every_offer_a_dataset() -> None:
    for scenario in SCENARIOS:
        if scenario not in CATALOG:
            assert key_of(scenario) in table.SCRIPTS
    seeded = {dataset.id: dataset.offer_id for dataset in table.DATASETS}
    assert seeded["ACN0101"] == "CD123:ACN0101:456"
    assert table.MISSING_DATASET not in seeded
    assert {a.id for a in table.AGREEMENTS} >= {"ATP0101", "ATPC0104"}
    assert all(a.dataset_id in seeded for a in table.AGREEMENTS if a.provides)


def test_a_script_goes_by_the_visits_to_a_state() -> None:
    assert next_step("ACN0102", ["REQUESTED"]) == Step(Does.OFFER)
    assert next_step("ACN0102", ["REQUESTED", "OFFERED"]) is None
    assert next_step("ACN0102", ["REQUESTED", "OFFERED", "REQUESTED"]) == Step(Does.TERMINATE)
    trail = ["REQUESTED", "STARTED", "SUSPENDED", "STARTED"]
    moves = [next_step("ATP0104", trail[:n]) for n in range(1, 5)]
    assert [step.does for step in moves if step] == [Does.START, Does.SUSPEND, Does.START, Does.COMPLETE]
    assert next_step("ATP0104", [*trail, "COMPLETED"]) is None
    assert next_step("nobody", ["REQUESTED"]) is None
    assert next_step("ACN0101", []) is None


def test_our_own_questions_can_be_left_out() -> None:
    asked, as_kit = steps_of("CN:03-03", as_kit=False), steps_of("CN:03-03", as_kit=True)
    assert "~repeat" in asked
    assert as_kit == ("expect offer", "request", "wait OFFERED", "accept", "!verify")
    assert set(as_kit) < set(asked)


def test_what_the_player_sends_is_valid() -> None:
    check = MessageCheck(reference())
    for kind, forms in FORMS.items():
        for verb in forms:
            body = message(verb, Parties(kind, "c", "p", "ACN0101", "o", "AGENT", "http://localhost:1"))
            assert check(body) == ""
        assert check(status(kind, "c", "p", "REQUESTED")) == ""
        assert check(refusal(kind, "c", "p", "no")) == ""


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"@type": "Nonsense"}, "@type is 'Nonsense'"),
        ({"@context": "https://w3id.org/dspace/2025/1/context.jsonld"}, "@context is"),
        (
            {"@context": ["https://w3id.org/dspace/2025/1/context.jsonld", "https://a.example/c"]},
            "know the context",
        ),
        ({"consumerPid": None}, "has no consumerPid"),
    ],
)
def test_an_invalid_message_is_found(change: dict[str, object], complaint: str) -> None:
    body = status("negotiations", "c", "p", "AGREED") | change
    assert complaint in MessageCheck(reference())({k: v for k, v in body.items() if v is not None})


@pytest.mark.skipif(not SUITE.exists(), reason="the reference cases are not here")
def test_a_wrong_value_is_found_by_the_schema_of_the_standard() -> None:
    check = MessageCheck(reference())
    assert "against its schema" in check(status("negotiations", "c", "p", "STARTED"))
    late = message("agree", Parties("negotiations", "c", "p", "d", "o", "A", "http://localhost:1"))
    late["agreement"]["timestamp"] = "yesterday"
    assert "against its schema" in check(late)
    del late["agreement"]["assigner"]
    assert check(late) != ""


def test_a_good_run_of_the_kit() -> None:
    verdict = official.read_output(PASSED)
    assert verdict.is_good
    assert (verdict.passed, verdict.failed, verdict.failures) == (65, 0, ())


@pytest.mark.parametrize(
    "text",
    [
        "",
        PASSED.replace("Passed tests: 65", "Passed tests: 64"),
        PASSED.replace("Failed tests: 0", "Failed tests: 1"),
        PASSED.replace("Test run complete", ""),
        PASSED.replace("Passed tests: 65", "Passed tests: 0"),
    ],
)
def test_anything_less_is_no_good_run(text: str) -> None:
    assert not official.read_output(text).is_good


def test_only_the_kits_own_callback_excuses_a_failure() -> None:
    callback = "http://localhost:8083"

    def excused(message: str) -> bool:
        return official.is_kits_own_race(official.read_output(FAILED.replace("MESSAGE", message)), callback)

    assert excused(f"Unexpected 404 received for request: {callback}/negotiations/1/offers/")
    assert excused(f"java.io.IOException: unexpected end of stream on {callback}/...")
    assert not excused("Unexpected 404 received for request: http://localhost:8282/api/dsp/2025-1/x")
    assert not excused("Timeout waiting for state to transition to OFFERED")
    assert not official.is_kits_own_race(official.read_output(PASSED), callback)


def test_a_failure_is_read_with_its_message() -> None:
    verdict = official.read_output(FAILED.replace("MESSAGE", "Timeout waiting"))
    assert verdict.failures == (("CN:03-04: Verify contract request, counter-offer (x2)", "Timeout waiting"),)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    assert "TCK_DSP_CLASSPATH is not set" in official.missing({}, "java")
    assert "no no-such-java program" in official.missing({"TCK_DSP_CLASSPATH": str(tmp_path)}, "no-such-java")
    gone = tmp_path / "gone.jar"
    assert str(gone) in official.missing({"TCK_DSP_CLASSPATH": f"{tmp_path}:{gone}"}, "sh")
    assert official.missing({"TCK_DSP_CLASSPATH": str(tmp_path)}, "sh") == ""


def test_the_kits_file_has_what_it_requires() -> None:
    root = "http://localhost:8282/api/dsp"
    under_test = UnderTest(root, f"{root}/2025-1", "http://n", "http://t", "AGENT", Path("log"))
    text = official.as_properties(official.kit_configuration(under_test, Ports(callback=9999)))
    lines = dict(line.split("=", 1) for line in text.splitlines())
    assert lines["dataspacetck.dsp.connector.http.url"] == f"{root}/2025-1"
    assert lines["dataspacetck.callback.address"] == "http://localhost:9999"
    assert lines["dataspacetck.port"] == "9999"
    assert lines["dataspacetck.dsp.connector.http.headers.authorization"] == "any"
    assert lines["TP_C_01_05_AGREEMENTID"] == "ATPC0104"
