"""Our own operands: what factories ask for and ODRL has no word for (`vocab/`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from connector.model.names import MMD
from connector.policy.comparing import ORDERED
from connector.policy.facts import KINDS, NAMES, Shape, fact_operand
from connector.policy.operand import Enforcement, Evidence, Operand
from connector.policy.row_filter import read_row_filter
from connector.policy.texts import Text
from connector.policy.values import Note, Value


def _meter(name: str, ko: str, en: str) -> Operand:
    return fact_operand(
        MMD + name,
        Text(ko=ko, en=en),
        shape=Shape.NUMBER,
        operators=ORDERED,
        evidence=Evidence.COUNTER,
        enforcement=Enforcement.ENFORCED,
    )


def _credential(name: str, ko: str, en: str) -> Operand:
    return fact_operand(
        MMD + name,
        Text(ko=ko, en=en),
        shape=Shape.NAME,
        operators=NAMES,
        evidence=Evidence.IDENTITY,
        enforcement=Enforcement.ENFORCED,
    )


def _configured(name: str, ko: str, en: str, shape: Shape, operators: frozenset[str]) -> Operand:
    return fact_operand(
        MMD + name,
        Text(ko=ko, en=en),
        shape=shape,
        operators=operators,
        evidence=Evidence.CONFIGURATION,
        enforcement=Enforcement.ENFORCED,
        is_closed=True,
    )


def _row_filter(value: Value, _note: Note) -> Value | None:
    """A filter in its one written form, so that equal filters are equal texts."""
    return str(read_row_filter(value)) if isinstance(value, str) else None


OPERANDS: Final = (
    _meter("requestsPerMinute", "분당 요청 수", "requests per minute"),
    _meter("bytesPerDay", "하루 전송량(바이트)", "bytes per day"),
    _meter("bytesTotal", "총 전송량(바이트)", "bytes in all"),
    _credential("membership", "소속 단체", "membership"),
    _credential("recipientRole", "받는 쪽의 역할", "recipient's role"),
    _configured("columns", "내보내는 열", "columns delivered", Shape.NAME, KINDS),
    replace(
        _configured("rowFilter", "행 조건", "row filter", Shape.NAME, frozenset({"eq"})), read=_row_filter
    ),
    _configured("minGroupSize", "최소 집단 크기", "smallest group", Shape.NUMBER, ORDERED),
    _configured("environment", "처리 환경", "place of processing", Shape.NAME, NAMES),
    _configured("appDigest", "앱의 해시", "digest of the app", Shape.NAME, NAMES),
    _configured("outputBytes", "결과 크기(바이트)", "bytes of output", Shape.NUMBER, ORDERED),
    fact_operand(
        MMD + "currency",
        Text(ko="통화", en="currency"),
        shape=Shape.NAME,
        operators=NAMES,
        evidence=Evidence.CONFIGURATION,
        enforcement=Enforcement.ENFORCED,
    ),
    fact_operand(
        MMD + "modelCard", Text(ko="모델 설명서", en="model card"), shape=Shape.NAME, operators=NAMES
    ),
    fact_operand(
        MMD + "consent",
        Text(ko="동의", en="consent"),
        operators=NAMES,
        evidence=Evidence.DECLARATION,
        enforcement=Enforcement.EVIDENCED,
    ),
    fact_operand(
        MMD + "recipientRegion",
        Text(ko="받는 쪽 소재지", en="recipient's region"),
        shape=Shape.NAME,
        operators=KINDS,
        evidence=Evidence.IDENTITY,
        enforcement=Enforcement.ENFORCED,
    ),
)
