"""odrl:elapsedTime: the time since the agreement, an xsd:duration (ODRL Vocabulary 2.2, elapsedTime)."""

from __future__ import annotations

from connector.model.names import ODRL
from connector.policy import moments
from connector.policy.operand import Enforcement, Evidence, Operand
from connector.policy.texts import Text
from connector.policy.values import Duration, Note, Value, read_duration


def _read(value: Value, _note: Note) -> Value | None:
    if isinstance(value, str):
        return read_duration(value)
    return value if isinstance(value, Duration) else None


OPERAND = Operand(
    iri=ODRL + "elapsedTime",
    title=Text(ko="계약 후 지난 시간", en="time since the agreement"),
    facts=("agreed_at", "now"),
    evidence=Evidence.CLOCK,
    enforcement=Enforcement.ENFORCED,
    read=_read,
    build=moments.build,
    false_code=moments.false_code,
    false_codes=moments.FALSE_CODES,
    unknown_code="time-unknown",
    clauses=moments.CLAUSES,
    show=moments.show,
    seen=moments.seen,
    bound=moments.bound_of,
)
