"""The templates, alone and together, from the texts of a command line."""

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
SIX = ("open-use", "time-window", "duration-from-agreement", "partner-list", "purpose", "count-limit")
LATER = (
    "affiliates-next-policy",
    "aggregate-k",
    "ai-training-only",
    "anonymise-first",
    "cluster-member",
    "compute-to-data",
    "cx-usage",
    "delete-after",
    "log-and-notify",
    "no-redistribution",
    "pay-per-use",
    "projection",
    "rate-volume",
    "recipient-role",
    "region",
    "watermark",
)
ALL = (*SIX, *LATER)
INTEGER, TIME = XSD + "integer", XSD + "dateTime"


def constraints(name: str, **params: str) -> list[dict[str, Any]]:
    (rule,) = TEMPLATES.preview([name], params)["permission"]
    assert rule.pop("action") == "use"
    built: list[dict[str, Any]] = rule.pop("constraint", [])
    assert rule == {}
    return built


def test_they_are_all_there() -> None:
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
    params = {name: text for template in SIX for name, text in TEMPLATES[template].example.items()}
    (rule,) = TEMPLATES.build(SIX, params)["permission"]
    operands = [constraint["leftOperand"] for constraint in rule["constraint"]]
    assert operands == [
        ODRL + "dateTime",
        ODRL + "dateTime",
        EDC + "inForceDate",
        ODRL + "recipient",
        ODRL + "purpose",
        ODRL + "count",
    ]


@pytest.mark.parametrize("name", SIX)
def test_what_the_spine_decides_can_be_published(name: str) -> None:
    built = {"@id": "urn:offer:1", "@type": "Offer"} | TEMPLATES.build([name], TEMPLATES[name].example)
    assert understands(built) == []
    assert set(TEMPLATES[name].enforcement) <= set(OPERANDS)
    assert TEMPLATES[name].to_json()["understood"] is True


@pytest.mark.parametrize("name", ALL)
def test_each_example_builds_and_comes_back_the_same(name: str) -> None:
    template = TEMPLATES[name]
    built = {"@id": "urn:offer:1", "@type": "Offer"} | TEMPLATES.preview([name], template.example)
    assert parse(built).flags == ()
    assert serialise(parse(built)) == built
    told = {entry.operand: entry.level.value for entry in enforcement(built) if entry.operand}
    assert told == dict(template.enforcement)
    # Nothing that is not understood is called more than a promise.
    for entry in template.not_understood:
        assert told.get(entry.name, "promised") == "promised"
    assert describe(built, "ko") != describe(built, "en")
    assert template.title.ko != template.title.en
    assert template.description.ko != template.description.en
    shown = json.loads(json.dumps(template.to_json()))
    assert (shown["name"], shown["understood"]) == (name, not template.not_understood)
    assert shown["policy"] == TEMPLATES.preview([name], template.example)


@pytest.mark.parametrize("name", ALL)
def test_what_is_not_understood_is_not_published_silently(name: str) -> None:
    template = TEMPLATES[name]
    if not template.not_understood:
        assert TEMPLATES.build([name], template.example) == TEMPLATES.preview([name], template.example)
        return
    with pytest.raises(PolicyInvalid, match="cannot be published") as caught:
        TEMPLATES.build(["open-use", name], template.example)
    assert caught.value.pointer == "policy"
    reason = caught.value.extra["reason"]
    assert isinstance(reason, dict)
    assert name in reason["ko"]
    assert name in reason["en"]


def shape(name: str) -> dict[str, Any]:
    return TEMPLATES.preview([name], TEMPLATES[name].example)


def operands(rule: dict[str, Any]) -> list[str]:
    return [f"{c['leftOperand']} {c['operator']}" for c in rule.get("constraint", [])]


