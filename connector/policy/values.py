"""Right operands as typed values: decimals, aware times, durations; never floats.

Lexical forms are those of XML Schema 1.1 part 2, read leniently where peers differ: a time
without seconds, a time without a zone (UTC, flagged), a date alone (its first instant, flagged).
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from connector.model.names import XSD

MAX_TEXT: Final = 8192
"""Characters in one value."""

Note = Callable[[str], None]
"""Called with the name of a leniency that was needed: `naive-time`, `date-only`, `no-seconds`."""


@dataclass(frozen=True, slots=True)
class Iri:
    """An IRI written as a reference (`{"@id": …}`), not as text."""

    iri: str


@dataclass(frozen=True, slots=True)
class Duration:
    """An xsd:duration: whole months by the calendar, the rest exact."""

    months: int
    delta: timedelta


@dataclass(frozen=True, slots=True)
class SinceAgreement:
    """EDC's relative time `contractAgreement+30d`."""

    delta: timedelta


@dataclass(frozen=True, slots=True)
class Literal:
    """A literal of a datatype that nothing here computes with; kept as it came."""

    text: str
    datatype: str


Value = str | bool | Decimal | datetime | Duration | SinceAgreement | Iri | Literal

_DATE_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,12}))?)?)?(Z|[+-]\d\d:\d\d)?", re.ASCII
)
_DURATION = re.compile(
    r"(-)?P(?:(\d{1,6})Y)?(?:(\d{1,6})M)?(?:(\d{1,6})W)?(?:(\d{1,8})D)?"
    r"(?:T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,11})(?:\.(\d{1,12}))?S)?)?",
    re.ASCII,
)
_SINCE = re.compile(r"contract[Aa]greement([+-])(-?)(\d{1,11})([smhd])", re.ASCII)
_DECIMAL = re.compile(r"[+-]?(?:\d{1,200}(?:\.\d{0,200})?|\.\d{1,200})(?:[eE][+-]?\d{1,2})?", re.ASCII)
_DIGITS = 100
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_UNIT_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_SIZES = ("Int", "Long", "Short", "Byte")
_INTEGERS = frozenset(
    XSD + n
    for n in (
        "integer",
        *(size.lower() for size in _SIZES),
        *("unsigned" + size for size in _SIZES),
        *(sign + "Integer" for sign in ("positive", "nonNegative", "negative", "nonPositive")),
    )
)
_NUMBERS = _INTEGERS | {XSD + n for n in ("decimal", "double", "float")}
_TIMES = frozenset(XSD + n for n in ("dateTime", "dateTimeStamp", "date"))
_DURATIONS = frozenset(XSD + n for n in ("duration", "dayTimeDuration", "yearMonthDuration"))


def read_time(text: str, note: Note = lambda _: None) -> datetime:
    """A point in time, in UTC.

    Raises:
        ValueError: not a date or time, or outside of the years 1 to 9999.
    """
    found = _DATE_TIME.fullmatch(text)
    if found is None:
        raise ValueError("not a date and time such as 2026-11-24T09:00:00+09:00")
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    if hour is None:
        note("date-only")
    elif second is None:
        note("no-seconds")
    if zone is None:
        note("naive-time")
    next_day = hour == "24"
    if next_day and (minute, int(second or 0), int(fraction or 0)) != ("00", 0, 0):
        raise ValueError("24 o'clock has no minutes")
    moment = datetime(
        int(year),
        int(month),
        int(day),
        0 if next_day else int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int((fraction or "0").ljust(6, "0")[:6]),
        tzinfo=_zone(zone),
    )
    try:
        return (moment + timedelta(days=next_day)).astimezone(UTC)
    except OverflowError:
        raise ValueError("outside of the years 1 to 9999") from None


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 14 or minutes > 59:
        raise ValueError(f"{text} is no time zone")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def read_duration(text: str) -> Duration:
    """An xsd:duration such as P30D, PT24H, P6M.

    Raises:
        ValueError: not a duration, or too long to compute with.
    """
    found = _DURATION.fullmatch(text)
    if found is None or text[-1:] in "PT":
        raise ValueError("not a duration such as P30D or PT24H")
    sign = -1 if found[1] else 1
    years, months, weeks, days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:8])
    micros = int((found[9] or "0").ljust(6, "0")[:6])
    try:
        delta = timedelta(
            days=days + 7 * weeks, hours=hours, minutes=minutes, seconds=seconds, microseconds=micros
        )
    except OverflowError:
        raise ValueError("too long a duration") from None
    return Duration(sign * (12 * years + months), sign * delta)


