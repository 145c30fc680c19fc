"""Canonical JSON, and strict reading of JSON from outside."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.errors import MalformedBody, TooLarge
from connector.model.canonical import MAX_DEPTH, MAX_MEMBERS, canonical, digest, load_json

LIMIT = 1 << 20
_texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=12,
)


def _reference(value: Any) -> str:
    """RFC 8785 once more, in the plainest way: keys by UTF-16 code units."""
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: [b for c in k for b in _units(c)])
        return (
            "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{_reference(value[k])}" for k in keys) + "}"
        )
    if isinstance(value, list):
        return "[" + ",".join(_reference(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)


def _units(character: str) -> list[int]:
    code = ord(character)
    if code < 0x10000:
        return [code]
    return [0xD800 + ((code - 0x10000) >> 10), 0xDC00 + ((code - 0x10000) & 0x3FF)]


@given(_json)
@settings(max_examples=200, deadline=None)
def test_it_is_the_rfcs_form(value: Any) -> None:
    assert canonical(value).decode("utf-8") == _reference(value)
    assert json.loads(canonical(value)) == value


@given(st.dictionaries(_texts, _json, min_size=2, max_size=6))
@settings(max_examples=50, deadline=None)
def test_the_order_in_which_members_were_written_does_not_matter(value: dict[str, Any]) -> None:
    assert canonical(dict(reversed(value.items()))) == canonical(value)
    assert digest(value) == hashlib.sha256(canonical(value)).hexdigest()


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\u00f6": 7},
         '{"\\r":2,"1":4,"\x80":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}'),
        ({"b": [True, None], "a": "한글\n\"\\\u0001"}, '{"a":"한글\\n\\"\\\\\\u0001","b":[true,null]}'),
        (1.0, "1"),
        (-0.0, "0"),
        ([10.0, {"x": 3.0}], '[10,{"x":3}]'),
    ],
)  # fmt: skip
def test_known_forms(value: Any, wanted: str) -> None:
    assert canonical(value).decode("utf-8") == wanted


@pytest.mark.parametrize(
    "value", [1.5, float("nan"), float("inf"), 2.0**60, {"a": [0.1]}, {1: 2}, {"a": b"x"}, {"a": {1}}]
)
def test_what_has_no_form_here_is_refused(value: Any) -> None:
    with pytest.raises((ValueError, AttributeError)):
        canonical(value)


@given(_json)
@settings(max_examples=100, deadline=None)
def test_clean_json_is_read(value: Any) -> None:
    assert load_json(json.dumps(value).encode(), limit=LIMIT) == value


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"{} x", "not JSON"),
        (b"\xff{}", "not UTF-8 at byte 0"),
        (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"\xef\xbb\xbf{}", "not JSON"),
        (b'["\\ud800"]', "half of a surrogate"),
        (b'{"\\uDC00x":1}', "half of a surrogate"),
        (b'["\\ude00\\ud83d"]', "half of a surrogate"),
        (b'{"a":NaN}', "NaN"),
        (b"[Infinity]", "Infinity"),
        (b"[-Infinity]", "-Infinity"),
        (b'{"a":1,"b":2,"a":1}', "'a' stands twice"),
        (b'{"x":{"a":1,"\\u0061":1}}', "'a' stands twice"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 40 + b"1" + b"}" * 40, "nested deeper"),
        (b"{'a':1}", "not JSON"),
        (b"[1,]", "not JSON"),
    ],
)
def test_anything_else_is_refused_with_the_reason(raw: bytes, said: str) -> None:
    with pytest.raises(MalformedBody) as caught:
        load_json(raw, limit=LIMIT)
    assert said in caught.value.message


def test_an_escaped_pair_is_one_character() -> None:
    assert load_json(b'["\\ud83d\\ude00", "\\\\ud800"]', limit=LIMIT) == ["\U0001f600", "\\ud800"]


def test_the_limits_are_exact() -> None:
    deep = b"[" * MAX_DEPTH + b"]" * MAX_DEPTH
    assert load_json(deep, limit=LIMIT)
    with pytest.raises(MalformedBody):
        load_json(b"[" + deep + b"]", limit=LIMIT)
    assert load_json(b"[]", limit=2) == []
    with pytest.raises(TooLarge):
        load_json(b"[] ", limit=2)
    members = json.dumps([{str(i): 0} for i in range(MAX_MEMBERS)]).encode()
    assert len(load_json(members, limit=1 << 22)) == MAX_MEMBERS
    with pytest.raises(MalformedBody):
        load_json(members[:-1] + b',{"x":0}]', limit=1 << 22)
