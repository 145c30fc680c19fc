"""ODRL's own left operands (ODRL Vocabulary 2.2 §4.5) beyond the spine's, with what can prove them here."""

from __future__ import annotations

from typing import Final

from connector.model.names import ODRL
from connector.policy.comparing import ORDERED
from connector.policy.facts import KINDS, NAMES, Shape, fact_operand
from connector.policy.operand import Enforcement, Evidence, Operand
from connector.policy.texts import Text


def _named(name: str, ko: str, en: str) -> Operand:
    return fact_operand(ODRL + name, Text(ko=ko, en=en), shape=Shape.NAME, operators=KINDS)


def _number(name: str, ko: str, en: str) -> Operand:
    return fact_operand(
        ODRL + name,
        Text(ko=ko, en=en),
        shape=Shape.NUMBER,
        operators=ORDERED,
        evidence=Evidence.COUNTER,
        enforcement=Enforcement.ENFORCED,
    )


def _duration(name: str, ko: str, en: str) -> Operand:
    return fact_operand(
        ODRL + name,
        Text(ko=ko, en=en),
        shape=Shape.DURATION,
        operators=ORDERED,
        evidence=Evidence.CLOCK,
        enforcement=Enforcement.ENFORCED,
    )


OPERANDS: Final = (
    _named("spatial", "이용 지역", "place of use"),
    _named("industry", "업종", "industry"),
    _named("deliveryChannel", "전달 경로", "delivery channel"),
    _named("device", "장치", "device"),
    _named("system", "시스템", "system"),
    _named("systemDevice", "시스템과 장치", "system or device"),
    _named("virtualLocation", "네트워크 위치", "network location"),
    _named("product", "제품", "product"),
    _named("event", "사건", "event"),
    fact_operand(
        ODRL + "fileFormat",
        Text(ko="파일 형식", en="file format"),
        shape=Shape.NAME,
        operators=NAMES,
        evidence=Evidence.CONFIGURATION,
        enforcement=Enforcement.ENFORCED,
    ),
    fact_operand(ODRL + "media", Text(ko="매체", en="medium"), shape=Shape.NAME, operators=NAMES),
    fact_operand(ODRL + "language", Text(ko="언어", en="language"), shape=Shape.NAME, operators=NAMES),
    fact_operand(
        ODRL + "version",
        Text(ko="버전", en="version"),
        operators=ORDERED | NAMES,
        evidence=Evidence.CONFIGURATION,
        enforcement=Enforcement.ENFORCED,
    ),
    _number("payAmount", "지불 금액", "amount paid"),
    _number("percentage", "비율(%)", "percentage"),
    _number("resolution", "해상도", "resolution"),
    _number("absoluteSize", "크기", "size"),
    _number("relativeSize", "상대 크기", "relative size"),
    _number("timedCount", "기간 안의 이용 횟수", "uses in the period"),
    _number("unitOfCount", "횟수 단위", "unit of count"),
    _duration("meteredTime", "누적 이용 시간", "metered time"),
    _duration("delayPeriod", "지연 시간", "delay"),
    _duration("timeInterval", "이용 간격", "interval between uses"),
)
