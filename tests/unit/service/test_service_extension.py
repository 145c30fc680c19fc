"""Who decides the next step: the default automation, plug-ins before it, and the example of the docs."""

from __future__ import annotations

import itertools
import os
import re
import sys
import time
import types
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connector.app import Connector
from connector.errors import BadInput
from connector.identity.keys import KeyRing
from connector.model.process import (
    Approval,
    Negotiation,
    NegotiationAct,
    NegotiationState,
    Process,
    Role,
    Transfer,
    TransferAct,
    TransferState,
)
from connector.protocol import machine
from connector.service.extension import Automations, Default, Hold, Step
from connector.settings import build

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
_COMMON: dict[str, Any] = {
    "id": "urn:p",
    "peer": "did:web:factory-b.example",
    "peer_pid": "urn:theirs",
    "address": "https://factory-b.example/dsp",
    "our_id": "did:web:factory-a.example",
    "pending": None,
    "dataset_id": "urn:d",
    "agreement_id": "",
    "reason": "because",
    "reason_by": None,
    "created_at": NOW,
    "updated_at": NOW,
    "expires_at": NOW,
}


def negotiation(role: Role, state: NegotiationState | None, approval: Approval) -> Negotiation:
    return Negotiation(role=role, state=state, approval=approval, offer={}, offer_token="", **_COMMON)


def transfer(role: Role, state: TransferState | None) -> Transfer:
    return Transfer(
        role=role,
        state=state,
        format="HttpData-PULL",
        data_address={},
        purpose="",
        declaration="",
        wants_refresh=False,
        suspended_by=None,
        **_COMMON,
    )


_A, _N, _S, _C, _P = Approval, NegotiationAct, NegotiationState, Role.CONSUMER, Role.PROVIDER
STEPS: dict[tuple[Role, NegotiationState, Approval], NegotiationAct] = {
    (_P, _S.REQUESTED, _A.APPROVED): _N.AGREE,
    (_C, _S.OFFERED, _A.APPROVED): _N.ACCEPT,
    **{(r, s, _A.REFUSED): _N.TERMINATE for r in Role for s in (_S.REQUESTED, _S.OFFERED)},
    **{(_P, _S.ACCEPTED, a): _N.AGREE for a in Approval},
    **{(_C, _S.AGREED, a): _N.VERIFY for a in Approval},
    **{(_P, _S.VERIFIED, a): _N.FINALIZE for a in Approval},
}


def test_what_was_approved_goes_on_and_all_else_waits() -> None:
    for role, state, approval in itertools.product(Role, [None, *NegotiationState], Approval):
        process = negotiation(role, state, approval)
        step = Default().next(process)
        wanted = STEPS.get((role, state, approval)) if state else None
        assert (
            isinstance(step, Hold)
            if wanted is None
            else step
            == Step(
                wanted,
                code="refused" if wanted is _N.TERMINATE else "",
                reason="because" if wanted is _N.TERMINATE else "",
            )
        ), (role, state, approval)
        if isinstance(step, Step):
            assert machine.step(process.kind, state, role, step.act) is not None, "only what the table allows"


def test_a_requested_transfer_is_started_by_its_provider_alone() -> None:
    for role, state in itertools.product(Role, [None, *TransferState]):
        step = Default().next(transfer(role, state))
        if (role, state) == (_P, TransferState.REQUESTED):
            assert step == Step(TransferAct.START)
        else:
            assert step == Hold()


@dataclass
class _Says:
    answer: Step | Hold | None
    asked: int = 0

    def next(self, process: Process) -> Step | Hold | None:
        self.asked += 1
        return self.answer


def test_the_last_one_put_first_is_asked_first_and_none_passes_on() -> None:
    waiting = negotiation(_P, _S.REQUESTED, _A.APPROVED)
    automations = Automations()
    assert automations.next(waiting) == Step(_N.AGREE)
    passes, holds = _Says(None), _Says(Hold())
    automations.put_first(passes)
    assert automations.next(waiting) == Step(_N.AGREE)
    automations.put_first(holds)
    assert automations.next(waiting) is None
    assert (holds.asked, passes.asked) == (1, 1)


# --- the example of docs/extending.md ----------------------------------------------------------


@pytest.fixture
def seoul() -> Iterator[None]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Seoul"
    time.tzset()
    yield
    os.environ.pop("TZ")
    if before is not None:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    text = (ROOT / "docs" / "extending.md").read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (code,) = (b for b in blocks if "class DayShift" in b)
    module = types.ModuleType("example_day_shift")
    exec(compile(code, "docs/extending.md", "exec"), module.__dict__)  # our own page
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@dataclass
class _Host:
    clock: Any


@dataclass
class _Clock:
    at: datetime

    def now(self) -> datetime:
        return self.at


@pytest.mark.parametrize(
    ("hour", "minute", "wait_h"), [(5, 30, 0.5), (6, 0, None), (21, 59, None), (22, 0, 8.0), (0, 0, 6.0)]
)
def test_the_documented_plug_in_does_what_the_page_says(
    example: types.ModuleType, seoul: None, hour: int, minute: int, wait_h: float | None
) -> None:
    local = datetime(2026, 11, 24, hour, minute, tzinfo=UTC) - timedelta(hours=9)
    automation = example.plugin(_Host(_Clock(local))).automation
    step = automation.next(negotiation(_P, _S.REQUESTED, _A.APPROVED))
    assert step == (None if wait_h is None else Step(_N.AGREE, delay_s=wait_h * 3600))
    assert automation.next(negotiation(_P, _S.REQUESTED, _A.WAITING)) is None
    assert automation.next(negotiation(_C, _S.REQUESTED, _A.APPROVED)) is None
    assert automation.next(transfer(_P, TransferState.REQUESTED)) is None


async def test_a_plug_in_is_loaded_by_its_name_and_a_missing_one_is_named(
    example: types.ModuleType, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    KeyRing.create(home / "keys", "did:web:factory-a.example", now=NOW)
    (home / "management.key").write_text("k")
    server = {
        "public_url": "https://factory-a.example",
        "public_host": "127.0.0.1",
        "public_port": 0,
        "management_port": 0,
    }
    connector = Connector(build(home, {"server": server, "plugins": [example.__name__]}, {}))
    await connector.start()
    assert type(connector.node.automations.chain[0]) is example.ByDay
    assert len(connector.node.automations.chain) == 2
    await connector.stop()
    broken = Connector(build(home, {"server": server, "plugins": ["no_such_module_here"]}, {}))
    with pytest.raises(BadInput) as caught:
        await broken.start()
    assert "no_such_module_here" in caught.value.message
    await broken.stop()


def test_replace_keeps_a_process_frozen() -> None:
    process = negotiation(_P, _S.REQUESTED, _A.WAITING)
    with pytest.raises(AttributeError):
        process.state = _S.AGREED  # type: ignore[misc]
    assert replace(process, approval=_A.APPROVED).approval is _A.APPROVED
