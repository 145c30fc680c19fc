"""A seeded shot log of an injection-moulding machine: the dataset of the demo and of many tests.

    python -m examples.generate.injection --rows 8000 --seed 7 사출1호기.csv

44 columns with Korean headers, one row per shot, CSV in CP949 with CRLF, as a machine's own
export tool on a Korean Windows writes it. The same (rows, seed) gives the same bytes on every
machine: only `random.Random.random` and plain IEEE arithmetic are used, no libm function.

The process behind the numbers is simple and hangs together:

* 사출시간 = 충전시간 + 보압시간, and
  사이클시간 = 형폐 + 사출 + max(냉각, 계량) + 형개 + 취출, exactly, as printed;
* a thicker melt needs more injection pressure and torque, fills more slowly and leaves more cushion;
* the machine runs in day shifts with a lunch break, not on Sundays and not on HOLIDAYS.

About one shot in a hundred is rejected (판정 = NG). What is behind it is not in the file, but
`known_answers` tells it, so that an analysis can be scored:

* *viscosity*: one resin lot in twelve is thick and thickens further as it takes up moisture;
* *tool-change*: after a mould change the first shots are cold and come out short;
* *sensor-freeze*: the moving half's temperature sensor repeats one value while the mould really
  gets hotter; only cooling time, weight and coolant betray it.

Self-contained on purpose (standard library only): it also runs from an installed package.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final, NamedTuple

ENCODING: Final = "cp949"
MEDIA_TYPE: Final = "text/csv"
START: Final = datetime(2025, 4, 28, 8, 0, tzinfo=timezone(timedelta(hours=9)))
HOLIDAYS: Final = frozenset({"2025-05-01", "2025-05-05", "2025-05-06"})

LOT_SHOTS: Final = 160
"""Shots that one resin lot lasts."""
THICK_EVERY: Final = 12
"""One lot in so many is thick; which one, the seed says."""
TOOL_SHOTS: Final = 1_250
"""Shots between two mould changes."""
FREEZE_SHOTS: Final = 45
"""Length of one freeze of the mould sensor; one happens in every FREEZE_EVERY shots."""
FREEZE_EVERY: Final = 2_700
FROZEN_COLUMN: Final = "금형온도_가동측"


class Column(NamedTuple):
    """One column: header, XSD/CSVW datatype, English label, QUDT unit ("" = no unit), decimals."""

    name: str
    datatype: str
    label_en: str
    unit: str = ""
    decimals: int = 0


COLUMNS: Final = (
    Column("샷번호", "integer", "shot number"),
    Column("생산시각", "dateTime", "time of production"),
    Column("설비번호", "string", "machine id"),
    Column("금형번호", "string", "mould id"),
    Column("제품코드", "string", "product code"),
    Column("원료로트", "string", "resin lot"),
    Column("사출시간", "decimal", "injection time", "SEC", 2),
    Column("충전시간", "decimal", "filling time", "SEC", 2),
    Column("보압시간", "decimal", "holding time", "SEC", 2),
    Column("계량시간", "decimal", "plasticising time", "SEC", 2),
    Column("냉각시간", "decimal", "cooling time", "SEC", 2),
    Column("형폐시간", "decimal", "mould closing time", "SEC", 2),
    Column("형개시간", "decimal", "mould opening time", "SEC", 2),
    Column("취출시간", "decimal", "part removal time", "SEC", 2),
    Column("사이클시간", "decimal", "cycle time", "SEC", 2),
    Column("최대사출압력", "decimal", "peak injection pressure", "BAR", 1),
    Column("보압압력", "decimal", "holding pressure", "BAR", 1),
    Column("보압절환압력", "decimal", "switch-over pressure", "BAR", 1),
    Column("배압", "decimal", "back pressure", "BAR", 1),
    Column("최대사출속도", "decimal", "peak injection speed", "MilliM-PER-SEC", 1),
    Column("평균사출속도", "decimal", "mean injection speed", "MilliM-PER-SEC", 1),
    Column("보압절환위치", "decimal", "switch-over position", "MilliM", 2),
    Column("계량완료위치", "decimal", "end-of-dosing position", "MilliM", 2),
    Column("쿠션량", "decimal", "cushion", "MilliM", 2),
    Column("스크류회전수", "decimal", "screw speed", "REV-PER-MIN", 1),
    Column("스크류토크", "decimal", "screw torque", "PERCENT", 1),
    Column("형체력", "decimal", "clamping force", "KiloN", 1),
    Column("노즐온도", "decimal", "nozzle temperature", "DEG_C", 1),
    Column("실린더온도_1", "decimal", "barrel zone 1 temperature", "DEG_C", 1),
    Column("실린더온도_2", "decimal", "barrel zone 2 temperature", "DEG_C", 1),
    Column("실린더온도_3", "decimal", "barrel zone 3 temperature", "DEG_C", 1),
    Column("실린더온도_4", "decimal", "barrel zone 4 temperature", "DEG_C", 1),
    Column("실린더온도_5", "decimal", "barrel zone 5 temperature", "DEG_C", 1),
    Column("실린더온도_6", "decimal", "barrel zone 6 temperature", "DEG_C", 1),
    Column("호퍼온도", "decimal", "hopper throat temperature", "DEG_C", 1),
    Column("핫러너온도_1", "decimal", "hot runner zone 1 temperature", "DEG_C", 1),
    Column("핫러너온도_2", "decimal", "hot runner zone 2 temperature", "DEG_C", 1),
    Column("금형온도_고정측", "decimal", "fixed mould half temperature", "DEG_C", 1),
    Column("금형온도_가동측", "decimal", "moving mould half temperature", "DEG_C", 1),
    Column("냉각수온도", "decimal", "coolant return temperature", "DEG_C", 1),
    Column("냉각수유량", "decimal", "coolant flow", "L-PER-MIN", 1),
    Column("제품중량", "decimal", "part weight", "GM", 2),
    Column("전력량", "decimal", "energy per shot", "W-HR", 1),
    Column("판정", "string", "verdict (OK or NG)"),
)
ZONE_SETPOINTS: Final = (232.0, 228.0, 224.0, 218.0, 210.0, 200.0, 188.0)
"""Nozzle and barrel zones 1 to 6, °C; runs warm from the hopper to the nozzle."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One row as it is printed, and the hidden cause if it was rejected ("" = good part)."""

    cells: tuple[str, ...]
    cause: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the seed decided about the whole run."""

    thick_lot: int
    lot_offsets: tuple[float, ...]
    freeze_starts: tuple[int, ...]


def _plan(rng: random.Random, rows: int) -> _Plan:
    lots = rows // LOT_SHOTS + 1
    return _Plan(
        thick_lot=int(rng.random() * (THICK_EVERY - 4)) + 3,
        lot_offsets=tuple(0.03 * _normal(rng) for _ in range(lots)),
        freeze_starts=tuple(
            window * FREEZE_EVERY + 300 + int(rng.random() * (FREEZE_EVERY - 400))
            for window in range(rows // FREEZE_EVERY + 1)
        ),
    )


def _normal(rng: random.Random) -> float:
    """A standard normal value to within the accuracy that a sensor needs (six uniforms, summed)."""
    draw = rng.random
    return (draw() + draw() + draw() + draw() + draw() + draw() - 3.0) * 1.4142135623730951


def _is_thick(plan: _Plan, lot: int) -> bool:
    return lot % THICK_EVERY == plan.thick_lot


def _frozen_since(plan: _Plan, shot: int) -> int | None:
    """Shots since the mould sensor froze, or None while it works."""
    for first in plan.freeze_starts:
        if first <= shot < first + FREEZE_SHOTS:
            return shot - first
    return None


def _next_moment(moment: datetime, cycle_s: float) -> datetime:
    """When the next shot ends: day shift 8 to 12 and 13 to 18 h, no Sundays, no HOLIDAYS."""
    moment += timedelta(seconds=round(cycle_s, 2))
    if moment.hour == 12:
        moment = moment.replace(hour=13, minute=0, second=0, microsecond=0)
    if moment.hour >= 18:
        moment = (moment + timedelta(days=1)).replace(hour=8, minute=0, second=0, microsecond=0)
        while moment.weekday() == 6 or moment.date().isoformat() in HOLIDAYS:
            moment += timedelta(days=1)
    return moment


def simulate(rows: int, seed: int) -> Iterator[Shot]:
    """The shots of one run, in order. `rows` >= 1; equal arguments give equal shots."""
    rng = random.Random(seed)
    plan = _plan(rng, rows)
    moment = START
    zones = [0.0] * len(ZONE_SETPOINTS)
    frozen_value = 0.0

    def noise(scale: float) -> float:
        return scale * _normal(rng)

    for shot in range(rows):
        lot, lot_age = divmod(shot, LOT_SHOTS)
        tool, tool_age = divmod(shot, TOOL_SHOTS)
        product = tool % 2  # two moulds take turns

        viscosity = 1.0 + plan.lot_offsets[lot] + noise(0.006)
        if _is_thick(plan, lot):
            viscosity += 0.14 + 0.11 * lot_age / LOT_SHOTS
        # A cold mould warms up over about sixteen shots; the very first start-up was done before.
        chill = max(0.0, 1.0 - tool_age / 16.0) if tool else 0.0
        frozen = _frozen_since(plan, shot)
        overheat = 0.0 if frozen is None else 0.45 * frozen

        zones = [0.92 * z + noise(0.22) for z in zones]
        temperatures = [set_point + z for set_point, z in zip(ZONE_SETPOINTS, zones, strict=True)]
        mould_fixed = 61.0 - 17.0 * chill + noise(0.35)
        mould_moving = 59.0 - 18.0 * chill + overheat + noise(0.35)
        if frozen == 0:
            frozen_value = mould_moving
        shown_moving = mould_moving if frozen is None else frozen_value

        v_max = (96.0 if product == 0 else 88.0) + noise(0.6)
        v_mean = v_max * (0.78 - 0.16 * (viscosity - 1.0)) + noise(0.25)
        dosing_end = (148.0 if product == 0 else 131.0) + noise(0.12)
        switch = 18.5 + noise(0.04)
        fill = round((dosing_end - switch) / v_mean, 2)
        hold = round((4.2 if product == 0 else 3.6) + noise(0.015), 2)
        injection = round(fill + hold, 2)
        rpm = 118.0 + noise(0.8)
        plasticise = round(dosing_end / rpm * 8.6 * (1.0 + 0.5 * (viscosity - 1.0)) + noise(0.05), 2)
        cooling = round(15.5 + 0.025 * overheat + noise(0.02), 2)
        close, opening = round(1.92 + noise(0.02), 2), round(2.14 + noise(0.02), 2)
        removal = round(3.35 + abs(noise(0.06)), 2)
        cycle = round(close + injection + max(cooling, plasticise) + opening + removal, 2)

        p_max = 1_060.0 * viscosity * v_mean / 72.0 + 35.0 * chill + noise(6.0)
        p_switch = 0.88 * p_max + noise(4.0)
        p_hold = (520.0 if product == 0 else 485.0) + noise(2.5)
        back = 62.0 + noise(0.7)
        cushion = 6.2 + 9.5 * (viscosity - 1.0) + 1.8 * chill + noise(0.08)
        torque = 54.0 * viscosity + noise(0.7)
        clamp = 2_450.0 + noise(4.0)
        flow = 24.0 + noise(0.25)
        coolant = 27.5 + 0.10 * (mould_moving - 59.0) + noise(0.12)
        weight = (
            (182.4 if product == 0 else 149.8)
            - 6.5 * (viscosity - 1.0)
            - 3.1 * chill
            - 0.055 * overheat
            + 0.006 * (p_hold - 500.0)
            + noise(0.09)
        )
        energy = 118.0 + 42.0 * (viscosity - 1.0) + 0.35 * cycle + noise(1.2)

        cause = ""
        if chill > 0.62 + noise(0.06):
            cause = "tool-change"
        elif frozen is not None and overheat > 16.6 + noise(1.0):
            cause = "sensor-freeze"
        elif viscosity > 1.26 + noise(0.012):
            cause = "viscosity"

        times = (injection, fill, hold, plasticise, cooling, close, opening, removal, cycle)
        pressures = (p_max, p_hold, p_switch, back)
        motion = (v_max, v_mean, switch, dosing_end, cushion, rpm, torque, clamp)
        feed = (44.0 + noise(0.4), 235.0 + noise(0.5), 234.0 + noise(0.5))
        mould = (mould_fixed, shown_moving, coolant, flow, weight, energy)
        numbers = (*times, *pressures, *motion, *temperatures, *feed, *mould)
        words = (
            str(shot + 1),
            moment.isoformat(timespec="seconds"),
            "사출-01",
            f"M-{product + 1:02d}",
            "하우징-A" if product == 0 else "커버-B",
            f"PP-{2504_000 + lot + 1}",
        )
        printed = tuple(f"{n:.{c.decimals}f}" for n, c in zip(numbers, COLUMNS[6:-1], strict=True))
        yield Shot((*words, *printed, "NG" if cause else "OK"), cause)
        moment = _next_moment(moment, cycle)


def known_answers(rows: int, seed: int) -> dict[str, Any]:
    """What is really behind the rejects of that run: what an analysis of the file should find.

    Keys: `defects` (count), `by_cause` (cause -> shot numbers), `thick_lots` (lot names),
    `tool_changes` (first shot number after each change), `frozen` ([column, first, last] per
    freeze; shot numbers count from 1).
    """
    by_cause: dict[str, list[int]] = {"viscosity": [], "tool-change": [], "sensor-freeze": []}
    thick: list[str] = []
    plan = _plan(random.Random(seed), rows)
    for index, shot in enumerate(simulate(rows, seed)):
        if shot.cause:
            by_cause[shot.cause].append(index + 1)
        if index % LOT_SHOTS == 0 and _is_thick(plan, index // LOT_SHOTS):
            thick.append(shot.cells[5])
    return {
        "defects": sum(len(found) for found in by_cause.values()),
        "by_cause": by_cause,
        "thick_lots": thick,
        "tool_changes": [n + 1 for n in range(TOOL_SHOTS, rows, TOOL_SHOTS)],
        "frozen": [
            [FROZEN_COLUMN, first + 1, min(first + FREEZE_SHOTS, rows)]
            for first in plan.freeze_starts
            if first < rows
        ],
    }


def write(path: str | Path, rows: int = 8_000, seed: int = 7) -> Path:
    """Write the shot log to `path` (CSV, CP949, CRLF) and return the path.

    The cells hold no comma, quote or line break, so no quoting is needed.
    """
    target = Path(path)
    with target.open("w", encoding=ENCODING, newline="") as out:
        out.write(",".join(column.name for column in COLUMNS) + "\r\n")
        out.writelines(",".join(shot.cells) + "\r\n" for shot in simulate(rows, seed))
    return target


DESCRIPTION: Final[dict[str, Any]] = {
    "id": "injection-shots",
    "title": {"ko": "사출성형 1호기 샷 로그", "en": "Shot log of injection moulding machine 1"},
    "description": {
        "ko": "사출기 1대의 샷별 시간·압력·온도·중량과 합격 판정. 금형 2벌, 주간 근무.",
        "en": "Times, pressures, temperatures, weight and verdict of every shot of one machine; "
        "two moulds, day shift.",
    },
    "process": "injection-moulding",
    "data_class": "equipment",
    "confidentiality": "limited-provision",
    "personal_data": False,
    "equipment": "사출-01",
    "keywords": {
        "ko": ["사출성형", "사이클시간", "품질"],
        "en": ["injection moulding", "cycle time", "quality"],
    },
    "media_type": MEDIA_TYPE,
    "encoding": ENCODING,
    "columns": [
        {
            "name": c.name,
            "datatype": c.datatype,
            "label": {"ko": c.name.replace("_", " "), "en": c.label_en},
            "unit": c.unit or None,
            "unitless": not c.unit,
        }
        for c in COLUMNS
    ],
}
"""What a publisher of the file would say about it; units are QUDT local names."""


def main(argv: list[str] | None = None) -> None:
    """The command line: write one file and say what is in it."""
    parser = argparse.ArgumentParser(prog="python -m examples.generate.injection", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("path", help="the CSV file to write")
    parser.add_argument("--rows", type=int, default=8_000, help="number of shots (default 8000)")
    parser.add_argument("--seed", type=int, default=7, help="the same seed gives the same bytes (default 7)")
    wanted = parser.parse_args(argv)
    if wanted.rows < 1:
        parser.error("--rows must be at least 1")
    target = write(wanted.path, wanted.rows, wanted.seed)
    size = target.stat().st_size
    print(f"{target}: {wanted.rows} rows, {len(COLUMNS)} columns, {size} bytes, {ENCODING}")


if __name__ == "__main__":
    main()
