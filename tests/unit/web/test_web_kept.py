"""Kept answers: never older than the catalog, never for long, never too much of them."""

from __future__ import annotations

from connector.web.kept import Answer, Kept
from tests.unit.service.hand_clock import HandClock


def answer(size: int = 10) -> Answer:
    return Answer(b"x" * size, "text/turtle", {}, "urn:x", 1)


def test_an_answer_is_found_until_the_catalog_changes():
    kept = Kept(HandClock())
    one = answer()
    kept.keep("a", 1, one)
    assert kept.find("a", 1) is one
    assert kept.find("a", 2) is None
    assert kept.find("b", 1) is None
    kept.keep("a", 2, answer())
    assert kept.find("a", 1) is None


async def test_an_answer_is_not_kept_for_long():
    clock = HandClock()
    kept = Kept(clock)
    kept.keep("a", 1, answer())
    await clock.pass_(299)
    assert kept.find("a", 1)
    await clock.pass_(2)
    assert kept.find("a", 1) is None


def test_the_least_used_goes_first_and_all_together_stay_within_their_share():
    kept = Kept(HandClock(), max_bytes=100)
    for key in "abcd":
        kept.keep(key, 1, answer(25))
    assert kept.find("a", 1)
    kept.keep("e", 1, answer(25))
    assert [key for key in "abcde" if kept.find(key, 1)] == ["a", "c", "d", "e"]
    kept.keep("a", 1, answer(5))
    kept.keep("f", 1, answer(20))
    assert [key for key in "acdef" if kept.find(key, 1)] == ["a", "c", "d", "e", "f"]


def test_what_is_too_large_pushes_nothing_out_and_leaves_no_older_one():
    kept = Kept(HandClock(), max_bytes=100)
    kept.keep("a", 1, answer(20))
    kept.keep("b", 1, answer(20))
    kept.keep("b", 1, answer(26))
    assert kept.find("a", 1)
    assert kept.find("b", 1) is None
    for key in "cdef":
        kept.keep(key, 1, answer(20))
    assert all(kept.find(key, 1) for key in "acdef")
