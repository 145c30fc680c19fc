"""The small grammar of asking: one line of Korean or English becomes a `Question`.

    question  = { amount | facet | word }
    amount    = [ bound ] number [ unit ] [ bound ]  |  number ("~" | "to") number [ unit ]
    number    = 1만 | 1.5만 | 3만5천 | 10k | 10,000 | 2 million
    unit      = rows (샷 행 건 shots rows records …) | a time (초 ms s min …) | a frequency (Hz)
    bound     = 이상 초과 이하 미만 까지 | at least, more than, at most, less than, between … and …, ≥ > ≤ <
    facet     = 라벨 있음 · labelled | 라벨 없음 · unlabelled | 개인정보 없음 · no personal data | … 있음

A number of rows without a bound asks for at least so many. A time is a sampling interval only if a
word beside it says so (간격, 주기, interval, every): a cycle time below 15 s is no sampling interval.
All else is words; nothing that anybody can write is an error, an operator or a pattern.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from math import ceil
from typing import Final

from connector.semantic.synonyms import Wanted, read, uncamel

MAX_TEXT: Final = 400
"""Characters of a question that are read."""
MAX_WORDS: Final = 12
"""Things that a text is asked to speak of."""
MOST: Final = 10**15
"""The largest amount: more rows, or microseconds, than anything has."""


@dataclass(frozen=True, slots=True)
class Between:
    """Whole numbers from `least` to `most`, both included; None is open."""

    least: int | None = None
    most: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether it holds nothing out."""
        return self.least is None and self.most is None

    def within(self, other: Between) -> Between:
        """What is in both."""
        least = [one for one in (self.least, other.least) if one is not None]
        most = [one for one in (self.most, other.most) if one is not None]
        return Between(max(least, default=None), min(most, default=None))


OPEN: Final = Between()
"""Holds nothing out."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked for. `interval_us` is the time between two samples in microseconds."""

    words: tuple[Wanted, ...] = ()
    rows: Between = OPEN
    interval_us: Between = OPEN
    labelled: bool | None = None
    personal_data: bool | None = None
    is_cut: bool = False
    """More was written than is read."""


_NUMBER: Final = (
    r"(?<![\w.])(?:\d[\d,]{0,20}(?:\.\d{1,6})?\s?(?:천만|백만|십만|억|만|천|백|thousand\b|million\b|(?:mn|k|m)(?![a-z]))?"
    r"(?:\s?\d{1,4}(?:천|백))?|[억만천](?=\s?(?:샷|행|건|개|줄|이상|이하|~|에서|부터)))"
)
_ROWS: Final = (
    r"(?:샷|쇼트|행|건(?!조)|개(?!월|인)|줄|레코드|샘플"
    r"|rows?\b|shots?\b|records?\b|lines?\b|samples?\b|entries\b|cycles?\b)"
)
_TIME: Final = (
    r"(?:ms\b|밀리초|milliseconds?\b|마이크로초|microseconds?\b|us\b|초|secs?\b|seconds?\b|s\b"
    r"|분|mins?\b|minutes?\b|시간|h\b|hours?\b|일|days?\b)"
)
_RATE: Final = r"(?:k?hz\b|헤르츠)"
_UNIT: Final = rf"(?:{_ROWS}|{_TIME}|{_RATE})"
_INTERVAL: Final = (
    r"(?:(?:샘플링|수집|측정|저장|기록)\s?(?:간격|주기)|간격|주기|샘플링"
    r"|(?:sampling|sample|recording) (?:interval|rate|period)|sampled|sampling|interval|every)"
)
_AFTER: Final = {
    "least": r"(?:이상|or more|and more|and above|or above|\+)",
    "over": r"(?:초과|넘는|넘게)",
    "most": r"(?:이하|이내|까지|or less|or fewer|and below|or below)",
    "under": r"(?:미만)",
}
_BEFORE: Final = {
    "least": r"(?:at least|no less than|no fewer than|minimum(?: of)?|최소|>=|≥|=>)",
    "over": r"(?:more than|over|above|longer than|greater than|>)",
    "most": r"(?:at most|no more than|up to|maximum(?: of)?|최대|<=|≤|=<)",
    "under": r"(?:less than|fewer than|under|below|shorter than|<)",
}


def _either(kinds: dict[str, str], suffix: str) -> str:
    return "|".join(f"(?P<{name}{suffix}>{pattern})" for name, pattern in kinds.items())


