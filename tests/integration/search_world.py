"""Seeded datasets and questions about them in both languages; who is expected is computed from the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from connector.model.canonical import digest
from connector.model.catalog import ApprovalMode, Asset, CatalogOffer
from connector.model.names import ODRL
from connector.service import indexing
from connector.service.node import Node
from connector.store.tables import Tx

# notation, Korean and English in a title, and how people write it in a question
PROCESSES = {
    "injection-moulding": (
        "사출성형",
        "injection moulding",
        ("사출성형", "사출 성형"),
        ("injection moulding", "Injection Molding"),
    ),
    "machining": ("절삭가공", "machining", ("절삭가공",), ("machining",)),
    "welding": ("용접", "welding", ("용접",), ("welding", "Welding")),
    "plating": ("도금", "plating", ("도금",), ("plating",)),
    "heat-treatment": ("열처리", "heat treatment", ("열처리",), ("heat treatment", "Heat-Treatment")),
    "assembly": ("조립", "assembly", ("조립",), ("assembly",)),
    "packing": ("포장", "packing", ("포장",), ("packing",)),
}
# Korean header, English header; then as above
COLUMNS = {
    "cycle time": (
        "사이클시간",
        "Cycle_Time",
        ("사이클타임", "사이클 타임", "사이클시간"),
        ("cycle time", "cycle times"),
    ),
    "mould temperature": (
        "금형온도(℃)",
        "MoldTemperature",
        ("금형온도", "금형 온도를"),
        ("mould temperature", "mold temperatures"),
    ),
    "clamping force": ("형체력", "clamping force", ("형체력",), ("clamping force",)),
    "spindle load": ("주축하중", "spindle_load", ("주축하중", "주축 하중"), ("spindle load",)),
    "vibration": ("진동", "vibration", ("진동", "진동이"), ("vibration", "vibrations")),
    "humidity": ("습도", "humidity", ("습도",), ("humidity",)),
    "motor current": ("모터전류", "motorCurrent", ("모터 전류", "모터전류"), ("motor current",)),
    "screw speed": ("스크류속도", "screw speed", ("스크류 속도",), ("screw speed",)),
    "defect rate": ("불량률", "defect rate", ("불량률",), ("defect rate",)),
}
LEVELS = ("public", "limited-provision", "trade-secret")
INTERVALS = {None: "", 0.1: "PT0.1S", 1.0: "PT1S", 60.0: "PT1M", 3600.0: "PT1H"}


@dataclass(frozen=True)
class Seeded:
    """One dataset as it was made up. `audience`: everybody, "partner" or "other"."""

    id: str
    process: str
    columns: tuple[str, ...]
    rows: int | None
    labelled: bool | None
    personal: bool
    level: str
    interval_s: float | None
    language: str
    audience: str


def seeded(count: int, url: str, seed: int = 7) -> list[Seeded]:
    """So many datasets; the first numbers stay the same whatever the count."""
    draw = Random(seed)
    found = []
    for number in range(count):
        rows = draw.choice([None, *[int(10 ** draw.uniform(1, 7)) for _ in range(9)], 10_000, 50_000])
        found.append(
            Seeded(
                id=f"{url}/datasets/set-{number:06}",
                process=draw.choice(list(PROCESSES)),
                columns=tuple(draw.sample(list(COLUMNS), draw.randint(1, 4))),
                rows=rows,
                labelled=draw.choice([None, True, True, False]),
                personal=draw.random() < 0.2,
                level=draw.choice(LEVELS),
                interval_s=draw.choice(list(INTERVALS)),
                language=draw.choice(["ko", "en", "both"]),
                audience=draw.choices(["", "partner", "other"], [80, 15, 5])[0],
            )
        )
    return found


def description(one: Seeded) -> dict[str, Any]:
    """What its owner published of it: in Korean, in English, or in both."""
    korean, english = PROCESSES[one.process][:2]
    number = one.id[-6:]
    title = {"ko": f"{korean} 이력 {number}", "en": f"{english} history {number}"}
    said: dict[str, Any] = {
        "title": {lang: title[lang] for lang in ("ko", "en") if one.language in (lang, "both")},
        "process": one.process,
        "data_class": "operations",
        "confidentiality": one.level,
        "personal_data": one.personal,
        "media_type": "text/csv",
        "columns": [
            {"name": COLUMNS[name][1 if one.language == "en" else 0], "datatype": "decimal"}
            for name in one.columns
        ],
    }
    if one.rows is not None:
        said["row_count"] = one.rows
    if one.labelled is not None:
        said["labelled"] = one.labelled
    if one.interval_s is not None:
        said["temporal_resolution"] = INTERVALS[one.interval_s]
    return said


def _access(audience: Sequence[str]) -> dict[str, Any]:
    rule: dict[str, Any] = {"action": "use"}
    if audience:
        rule["constraint"] = [
            {"leftOperand": f"{ODRL}recipient", "operator": "isAnyOf", "rightOperand": list(audience)}
        ]
    return {"permission": [rule]}


def put(tx: Tx, node: Node, one: Seeded, audience: Sequence[str]) -> None:
    """The rows that publishing writes, but unsigned: a search reads no token."""
    access, now = _access(audience), node.clock.now()
    asset = Asset(one.id, 1, {}, {}, {}, description(one), "", 4096, True, now)
    tx.assets.add(asset)
    tx.catalog.add(
        CatalogOffer(
            id=f"urn:offer:{one.id[-6:]}",
            asset_id=one.id,
            asset_version=1,
            definition_id="all",
            access_digest=digest(access),
            access_policy={"@id": "access", "@type": "Set", **access},
            policy={"@id": f"urn:offer:{one.id[-6:]}", "@type": "Offer", "permission": [{"action": "use"}]},
            policy_digest="",
            approval=ApprovalMode.AUTOMATIC,
            token="",
            token_expires_at=now,
            rendered="{}",
            is_current=True,
        )
    )
    tx.catalog.put_dataset(one.id, 1, json.dumps({"@id": one.id, "@type": "Dataset"}))


async def fill(node: Node, sets: Sequence[Seeded], partner: str, batch: int = 1_000) -> None:
    """Put datasets into a connector's catalog and index; those for a partner are for this one."""
    audiences = {"": (), "partner": (partner,), "other": ("did:web:other.example",)}

    def work(tx: Tx, some: Sequence[Seeded]) -> None:
        for one in some:
            put(tx, node, one, audiences[one.audience])
        indexing.settle(tx)

    for first in range(0, len(sets), batch):
        await node.store.transact(lambda tx, first=first: work(tx, sets[first : first + batch]))


