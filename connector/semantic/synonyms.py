"""Korean and English words for the same thing, for search: texts become concepts, whatever their language.

A concept is named by its English words. The words come from the vocabulary's schemes (`terms`), from
the column labels (`labels`) and from a short list here. `concepts_in` finds every concept that a text
speaks of; `read` turns the words of a question into the concepts and plain words that it asks for.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from connector.semantic.labels import SPELLINGS, WORDS
from connector.semantic.terms import SCHEMES

# The first English name is the concept's; Korean and English names are told apart by their script.
_MORE: Final = (
    ("time", "타임"), ("cycle", "싸이클"), ("shot", "쇼트"), ("mould", "몰드"), ("machine", "기계", "장비"),
    ("pressure", "압"), ("die casting", "다이캐스팅", "casting"), ("press", "프레스", "stamping"),
    ("resin", "수지"), ("defect", "reject"), ("alarm", "경보", "alert"), ("worker", "operator"),
    ("lot", "batch", "배치"), ("yield", "수율"), ("failure", "고장", "breakdown"),
    ("image", "이미지", "영상"), ("time series", "시계열"), ("log", "로그"), ("history", "이력"),
    ("factory", "공장", "plant"),
    ("conveyor", "컨베이어"), ("robot", "로봇"), ("bearing", "베어링"), ("motor", "모터"), ("pump", "펌프"),
    ("valve", "밸브"), ("compressor", "압축기", "컴프레서"), ("chiller", "칠러", "냉각기"),
    ("car", "자동차", "automotive"), ("battery", "배터리"), ("battery pack", "배터리팩"),
    ("semiconductor", "반도체"), ("steel", "철강"), ("aluminium", "알루미늄", "aluminum"),
    ("plastic", "플라스틱"), ("rubber", "고무"), ("textile", "섬유"), ("food", "식품"), ("carbon", "탄소"),
    ("emission", "배출"), ("label", "라벨", "레이블", "annotation"), ("pass or fail", "양부판정", "양불"),
    ("maintenance", "보전", "정비"), ("optimisation", "최적화"), ("forming", "성형가공"),
)  # fmt: skip
# Two concepts side by side that mean something of their own: a cycle and a time are no cycle time.
_COMPOUNDS: Final = (
    ("cycle", "time"), ("injection", "pressure"), ("injection", "speed"), ("injection", "time"),
    ("holding", "pressure"), ("holding", "time"), ("cooling", "time"), ("filling", "time"),
    ("drying", "time"), ("tool", "wear"), ("spindle", "load"), ("spindle", "speed"),
)  # fmt: skip
_STOP: Final = frozenset({
    "a", "an", "the", "of", "with", "and", "or", "for", "in", "on", "from", "to", "by", "per", "that",
    "which", "has", "have", "is", "are", "data", "dataset", "데이터", "데이터셋", "자료", "및", "또는",
    "그리고", "관련", "대한", "있는", "의",
})  # fmt: skip
_PARTICLES: Final = ("에서", "으로", "이", "가", "을", "를", "은", "는", "의", "에", "로", "와", "과", "도")
_MISLEADING: Final = frozenset({"no", "id"})
"""Abbreviations in column headers that are words of their own in a sentence."""
_RUNS: Final = r"[가-힣]+|[0-9]+|[^\W\d_가-힣]+|[^\w\s]+"
_CAMEL: Final = re.compile(r"(?<=[A-Za-z][a-z])(?=[A-Z])")
_LONGEST: Final = 4
"""Words in a name."""
_MAX_SPLIT: Final = 24
"""Syllables of a run that are still taken apart exhaustively."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing that a text has to speak of: a concept, or a word that is none (`is_concept` False)."""

    name: str
    is_concept: bool


@cache
def _runs() -> re.Pattern[str]:
    return re.compile(_RUNS)


def uncamel(text: str) -> str:
    """CycleTime as Cycle Time; a unit such as kHz stays whole."""
    return _CAMEL.sub(" ", text)


def atoms(text: str) -> list[str]:
    """The words of a text in one written form: runs of Hangul, of digits, of other letters; "" between.

    Compatibility forms, case, plurals and American spellings are evened out. An "" stands where
    punctuation parts two words that are no neighbours.
    """
    plain = unicodedata.normalize("NFKC", uncamel(text)).casefold()
    found = []
    for run in _runs().findall(unicodedata.normalize("NFC", plain)):
        if "가" <= run[0] <= "힣" or run[0].isdecimal():
            found.append(run)
        elif run[0].isalnum():
            found.append(_evened(run))
        elif not set(run) <= set("_-/'’"):
            found.append("")
    return found


def _evened(word: str) -> str:
    if word.startswith("mold"):
        word = "mould" + word[4:]
    word = re.sub(r"iz(e|ed|es|ing|ation|er)$", r"is\1", word)
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and word[-2] not in "sui":
        return word[:-1]
    return word


def _is_korean(word: str) -> bool:
    return "가" <= word[:1] <= "힣"


def _names() -> Iterator[tuple[str, str]]:
    """(concept, one of its names) out of every source."""
    for korean, english in WORDS:
        yield english, english
        yield english, korean
    for short, english in SPELLINGS.items():
        if short not in _MISLEADING:
            yield english, short
    for scheme in SCHEMES.values():
        for concept in scheme.values():
            yield concept.en, concept.en
            for part in re.split(r"[()]", concept.ko):
                if part.strip():
                    yield concept.en, part.strip()
    for first, *others in _MORE:
        yield first, first
        for other in others:
            yield first, other


