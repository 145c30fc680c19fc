"""What either end of an exchange must offer, whoever built it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from tests.interop.management import Entity, ManagementClient, Partner, settle
from tests.interop.recorder import Message, Recorder

PROTOCOL = "dataspace-protocol-http:2025-1"

OPEN_USE: Mapping[str, Any] = {"permission": [{"action": "use"}], "prohibition": [], "obligation": []}


class Node(ABC):
    """A connector under test: started, addressed, driven through its management API.

    `prepare` fixes the address, so that nodes can be told of each other; `start` is
    given the others, `stop` ends everything that was started.
    """

    label: str
    participant_id: str
    keeps_reasons: bool
    """A reason that the other side gave can be read in this node's own API."""
    acts_at_once: bool
    """A command's message leaves at once, not at the next tick of a state machine."""
    is_strict: bool
    """It promises an error body in the standard's shape for whatever it is sent."""
    asks_when_different: bool
    """A request on other terms than offered waits for a person; otherwise it is answered at once."""
    recorder: Recorder | None = None
    """Sees what reaches this node over DSP."""
    management: ManagementClient

    @property
    @abstractmethod
    def partner(self) -> Partner:
        """How others address this node."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """Its process id."""

    @abstractmethod
    async def prepare(self) -> None:
        """Fix ports and address."""

    @abstractmethod
    async def start(self, others: Sequence[Node]) -> None:
        """Run, knowing the others; returns when it takes part in exchanges."""

    @abstractmethod
    async def stop(self) -> None:
        """End all that `prepare` and `start` began."""

    @abstractmethod
    def source(self, name: str, content: bytes) -> dict[str, str]:
        """Keep these bytes where this node can serve them from; their data address."""

    @abstractmethod
    async def hold(self, definition_id: str, policy_id: str, asset_id: str) -> bool:
        """Offer an asset so that requests wait for a person; False if this node cannot."""

    async def reached(self, kind: str, process_id: str, state: str, *, timeout_s: float) -> Entity:
        """Wait for a state by asking for it every 5 ms, which costs a ticking node little.

        Raises:
            Unsettled: it ended otherwise, or `timeout_s` passed.
        """
        api = self.management
        read = api.transfer if kind == "transfer" else api.negotiation
        return await settle(lambda: read(process_id), frozenset({state}), timeout_s=timeout_s, every_s=0.005)

    async def offer(self, asset_id: str, content: bytes, rules: Mapping[str, Any] = OPEN_USE) -> None:
        """Publish these bytes as a dataset with one offer that is granted by itself."""
        await self.management.create_asset(asset_id, self.source(asset_id, content))
        await self.management.create_policy(f"{asset_id}-policy", rules)
        await self.management.create_contract_definition(
            f"{asset_id}-offer", policy_id=f"{asset_id}-policy", asset_id=asset_id
        )

    def identity_header(self, audience: str) -> str:
        """The Authorization value of a static-token identity that names this node."""
        return f'{{"region":"eu","audience":"{audience}","clientId":"{self.participant_id}"}}'

    def received(self, pid: str, kind: str) -> list[Message]:
        """The messages of this kind about this process that reached this node."""
        if self.recorder is None:
            return []
        return self.recorder.find(lambda message: message.kind == kind and message.mentions(pid))
