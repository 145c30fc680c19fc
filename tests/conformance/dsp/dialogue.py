"""One scenario, played: the player's own process, its moves, and what it insists on.

The player is the consumer where the connector under test provides, and the
provider where it consumes. Beyond the official suite it insists on what the
standard and the product promise: a creation is answered 201 and everything else
200; a refusal is 400 with the error body of its kind and both pids and changes
nothing; a repetition gets the first answer again.
"""

from __future__ import annotations

import asyncio
import json
import random
import uuid
from dataclasses import dataclass, replace
from typing import Any, Final

from tests.conformance.dsp.counterparty import Counterparty, NotYet, Wrong
from tests.conformance.dsp.messages import (
    ERROR_TYPE,
    EXPECTED,
    FORMS,
    STATUS_TYPE,
    Json,
    Parties,
    message,
    status,
)
from tests.conformance.dsp.scenarios import key_of, steps_of
from tests.conformance.dsp.table import FORMAT, TCK_PARTICIPANT, offer_id
from tests.conformance.dsp.wire import Answer, Failed, Wire, encode

CREATES: Final = "request"

FOLLOWS: Final[dict[str, tuple[str, ...]]] = {
    "REQUESTED": ("", "OFFERED"),
    "OFFERED": ("REQUESTED",),
    "ACCEPTED": ("OFFERED",),
    "AGREED": ("REQUESTED", "ACCEPTED"),
    "VERIFIED": ("AGREED",),
    "FINALIZED": ("VERIFIED",),
    "STARTED": ("REQUESTED", "SUSPENDED"),
    "SUSPENDED": ("STARTED",),
    "COMPLETED": ("STARTED",),
    "TERMINATED": ("REQUESTED", "OFFERED", "ACCEPTED", "AGREED", "VERIFIED", "STARTED", "SUSPENDED"),
}
"""The states of our own process in which a message that leads to a state can be placed."""


@dataclass(frozen=True, slots=True)
class Target:
    """The connector under test, and how the player presents itself to it."""

    dsp: str
    root: str
    negotiate: str
    transfer: str
    agent: str
    callback: str
    wait_s: float
    pace_s: float
    """How often the player looks whether it may go on (the official suite: 0.1)."""
    as_kit: bool = False


