"""Every cell (role, state, message) of both machines over real HTTP, from the partner's side [D37, D4]."""

from __future__ import annotations

from typing import Any

import pytest

from connector.model.process import Kind, NegotiationAct, NegotiationState, Role, TransferAct, TransferState
from tests.integration.partner import CONTEXT, CONTRACT_TOKEN, urn
from tests.integration.talk import Stage
from tests.integration.two_factories import until

_C, _P = Role.CONSUMER, Role.PROVIDER
_N, _S = NegotiationAct, NegotiationState
_T, _U = TransferAct, TransferState

# Typed from the standard's figures (§7.1, §8.1), by sender; what does not stand here is illegal.
NEGOTIATION: dict[tuple[NegotiationState, Role, NegotiationAct], NegotiationState] = {
    (_S.REQUESTED, _P, _N.OFFER): _S.OFFERED,
    (_S.REQUESTED, _P, _N.AGREE): _S.AGREED,
    (_S.REQUESTED, _C, _N.TERMINATE): _S.TERMINATED,
    (_S.REQUESTED, _P, _N.TERMINATE): _S.TERMINATED,
    (_S.OFFERED, _C, _N.REQUEST): _S.REQUESTED,
    (_S.OFFERED, _C, _N.ACCEPT): _S.ACCEPTED,
    (_S.OFFERED, _C, _N.TERMINATE): _S.TERMINATED,
    (_S.OFFERED, _P, _N.TERMINATE): _S.TERMINATED,
    (_S.ACCEPTED, _P, _N.AGREE): _S.AGREED,
    (_S.ACCEPTED, _C, _N.TERMINATE): _S.TERMINATED,
    (_S.ACCEPTED, _P, _N.TERMINATE): _S.TERMINATED,
    (_S.AGREED, _C, _N.VERIFY): _S.VERIFIED,
    (_S.AGREED, _C, _N.TERMINATE): _S.TERMINATED,
    (_S.AGREED, _P, _N.TERMINATE): _S.TERMINATED,
    (_S.VERIFIED, _P, _N.FINALIZE): _S.FINALIZED,
    (_S.VERIFIED, _C, _N.TERMINATE): _S.TERMINATED,
    (_S.VERIFIED, _P, _N.TERMINATE): _S.TERMINATED,
}
TRANSFER: dict[tuple[TransferState, Role, TransferAct], TransferState] = {
    (_U.REQUESTED, _P, _T.START): _U.STARTED,
    (_U.REQUESTED, _C, _T.TERMINATE): _U.TERMINATED,
    (_U.REQUESTED, _P, _T.TERMINATE): _U.TERMINATED,
    (_U.STARTED, _C, _T.COMPLETE): _U.COMPLETED,
    (_U.STARTED, _P, _T.COMPLETE): _U.COMPLETED,
    (_U.STARTED, _C, _T.SUSPEND): _U.SUSPENDED,
    (_U.STARTED, _P, _T.SUSPEND): _U.SUSPENDED,
    (_U.STARTED, _C, _T.TERMINATE): _U.TERMINATED,
    (_U.STARTED, _P, _T.TERMINATE): _U.TERMINATED,
    (_U.SUSPENDED, _C, _T.START): _U.STARTED,
    (_U.SUSPENDED, _P, _T.START): _U.STARTED,
    (_U.SUSPENDED, _C, _T.TERMINATE): _U.TERMINATED,
    (_U.SUSPENDED, _P, _T.TERMINATE): _U.TERMINATED,
}
ERRORS = {Kind.NEGOTIATION: "ContractNegotiationError", Kind.TRANSFER: "TransferError"}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kind", Kind)
async def test_legal_messages_move_and_illegal_ones_change_nothing(
    stage: Stage, kind: Kind, role: Role
) -> None:
    states: Any = NegotiationState if kind is Kind.NEGOTIATION else TransferState
    acts: Any = NegotiationAct if kind is Kind.NEGOTIATION else TransferAct
    table: Any = NEGOTIATION if kind is Kind.NEGOTIATION else TRANSFER
    walked = 0
    for state in states:
        resting = stage.talk(kind, role)
        await resting.reach(state)
        for act in acts:
            after = table.get((state, role, act))
            talk = resting
            if after is not None:
                talk = stage.talk(kind, role)
                await talk.reach(state)
            elif kind is Kind.TRANSFER and act is TransferAct.REQUEST:
                continue  # it has no path to a process; the repeat of it is a test of its own
            # A member that nobody knows keeps the content from being that of an earlier message.
            reply = await talk.say(act, note=urn())
            seen = await talk.see()
            cell = (role, state, act)
            if after is not None:
                assert reply.status == 200, (cell, reply.text)
                assert seen.body["state"] == after.value, (cell, seen.text)
            else:
                assert reply.status == 400, (cell, reply.status, reply.text)
                assert reply.body["@type"] == ERRORS[kind], (cell, reply.text)
                assert {k: reply.body[k] for k in ("consumerPid", "providerPid")} == talk.pids(), cell
                assert reply.body["@context"] == CONTEXT, cell
                assert reply.body["reason"], cell
                assert seen.body["state"] == state.value, (cell, seen.text)
                own = await talk.service.find(talk.other)
                assert (own.state, own.pending) == (state, None), cell
            walked += 1
    assert walked == len(states) * (len(acts) - (kind is Kind.TRANSFER))


