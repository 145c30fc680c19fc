"""What a form is made from."""

from __future__ import annotations

import json
from pathlib import Path

from connector.model.names import EDC, ODRL
from connector.policy import OPERANDS, Templates
from connector.policy.describe_ui import editor
from connector.policy.terms import OPERATORS, SET_OPERATORS
from connector.policy.vocabulary import WHOLE

FOLDER = Path(__file__).resolve().parents[3] / "policies"


def test_the_spine() -> None:
    form = editor(Templates.load(FOLDER))
    assert json.loads(json.dumps(form)) == form
    assert {o["iri"] for o in form["operands"]} == set(OPERANDS)
    values = {o["iri"]: o["values"] for o in form["operands"]}
    assert values == {
        ODRL + "count": ["number"],
        ODRL + "dateTime": ["time"],
        ODRL + "elapsedTime": ["duration"],
        EDC + "inForceDate": ["time", "since-agreement"],
        ODRL + "purpose": ["name"],
        ODRL + "recipient": ["name"],
    }
    for operand in form["operands"]:
        known = OPERANDS[operand["iri"]]
        assert set(operand["operators"]) == set(known.operators)
        assert (operand["class"], operand["evidence"]) == (known.enforcement.value, known.evidence.value)
        assert operand["title"]["ko"] != operand["title"]["en"]
        assert all("{}" in words["ko"] and "{}" in words["en"] for words in operand["operators"].values())
    assert {o["name"] for o in form["operators"]} == OPERATORS
    assert {o["name"] for o in form["operators"] if o["many"]} == SET_OPERATORS
    assert [a["name"] for a in form["actions"]] == ["odrl:use"]
    assert [t["name"] for t in form["templates"]] == list(Templates.load(FOLDER).names)


def test_a_node_that_understands_more_offers_more() -> None:
    templates = Templates.load(FOLDER, WHOLE)
    form = editor(templates, WHOLE)
    assert {o["iri"] for o in form["operands"]} == set(WHOLE.operands)
    assert ODRL + "distribute" in {a["iri"] for a in form["actions"]}
    spine = {t["name"]: t["understood"] for t in editor(Templates.load(FOLDER))["templates"]}
    whole = {t["name"]: t["understood"] for t in form["templates"]}
    assert all(whole[name] for name in spine if spine[name])
    assert whole["no-redistribution"]
    assert not spine["no-redistribution"]
    # It can be published there, and says that it is a promise.
    assert templates.build(["no-redistribution"], {})["prohibition"]
    assert set(templates["no-redistribution"].enforcement.values()) == {"promised"}
