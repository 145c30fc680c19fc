"""A cursor goes there and back, and tells nothing on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import BadInput
from connector.service.cursors import Cursors

CURSORS = Cursors("a secret")


@given(st.integers(0, (1 << 63) - 1))
def test_what_was_sealed_opens(number: int) -> None:
    assert CURSORS.open(CURSORS.seal(number), "after") == number


def test_neighbours_look_nothing_alike_and_another_secret_opens_nothing() -> None:
    assert CURSORS.seal(1)[:8] != CURSORS.seal(2)[:8]
    with pytest.raises(BadInput, match="no cursor"):
        Cursors("another").open(CURSORS.seal(7), "after")


@pytest.mark.parametrize("text", ["", "7", "x" * 32, "0" * 32, "٣" * 32, "0" * 64])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadInput) as error:
        CURSORS.open(text, "after")
    assert error.value.pointer == "after"