def test_what_the_later_ones_say() -> None:
    said = {
        name: [
            (kind, rule["action"], operands(rule), [(d["action"], operands(d)) for d in rule.get("duty", [])])
            for kind, rules in shape(name).items()
            for rule in rules
        ]
        for name in LATER
        if name != "cx-usage"
    }
    use = ("permission", "use", [], [])
    assert said == {
        "cluster-member": [("permission", "use", [f"{MMD}membership isAnyOf"], [])],
        "recipient-role": [("permission", "use", [f"{MMD}recipientRole isAnyOf"], [])],
        "region": [("permission", "use", [f"{ODRL}spatial isAnyOf"], [])],
        "rate-volume": [
            ("permission", "use", [f"{MMD}requestsPerMinute lteq", f"{MMD}bytesPerDay lteq"], [])
        ],
        "projection": [("permission", "use", [f"{MMD}columns isPartOf", f"{MMD}rowFilter eq"], [])],
        "aggregate-k": [
            (
                "permission",
                "use",
                [f"{MMD}minGroupSize gteq"],
                [(ODRL + "aggregate", [f"{MMD}aggregateBy isAnyOf"])],
            )
        ],
        "anonymise-first": [("permission", "use", [], [(ODRL + "anonymize", [f"{MMD}columns isAllOf"])])],
        "delete-after": [use, ("obligation", ODRL + "delete", [f"{ODRL}elapsedTime lteq"], [])],
        "no-redistribution": [
            use,
            *(("prohibition", ODRL + action, [], []) for action in ("distribute", "sell", "transfer")),
        ],
        "affiliates-next-policy": [
            use,
            (
                "permission",
                ODRL + "distribute",
                [f"{ODRL}recipient isAnyOf"],
                [(ODRL + "nextPolicy", [f"{MMD}nextPolicyId eq"])],
            ),
        ],
        "log-and-notify": [
            use,
            ("obligation", ODRL + "inform", [f"{MMD}informedParty eq", f"{ODRL}delayPeriod lteq"], []),
        ],
        "pay-per-use": [
            (
                "permission",
                "use",
                [],
                [(ODRL + "compensate", [f"{ODRL}payAmount eq", f"{MMD}currency eq"])],
            )
        ],
        "watermark": [("permission", "use", [], [(ODRL + "watermark", [f"{MMD}watermarkMethod eq"])])],
        "ai-training-only": [
            ("permission", "use", [f"{ODRL}purpose eq"], [(MMD + "reportModelCard", [])]),
            ("prohibition", ODRL + "distribute", [], []),
            ("prohibition", ODRL + "display", [], []),
        ],
        "compute-to-data": [
            (
                "permission",
                ODRL + "execute",
                [f"{MMD}environment eq", f"{MMD}appDigest isAnyOf", f"{MMD}outputBytes lteq"],
                [],
            ),
            ("prohibition", ODRL + "reproduce", [], []),
            ("prohibition", ODRL + "extract", [], []),
        ],
    }
    (usage,) = shape("cx-usage")["permission"]
    assert [part["rightOperand"] for part in usage["constraint"][0]["and"]] == [
        "DataExchangeGovernance:1.0",
        ["cx.core.industrycore:1"],
    ]


def test_templates_of_every_kind_combine() -> None:
    names = [
        "time-window",
        "pay-per-use",
        "watermark",
        "no-redistribution",
        "ai-training-only",
        "delete-after",
    ]
    params = {k: v for name in names for k, v in TEMPLATES[name].example.items()}
    built = TEMPLATES.preview(names, params)
    (rule,) = built["permission"]
    assert len(rule["constraint"]) == 3
    assert [duty["action"] for duty in rule["duty"]] == [
        ODRL + "compensate",
        ODRL + "watermark",
        MMD + "reportModelCard",
    ]
    # What two templates prohibit is prohibited once.
    assert [p["action"] for p in built["prohibition"]] == [
        ODRL + action for action in ("distribute", "sell", "transfer", "display")
    ]
    assert len(built["obligation"]) == 1


def test_where_programs_come_to_the_data_the_conditions_are_theirs() -> None:
    params = TEMPLATES["compute-to-data"].example | {"count": "3"}
    (rule,) = TEMPLATES.preview(["compute-to-data", "count-limit"], params)["permission"]
    assert (rule["action"], len(rule["constraint"])) == (ODRL + "execute", 4)
    both = TEMPLATES["affiliates-next-policy"].example | {"partners": "did:web:b.example"}
    use, onward = TEMPLATES.preview(["affiliates-next-policy", "partner-list"], both)["permission"]
    assert [c["rightOperand"] for c in use["constraint"]] == [["did:web:b.example"]]
    assert [c["rightOperand"] for c in onward["constraint"]] == [["did:web:affiliate.example"]]