@dataclass(frozen=True)
class Pair:
    """The same question in both languages, as what is asked of a row."""

    ko: str
    en: str
    process: str | None
    columns: tuple[str, ...]
    least: int | None
    most: int | None
    labelled: bool | None
    personal: bool | None
    interval_s: float | None

    def takes(self, one: Seeded) -> bool:
        """Whether a dataset is what was asked for."""
        has_rows = self.least is None and self.most is None
        if one.rows is not None and not has_rows:
            has_rows = (self.least or 0) <= one.rows <= (10**18 if self.most is None else self.most)
        return (
            self.process in (None, one.process)
            and set(self.columns) <= set(one.columns)
            and has_rows
            and self.labelled in (None, one.labelled)
            and self.personal in (None, one.personal)
            and (
                self.interval_s is None or (one.interval_s is not None and one.interval_s <= self.interval_s)
            )
        )


_ROWS_KO, _ROWS_EN = ("샷", "행", "건", "개 행"), ("shots", "rows", "records")
_NUMBERS = {  # how both languages write some numbers
    1_000: (("1천", "1,000", "1000"), ("1k", "1,000", "1 thousand")),
    10_000: (("1만", "만", "10,000"), ("10k", "10,000", "10 thousand")),
    12_345: (("12,345", "12345"), ("12,345", "12345")),
    15_000: (("1.5만", "1만5천", "1만 5천"), ("15k", "15,000")),
    50_000: (("5만", "50000"), ("50k", "50,000")),
    1_000_000: (("100만", "1,000,000"), ("1 million", "1m", "1000k")),
}
_LEAST = (
    ("{n} {u} 이상", "최소 {n}{u}", "{n}{u} 이상"),
    ("at least {n} {u}", "{n}+ {u}", "≥ {n} {u}", "{n} {u} or more"),
)
_OVER = (("{n} {u} 초과", "{n}{u}를 넘는"), ("more than {n} {u}", "over {n} {u}", "> {n} {u}"))
_MOST = (
    ("{n} {u} 이하", "최대 {n}{u}", "{n}{u}까지"),
    ("at most {n} {u}", "up to {n} {u}", "<= {n} {u}", "no more than {n} {u}"),
)
_UNDER = (("{n} {u} 미만",), ("less than {n} {u}", "fewer than {n} {u}", "under {n} {u}"))
_BETWEEN = (
    ("{n}~{m} {u}", "{n}에서 {m} {u} 사이"),
    ("between {n} and {m} {u}", "{n} to {m} {u}", "{n}-{m} {u}"),
)
_LABELLED = {
    True: (("라벨 있음", "라벨이 있는", "라벨링된", "레이블 포함"), ("labelled", "labeled", "with labels")),
    False: (
        ("라벨 없음", "라벨이 없는", "미라벨"),
        ("unlabelled", "not labeled", "without labels", "no labels"),
    ),
}
_PERSONAL = {
    False: (
        ("개인정보 없음", "개인정보 미포함", "개인 정보가 없는"),
        ("no personal data", "without personal data"),
    ),
    True: (("개인정보 포함", "개인정보 있음"), ("with personal data", "containing personal data")),
}
_FINER = {
    1.0: (("샘플링 간격 1초 이하", "1 Hz 이상"), ("sampling interval at most 1 s", "at least 1 Hz")),
    60.0: (
        ("수집 주기 1분 이하", "측정 간격 60초 이내"),
        ("sampling interval up to 1 minute", "sampled at most 60 seconds"),
    ),
    0.1: (("100ms 이하 간격", "10Hz 이상"), ("sampled at most 100 ms", "at least 10 hz")),
}


