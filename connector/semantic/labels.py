"""Korean and English names for the column headers that plants use: a suggestion, never more."""

from __future__ import annotations

import re
from typing import Final

from connector.semantic.description import Text

# Korean word, English words. Compounds are put together from these, so only parts stand here.
WORDS: Final = (
    ("사출성형", "injection moulding"), ("사출", "injection"), ("충전", "filling"), ("보압", "holding"),
    ("계량", "plasticising"), ("냉각", "cooling"), ("형폐", "mould closing"), ("형개", "mould opening"),
    ("취출", "part removal"), ("사이클", "cycle"), ("형체력", "clamping force"), ("금형", "mould"),
    ("노즐", "nozzle"), ("실린더", "barrel"), ("호퍼", "hopper"), ("핫러너", "hot runner"),
    ("스크류", "screw"), ("쿠션", "cushion"), ("쿠션량", "cushion"), ("배압", "back pressure"),
    ("절환", "switch-over"),
    ("고정측", "fixed side"), ("가동측", "moving side"), ("샷", "shot"), ("성형", "moulding"),
    ("최대", "maximum"), ("최소", "minimum"), ("평균", "average"), ("표준편차", "standard deviation"),
    ("설정", "set"), ("실측", "measured"), ("목표", "target"), ("현재", "current value of"),
    ("시작", "start"), ("종료", "end"), ("완료", "end"), ("합계", "total"), ("누적", "cumulative"),
    ("시간", "time"), ("시각", "time"), ("일시", "date and time"), ("일자", "date"), ("날짜", "date"),
    ("온도", "temperature"), ("습도", "humidity"), ("압력", "pressure"), ("속도", "speed"),
    ("위치", "position"), ("거리", "distance"), ("두께", "thickness"), ("길이", "length"), ("폭", "width"),
    ("높이", "height"), ("직경", "diameter"), ("깊이", "depth"), ("중량", "weight"), ("무게", "weight"),
    ("밀도", "density"), ("점도", "viscosity"), ("농도", "concentration"), ("회전수", "rotation speed"),
    ("토크", "torque"), ("진동", "vibration"), ("소음", "noise"), ("하중", "load"), ("힘", "force"),
    ("유량", "flow"), ("유압", "hydraulic pressure"), ("전력량", "energy"), ("전력", "power"),
    ("전류", "current"), ("전압", "voltage"), ("저항", "resistance"), ("주파수", "frequency"),
    ("에너지", "energy"), ("가스", "gas"), ("공기", "air"), ("냉각수", "coolant"), ("물", "water"),
    ("오일", "oil"), ("유", "oil"), ("원료", "resin"), ("재료", "material"), ("소재", "material"),
    ("용탕", "molten metal"), ("용해로", "melting furnace"), ("건조", "drying"), ("열처리", "heat treatment"),
    ("도금", "plating"), ("용접", "welding"), ("절삭", "cutting"), ("주축", "spindle"), ("이송", "feed"),
    ("공구", "tool"), ("마모", "wear"), ("로", "furnace"), ("구간", "zone"), ("설비", "machine"),
    ("라인", "line"), ("공정", "process"), ("작업", "work"), ("작업자", "worker"), ("교대", "shift"),
    ("제품", "product"), ("부품", "part"), ("생산", "production"), ("생산량", "output"), ("수량", "quantity"),
    ("재고", "stock"), ("주문", "order"), ("로트", "lot"), ("번호", "number"), ("코드", "code"),
    ("이름", "name"), ("명", "name"), ("종류", "type"), ("상태", "state"), ("알람", "alarm"),
    ("횟수", "count"), ("개수", "count"), ("순번", "sequence number"), ("판정", "verdict"),
    ("양불판정", "pass or fail"),
    ("합격", "pass"), ("불량", "defect"), ("불량률", "defect rate"), ("원인", "cause"), ("여부", "flag"),
    ("품질", "quality"), ("검사", "inspection"), ("센서", "sensor"), ("값", "value"), ("비율", "ratio"),
    ("전", "before"), ("후", "after"), ("상부", "upper"), ("하부", "lower"), ("좌", "left"), ("우", "right"),
    ("입구", "inlet"), ("출구", "outlet"), ("내부", "inner"), ("외부", "outer"), ("주변", "ambient"),
)  # fmt: skip
# Other spellings on the English side.
SPELLINGS: Final = {
    "max": "maximum", "min": "minimum", "avg": "average", "mean": "average", "std": "standard deviation",
    "temp": "temperature", "press": "pressure", "mold": "mould", "barrel": "barrel", "no": "number",
    "plasticizing": "plasticising", "clamp": "clamping", "fill": "filling", "hold": "holding",
    "qty": "quantity",
    "rpm": "rotation speed", "vel": "speed", "velocity": "speed", "machine": "machine",
    "equipment": "machine",
    "id": "number", "result": "verdict", "weld": "welding", "dry": "drying", "cool": "cooling",
    "pos": "position",
    "passorfail": "verdict", "cyl": "barrel", "cylinder": "barrel", "switchover": "switch-over",
}  # fmt: skip

