"""Which form and language a client of the public pages gets, and how addresses stand in headers."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from connector.errors import BadInput
from connector.semantic.negotiation import HTML, JSONLD, NTRIPLES, RDFXML, TURTLE
from connector.web import asked
from connector.web.page_texts import LANGUAGES, TEXTS, say

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


def ask(path="/", **headers):
    return make_mocked_request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize(
    ("accept", "suffix", "form"),
    [
        (None, "", TURTLE),
        ("*/*", "", TURTLE),
        (BROWSER, "", HTML),
        ("text/html", "", HTML),
        ("text/turtle", "", TURTLE),
        ("application/rdf+xml", "", RDFXML),
        ("application/ld+json", "", JSONLD),
        (BROWSER, ".ttl", TURTLE),
        ("text/html", ".jsonld", JSONLD),
        ("image/png", ".nt", NTRIPLES),
        (None, ".rdf", RDFXML),
    ],
)
def test_the_ending_decides_then_what_the_client_accepts(accept, suffix, form):
    assert asked.form_of(ask(**({"Accept": accept} if accept else {})), suffix) == form


def test_a_client_that_takes_nothing_of_ours_is_told_what_there_is():
    with pytest.raises(asked.NotAcceptable) as refusal:
        asked.form_of(ask(Accept="image/png"))
    assert refusal.value.status == 406
    assert "application/rdf+xml" in refusal.value.message


@pytest.mark.parametrize(
    ("path", "accept", "language"),
    [
        ("/", None, "ko"),
        ("/?lang=en", "ko", "en"),
        ("/?lang=ko", "en", "ko"),
        ("/?lang=fr", "en", "en"),
        ("/", "en-GB,en;q=0.9,ko;q=0.8", "en"),
        ("/", "ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("/", "fr,en;q=0.2,ko;q=0.3", "ko"),
        ("/", "en;q=0", "ko"),
        ("/", "en;q=x", "ko"),
        ("/", "de", "ko"),
    ],
)
def test_the_address_decides_then_the_preference_then_korean(path, accept, language):
    assert asked.language_of(ask(path, **({"Accept_Language": accept} if accept else {}))) == language


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=100))
def test_any_preference_gets_a_language(header):
    assert asked.language_of(ask(Accept_Language=header)) in LANGUAGES


@pytest.mark.parametrize("value", ["-1", "x", "1e3", "%D9%A1", "9" * 20, ""])
def test_a_number_that_is_none_is_refused(value):
    with pytest.raises(BadInput):
        asked.number_of(ask(f"/catalog?after={value}"), "after")


def test_numbers_and_endings():
    assert asked.number_of(ask("/catalog?after=17"), "after") == 17
    assert asked.number_of(ask("/catalog"), "after") is None
    assert asked.without_suffix("a.b.ttl") == ("a.b", ".ttl")
    assert asked.without_suffix("ttl") == ("ttl", "")


def test_an_address_in_a_header_is_ascii_and_stays_inside_its_brackets():
    (header,) = asked.link({"canonical": "https://factory-a.example/공장>, <x"}, {}).values()
    assert header == '<https://factory-a.example/%EA%B3%B5%EC%9E%A5%3E,%20%3Cx>; rel="canonical"'
    assert asked.link({"next": ""}, {}) == {}


def test_every_text_is_in_both_languages_and_each_is_itself():
    for code, (ko, en) in TEXTS.items():
        assert ko, code
        assert en, code
        assert ko.count("{}") == en.count("{}"), code
        if code not in ("other", "sha256"):
            assert any("가" <= c <= "힣" for c in ko), code
            assert not any("가" <= c <= "힣" for c in en), code
    assert say("rows", "en", "8,000") == "8,000 rows"
