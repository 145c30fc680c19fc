"""odrl:dateTime: the moment of use, by the wall clock (ODRL Vocabulary 2.2, dateTime)."""

from __future__ import annotations

from datetime import datetime

from connector.model.names import ODRL
from connector.policy import moments
from connector.policy.operand import Enforcement, Evidence, Operand
from connector.policy.texts import Text
from connector.policy.values import Note, Value, read_time


def _read(value: Value, note: Note) -> Value | None:
    if isinstance(value, str):
        return read_time(value, note)
    return value if isinstance(value, datetime) else None


OPERAND = Operand(
    iri=ODRL + "dateTime",
    title=Text(ko="이용 시각", en="time of use"),
    facts=("now",),
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
