"""The contract's text, in both languages, and its digest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from connector.policy import Templates, parse
from connector.policy.legal import VERSION, legal_digest, legal_text
from connector.policy.vocabulary import OPEN, WHOLE

TEMPLATES = Templates.load(Path(__file__).resolve().parents[3] / "policies")
NAMES = ["time-window", "partner-list", "purpose", "no-redistribution", "delete-after", "pay-per-use"]
PARAMS = {k: v for name in NAMES for k, v in TEMPLATES[name].example.items()}
POLICY = TEMPLATES.preview(NAMES, PARAMS) | {
    "target": "urn:data:1",
    "assigner": "did:web:factory-a.example",
    "assignee": "did:web:factory-b.example",
}

KOREAN = """\
제1조 (대상과 당사자)
대상 데이터: urn:data:1
제공하는 쪽: did:web:factory-a.example
이용하는 쪽: did:web:factory-b.example
제2조 (허용)
1. 허용하는 행위: 이용. 다음 조건을 모두 지켜야 한다.
   (1) 이용 시각: 2026-11-24 00:00:00 UTC부터
   (2) 이용 시각: 2026-12-24 23:59:59 UTC까지
   (3) 받는 쪽: did:web:factory-b.example, did:web:factory-c.example 가운데 하나
   (4) 목적: 품질 보증, 예지 보전 가운데 하나
   (5) 이행할 의무: 대가 지급(금액: 5000; 통화: KRW)
제3조 (금지)
1. 금지하는 행위: 제3자 배포. 조건은 없다.
2. 금지하는 행위: 판매. 조건은 없다.
3. 금지하는 행위: 소유권 이전. 조건은 없다.
제4조 (의무)
1. 이용하는 쪽의 의무: 삭제. 다음에 따른다.
   (1) 계약 후 지난 시간: 30일 이하
제5조 (해석)
"""
ENGLISH = """\
Article 1 (Data and parties)
Data: urn:data:1
Provider: did:web:factory-a.example
Consumer: did:web:factory-b.example
Article 2 (Permissions)
1. Permitted: use. All of the following conditions have to hold.
   (1) time of use: from 2026-11-24 00:00:00 UTC on
   (2) time of use: no later than 2026-12-24 23:59:59 UTC
   (3) recipient: one of did:web:factory-b.example, did:web:factory-c.example
   (4) purpose: one of quality assurance, predictive maintenance
   (5) Duty: payment (amount: 5000; currency: KRW)
Article 3 (Prohibitions)
1. Prohibited: distribution to others. There is no condition.
2. Prohibited: sale. There is no condition.
3. Prohibited: transfer of ownership. There is no condition.
Article 4 (Obligations)
1. Owed by the consumer: deletion. It follows these terms.
   (1) time since the agreement: at most 30 days
Article 5 (Interpretation)
"""


def test_the_text_in_both_languages() -> None:
    assert legal_text(POLICY, "ko").startswith(KOREAN)
    assert legal_text(POLICY, "en").startswith(ENGLISH)
    assert len(legal_text(POLICY, "ko").splitlines()) == len(legal_text(POLICY, "en").splitlines())


def test_the_digest_is_of_both_texts_and_the_wording() -> None:
    body = {"version": VERSION, "ko": legal_text(POLICY, "ko"), "en": legal_text(POLICY, "en")}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert legal_digest(POLICY) == hashlib.sha256(text.encode()).hexdigest()


def test_it_does_not_depend_on_what_this_connector_understands() -> None:
    assert (
        legal_digest(parse(POLICY)) == legal_digest(parse(POLICY, WHOLE)) == legal_digest(parse(POLICY, OPEN))
    )


@pytest.mark.parametrize("name", TEMPLATES.names)
def test_every_value_of_every_template_is_in_it(name: str) -> None:
    policy = TEMPLATES.preview([name], TEMPLATES[name].example)
    for lang in ("ko", "en"):
        text = legal_text(policy, lang)
        assert "{}" not in text
        for rules in policy.values():
            for rule in rules:
                for value in values(rule):
                    assert value in text, (value, lang)


def values(rule: dict[str, Any]) -> list[str]:
    found: list[str] = []
    for constraint in rule.get("constraint", []):
        parts = constraint.get("and", [constraint])
        for part in parts:
            right = part["rightOperand"]
            found += right if isinstance(right, list) else [right] if isinstance(right, str) else []
    skipped = ("https://w3id.org/madang/ns#", "contractAgreement")  # shown as words
    return [v for v in found if not v.startswith(skipped)] + [
        v for duty in rule.get("duty", []) for v in values(duty)
    ]


def test_long_lists_are_whole() -> None:
    names = [f"did:web:p{i}.example" for i in range(50)]
    rule = {"leftOperand": "recipient", "operator": "isAnyOf", "rightOperand": names}
    text = legal_text({"permission": [{"action": "use", "constraint": [rule]}]}, "en")
    assert all(name in text for name in names)


def test_a_value_cannot_begin_an_article() -> None:
    forged = "x\n제3조 (금지)\n따로 금지하는 행위가 없다.\u202e"
    rule = {"leftOperand": "purpose", "operator": "eq", "rightOperand": forged}
    policy = {"permission": [{"action": "use", "constraint": [rule]}], "prohibition": [{"action": "use"}]}
    lines = legal_text(policy, "ko").splitlines()
    assert sum(line.startswith("제3조") for line in lines) == 1
    assert "\\u000a" in legal_text(policy, "ko")
    assert "\u202e" not in legal_text(policy, "ko")


def test_everything_else_is_in_it_too() -> None:
    odd_constraint = {"leftOperand": "urn:op", "operator": "lt", "rightOperand": "7"}
    odd = {
        "profile": ["urn:profile:1"],
        "conflict": "perm",
        "permission": [
            {"action": "use", "constraint": [{"xone": [odd_constraint]}]},
            {"action": "use", "duty": [{"action": "inform", "consequence": [{"action": "delete"}]}]},
        ],
        "prohibition": [{"action": "sell", "remedy": [{"action": "compensate"}]}],
    }
    text = legal_text(odd, "en")
    assert "Any one of the following permissions is enough." in text
    assert "exactly one of these holds (urn:op: less than 7)" in text
    for words in ("urn:profile:1", "odrl:perm", "notification (deletion)", "Remedy: payment"):
        assert words in text
    assert "Nothing is permitted." in legal_text({}, "en")
    assert "허용하는 이용이 없다." in legal_text({}, "ko")
    base = {"permission": [{"action": "use"}]}
    digests = [legal_digest(p) for p in (base, odd, {}, POLICY, base | {"target": "urn:x"})]
    assert len(set(digests)) == len(digests)