def read_since(text: str) -> SinceAgreement | None:
    """`contractAgreement+30d` (s, m, h, d; may be negative), or None if it is something else.

    Raises:
        ValueError: too far away to compute with.
    """
    found = _SINCE.fullmatch(text)
    if found is None:
        return None
    seconds = int(found[3]) * _UNIT_S[found[4]]
    try:
        return SinceAgreement(
            timedelta(seconds=-seconds if (found[1] == "-") != (found[2] == "-") else seconds)
        )
    except OverflowError:
        raise ValueError("too far from the agreement") from None


def read_number(text: str) -> Decimal:
    """A decimal number of at most 100 digits, from 1e-100 to under 1e100.

    Raises:
        ValueError: not such a number.
    """
    if _DECIMAL.fullmatch(text) is None:
        raise ValueError("not a number such as 10")
    number = Decimal(text)
    if len(number.as_tuple().digits) > _DIGITS or not -_DIGITS <= number.adjusted() < _DIGITS:
        raise ValueError("too many digits")
    return number


def read_literal(raw: Any, datatype: str, note: Note) -> Value:
    """A typed literal by its datatype's own rules; an unknown datatype is kept as it came.

    Raises:
        ValueError: ill-typed, with what was expected.
    """
    if not isinstance(raw, str | int | float):
        raise ValueError("@value has to be text, a number, true or false")  # noqa: TRY004 - bad input
    text = raw if isinstance(raw, str) else str(raw).lower()
    if len(text) > MAX_TEXT:
        raise ValueError(f"longer than {MAX_TEXT} characters")
    if datatype == XSD + "string":
        return text
    text = text.strip()
    if datatype in _NUMBERS:
        number = read_number(text)
        if datatype in _INTEGERS and number != number.to_integral_value():
            raise ValueError("not a whole number")
        return number
    if datatype in _TIMES:
        return read_time(text, note)
    if datatype in _DURATIONS:
        return read_duration(text)
    if datatype == XSD + "boolean":
        if text not in ("true", "false", "1", "0"):
            raise ValueError("neither true nor false")
        return text in ("true", "1")
    if datatype == XSD + "anyURI":
        return Iri(text)
    return Literal(text, datatype)


def later(start: datetime, months: int, delta: timedelta) -> datetime:
    """`start` plus calendar months plus an exact time; at the end of the calendar it stays there."""
    try:
        if months:
            count = start.year * 12 + start.month - 1 + months
            year, month = count // 12, count % 12 + 1
            if not 1 <= year <= 9999:
                raise OverflowError
            start = start.replace(
                year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1])
            )
        return start + delta
    except OverflowError:
        forward = months > 0 or (months == 0 and delta > timedelta(0))
        return _LAST if forward else _FIRST


