"""What a crawler finds in a page: schema.org's words, nothing that ends the element it stands in."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.semantic.schema_org import catalog_card, dataset_card, embedded, participant_card
from tests.unit.semantic.samples import DID, IRI, catalog, sample

CATALOG = "https://factory-a.example/catalog"
TERMS = {"ko": "이용 허용: 조건 없음.", "en": "Permitted: use of the data."}


def card(**changes):
    return dataset_card(sample(**changes), IRI, CATALOG, TERMS)


def test_a_dataset_has_what_search_engines_require_and_recommend():
    found = card()
    assert (found["@context"], found["@type"], found["@id"]) == ("https://schema.org/", "Dataset", IRI)
    assert found["name"] == [
        {"@language": "ko", "@value": "사출 1호기"},
        {"@language": "en", "@value": "Moulder 1"},
    ]
    assert found["license"] == f"{IRI}#terms"
    assert found["conditionsOfAccess"][1] == {"@language": "en", "@value": TERMS["en"]}
    assert found["creator"] == {"@type": "Organization", "@id": DID}
    assert found["includedInDataCatalog"]["@id"] == CATALOG
    assert found["keywords"] == ["사출", "품질", "moulding"]
    assert found["datePublished"] == "2026-11-24T12:00:00.000Z"
    assert found["measurementTechnique"][0]["@value"] == "사출성형"
    cycle, shot, verdict = found["variableMeasured"]
    assert (cycle["name"], cycle["unitText"], cycle["minValue"], cycle["maxValue"]) == (
        "사이클시간", "s", "12.50", "31",
    )  # fmt: skip
    assert "unitText" not in shot
    assert verdict == {
        "@type": "PropertyValue",
        "name": "판정",
        "description": [{"@language": "en", "@value": "verdict"}],
    }


def test_a_short_description_is_completed_with_the_columns():
    said = {text["@language"]: text["@value"] for text in card()["description"]}
    assert said["ko"] == "사출기 한 대의 샷 로그. 사이클 시간, 샷 번호, 판정."
    assert said["en"] == "Moulder 1. cycle time, 샷번호, verdict."
    long = "이 데이터는 사출기 한 대가 한 해 동안 남긴 기록입니다. " * 3
    assert card(description=long)["description"][0]["@value"] == long


def test_what_is_not_known_is_not_said():
    found = card(generator=None, process=None, columns=None, keywords=None, issued=None, modified=None)
    for name in ("creator", "measurementTechnique", "variableMeasured", "keywords", "datePublished"):
        assert name not in found
    assert card(generator="A동 2라인")["creator"] == {"@type": "Organization", "name": "A동 2라인"}


def test_a_catalog_and_a_participant():
    found = catalog_card(catalog(), CATALOG, {IRI: IRI})
    assert found["@type"] == "DataCatalog"
    assert [d["url"] for d in found["dataset"]] == [IRI]
    assert found["publisher"]["@id"] == DID
    who = participant_card(catalog().participant, "https://factory-a.example/")
    assert (who["@type"], who["@id"]) == ("Organization", DID)


@given(st.text(max_size=60))
def test_what_is_embedded_reads_back_and_holds_no_markup(value):
    for given_text in (value, f"{value}</script><script>alert(1)//<!--{value}"):
        written = embedded({"name": given_text})
        assert json.loads(written) == {"name": given_text}
        assert not set(written) & set("<>&\u2028\u2029")


@pytest.mark.parametrize("title", ["</script><script>alert(1)</script>", "<!--", "]]>", "&lt;"])
def test_a_hostile_title_stays_a_title(title):
    found = embedded(card(title={"ko": title}))
    assert "<" not in found
    assert json.loads(found)["name"] == [{"@language": "ko", "@value": title}]
