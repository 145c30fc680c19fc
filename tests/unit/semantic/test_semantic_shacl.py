"""The shapes catch what hurts, in sentences; the worker starts, stays, ends and is ended."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any

import pytest
from rdflib import Graph

from connector.errors import DescriptionInvalid, TooLarge, Unavailable
from connector.semantic import worker
from connector.semantic.description import Participant, Text
from connector.semantic.graph import triples
from connector.semantic.rdf import Literal
from connector.semantic.shacl import MAX_TURTLE_BYTES, Severity, ShaclCheck
from connector.semantic.terms import CONFIDENTIALITY, DATA_CLASSES, PROCESSES, compact
from connector.semantic.turtle import to_ntriples, to_turtle
from examples.generate.injection import DESCRIPTION
from tests.unit.semantic.samples import CLONE, catalog, sample

VOCAB = CLONE / "vocab"
SHAPES, SCHEMES = worker.load(VOCAB)


def objections(description: Any) -> list[dict[str, Any]]:
    said = description if isinstance(description, list) else triples(description)
    return worker.check(Graph().parse(data=to_ntriples(said), format="nt"), SHAPES, SCHEMES)


def places(description: Any, severity: str = "violation") -> set[tuple[str, str]]:
    return {(f["path"], f["column"]) for f in objections(description) if f["severity"] == severity}


# --- good ones ------------------------------------------------------------------------------------

GOOD = (
    [{}, DESCRIPTION]
    + [{"process": notation} for notation in PROCESSES]
    + [{"confidentiality": notation} for notation in CONFIDENTIALITY]
    + [{"data_class": notation} for notation in (*DATA_CLASSES, None)]
    + [
        {"generator": "가나다 정밀"},
        {"personal_data": True},
        {"columns": None, "row_count": None, "encoding": None, "media_type": "image/png"},
        {"columns": [{"name": "a", "datatype": "double", "label": "가", "unit": "개/상자"}]},
        {"columns": [{"name": "a", "datatype": "date", "label": "가"}]},
        {"keywords": None, "description": None, "issued": None, "modified": None, "equipment": None},
        {"offers": [{"id": "x", "policy": {"prohibition": [{"action": "distribute"}]}}]},
    ]
)


@pytest.mark.parametrize("changes", GOOD, ids=range(len(GOOD)))
def test_a_good_description_is_not_refused(changes):
    assert objections(sample(**changes)) == []


def test_there_are_thirty_good_ones():
    assert len(GOOD) >= 30


def test_a_good_catalog_is_not_refused():
    assert objections(catalog(sample(), sample(iri="https://a.example/2"))) == []


# --- bad ones -------------------------------------------------------------------------------------

NUMBER = {"name": "압력", "datatype": "decimal", "label": "압력"}
OFFER = {"id": "x", "policy": {"permission": [{"action": "use"}]}}


def constrained(**constraint: Any) -> list[dict[str, Any]]:
    return [{"id": "x", "policy": {"permission": [{"action": "use", "constraint": [constraint]}]}}]


@pytest.mark.parametrize(
    ("changes", "path", "column"),
    [
        ({"title": {"en": "x"}}, "dct:title", ""),
        ({"process": None}, "mmd:process", ""),
        ({"process": "knitting"}, "mmd:process", ""),
        ({"process": "trade-secret"}, "mmd:process", ""),
        ({"data_class": "injection-moulding"}, "mmd:dataClass", ""),
        ({"confidentiality": None}, "mmd:confidentiality", ""),
        ({"confidentiality": "secret"}, "mmd:confidentiality", ""),
        ({"personal_data": None}, "mmd:personalData", ""),
        ({"generator": None}, "mmd:generator", ""),
        ({"publisher": "https://factory-a.example/"}, "dct:publisher", ""),
        ({"offers": None}, "odrl:hasPolicy", ""),
        ({"offers": [{"id": "x", "policy": {}}]}, "odrl:permission", ""),
        ({"offers": [{"id": "x", "policy": {"@type": "Set"}}]}, "odrl:hasPolicy", ""),
        ({"offers": constrained(operator="eq", rightOperand="x")}, "odrl:leftOperand", ""),
        ({"offers": constrained(leftOperand="count", rightOperand="x")}, "odrl:operator", ""),
        ({"offers": constrained(leftOperand="count", operator="eq")}, "odrl:rightOperand", ""),
        ({"media_type": None}, "dcat:mediaType", ""),
        ({"byte_size": None}, "dcat:byteSize", ""),
        ({"sha256": None}, "spdx:checksum", ""),
        ({"sha256": "a4" * 31}, "spdx:checksumValue", ""),
        ({"access_service": None}, "dcat:accessService", ""),
        ({"columns": [NUMBER]}, "qudt:hasUnit", "압력"),
        ({"columns": [NUMBER | {"unit": "BAR", "unitless": True}]}, "mmd:unitless", "압력"),
        ({"columns": [NUMBER | {"unit": "BAR", "label": None}]}, "rdfs:label", "압력"),
        ({"columns": [{"name": "", "label": "x"}]}, "csvw:name", ""),
    ],
)
def test_what_is_missing_or_wrong_is_named(changes, path, column):
    assert (path, column) in places(sample(**changes))


def test_only_the_fault_is_named():
    assert places(sample(columns=[NUMBER])) == {("qudt:hasUnit", "압력")}
    assert places(sample(process="knitting")) == {("mmd:process", "")}
    assert places(sample(offers=constrained(leftOperand="count", operator="eq"))) == {
        ("odrl:rightOperand", "")
    }


def test_a_missing_english_title_only_warns():
    found = objections(sample(title={"ko": "사출"}))
    assert [(f["path"], f["severity"]) for f in found] == [("dct:title", "warning")]


def test_a_participant_needs_a_did_a_name_and_a_connector():
    paths = {f["path"] for f in objections(Participant("did:key:z6Mk", Text(), "https://a.example/dsp"))}
    assert "foaf:name" in paths
    assert any(
        "did:web" in f["message"]["en"]
        for f in objections(Participant("did:key:z", Text("가"), "https://a.b/"))
    )
    assert {"mmd:connector"} == {
        f["path"] for f in objections(Participant("did:web:a.example", Text("가"), ""))
    }
    mailed = Participant("did:web:a.example", Text("가"), "mailto:a@a.example")
    assert "dcat:endpointURL" in {f["path"] for f in objections(mailed)}


# Leaving one out only makes the description poorer, not wrong.
OPTIONAL = {
    "csvw:column", "csvw:tableSchema", "dcat:accessURL", "dcat:dataset", "dcat:keyword",
    "dcat:landingPage", "dcat:previousVersion", "dcat:service", "dct:conformsTo", "dct:description",
    "dct:identifier", "dct:issued", "dct:modified", "foaf:homepage", "mmd:column",
    "mmd:contractToken", "mmd:dataClass", "mmd:encoding", "mmd:equipment", "mmd:maximum",
    "mmd:minimum", "mmd:policyDigest", "mmd:rowCount", "mmd:transferFormat", "mmd:unitText",
    "odrl:action", "odrl:assigner", "odrl:constraint", "odrl:duty", "odrl:or", "odrl:permission",
    "odrl:prohibition", "odrl:target", "prov:wasAttributedTo", "prov:wasDerivedFrom",
    "qudt:hasUnit", "rdf:first", "rdf:rest", "spdx:algorithm",
}  # fmt: skip


def test_dropping_any_required_property_is_found():
    said = triples(catalog())
    dropped = []
    for prop in {p for _, p, _ in said}:
        name = compact(prop.value)
        if name in OPTIONAL or name == "rdf:type":
            continue
        remaining = [(s, p, o) for s, p, o in said if p != prop]
        assert [f for f in objections(remaining) if f["severity"] == "violation"], name
        dropped.append(name)
    assert len(dropped) >= 18


@pytest.mark.parametrize(
    "prop",
    [
        "dct:title",
        "dcat:version",
        "dct:publisher",
        "mmd:confidentiality",
        "mmd:personalData",
        "dcat:byteSize",
    ],
)
def test_saying_one_thing_twice_is_found(prop):
    said = triples(sample())
    subject, found, value = next(t for t in said if compact(t[1].value) == prop)
    other = Literal("다른 것", value.datatype, value.language) if isinstance(value, Literal) else subject
    assert places([*said, (subject, found, other)])


def test_every_objection_is_a_sentence_in_both_languages():
    bad = sample(
        title={"en": "x"}, process="x", confidentiality=None, personal_data=None, generator=None, sha256="x",
        columns=[NUMBER, NUMBER | {"label": None, "unit": "BAR", "unitless": True}], byte_size=None,
        media_type=None, access_service=None, offers=[{"id": "x", "policy": {}}],
    )  # fmt: skip
    found = objections(bad)
    assert len(found) >= 12
    for item in found:
        assert set(item["message"]) == set(item["field"]) == {"ko", "en"}
        assert item["message"]["en"].endswith(".")
        assert item["focus"].startswith("https://")
        assert "http" not in item["message"]["en"] + item["message"]["ko"] + item["field"]["ko"]


# --- the worker process -----------------------------------------------------------------------------


class FakeClock:
    """Sleepers wake when the test says so."""

    def __init__(self) -> None:
        self.asked: defaultdict[float, asyncio.Event] = defaultdict(asyncio.Event)
        self._due: defaultdict[float, asyncio.Event] = defaultdict(asyncio.Event)

    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        self.asked[seconds].set()
        await self._due[seconds].wait()

    async def wake(self, seconds: float) -> None:
        """Wake those who sleep for this long, as soon as there are any."""
        await self.asked[seconds].wait()
        self._due[seconds].set()
        self._due[seconds].clear()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
async def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def shacl(clock):
    check = ShaclCheck(VOCAB, clock)
    yield check
    await check.close()


async def test_a_worker_starts_on_demand_stays_and_ends_when_idle(shacl, clock):
    assert shacl.worker_pid is None
    assert await shacl.check(to_turtle(triples(sample()))) == []
    pid = shacl.worker_pid
    assert pid is not None
    found = await shacl.check(to_turtle(triples(sample(columns=[NUMBER], title={"ko": "가"}))))
    assert shacl.worker_pid == pid
    assert [f.severity for f in found] == [Severity.VIOLATION, Severity.WARNING]
    assert found[0].column == "압력"
    assert found[0].sentence("ko") == "단위 (압력): 숫자 항목에는 단위를 적거나 단위가 없다고 밝혀 주세요."
    assert found[0].sentence() == "unit (압력): Give the unit of a numeric column, or say that it has none."
    idle = shacl._idle
    await clock.wake(30.0)
    await idle
    assert shacl.worker_pid is None
    assert not is_alive(pid)
    assert await shacl.check(to_turtle(triples(sample()))) == []
    assert shacl.worker_pid != pid


async def test_what_is_no_turtle_is_said_and_the_worker_stays(shacl):
    await shacl.check(to_turtle(triples(sample())))
    pid = shacl.worker_pid
    with pytest.raises(DescriptionInvalid, match="not readable as Turtle"):
        await shacl.check('<urn:a> <urn:b> "x')
    assert await shacl.check("") == []
    assert shacl.worker_pid == pid


async def test_checks_at_the_same_time_get_their_own_answers(shacl):
    good, bad = to_turtle(triples(sample())), to_turtle(triples(sample(process="x")))
    found = await asyncio.gather(*(shacl.check(text) for text in (good, bad, good, bad)))
    assert [len(item) for item in found] == [0, 1, 0, 1]


async def test_a_check_that_takes_too_long_is_ended(clock):
    ready = f"print({json.dumps(json.dumps({'ready': True}))}, flush=True); import time; time.sleep(600)"
    check = ShaclCheck(VOCAB, clock, command=[sys.executable, "-c", ready])
    waiting = asyncio.create_task(check.check(""))
    await clock.wake(10.0)
    with pytest.raises(Unavailable, match="longer than 10 s"):
        await waiting
    assert check.worker_pid is None


@pytest.mark.parametrize("program", ["pass", "print('{}')", "print('{\"ready\": true}')", "import nowhere"])
async def test_a_worker_that_dies_is_said_and_replaced(clock, program):
    check = ShaclCheck(VOCAB, clock, command=[sys.executable, "-c", program])
    for _ in range(2):
        with pytest.raises(Unavailable):
            await check.check("")
        assert check.worker_pid is None


async def test_a_worker_killed_from_outside_is_replaced(shacl):
    await shacl.check("")
    os.kill(shacl.worker_pid, 9)
    found = []
    for _ in range(2):
        try:
            found = await shacl.check(to_turtle(triples(sample(process="x"))))
        except Unavailable:
            continue
        break
    assert len(found) == 1


async def test_a_cancelled_check_leaves_no_late_answer(shacl, clock):
    await shacl.check("")
    clock.asked[10.0].clear()
    waiting = asyncio.create_task(shacl.check(to_turtle(triples(sample(process="x")))))
    await clock.asked[10.0].wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert shacl.worker_pid is None
    assert await shacl.check(to_turtle(triples(sample()))) == []


async def test_a_description_over_the_limit_is_refused_at_once(shacl):
    with pytest.raises(TooLarge):
        await shacl.check("#" * (MAX_TURTLE_BYTES + 1))
    assert shacl.worker_pid is None


async def test_the_worker_gets_nothing_of_our_environment(clock, monkeypatch):
    monkeypatch.setenv("MADANG_SECRET", "x")
    program = "import os; raise SystemExit('MADANG_SECRET' in os.environ)"
    check = ShaclCheck(VOCAB, clock, command=[sys.executable, "-c", program])
    process = await check._spawn()
    assert await process.wait() == 0