def write_time(moment: datetime) -> str:
    """`2026-11-24T00:00:00Z`, with a fraction only where there is one."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    text = text.rjust(19, "0")  # strftime does not pad years before 1000
    return text + (f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else "") + "Z"


def show_time(moment: datetime) -> str:
    """A time for people: `2026-11-24 00:00:00 UTC`."""
    return write_time(moment).replace("T", " ").replace("Z", " UTC")


def write_number(number: Decimal) -> str:
    """Without an exponent, without zeros that say nothing."""
    if not number:
        return "0"  # also for -0
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def write_duration(value: Duration) -> str:
    """The shortest xsd:duration in months, days and seconds."""
    months, seconds = value.months, value.delta
    negative = months < 0 or seconds < timedelta(0)
    months, seconds = abs(months), abs(seconds)
    text = f"{months}M" if months else ""
    text += f"{seconds.days}D" if seconds.days else ""
    rest = seconds - timedelta(days=seconds.days)
    if rest:
        hours, left = divmod(rest.seconds, 3600)
        minutes, left = divmod(left, 60)
        fraction = f".{rest.microseconds:06d}".rstrip("0") if rest.microseconds else ""
        text += "T" + (f"{hours}H" if hours else "") + (f"{minutes}M" if minutes else "")
        text += f"{left}{fraction}S" if left or fraction else ""
    return ("-P" if negative else "P") + (text or "T0S")


def write_since(value: SinceAgreement) -> str:
    """`contractAgreement+30d` in the largest whole unit."""
    seconds = int(value.delta.total_seconds())
    for unit in ("d", "h", "m"):
        if seconds and seconds % _UNIT_S[unit] == 0:
            return f"contractAgreement+{seconds // _UNIT_S[unit]}{unit}"
    return f"contractAgreement+{seconds}s"


def write_value(value: Value) -> Any:
    """A value as DSP JSON: numbers, times and durations as typed strings."""
    match value:
        case str():
            return value
        case bool():
            return {"@value": "true" if value else "false", "@type": XSD + "boolean"}
        case Decimal():
            text = write_number(value)
            return {"@value": text, "@type": XSD + ("decimal" if "." in text else "integer")}
        case datetime():
            return {"@value": write_time(value), "@type": XSD + "dateTime"}
        case Duration():
            return {"@value": write_duration(value), "@type": XSD + "duration"}
        case SinceAgreement():
            return write_since(value)
        case Iri(iri):
            return {"@id": iri}
        case Literal(text, datatype):
            name, at, language = datatype.partition("@")
            return (
                {"@value": text, "@language": language}
                if at and not name
                else {"@value": text, "@type": datatype}
            )


def key_of(value: Value) -> tuple[str, str]:
    """Equal for values that are equal in meaning, and for no others: the value's kind and one text."""
    match value:
        case str():
            return "text", value
        case bool():
            return "boolean", str(value)
        case Decimal():
            return "number", write_number(value)
        case datetime():
            return "time", write_time(value)
        case Duration():
            return "duration", write_duration(value)
        case SinceAgreement():
            return "since", write_since(value)
        case Iri(iri):
            return "iri", iri
        case Literal(text, datatype):
            return datatype, text


def show_value(value: Value) -> str:
    """A value for people to read."""
    return show_time(value) if isinstance(value, datetime) else key_of(value)[1]


def typed(raw: Mapping[str, Any], datatype: str, note: Note) -> Value:
    """A JSON-LD value object whose datatype was resolved already ("" if it has none).

    Raises:
        ValueError: it is no value object of text, number or boolean, or ill-typed.
    """
    language = raw.get("@language")
    if language is not None:
        if not isinstance(language, str) or not isinstance(raw["@value"], str):
            raise ValueError("@language belongs to text")
        return Literal(raw["@value"], "@" + language.lower())
    value = raw["@value"]
    return read_literal(value, datatype, note) if datatype else bare(value, note)


def bare(raw: Any, note: Note) -> Value:
    """A JSON value without a datatype: text stays text, numbers are decimals.

    Raises:
        ValueError: neither text nor number nor boolean, or too long.
    """
    if isinstance(raw, bool):
        return raw
    if isinstance(raw, int | float):
        return read_literal(raw, XSD + "decimal", note)
    return read_literal(raw, XSD + "string", note)
