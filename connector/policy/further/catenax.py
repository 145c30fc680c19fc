"""The Catena-X policy vocabulary 2025/9.

What a credential or the clock proves is enforced; the rest are legal texts: true only if somebody
here has accepted them by name, in which case the fact of that name holds the accepted values.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from connector.policy import moments
from connector.policy.context import Context
from connector.policy.facts import NAMES, Shape, fact_operand
from connector.policy.operand import Enforcement, Evidence, Operand
from connector.policy.outcome import Test
from connector.policy.texts import Text
from connector.policy.values import Note, SinceAgreement, Value, read_number, read_time

CX: Final = "https://w3id.org/catenax/2025/9/policy/"


def _credential(name: str, ko: str, en: str, *operators: str) -> Operand:
    return fact_operand(
        CX + name,
        Text(ko=ko, en=en),
        shape=Shape.NAME,
        operators=frozenset(operators),
        evidence=Evidence.IDENTITY,
        enforcement=Enforcement.ENFORCED,
    )


def _text(name: str, ko: str, en: str, operator: str = "eq") -> Operand:
    return fact_operand(
        CX + name,
        Text(ko=ko, en=en),
        operators=frozenset({operator}),
        evidence=Evidence.DECLARATION,
        enforcement=Enforcement.PROMISED,
    )


def _date(value: Value, note: Note) -> Value | None:
    if isinstance(value, str):
        return read_time(value, note)
    return value if isinstance(value, datetime) else None


def _days(value: Value, _note: Note) -> Value | None:
    if isinstance(value, SinceAgreement):
        return value
    number = read_number(value) if isinstance(value, str) else value
    if not isinstance(number, Decimal):
        return None
    if not 0 < number < 1_000_000 or number != number.to_integral_value():
        raise ValueError("not a number of days such as 30")
    return SinceAgreement(timedelta(days=int(number)))


def _end(name: str, ko: str, en: str, *, is_days: bool) -> Operand:
    """The end of a usage: `eq` names the last moment (CX-0152)."""

    def build(_operator: str, values: tuple[Value, ...], open_level: int) -> Test:
        return moments.build("lteq", values, open_level)

    def false_code(_operator: str, values: tuple[Value, ...], ctx: Context) -> str:
        return moments.false_code("lteq", values, ctx)

    return Operand(
        iri=CX + name,
        title=Text(ko=ko, en=en),
        facts=("now", "agreed_at") if is_days else ("now",),
        evidence=Evidence.CLOCK,
        enforcement=Enforcement.ENFORCED,
        read=_days if is_days else _date,
        build=build,
        false_code=false_code,
        false_codes=moments.FALSE_CODES,
        unknown_code="time-unknown",
        clauses={"eq": moments.CLAUSES["lteq"]},
        show=moments.show,
        seen=moments.seen,
        bound=moments.bound_of,
        comparison="lteq",
    )


OPERANDS: Final = (
    _credential(
        "BusinessPartnerNumber", "사업자 번호(BPN)", "business partner number", "isAnyOf", "isNoneOf"
    ),
    _credential("BusinessPartnerGroup", "거래처 그룹", "business partner group", "isAnyOf", "isNoneOf"),
    _credential("Membership", "데이터 스페이스 회원 자격", "dataspace membership", "eq"),
    _credential("FrameworkAgreement", "기본 협약", "framework agreement", "eq"),
    fact_operand(
        CX + "UsagePurpose",
        Text(ko="이용 목적", en="usage purpose"),
        shape=Shape.NAME,
        operators=NAMES & {"isAnyOf"},
        evidence=Evidence.DECLARATION,
        enforcement=Enforcement.EVIDENCED,
    ),
    _end("DataUsageEndDate", "이용 종료일", "end of usage", is_days=False),
    _end("DataUsageEndDurationDays", "이용 기간(일)", "days of usage", is_days=True),
    _text("DataUsageEndDefinition", "이용 종료의 정의", "definition of the end of usage"),
    _text("DataProvisioningEndDate", "제공 종료일", "end of provisioning"),
    _text("DataProvisioningEndDurationDays", "제공 기간(일)", "days of provisioning"),
    _text("DataFrequency", "제공 빈도", "frequency of data"),
    _text("AffiliatesBpnl", "이용할 수 있는 계열사", "affiliates that may use", "isAnyOf"),
    _text("AffiliatesRegion", "계열사의 지역", "region of affiliates", "isAnyOf"),
    _text("ConfidentialInformationMeasures", "비밀 유지 조치", "confidentiality measures"),
    _text("ConfidentialInformationSharing", "비밀 정보의 공유", "sharing of confidential data", "isAnyOf"),
    _text("ContractReference", "계약 참조", "contract reference", "isAllOf"),
    _text("ContractTermination", "계약 종료 때의 처리", "what happens at termination"),
    _text("ExclusiveUsage", "독점 이용", "exclusive usage"),
    _text("JurisdictionLocation", "재판 관할지", "place of jurisdiction"),
    _text("JurisdictionLocationReference", "재판 관할지 참조", "reference for jurisdiction"),
    _text("Liability", "책임", "liability"),
    _text("Precedence", "우선순위", "precedence"),
    _text("UsageRestriction", "이용 제한", "usage restriction", "isAllOf"),
    _text("VersionChanges", "버전 변경", "version changes"),
    _text("Warranty", "보증", "warranty"),
    _text("WarrantyDefinition", "보증의 정의", "definition of warranty"),
    _text("WarrantyDurationMonths", "보증 기간(개월)", "months of warranty"),
)

WORDS: Final = {operand.iri.removeprefix(CX): operand.iri for operand in OPERANDS}
"""The bare words of the vocabulary's context."""
