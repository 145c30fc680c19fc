"""The refusals of the data endpoint in Korean [D13]; the policy's own reasons come with both languages."""

from __future__ import annotations

from typing import Final

KOREAN: Final = {
    "withdrawn": "계약이 철회되었습니다.",
    "time-over": "계약 기간이 끝났습니다.",
    "terminated": "전송이 끝났습니다.",
    "suspended": "전송이 일시 중지되었습니다.",
    "unauthenticated": "접근 토큰이 없거나 알 수 없는 토큰입니다.",
    "token-over": "접근 토큰의 유효 시간이 지났습니다.",
    "source-changed": "원본이 계약 때와 달라졌습니다.",
    "not-found": "데이터가 더 이상 여기에 없습니다.",
    "too-many": "지금은 동시에 받을 수 있는 수나 시간을 넘었습니다. 잠시 뒤에 다시 시도하십시오.",
    "unavailable": "지금은 제공할 수 없습니다. 잠시 뒤에 다시 시도하십시오.",
    "bad-input": "요청을 읽을 수 없습니다.",
    "internal": "내부 오류입니다.",
}


def korean(code: str, message: str) -> str:
    """The Korean sentence for a code; where there is none, the message as it is."""
    return KOREAN.get(code, message)
