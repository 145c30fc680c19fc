"""Policies that others put on the wire, read with the whole vocabulary and with an open one."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connector.errors import PolicyInvalid
from connector.policy import (
    OPEN,
    WHOLE,
    Vocabulary,
    compile,  # noqa: A004 - the word of the room
    equal,
    parse,
    serialise,
)
from connector.policy.further import FURTHER
from connector.policy.further.catenax import CX

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("MADANG_REFERENCE", ROOT.parent / "shared")) / "data" / "odrl"

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="MADANG_REFERENCE names no folder with reference data"
)


def policies(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if {"permission", "odrl:permission", "prohibition"} & value.keys():
            yield value
        for item in value.values():
            yield from policies(item)
    elif isinstance(value, list):
        for item in value:
            yield from policies(item)


def wire() -> Iterator[tuple[str, dict[str, Any]]]:
    for folder in ("wire", "templates"):
        for file in sorted((DATA / folder).rglob("*.json*")):
            try:
                document = json.loads(file.read_text(encoding="utf-8"))
            except ValueError:
                continue
            if isinstance(document, dict) and "definitions" not in document and set(document) != {"@context"}:
                for policy in policies(document):
                    yield str(file.relative_to(DATA)), policy


@pytest.mark.parametrize("vocabulary", [WHOLE, OPEN], ids=lambda v: v.name)
def test_each_is_read_whole_or_refused_at_its_spot(vocabulary: Vocabulary) -> None:
    read, refused = 0, {}
    for file, raw in wire():
        try:
            policy = parse(raw, vocabulary)
        except PolicyInvalid as error:
            refused[file] = error
            continue
        read += 1
        written = serialise(policy)
        assert parse(written, vocabulary) == policy, file
        assert equal(policy, parse(written, vocabulary)) == [], file
        compile(policy)
    assert read >= 40
    assert all(error.pointer for error in refused.values())
    assert {file.split("/")[1] for file in refused} <= {"oeg-odrl-lib", "fiware-odrl-pap"}


def test_catena_x_operands_are_those_of_its_schemas() -> None:
    folder = next(DATA.rglob("jsonschema/cx-policy"))
    schemas = [json.loads(f.read_text("utf-8")) for f in sorted(folder.glob("*-constraint-schema.json"))]
    named = {name for schema in schemas for name in _consts(schema, "leftOperand")}
    assert {CX + name for name in named} == {iri for iri in FURTHER if iri.startswith(CX)}
    for schema in schemas:
        for name in _consts(schema, "leftOperand"):
            assert _consts(schema, "operator") == FURTHER[CX + name].operators, name


def _consts(value: Any, member: str) -> set[str]:
    """What a schema lets a member be."""
    found: set[str] = set()
    if isinstance(value, dict):
        for key, item in value.items():
            if key == member and isinstance(item, dict):
                found |= {item["const"]} if "const" in item else set(item.get("enum", []))
            else:
                found |= _consts(item, member)
    elif isinstance(value, list):
        for item in value:
            found |= _consts(item, member)
    return found


def test_dsp_examples_are_to_us_what_their_schema_says() -> None:
    schema = json.loads((DATA / "wire/dsp/negotiation/contract-schema.json").read_text("utf-8"))
    validators = {
        kind: jsonschema.Draft201909Validator(
            {"$ref": f"#/definitions/{kind}", "definitions": schema["definitions"]}
        )
        for kind in ("Offer", "MessageOffer", "Agreement")
    }
    judged = 0
    for file, raw in wire():
        if "/dsp/" not in file or ("offer" not in file and "agreement" not in file):
            continue
        assert any(validator.is_valid(raw) for validator in validators.values()), file
        parse(raw, WHOLE)
        judged += 1
    assert judged >= 3
