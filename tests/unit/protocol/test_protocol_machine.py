"""Both transition tables, cell by cell, against a second literal typed from the standard [D37]."""

from __future__ import annotations

import itertools

import pytest

from connector.model.process import (
    Act,
    Kind,
    NegotiationAct,
    NegotiationState,
    Role,
    State,
    TransferAct,
    TransferState,
)
from connector.protocol import machine

# DSP 2025-1 §7.1.2 and §8.1.2: "state: sender message state; …", C consumer, P provider.
NEGOTIATION = """
-         : C ContractRequestMessage REQUESTED; P ContractOfferMessage OFFERED
REQUESTED : P ContractOfferMessage OFFERED; P ContractAgreementMessage AGREED;
            C ContractNegotiationTerminationMessage TERMINATED;
            P ContractNegotiationTerminationMessage TERMINATED
OFFERED   : C ContractRequestMessage REQUESTED; C ContractNegotiationEventMessage:ACCEPTED ACCEPTED;
            C ContractNegotiationTerminationMessage TERMINATED;
            P ContractNegotiationTerminationMessage TERMINATED
ACCEPTED  : P ContractAgreementMessage AGREED;
            C ContractNegotiationTerminationMessage TERMINATED;
            P ContractNegotiationTerminationMessage TERMINATED
AGREED    : C ContractAgreementVerificationMessage VERIFIED;
            C ContractNegotiationTerminationMessage TERMINATED;
            P ContractNegotiationTerminationMessage TERMINATED
VERIFIED  : P ContractNegotiationEventMessage:FINALIZED FINALIZED;
            C ContractNegotiationTerminationMessage TERMINATED;
            P ContractNegotiationTerminationMessage TERMINATED
FINALIZED :
TERMINATED:
"""
TRANSFER = """
-         : C TransferRequestMessage REQUESTED
REQUESTED : P TransferStartMessage STARTED;
            C TransferTerminationMessage TERMINATED; P TransferTerminationMessage TERMINATED
STARTED   : C TransferCompletionMessage COMPLETED; P TransferCompletionMessage COMPLETED;
            C TransferSuspensionMessage SUSPENDED; P TransferSuspensionMessage SUSPENDED;
            C TransferTerminationMessage TERMINATED; P TransferTerminationMessage TERMINATED
SUSPENDED : C TransferStartMessage STARTED; P TransferStartMessage STARTED;
            C TransferTerminationMessage TERMINATED; P TransferTerminationMessage TERMINATED
COMPLETED :
TERMINATED:
"""
_ROLES = {"C": Role.CONSUMER, "P": Role.PROVIDER}


def _read(text: str) -> dict[tuple[str, Role, str], str]:
    found: dict[tuple[str, Role, str], str] = {}
    state = ""
    for line in text.strip().splitlines():
        if not line[0].isspace():
            state, line = line[:10].strip().rstrip(":"), line[11:]  # noqa: PLW2901  # the rest of the line
        for cell in filter(None, map(str.strip, line.split(";"))):
            sender, message, after = cell.split()
            found[state, _ROLES[sender], message] = after
    return found


EXPECTED = {Kind.NEGOTIATION: _read(NEGOTIATION), Kind.TRANSFER: _read(TRANSFER)}
STATES: dict[Kind, list[State | None]] = {
    Kind.NEGOTIATION: [None, *NegotiationState],
    Kind.TRANSFER: [None, *TransferState],
}
ACTS: dict[Kind, list[Act]] = {Kind.NEGOTIATION: [*NegotiationAct], Kind.TRANSFER: [*TransferAct]}
CELLS = [
    (kind, state, sender, act)
    for kind in Kind
    for state, sender, act in itertools.product(STATES[kind], Role, ACTS[kind])
]


def _wanted(kind: Kind, state: State | None, sender: Role, act: Act) -> str | None:
    return EXPECTED[kind].get((state.value if state else "-", sender, act.value))


def test_the_literal_was_read_whole() -> None:
    assert [len(EXPECTED[kind]) for kind in Kind] == [19, 14]


@pytest.mark.parametrize(("kind", "state", "sender", "act"), CELLS)
def test_each_cell(kind: Kind, state: State | None, sender: Role, act: Act) -> None:
    after = machine.step(kind, state, sender, act)
    assert (after.value if after else None) == _wanted(kind, state, sender, act)
    assert (act in machine.acts(kind, state, sender)) == (after is not None)


@pytest.mark.parametrize("kind", Kind)
def test_a_message_that_is_legal_only_in_pending_proves_delivery(kind: Kind) -> None:
    proved = 0
    for state, pending in itertools.product(STATES[kind], STATES[kind]):
        for sender, act in itertools.product(Role, ACTS[kind]):
            now = _wanted(kind, state, sender, act)
            then = _wanted(kind, pending, sender, act) if pending is not None else None
            found = machine.receive(kind, state, pending, sender, act)
            if now is not None:
                assert found == (now, False)
            elif then is not None:
                assert found == (then, True)
                proved += 1
            else:
                assert found is None
    assert proved > 0


@pytest.mark.parametrize("kind", Kind)
def test_nothing_leaves_a_terminal_state_and_nothing_returns_to_the_beginning(kind: Kind) -> None:
    last = [s for s in STATES[kind] if s and s.value in ("FINALIZED", "TERMINATED", "COMPLETED")]
    for state, sender, act in itertools.product(last, Role, ACTS[kind]):
        assert machine.step(kind, state, sender, act) is None
    reachable = {machine.step(kind, s, r, a) for s, r, a in itertools.product(STATES[kind], Role, ACTS[kind])}
    assert reachable - {None} == set(STATES[kind]) - {None}


@pytest.mark.parametrize("kind", Kind)
def test_the_diagram_draws_each_transition_once(kind: Kind) -> None:
    drawn: dict[tuple[str, str, str], str] = {}
    for line in machine.diagram(kind).splitlines()[1:]:
        before, arrow, rest = line.strip().partition(" --> ")
        assert arrow
        after, colon, label = rest.partition(": ")
        if not colon:
            assert after == "[*]"
            continue
        senders, name = label.split()
        for sender in senders.split("/"):
            drawn[before, sender, name] = after
    wanted = {
        (
            "[*]" if state == "-" else state,
            role.value[0],
            name.rpartition(":")[2].removesuffix("Message"),
        ): after
        for (state, role, name), after in EXPECTED[kind].items()
    }
    assert drawn == wanted
