"""Judges we did not write: DSP's schema, a JSON-LD processor, and policies that others put on the wire."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pyld import jsonld

from connector.errors import PolicyInvalid
from connector.model.names import CONTEXT_DSP, ODRL
from connector.policy import (
    Policy,
    Templates,
    compile,  # noqa: A004 - the word of the room
    describe,
    equal,
    parse,
    serialise,
)
from connector.policy.tree import Atomic

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("MADANG_REFERENCE", ROOT.parent / "shared")) / "data"
TEMPLATES = Templates.load(ROOT / "policies")

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="MADANG_REFERENCE names no folder with reference data"
)


def built() -> list[tuple[str, dict[str, Any]]]:
    """Each template's example, and many of them in one."""
    found = [(name, TEMPLATES.preview([name], TEMPLATES[name].example)) for name in TEMPLATES.names]
    params = {k: v for name in TEMPLATES.names for k, v in TEMPLATES[name].example.items()}
    return [*found, ("all", TEMPLATES.preview(TEMPLATES.names, params))]


def load(document: str) -> Any:
    return json.loads((DATA / "dsp" / document).read_text(encoding="utf-8"))


def documents(url: str, _options: object = None) -> dict[str, Any]:
    """The contexts of the reference data; nothing is fetched."""
    name = {
        CONTEXT_DSP: "contexts/context.jsonld",
        "https://w3id.org/dspace/2025/1/odrl-profile.jsonld": "contexts/odrl-profile.jsonld",
    }[url]
    return {
        "contentType": "application/ld+json",
        "contextUrl": None,
        "documentUrl": url,
        "document": load(name),
    }


def members(value: Any) -> Iterator[str]:
    """Every member name and every IRI of an expanded document."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield key
            if key in ("@id", "@type"):
                yield from [item] if isinstance(item, str) else item
            else:
                yield from members(item)
    elif isinstance(value, list):
        for item in value:
            yield from members(item)


@pytest.mark.parametrize(("name", "body"), built(), ids=lambda v: v if isinstance(v, str) else "")
def test_a_built_policy_is_an_offer_to_dsp(name: str, body: dict[str, Any]) -> None:
    schema = load("schemas/negotiation/contract-schema.json")
    offer = {"@id": "urn:offer:1", "@type": "Offer"} | body
    for kind, policy in (
        ("Offer", offer),
        ("MessageOffer", offer | {"target": "urn:data:1"}),
        (
            "Agreement",
            offer
            | {"@type": "Agreement", "target": "urn:data:1", "assigner": "a", "assignee": "b"}
            | {"timestamp": "2026-11-24T00:00:00Z"},
        ),
    ):
        jsonschema.validate(policy, {"$ref": f"#/definitions/{kind}", "definitions": schema["definitions"]})
        written = serialise(parse(policy))
        jsonschema.validate(written, {"$ref": f"#/definitions/{kind}", "definitions": schema["definitions"]})
        assert written == policy, name


def test_the_schema_would_object() -> None:
    schema = load("schemas/negotiation/contract-schema.json")
    offer = {"@id": "urn:offer:1", "@type": "Offer", "permission": [{"action": {"@id": "use"}}]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(offer, {"$ref": "#/definitions/Offer", "definitions": schema["definitions"]})


BASE = "https://relative.example/"
"""What a word that no context defines ends up under."""


def expand(body: dict[str, Any]) -> Any:
    dataset = {
        "@context": CONTEXT_DSP,
        "@id": "urn:data:1",
        "@type": "Dataset",
        "hasPolicy": [{"@id": "urn:offer:1", "@type": "Offer"} | body],
    }
    (expanded,) = jsonld.expand(dataset, {"documentLoader": documents, "base": BASE})
    return expanded[ODRL + "hasPolicy"][0]


@pytest.mark.parametrize(("name", "body"), built(), ids=lambda v: v if isinstance(v, str) else "")
def test_a_json_ld_processor_reads_a_built_policy_whole(name: str, body: dict[str, Any]) -> None:
    expanded = expand(body)
    words = [m for m in members(expanded) if not m.startswith("@")]
    assert [w for w in words if ":" not in w or w.startswith(BASE)] == []
    read = parse(body)
    for kind, rules in (("permission", read.permissions), ("prohibition", read.prohibitions)):
        theirs = expanded.get(ODRL + kind, [])
        assert len(rules) == len(theirs) == len(body.get(kind, []))
        for ours, rule in zip(rules, theirs, strict=True):
            assert rule[ODRL + "action"] == [{"@id": ours.action}]
            for mine, its in zip(ours.constraints, rule.get(ODRL + "constraint", []), strict=True):
                if isinstance(mine, Atomic):
                    assert its[ODRL + "leftOperand"] == [{"@id": mine.operand}]
                    assert its[ODRL + "operator"] == [{"@id": ODRL + mine.operator}]
                    assert len(its[ODRL + "rightOperand"]) == len(mine.values)
    # The expanded form, put back without any context, is the same policy to us as well.
    kinds = [ODRL + kind for kind in ("permission", "prohibition", "obligation")]
    assert equal(body, {kind: _unwrapped(expanded[kind]) for kind in kinds if kind in expanded}) == [], name


def _unwrapped(value: Any) -> Any:
    """JSON-LD's expanded form with the arrays around single operand names taken off."""
    if isinstance(value, dict):
        if set(value) == {"@value"}:
            return value["@value"]
        return {k: _unwrapped(v) for k, v in value.items()}
    return [_unwrapped(item) for item in value] if isinstance(value, list) else value


