"""What a table holds: encoding, columns, rows. Streaming, constant memory, standard library only."""

from __future__ import annotations

import codecs
import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from connector.dataplane.sources import media
from connector.dataplane.sources.api import Column, Datatype
from connector.dataplane.sources.guess import Guess, unit_in

CHUNK_BYTES = 1 << 20
MAX_LINE_CHARS = 4 << 20
MAX_COLUMNS = 10_000
SMALL_JSON_BYTES = 8 << 20
_FULL_ROWS = 20_000
_THEN_EVERY = 97
_DELIMITERS = ",;\t|"
_ENCODINGS = ("utf-8-sig", "cp949")


@dataclass(frozen=True, slots=True)
class Profile:
    """What was found inside a file, see `SourceDescription`."""

    encoding: str | None = None
    columns: tuple[Column, ...] = ()
    row_count: int | None = None
    notes: tuple[str, ...] = ()


class _NoTable(ValueError):
    """The text is no table of lines."""


def profile_fd(fd: int, media_type: str, size: int) -> Profile:
    """Profile an open file by its media type, blocking; a file that is no table has an empty one."""
    match media_type:
        case media.CSV | media.TSV:
            return _profile_text(fd, "\t" if media_type == media.TSV else None)
        case media.JSON if size <= SMALL_JSON_BYTES:
            return _profile_json(os.pread(fd, size, 0))
        case _:
            return Profile()


def _profile_text(fd: int, delimiter: str | None) -> Profile:
    for encoding in _ENCODINGS:
        try:
            return _profile_rows(_lines(fd, encoding), delimiter, encoding.removesuffix("-sig"))
        except UnicodeDecodeError:
            continue
        except (_NoTable, csv.Error):
            return Profile(encoding.removesuffix("-sig"), notes=("not-a-table",))
    return Profile(notes=("encoding-unknown",))


def _lines(fd: int, encoding: str) -> Iterator[str]:
    # Decoded here and not by a text file object: that one reads a line of any length into memory.
    decoder = codecs.getincrementaldecoder(encoding)()
    offset, carry = 0, ""
    while True:
        chunk = os.pread(fd, CHUNK_BYTES, offset)
        offset += len(chunk)
        carry += decoder.decode(chunk, final=not chunk)
        if "\0" in carry:
            raise _NoTable("it holds NUL")
        *lines, carry = carry.split("\n")
        for line in lines:
            yield line + "\n"
        if len(carry) > MAX_LINE_CHARS:
            raise _NoTable("a line is too long")
        if not chunk:
            if carry:
                yield carry
            return


def _profile_rows(lines: Iterator[str], delimiter: str | None, encoding: str) -> Profile:
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        return Profile(encoding, row_count=0)
    chosen = delimiter or max(_DELIMITERS, key=first.count)
    rows = csv.reader(_chain(first, lines), delimiter=chosen)
    header = next(rows)
    if len(header) > MAX_COLUMNS:
        raise _NoTable("too many columns")
    guesses = [Guess() for _ in header]
    count, is_uneven = 0, False
    names = _names(header)
    if names is None:
        # Only numbers in the first row: it is data, and the columns have no names.
        names = [f"column_{i}" for i in range(1, len(header) + 1)]
        count = 1
        for guess, cell in zip(guesses, header, strict=True):
            guess.see(cell)
    for row in rows:
        if not row:
            continue
        count += 1
        if len(row) != len(guesses):
            is_uneven = True
        if count <= _FULL_ROWS or count % _THEN_EVERY == 0:
            for guess, cell in zip(guesses, row, strict=False):
                guess.see(cell)
    columns = tuple(
        Column(name, guess.datatype, unit_in(name)) for name, guess in zip(names, guesses, strict=True)
    )
    return Profile(encoding, columns, count, ("uneven-rows",) if is_uneven else ())


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _names(header: list[str]) -> list[str] | None:
    cells = [cell.strip() for cell in header]
    probe = Guess()
    for cell in cells:
        probe.see(cell)
    if any(cells) and probe.datatype in (Datatype.INTEGER, Datatype.DECIMAL):
        return None
    names: list[str] = []
    taken: set[str] = set()
    for i, cell in enumerate(cells, 1):
        name = base = cell or f"column_{i}"
        n = 2
        while name in taken:
            name, n = f"{base}_{n}", n + 1
        taken.add(name)
        names.append(name)
    return names


def _profile_json(raw: bytes) -> Profile:
    try:
        value = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return Profile(notes=("not-json",))
    if not isinstance(value, list):
        return Profile("utf-8")
    keys: dict[str, Guess] = {}
    if value and all(isinstance(item, dict) for item in value):
        for item in value:
            for key, cell in item.items():
                if len(keys) < MAX_COLUMNS or key in keys:
                    keys.setdefault(key, Guess()).see_json(cell)
    columns = tuple(Column(key, guess.datatype, unit_in(key)) for key, guess in keys.items())
    return Profile("utf-8", columns, len(value))
