"""Operands, operators, actions and templates as JSON, so that a form can be made from them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from connector.policy import terms
from connector.policy.operand import Operand
from connector.policy.templates import Templates
from connector.policy.texts import Text
from connector.policy.values import Duration, SinceAgreement, Value
from connector.policy.vocabulary import SPINE, Vocabulary
from connector.policy.words import ACTIONS, action_of

_OPERATORS: Final[Mapping[str, Text]] = {
    "eq": Text(ko="같음", en="is"),
    "neq": Text(ko="다름", en="is not"),
    "lt": Text(ko="미만", en="less than"),
    "lteq": Text(ko="이하", en="at most"),
    "gt": Text(ko="초과", en="more than"),
    "gteq": Text(ko="이상", en="at least"),
    "isA": Text(ko="종류", en="is a kind of"),
    "hasPart": Text(ko="포함", en="contains"),
    "isPartOf": Text(ko="그 일부", en="is part of"),
    "isAllOf": Text(ko="모두", en="all of"),
    "isAnyOf": Text(ko="가운데 하나", en="one of"),
    "isNoneOf": Text(ko="모두 아님", en="none of"),
}
_SAMPLES: Final[Mapping[str, Value]] = {
    "name": "urn:name",
    "number": Decimal(1),
    "time": datetime(2026, 1, 1, tzinfo=UTC),
    "duration": Duration(0, timedelta(days=1)),
    "since-agreement": SinceAgreement(timedelta(days=1)),
}


def editor(templates: Templates, vocabulary: Vocabulary = SPINE) -> dict[str, Any]:
    """Everything a form needs: `operands`, `operators`, `actions`, `templates`.

    Each operand: `iri`, `name`, `title`, `operators` (each with a sentence whose `{}` takes the
    values), `values` (name, number, time, duration, since-agreement), `evidence`, `class`. Each
    operator: `name`, `title`, `many` if it takes several values. Texts are `{ko, en}`.
    """
    actions = ACTIONS if vocabulary.actions is None else vocabulary.actions.included_in
    return {
        "operands": [_operand(vocabulary.operands[iri]) for iri in sorted(vocabulary.operands)],
        "operators": [
            {"name": name, "title": words.to_json(), "many": name in terms.SET_OPERATORS}
            for name, words in _OPERATORS.items()
        ],
        "actions": [
            {"iri": iri, "name": terms.short(iri), "title": action_of(iri).to_json()}
            for iri in sorted(actions)
            if vocabulary.understands_action(iri)
        ],
        "templates": [templates[name].to_json() for name in templates.names],
    }


def _operand(operand: Operand) -> dict[str, Any]:
    return {
        "iri": operand.iri,
        "name": terms.short(operand.iri),
        "title": operand.title.to_json(),
        "operators": {name: words.to_json() for name, words in operand.clauses.items() if name in _OPERATORS},
        "values": [kind for kind, sample in _SAMPLES.items() if _reads(operand, sample)],
        "evidence": operand.evidence.value,
        "class": operand.enforcement.value,
    }


def _reads(operand: Operand, sample: Value) -> bool:
    try:
        return operand.read(sample, lambda _: None) is not None
    except ValueError:
        return False