_MEASURE: Final = rf"(?:(?P<u>{_ROWS})|(?P<t>{_TIME}|{_RATE}))"
# Behind rows such a word belongs to the amount that comes next.
_BEHIND: Final = rf"(?(t)(?P<word2>\s?(?:의 )?{_INTERVAL})?)"
_RANGE: Final = (
    rf"(?P<word>{_INTERVAL}\s{{0,3}}(?:of )?)?(?:between\s)?\s?(?P<a>{_NUMBER})\s?(?P<ua>{_UNIT})?\s?"
    rf"(?:~|-|–|to\b|and\b|에서|부터)\s?(?P<b>{_NUMBER})\s?{_MEASURE}?(?:\s?(?:사이(?:의|인)?|까지)(?![가-힣]))?{_BEHIND}"
)
_AMOUNT: Final = (
    rf"(?P<word>{_INTERVAL}\s{{0,3}}(?:of )?(?:이|가)?\s?)?(?:{_either(_BEFORE, '_')})?\s?(?P<a>{_NUMBER})\s?"
    rf"(?:(?P<plus>\+)\s?)?{_MEASURE}?(?:(?:을|를|이|가)?\s?(?:{_either(_AFTER, '')}))?"
    rf"{_BEHIND}"
)
_HAS: Final = r"(?:이|가|은|는)?\s?(?:있음|있는|있다|포함됨|포함된|포함|됨|된|완료)"
_LACKS: Final = r"(?:이|가|은|는)?\s?(?:없음|없는|없다|없이|미포함|불포함|제외|안\s?됨|안\s?된)"
_LABEL: Final = r"(?:라벨링|레이블링|라벨|레이블)"
_PERSONAL: Final = r"개인\s?정보"
_PERSONAL_EN: Final = r"(?:personal (?:data|information)|pii)\b"
_FACETS: Final = (
    (
        rf"{_LABEL}{_LACKS}|미라벨|\bunlabell?ed\b|\bnot labell?ed\b|\b(?:without|no) (?:any )?labels?\b",
        "labelled",
        False,
    ),
    (rf"{_LABEL}{_HAS}|\b(?:is |are )?labell?ed\b|\b(?:with|has|have) labels?\b", "labelled", True),
    (
        rf"{_PERSONAL}{_LACKS}|\b(?:without|no|free of|not any) (?:any )?{_PERSONAL_EN}",
        "personal_data",
        False,
    ),
    (
        rf"{_PERSONAL}{_HAS}|\b(?:with|has|have|contains|containing|including) {_PERSONAL_EN}",
        "personal_data",
        True,
    ),
)
# By how a unit begins; "min" must not be taken for an "m", nor "ms" for an "s".
_TIMES_US: Final = (
    (("us", "micro", "마이크로"), 1),
    (("ms", "milli", "밀리"), 1_000),
    (("s", "초"), 1_000_000),
    (("min", "분"), 60_000_000),
    (("h", "시간"), 3_600_000_000),
    (("d", "일"), 86_400_000_000),
)
_FACTORS: Final = {
    "천만": 10**7, "백만": 10**6, "십만": 10**5, "억": 10**8, "만": 10**4, "천": 1000, "백": 100,
    "thousand": 1000, "million": 10**6, "mn": 10**6, "k": 1000, "m": 10**6,
}  # fmt: skip
_READ: Final = re.compile(r"(?P<n>[\d.]*)\s?(?P<f>[^\d\s.]*)\s?(?P<n2>\d*)(?P<f2>[천백]?)")
_BREAK: Final = " . "
"""Stands where something was taken out, so that what was apart stays apart."""


def ask(text: str) -> Question:
    """Read a question. Never raises: what is no amount and no facet is words."""
    is_cut = len(text) > MAX_TEXT
    plain = unicodedata.normalize("NFKC", uncamel(text[:MAX_TEXT]))[: 2 * MAX_TEXT]
    plain = " ".join(unicodedata.normalize("NFC", plain).split())
    question, plain = _facets(plain.casefold())
    question, plain = _amounts(question, plain)
    words = read(plain)
    return replace(question, words=tuple(words[:MAX_WORDS]), is_cut=is_cut or len(words) > MAX_WORDS)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    """Compiled when first needed: a start does not wait for it."""
    return re.compile(text)


def _facets(plain: str) -> tuple[Question, str]:
    said: dict[str, bool] = {}
    for pattern, facet, answer in _FACETS:
        plain, count = _pattern(pattern).subn(_BREAK, plain)
        if count:
            said.setdefault(facet, answer)
    return Question(labelled=said.get("labelled"), personal_data=said.get("personal_data")), plain


