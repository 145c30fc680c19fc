"""edc:inForceDate: a contract's time in force, absolute or `contractAgreement+30d` (Eclipse EDC)."""

from __future__ import annotations

from datetime import datetime

from connector.model.names import EDC
from connector.policy import moments
from connector.policy.operand import Enforcement, Evidence, Operand
from connector.policy.texts import Text
from connector.policy.values import Note, SinceAgreement, Value, read_since, read_time


def _read(value: Value, note: Note) -> Value | None:
    if isinstance(value, str):
        return read_since(value) or read_time(value, note)
    return value if isinstance(value, datetime | SinceAgreement) else None


OPERAND = Operand(
    iri=EDC + "inForceDate",
    title=Text(ko="계약 유효 기간", en="contract in force"),
    facts=("now", "agreed_at"),
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
