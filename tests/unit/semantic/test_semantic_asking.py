"""The small grammar of asking: amounts, facets and words in two languages, and text that means no harm."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connector.semantic.asking import MAX_TEXT, MAX_WORDS, MOST, Between, Question, ask
from connector.semantic.durations import microseconds
from connector.semantic.grams import index_words, match
from connector.semantic.labels import WORDS
from connector.semantic.synonyms import Wanted, atoms, concepts_in, label, read
from connector.semantic.terms import SCHEMES


def names(question: Question) -> list[str]:
    return [word.name for word in question.words]


def test_the_example_is_the_same_question_in_both_languages():
    korean = ask("사출성형 사이클타임 1만 샷 이상 라벨 있음")
    english = ask("injection moulding cycle time, at least 10k shots, labelled")
    assert korean == english
    assert names(korean) == ["injection moulding", "cycle time"]
    assert (korean.rows, korean.labelled) == (Between(10_000, None), True)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("1만 샷 이상", 10_000, None),
        ("만 행 이상", 10_000, None),
        ("1.5만행 초과", 15_001, None),
        ("3만5천건 이하", None, 35_000),
        ("3만 5천 건 미만", None, 34_999),
        ("최소 2,000 행", 2_000, None),
        ("1억 건까지", None, 100_000_000),
        ("100만 건을 넘는", 1_000_001, None),
        ("1천~2만 행", 1_000, 20_000),
        ("1천에서 2만 행 사이", 1_000, 20_000),
        ("1만 행", 10_000, None),
        ("10000 이상", 10_000, None),
        ("at least 10k shots", 10_000, None),
        ("10k+ rows", 10_000, None),
        ("more than 10,000 records", 10_001, None),
        ("at most 1.5 million rows", None, 1_500_000),
        ("fewer than 2 thousand rows", None, 1_999),
        ("between 1k and 20k rows", 1_000, 20_000),
        ("20k to 1k rows", 1_000, 20_000),
        ("≥ 10k rows, <= 20k rows", 10_000, 20_000),
        ("> 10 rows", 11, None),
        ("< 10 rows", None, 9),
        ("at least 1.2 rows", 2, None),
        ("99999999999999999999 rows", MOST, None),
    ],
)
def test_numbers_of_rows(text, least, most):
    found = ask(text)
    assert (found.rows, found.words) == (Between(least, most), ())


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("샘플링 간격 100ms 이하", None, 100_000),
        ("sampling interval at most 100 ms", None, 100_000),
        ("수집 주기 1분", 60_000_000, 60_000_000),
        ("every 2 hours", 7_200_000_000, 7_200_000_000),
        ("10 Hz 이상", None, 100_000),
        ("at least 1 kHz", None, 1_000),
        ("sampled under 5 seconds", None, 4_999_999),
        ("1초~5초 간격", 1_000_000, 5_000_000),
    ],
)
def test_times_between_samples(text, least, most):
    found = ask(text)
    assert (found.interval_us, found.rows, found.words) == (Between(least, most), Between(), ())


@pytest.mark.parametrize(
    ("text", "labelled", "personal"),
    [
        ("라벨 있음", True, None),
        ("라벨이 있는 데이터", True, None),
        ("라벨링된", True, None),
        ("라벨 없음", False, None),
        ("미라벨", False, None),
        ("labelled", True, None),
        ("labeled dataset", True, None),
        ("with labels", True, None),
        ("unlabelled", False, None),
        ("not labelled", False, None),
        ("no labels", False, None),
        ("개인정보 없음", None, False),
        ("개인 정보가 없는", None, False),
        ("개인정보 포함", None, True),
        ("without personal data", None, False),
        ("contains personal data", None, True),
        ("no personal data, labelled", True, False),
    ],
)
def test_yes_and_no(text, labelled, personal):
    found = ask(text)
    assert (found.labelled, found.personal_data, found.words) == (labelled, personal, ())


def test_neighbours_are_told_apart():
    found = ask("100ms 이하 간격 1만~5만 행 사이클타임")
    assert (found.rows, found.interval_us) == (Between(10_000, 50_000), Between(None, 100_000))
    assert names(found) == ["cycle time"]
    found = ask("최대 5만샷 수집 주기 1분 이하 건조")
    assert (found.rows, found.interval_us) == (Between(None, 50_000), Between(None, 60_000_000))
    assert names(found) == ["drying"]
    assert names(ask("3개월 자료")) == ["3", "개월"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2024-11 자료", ["2024", "11"]),
        ("사출 1호기", ["injection", "1", "호기"]),
        ("15초 사이클", ["15", "초", "cycle"]),
        ("cycle under 15 s", ["cycle", "under", "15", "s"]),
        ("label", ["label"]),
        ("라벨", ["label"]),
        ("ISO 9001", ["iso", "9001"]),
    ],
)
def test_what_is_no_amount_is_words(text, words):
    assert ask(text) == Question(words=tuple(Wanted(w, w in ("injection", "cycle", "label")) for w in words))


def test_the_words_are_the_vocabularys_in_both_languages():
    for korean, english in WORDS:
        if len(korean) > 1:
            assert read(korean) == read(english), (korean, english)
    for scheme in SCHEMES.values():
        for concept in scheme.values():
            for part in concept.ko.replace(")", "").split("("):
                assert concepts_in(concept.en) <= concepts_in(part) | concepts_in(concept.en)
                assert read(part) == read(concept.en), (part, concept.en)
    assert len(WORDS) > 100


@pytest.mark.parametrize(
    ("korean", "english"),
    [
        ("사출 성형", "Injection Molding"),
        ("금형온도를", "mold temperatures"),
        ("사출압", "injection_pressure"),
        ("배터리팩", "battery pack"),
        ("공정 최적화", "process optimization"),
        ("최대사출압력", "maxInjectionPressure"),
        ("장비 데이터", "equipment data"),
    ],
)
def test_spellings_particles_and_compounds(korean, english):
    assert read(korean) == read(english)
    assert all(one.is_concept for one in read(korean))


def test_a_text_speaks_of_what_its_words_hold():
    assert {"injection moulding", "injection", "cycle time"} <= concepts_in("사출성형 사이클시간(s)")
    assert "injection" in concepts_in("신형사출기")
    assert "cycle time" not in concepts_in("cycle count, cooling time")
    assert label("cycle time")["ko"] == "사이클 시간"
    assert label("injection moulding") == {"ko": "사출성형", "en": "injection moulding"}


def test_concepts_do_not_reach_over_punctuation():
    assert "cycle time" not in concepts_in("cycle; time")
    assert atoms("cycle; time") == ["cycle", "", "time"]


def test_the_index_and_the_question_agree_on_tokens():
    words = index_words(["신형사출기 A7_x", "로"]).split(" ")
    assert words[:5] == ["b신형", "b형사", "b사출", "b출기", "e기"]
    assert {"wa", "w7", "wx", "e로", "cinjection"} <= set(words)
    assert match(read("신형기")) == '"b신형 b형기"'
    assert match([Wanted("로", is_concept=False)]) == '("b로"* OR "e로")'
    assert match(read("사이클타임 A7")) == '"ccycletime" AND "w7"'  # the article is left out
    assert match(()) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("PT0.5S", 500_000),
        ("PT1M", 60_000_000),
        ("P1DT2H", 93_600_000_000),
        ("PT1.000001S", 1_000_001),
        ("PT0S", None),
        ("P", None),
        ("PT", None),
        ("P1M", None),
        ("1s", None),
        ("-PT1S", None),
        ("PT1S\n", None),
        ("", None),
    ],
)
def test_durations(text, expected):
    assert microseconds(text) == expected


HOSTILE = [
    '"',
    "\"; drop table search_text; --",
    "NEAR(a b, 5) AND NOT c OR d* ^e {f} : g",
    "words:사출 -words:성형",
    "(a+)+$" * 60,
    "1," * 200,
    "between " * 60,
    "최소 " * 150,
    "1만 " * 150,
    "샘플링 " * 120,
    "가" * 100_000,
    "a" * 100_000,
    "\x00\ufffe\u202e사출",
    "👩‍🏭" * 100,
    "１만\u3000샷 이상",
    "%' or 1=1",
    "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_questions_are_plain_text_and_quick(text):
    began = time.thread_time()
    found = ask(text)
    expression = match(found.words)
    assert time.thread_time() - began < 0.05
    assert len(found.words) <= MAX_WORDS
    assert len(expression) < 8 * MAX_TEXT
    # Quotes stand in pairs around tokens of letters and digits; nothing outside them is the caller's.
    outside = expression.split('"')[::2]
    assert set(" ".join(outside).split()) <= {"AND", "OR", "(", ")", "*", '("', "*OR"} | {"", "* OR"}
    for token in " ".join(expression.split('"')[1::2]).split():
        assert token.isalnum()


def test_what_is_too_long_is_cut_and_said():
    assert not ask("사출").is_cut
    assert ask("가 " * MAX_TEXT).is_cut
    assert ask(" ".join(f"word{chr(97 + i)}" for i in range(20))).is_cut


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60) | st.text("사출샷만천1203.,~-<>≥라벨있음 kmhzsbetwnadorlo", max_size=40))
def test_nothing_that_anybody_writes_is_an_error(text):
    found = ask(text)
    for bounds in (found.rows, found.interval_us):
        for bound in (bounds.least, bounds.most):
            assert bound is None or 0 <= bound <= MOST + 1
    assert match(found.words).count('"') % 2 == 0


@settings(max_examples=100, deadline=None)
@given(st.text("사출성형기로온도신규abcXYZ12 _-", min_size=1, max_size=30))
def test_a_text_is_found_by_its_own_words(text):
    indexed = set(index_words([text]).split(" "))
    for atom in atoms(text):
        for token in (
            match([Wanted(atom, is_concept=False)]).replace("*", "").split('"')[1::2] if atom else ()
        ):
            if " " not in token and " OR " not in match([Wanted(atom, is_concept=False)]):
                assert token in indexed