class _Amounts:
    """Takes the amounts out of a question's text, one by one."""

    def __init__(self, question: Question) -> None:
        self.question = question

    def span(self, match: re.Match[str]) -> str:
        """From one number to another."""
        unit = match["t"] or match["u"] or match["ua"] or ""
        if not unit and _is_plain(match["a"]) and _is_plain(match["b"]) and "between" not in match[0]:
            return match[0]  # 2024-11: a date, a version or a name
        if re.fullmatch(_TIME, unit) and not (match["word"] or match["word2"]):
            return match[0]
        first, second = sorted((_number(match["a"]), _number(match["b"])))
        taken = self._take(match, unit, _Bounds(first, second))
        # A word before rows belongs to the amount before it: 100ms 이하 간격 1만~5만 행.
        is_others = match["word"] and not match["t"]
        return match["word"] + taken if is_others else taken

    def one(self, match: re.Match[str]) -> str:
        """One number with a bound, a unit or both."""
        unit, number = match["t"] or match["u"] or "", _number(match["a"])
        kind = next((k for k in _AFTER if match[k] or match[k + "_"]), "least" if match["plus"] else "")
        is_rows = re.fullmatch(_ROWS, unit) is not None
        speaks_of_interval = match["word"] or match["word2"]
        if re.fullmatch(_TIME, unit) and not speaks_of_interval:
            return match[0]
        if not kind and not is_rows and not (unit and speaks_of_interval):
            return match[0]
        is_strict = kind in ("over", "under")
        match kind or ("least" if is_rows else ""):
            case "least" | "over":
                return self._take(match, unit, _Bounds(least=number, is_strict=is_strict))
            case "most" | "under":
                return self._take(match, unit, _Bounds(most=number, is_strict=is_strict))
            case _:
                return self._take(match, unit, _Bounds(number, number))

    def _take(self, match: re.Match[str], unit: str, bounds: _Bounds) -> str:
        asked = self.question
        if not unit or re.fullmatch(_ROWS, unit):
            self.question = replace(asked, rows=asked.rows.within(bounds.whole(Decimal(1))))
        elif re.fullmatch(_RATE, unit):
            interval = bounds.inverted(Decimal(1_000 if unit[0] == "k" else 1)).whole(Decimal(1_000_000))
            self.question = replace(asked, interval_us=asked.interval_us.within(interval))
        else:
            interval = bounds.whole(Decimal(_time_us(unit)))
            self.question = replace(asked, interval_us=asked.interval_us.within(interval))
        return _BREAK


@dataclass(frozen=True, slots=True)
class _Bounds:
    least: Decimal | None = None
    most: Decimal | None = None
    is_strict: bool = False

    def whole(self, factor: Decimal) -> Between:
        """As whole numbers of a unit that is `factor` times smaller."""
        least = None if self.least is None else min(Decimal(MOST), self.least * factor)
        most = None if self.most is None else min(Decimal(MOST), self.most * factor)
        if self.is_strict:
            return Between(
                None if least is None else int(least) + 1,
                None if most is None else max(0, ceil(most) - 1),
            )
        return Between(None if least is None else ceil(least), None if most is None else int(most))

    def inverted(self, per: Decimal) -> _Bounds:
        """As times instead of rates, `per` times a second: the faster, the shorter."""

        def time(rate: Decimal | None) -> Decimal | None:
            return None if not rate else 1 / (rate * per)

        return _Bounds(time(self.most), time(self.least), self.is_strict)


def _amounts(question: Question, plain: str) -> tuple[Question, str]:
    found = _Amounts(question)
    plain = _pattern(_AMOUNT).sub(found.one, _pattern(_RANGE).sub(found.span, plain))
    return found.question, plain


def _is_plain(written: str) -> bool:
    return written.strip().isdecimal()


def _number(written: str) -> Decimal:
    """1만, 1.5만, 3만5천, 10k, 10,000 as a number."""
    match = _READ.match(written.replace(",", ""))
    assert match is not None  # every part of the pattern may be empty
    number = Decimal(match["n"].strip(".") or 1) * _FACTORS.get(match["f"], 1)
    if match["n2"]:
        number += Decimal(match["n2"]) * _FACTORS.get(match["f2"], 1)
    return number


def _time_us(unit: str) -> int:
    for starts, factor in _TIMES_US:
        if unit.startswith(starts):
            return factor
    raise AssertionError(f"{unit!r} is in the pattern of times and not in their table")
