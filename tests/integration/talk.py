"""One process between a connector and a partner, spoken by hand: every message, legal or not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from connector.model.process import (
    Kind,
    NegotiationAct,
    NegotiationState,
    Process,
    Role,
    State,
    TransferAct,
    TransferState,
)
from connector.model.times import iso
from connector.service.contract import Dataset, Parties
from connector.service.extension import Hold, Step
from connector.service.negotiation import Counterparty
from tests.integration.partner import CONTEXT, CONTRACT_TOKEN, Partner, Reply, urn
from tests.integration.two_factories import Factory, until

PATHS: dict[Any, str] = {
    NegotiationAct.REQUEST: "request",
    NegotiationAct.OFFER: "offers",
    NegotiationAct.ACCEPT: "events",
    NegotiationAct.AGREE: "agreement",
    NegotiationAct.VERIFY: "agreement/verification",
    NegotiationAct.FINALIZE: "events",
    NegotiationAct.TERMINATE: "termination",
    TransferAct.START: "start",
    TransferAct.COMPLETE: "completion",
    TransferAct.SUSPEND: "suspension",
    TransferAct.TERMINATE: "termination",
}


@dataclass
class ByHand:
    """An automation that leaves every step to the test, until it is told not to."""

    holds: bool = True

    def next(self, process: Process) -> Hold | None:
        """Nothing by itself."""
        return Hold() if self.holds else None


@dataclass
class Stage:
    """A connector that does nothing by itself, a partner of it, and a stranger."""

    factory: Factory
    partner: Partner
    stranger: Partner
    by_hand: ByHand
    offer: dict[str, Any]
    bought: str
    """The contract under which the connector consumes."""
    sold: str
    """The contract under which it provides."""

    @property
    def them(self) -> Counterparty:
        """How the connector addresses the partner."""
        return Counterparty(self.partner.did, self.partner.base, self.factory.did)

    def talk(self, kind: Kind, role: Role) -> Talk:
        """A new process in which the partner plays `role`."""
        agreement = self.sold if role is Role.CONSUMER else self.bought
        return Talk(self.factory, self.partner, kind, role, dict(self.offer), agreement)


@dataclass
class Talk:
    """The partner plays `role`; `own` is its pid, `other` the connector's."""

    factory: Factory
    partner: Partner
    kind: Kind
    role: Role
    offer: dict[str, Any]
    agreement_id: str = ""
    own: str = field(default_factory=urn)
    other: str = ""
    agreement: dict[str, Any] = field(default_factory=dict)
    token: str = ""

    @property
    def service(self) -> Any:
        """The connector's side."""
        node = self.factory.node
        return node.negotiations if self.kind is Kind.NEGOTIATION else node.transfers

    @property
    def place(self) -> str:
        """The resource that all paths of this kind begin with."""
        return f"{self.factory.base}/{self.kind.value}s"

    def pids(self) -> dict[str, str]:
        """Both, by their wire names."""
        consumer, provider = (self.own, self.other) if self.role is Role.CONSUMER else (self.other, self.own)
        return {"consumerPid": consumer, "providerPid": provider}

    def write(self, act: Any, **extra: Any) -> tuple[str, dict[str, Any]]:
        """Address and body of a message to the process."""
        name, _, event = act.value.partition(":")
        body = {"@context": CONTEXT, "@type": name, "@id": urn(), **self.pids()}
        if event:
            body["eventType"] = event
        match act:
            case NegotiationAct.REQUEST | NegotiationAct.OFFER:
                body["offer"] = self.offer
            case NegotiationAct.AGREE:
                body |= self._agree()
            case NegotiationAct.VERIFY:
                body |= self._verify()
            case TransferAct.START if self.role is Role.PROVIDER:
                body["dataAddress"] = {
                    "@type": "DataAddress",
                    "endpointType": "https://w3id.org/idsa/v4.1/HTTP",
                    "endpoint": f"{self.partner.base}/data",
                    "endpointProperties": [
                        {"@type": "EndpointProperty", "name": "authorization", "value": urn()},
                        {"@type": "EndpointProperty", "name": "authType", "value": "bearer"},
                    ],
                }
            case _:
                pass
        return f"{self.place}/{self.other}/{PATHS.get(act, 'request')}", body | extra

    def _agree(self) -> dict[str, Any]:
        now = self.factory.node.clock.now()
        rules = {k: v for k, v in self.offer.items() if k in ("permission", "prohibition", "obligation")}
        self.agreement = {
            "@id": urn(),
            "@type": "Agreement",
            **rules,
            "assigner": self.partner.did,
            "assignee": self.factory.did,
            "target": self.offer["target"],
            "timestamp": iso(now),
        }
        pids = self.pids()
        parties = Parties(self.partner.did, self.factory.did, pids["consumerPid"], pids["providerPid"])
        dataset = Dataset(self.offer["target"], 1, "0" * 64)
        self.token = self.partner.tokens.agreement(self.agreement, dataset, parties, now, "")
        return {"agreement": self.agreement, CONTRACT_TOKEN: self.token}

    def _verify(self) -> dict[str, Any]:
        told = [
            r.body
            for r in self.partner.received
            if r.body.get("consumerPid") == self.own and "agreement" in r.body
        ]
        agreement = told[-1]["agreement"] if told else {"@id": urn(), "permission": [{"action": "use"}]}
        token = told[-1][CONTRACT_TOKEN] if told else "none"
        now, pids = self.factory.node.clock.now(), self.pids()
        parties = Parties(self.partner.did, self.factory.did, pids["consumerPid"], pids["providerPid"])
        dataset = Dataset(self.offer["target"], 1, "0" * 64)
        return {CONTRACT_TOKEN: self.partner.tokens.verification(agreement, dataset, parties, now, "", token)}

    async def post(self, url: str, body: Any, **kw: Any) -> Reply:
        """Send something as the partner."""
        return await self.partner.call("POST", url, body, audience=self.factory.did, **kw)

    async def say(self, act: Any, **extra: Any) -> Reply:
        """Send a message to the process."""
        url, body = self.write(act, **extra)
        return await self.post(url, body)

    async def see(self) -> Reply:
        """Ask for the process."""
        return await self.partner.call("GET", f"{self.place}/{self.other}", audience=self.factory.did)

    def first(self, **extra: Any) -> tuple[str, dict[str, Any]]:
        """Address and body of the partner's first message."""
        body: dict[str, Any] = {"@context": CONTEXT, "@id": urn(), "callbackAddress": self.partner.base}
        if self.kind is Kind.TRANSFER:
            body |= {"@type": "TransferRequestMessage", "consumerPid": self.own}
            body |= {"agreementId": self.agreement_id, "format": "HttpData-PULL"}
            return f"{self.place}/request", body | extra
        name, pid, path = (
            ("ContractRequestMessage", "consumerPid", "request")
            if self.role is Role.CONSUMER
            else ("ContractOfferMessage", "providerPid", "offers")
        )
        return f"{self.place}/{path}", body | {"@type": name, pid: self.own, "offer": self.offer} | extra

    async def begin(self, **extra: Any) -> Reply:
        """Send the first message and learn the connector's pid."""
        reply = await self.post(*self.first(**extra))
        if reply.status in (200, 201):
            self.other = reply.body["providerPid" if self.role is Role.CONSUMER else "consumerPid"]
        return reply

    async def ours(self, act: Any, **how: Any) -> None:
        """The connector takes a step, and the partner's answer makes it so."""
        await self.service.act(self.other, Step(act, **how))
        await until(self.factory.node, lambda tx: not tx.outbox.of_process(self.other))

    async def reach(self, state: State) -> None:
        """Bring the process to a state, by whoever may."""
        roads = _NEGOTIATION if self.kind is Kind.NEGOTIATION else _TRANSFER
        await self._open()
        for who, act in roads[self.role, state]:
            if who is self.role:
                reply = await self.say(act)
                assert reply.status == 200, (act, reply.text)
            else:
                await self.ours(act)
        seen = await self.see()
        assert seen.body["state"] == state.value, seen.text

    async def _open(self) -> None:
        if self.kind is Kind.NEGOTIATION and self.role is Role.PROVIDER:
            them = Counterparty(self.partner.did, self.partner.base, self.factory.did)
            other = await self.service.request(them, self.offer)
        elif self.kind is Kind.TRANSFER and self.role is Role.PROVIDER:
            other = await self.service.request(self.agreement_id)
        else:
            reply = await self.begin()
            assert reply.status == 201, reply.text
            return
        self.other = other.id
        await until(self.factory.node, lambda tx: not tx.outbox.of_process(other.id))
        process = await self.service.find(other.id)
        self.own, self.offer = process.peer_pid, getattr(process, "offer", self.offer)