# The tables are made when they are first needed: a start does not wait for them.
@cache
def _by_name() -> dict[tuple[str, ...], str]:
    """Words of a name -> concept. A name that two sources know belongs to the first."""
    found: dict[tuple[str, ...], str] = {}
    for concept, name in _names():
        words = tuple(word for word in atoms(name) if word)
        key = " ".join(word for word in atoms(concept) if word)
        if 0 < len(words) <= _LONGEST:
            found.setdefault(words, key)
    # What a name leads to is itself a name: "equipment" is spelt "machine", and that is the concept.
    return {words: found.get(tuple(key.split()), key) for words, key in found.items()}


@cache
def _korean() -> frozenset[str]:
    return frozenset(word for words in _by_name() for word in words if _is_korean(word))


@cache
def _longest_korean() -> int:
    return max(map(len, _korean()))


_COMPOUND: Final = {pair: " ".join(pair) for pair in _COMPOUNDS}


def _joined(first: str, second: str) -> str | None:
    """The concept that two neighbours are together: 사출 성형 is 사출성형."""
    return _COMPOUND.get((first, second)) or _by_name().get((*first.split(), *second.split()))


@cache
def _parts(concept: str) -> frozenset[str]:
    """The concepts that a concept's name consists of: injection moulding is injection, and moulding."""
    words = tuple(concept.split())
    return frozenset(
        _by_name()[words[start:end]]
        for start in range(len(words))
        for end in range(start + 1, len(words) + 1)
        if words[start:end] in _by_name()
    ) | {concept}


VERSION: Final = hashlib.sha256(
    repr((WORDS, SPELLINGS, SCHEMES, _MORE, _COMPOUNDS, "1")).encode()
).hexdigest()
"""Changes with the tables: an index made with other ones has to be made anew. The last part counts up
when the way changes in which words become concepts and tokens."""


def _split(run: str) -> list[str] | None:
    """The known words that a run of Hangul consists of, fewest first; None if it does not come out."""
    if run in _korean():
        return [run]
    if len(run) > _MAX_SPLIT:
        return None
    best: list[list[str] | None] = [[]]
    for end in range(1, len(run) + 1):
        choices = [
            [*before, run[start:end]]
            for start in range(max(0, end - _longest_korean()), end)
            if (before := best[start]) is not None and run[start:end] in _korean()
        ]
        best.append(min(choices, key=len, default=None))
    return best[-1]


def _known_within(run: str) -> list[str]:
    """The known words of two syllables or more inside a run, longest first; "" where something is between."""
    found, at = [], 0
    while at < len(run):
        for length in range(min(_longest_korean(), len(run) - at), 1, -1):
            if run[at : at + length] in _korean():
                found.append(run[at : at + length])
                at += length
                break
        else:
            found.append("")
            at += 1
    return found


def _matched(words: list[str]) -> Iterator[tuple[str, bool]]:
    """Words as (concept, True) by the longest name that fits, else as (word, False); breaks stay ""."""
    at = 0
    while at < len(words):
        for length in range(min(_LONGEST, len(words) - at), 0, -1):
            concept = _by_name().get(tuple(words[at : at + length]))
            if concept is not None:
                yield concept, True
                at += length
                break
        else:
            yield words[at], False
            at += 1


def concepts_in(text: str) -> set[str]:
    """Every concept that a text speaks of, parts and compounds included."""
    words: list[str] = []
    for atom in atoms(text):
        words += (_split(atom) or _known_within(atom)) if _is_korean(atom) else [atom]
    found: set[str] = set()
    before = ""
    for name, is_concept in _matched(words):
        if is_concept:
            found |= _parts(name)
            together = _joined(before, name) if before else None
            if together:
                found |= _parts(together)
        before = name if is_concept else ""
    return found


def read(text: str) -> list[Wanted]:
    """What the words of a question ask for, each once, in order; filler words are left out."""
    words: list[str] = []
    for atom in atoms(text):
        words += _asked(atom) if _is_korean(atom) else [atom]
    found: list[Wanted] = []
    for name, is_concept in _matched(words):
        together = _joined(found[-1].name, name) if found and found[-1].is_concept and is_concept else None
        if together:
            found[-1] = Wanted(together, is_concept=True)
        elif name == "" or (not is_concept and name in _STOP):
            found.append(Wanted("", is_concept=False))
        else:
            found.append(Wanted(name, is_concept))
    return list(dict.fromkeys(one for one in found if one.name))


def _asked(run: str) -> list[str]:
    """A run of Hangul in a question: known words, with or without a particle behind them; else as it is."""
    if run in _STOP:
        return [run]
    whole = _split(run)
    if whole is not None:
        return whole
    for particle in _PARTICLES:
        stem = run.removesuffix(particle)
        if stem != run and len(stem) > 1:
            if stem in _STOP:
                return [stem]
            known = _split(stem)
            if known is not None:
                return known
    return [run]


def label(concept: str) -> dict[str, str]:
    """A concept in Korean and in English, to show what a question was understood as."""
    korean = _korean_names().get(concept)
    if korean is None:
        korean = " ".join(_korean_names().get(part, part) for part in concept.split())
    return {"ko": korean, "en": concept}


@cache
def _korean_names() -> dict[str, str]:
    """Concept -> its first name in Korean."""
    found: dict[str, str] = {}
    for words, concept in _by_name().items():
        if all(map(_is_korean, words)):
            found.setdefault(concept, " ".join(words))
    return found
