"""What a plug-in may do, and the one interface by which anything decides a next step.

A plug-in is a module named in the setting `plugins` with a function
`plugin(host: Host) -> Plugin`. It may seed the store, answer `next` for the
processes it cares about, and serve a listener of its own. It adds no DSP
route, writes no state and verifies no token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from connector.model.ports import Clock
from connector.model.process import (
    Act,
    Approval,
    Negotiation,
    NegotiationAct,
    NegotiationState,
    Process,
    Role,
    TransferAct,
    TransferState,
)

if TYPE_CHECKING:
    from connector.service.negotiation import Negotiations
    from connector.service.transfer import Transfers
    from connector.settings import Settings
    from connector.store.api import Store


@dataclass(frozen=True, slots=True)
class Step:
    """The message to send next, after `delay_s` seconds."""

    act: Act
    code: str = ""
    reason: str = ""
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Hold:
    """Send nothing by yourself."""


class Automation(Protocol):
    """Decides what a process does by itself once it has reached a state."""

    def next(self, process: Process) -> Step | Hold | None:
        """The step for this process, Hold to wait, or None: not mine, ask the next one."""
        ...


class Default:
    """The connector's own automation: what has been approved goes on, the rest waits."""

    def next(self, process: Process) -> Step | Hold | None:
        """The step that the state and the approval of a process call for."""
        if isinstance(process, Negotiation):
            return self._negotiation(process)
        if process.role is Role.PROVIDER and process.state is TransferState.REQUESTED:
            return Step(TransferAct.START)
        return Hold()

    def _negotiation(self, n: Negotiation) -> Step | Hold:
        match n.role, n.state, n.approval:
            case Role.PROVIDER, NegotiationState.REQUESTED, Approval.APPROVED:
                return Step(NegotiationAct.AGREE)
            case Role.CONSUMER, NegotiationState.OFFERED, Approval.APPROVED:
                return Step(NegotiationAct.ACCEPT)
            case _, NegotiationState.REQUESTED | NegotiationState.OFFERED, Approval.REFUSED:
                return Step(NegotiationAct.TERMINATE, code="refused", reason=n.reason)
            case Role.PROVIDER, NegotiationState.ACCEPTED, _:
                return Step(NegotiationAct.AGREE)
            case Role.CONSUMER, NegotiationState.AGREED, _:
                return Step(NegotiationAct.VERIFY)
            case Role.PROVIDER, NegotiationState.VERIFIED, _:
                return Step(NegotiationAct.FINALIZE)
            case _:
                return Hold()


@dataclass(frozen=True, slots=True)
class Host:
    """What a plug-in gets to see of the connector."""

    settings: Settings
    store: Store
    clock: Clock
    negotiations: Negotiations
    transfers: Transfers


class Plugin(Protocol):
    """A loaded plug-in."""

    @property
    def automation(self) -> Automation | None:
        """Its say in what happens next, asked before the connector's own."""
        ...

    async def start(self) -> None:
        """Seed, and open a listener; called before the connector is ready."""
        ...

    async def stop(self) -> None:
        """Close what `start` opened."""
        ...


@dataclass(slots=True)
class Automations:
    """Asks the plug-ins in order, then the connector's own automation."""

    chain: list[Automation] = field(default_factory=lambda: [Default()])

    def put_first(self, automation: Automation) -> None:
        """Ask this one before the others."""
        self.chain.insert(0, automation)

    def next(self, process: Process) -> Step | None:
        """The step to take, or None to wait."""
        for automation in self.chain:
            match automation.next(process):
                case Step() as step:
                    return step
                case Hold():
                    return None
                case None:
                    continue
        return None


__all__: Sequence[str] = ["Automation", "Automations", "Default", "Hold", "Host", "Plugin", "Step"]