def pairs(count: int, seed: int = 11) -> Iterator[Pair]:
    """So many questions in both languages, worded by lot."""
    draw = Random(seed)

    def both(choices: Any, **filled: str) -> tuple[str, str]:
        return draw.choice(choices[0]).format(**filled), draw.choice(choices[1]).format(**filled)

    for _ in range(count):
        parts: list[tuple[str, str]] = []
        process = draw.choice([None, *PROCESSES])
        if process:
            parts.append(both(PROCESSES[process][2:]))
        columns = tuple(draw.sample(list(COLUMNS), draw.choice([0, 1, 1, 2])))
        parts += [both(COLUMNS[name][2:]) for name in columns]
        least, most = None, None
        kind = draw.choice(["", "least", "over", "most", "under", "between"])
        if kind:
            n = draw.choice(list(_NUMBERS)[:-1])
            m = draw.choice([one for one in _NUMBERS if one > n])
            units = draw.choice(_ROWS_KO[:3]), draw.choice(_ROWS_EN)
            templates = {"least": _LEAST, "over": _OVER, "most": _MOST, "under": _UNDER, "between": _BETWEEN}
            parts.append(
                tuple(  # type: ignore[arg-type]
                    draw.choice(templates[kind][side]).format(
                        n=draw.choice(_NUMBERS[n][side]), m=draw.choice(_NUMBERS[m][side]), u=units[side]
                    )
                    for side in (0, 1)
                )
            )
            least = {"least": n, "over": n + 1, "between": n}.get(kind)
            most = {"most": n, "under": n - 1, "between": m}.get(kind)
        labelled = draw.choice([None, None, True, False])
        if labelled is not None:
            parts.append(both(_LABELLED[labelled]))
        personal = draw.choice([None, None, None, True, False])
        if personal is not None:
            parts.append(both(_PERSONAL[personal]))
        interval = draw.choice([None, None, None, *_FINER])
        if interval is not None:
            parts.append(both(_FINER[interval]))
        draw.shuffle(parts)
        yield Pair(
            " ".join(korean for korean, _ in parts),
            ", ".join(english for _, english in parts),
            process,
            columns,
            least,
            most,
            labelled,
            personal,
            interval,
        )