_C, _P, _N, _T = Role.CONSUMER, Role.PROVIDER, NegotiationAct, TransferAct
_AGREED = [(_P, _N.AGREE)]
_VERIFIED = [*_AGREED, (_C, _N.VERIFY)]
_SHARED: dict[State, list[tuple[Role, Any]]] = {
    NegotiationState.REQUESTED: [],
    NegotiationState.OFFERED: [(_P, _N.OFFER)],
    NegotiationState.ACCEPTED: [(_P, _N.OFFER), (_C, _N.ACCEPT)],
    NegotiationState.AGREED: _AGREED,
    NegotiationState.VERIFIED: _VERIFIED,
    NegotiationState.FINALIZED: [*_VERIFIED, (_P, _N.FINALIZE)],
}
# What has ended was ended by the connector: the partner's own message would be a repeat, not a new wish.
_NEGOTIATION = {(role, s): road for s, road in _SHARED.items() for role in Role} | {
    (role, NegotiationState.TERMINATED): [(role.other, _N.TERMINATE)] for role in Role
}
_TRANSFER: dict[tuple[Role, State], list[tuple[Role, Any]]] = {
    (role, s): road
    for role in Role
    for s, road in {
        TransferState.REQUESTED: [],
        TransferState.STARTED: [(_P, _T.START)],
        TransferState.SUSPENDED: [(_P, _T.START), (role, _T.SUSPEND)],
        TransferState.COMPLETED: [(_P, _T.START), (role.other, _T.COMPLETE)],
        TransferState.TERMINATED: [(role.other, _T.TERMINATE)],
    }.items()
}
