"""What people do in a simulated run, and what must be true when the dust has settled."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

from connector.dataplane.ranges import Span
from connector.errors import ConnectorError, Unavailable
from connector.ledger import standalone
from connector.model.catalog import ApprovalMode, Asset, ContractDefinition, PolicyDefinition
from connector.model.process import (
    Approval,
    Negotiation,
    NegotiationAct,
    NegotiationState,
    Role,
    Transfer,
    TransferAct,
    TransferState,
)
from connector.policy import Scope
from connector.protocol.messages import endpoint_properties
from connector.service.extension import Step
from connector.service.negotiation import Counterparty
from connector.service.node import Node
from connector.store.tables import Tx
from tests.integration.sim.loop import START
from tests.integration.sim.world import Host, Weather, World

SIZE = 100_000
COUNT_LIMIT = 3


@dataclass
class Granted:
    """A range that a provider let go, and whether the contract held at that moment."""

    provider: str
    agreement: str
    transfer: str
    held: bool


@dataclass
class Story:
    """One run: `steps` acts of people in bad weather, then fair weather until nothing is left to do."""

    world: World
    steps: int
    granted: list[Granted] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """(consumer, negotiation id) of each contract somebody asked for."""

    async def run(self) -> list[str]:
        """Play, settle, and say what is wrong; [] is what one hopes for."""
        world = self.world
        bad, world.weather = world.weather, Weather.fair()
        for host in world.hosts.values():
            await host.boot()
            await self._publish(host)
        world.weather = bad
        for _ in range(self.steps):
            await asyncio.sleep(world.random.expovariate(1.0))
            await self._act()
        world.weather = Weather.fair()
        for _ in range(200):
            await self._bring_up()
            await asyncio.sleep(600.0)
            if await self._is_quiet():
                break
        return await self._judge()

    # --- what people do -----------------------------------------------------------------------

    async def _publish(self, host: Host) -> None:
        node = _up(host)
        now = START
        access = {"@id": "everybody", "@type": "Set", "permission": [{"action": "use"}]}
        for number, (approval, limit) in enumerate(
            [(ApprovalMode.AUTOMATIC, 0), (ApprovalMode.AUTOMATIC, COUNT_LIMIT), (ApprovalMode.MANUAL, 0)]
        ):
            asset = Asset(
                f"urn:data:{host.name}:{number}", 1, {}, {}, {}, {}, f"{number:064x}", SIZE, True, now
            )
            constraint = (
                [
                    {
                        "leftOperand": "http://www.w3.org/ns/odrl/2/count",
                        "operator": "lteq",
                        "rightOperand": {
                            "@value": str(limit),
                            "@type": "http://www.w3.org/2001/XMLSchema#integer",
                        },
                    }
                ]
                if limit
                else []
            )
            rule: dict[str, Any] = {"action": "use"} | ({"constraint": constraint} if constraint else {})
            terms = {"@id": f"terms-{number}", "@type": "Set", "permission": [rule]}

            def work(tx: Tx, a: Asset = asset, t: dict[str, Any] = terms, m: ApprovalMode = approval) -> None:
                tx.assets.add(a)
                tx.policies.add(PolicyDefinition("everybody", access, {}, now))
                tx.policies.add(PolicyDefinition(str(t["@id"]), t, {}, now))
                selector = [{"operandLeft": "id", "operator": "=", "operandRight": a.id}]
                tx.definitions.add(
                    ContractDefinition(f"offer-{t['@id']}", "everybody", str(t["@id"]), selector, {}, m, now)
                )
                node.catalogs.refresh(tx, [a.id])

            await host.run(node.store.transact(work))

    async def _bring_up(self) -> None:
        for host in self.world.hosts.values():
            if not host.is_up:
                await host.boot()

    async def _act(self) -> None:
        dice = self.world.random
        host = dice.choice([*self.world.hosts.values()])
        if not host.is_up:
            await host.boot()
        if dice.random() < 0.04:
            host.crash()
            return
        acts = [
            self._request,
            self._request,
            self._transfer,
            self._pull,
            self._pull,
            self._decide,
            self._move,
        ]
        act = dice.choice([*acts, self._withdraw] if dice.random() < 0.3 else acts)
        task = host.run(act(host, dice))
        done, _ = await asyncio.wait([task], timeout=120.0)
        error = task.exception() if done and not task.cancelled() else None
        if error is not None and not isinstance(error, ConnectorError):
            raise error

    async def _request(self, host: Host, dice: random.Random) -> None:
        other = dice.choice([h for h in self.world.hosts.values() if h is not host])
        if other.node is None:
            return
        asset_id = f"urn:data:{other.name}:{dice.randrange(3)}"
        offers = await other.node.store.read(lambda tx: tx.catalog.current_of_asset(asset_id))
        offer = {**offers[0].policy, "target": asset_id}
        if dice.random() < 0.15:
            offer["permission"] = [
                {
                    "action": "use",
                    "constraint": [
                        {
                            "leftOperand": "http://www.w3.org/ns/odrl/2/count",
                            "operator": "lteq",
                            "rightOperand": {
                                "@value": "1",
                                "@type": "http://www.w3.org/2001/XMLSchema#integer",
                            },
                        }
                    ],
                }
            ]
        node = _up(host)
        party = Counterparty(other.did, f"{other.url}/dsp/2025-1", host.did)
        negotiation = await node.negotiations.request(party, offer)
        self.asked.append((host.name, negotiation.id))

    async def _transfer(self, host: Host, dice: random.Random) -> None:
        node = _up(host)
        agreements = await node.store.read(lambda tx: tx.agreements.everything())
        mine = [a for a in agreements if a.role is Role.CONSUMER and a.is_final]
        if mine:
            await node.transfers.request(dice.choice(mine).id)

    async def _pull(self, host: Host, dice: random.Random) -> None:
        """Decide about bytes as the data endpoint does, with some part of them really leaving."""
        node = _up(host)
        transfers = await node.store.read(lambda tx: tx.transfers.everything())
        mine = [t for t in transfers if t.role is Role.CONSUMER and t.data_address]
        if not mine:
            return
        transfer = dice.choice(mine)
        provider = next(h for h in self.world.hosts.values() if h.did == transfer.peer)
        if provider.node is not None:
            token = endpoint_properties(transfer.data_address)["authorization"]
            await provider.run(self._serve(provider, token, dice))

    async def _serve(self, provider: Host, token: str, dice: random.Random) -> None:
        node = _up(provider)
        passed = await node.access.recognise(token)
        start = dice.choice([0, 0, 0, dice.randrange(SIZE)])
        span = Span(start, SIZE)
        grant = await node.access.grant(passed, span, passed.asset.sha256, SIZE)
        held = await node.store.read(lambda tx: _holds(tx, passed.agreement.id, passed.transfer.id))
        self.granted.append(Granted(provider.name, passed.agreement.id, passed.transfer.id, held))
        await asyncio.sleep(dice.random())
        stop = dice.choice([SIZE, dice.randrange(start, SIZE)])
        await node.access.settle(grant, Span(start, stop), "complete" if stop == SIZE else "disconnected")

    async def _decide(self, host: Host, dice: random.Random) -> None:
        node = _up(host)
        waiting = await node.store.read(lambda tx: tx.negotiations.page(approval=Approval.WAITING.value))
        waiting = [n for n in waiting if not n.is_over]
        if not waiting:
            return
        chosen = dice.choice(waiting)
        match dice.randrange(3):
            case 0:
                await node.negotiations.refuse(chosen.id, "not this time")
            case 1:
                await node.negotiations.counter(chosen.id, {"permission": [{"action": "use"}]})
            case _:
                await node.negotiations.approve(chosen.id)

    async def _move(self, host: Host, dice: random.Random) -> None:
        node = _up(host)
        if dice.random() < 0.3:
            open_ones = [
                n for n in await node.store.read(lambda tx: tx.negotiations.everything()) if not n.is_over
            ]
            if open_ones:
                step = Step(NegotiationAct.TERMINATE, "changed-mind", "we changed our mind")
                await node.negotiations.act(dice.choice(open_ones).id, step)
            return
        transfers = await node.store.read(lambda tx: tx.transfers.open())
        if transfers:
            act = dice.choice(
                [TransferAct.SUSPEND, TransferAct.START, TransferAct.COMPLETE, TransferAct.TERMINATE]
            )
            await node.transfers.act(dice.choice(transfers).id, Step(act, "by-hand", "somebody wanted it"))

    async def _withdraw(self, host: Host, dice: random.Random) -> None:
        node = _up(host)
        agreements = await node.store.read(lambda tx: tx.agreements.everything())
        if agreements:
            await node.transfers.withdraw(dice.choice(agreements).id, "we take it back")

    # --- what must be true --------------------------------------------------------------------

    async def _is_quiet(self) -> bool:
        for host in self.world.hosts.values():
            node = host.node
            if node is None or await node.store.read(lambda tx: tx.outbox.everything()):
                return False
        return True

    async def _judge(self) -> list[str]:
        self._wrong: list[str] = []
        negotiations, transfers = {}, {}
        for host in self.world.hosts.values():
            node = _up(host)
            if await node.store.read(lambda tx: tx.outbox.everything()):
                self._wrong.append(f"{host.name}: the outbox is not empty")
            negotiations[host.did] = await node.store.read(lambda tx: tx.negotiations.everything())
            transfers[host.did] = await node.store.read(lambda tx: tx.transfers.everything())
            await self._judge_ledger(host, node)
            await self._judge_counters(host, node)
        self._judge_pairs("negotiation", negotiations)
        self._judge_pairs("transfer", transfers)
        await self._judge_agreements(negotiations)
        await self._judge_durability()
        self._wrong += [f"bytes without a contract that holds: {g}" for g in self.granted if not g.held]
        return self._wrong

    def _judge_pairs(self, kind: str, by_did: dict[str, list[Any]]) -> None:
        """Each intent is one process on each side; both end equal, or one says why."""
        for did, processes in by_did.items():
            for p in processes:
                if p.pending is not None:
                    self._wrong.append(f"{kind} {p.id} at {did} still has {p.pending} pending")
                others = [o for o in by_did[p.peer] if o.peer == did and o.peer_pid == p.id]
                if len(others) > 1:
                    self._wrong.append(f"{kind} {p.id} at {did} has {len(others)} twins at {p.peer}")
                if others and not _agree(p, others[0]):
                    self._wrong.append(f"{kind} {p.id}: {_say(p)} at {did}, {_say(others[0])} at {p.peer}")
                if not others and p.peer_pid:
                    self._wrong.append(f"{kind} {p.id} at {did} has no twin at {p.peer}")

    async def _judge_agreements(self, negotiations: dict[str, list[Negotiation]]) -> None:
        """A finalized negotiation has one agreement, the same on both sides, signed by both."""
        held: dict[str, dict[str, Any]] = {}
        for host in self.world.hosts.values():
            found = await _up(host).store.read(lambda tx: tx.agreements.everything())
            held[host.did] = {a.id: a for a in found}
        for did, found in negotiations.items():
            for n in found:
                if n.state is not NegotiationState.FINALIZED:
                    continue
                mine, theirs = held[did].get(n.agreement_id), held[n.peer].get(n.agreement_id)
                if mine is None or theirs is None:
                    self._wrong.append(f"negotiation {n.id} is finalized and an agreement is missing")
                    continue
                same = all(
                    getattr(mine, name) == getattr(theirs, name)
                    for name in ("policy", "agreement_token", "verification_token", "dataset_sha256")
                )
                if not same or not mine.is_signed or not mine.is_final:
                    self._wrong.append(f"agreement {mine.id} differs between the two sides")
                if (mine.withdrawn_at is None) != (theirs.withdrawn_at is None):
                    self._wrong.append(f"agreement {mine.id} is withdrawn on one side only")

    async def _judge_durability(self) -> None:
        """What was acknowledged is in the receiver's inbox."""
        by_did = {host.did: _up(host) for host in self.world.hosts.values()}
        for seen in self.world.acknowledged:
            store = by_did[seen.receiver].store

            def known(tx: Tx, message_id: str = seen.message_id) -> bool:
                return any(tx.inbox.seen(did, message_id) is not None for did in by_did)

            if not await store.read(known):
                self._wrong.append(f"message {seen.message_id} was acknowledged and is lost")

    async def _judge_counters(self, host: Host, node: Node) -> None:
        agreements = await node.store.read(lambda tx: tx.agreements.everything())
        for agreement in agreements:
            uses = await node.store.read(lambda tx, a=agreement: tx.uses.count_of_agreement(a.id))
            limited = "count" in str(agreement.policy)
            if limited and uses > COUNT_LIMIT:
                self._wrong.append(
                    f"{host.name}: {uses} uses under {agreement.id}, {COUNT_LIMIT} were allowed"
                )
            next_one = node.access.decide(agreement, "", uses, Scope.PULL).permitted
            if limited and uses >= COUNT_LIMIT and next_one:
                self._wrong.append(f"{host.name}: a use beyond the limit would be allowed")

    async def _judge_ledger(self, host: Host, node: Node) -> None:
        await host.run(node.store.transact(node.journal.seal))
        keys = [dict(key) for key in node.keys.public_jwks["keys"]]
        lines = await node.store.read(lambda tx: list(node.journal.ledger.export(tx, keys)))
        result = standalone.verify(lines, pins={host.did: [node.keys.thumbprint]})
        if result.exit_code != 0:
            self._wrong.append(f"{host.name}: the ledger does not verify: {result.findings}")


def _up(host: Host) -> Node:
    if host.node is None:
        raise Unavailable(f"{host.name} is off")
    return host.node


def _holds(tx: Tx, agreement_id: str, transfer_id: str) -> bool:
    agreement, transfer = tx.agreements.get(agreement_id), tx.transfers.get(transfer_id)
    return (
        agreement is not None
        and agreement.is_final
        and agreement.withdrawn_at is None
        and transfer is not None
        and TransferState.STARTED in (transfer.state, transfer.pending)
    )


def _agree(a: Negotiation | Transfer, b: Negotiation | Transfer) -> bool:
    if a.state == b.state:
        return True
    return any(p.reason for p in (a, b))


def _say(p: Negotiation | Transfer) -> str:
    return f"{p.state} ({p.reason})" if p.reason else str(p.state)
