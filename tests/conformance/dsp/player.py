"""Plays the scenarios one after the other and says how each ended."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

from tests.conformance.dsp.checks import MessageCheck, reference
from tests.conformance.dsp.counterparty import Counterparty
from tests.conformance.dsp.dialogue import Dialogue, Target
from tests.conformance.dsp.messages import envelope
from tests.conformance.dsp.scenarios import CATALOG, SCENARIOS, steps_of
from tests.conformance.dsp.wire import Answer, Failed, Wire, encode

ENABLED: Final = 65


@dataclass(frozen=True, slots=True)
class Result:
    """How one scenario ended; an empty reason is success."""

    scenario: str
    reason: str
    seconds: float


def chosen(only: Sequence[str]) -> list[str]:
    """The scenarios whose id equals or starts with one of `only`; all of them without.

    Raises:
        ValueError: a name that fits none.
    """
    if not only:
        return list(SCENARIOS)
    for name in only:
        if not any(_fits(name, scenario) for scenario in SCENARIOS):
            raise ValueError(f"no scenario is called {name}")
    return [scenario for scenario in SCENARIOS if any(_fits(name, scenario) for name in only)]


def _fits(name: str, scenario: str) -> bool:
    return scenario == name or (scenario.startswith(name) and (":" in name or scenario[len(name)] == ":"))


async def play(
    target: Target,
    scenarios: Sequence[str],
    *,
    authorization: str,
    loss: float,
    seed: int,
    say: Callable[[str], None],
) -> list[Result]:
    """Play scenarios against a running connector, telling `say` a line for each.

    Raises:
        OSError: the callback port is taken.
    """
    check = MessageCheck(reference())
    say(f"checking with {check.sources}")
    callback = urlsplit(target.callback)
    results: list[Result] = []
    async with AsyncExitStack() as stack:
        wire = await stack.enter_async_context(Wire(authorization, pace_s=target.pace_s))
        peer = await stack.enter_async_context(
            Counterparty("127.0.0.1", callback.port or 80, loss=loss, problem_of=check)
        )
        for scenario in scenarios:
            began = time.monotonic()
            try:
                if scenario in CATALOG:
                    await Catalogue(target, wire, check).play(scenario)
                else:
                    await Dialogue(scenario, target, wire, peer, check, f"{seed}:{scenario}").play()
                reason = ""
            except Failed as failure:
                reason = str(failure)
            results.append(Result(scenario, reason, time.monotonic() - began))
            say(f"FAILED {scenario}: {reason}" if reason else f"ok {scenario}")
        say(
            f"the peer refused {peer.counts['late']} messages as too early or late,"
            f" dropped {peer.counts['early']} before it knew their process,"
            f" and lost {peer.counts['lost']} answers"
        )
    return results


class Catalogue:
    """The scenarios without a process: version document and catalog.

    Raises:
        Failed: with the reason.
    """

    def __init__(self, target: Target, wire: Wire, check: MessageCheck) -> None:
        self._target, self._wire, self._check = target, wire, check

    async def play(self, scenario: str) -> None:
        """All steps of one scenario."""
        for step in steps_of(scenario, as_kit=self._target.as_kit):
            match step.lstrip("~").split():
                case ["version"]:
                    await self._version()
                case ["catalog", dataset]:
                    await self._catalog(dataset)
                case ["dataset", dataset]:
                    answer = await self._wire.get(f"{self._target.dsp}/catalog/datasets/{dataset}")
                    self._dataset(self._valid(answer, 200, "Dataset"), dataset)
                case ["missing", dataset]:
                    answer = await self._wire.get(f"{self._target.dsp}/catalog/datasets/{dataset}")
                    status = answer.status if self._target.as_kit else 404
                    self._valid(answer, status, "CatalogError")
                case ["stranger", "catalog"]:
                    self._valid(await self._request({}, authorization="nobody-you-know"), 401, "CatalogError")
                case ["stranger", "dataset"]:
                    url = f"{self._target.dsp}/catalog/datasets/CAT0102"
                    answer = await self._wire.get(url, authorization="nobody-you-know")
                    self._valid(answer, 401, "CatalogError")
                case ["filter"]:
                    self._valid(await self._request({"filter": [{"nobody": "knows"}]}), 400, "CatalogError")
                case words:
                    raise ValueError(f"no such step: {words}")

    async def _version(self) -> None:
        answer = await self._wire.get(f"{self._target.root}/.well-known/dspace-version", authorization="")
        versions = answer.body.get("protocolVersions", []) if isinstance(answer.body, dict) else []
        for version in versions:
            if version.get("version") == "2025-1" and version.get("binding") == "HTTPS":
                path = str(version.get("path", ""))
                if path and (self._target.root + path).rstrip("/") == self._target.dsp.rstrip("/"):
                    return
        raise Failed(f"no version 2025-1 that leads to {self._target.dsp}: {answer.status} {answer.body}")

    async def _catalog(self, dataset: str) -> None:
        catalog = self._valid(await self._request({}), 200, "Catalog")
        found = [entry for entry in catalog.get("dataset", []) if entry.get("@id") == dataset]
        if not found:
            raise Failed(f"the catalog's first page has no dataset {dataset}")
        self._dataset(found[0], dataset)
        if not self._target.as_kit and catalog["participantId"] != self._target.agent:
            raise Failed(f"the catalog is {catalog['participantId']}'s, not {self._target.agent}'s")

    async def _request(self, extra: dict[str, Any], authorization: str | None = None) -> Answer:
        body = encode(envelope("CatalogRequestMessage") | extra)
        return await self._wire.once(f"{self._target.dsp}/catalog/request", body, authorization=authorization)

    def _dataset(self, found: dict[str, Any], dataset: str) -> None:
        if found.get("@id") != dataset:
            raise Failed(f"the dataset is {found.get('@id')!r}, not {dataset!r}")
        if any("target" in offer for offer in found.get("hasPolicy", [])):
            raise Failed("an offer in the catalog has a target")

    def _valid(self, answer: Answer, status: int, type_: str) -> dict[str, Any]:
        if answer.status != status:
            raise Failed(f"answered {answer.status}, not {status}: {str(answer.body)[:300]}")
        if problem := self._check(answer.body):
            raise Failed(f"the answer is no valid {type_}: {problem}")
        body: dict[str, Any] = answer.body
        if body["@type"] != type_:
            raise Failed(f"the answer is a {body['@type']}, not a {type_}")
        return body


def junit(results: Sequence[Result]) -> bytes:
    """The results as a JUnit XML document."""
    failures = sum(bool(result.reason) for result in results)
    suite = ET.Element(
        "testsuite", name="dsp-scenarios", tests=str(len(results)), failures=str(failures), errors="0"
    )
    for result in results:
        case = ET.SubElement(
            suite, "testcase", classname="dsp", name=result.scenario, time=f"{result.seconds:.3f}"
        )
        if result.reason:
            ET.SubElement(case, "failure", message=result.reason)
    return bytes(ET.tostring(suite, encoding="utf-8", xml_declaration=True))