class Dialogue:
    """Plays one scenario about a process.

    Raises:
        Failed: with the reason, on the first thing that is not as it must be.
    """

    def __init__(
        self, scenario: str, target: Target, wire: Wire, peer: Counterparty, check: Any, seed: str
    ) -> None:
        self._target, self._wire, self._peer, self._check = target, wire, peer, check
        self._steps = steps_of(scenario, as_kit=target.as_kit)
        prefix = scenario.partition(":")[0]
        self._kind = "negotiations" if prefix.startswith("CN") else "transfers"
        self._consumes = not prefix.endswith("_C")
        self._pid = str(uuid.uuid4())
        self._peer_pid = ""
        self._address = target.dsp if self._consumes else ""
        self._key = key_of(scenario)
        self._offer_id = offer_id(self._key) if self._consumes else f"offer{self._key}"
        self._state = ""
        self._first: Json = {}
        self._last: tuple[str, bytes, Answer] | None = None
        self._is_slow = random.Random(f"{seed}:slow").random() < 0.3
        peer.begin(seed, self._pid)

    async def play(self) -> None:
        """All steps, in order."""
        for step in self._steps:
            words = step.lstrip("~").split()
            try:
                if step.startswith("~") or words[0] == "read":
                    await self._settle()
                await self._step(words)
            except Failed as failure:
                reason = self._peer.complaint or str(failure)
                raise Failed(f"at «{step}»: {reason}") from None
            if self._peer.complaint:
                raise Failed(f"at «{step}»: {self._peer.complaint}")

    async def _step(self, words: list[str]) -> None:
        match words:
            case ["expect", name]:
                self._peer.expect(self._kind, name, self._handler(name))
            case ["wait", state]:
                await self._wait(state)
            case ["read", state]:
                await self._read(state)
            case ["hook"]:
                await self._hook()
            case ["again"]:
                await self._again()
            case ["repeat"]:
                await self._repeat()
            case ["altered"]:
                await self._altered()
            case ["bogus"]:
                await self._bogus()
            case ["foreign" | "astray" | "nowhere" | "stranger" as how, verb]:
                await self._misplaced(how, verb)
            case [verb] if verb.startswith("!"):
                await self._refused(verb[1:])
            case [verb]:
                await self._send(verb)
            case _:
                raise ValueError(f"no such step: {words}")

    # ---- what comes ---------------------------------------------------------------------------

    def _handler(self, name: str) -> Any:
        form = FORMS[self._kind][EXPECTED.get(name, name)]

        def take(body: Json) -> Json | None:
            if name == CREATES:
                self._learn(body)
            elif self._consumes and not self._peer_pid:
                raise NotYet("the answer to the request is not here yet")
            if self._state not in FOLLOWS[form.leads_to]:
                raise NotYet(f"our process is in {self._state}")
            self._same_pids(body, creating=name == CREATES)
            self._contents(name, body)
            self._state = form.leads_to
            if name in ("agreement", "accepted", "verification", "finalized"):
                return None
            return status(self._kind, *self._pids(), self._state)

        return take

    def _learn(self, body: Json) -> None:
        self._peer_pid = str(body["consumerPid"])
        self._address = str(body["callbackAddress"]).rstrip("/")
        if not self._address.startswith("http"):
            raise Wrong(f"its callbackAddress is {self._address!r}")

    def _same_pids(self, body: Json, *, creating: bool) -> None:
        names = ("consumerPid",) if creating else ("consumerPid", "providerPid")
        for name, expected in zip(("consumerPid", "providerPid"), self._pids(), strict=True):
            if name in names and body.get(name) != expected:
                raise Wrong(f"its {name} is {body.get(name)!r} and not {expected!r}")

    def _contents(self, name: str, body: Json) -> None:
        match name:
            case "request" if self._kind == "transfers":
                wanted = {"agreementId": self._key, "format": FORMAT}
                self._equal(body, wanted)
            case "request":
                self._equal(body["offer"], {"@id": self._offer_id, "target": self._key})
            case "counter" | "offer":
                self._equal(body["offer"], {"target": self._key})
            case "agreement":
                wanted = {"target": self._key, "assigner": self._target.agent, "assignee": TCK_PARTICIPANT}
                self._equal(body["agreement"], wanted)
                if "timestamp" not in body["agreement"]:
                    raise Wrong("the agreement has no timestamp")
            case _:
                pass

    def _equal(self, found: Json, wanted: Json) -> None:
        for name, value in wanted.items():
            if found.get(name) != value:
                raise Wrong(f"its {name} is {found.get(name)!r} and not {value!r}")

    # ---- what we do ---------------------------------------------------------------------------

    async def _wait(self, state: str) -> None:
        deadline = asyncio.get_running_loop().time() + self._target.wait_s
        while True:
            await asyncio.sleep(self._target.pace_s)
            if self._peer.complaint:
                raise Failed(self._peer.complaint)
            if self._state == state:
                return
            if asyncio.get_running_loop().time() > deadline:
                seconds = f"{self._target.wait_s:g} s"
                raise Failed(
                    f"our process is still {self._state or 'not begun'} after {seconds}, not {state}"
                )

    async def _settle(self) -> None:
        """Wait until the connector knows that its messages arrived; until then it shows the state before."""
        deadline = asyncio.get_running_loop().time() + self._target.wait_s
        while self._peer.is_waiting_for_repetition:
            if asyncio.get_running_loop().time() > deadline:
                raise Failed(
                    f"a message whose answer was lost {self._target.wait_s:g} s ago was not sent again"
                )
            await asyncio.sleep(self._target.pace_s / 4)

    async def _read(self, state: str) -> None:
        """Once for a negotiation, until the deadline for a transfer, as the official suite does."""
        tries = 1 if self._kind == "negotiations" else max(1, int(self._target.wait_s / self._target.pace_s))
        found = ""
        for _ in range(tries):
            await asyncio.sleep(self._target.pace_s)
            found = await self._ask()
            if found == state:
                return
        raise Failed(f"the connector's process is {found}, not {state}")

    async def _ask(self) -> str:
        answer = await self._wire.get(f"{self._address}/{self._kind}/{self._peer_pid}")
        if answer.status != 200:
            raise Failed(f"its state was answered {answer.status} {answer.body}")
        self._checked(answer.body, STATUS_TYPE[self._kind])
        return str(answer.body["state"])

    async def _hook(self) -> None:
        if self._kind == "negotiations":
            url, names = self._target.negotiate, {"offerId": self._offer_id, "datasetId": self._key}
        else:
            url, names = self._target.transfer, {"agreementId": self._key, "format": FORMAT}
        start = {"providerId": TCK_PARTICIPANT, "connectorAddress": self._target.callback}
        await self._wire.post(url, start | names)

    async def _send(self, verb: str) -> None:
        form = FORMS[self._kind][verb]
        body = message(verb, self._parties())
        if verb in ("terminate", "verify") and self._kind == "negotiations":
            await asyncio.sleep(self._target.pace_s)
        before = self._state
        if verb in ("accept", "counter", "verify"):
            self._state = form.leads_to  # as a consumer the suite moves first and speaks then
        url = self._place(verb)
        answer = await self._wire.post(url, body)
        self._last = (url, encode(body), answer)
        if verb != CREATES:
            self._peer.settle()
        expected = 201 if verb == CREATES else 200
        if not self._target.as_kit and answer.status != expected:
            raise Failed(f"{verb} was answered {answer.status}, not {expected}")
        if verb == CREATES:
            self._first = body
            self._checked(answer.body, STATUS_TYPE[self._kind])
            if self._is_slow:  # what comes in the meantime, comes too early
                await asyncio.sleep(self._target.pace_s / 2)
            self._peer_pid = answer.body["providerPid"]
            self._state = form.leads_to
        elif self._state == before:
            self._state = form.leads_to

    async def _refused(self, verb: str) -> None:
        body = message(verb, self._parties())
        answer = await self._wire.once(self._place(verb), encode(body))
        if not 400 <= answer.status < 500 or answer.status == 404:
            raise Failed(
                f"{verb} in {self._state} was answered {answer.status} and not refused with a 4xx but 404"
            )
        if not self._target.as_kit:
            self._error(answer, 400, verb)

    # ---- questions of our own ------------------------------------------------------------------

    async def _again(self) -> None:
        body = self._first | {"@id": str(uuid.uuid4())}
        answer = await self._wire.once(self._place(CREATES), encode(body))
        if not 200 <= answer.status < 300:
            raise Failed(f"the same request under a new @id was answered {answer.status}")
        if answer.body.get("providerPid") != self._peer_pid:
            raise Failed("the same request under a new @id made a second process")

    async def _repeat(self) -> None:
        url, raw, first = self._sent()
        answer = await self._wire.once(url, raw)
        if answer.status != first.status or answer.body != first.body:
            got = f"{answer.status} {json.dumps(answer.body)}"
            raise Failed(f"a repetition was answered {got} and not as at first {first.status} {first.body}")

    async def _altered(self) -> None:
        url, raw, _ = self._sent()
        body = json.loads(raw) | {"https://example.com/ns#altered": "yes"}
        self._error(await self._wire.once(url, encode(body)), 400, "the same @id with another body")

    async def _bogus(self) -> None:
        nowhere = replace(self._parties(), consumer_pid=str(uuid.uuid4()), offer_id="NONE", key="NONE")
        answer = await self._wire.once(self._place(CREATES), encode(message(CREATES, nowhere)))
        if not 400 <= answer.status < 500:
            raise Failed(f"a request for what does not exist was answered {answer.status}")
        self._error(answer, answer.status, "a request for what does not exist")

    async def _misplaced(self, how: str, verb: str) -> None:
        body = message(verb, self._parties())
        ours, theirs = ("consumerPid", "providerPid") if self._consumes else ("providerPid", "consumerPid")
        url, expected, authorization = self._place(verb), 400, None
        match how:
            case "foreign":
                body[ours] = str(uuid.uuid4())
            case "astray":
                body[theirs] = str(uuid.uuid4())
            case "nowhere":
                other = f"urn:uuid:{uuid.uuid4()}"
                url, expected = url.replace(self._peer_pid, other), 404
                body[theirs] = other
            case _:
                expected, authorization = 401, "nobody-you-know"
        answer = await self._wire.once(url, encode(body), authorization=authorization)
        self._error(answer, expected, f"{verb}, {how}")

    # ---- what both need -------------------------------------------------------------------------

    def _pids(self) -> tuple[str, str]:
        return (self._pid, self._peer_pid) if self._consumes else (self._peer_pid, self._pid)

    def _parties(self) -> Parties:
        consumer, provider = self._pids()
        agent, callback = self._target.agent, self._target.callback
        return Parties(self._kind, consumer, provider, self._key, self._offer_id, agent, callback)

    def _place(self, verb: str) -> str:
        form = FORMS[self._kind][verb]
        below = form.place if verb == CREATES else f"{self._peer_pid}/{form.place}"
        return f"{self._address}/{self._kind}/{below}"

    def _sent(self) -> tuple[str, bytes, Answer]:
        if self._last is None:
            raise ValueError("nothing was sent yet")
        return self._last

    def _checked(self, body: Any, type_: str) -> None:
        if problem := self._check(body):
            raise Failed(f"the answer is no valid {type_}: {problem}")
        if body["@type"] != type_:
            raise Failed(f"the answer is a {body['@type']}, not a {type_}")
        if not self._peer_pid and not self._consumes:
            return
        for name, expected in zip(("consumerPid", "providerPid"), self._pids(), strict=True):
            if expected and body.get(name) != expected:
                raise Failed(f"the answer's {name} is {body.get(name)!r} and not {expected!r}")

    def _error(self, answer: Answer, expected: int, what: str) -> None:
        if answer.status != expected:
            raise Failed(f"{what} was answered {answer.status}, not {expected}")
        if problem := self._check(answer.body):
            raise Failed(f"{what}: the error body: {problem}")
        if answer.body["@type"] != ERROR_TYPE[self._kind]:
            raise Failed(
                f"{what}: the error body is a {answer.body['@type']}, not a {ERROR_TYPE[self._kind]}"
            )
