"""Sentences in Korean and English, as equals."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence in both languages of the house."""

    ko: str
    en: str

    def of(self, lang: str) -> str:
        """The Korean form for `ko` and its regions (`ko-KR`, `ko_KR.UTF-8`), else the English one."""
        return self.ko if lang[:2].lower() == "ko" else self.en

    def fill(self, *parts: Text | str) -> Text:
        """The text with its `{}` filled, each part in the matching language."""
        return Text(
            self.ko.format(*(p.ko if isinstance(p, Text) else p for p in parts)),
            self.en.format(*(p.en if isinstance(p, Text) else p for p in parts)),
        )

    def to_json(self) -> dict[str, str]:
        """`{"ko": …, "en": …}`, as wire bodies carry it."""
        return {"ko": self.ko, "en": self.en}


def plain(text: str) -> Text:
    """A value that reads the same in both languages: an identifier, a number, a time."""
    return Text(text, text)


def join(parts: list[Text], separator: str = "; ") -> Text:
    """Several texts in a row."""
    return Text(separator.join(p.ko for p in parts), separator.join(p.en for p in parts))
