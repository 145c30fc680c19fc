"""Which form a client gets (RFC 9110, 12.5.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.semantic.negotiation import FORMS, JSONLD, NTRIPLES, TURTLE, negotiate


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, TURTLE),
        ("", TURTLE),
        ("*/*", TURTLE),
        ("text/turtle", TURTLE),
        ("application/ld+json", JSONLD),
        ("APPLICATION/LD+JSON; profile=x", JSONLD),
        ("application/json", JSONLD),
        ("application/n-triples", NTRIPLES),
        ("text/turtle;q=0.5, application/ld+json", JSONLD),
        ("text/turtle;q=0.5, application/ld+json; q=0.7, */*;q=0.1", JSONLD),
        ("application/ld+json, text/turtle", JSONLD),
        ("text/*, application/ld+json;q=0.9", TURTLE),
        ("application/*", JSONLD),
        ("application/*;q=0.2, application/n-triples", NTRIPLES),
        ("*/*, text/turtle;q=0", JSONLD),
        ("*/*, application/n-triples", NTRIPLES),
        ("text/html, application/xhtml+xml, */*;q=0.8", TURTLE),
        ("text/html", None),
        ("text/turtle;q=0", None),
        ("text/turtle;q=2", TURTLE),
        ("nonsense", TURTLE),
        (";;;,,,", TURTLE),
        ("*/turtle, application/n-triples", NTRIPLES),
    ],
)
def test_negotiation(accept, form):
    assert negotiate(accept) == form


def test_another_choice_and_default():
    offered = (*FORMS, "text/html")
    browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    assert negotiate(browser, offered) == "text/html"
    assert negotiate("*/*", offered, default=JSONLD) == JSONLD
    assert negotiate(None, offered, default=JSONLD) == JSONLD
    assert negotiate("application/n-triples;q=0.1", (TURTLE,)) is None


@given(st.text(max_size=200))
def test_any_header_gets_an_answer(accept):
    assert negotiate(accept) in {*FORMS, None}
