"""The value of `mmd:rowFilter`: which rows leave, in a tiny language of its own.

    site = 'S1' and shift >= 2 and status in ('ok', 'rework')

    filter     = clause { "and" clause }
    clause     = column operator value | column "in" "(" value { "," value } ")"
    operator   = "=" | "!=" | "<" | "<=" | ">" | ">="
    column     = letter or "_", then letters, digits, "_" or "-" (of any script), at most 64
    value      = a number, or text between single quotes, in which two of them stand for one

It is parsed into values; a source asks for `clauses` and binds them as parameters. It is never SQL
and never becomes text of another language here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NoReturn

from connector.policy.values import read_number, write_number

MAX_CLAUSES: Final = 32
MAX_VALUES: Final = 100
MAX_TEXT: Final = 2000

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>[+-]?\d[\d.]*)|(?P<word>[^\W\d][\w-]{0,63}(?![\w-]))"
    r"|(?P<operator>[<>]=?|!?=)|(?P<mark>[(),]))"
)
_OPERATORS: Final = {"=": "eq", "!=": "neq", "<": "lt", "<=": "lteq", ">": "gt", ">=": "gteq"}
_SIGNS: Final = {name: sign for sign, name in _OPERATORS.items()}


@dataclass(frozen=True, slots=True)
class Clause:
    """One comparison of a column. operator: eq, neq, lt, lteq, gt, gteq with one value; in with several."""

    column: str
    operator: str
    values: tuple[str | Decimal, ...]


@dataclass(frozen=True, slots=True)
class RowFilter:
    """All clauses have to hold for a row to leave."""

    clauses: tuple[Clause, ...]

    def __str__(self) -> str:
        return " and ".join(map(_write, self.clauses))


def read_row_filter(text: str) -> RowFilter:
    """Parse a filter.

    Raises:
        ValueError: not one, with the place where it ends to be one.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"longer than {MAX_TEXT} characters")
    return _Reader(text).filter()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.kind, self.lexeme = "", ""
        self._next()

    def filter(self) -> RowFilter:
        clauses = [self._clause()]
        while self.lexeme == "and" and self.kind == "word":
            self._next()
            clauses.append(self._clause())
            if len(clauses) > MAX_CLAUSES:
                self._fail(f"more than {MAX_CLAUSES} clauses")
        if self.kind:
            self._fail('"and" or the end is expected')
        return RowFilter(tuple(clauses))

    def _clause(self) -> Clause:
        column = self._take("word", "a column")
        if self.kind == "operator":
            operator = _OPERATORS[self.lexeme]
            self._next()
            return Clause(column, operator, (self._value(),))
        operator = self._take("word", "an operator")
        if operator != "in":
            self._fail(f"{operator!r} is no operator")
        self._mark("(")
        values = [self._value()]
        while self.lexeme == "," and self.kind == "mark":
            self._next()
            values.append(self._value())
            if len(values) > MAX_VALUES:
                self._fail(f"more than {MAX_VALUES} values")
        self._mark(")")
        return Clause(column, operator, tuple(values))

    def _value(self) -> str | Decimal:
        kind, lexeme = self.kind, self.lexeme
        if kind == "number":
            self._next()
            return read_number(lexeme)
        if kind != "text":
            self._fail("a number or text between single quotes is expected")
        self._next()
        return lexeme[1:-1].replace("''", "'")

    def _mark(self, mark: str) -> None:
        if (self.kind, self.lexeme) != ("mark", mark):
            self._fail(f"{mark!r} is expected")
        self._next()

    def _take(self, kind: str, what: str) -> str:
        lexeme = self.lexeme
        if self.kind != kind:
            self._fail(f"{what} is expected")
        self._next()
        return lexeme

    def _next(self) -> None:
        found = _TOKEN.match(self.text, self.at)
        if found is None:
            if self.text[self.at :].strip():
                self._fail("this is no part of a row filter")
            self.kind, self.lexeme = "", ""
            return
        self.at = found.end()
        self.kind = found.lastgroup or ""
        self.lexeme = found[self.kind]

    def _fail(self, message: str) -> NoReturn:
        raise ValueError(f"at character {self.at}: {message}")


def _write(clause: Clause) -> str:
    values = ", ".join(map(_write_value, clause.values))
    if clause.operator == "in":
        return f"{clause.column} in ({values})"
    return f"{clause.column} {_SIGNS[clause.operator]} {values}"


def _write_value(value: str | Decimal) -> str:
    if isinstance(value, Decimal):
        return write_number(value)
    return "'" + value.replace("'", "''") + "'"
