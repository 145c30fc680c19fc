"""Texts as the tokens that the full-text index holds, and a question's words as what to look for there.

Four kinds of token, told apart by their first letter so that none is taken for another:

    c + concept     injection moulding -> cinjectionmoulding
    b + bigram      출기 -> b출기            (Hangul, two syllables each)
    e + syllable    the last syllable of a run, so that one syllable can be found
    w + word        digits, and letters of any other script
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from connector.semantic.synonyms import Wanted, atoms, concepts_in

MAX_TOKENS: Final = 20_000
"""Tokens of one dataset; what is beyond is not found."""
_MAX_TOKEN: Final = 64
_GAP: Final = "x"
"""Stands between two texts, and where punctuation was: no phrase reaches over it."""


def index_words(texts: Iterable[str], more: Iterable[str] = ()) -> str:
    """All tokens of a dataset, to be indexed; `more` are concepts that it speaks of beside its texts."""
    found: list[str] = []
    concepts = set(more)
    for text in texts:
        if len(found) > MAX_TOKENS:
            break
        concepts |= concepts_in(text)
        for atom in atoms(text):
            found += _tokens(atom) if atom else [_GAP]
        found.append(_GAP)
    return " ".join([*found[:MAX_TOKENS], *sorted(map(_concept, concepts))])


def match(words: Sequence[Wanted]) -> str:
    """The FTS5 expression for texts that speak of every one of these; "" for none.

    Each token is quoted and consists of letters and digits alone, so nothing in it is an operator.
    """
    return " AND ".join(_look_for(one) for one in words)


def _look_for(wanted: Wanted) -> str:
    if wanted.is_concept:
        return f'"{_concept(wanted.name)}"'
    name = wanted.name
    if _is_hangul(name):
        if len(name) == 1:
            return f'("b{name}"* OR "e{name}")'
        return f'"{" ".join(_bigrams(name)[:_MAX_TOKEN])}"'
    return f'"w{name[:_MAX_TOKEN]}"'


def _tokens(atom: str) -> list[str]:
    if _is_hangul(atom):
        return [*_bigrams(atom), "e" + atom[-1]]
    return ["w" + atom[:_MAX_TOKEN]]


def _bigrams(run: str) -> list[str]:
    return ["b" + run[at : at + 2] for at in range(len(run) - 1)]


def _concept(name: str) -> str:
    return "c" + name.replace(" ", "")


def _is_hangul(word: str) -> bool:
    return "가" <= word[0] <= "힣"