def test_amounts_and_hours_are_written_in_their_one_form() -> None:
    def value(name: str, kind: str, at: int, **params: str) -> Any:
        (rule,) = TEMPLATES.preview([name], params)[kind]
        part = rule["duty"][0] if kind == "permission" else rule
        return part["constraint"][at]["rightOperand"]

    assert value("pay-per-use", "permission", 0, amount="5.00", currency="EUR") == {
        "@value": "5",
        "@type": INTEGER,
    }
    assert value("pay-per-use", "permission", 0, amount="0.50", currency="EUR")["@value"] == "0.5"
    told = value("log-and-notify", "obligation", 1, inform="did:web:a.example", within="36")
    assert told == {"@value": "P1DT12H", "@type": XSD + "duration"}


def test_an_optional_part_is_left_out() -> None:
    assert constraints("rate-volume", requests="5")[0]["rightOperand"] == {"@value": "5", "@type": INTEGER}
    (only,) = constraints("projection", rows=" site='S1'  and shift>=2 ")
    assert only["rightOperand"] == "site = 'S1' and shift >= 2"


BAD: list[tuple[list[str], dict[str, str], str, str]] = [
    ([], {}, "policy", "no policy template"),
    (["nothing"], {}, "policy", "accepted: affiliates-next-policy, aggregate-k"),
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
    (["cluster-member"], {"clusters": "moulding"}, "clusters", "no absolute IRI"),
    (["recipient-role"], {"roles": "a b"}, "roles", "no word"),
    (["region"], {"countries": "KOR"}, "countries", "no country code"),
    (["rate-volume"], {}, "requests", "at least one"),
    (["rate-volume"], {"bytes": "1e9"}, "bytes", "no whole number"),
    (["projection"], {"columns": "a;drop"}, "columns", "no column name"),
    (["projection"], {"rows": "1=1 or site='x'"}, "rows", "no filter"),
    (["projection"], {"rows": "a = 'x' or b = 'y'"}, "rows", "no filter"),
    (["projection"], {"rows": "a = 'x' and"}, "rows", "no filter"),
    (["projection"], {"rows": "a = 'x''y'"}, "rows", "no filter"),
    (["projection"], {"rows": "lower(a) = 'x'"}, "rows", "no filter"),
    (["projection"], {"rows": " and ".join(["a = 1"] * 21)}, "rows", "no filter"),
    (["delete-after"], {"keep": "0"}, "keep", "36500"),
    (["affiliates-next-policy"], {"affiliates": "did:web:a.example"}, "onward", "needs onward"),
    (["log-and-notify"], {"inform": "did:web:a.example", "within": "9000"}, "within", "8760"),
    (["log-and-notify"], {"inform": "a b", "within": "9"}, "inform", "no participant id"),
    (["pay-per-use"], {"amount": "-5", "currency": "KRW"}, "amount", "no amount"),
    (["pay-per-use"], {"amount": "5", "currency": "won"}, "currency", "no currency"),
    (["watermark"], {"method": "a b"}, "method", "no word"),
    (["compute-to-data"], {"apps": "sha256:ab", "output": "9"}, "apps", "no digest"),
    (["purpose"], {"purposes": "fun"}, "purposes", "quality-assurance, predictive-maintenance"),
    (["purpose"], {"purposes": "energy,https://x.example/a b"}, "purposes", "no purpose"),
]


@pytest.mark.parametrize(("names", "params", "pointer", "says"), BAD)
def test_what_cannot_be_built_says_what_can(
    names: list[str], params: dict[str, str], pointer: str, says: str
) -> None:
    with pytest.raises(PolicyInvalid) as caught:
        TEMPLATES.preview(names, params)
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
            assert TEMPLATES.preview(
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
            TEMPLATES.preview(names, params)


def test_a_folder_without_templates_and_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid, match="no policy templates"):
        Templates.load(tmp_path)
    (tmp_path / "odd.jsonld").write_text('{"name": "odd"}', encoding="utf-8")
    with pytest.raises(PolicyInvalid, match=r"odd\.jsonld is no policy template"):
        Templates.load(tmp_path)
