"""What negotiations and transfers have in common: a message in, a message out, one commit each.

In: duplicate? -> load -> authorise -> table -> accept (the kind's own checks)
-> new state, outbox, ledger leaf, dedupe key in one transaction -> answer.
Out: table -> compose -> pending state and outbox in one transaction -> the
commit wakes the sender -> the answer promotes pending to state.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Generic, TypeVar

from connector.errors import (
    Conflict,
    ConnectorError,
    EgressRefused,
    IllegalTransition,
    InvalidMessage,
    NotFound,
)
from connector.failpoints import failpoint
from connector.ledger.log import LeafKind
from connector.model.canonical import digest
from connector.model.identity import Peer
from connector.model.messages import Message
from connector.model.ports import Clock, RandomBytes
from connector.model.process import (
    Kind,
    Negotiation,
    NegotiationAct,
    NegotiationState,
    Role,
    State,
    Transfer,
    TransferAct,
    TransferState,
)
from connector.model.records import InboxEntry, OutboxItem
from connector.protocol import machine, messages
from connector.service.deliver import Reply, Sender
from connector.service.events import Events
from connector.service.extension import Automations, Step
from connector.service.journal import Journal
from connector.service.timers import Timers
from connector.store.api import Store
from connector.store.tables import Negotiations, Transfers, Tx

P = TypeVar("P", Negotiation, Transfer)

_TERMINATED: Final = (NegotiationState.TERMINATED, TransferState.TERMINATED)
AGAIN_S: Final = 1.0
"""How long after the answer to a repeated request our next message is said once more."""
_AT_COMMIT: Final = frozenset({NegotiationAct.TERMINATE, TransferAct.SUSPEND, TransferAct.TERMINATE})
"""These take effect here when they are committed, whatever the peer answers [D1]."""
_REPEATABLE: Final = frozenset(
    {NegotiationAct.AGREE, NegotiationAct.VERIFY, NegotiationAct.FINALIZE, NegotiationAct.TERMINATE}
    | set(TransferAct)
)
"""A second one under a new @id is a repeat, not a second wish [D2]; an offer or a counter-request is not."""
_FORWARD: Final = {
    NegotiationState.AGREED: (NegotiationState.VERIFIED, NegotiationState.FINALIZED),
    NegotiationState.VERIFIED: (NegotiationState.FINALIZED,),
}
"""Where our own next steps lead: a repeat of the message before them is still one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back to the peer. `refusal` is raised after the commit: the process says why it ended."""

    status: int
    body: Mapping[str, Any] | None = None
    refusal: ConnectorError | None = None


@dataclass(frozen=True, slots=True)
class Room:
    """What both services share."""

    store: Store
    clock: Clock
    random: RandomBytes
    journal: Journal
    events: Events
    sender: Sender
    timers: Timers
    automations: Automations
    callback: str
    """Our own DSP base address."""
    expire_after: timedelta
    insists: Callable[[str], bool]
    """Whether a peer is told important things a second time (the setting of a static peer)."""
    check_address: Callable[[str], None]
    """Raises EgressRefused for an address that we would never send to."""
    before: Callable[[Tx], None]
    """Runs first in the transaction of every message from outside: writes the token ids that were used."""

    async def take(self, work: Callable[[Tx], Answer]) -> Answer:
        """Run the work for a message from outside.

        Raises:
            ConnectorError: what the work raised, or what it says must be raised after the commit.
        """

        def whole(tx: Tx) -> Answer:
            self.before(tx)
            return work(tx)

        answer = await self.store.transact(whole)
        if answer.refusal is not None:
            raise answer.refusal
        return answer

    def check_callback(self, url: str) -> None:
        """A callback address that we may not dial is not understood: no process begins (§7.1, §8.1).

        Raises:
            InvalidMessage: with the rule that it breaks.
        """
        try:
            self.check_address(url)
        except EgressRefused as error:
            raise InvalidMessage(error.message, pointer="/callbackAddress") from None

    def pass_failpoints(self, tx: Tx, message: str) -> None:
        """The places before and after the commit of a message, ours or the peer's."""
        failpoint("before-commit", message)
        tx.after(lambda: failpoint("after-commit", message))

    def new_id(self) -> str:
        """A new IRI for a process, message or agreement: a UUID version 7 (RFC 9562 §5.7).

        Ids that rise with time lie side by side in every index: a commit of many writes few pages.
        """
        milliseconds = int(self.clock.now().timestamp() * 1000)
        value = bytearray(milliseconds.to_bytes(6, "big") + self.random(10))
        value[6] = value[6] & 0x0F | 0x70
        value[8] = value[8] & 0x3F | 0x80
        return f"urn:uuid:{uuid.UUID(bytes=bytes(value))}"


