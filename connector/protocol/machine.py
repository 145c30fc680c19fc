"""The two state machines of the Dataspace Protocol 2025-1, as tables.

Everything that moves a process stands here, and nothing here knows which role
we play: a row names the *sender* of a message, so both sides obey the same
rows (§7.1 and §8.1). A transition takes effect when the receiver acknowledges.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, cast

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

_C, _P = Role.CONSUMER, Role.PROVIDER
_N, _NA = NegotiationState, NegotiationAct
_T, _TA = TransferState, TransferAct

NEGOTIATION: Final[
    Mapping[NegotiationState | None, Mapping[tuple[Role, NegotiationAct], NegotiationState]]
] = {
    None: {
        (_C, _NA.REQUEST): _N.REQUESTED,
        (_P, _NA.OFFER): _N.OFFERED,
    },
    _N.REQUESTED: {
        (_P, _NA.OFFER): _N.OFFERED,
        (_P, _NA.AGREE): _N.AGREED,
        (_C, _NA.TERMINATE): _N.TERMINATED,
        (_P, _NA.TERMINATE): _N.TERMINATED,
    },
    _N.OFFERED: {
        (_C, _NA.REQUEST): _N.REQUESTED,
        (_C, _NA.ACCEPT): _N.ACCEPTED,
        (_C, _NA.TERMINATE): _N.TERMINATED,
        (_P, _NA.TERMINATE): _N.TERMINATED,
    },
    _N.ACCEPTED: {
        (_P, _NA.AGREE): _N.AGREED,
        (_C, _NA.TERMINATE): _N.TERMINATED,
        (_P, _NA.TERMINATE): _N.TERMINATED,
    },
    _N.AGREED: {
        (_C, _NA.VERIFY): _N.VERIFIED,
        (_C, _NA.TERMINATE): _N.TERMINATED,
        (_P, _NA.TERMINATE): _N.TERMINATED,
    },
    _N.VERIFIED: {
        (_P, _NA.FINALIZE): _N.FINALIZED,
        (_C, _NA.TERMINATE): _N.TERMINATED,
        (_P, _NA.TERMINATE): _N.TERMINATED,
    },
    _N.FINALIZED: {},
    _N.TERMINATED: {},
}

TRANSFER: Final[Mapping[TransferState | None, Mapping[tuple[Role, TransferAct], TransferState]]] = {
    None: {
        (_C, _TA.REQUEST): _T.REQUESTED,
    },
    _T.REQUESTED: {
        (_P, _TA.START): _T.STARTED,
        (_C, _TA.TERMINATE): _T.TERMINATED,
        (_P, _TA.TERMINATE): _T.TERMINATED,
    },
    _T.STARTED: {
        (_C, _TA.COMPLETE): _T.COMPLETED,
        (_P, _TA.COMPLETE): _T.COMPLETED,
        (_C, _TA.SUSPEND): _T.SUSPENDED,
        (_P, _TA.SUSPEND): _T.SUSPENDED,
        (_C, _TA.TERMINATE): _T.TERMINATED,
        (_P, _TA.TERMINATE): _T.TERMINATED,
    },
    _T.SUSPENDED: {
        (_C, _TA.START): _T.STARTED,
        (_P, _TA.START): _T.STARTED,
        (_C, _TA.TERMINATE): _T.TERMINATED,
        (_P, _TA.TERMINATE): _T.TERMINATED,
    },
    _T.COMPLETED: {},
    _T.TERMINATED: {},
}

_TABLES: Final = {Kind.NEGOTIATION: NEGOTIATION, Kind.TRANSFER: TRANSFER}


def step(kind: Kind, state: State | None, sender: Role, act: Act) -> State | None:
    """Where `act` by `sender` leads from `state`; None if it is not allowed there."""
    table = cast("Mapping[State | None, Mapping[tuple[Role, Act], State]]", _TABLES[kind])
    return table[state].get((sender, act))


def acts(kind: Kind, state: State | None, sender: Role) -> tuple[Act, ...]:
    """The messages that `sender` may send in `state`."""
    table = cast("Mapping[State | None, Mapping[tuple[Role, Act], State]]", _TABLES[kind])
    return tuple(act for (who, act) in table[state] if who is sender)


class Received(NamedTuple):
    """What a message from the peer does: the new state, and whether it proved delivery of ours."""

    state: State
    proves_delivery: bool


def receive(
    kind: Kind, state: State | None, pending: State | None, sender: Role, act: Act
) -> Received | None:
    """What the peer's message does to a process with `pending` in its outbox.

    A message that is legal only in the pending state proves that ours arrived:
    the pending transition is promoted first, then this one applied.
    """
    if (after := step(kind, state, sender, act)) is not None:
        return Received(after, proves_delivery=False)
    if pending is not None and (after := step(kind, pending, sender, act)) is not None:
        return Received(after, proves_delivery=True)
    return None


def diagram(kind: Kind) -> str:
    """The table as a Mermaid state diagram; C and P name the sender."""
    lines = ["stateDiagram-v2"]
    table = cast("Mapping[State | None, Mapping[tuple[Role, Act], State]]", _TABLES[kind])
    for state, row in table.items():
        edges: dict[tuple[State, str], str] = {}
        for (who, act), after in row.items():
            name = act.value.rpartition(":")[2].removesuffix("Message")
            key = (after, name)
            edges[key] = edges.get(key, "") + ("/" if key in edges else "") + who.value[0]
        for (after, name), senders in edges.items():
            lines.append(f"    {state or '[*]'} --> {after}: {senders} {name}")
        if not row:
            lines.append(f"    {state} --> [*]")
    return "\n".join(lines) + "\n"
