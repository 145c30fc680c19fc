"""ODRL's words in Korean and English, for policies in plain language beyond what the engine decides.

What an operand of our own says about itself comes first (`operands`); this table is for the rest, so
that a contract reads as sentences even where a rule is only promised.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from connector.model.names import EDC, MMD, ODRL
from connector.policy import moments, terms
from connector.policy.decision import LOGIC
from connector.policy.operands import OPERANDS
from connector.policy.operands.purpose import purpose_text
from connector.policy.texts import Text, join, plain
from connector.policy.tree import Atomic, Constraint, Logic, Rule
from connector.policy.values import Duration, Iri, SinceAgreement, Value, show_value


def _table(base: str, lines: str) -> dict[str, Text]:
    rows = (line.split("|") for line in lines.strip().splitlines())
    return {base + name.strip(): Text(ko.strip(), en.strip()) for name, ko, en in rows}


ACTIONS: Final[Mapping[str, Text]] = _table(
    ODRL,
    """
    use|이용|use
    distribute|제3자 배포|distribution to others
    sell|판매|sale
    transfer|소유권 이전|transfer of ownership
    give|무상 양도|giving away
    display|화면 공개|public display
    play|재생|playing
    print|인쇄|printing
    reproduce|복제|reproduction
    extract|일부 추출|extraction of parts
    derive|파생 데이터 작성|derived data
    modify|수정|modification
    execute|제공하는 쪽 안에서 실행|execution at the provider
    aggregate|집계|aggregation
    anonymize|익명화|anonymisation
    archive|보관|archiving
    delete|삭제|deletion
    inform|통지|notification
    compensate|대가 지급|payment
    watermark|워터마크 삽입|watermarking
    nextPolicy|같은 조건의 승계|passing on the same terms
    attribute|출처 표시|attribution
    obtainConsent|동의 받기|obtaining consent
    reviewPolicy|정책 검토|review of the policy
    grantUse|이용권 부여|granting of use
    index|색인|indexing
    read|열람|reading
    stream|스트리밍|streaming
    synchronize|동기화|synchronisation
    transform|형식 변환|transformation
    translate|번역|translation
    """,
) | _table(MMD, "reportModelCard|모델 카드 제출|submission of a model card")

OPERANDS_IN_WORDS: Final[Mapping[str, Text]] = (
    _table(
        ODRL,
        """
        spatial|지역|region
        delayPeriod|기한|time limit
        elapsedTime|계약 후 지난 시간|time since the agreement
        meteredTime|이용한 시간|time in use
        timeInterval|되풀이 간격|recurring interval
        payAmount|금액|amount
        unitOfCount|셈의 단위|unit of count
        event|사건|event
        industry|산업|industry
        product|제품|product
        language|언어|language
        fileFormat|파일 형식|file format
        percentage|비율(%)|percentage
        version|버전|version
        purpose|목적|purpose
        recipient|받는 쪽|recipient
        count|이용 횟수|number of uses
        dateTime|이용 시각|time of use
        """,
    )
    | _table(EDC, "inForceDate|계약 유효 기간|contract in force")
    | _table(
        MMD,
        """
        membership|소속 클러스터|cluster membership
        recipientRole|받는 쪽의 역할|role of the recipient
        requestsPerMinute|분당 요청 수|requests per minute
        bytesPerDay|하루 전송량(바이트)|bytes per day
        columns|열|columns
        rowFilter|행 조건|row filter
        minGroupSize|최소 묶음 크기|smallest group size
        aggregateBy|묶는 기준|grouped by
        informedParty|통지받는 쪽|party to be informed
        nextPolicyId|물려줄 정책|policy to be passed on
        currency|통화|currency
        watermarkMethod|워터마크 방식|watermark method
        environment|실행 환경|execution environment
        appDigest|허용한 프로그램|permitted program
        outputBytes|결과 크기(바이트)|size of the output in bytes
        """,
    )
    | _table(
        "https://w3id.org/catenax/2025/9/policy/",
        """
        FrameworkAgreement|기본 협약|framework agreement
        UsagePurpose|이용 목적|usage purpose
        """,
    )
)

OPERATORS: Final[Mapping[str, Text]] = {
    "eq": Text("{}: {}", "{}: {}"),
    "neq": Text("{}: {} 이외", "{}: other than {}"),
    "lt": Text("{}: {} 미만", "{}: less than {}"),
    "lteq": Text("{}: {} 이하", "{}: at most {}"),
    "gt": Text("{}: {} 초과", "{}: more than {}"),
    "gteq": Text("{}: {} 이상", "{}: at least {}"),
    "isA": Text("{}: {} 또는 그 아래 것", "{}: {} or a kind of it"),
    "hasPart": Text("{}: {} 포함", "{}: including {}"),
    "isPartOf": Text("{}: {} 안", "{}: within {}"),
    "isAllOf": Text("{}: {} 모두", "{}: all of {}"),
    "isAnyOf": Text("{}: {} 가운데 하나", "{}: one of {}"),
    "isNoneOf": Text("{}: {} 아닌 것", "{}: none of {}"),
}
"""Each operator as a phrase; the operand's words and the values go in."""
_TIMES: Final[Mapping[str, Text]] = {
    "eq": Text("{}: 정확히 {}", "{}: exactly {}"),
    "lt": Text("{}: {} 전까지", "{}: before {}"),
    "lteq": Text("{}: {}까지", "{}: no later than {}"),
    "gt": Text("{}: {} 뒤부터", "{}: after {}"),
    "gteq": Text("{}: {}부터", "{}: from {} on"),
}