class Refused(Exception):
    """Raised by `_accept`: answer with `error`, and then take `step` ourselves."""

    def __init__(self, error: ConnectorError, step: Step) -> None:
        super().__init__(str(error))
        self.error = error
        self.step = step


class Exchange(ABC, Generic[P]):
    """The engine; a subclass knows one kind of process."""

    kind: ClassVar[Kind]

    def __init__(self, room: Room) -> None:
        self._room = room
        room.sender.settle_with(self.kind, self)
        room.timers.on(f"expire-{self.kind}", self._expire)

    # --- what a subclass says -----------------------------------------------------------------

    @abstractmethod
    def _rows(self, tx: Tx) -> Negotiations | Transfers:
        """Its table."""

    @abstractmethod
    def _accept(self, tx: Tx, process: P, message: Message, peer: Peer, state: State) -> P:
        """Check a message that the table allows, and take over what it says.

        Raises:
            ConnectorError: not acceptable; nothing changes.
            Refused: not acceptable, and it ends the process.
        """

    @abstractmethod
    def _compose(self, tx: Tx, process: P, step: Step) -> tuple[P, Message]:
        """The message for a step, and the process with whatever belongs to sending it."""

    def _arrived(self, tx: Tx, process: P, before: State | None) -> P:
        """Hook: the process has just reached a new state."""
        return process

    def _answered(self, tx: Tx, process: P, message: Message) -> P:
        """Hook: a message was taken, and the automation has not been asked yet."""
        return process

    def _tell_again(self, tx: Tx, process: P) -> None:
        """Hook: say our last message once more, in a second; nothing depends on the answer.

        A stock EDC under load can fall back to the state before it: it acknowledges ours,
        and then finishes a step of its own that it had begun earlier.
        """

    # --- messages from the peer ---------------------------------------------------------------

    async def receive(
        self, peer: Peer, pid: str, receiver: Role | None, message: Message, body: Mapping[str, Any]
    ) -> Answer:
        """A message about process `pid`, which we play as `receiver` (None: the path does not tell).

        Raises:
            NotFound: no such process, or not with this peer.
            InvalidMessage: pids that do not belong together, or a reused @id.
            IllegalTransition: not allowed in this state.
            ConnectorError: whatever the kind's own checks say.
        """
        return await self._room.take(lambda tx: self._receive(tx, peer, pid, receiver, message, body))

    def _receive(
        self, tx: Tx, peer: Peer, pid: str, receiver: Role | None, message: Message, body: Mapping[str, Any]
    ) -> Answer:
        if (known := self._repeat_by_id(tx, peer, message, body)) is not None:
            return known
        process = self._get(tx, pid, peer)
        if receiver is not None and process.role is not receiver:
            # It is the caller's own process, so nothing is given away; a 404 would only be tried again.
            raise IllegalTransition(
                f"the {process.role.value.lower()} takes no such message", pointer="/@type"
            )
        self._check_pids(process, message)
        pending = process.pending if self._may_have_left(tx, process) else None
        found = machine.receive(self.kind, process.state, pending, process.role.other, message.act)
        if found is None:
            return self._repeat_by_content(tx, peer, process, message, body)
        before = process.state
        if found.proves_delivery:
            process = self._reach(tx, replace(process, state=process.pending), before)
            before = process.state
        process = replace(process, peer_pid=process.peer_pid or message.pid_of(process.role.other))
        try:
            process = self._accept(tx, process, message, peer, found.state)
        except Refused as refused:
            self._end(tx, process, refused.step)
            return Answer(refused.error.status, refusal=refused.error)
        tx.outbox.delete_of_process(process.id)
        process = replace(process, state=found.state, pending=None)  # type: ignore[arg-type]
        process = self._reach(tx, process, before, actor=peer.participant_id)
        self._remember(tx, peer, process, message, body, Answer(200))
        self.advance(tx, self._answered(tx, process, message))
        return Answer(200)

    def _get(self, tx: Tx, pid: str, peer: Peer) -> P:
        process: Any = self._rows(tx).get(pid)
        if process is None or process.peer != peer.participant_id:
            raise NotFound("there is no such process")
        return process  # type: ignore[no-any-return]

    def _check_pids(self, process: P, message: Message) -> None:
        if message.pid_of(process.role) != process.id:
            raise InvalidMessage("is not the process that the path names", pointer=_pid_pointer(process.role))
        other = process.role.other
        if process.peer_pid and message.pid_of(other) != process.peer_pid:
            raise InvalidMessage("does not belong to this process", pointer=_pid_pointer(other))

    def _may_have_left(self, tx: Tx, process: P) -> bool:
        if process.pending is None:
            return False
        now = self._room.clock.now()
        return any(item.may_have_left(now) for item in tx.outbox.of_process(process.id))

    def _repeat_by_id(self, tx: Tx, peer: Peer, message: Message, body: Mapping[str, Any]) -> Answer | None:
        if not message.id:
            return None
        seen = tx.inbox.seen(peer.participant_id, message.id)
        if seen is None:
            return None
        if seen.body_digest != body_digest(body):
            raise InvalidMessage("was already used for another message", pointer="/@id")
        return _answer_of(seen)

    def _repeat_by_content(
        self, tx: Tx, peer: Peer, process: P, message: Message, body: Mapping[str, Any]
    ) -> Answer:
        if message.act in _REPEATABLE:
            seen = tx.inbox.with_content(process.id, content_digest(body))
            if seen is not None and process.state is not None:
                forward = _FORWARD.get(seen.led_to, ())  # type: ignore[call-overload]
                if process.state == seen.led_to or process.state in forward:
                    self._tell_again(tx, process)
                    return self._again(tx, peer, process, message, body, _answer_of(seen))
        name = message.act.value.partition(":")[0]
        state = process.state.value if process.state else "not yet acknowledged"
        raise IllegalTransition(f"{name} is not allowed in state {state}", pointer="/@type")

    def _again(
        self, tx: Tx, peer: Peer, process: P, message: Message, body: Mapping[str, Any], answer: Answer
    ) -> Answer:
        """A repeat under a new @id is kept under that id too."""
        if message.id:
            self._remember(tx, peer, process, message, body, answer)
        return answer

    def _remember(
        self, tx: Tx, peer: Peer, process: P, message: Message, body: Mapping[str, Any], answer: Answer
    ) -> None:
        text = json.dumps(answer.body, ensure_ascii=False) if answer.body is not None else ""
        content = content_digest(body)
        # A message without @id is kept under its content, so that its repeat is found the same way.
        key = message.id or f"{process.id}#{content}#{process.version}"
        tx.inbox.add(
            InboxEntry(
                peer=peer.participant_id,
                message_id=key,
                process_id=process.id,
                body_digest=body_digest(body) if message.id else content,
                content_digest=content,
                act=message.act.value,
                led_to=process.state.value if process.state else "",
                status=answer.status,
                answer=text,
                received_at=self._room.clock.now(),
            )
        )
        self._room.pass_failpoints(tx, message.act.value)

    # --- messages to the peer -----------------------------------------------------------------

    def advance(self, tx: Tx, process: P) -> P:
        """Take the step that the automation wants from here, if any."""
        step = self._room.automations.next(process)
        return process if step is None else self.perform(tx, process, step)

    def perform(self, tx: Tx, process: P, step: Step) -> P:
        """Take a step: put its message into the outbox, with the state it leads to.

        Raises:
            Conflict: the step is not allowed in the state that the process is in.
        """
        after = machine.step(self.kind, process.state, process.role, step.act)
        if after is None and process.pending is not None and self._may_have_left(tx, process):
            after = machine.step(self.kind, process.pending, process.role, step.act)
        if process.state is None and step.act in (NegotiationAct.TERMINATE, TransferAct.TERMINATE):
            return self._end(tx, process, step)
        if after is None:
            state = process.state.value if process.state else "INITIAL"
            raise Conflict(f"{step.act.value} is not possible in state {state}")
        if step.act in _AT_COMMIT:
            return self._end(tx, process, step)
        tx.outbox.delete_of_process(process.id)
        process, message = self._compose(tx, process, step)
        process = self._save(tx, replace(process, pending=after))  # type: ignore[arg-type]
        self._send(tx, process, message, leads_to=after.value, delay_s=step.delay_s)
        return process

    def _end(self, tx: Tx, process: P, step: Step) -> P:
        """Suspend or terminate: here and now, and the peer is told.

        A first message that may be on its way stays: its answer brings the pid
        without which the peer cannot be told.
        """
        before = process.state
        if process.peer_pid or not self._may_have_left(tx, process):
            tx.outbox.delete_of_process(process.id)
        states: Any = NegotiationState if self.kind is Kind.NEGOTIATION else TransferState
        after = states.SUSPENDED if step.act is TransferAct.SUSPEND else states.TERMINATED
        process = replace(
            process,
            state=after,
            pending=None,
            reason=": ".join(part for part in (step.code, step.reason) if part),
            reason_by=process.role,
        )
        process, message = self._compose(tx, process, step)
        process = self._reach(tx, process, before)
        if process.peer_pid:
            self._send(tx, process, message, leads_to="", delay_s=step.delay_s)
        return process

    def _send_again(self, tx: Tx, process: P, message: Message) -> None:
        """One attempt, later; what the process does meanwhile takes it out of the outbox."""
        self._send(tx, process, message, leads_to="", delay_s=AGAIN_S, is_once=True)

    def _send(
        self,
        tx: Tx,
        process: P,
        message: Message,
        *,
        leads_to: str,
        delay_s: float = 0.0,
        is_once: bool = False,
    ) -> None:
        now = self._room.clock.now()
        body = json.dumps(messages.render(message), ensure_ascii=False, separators=(",", ":"))
        item = OutboxItem(
            id=message.id,
            kind=self.kind.value,
            process_id=process.id,
            peer=process.peer,
            our_id=process.our_id,
            url=process.address.rstrip("/") + messages.target_path(message, process.peer_pid),
            body=body,
            leads_to=leads_to,
            created_at=now,
            not_before=now + timedelta(seconds=delay_s),
            give_up_at=now if is_once else max(process.expires_at, now + timedelta(hours=1)),
            attempts=0,
            last_error="",
        )
        self._room.sender.put(tx, item)
        self._room.pass_failpoints(tx, message.act.value)

    def _pids(self, process: P) -> dict[str, Any]:
        own, other = process.id, process.peer_pid
        consumer, provider = (own, other) if process.role is Role.CONSUMER else (other, own)
        return {"id": self._room.new_id(), "consumer_pid": consumer, "provider_pid": provider}

    # --- answers to ours ----------------------------------------------------------------------

    def delivered(self, tx: Tx, item: OutboxItem, reply: Reply) -> None:
        """The peer acknowledged: what was pending is so."""
        process: Any = self._rows(tx).get(item.process_id)
        if process is None:
            return
        before, learns = process.state, not process.peer_pid
        if learns:
            consumer, provider = messages.pids_in_answer(reply.body)
            process = replace(process, peer_pid=provider if process.role is Role.CONSUMER else consumer)
            if process.state in _TERMINATED and process.peer_pid:
                process = self._save(tx, process)
                self._tell_end(tx, process)
                return
        if item.leads_to and process.pending == item.leads_to:
            process = replace(process, state=process.pending, pending=None)
            process = self._reach(tx, process, before)
            process = self.advance(tx, process)
            if process.pending is None and self._room.insists(process.peer):
                self._tell_again(tx, process)
            return
        if learns:
            process = self._save(tx, process)
        if process.state is TransferState.SUSPENDED and process.pending is None:
            # Our own suspension took effect at commit; only now that it is told may the next step follow.
            self.advance(tx, process)

    def _tell_end(self, tx: Tx, process: P) -> None:
        """It was ended here before the peer's pid was known."""
        act = NegotiationAct.TERMINATE if self.kind is Kind.NEGOTIATION else TransferAct.TERMINATE
        code, _, reason = process.reason.partition(": ")
        process, message = self._compose(tx, process, Step(act, code=code, reason=reason))
        self._send(tx, process, message, leads_to="")

    def refused(self, tx: Tx, item: OutboxItem, reply: Reply) -> None:
        """The peer refused for good: nothing is pending any more, and the reason is kept."""
        process: Any = self._rows(tx).get(item.process_id)
        if process is None or not item.leads_to:
            return
        before = process.state
        reason = reply.reason or "no answer"
        process = replace(process, pending=None, reason=reason, reason_by=process.role.other)
        if before is None:
            ended: Any = NegotiationState if self.kind is Kind.NEGOTIATION else TransferState
            self._reach(tx, replace(process, state=ended.TERMINATED), before)
        else:
            self._save(tx, process)
            self._room.events.publish(tx, f"{self.kind}.refused", process.id, {"reason": reason})

    # --- common -------------------------------------------------------------------------------

    def _start(self, tx: Tx, process: P) -> None:
        """Insert a new process with its expiry."""
        rows: Any = self._rows(tx)
        rows.add(process)
        self._room.timers.set(tx, f"expire-{self.kind}", process.id, process.expires_at)

    def _reach(self, tx: Tx, process: P, before: State | None, *, actor: str = "local") -> P:
        """The process is in a new state: save, leaf, event."""
        assert process.state is not None  # for the type checker; every caller set it
        process = self._arrived(tx, process, before)
        process = self._save(tx, process)
        data = {
            "from": before.value if before else "",
            "to": process.state.value if process.state else "",
            "role": process.role.value,
            "peer": process.peer,
        }
        if process.state in _TERMINATED and process.reason:
            data["reason"] = process.reason[:500]
        self._room.journal.write(tx, LeafKind.STATE, process.id, data, actor=actor)
        self._room.events.publish(tx, f"{self.kind}.{data['to'].lower()}", process.id, data)
        if process.is_over:
            self._room.timers.clear(tx, f"expire-{self.kind}", process.id)
        return process

    def _save(self, tx: Tx, process: P) -> P:
        rows: Any = self._rows(tx)
        return rows.save(replace(process, updated_at=self._room.clock.now()))  # type: ignore[no-any-return]

    def _expire(self, tx: Tx, ref: str) -> None:
        process: Any = self._rows(tx).get(ref)
        if process is None or process.is_over:
            return
        act = NegotiationAct.TERMINATE if self.kind is Kind.NEGOTIATION else TransferAct.TERMINATE
        self._end(tx, process, Step(act, code="expired", reason="nothing happened within the time allowed"))

    def _expires(self, now: datetime) -> datetime:
        return now + self._room.expire_after

    # --- local calls --------------------------------------------------------------------------

    async def show(self, peer: Peer, pid: str) -> P:
        """A process as its own peer may see it.

        Raises:
            NotFound: no such process, or not with this peer.
        """
        return await self._room.store.read(lambda tx: self._get(tx, pid, peer))

    async def find(self, pid: str) -> P:
        """A process, for the factory itself.

        Raises:
            NotFound: no such process.
        """
        found: Any = await self._room.store.read(lambda tx: self._rows(tx).get(pid))
        if found is None:
            raise NotFound(f"there is no {self.kind} {pid}")
        return found  # type: ignore[no-any-return]

    async def act(self, pid: str, step: Step) -> P:
        """Take a step by hand.

        Raises:
            NotFound, Conflict: no such process, or the step is not possible now.
        """

        def work(tx: Tx) -> P:
            process: Any = self._rows(tx).get(pid)
            if process is None:
                raise NotFound(f"there is no {self.kind} {pid}")
            return self.perform(tx, process, step)

        return await self._room.store.transact(work)


def _pid_pointer(role: Role) -> str:
    return "/consumerPid" if role is Role.CONSUMER else "/providerPid"


def content_digest(body: Mapping[str, Any]) -> str:
    """What a message says, whatever its @id: recognises a repeat."""
    return body_digest({k: v for k, v in body.items() if k not in ("@id", "@context")})


def body_digest(body: Mapping[str, Any]) -> str:
    """SHA-256 of a message, the same whatever the order of its members.

    A member that is not ours may hold a number that has no canonical form here: the message is
    compared, not signed, so Python's own spelling of that number does.
    """
    try:
        return digest(body)
    except ValueError:
        text = json.dumps(body, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _answer_of(seen: InboxEntry) -> Answer:
    return Answer(seen.status, json.loads(seen.answer) if seen.answer else None)


__all__ = ["Answer", "Exchange", "Refused", "Room", "content_digest"]