def test_the_processor_would_show_a_dropped_and_a_relative_word() -> None:
    rule = {
        "action": "use",
        "remedy": [],
        "constraint": [{"leftOperand": "dateTime", "operator": "lt", "rightOperand": "x"}],
    }
    expanded = expand({"permission": [rule]})
    assert BASE + "dateTime" in members(expanded)
    assert not any("remedy" in m for m in members(expanded))


def policies(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if {"permission", "odrl:permission", "prohibition"} & value.keys():
            yield value
        for item in value.values():
            yield from policies(item)
    elif isinstance(value, list):
        for item in value:
            yield from policies(item)


def is_data(document: Any) -> bool:
    """Neither a JSON Schema nor a JSON-LD context."""
    return isinstance(document, dict) and "definitions" not in document and set(document) != {"@context"}


def wire() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for folder in ("odrl/wire", "odrl/templates", "dsp/examples", "edc/trace"):
        for file in sorted((DATA / folder).rglob("*.json*")):
            try:
                document = json.loads(file.read_text(encoding="utf-8"))
            except ValueError:
                continue
            if is_data(document):
                found += [(str(file.relative_to(DATA)), policy) for policy in policies(document)]
    return found


def attempt(policy: dict[str, Any]) -> Policy | PolicyInvalid:
    try:
        return parse(policy)
    except PolicyInvalid as error:
        return error


def test_policies_on_the_wire_are_read_whole_or_refused_at_their_spot() -> None:
    outcomes = [(file, policy, attempt(policy)) for file, policy in wire()]
    read = [(file, policy, outcome) for file, policy, outcome in outcomes if isinstance(outcome, Policy)]
    refused = {file: outcome for file, _, outcome in outcomes if isinstance(outcome, PolicyInvalid)}
    for file, policy, parsed in read:
        written = serialise(parsed)
        assert parse(written) == parsed, file
        assert equal(policy, written) == [], file
        assert describe(parsed, "ko") != describe(parsed, "en"), file
        compile(parsed)
    assert len(read) >= 60
    # Functions as operands, words no context defines, ill-typed values: each refused for what it is.
    assert {file.split("/")[2] for file in refused} <= {"oeg-odrl-lib", "fiware-odrl-pap"}
    assert len(refused) <= 16
    assert all(error.pointer for error in refused.values())


def test_what_a_stock_edc_sends_is_understood() -> None:
    strange = {
        (file.removeprefix("edc/trace/")[:16], entry.name)
        for file, policy in wire()
        if file.startswith("edc/trace")
        for entry in parse(policy).not_understood
    }
    # One scenario asks for `distribute` on purpose, to be refused.
    assert strange <= {("G-policy-differs", ODRL + "distribute")}
    assert sum(file.startswith("edc/trace") for file, _ in wire()) >= 20
