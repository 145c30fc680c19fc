"""The values of template parameters: texts from a command line or a form, read strictly.

Each kind names one reader; what a reader does not accept it refuses with what it would accept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NoReturn

from connector.errors import PolicyInvalid
from connector.policy.operands.purpose import PURPOSES
from connector.policy.values import read_duration, read_number, read_time, write_time, write_value

MAX_ENTRIES: Final = 1000
_DATE = re.compile(r"\d{4}-\d\d-\d\d(Z|[+-]\d\d:\d\d)?", re.ASCII)
_PARTICIPANT = re.compile(r"did:[a-z0-9]+:[A-Za-z0-9._:%-]+|(?!did:)[^\s,\"<>]+")
_ABSOLUTE = re.compile(r"(https?://|urn:)[^\s,\"<>]+")
_NUMBER = re.compile(r"[1-9]\d{0,8}", re.ASCII)
_LARGE = re.compile(r"[1-9]\d{0,14}", re.ASCII)
_AMOUNT = re.compile(r"(0|[1-9]\d{0,11})(\.\d{1,6})?", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
_COLUMN = re.compile(r"[^\W\d][\w.-]{0,127}")
_TERM = re.compile(
    r"\s*([^\W\d][\w.-]{0,127})\s*(=|!=|<=|>=|<|>)\s*('[^']{0,256}'|-?\d{1,15}(?:\.\d{1,9})?)\s*"
)
_AND = re.compile(r"and\b")
_MAX_TERMS = 20


def refuse(pointer: str, message: str, accepted: Sequence[str] = ()) -> NoReturn:
    """The template cannot be filled so.

    Raises:
        PolicyInvalid: always, with what is accepted.
    """
    hint = f"accepted: {', '.join(accepted)}" if accepted else ""
    raise PolicyInvalid(f"{message} ({hint})" if hint else message, pointer=pointer, hint=hint)


def _time(name: str, text: str) -> datetime:
    try:
        return read_time(text.strip())
    except ValueError as error:
        refuse(name, f"{name}={text!r} is {error}", ("2026-11-24", "2026-11-24T09:00:00+09:00"))


def _start(name: str, text: str) -> str:
    return write_time(_time(name, text))


def _end(name: str, text: str) -> str:
    moment = _time(name, text)
    if _DATE.fullmatch(text.strip()):
        moment += timedelta(days=1, seconds=-1)
    return write_time(moment)


def _number(name: str, text: str) -> str:
    if _NUMBER.fullmatch(text.strip()) is None:
        refuse(name, f"{name}={text!r} is no whole number from 1 to 999999999")
    return text.strip()


def _days(name: str, text: str) -> str:
    if _NUMBER.fullmatch(text.strip()) is None or int(text) > 36_500:
        refuse(name, f"{name}={text!r} is no whole number from 1 to 36500")
    return text.strip()


def _entries(name: str, text: str) -> list[str]:
    entries = list(dict.fromkeys(entry.strip() for entry in text.split(",") if entry.strip()))
    if not 1 <= len(entries) <= MAX_ENTRIES:
        refuse(name, f"{name} takes 1 to {MAX_ENTRIES} entries, separated by commas")
    return entries


def _purposes(name: str, text: str) -> list[str]:
    found = []
    for entry in _entries(name, text):
        if entry not in PURPOSES and _ABSOLUTE.fullmatch(entry) is None:
            refuse(name, f"{entry!r} is no purpose", (*PURPOSES, "an absolute IRI"))
        found.append(PURPOSES[entry][0] if entry in PURPOSES else entry)
    return list(dict.fromkeys(found))


def _hours(name: str, text: str) -> Any:
    if _NUMBER.fullmatch(text.strip()) is None or int(text) > 8_760:
        refuse(name, f"{name}={text!r} is no whole number from 1 to 8760")
    return write_value(read_duration(f"PT{text.strip()}H"))


def _large(name: str, text: str) -> str:
    if _LARGE.fullmatch(text.strip()) is None:
        refuse(name, f"{name}={text!r} is no whole number from 1 to 999999999999999")
    return text.strip()


def _amount(name: str, text: str) -> Any:
    if _AMOUNT.fullmatch(text.strip()) is None:
        refuse(name, f"{name}={text!r} is no amount", ("5000", "5.00"))
    return write_value(read_number(text.strip()))


def _one_of(pattern: re.Pattern[str], what: str, *examples: str) -> Callable[[str, str], str]:
    """Exactly one entry of that form."""

    def read(name: str, text: str) -> str:
        if pattern.fullmatch(text.strip()) is None:
            refuse(name, f"{name}={text!r} is no {what}", examples)
        return text.strip()

    return read


def _all_of(pattern: re.Pattern[str], what: str, *examples: str) -> Callable[[str, str], list[str]]:
    """Entries of that form, separated by commas."""

    def read(name: str, text: str) -> list[str]:
        for entry in (entries := _entries(name, text)):
            if pattern.fullmatch(entry) is None:
                refuse(name, f"{entry!r} is no {what}", examples)
        return entries

    return read


def _filter(name: str, text: str) -> str:
    """Comparisons of a column with a text or a number, joined by `and`, in one spelling: no SQL, no names
    of functions, nothing that could be run.
    """
    found: list[str] = []
    at = 0
    while len(found) < _MAX_TERMS:
        term = _TERM.match(text, at)
        if term is None:
            break
        found.append(f"{term[1]} {term[2]} {term[3]}")
        at = term.end()
        if at == len(text):
            return " and ".join(found)
        joined = _AND.match(text, at)
        if joined is None:
            break
        at = joined.end()
    refuse(name, f"{name}={text!r} is no filter", ("site = 'S1'", "site = 'S1' and shift >= 2"))


KINDS: Final[Mapping[str, Callable[[str, str], Any]]] = {
    "start": _start,
    "end": _end,
    "number": _number,
    "large": _large,
    "days": _days,
    "hours": _hours,
    "amount": _amount,
    "currency": _one_of(_CURRENCY, "currency", "KRW", "EUR"),
    "participant": _one_of(_PARTICIPANT, "participant id", "did:web:factory-a.example"),
    "participants": _all_of(_PARTICIPANT, "participant id", "did:web:factory-a.example"),
    "purposes": _purposes,
    "name": _one_of(_ABSOLUTE, "absolute IRI", "urn:policy:onward-1"),
    "names": _all_of(_ABSOLUTE, "absolute IRI", "urn:cluster:moulding-south"),
    "word": _one_of(_WORD, "word", "row-lsb-v1"),
    "words": _all_of(_WORD, "word", "Tier1Supplier"),
    "countries": _all_of(_COUNTRY, "country code (ISO 3166-1)", "KR", "DE"),
    "columns": _all_of(_COLUMN, "column name", "cycle_time"),
    "digests": _all_of(_DIGEST, "digest", "sha256:…"),
    "filter": _filter,
}
"""Kind of a parameter -> its reader: (name, text) -> what goes into the policy."""
