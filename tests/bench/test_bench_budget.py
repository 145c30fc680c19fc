"""What one exchange may cost each side. A number that grows here was paid for by every partner."""

from __future__ import annotations

import pytest

from tests.bench.pair import ours

EXCHANGES = 10
BUDGET = {
    # 4 identity tokens and 1 counter-signature; 3 tokens of the provider and its agreement token.
    "consumer": {"commits": 8, "statements": 88, "signed": 5, "checked": 4},
    # 3 identity tokens and 1 agreement token; 4 tokens of the consumer and its counter-signature.
    "provider": {"commits": 9, "statements": 112, "signed": 4, "checked": 5},
}


@pytest.fixture(scope="module")
def spent(tmp_path_factory):
    """What ten exchanges between two real processes cost each side, by exchange."""
    with ours(tmp_path_factory.mktemp("budget") / "pair") as (a, b, home):
        a.tell("lone", provider=home.did, count=2)  # DID documents are fetched once
        for side in (a, b):
            side.tell("begin_budget")
        a.tell("lone", provider=home.did, count=EXCHANGES)
        found = {"consumer": a.tell("end_budget"), "provider": b.tell("end_budget")}
    return {side: {what: n / EXCHANGES for what, n in counts.items()} for side, counts in found.items()}


@pytest.mark.parametrize("side", BUDGET)
@pytest.mark.parametrize("what", ["commits", "statements", "signed", "checked"])
def test_one_exchange_costs_no_more_than_its_budget(spent, side, what):
    # Half of one is room for what an exchange may leave to the next: an acknowledgement settled late.
    assert spent[side][what] <= BUDGET[side][what] + 0.5


@pytest.mark.parametrize("side", BUDGET)
def test_signatures_are_counted_exactly(spent, side):
    assert (spent[side]["signed"], spent[side]["checked"]) == (
        BUDGET[side]["signed"],
        BUDGET[side]["checked"],
    )


@pytest.mark.parametrize("side", BUDGET)
def test_each_message_is_committed(spent, side):
    # Were the counting broken, it would count nothing and the budget could never be over.
    assert spent[side]["commits"] >= 6
