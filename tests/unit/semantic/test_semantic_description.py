"""Reading a description from plain values: every refusal names the field."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from connector.errors import DescriptionInvalid
from connector.semantic.description import MAX_COLUMNS, MAX_TEXT, Text, read_dataset, read_text
from tests.unit.semantic.samples import PLAIN, plain, sample


def test_the_sample_is_read_as_it_stands():
    found = sample()
    assert found.version == "1"
    assert found.title == Text("사출 1호기", "Moulder 1")
    assert found.description == Text(ko="사출기 한 대의 샷 로그")
    assert found.issued == datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert [k.ko or k.en for k in found.keywords] == ["사출", "품질", "moulding"]
    assert (found.columns[0].minimum, found.columns[0].maximum) == ("12.50", "31")
    assert found.columns[2].datatype == "string"
    assert found.offers[0].policy == PLAIN["offers"][0]["policy"]


def test_what_is_left_out_or_null_is_empty():
    smallest = {
        "iri": "https://a.example/1",
        "id": "a",
        "version": "1",
        "title": "A",
        "publisher": "did:web:a",
    }
    assert read_dataset(smallest) == read_dataset(
        smallest | {"columns": None, "issued": None, "keywords": None, "personal_data": None, "process": None}
    )
    assert read_dataset(smallest).personal_data is None


def test_a_datetime_is_taken_as_it_is_and_a_naive_one_is_utc():
    moment = datetime(2026, 1, 2, 3, tzinfo=UTC)
    assert sample(issued=moment).issued == moment
    assert sample(issued=moment.replace(tzinfo=None)).issued == moment


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("사출", Text(ko="사출")),
        ("CNC 1호기", Text(ko="CNC 1호기")),
        ("moulder", Text(en="moulder")),
        ({"ko": "가"}, Text(ko="가")),
        ({"en": "a", "ko": None}, Text(en="a")),
        (Text("가", "a"), Text("가", "a")),
        (None, Text()),
    ],
)
def test_texts(value, text):
    assert read_text(value) == text


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"titel": "x"}, "titel"),
        ({"title": None}, "title"),
        ({"iri": None}, "iri"),
        ({"title": 3}, "title"),
        ({"title": {"fr": "x"}}, "title"),
        ({"title": {"ko": ["x"]}}, "title/ko"),
        ({"title": "x" * (MAX_TEXT + 1)}, "title"),
        ({"personal_data": "no"}, "personal_data"),
        ({"byte_size": -1}, "byte_size"),
        ({"byte_size": True}, "byte_size"),
        ({"row_count": 1.5}, "row_count"),
        ({"issued": "yesterday"}, "issued"),
        ({"process": ["a"]}, "process"),
        ({"columns": {}}, "columns"),
        ({"columns": ["a"]}, "columns/0"),
        ({"columns": [{"name": "a"}, {"unit": "SEC"}]}, "columns/1/name"),
        ({"columns": [{"name": "a", "unitless": "yes"}]}, "columns/0/unitless"),
        ({"columns": [{"name": "a", "colour": "red"}]}, "columns/0/colour"),
        ({"columns": [{"name": "a"}] * (MAX_COLUMNS + 1)}, "columns"),
        ({"offers": [{"id": "a"}]}, "offers/0"),
        ({"offers": [{"policy": {}}]}, "offers/0/id"),
        ({"keywords": {"fr": []}}, "keywords"),
        ({"keywords": {"ko": [3.5]}}, "keywords/ko/0"),
        ({"keywords": "a, b"}, "keywords"),
        ({"derived_from": [None]}, "derived_from/0"),
    ],
)
def test_a_refusal_names_the_field(changes, pointer):
    with pytest.raises(DescriptionInvalid) as refusal:
        read_dataset(plain(**changes))
    assert refusal.value.pointer == pointer