_TO_ENGLISH: Final = dict(WORDS)
_TO_KOREAN: Final = {en: ko for ko, en in reversed(WORDS)}
_LONGEST_KOREAN: Final = max(len(ko) for ko, _ in WORDS)
_LONGEST_ENGLISH: Final = max(en.count(" ") + 1 for _, en in WORDS)
_UNIT_IN_BRACKETS: Final = re.compile(r"\s*[(\[][^()\[\]]*[)\]]\s*")
_PARTS: Final = re.compile(r"[가-힣]+|[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def guess_label(column_name: str) -> Text:
    """What the column may be called in Korean and English, from its header.

    The header's own language always gives a label; the other one only if every word is known:
    half a translation would mislead. A unit in brackets is left out.
    """
    parts = _PARTS.findall(_UNIT_IN_BRACKETS.sub(" ", column_name))
    if not parts:
        return Text()
    if any("가" <= part[0] <= "힣" for part in parts):
        return Text(ko=" ".join(parts), en=_english(parts))
    # A short word in capitals is an abbreviation (RPM), a long one only a way of writing.
    words = [part if part.isupper() and 1 < len(part) <= 3 else part.lower() for part in parts]
    return Text(ko=_korean([SPELLINGS.get(w.lower(), w.lower()) for w in words]), en=" ".join(words))


def _english(parts: list[str]) -> str:
    found: list[str] = []
    for part in parts:
        if not "가" <= part[0] <= "힣":
            found.append(part.lower() if len(part) > 1 and not part.isupper() else part)
            continue
        words = _split(part)
        if words is None:
            return ""
        found += words
    return " ".join(found)


def _split(compound: str) -> list[str] | None:
    """The known words that a Korean compound consists of, in English; None if it does not come out.

    Fewest words first: 냉각수온도 is 냉각수 + 온도, not 냉각 + 수 + 온도.
    """
    best: list[list[str] | None] = [[]]
    for end in range(1, len(compound) + 1):
        choices = [
            [*before, _TO_ENGLISH[compound[start:end]]]
            for start in range(max(0, end - _LONGEST_KOREAN), end)
            if (before := best[start]) is not None and compound[start:end] in _TO_ENGLISH
        ]
        best.append(min(choices, key=len, default=None))
    return best[-1]


def _korean(words: list[str]) -> str:
    found: list[str] = []
    flat = [part for word in words for part in word.split(" ")]
    at = 0
    while at < len(flat):
        if flat[at].isdigit():
            found.append(flat[at])
            at += 1
            continue
        for length in range(min(_LONGEST_ENGLISH, len(flat) - at), 0, -1):
            known = _TO_KOREAN.get(" ".join(flat[at : at + length]))
            if known:
                found.append(known)
                at += length
                break
        else:
            return ""
    return " ".join(found)
