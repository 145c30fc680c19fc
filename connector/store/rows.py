"""Frozen dataclasses to rows and back, by their field types.

Times are ISO text (they sort), enums their value, dicts and lists JSON, booleans 0 or 1.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from operator import attrgetter, itemgetter
from typing import Any, Generic, TypeVar

from connector.model.times import iso, parse_iso

T = TypeVar("T")
Codec = tuple[Callable[[Any], Any] | None, Callable[[Any], Any] | None]


def dump_json(value: Any) -> str:
    """Compact JSON for a column."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class RowType(Generic[T]):
    """How one dataclass stands in its table."""

    def __init__(self, cls: type[T]) -> None:
        hints = typing.get_type_hints(cls)
        self._cls = cls
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]  # T is always a dataclass here
        self._names = tuple(f.name for f in fields)
        codecs = [(name, *_codec(hints[name])) for name in self._names]
        self._values = attrgetter(*self._names)
        self._encoders = [(n, e) for n, e, _ in codecs if e is not None]
        self._decoders = [(i, d) for i, (_, _, d) in enumerate(codecs) if d is not None]
        self._columns = itemgetter(*self._names)

    def encode(self, value: T) -> dict[str, Any]:
        """The bound parameters for a value."""
        row = dict(zip(self._names, self._values(value), strict=True))
        for name, encode in self._encoders:
            row[name] = encode(row[name])
        return row

    def decode(self, row: Mapping[str, Any]) -> T:
        """A value from a row that has at least its columns."""
        found = list(self._columns(row))
        for i, decode in self._decoders:
            found[i] = decode(found[i])
        return self._cls(*found)


def _codec(hint: Any) -> Codec:
    optional = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        members = [m for m in typing.get_args(hint) if m is not type(None)]
        optional, hint = True, members[0]
    origin = typing.get_origin(hint) or hint
    encode: Callable[[Any], Any] | None
    decode: Callable[[Any], Any] | None
    if origin is datetime:
        encode, decode = iso, parse_iso
    elif origin in (dict, list):
        encode, decode = dump_json, json.loads
    elif origin is bool:
        encode, decode = int, bool
    elif isinstance(origin, type) and issubclass(origin, StrEnum):
        encode, decode = str, origin
    else:
        return None, None
    return (_optional(encode), _optional(decode)) if optional else (encode, decode)


def _optional(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else convert(value)