@pytest.mark.parametrize("kind", Kind)
async def test_first_messages_make_a_process(stage: Stage, kind: Kind) -> None:
    for role in Role if kind is Kind.NEGOTIATION else [Role.CONSUMER]:
        talk = stage.talk(kind, role)
        reply = await talk.begin()
        assert reply.status == 201
        assert reply.body == {
            "@context": CONTEXT,
            "@type": "ContractNegotiation" if kind is Kind.NEGOTIATION else "TransferProcess",
            **talk.pids(),
            "state": "REQUESTED" if role is Role.CONSUMER else "OFFERED",
        }
        assert (await talk.see()).body == reply.body


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("kind", Kind)
async def test_a_stranger_gets_exactly_the_404_of_an_unknown_id(stage: Stage, kind: Kind, role: Role) -> None:
    talk = stage.talk(kind, role)
    await talk.reach(NegotiationState.REQUESTED if kind is Kind.NEGOTIATION else TransferState.REQUESTED)
    unknown = urn()
    acts: Any = NegotiationAct if kind is Kind.NEGOTIATION else TransferAct
    audience = stage.factory.did

    async def ask(pid: str, method: str, url: str, body: Any) -> tuple[int, str, set[str]]:
        url = url.replace(talk.other, pid)
        text = (
            None if body is None else {**body, **{k: pid for k, v in talk.pids().items() if v == talk.other}}
        )
        got = await stage.stranger.call(method, url, text, audience=audience)
        return got.status, got.text.replace(pid, "PID"), set(got.headers)

    calls: list[tuple[str, str, Any]] = [("GET", f"{talk.place}/{talk.other}", None)]
    calls += [("POST", *talk.write(act)) for act in acts if act is not TransferAct.REQUEST]
    for method, url, body in calls:
        known = await ask(talk.other, method, url, body)
        assert known[0] == 404, (url, known)
        assert known == await ask(unknown, method, url, body)
        assert ERRORS[kind] in known[1]
    assert (await talk.see()).body["state"] == "REQUESTED"


@pytest.mark.parametrize("kind", Kind)
async def test_without_a_valid_token_every_endpoint_answers_401_in_the_protocols_words(
    stage: Stage, kind: Kind
) -> None:
    talk = stage.talk(kind, Role.CONSUMER)
    await talk.reach(NegotiationState.REQUESTED if kind is Kind.NEGOTIATION else TransferState.REQUESTED)
    acts: Any = NegotiationAct if kind is Kind.NEGOTIATION else TransferAct
    used = stage.partner.authorization(stage.factory.did)
    first = await stage.partner.call("GET", f"{talk.place}/{talk.other}", authorization=used)
    assert first.status == 200
    calls: list[tuple[str, str, Any]] = [("GET", f"{talk.place}/{talk.other}", None), ("POST", *talk.first())]
    calls += [("POST", *talk.write(act)) for act in acts if act is not TransferAct.REQUEST]
    for method, url, body in calls:
        for header in (
            "",
            "Bearer",
            "Bearer x.y.z",
            "Basic YTpi",
            used,
            stage.partner.authorization("did:web:x.example"),
        ):
            reply = await stage.partner.call(method, url, body, authorization=header)
            assert reply.status == 401, (url, header, reply.text)
            assert reply.body["@type"] == ERRORS[kind]
            assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert (await talk.see()).body["state"] == "REQUESTED"


async def test_pids_that_do_not_belong_together_are_refused(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(NegotiationState.OFFERED)
    for wrong in ({"consumerPid": urn()}, {"providerPid": urn()}):
        reply = await talk.say(NegotiationAct.ACCEPT, **wrong)
        assert (reply.status, reply.body["@type"]) == (400, "ContractNegotiationError")
        assert next(iter(wrong)) in reply.body["reason"][0]
    for missing in ("consumerPid", "providerPid"):
        url, body = talk.write(NegotiationAct.ACCEPT)
        del body[missing]
        assert (await talk.post(url, body)).status == 400
    assert (await talk.see()).body["state"] == "OFFERED"


async def test_agreement_tokens_are_needed_from_a_peer_that_has_a_did(stage: Stage) -> None:
    talk = stage.talk(Kind.NEGOTIATION, Role.PROVIDER)
    await talk.reach(NegotiationState.REQUESTED)
    url, body = talk.write(NegotiationAct.AGREE)
    del body[CONTRACT_TOKEN]
    reply = await talk.post(url, body)
    assert (reply.status, reply.body["code"]) == (400, "token-invalid")
    assert (await talk.see()).body["state"] == "REQUESTED"
    await until(stage.factory.node, lambda tx: not tx.outbox.everything())
