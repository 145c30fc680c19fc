"""Canonical JSON (RFC 8785) and strict reading of JSON from outside."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any

from connector.errors import MalformedBody, TooLarge

_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
MAX_DEPTH = 32
MAX_MEMBERS = 50_000


def canonical(value: Any) -> bytes:
    """The RFC 8785 form of a JSON value, as UTF-8.

    Floats that are whole numbers are written as integers, as ECMAScript does;
    other floats are refused: everything we sign carries numbers as typed strings.

    Raises:
        ValueError: a float that is not whole, a key that is no string, or a type JSON lacks.
    """
    if _is_plain(value):
        return _ENCODE(value).encode("utf-8")
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts).encode("utf-8")


_ENCODE = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def _is_plain(value: Any) -> bool:
    """Whether the C encoder writes the same: no floats, and keys whose order is the same in both."""
    kind = type(value)
    if kind is str or kind is int or value is None or kind is bool:
        return True
    if kind is dict:
        # A loop rather than all(...): this runs several times a message, and strings are most of it.
        for key, item in value.items():
            if type(key) is not str or not key.isascii():
                return False
            if type(item) is not str and not _is_plain(item):
                return False
        return True
    return kind is list and all(map(_is_plain, value))


def _write(value: Any, parts: list[str]) -> None:
    if isinstance(value, str) or value is None or value is True or value is False:
        parts.append(json.dumps(value, ensure_ascii=False))
    elif isinstance(value, int):
        parts.append(str(value))
    elif isinstance(value, float):
        if not (math.isfinite(value) and value.is_integer() and abs(value) < 2**53):
            raise ValueError(f"{value!r} has no canonical form here; write numbers as strings")
        parts.append(str(int(value)))
    elif isinstance(value, dict):
        # RFC 8785 orders keys by UTF-16 code units.
        parts.append("{")
        for i, key in enumerate(sorted(value, key=lambda k: k.encode("utf-16-be"))):
            parts.append(("," if i else "") + json.dumps(key, ensure_ascii=False) + ":")
            _write(value[key], parts)
        parts.append("}")
    elif isinstance(value, list | tuple):
        parts.append("[")
        for i, item in enumerate(value):
            if i:
                parts.append(",")
            _write(item, parts)
        parts.append("]")
    else:
        raise ValueError(f"{type(value).__name__} is not a JSON type")


def digest(value: Any) -> str:
    """SHA-256 of the canonical form, as 64 hex digits."""
    return hashlib.sha256(canonical(value)).hexdigest()


def load_json(raw: bytes, *, limit: int) -> Any:
    """Read JSON from outside: UTF-8, at most `limit` bytes, no duplicate keys, no NaN,
    at most MAX_DEPTH levels and MAX_MEMBERS members.

    Raises:
        TooLarge: more than `limit` bytes.
        MalformedBody: anything else that is not clean JSON, with the reason.
    """
    if len(raw) > limit:
        raise TooLarge(f"the body has {len(raw)} bytes, {limit} are allowed")
    count = 0

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal count
        count += len(items)
        if count > MAX_MEMBERS:
            raise MalformedBody(f"more than {MAX_MEMBERS} members")
        found = dict(items)
        if len(found) != len(items):
            seen: set[str] = set()
            for key, _ in items:
                if key in seen:
                    raise MalformedBody(f"the key {key!r} stands twice in one object")
                seen.add(key)
        return found

    def constant(name: str) -> Any:
        raise MalformedBody(f"{name} is not JSON")

    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=pairs, parse_constant=constant, parse_float=_finite
        )
    except UnicodeDecodeError as error:
        raise MalformedBody(f"not UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise MalformedBody(f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise MalformedBody(f"not JSON: {error}") from None
    _check_depth(value)
    if _SURROGATE.search(raw):
        # An escaped half of a pair is no character: nothing could store or sign it.
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise MalformedBody("half of a surrogate pair is no character") from None
    return value


def _finite(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise MalformedBody(f"{text[:40]} is larger than a number can be")
    return found


def _check_depth(value: Any) -> None:
    level, current = 0, [value]
    while current:
        level += 1
        if level > MAX_DEPTH:
            raise MalformedBody(f"nested deeper than {MAX_DEPTH} levels")
        below: list[Any] = []
        for item in current:
            children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
            below.extend(c for c in children if isinstance(c, dict | list))
        current = below
