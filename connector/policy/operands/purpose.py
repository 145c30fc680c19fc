"""odrl:purpose: what the data is used for, as the consumer declares it (ODRL Vocabulary 2.2, purpose).

DSP has no place for a purpose: the transfer request carries a declaration signed by the consumer.
Without one the purpose is unknown. `isA` is not accepted: whether one purpose is a kind of
another needs a vocabulary's hierarchy, and guessing "no" would switch prohibitions off.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connector.model.names import MMD, ODRL
from connector.policy.context import Context
from connector.policy.operand import Enforcement, Evidence, Operand, named, read_name
from connector.policy.outcome import Test
from connector.policy.texts import Text, plain
from connector.policy.values import Note, Value, show_value

PURPOSES: Final[Mapping[str, tuple[str, Text]]] = {
    "quality-assurance": (MMD + "QualityAssurance", Text(ko="품질 보증", en="quality assurance")),
    "predictive-maintenance": (
        MMD + "PredictiveMaintenance",
        Text(ko="예지 보전", en="predictive maintenance"),
    ),
    "process-optimisation": (MMD + "ProcessOptimisation", Text(ko="공정 최적화", en="process optimisation")),
    "energy": (MMD + "EnergyManagement", Text(ko="에너지 관리", en="energy management")),
    "supply-chain": (
        MMD + "SupplyChainOptimisation",
        Text(ko="공급망 최적화", en="supply chain optimisation"),
    ),
}
"""Notation -> (IRI, words). The concept scheme itself stands in `vocab/`."""

_IRIS: Final = {notation: iri for notation, (iri, _) in PURPOSES.items()}
_WORDS: Final = dict(PURPOSES.values())


def purpose_iri(name: str) -> str:
    """The IRI of a purpose given by notation; anything else is taken to be the IRI itself."""
    return _IRIS.get(name, name)


def purpose_text(iri: str) -> Text:
    """A purpose in words, or its IRI where it is not of our vocabulary."""
    return _WORDS.get(iri) or plain(iri)


def _read(value: Value, note: Note) -> Value | None:
    name = read_name(value, note)
    return _IRIS.get(name, name) if isinstance(name, str) else None


def _build(operator: str, values: tuple[Value, ...], open_level: int) -> Test:
    return named("purpose", operator, frozenset(map(str, values)), open_level, _IRIS)


def _seen(ctx: Context) -> Text:
    if ctx.purpose is None:
        return Text(ko="목적: 밝히지 않음", en="purpose: none declared")
    return Text(ko="목적: {}", en="purpose: {}").fill(purpose_text(purpose_iri(ctx.purpose)))


OPERAND = Operand(
    iri=ODRL + "purpose",
    title=Text(ko="목적", en="purpose"),
    facts=("purpose",),
    evidence=Evidence.DECLARATION,
    enforcement=Enforcement.EVIDENCED,
    read=_read,
    build=_build,
    false_code=lambda _operator, _values, _ctx: "purpose-not-allowed",
    false_codes=("purpose-not-allowed",),
    unknown_code="purpose-unknown",
    clauses={
        "eq": Text(ko="밝힌 목적이 {}일 때", en="the declared purpose is {}"),
        "neq": Text(ko="밝힌 목적이 {} 외의 것일 때", en="the declared purpose is not {}"),
        "isAnyOf": Text(ko="밝힌 목적이 다음 가운데 하나일 때: {}", en="the declared purpose is one of: {}"),
        "isNoneOf": Text(ko="밝힌 목적이 다음에 없을 때: {}", en="the declared purpose is none of: {}"),
    },
    show=lambda value: purpose_text(show_value(value)),
    seen=_seen,
)
