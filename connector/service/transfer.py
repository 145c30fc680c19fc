"""Transfers, both roles (DSP 2025-1 §8), and the withdrawal of contracts."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Final

from connector.errors import (
    BadInput,
    Conflict,
    ConnectorError,
    IllegalTransition,
    InvalidMessage,
    NotFound,
    PolicyDenied,
    SourceInvalid,
    TokenInvalid,
)
from connector.identity.did import parse_did_document, withdrawal_url
from connector.ledger.log import LeafKind
from connector.model import names
from connector.model.contract import Agreement
from connector.model.identity import Peer, PeerKind
from connector.model.messages import (
    Message,
    TransferCompletion,
    TransferRequest,
    TransferStart,
    TransferSuspension,
    TransferTermination,
)
from connector.model.process import Kind, Role, State, Transfer, TransferAct, TransferState
from connector.model.records import OutboxItem
from connector.policy import Decision, Scope
from connector.protocol import messages
from connector.service import contract
from connector.service.access import Access, withdrawn
from connector.service.contract import Parties, Tokens
from connector.service.deliver import Reply
from connector.service.exchange import Answer, Exchange, Room, content_digest
from connector.service.extension import Step
from connector.store.tables import Transfers as TransferRows
from connector.store.tables import Tx

_log = logging.getLogger(__name__)
_WITHDRAWAL: Final = "withdrawal"


class Transfers(Exchange[Transfer]):
    """Everything that happens in a transfer."""

    kind: ClassVar[Kind] = Kind.TRANSFER

    def __init__(self, room: Room, tokens: Tokens, access: Access) -> None:
        super().__init__(room)
        self._tokens = tokens
        self._access = access
        room.timers.on("contract-end", self._contract_ended)
        room.sender.settle_with(_WITHDRAWAL, _Notices(room))

    def _rows(self, tx: Tx) -> TransferRows:
        return tx.transfers

    # --- the first message --------------------------------------------------------------------

    async def open_by_request(self, peer: Peer, message: TransferRequest, body: Mapping[str, Any]) -> Answer:
        """A consumer's TransferRequestMessage; a repeated one gets the same transfer (§8.2.1).

        Raises:
            NotFound: no such agreement with this peer.
            Gone: the contract was withdrawn.
            PolicyDenied: the contract does not allow this use now.
            InvalidMessage: the format is not one we serve, or the declaration is wrong.
        """
        return await self._room.take(lambda tx: self._open(tx, peer, message, body))

    def _open(self, tx: Tx, peer: Peer, message: TransferRequest, body: Mapping[str, Any]) -> Answer:
        if (known := self._repeat_by_id(tx, peer, message, body)) is not None:
            return known
        existing = tx.transfers.by_peer_pid(peer.participant_id, message.consumer_pid, Role.PROVIDER)
        if existing is not None:
            if tx.inbox.with_content(existing.id, content_digest(body)) is None:
                raise InvalidMessage("belongs to another transfer already", pointer="/consumerPid")
            self._tell_again(tx, existing)
            answer = Answer(200, messages.render_process(existing))
            return self._again(tx, peer, existing, message, body, answer)
        self._room.check_callback(message.callback)
        agreement = tx.agreements.get(message.agreement_id)
        if agreement is None or agreement.peer != peer.participant_id or agreement.role is not Role.PROVIDER:
            raise NotFound("there is no such agreement", pointer="/agreementId")
        if not agreement.is_final:
            raise IllegalTransition("the agreement is not finalized", pointer="/agreementId")
        if agreement.withdrawn_at is not None:
            raise withdrawn(agreement)
        asset = tx.assets.version(agreement.dataset_id, agreement.dataset_version)
        if asset is not None and not asset.is_served:
            raise SourceInvalid("its source is not served by this connector", pointer="/agreementId")
        if message.format != names.DATA_FORMAT:
            raise InvalidMessage(f"must be {names.DATA_FORMAT}", pointer="/format")
        for other in tx.transfers.of_agreement(agreement.id):
            if other.state is TransferState.SUSPENDED and other.suspended_by is Role.PROVIDER:
                raise PolicyDenied(f"transfers are suspended: {other.reason}", code="suspended")
        purpose = self._purpose(message, peer, agreement)
        now = self._room.clock.now()
        transfer = Transfer(
            id=self._room.new_id(),
            role=Role.PROVIDER,
            peer=peer.participant_id,
            peer_pid=message.consumer_pid,
            address=message.callback,
            our_id=peer.our_id,
            state=TransferState.REQUESTED,
            pending=None,
            agreement_id=agreement.id,
            dataset_id=agreement.dataset_id,
            format=message.format,
            data_address=message.data_address or {},
            purpose=purpose,
            declaration=message.declaration,
            wants_refresh=message.wants_refresh,
            suspended_by=None,
            reason="",
            reason_by=None,
            created_at=now,
            updated_at=now,
            expires_at=self._expires(now),
        )
        decision = self._decide(tx, agreement, purpose)
        if not decision.permitted:
            self._access.record_denial(tx, agreement, message.consumer_pid, decision, Scope.TRANSFER)
            return Answer(400, refusal=_denied(decision))
        self._start(tx, transfer)
        transfer = self._reach(tx, transfer, None, actor=peer.participant_id)
        answer = Answer(201, messages.render_process(transfer))
        self._remember(tx, peer, transfer, message, body, answer)
        self.advance(tx, transfer)
        return answer

    def _tell_again(self, tx: Tx, process: Transfer) -> None:
        if process.role is Role.PROVIDER and TransferState.STARTED in (process.state, process.pending):
            process, message = self._compose(tx, process, Step(TransferAct.START))
            self._send_again(tx, process, message)

    def _purpose(self, message: TransferRequest, peer: Peer, agreement: Agreement) -> str:
        if not message.declaration:
            return ""
        if peer.document is None:
            raise TokenInvalid("a peer without a DID cannot declare a purpose", pointer=names.DECLARATION)
        now = self._room.clock.now()
        return contract.check_declaration(
            message.declaration, peer.document, agreement.id, agreement.consumer, agreement.provider, now
        )

    def _decide(self, tx: Tx, agreement: Agreement, purpose: str) -> Decision:
        uses = tx.uses.count_of_agreement(agreement.id)
        return self._access.decide(agreement, purpose, uses, Scope.TRANSFER)

    # --- what the peer says -------------------------------------------------------------------

    async def receive(
        self, peer: Peer, pid: str, receiver: Role | None, message: Message, body: Mapping[str, Any]
    ) -> Answer:
        """See `Exchange.receive`; a start with a data address in STARTED renews the address.

        That is what a provider answers to our resumption: the state is reached by our own
        start, the new token comes with its start.
        """
        if isinstance(message, TransferStart) and message.data_address is not None:
            renewed = await self._room.store.transact(lambda tx: self._renew(tx, peer, pid, message, body))
            if renewed is not None:
                return renewed
        return await super().receive(peer, pid, receiver, message, body)

    def _renew(
        self, tx: Tx, peer: Peer, pid: str, message: TransferStart, body: Mapping[str, Any]
    ) -> Answer | None:
        transfer = self._get(tx, pid, peer)
        awaits = transfer.role is Role.CONSUMER and not transfer.data_address
        if not awaits or TransferState.STARTED not in (transfer.state, transfer.pending):
            return None
        if transfer.state is TransferState.REQUESTED:
            return None
        self._check_pids(transfer, message)
        tx.outbox.delete_of_process(transfer.id)
        before = transfer.state
        transfer = replace(
            transfer, state=TransferState.STARTED, pending=None, data_address=message.data_address or {}
        )
        transfer = self._reach(tx, transfer, before, actor=peer.participant_id)
        return self._again(tx, peer, transfer, message, body, Answer(200))

    def _accept(self, tx: Tx, process: Transfer, message: Message, peer: Peer, state: State) -> Transfer:
        match message:
            case TransferStart():
                return self._take_start(tx, process, message)
            case TransferCompletion():
                return replace(process, reason="completed", reason_by=process.role.other)
            case TransferSuspension():
                return replace(
                    process,
                    suspended_by=process.role.other,
                    reason=_said(message.code, message.reason),
                    reason_by=process.role.other,
                )
            case TransferTermination():
                if message.withdrawal:
                    self._take_withdrawal(tx, process.agreement_id, message.withdrawal, peer)
                reason = _said(message.code, message.reason)
                return replace(process, reason=reason, reason_by=process.role.other)
            case _:
                pass
        raise InvalidMessage("is no message of a transfer that is under way", pointer="/@type")

    def _take_start(self, tx: Tx, t: Transfer, message: TransferStart) -> Transfer:
        if t.role is Role.CONSUMER:
            return replace(t, suspended_by=None, reason="", data_address=message.data_address or {})
        if t.suspended_by is Role.PROVIDER:
            raise PolicyDenied(
                f"the provider suspended this transfer and resumes it itself: {t.reason}",
                code="policy-denied",
            )
        agreement = self._its_agreement(tx, t)
        if agreement.withdrawn_at is not None:
            raise withdrawn(agreement)
        decision = self._decide(tx, agreement, t.purpose)
        if not decision.permitted:
            raise _denied(decision)
        return replace(t, suspended_by=None, reason="")

    def _its_agreement(self, tx: Tx, t: Transfer) -> Agreement:
        agreement = tx.agreements.get(t.agreement_id)
        if agreement is None:
            raise Conflict(f"transfer {t.id} has no agreement")
        return agreement

    def _arrived(self, tx: Tx, process: Transfer, before: State | None) -> Transfer:
        started = process.state is TransferState.STARTED
        if process.role is Role.PROVIDER and not started and process.state is not TransferState.REQUESTED:
            self._access.stop(tx, process.id)
        return process

    def _answered(self, tx: Tx, process: Transfer, message: Message) -> Transfer:
        """The consumer resumed: it gets a start of ours with a new token, the old one is void."""
        if isinstance(message, TransferStart) and process.role is Role.PROVIDER:
            process, start = self._compose(tx, process, Step(TransferAct.START))
            process = self._save(tx, process)
            self._send(tx, process, start, leads_to="")
        return process

    # --- what we say --------------------------------------------------------------------------

    def _compose(self, tx: Tx, process: Transfer, step: Step) -> tuple[Transfer, Message]:
        pids = self._pids(process)
        reason = (step.reason,) if step.reason else ()
        match step.act:
            case TransferAct.REQUEST:
                return process, TransferRequest(
                    **pids,
                    agreement_id=process.agreement_id,
                    format=process.format,
                    callback=self._room.callback,
                    declaration=process.declaration,
                    wants_refresh=process.wants_refresh,
                )
            case TransferAct.START:
                if process.role is Role.CONSUMER:
                    return replace(process, data_address={}, suspended_by=None), TransferStart(**pids)
                address = self._access.issue(tx, process, self._its_agreement(tx, process))
                return replace(process, suspended_by=None), TransferStart(**pids, data_address=address)
            case TransferAct.COMPLETE:
                return process, TransferCompletion(**pids)
            case TransferAct.SUSPEND:
                process = replace(process, suspended_by=process.role)
                return process, TransferSuspension(**pids, code=step.code, reason=reason)
            case TransferAct.TERMINATE:
                agreement = tx.agreements.get(process.agreement_id)
                token = agreement.withdrawal_token if agreement else ""
                return process, TransferTermination(**pids, code=step.code, reason=reason, withdrawal=token)
            case _:
                pass
        raise Conflict(f"{step.act} is no step of a transfer")

    # --- what the owner says ------------------------------------------------------------------

    async def request(self, agreement_id: str, *, purpose: str = "", address: str = "") -> Transfer:
        """Ask the provider of a contract for the data.

        Raises:
            NotFound: no such contract of ours as a consumer.
            Conflict: it is not final, or was withdrawn.
        """
        return await self._room.store.transact(lambda tx: self._begin(tx, agreement_id, purpose, address))

    def _begin(self, tx: Tx, agreement_id: str, purpose: str, address: str) -> Transfer:
        agreement = tx.agreements.get(agreement_id)
        if agreement is None or agreement.role is not Role.CONSUMER:
            raise NotFound(f"there is no contract {agreement_id} that we consume under")
        if agreement.withdrawn_at is not None:
            raise withdrawn(agreement)
        if not agreement.is_final:
            raise Conflict(f"contract {agreement_id} is not final")
        now = self._room.clock.now()
        signs = agreement.peer.startswith("did:") and agreement.our_id.startswith("did:")
        if purpose and not signs:
            raise BadInput("this partner takes no declared purpose", pointer="purpose")
        declaration = (
            self._tokens.declaration(agreement.id, purpose, agreement.peer, now) if purpose and signs else ""
        )
        transfer = Transfer(
            id=self._room.new_id(),
            role=Role.CONSUMER,
            peer=agreement.peer,
            peer_pid="",
            address=address or agreement.address,
            our_id=agreement.our_id,
            state=None,
            pending=None,
            agreement_id=agreement.id,
            dataset_id=agreement.dataset_id,
            format=names.DATA_FORMAT,
            data_address={},
            purpose=purpose,
            declaration=declaration,
            wants_refresh=signs,
            suspended_by=None,
            reason="",
            reason_by=None,
            created_at=now,
            updated_at=now,
            expires_at=self._expires(now),
        )
        self._start(tx, transfer)
        return self.perform(tx, transfer, Step(TransferAct.REQUEST))

    # --- withdrawal and end of contracts ------------------------------------------------------

    async def withdraw(self, agreement_id: str, reason: str = "") -> Agreement:
        """Take our consent back: at once here, and told to the peer on every way there is [D9].

        Raises:
            NotFound: no such contract.
            Conflict: it is still being negotiated.
        """

        def work(tx: Tx) -> Agreement:
            agreement = tx.agreements.get(agreement_id)
            if agreement is None:
                raise NotFound(f"there is no contract {agreement_id}")
            if agreement.withdrawn_at is not None:
                return agreement
            if not agreement.is_final:
                raise Conflict(f"contract {agreement_id} is not final: terminate its negotiation instead")
            now = self._room.clock.now()
            token = self._tokens.withdrawal(agreement, now, reason) if agreement.agreement_token else ""
            agreement = self._set_withdrawn(tx, agreement, agreement.our_id, token, reason)
            self._notify(tx, agreement)
            return agreement

        return await self._room.store.transact(work)

    def _set_withdrawn(self, tx: Tx, agreement: Agreement, by: str, token: str, reason: str) -> Agreement:
        agreement = tx.agreements.save(
            replace(
                agreement,
                withdrawn_at=self._room.clock.now(),
                withdrawn_by=by,
                withdrawal_token=token,
                withdrawal_reason=reason,
            )
        )
        actor = "local" if by == agreement.our_id else by
        self._room.journal.write(
            tx, LeafKind.WITHDRAWAL, agreement.id, {"by": by, "signed": bool(token)}, actor=actor
        )
        self._room.events.publish(tx, "contract.withdrawn", agreement.id, {"by": by, "reason": reason})
        self._room.timers.clear(tx, "contract-end", agreement.id)
        self._end_all(tx, agreement, "withdrawn", reason or "the contract was withdrawn")
        return agreement

    def _end_all(self, tx: Tx, agreement: Agreement, code: str, reason: str) -> None:
        for transfer in tx.transfers.of_agreement(agreement.id):
            if not transfer.is_over:
                self._end(tx, transfer, Step(TransferAct.TERMINATE, code=code, reason=reason))

    def _notify(self, tx: Tx, agreement: Agreement) -> None:
        # The document that the contract was signed under names the place, also after a restart.
        document = agreement.documents.get(agreement.peer)
        if document is None or not agreement.withdrawal_token:
            return
        url = withdrawal_url(parse_did_document(document, agreement.peer), agreement.id)
        if url is None:
            return
        now = self._room.clock.now()
        message_id = self._room.new_id()
        body = {"@id": message_id, names.WITHDRAWAL_TOKEN: agreement.withdrawal_token}
        item = OutboxItem(
            id=message_id,
            kind=_WITHDRAWAL,
            process_id=agreement.id,
            peer=agreement.peer,
            our_id=agreement.our_id,
            url=url,
            body=json.dumps(body),
            leads_to="",
            created_at=now,
            not_before=now,
            give_up_at=now + self._room.expire_after,
            attempts=0,
            last_error="",
        )
        self._room.sender.put(tx, item)
        self._room.pass_failpoints(tx, _WITHDRAWAL)

    async def receive_withdrawal(self, peer: Peer, agreement_id: str, token: str) -> None:
        """The peer withdraws a contract; saying it twice changes nothing.

        Raises:
            NotFound: no such contract with this peer.
            TokenInvalid: the token does not prove it.
        """
        await self._room.store.transact(lambda tx: self._take_withdrawal(tx, agreement_id, token, peer))

    def _take_withdrawal(self, tx: Tx, agreement_id: str, token: str, peer: Peer) -> None:
        agreement = tx.agreements.get(agreement_id)
        if agreement is None or agreement.peer != peer.participant_id:
            raise NotFound("there is no such agreement")
        if agreement.withdrawn_at is not None:
            return
        if peer.document is None:
            raise TokenInvalid("a peer without a DID cannot sign", pointer=names.WITHDRAWAL_TOKEN)
        parties = Parties(agreement.peer, agreement.our_id, agreement.consumer_pid, agreement.provider_pid)
        claims = contract.check(
            token,
            contract.WITHDRAWAL,
            peer.document,
            agreement.policy,
            parties,
            self._room.clock.now(),
            agreement_token=agreement.agreement_token,
        )
        self._set_withdrawn(tx, agreement, agreement.peer, token, str(claims.get("reason", ""))[:500])
        self._room.pass_failpoints(tx, _WITHDRAWAL)

    def refused(self, tx: Tx, item: OutboxItem, reply: Reply) -> None:
        """See `Exchange.refused`; a refusal may bring the withdrawal that we have not heard of yet [D9]."""
        super().refused(tx, item, reply)
        token = reply.body.get(names.WITHDRAWAL_TOKEN) if isinstance(reply.body, Mapping) else None
        transfer = tx.transfers.get(item.process_id)
        agreement = tx.agreements.get(transfer.agreement_id) if transfer else None
        document = agreement.documents.get(agreement.peer) if agreement else None
        if agreement is None or document is None or not isinstance(token, str):
            return
        signer = parse_did_document(document, agreement.peer)
        try:
            self._take_withdrawal(
                tx, agreement.id, token, Peer(agreement.peer, PeerKind.DID, agreement.our_id, signer)
            )
        except TokenInvalid as error:
            _log.warning("a refusal brought no valid withdrawal", extra={"error": str(error)})

    def _contract_ended(self, tx: Tx, ref: str) -> None:
        agreement = tx.agreements.get(ref)
        if agreement is not None and agreement.withdrawn_at is None:
            self._room.events.publish(tx, "contract.ended", agreement.id, {"peer": agreement.peer})
            if agreement.role is Role.PROVIDER:
                self._end_all(tx, agreement, "time-over", "the contract has ended")


class _Notices:
    """Settles withdrawal notices: delivered or not, the withdrawal holds."""

    def __init__(self, room: Room) -> None:
        self._room = room

    def delivered(self, tx: Tx, item: OutboxItem, reply: Reply) -> None:
        """The peer knows."""
        self._note(tx, item, "delivered")

    def refused(self, tx: Tx, item: OutboxItem, reply: Reply) -> None:
        """The peer would not hear of it; it learns it with its next request."""
        self._note(tx, item, "refused")

    def _note(self, tx: Tx, item: OutboxItem, outcome: str) -> None:
        self._room.journal.write(
            tx, LeafKind.WITHDRAWAL, item.process_id, {"notice": outcome, "peer": item.peer}
        )


def _said(code: str, reason: tuple[str, ...]) -> str:
    return ": ".join(part for part in (code, "; ".join(reason)) if part) or "no reason given"


def _denied(decision: Decision) -> ConnectorError:
    return PolicyDenied(
        decision.text("en"),
        code=decision.code,
        pointer=decision.rule,
        extra={names.MMD + "decision": decision.to_json()},
    )
