"""Row filters are a language of their own, and duties are told with their deadlines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import PolicyInvalid
from connector.model.names import MMD, ODRL
from connector.policy import WHOLE, Context, Deontic, Event, World, equal, owed, parse, read_row_filter
from connector.policy.row_filter import Clause, RowFilter

NOW = datetime(2026, 11, 24, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_filter_is_values() -> None:
    read = read_row_filter("line='3' and 온도 >= 20.50 and status in ('ok', 're''work',-1) and n!=0")
    assert read.clauses == (
        Clause("line", "eq", ("3",)),
        Clause("온도", "gteq", (Decimal("20.5"),)),
        Clause("status", "in", ("ok", "re'work", Decimal(-1))),
        Clause("n", "neq", (Decimal(0),)),
    )
    assert str(read) == "line = '3' and 온도 >= 20.5 and status in ('ok', 're''work', -1) and n != 0"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "a column"),
        ("line", "an operator"),
        ("line == 3", "a number or text"),
        ("line like 3", "'like' is no operator"),
        ("line =", "a number or text"),
        ("line = x", "a number or text"),
        ("line = '3", "no part"),
        ("line = 3; drop table data", "no part"),
        ("line = 3 or 1 = 1", "the end is expected"),
        ("line = 3 and", "a column"),
        ("line in 3", "'(' is expected"),
        ("line in (3", "')' is expected"),
        ("line in ()", "a number or text"),
        ("line = 1.2.3", "not a number"),
        (" and ".join(["a = 1"] * 33), "more than 32"),
        ("a in (" + ", ".join("1" * 101) + ")", "more than 100"),
        ("a" * 2001, "longer than"),
        ("a" * 65 + " = 1", "no part"),
    ],
)
def test_what_is_no_filter_is_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says.replace("(", r"\(").replace(")", r"\)")):
        read_row_filter(text)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3)
clauses = st.one_of(
    st.builds(
        Clause,
        st.from_regex(r"[a-z_][a-z0-9_-]{0,9}", fullmatch=True),
        st.sampled_from(["eq", "neq", "lt", "lteq", "gt", "gteq"]),
        st.tuples(texts | numbers),
    ),
    st.builds(
        Clause, st.just("온도"), st.just("in"), st.lists(texts | numbers, min_size=1, max_size=4).map(tuple)
    ),
)


@given(st.lists(clauses, min_size=1, max_size=4).map(lambda c: RowFilter(tuple(c))))
def test_written_and_read_again_it_is_the_same(wanted: RowFilter) -> None:
    assert read_row_filter(str(wanted)) == wanted


def filtered(text: Any) -> dict[str, Any]:
    constraint = {"leftOperand": MMD + "rowFilter", "operator": "eq", "rightOperand": text}
    return {"permission": [{"action": "use", "constraint": [constraint]}]}


def test_a_policy_with_a_filter_that_is_none_is_refused_at_its_place() -> None:
    with pytest.raises(PolicyInvalid, match="a column is expected") as caught:
        parse(filtered("1=1; --"), WHOLE)
    assert caught.value.pointer == "/permission/0/constraint/0/rightOperand"
    one, other = parse(filtered("a  ='x'"), WHOLE), parse(filtered("a =  'x' "), WHOLE)
    assert equal(one, other) == []
    assert parse(filtered({"@id": "urn:x"}), WHOLE).not_understood[0].what == "value"


def test_each_duty_with_its_deadline_and_where_it_stands() -> None:
    within = {"leftOperand": "elapsedTime", "operator": "lteq", "rightOperand": "P30D"}
    policy = parse(
        {
            "permission": [{"action": "use", "duty": [{"@id": "urn:pay", "action": "compensate"}]}],
            "prohibition": [{"@id": "urn:no", "action": "sell", "remedy": [{"action": "delete"}]}],
            "obligation": [
                {"action": "delete", "constraint": [within], "consequence": [{"action": "inform"}]}
            ],
        },
        WHOLE,
    )
    ctx = Context(now=NOW, agreed_at=NOW, world=World(duties={"urn:pay": Deontic.FULFILLED}))
    pay, remedy, delete, inform = owed(policy, ctx)
    assert (pay.key, pay.state, pay.due_at, pay.after) == ("urn:pay", Deontic.FULFILLED, None, "")
    assert (remedy.kind.value, remedy.after, remedy.rule) == ("remedy", "urn:no", "/prohibition/0")
    assert (delete.key, delete.due_at, delete.state) == ("/obligation/0", NOW + 30 * DAY, Deontic.PENDING)
    assert (inform.action, inform.after) == (ODRL + "inform", "/obligation/0")
    late = replace(ctx, now=NOW + 31 * DAY)
    assert owed(policy, late)[2].state is None
    assert owed(policy, replace(late, world=World(events=())))[2].state is Deontic.VIOLATED
    done = Event(NOW + DAY, ODRL + "delete")
    assert owed(policy, replace(late, world=World(events=(done,))))[2].state is Deontic.FULFILLED
    assert owed(policy, replace(ctx, agreed_at=None))[2].due_at is None
