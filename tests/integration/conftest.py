"""Fixtures of the tests with a partner whose every message is written by the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connector.model.process import Kind, NegotiationState, Role
from tests.integration.partner import partner
from tests.integration.talk import ByHand, Stage
from tests.integration.two_factories import factories, offer, offered
from tests.ports import free_ports


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A connector that does nothing by itself, a partner with one contract each way, and a stranger."""
    ports = free_ports(2)
    hosts = [f"127.0.0.1:{p}" for p in ports]
    async with (
        factories(tmp_path, ["factory-a"], hosts=hosts) as (factory,),
        partner(tmp_path, ports[0]) as other,
        partner(tmp_path, ports[1]) as stranger,
    ):
        by_hand = ByHand()
        factory.node.automations.put_first(by_hand)
        dataset = await offer(factory, "cells")
        shown = Stage(factory, other, stranger, by_hand, await offered(factory, dataset), "", "")
        for role in Role:
            talk = shown.talk(Kind.NEGOTIATION, role)
            await talk.reach(NegotiationState.FINALIZED)
            agreement = (await factory.node.negotiations.find(talk.other)).agreement_id
            if role is Role.CONSUMER:
                shown.sold = agreement
            else:
                shown.bought = agreement
        yield shown
