"""The texts of `madang policy`, Korean and English side by side: code -> (ko, en)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

POLICY: Final[Mapping[str, tuple[str, str]]] = {
    "help.policies": (
        "정책 파일을 읽고, 판단하고, 견줍니다 (커넥터 없이)",
        "read, decide and compare policy files, without a connector",
    ),
    "help.policy.check": (
        "이 요청이 허용되는지 판단하고 까닭을 말합니다",
        "decide whether a request is permitted, and say why",
    ),
    "help.policy.diff": (
        "A에서 B로 무엇이 좁아지고 넓어지는지 봅니다",
        "what becomes tighter or looser from A to B",
    ),
    "help.policy.conflicts": ("두 정책이 부딪치는지 봅니다", "whether two policies contradict each other"),
    "help.policy.explain": (
        "정책을 문장으로, 무엇이 강제되고 무엇이 약속인지와 함께",
        "the policy in sentences, with what is enforced and what is only promised",
    ),
    "help.policy.lint": ("뜻과 다르게 적힌 듯한 곳을 찾습니다", "find what is probably not meant"),
    "help.policy.build": ("템플릿으로 정책을 만들어 봅니다", "make a policy from templates"),
    "help.policy.words": (
        "쓸 수 있는 조건과 행위와 템플릿 (--json: 양식을 만들 자료)",
        "operands, actions and templates to choose from (--json: data for a form)",
    ),
    "help.policy.file": (
        "정책: DSP JSON(.json, .jsonld), Turtle(.ttl), 표준 입력은 -",
        "the policy: DSP JSON (.json, .jsonld), Turtle (.ttl), - for standard input",
    ),
    "help.policy.a": ("첫 번째 정책", "the first policy"),
    "help.policy.b": ("두 번째 정책", "the second policy"),
    "help.policy.request": (
        "요청: JSON 파일 또는 JSON (action, target, recipient, assigner, purpose)",
        "the request: a JSON file, or JSON (action, target, recipient, assigner, purpose)",
    ),
    "help.policy.state": (
        "상태: JSON 파일 또는 JSON (now, agreedAt, uses, facts, memberOf, broader, duties)",
        "the state: a JSON file, or JSON (now, agreedAt, uses, facts, memberOf, broader, duties)",
    ),
    "help.policy.whole": (
        "이 커넥터가 사실을 모르는 조건까지 ODRL 전체로 읽기",
        "read the whole of ODRL, also what this connector has no facts for",
    ),
    "help.policy.silence": (
        "한쪽에만 있는 조건은 알 수 없는 것으로 보기",
        "take what only one side speaks about as not known",
    ),
    "help.policy.legal": ("계약서 문장과 그 다이제스트", "the text of the contract, and its digest"),
    "policy.permitted": ("허용: {reason}", "permitted: {reason}"),
    "policy.denied": ("거절 ({code}): {reason}", "denied ({code}): {reason}"),
    "policy.until": ("  이 판단은 {until}까지 그대로입니다", "  the decision stands until {until}"),
    "policy.outcome.true": ("충족", "met"),
    "policy.outcome.false": ("미충족", "not met"),
    "policy.outcome.unknown": ("모름", "unknown"),
    "policy.outcome.open": ("나중에 정해짐", "open"),
    "policy.relation.equal": ("두 정책은 뜻이 같습니다", "the policies say the same"),
    "policy.relation.narrower": ("A는 B보다 좁습니다", "A is narrower than B"),
    "policy.relation.wider": ("A는 B보다 넓습니다", "A is wider than B"),
    "policy.relation.incomparable": (
        "어느 쪽도 다른 쪽 안에 있지 않습니다",
        "neither lies within the other",
    ),
    "policy.undecided": ("  (너무 복잡하여 판단하지 못했습니다)", "  (too intricate to be decided)"),
    "policy.only.a": ("  A만 허용하는 요청: {facts}", "  a request that only A permits: {facts}"),
    "policy.only.b": ("  B만 허용하는 요청: {facts}", "  a request that only B permits: {facts}"),
    "policy.verdict.conflict": ("부딪칩니다: {reason}", "conflict: {reason}"),
    "policy.verdict.compatible": ("부딪치지 않습니다: {reason}", "compatible: {reason}"),
    "policy.verdict.unknown": ("알 수 없습니다: {reason}", "unknown: {reason}"),
    "policy.witness": ("  그런 요청: {facts}", "  such a request: {facts}"),
    "policy.class.enforced": ("  강제: {text}", "  enforced: {text}"),
    "policy.class.evidenced": ("  증거: {text}", "  evidenced: {text}"),
    "policy.class.promised": ("  약속: {text}", "  only promised: {text}"),
    "policy.digest": ("다이제스트 (SHA-256): {digest}", "digest (SHA-256): {digest}"),
    "policy.no-findings": ("눈에 띄는 것이 없습니다", "nothing found"),
    "policy.severity.error": ("오류", "error"),
    "policy.severity.warning": ("주의", "warning"),
    "policy.severity.note": ("참고", "note"),
    "policy.head.operand": ("조건", "operand"),
    "policy.head.meaning": ("뜻", "meaning"),
    "policy.head.operators": ("비교", "operators"),
    "policy.head.class": ("이행", "class"),
    "policy.head.template": ("템플릿", "template"),
    "policy.head.parameters": ("매개변수", "parameters"),
    "policy.head.publishable": ("공개 가능", "can be published"),
    "policy.yes": ("예", "yes"),
    "policy.no": ("아니요", "no"),
}
