"""Six templates, alone and together, from the texts of a command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from connector.errors import PolicyInvalid
from connector.model.names import EDC, MMD, ODRL, XSD
from connector.policy import OPERANDS, Templates, describe, enforcement, parse, serialise, understands

FOLDER = Path(__file__).resolve().parents[3] / "policies"
TEMPLATES = Templates.load(FOLDER)
ALL = ("open-use", "time-window", "duration-from-agreement", "partner-list", "purpose", "count-limit")
INTEGER, TIME = XSD + "integer", XSD + "dateTime"


def constraints(name: str, **params: str) -> list[dict[str, Any]]:
    (rule,) = TEMPLATES.build([name], params)["permission"]
    assert rule.pop("action") == "use"
    built: list[dict[str, Any]] = rule.pop("constraint", [])
    assert rule == {}
    return built


def test_the_six_are_there() -> None:
    assert set(TEMPLATES.names) == set(ALL)
    for name in ALL:
        file = json.loads((FOLDER / f"{name}.jsonld").read_text(encoding="utf-8"))
        assert file["name"] == name


def test_open_use() -> None:
    assert TEMPLATES.build(["open-use"], {}) == {"permission": [{"action": "use"}]}


def test_time_window() -> None:
    window = {"from": "2026-11-24", "until": "2026-12-24"}
    assert constraints("time-window", **window) == [
        {
            "leftOperand": ODRL + "dateTime",
            "operator": "gteq",
            "rightOperand": {"@value": "2026-11-24T00:00:00Z", "@type": TIME},
        },
        {
            "leftOperand": ODRL + "dateTime",
            "operator": "lteq",
            "rightOperand": {"@value": "2026-12-24T23:59:59Z", "@type": TIME},
        },
    ]
    (until,) = constraints("time-window", until="2026-12-24T18:00+09:00")
    assert until["rightOperand"]["@value"] == "2026-12-24T09:00:00Z"
    (start,) = constraints("time-window", **{"from": "2026-12-24T18:00:00"})
    assert (start["operator"], start["rightOperand"]["@value"]) == ("gteq", "2026-12-24T18:00:00Z")


def test_the_others() -> None:
    assert constraints("duration-from-agreement", days="30") == [
        {"leftOperand": EDC + "inForceDate", "operator": "lteq", "rightOperand": "contractAgreement+30d"}
    ]
    assert constraints("partner-list", partners="did:web:a.example, did:web:b.example,did:web:a.example") == [
        {
            "leftOperand": ODRL + "recipient",
            "operator": "isAnyOf",
            "rightOperand": ["did:web:a.example", "did:web:b.example"],
        }
    ]
    assert constraints("purpose", purposes="quality-assurance,https://words.example/p") == [
        {
            "leftOperand": ODRL + "purpose",
            "operator": "isAnyOf",
            "rightOperand": [MMD + "QualityAssurance", "https://words.example/p"],
        }
    ]
    assert constraints("count-limit", count="10") == [
        {
            "leftOperand": ODRL + "count",
            "operator": "lteq",
            "rightOperand": {"@value": "10", "@type": INTEGER},
        }
    ]


@pytest.mark.parametrize(
    ("notation", "name"),
    [
        ("quality-assurance", "QualityAssurance"),
        ("predictive-maintenance", "PredictiveMaintenance"),
        ("process-optimisation", "ProcessOptimisation"),
        ("energy", "EnergyManagement"),
        ("supply-chain", "SupplyChainOptimisation"),
    ],
)
def test_purposes_by_notation(notation: str, name: str) -> None:
    assert constraints("purpose", purposes=notation)[0]["rightOperand"] == [MMD + name]


def test_together_they_make_one_permission() -> None:
    params = {name: text for template in ALL for name, text in TEMPLATES[template].example.items()}
    (rule,) = TEMPLATES.build(ALL, params)["permission"]
    operands = [constraint["leftOperand"] for constraint in rule["constraint"]]
    assert operands == [
        ODRL + "dateTime",
        ODRL + "dateTime",
        EDC + "inForceDate",
        ODRL + "recipient",
        ODRL + "purpose",
        ODRL + "count",
    ]


@pytest.mark.parametrize("name", ALL)
def test_each_example_builds_what_is_understood_and_comes_back_the_same(name: str) -> None:
    template = TEMPLATES[name]
    built = {"@id": "urn:offer:1", "@type": "Offer"} | TEMPLATES.build([name], template.example)
    assert understands(built) == []
    assert parse(built).flags == ()
    assert serialise(parse(built)) == built
    promised = {entry.operand: entry.level.value for entry in enforcement(built) if entry.operand}
    assert promised == dict(template.enforcement)
    assert set(promised) <= set(OPERANDS)
    assert describe(built, "ko") != describe(built, "en")
    assert template.title.ko != template.title.en
    assert template.description.ko != template.description.en
    assert json.loads(json.dumps(template.to_json()))["name"] == name


BAD: list[tuple[list[str], dict[str, str], str, str]] = [
    ([], {}, "policy", "no policy template"),
    (["nothing"], {}, "policy", "accepted: count-limit, duration-from-agreement, open-use"),
    (["purpose", "purpose"], {"purposes": "energy"}, "policy", "twice"),
    (["open-use"], {"count": "1"}, "count", "no parameter of open-use"),
    (["count-limit"], {"counts": "1"}, "counts", "accepted: count"),
    (["count-limit"], {}, "count", "count-limit needs count"),
    (["count-limit"], {"count": "0"}, "count", "'0'"),
    (["count-limit"], {"count": "ten"}, "count", "'ten'"),
    (["count-limit"], {"count": "-1"}, "count", "'-1'"),
    (["count-limit"], {"count": "1.5"}, "count", "'1.5'"),
    (["count-limit"], {"count": "٣"}, "count", "no whole number"),
    (["duration-from-agreement"], {"days": "36501"}, "days", "36500"),
    (["duration-from-agreement"], {"days": "30d"}, "days", "'30d'"),
    (["time-window"], {}, "from", "at least one"),
    (["time-window"], {"from": "24.11.2026"}, "from", "2026-11-24T09:00:00+09:00"),
    (["time-window"], {"until": "2026-13-01"}, "until", "month"),
    (["time-window"], {"from": "2026-12-24", "until": "2026-11-24"}, "until", "before from"),
    (["partner-list"], {"partners": " , "}, "partners", "1 to 1000"),
    (["partner-list"], {"partners": "did:web:"}, "partners", "'did:web:'"),
    (["partner-list"], {"partners": "did:web:a b"}, "partners", "no participant id"),
    (["partner-list"], {"partners": ",".join(f"p{i}" for i in range(1001))}, "partners", "1 to 1000"),
    (["purpose"], {"purposes": "fun"}, "purposes", "quality-assurance, predictive-maintenance"),
    (["purpose"], {"purposes": "energy,https://x.example/a b"}, "purposes", "no purpose"),
]


@pytest.mark.parametrize(("names", "params", "pointer", "says"), BAD)
def test_what_cannot_be_built_says_what_can(
    names: list[str], params: dict[str, str], pointer: str, says: str
) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        TEMPLATES.build(names, params)
    assert caught.value.pointer == pointer
    assert says in caught.value.message


@pytest.mark.parametrize("name", ALL)
def test_the_schema_is_one_and_accepts_the_example(name: str) -> None:
    template = TEMPLATES[name]
    jsonschema.Draft202012Validator.check_schema(template.parameters)
    jsonschema.validate(template.example, template.parameters, cls=jsonschema.Draft202012Validator)
    for parameter in template.parameters["properties"].values():
        for example in parameter["examples"]:
            key = next(k for k, v in template.parameters["properties"].items() if v is parameter)
            assert TEMPLATES.build(
                [name], {**template.example, key: example} if key != "from" else {key: example}
            )


@pytest.mark.parametrize(
    ("names", "params"),
    [(n, p) for n, p, _, s in BAD if len(n) == 1 and n[0] in ALL and s != "1 to 1000"],
)
def test_what_the_schema_refuses_is_never_built(names: list[str], params: dict[str, str]) -> None:
    """The schema may be wider than the reader of a value, never narrower."""
    schema = TEMPLATES[names[0]].parameters
    try:
        jsonschema.validate(params, schema, cls=jsonschema.Draft202012Validator)
    except jsonschema.ValidationError:
        with pytest.raises(PolicyInvalid):
            TEMPLATES.build(names, params)


def test_a_folder_without_templates_and_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match="no policy templates"):
        Templates.load(tmp_path)
    (tmp_path / "odd.jsonld").write_text('{"name": "odd"}', encoding="utf-8")
    with pytest.raises(PolicyInvalid, match=r"odd\.jsonld is no policy template"):
        Templates.load(tmp_path)
