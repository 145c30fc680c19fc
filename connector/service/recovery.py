"""After a restore: ask every partner how things stand, take that over, and open the gates [D17]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote

from connector.errors import ConnectorError, MalformedBody, PeerFailed, TokenInvalid
from connector.identity.did import did_document, parse_did_document, withdrawal_url
from connector.ledger.log import LeafKind
from connector.model import names
from connector.model.canonical import load_json
from connector.model.contract import Agreement
from connector.model.identity import Peer, PeerKind
from connector.model.process import Negotiation, NegotiationState, Transfer, TransferState
from connector.service import contract
from connector.service.backup import CONFIRMED, META, REASON, UNCONFIRMED
from connector.service.node import Node
from connector.store.tables import Tx

_UNKNOWN: Final = "the partner does not know it any more"
_ELSEWHERE: Final = "this is how it stands with the partner, as asked after a restore"


@dataclass(slots=True)
class Found:
    """What the partners said."""

    transfers: dict[str, str] = field(default_factory=dict)
    negotiations: dict[str, str] = field(default_factory=dict)
    withdrawn: list[str] = field(default_factory=list)
    unreachable: dict[str, str] = field(default_factory=dict)

    def as_json(self, outcome: str) -> dict[str, Any]:
        """For the management API and the leaf."""
        return {
            "outcome": outcome,
            "transfers": self.transfers,
            "negotiations": self.negotiations,
            "withdrawn": self.withdrawn,
            "unreachable": self.unreachable,
        }


async def confirm(node: Node, *, anyway: bool = False) -> dict[str, Any]:
    """Ask about every open process and every contract that holds. `{outcome, transfers, negotiations,
    withdrawn, unreachable}`; the gates open when every partner answered, or `anyway`.

    What a partner could not be asked about stays suspended.
    """
    if await node.store.read(lambda tx: tx.get_meta(META)) != UNCONFIRMED:
        return Found().as_json(CONFIRMED)
    found = Found()
    transfers, negotiations, agreements = await node.store.read(_all)
    for agreement in agreements:
        await _guarded(found, agreement.peer, _ask_withdrawal(node, found, agreement))
    for transfer in transfers:
        await _guarded(found, transfer.peer, _ask_transfer(node, found, transfer))
    for negotiation in negotiations:
        await _guarded(found, negotiation.peer, _ask_negotiation(node, found, negotiation))
    outcome = CONFIRMED if anyway or not found.unreachable else UNCONFIRMED

    def work(tx: Tx) -> None:
        tx.put_meta(META, outcome)
        data = {
            "outcome": outcome,
            "transfers": len(found.transfers),
            "negotiations": len(found.negotiations),
            "withdrawn": len(found.withdrawn),
            "unreachable": len(found.unreachable),
        }
        node.journal.write(tx, LeafKind.RESTORE, node.parties.did, data)

    await node.store.transact(work)
    node.is_paused = outcome != CONFIRMED
    return found.as_json(outcome)


def _all(tx: Tx) -> tuple[list[Transfer], list[Negotiation], list[Agreement]]:
    holding = [a for a in tx.agreements.everything() if a.is_final and a.withdrawn_at is None]
    open_ones = [n for n in tx.negotiations.everything() if not n.is_over]
    return tx.transfers.open(), open_ones, holding


async def _guarded(found: Found, peer: str, asking: Any) -> None:
    try:
        await asking
    except ConnectorError as error:
        found.unreachable[peer] = str(error)


async def _get(node: Node, peer: str, our_id: str, url: str) -> Mapping[str, Any] | None:
    """A partner's JSON; None if it says 404.

    Raises:
        PeerFailed: it cannot be reached, or answers something else.
    """
    answer = await node.parties.get(peer, url, our_id)
    if answer.status == 404:
        return None
    try:
        body = load_json(answer.body, limit=len(answer.body)) if answer.status == 200 else None
    except MalformedBody:
        body = None
    if not isinstance(body, dict):
        raise PeerFailed(f"{peer} answered {answer.status}")
    return body


# --- contracts --------------------------------------------------------------------------------


async def _ask_withdrawal(node: Node, found: Found, agreement: Agreement) -> None:
    if not agreement.peer.startswith("did:"):
        return  # a stock partner knows no withdrawals; what it ended shows in its transfers
    document = await node.parties.document(agreement.peer)
    url = withdrawal_url(document, agreement.id)
    said = await _get(node, agreement.peer, agreement.our_id, url) if url else None
    token = said.get(names.WITHDRAWAL_TOKEN) if said else None
    if not isinstance(token, str):
        return
    try:
        peer = Peer(agreement.peer, PeerKind.DID, agreement.our_id, document)
        await node.transfers.receive_withdrawal(peer, agreement.id, token)
    except TokenInvalid:
        _check_own(node, agreement, token)
        await node.transfers.withdraw(agreement.id, REASON)
    found.withdrawn.append(agreement.id)


def _check_own(node: Node, agreement: Agreement, token: str) -> None:
    """We ourselves withdrew after the backup: our own signature says so, not the partner.

    Raises:
        TokenInvalid: it does not.
    """
    own = parse_did_document(
        did_document(node.parties.did, node.keys.public_jwks["keys"], node.dsp_base), node.parties.did
    )
    parties = contract.Parties(
        agreement.our_id, agreement.peer, agreement.consumer_pid, agreement.provider_pid
    )
    contract.check(
        token,
        contract.WITHDRAWAL,
        own,
        agreement.policy,
        parties,
        node.clock.now(),
        agreement_token=agreement.agreement_token,
    )


# --- processes --------------------------------------------------------------------------------


async def _state(node: Node, kind: str, process: Transfer | Negotiation) -> str:
    """The state that the partner sees; TERMINATED if it knows no such process."""
    if not process.peer_pid:
        return ""  # the partner never heard of it; the outbox goes on trying
    url = f"{process.address.rstrip('/')}/{kind}/{quote(process.peer_pid, safe='')}"
    body = await _get(node, process.peer, process.our_id, url)
    if body is None:
        return "TERMINATED"
    state = body.get("state")
    return state.rpartition(":")[2] if isinstance(state, str) else ""


async def _ask_transfer(node: Node, found: Found, asked: Transfer) -> None:
    said = await _state(node, "transfers", asked)
    if said not in TransferState.__members__:
        return
    state = TransferState(said)

    def work(tx: Tx) -> None:
        transfer = tx.transfers.get(asked.id)
        if transfer is None or transfer.is_over or state is transfer.state:
            return
        if state is TransferState.STARTED and transfer.reason != REASON:
            return  # not suspended by the restore: the protocol's own messages move it
        is_over = state in (TransferState.COMPLETED, TransferState.TERMINATED)
        if not is_over and state is not TransferState.STARTED:
            return
        reason = _ELSEWHERE if is_over else ""
        changed = replace(
            transfer, state=state, pending=None, suspended_by=None, reason=reason, reason_by=None
        )
        if is_over:
            tx.outbox.delete_of_process(transfer.id)
            node.timers.clear(tx, "expire-transfer", transfer.id)
        tx.transfers.save(replace(changed, updated_at=node.clock.now()))
        _tell(node, tx, "transfer", changed, said)

    await node.store.transact(work)
    found.transfers[asked.id] = said


async def _ask_negotiation(node: Node, found: Found, asked: Negotiation) -> None:
    said = await _state(node, "negotiations", asked)
    if said not in NegotiationState.__members__:
        return
    state = NegotiationState(said)

    def work(tx: Tx) -> None:
        negotiation = tx.negotiations.get(asked.id)
        if negotiation is None or negotiation.is_over or state is not NegotiationState.TERMINATED:
            return  # what goes on is moved by its own messages, which the outbox sends again
        tx.outbox.delete_of_process(negotiation.id)
        node.timers.clear(tx, "expire-negotiation", negotiation.id)
        changed = replace(negotiation, state=state, pending=None, reason=_UNKNOWN, reason_by=None)
        tx.negotiations.save(replace(changed, updated_at=node.clock.now()))
        _tell(node, tx, "negotiation", changed, said)

    await node.store.transact(work)
    found.negotiations[asked.id] = said


def _tell(node: Node, tx: Tx, kind: str, process: Transfer | Negotiation, said: str) -> None:
    data = {"from": "", "to": said, "role": process.role.value, "peer": process.peer, "reason": "restore"}
    node.journal.write(tx, LeafKind.STATE, process.id, data, actor=process.peer)
    node.events.publish(tx, f"{kind}.{said.lower()}", process.id, data)