def name_of(iri: str) -> Text:
    """An operand in words, or its short name."""
    registered = OPERANDS.get(iri)
    if registered is not None:
        return registered.title
    return OPERANDS_IN_WORDS.get(iri) or plain(terms.short(iri))


def action_of(iri: str) -> Text:
    """An action in words, or its short name."""
    return ACTIONS.get(iri) or plain(terms.short(iri))


def phrase(constraint: Constraint) -> Text:
    """A constraint in words, with every value; an operand of ours speaks for itself."""
    if isinstance(constraint, Atomic) and constraint.not_understood is None:
        registered = constraint.meaning or OPERANDS.get(constraint.operand)
        if registered is not None and constraint.operator in registered.clauses:
            shown = join([registered.show(value) for value in constraint.values], ", ")
            return registered.clauses[constraint.operator].fill(shown)
    return stated(constraint, phrase)


def stated(constraint: Constraint, inner: Callable[[Constraint], Text] | None = None) -> Text:
    """A constraint in words that depend on nothing but the policy: the same on every connector."""
    if isinstance(constraint, Logic):
        words, head = join([(inner or stated)(part) for part in constraint.parts]), LOGIC[constraint.logic]
        said = Text(f"{head.ko} ({words.ko})", f"{head.en} ({words.en})")
    else:
        said = _comparison(constraint)
    more = "".join(f" [{u.name}={u.text}]" for u in constraint.unread)
    return Text(said.ko + more, said.en + more)


def _comparison(atom: Atomic) -> Text:
    is_time = any(isinstance(value, datetime | SinceAgreement) for value in atom.values)
    table = _TIMES if is_time and atom.operator in _TIMES else OPERATORS
    shown = join([_value(atom.operand, value) for value in atom.values], ", ") if atom.values else plain("?")
    name = OPERANDS_IN_WORDS.get(atom.operand) or plain(terms.short(atom.operand))
    words = table.get(atom.operator)
    if words is None:
        return Text("{} {} {}", "{} {} {}").fill(name, terms.short(atom.operator), shown)
    return words.fill(name, shown)


def duty_phrase(duty: Rule, inner: Callable[[Constraint], Text] | None = None) -> Text:
    """A duty in words: its action and everything about it."""
    parts = [(inner or phrase)(c) for c in duty.constraints]
    parts += [duty_phrase(below, inner) for below in duty.duties]
    parts += [plain(f"{u.name}={u.text}") for u in duty.unread]
    if not parts:
        return action_of(duty.action)
    return Text("{}({})", "{} ({})").fill(action_of(duty.action), join(parts))


def _value(operand: str, value: Value) -> Text:
    if operand == ODRL + "purpose" and isinstance(value, str | Iri):
        return purpose_text(show_value(value))
    if isinstance(value, datetime | SinceAgreement):
        return moments.show(value)
    if isinstance(value, Duration):
        return _span(value)
    return plain(terms.short(show_value(value)))


def _span(value: Duration) -> Text:
    shown = moments.show(value)
    if value.months < 0 or value.delta.total_seconds() < 0 or not shown.en.endswith(" after the agreement"):
        return plain(show_value(value))
    return Text(shown.ko.removeprefix("계약 후 "), shown.en.removesuffix(" after the agreement"))
