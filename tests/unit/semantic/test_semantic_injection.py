"""The seeded shot log: same bytes for a seed, shape, relations, planted answers."""

from __future__ import annotations

import csv
import hashlib
import statistics
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from examples.generate import injection

ROWS, SEED = 8_000, 7
CLONE = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def raw(tmp_path_factory) -> bytes:
    return injection.write(tmp_path_factory.mktemp("shots") / "샷.csv", ROWS, SEED).read_bytes()


@pytest.fixture(scope="module")
def table(raw) -> list[dict[str, str]]:
    return list(csv.DictReader(raw.decode("cp949").splitlines()))


@pytest.fixture(scope="module")
def answers() -> dict:
    return injection.known_answers(ROWS, SEED)


def column(table, name: str) -> list[float]:
    return [float(row[name]) for row in table]


def test_the_bytes_of_the_default_run_never_change(raw):
    assert (
        hashlib.sha256(raw).hexdigest() == "a4c4b55d9e879473437170a131924cd8a2d6006b585c5c6734f0f2d77b08e6b1"
    )


def test_another_seed_gives_other_bytes(tmp_path):
    first = injection.write(tmp_path / "a.csv", 50, 1).read_bytes()
    assert injection.write(tmp_path / "b.csv", 50, 1).read_bytes() == first
    assert injection.write(tmp_path / "c.csv", 50, 2).read_bytes() != first


def test_it_is_cp949_with_korean_headers_and_44_columns(raw, table):
    header = raw.split(b"\r\n", 1)[0]
    with pytest.raises(UnicodeDecodeError):
        header.decode("utf-8")
    names = header.decode("cp949").split(",")
    assert len(names) == len(set(names)) == 44
    assert all(any("가" <= letter <= "힣" for letter in name) for name in names)
    assert len(table) == ROWS


def test_times_add_up_exactly_as_printed(table):
    def cents(row, name):
        return round(float(row[name]) * 100)

    for row in table:
        assert cents(row, "사출시간") == cents(row, "충전시간") + cents(row, "보압시간")
        waiting = max(cents(row, "냉각시간"), cents(row, "계량시간"))
        around = sum(cents(row, n) for n in ("형폐시간", "사출시간", "형개시간", "취출시간"))
        assert cents(row, "사이클시간") == waiting + around


def test_the_clock_runs_in_day_shifts(table):
    moments = [datetime.fromisoformat(row["생산시각"]) for row in table]
    assert moments == sorted(moments)
    assert {m.hour for m in moments} <= {8, 9, 10, 11, 13, 14, 15, 16, 17}
    assert not any(m.weekday() == 6 or m.date().isoformat() in injection.HOLIDAYS for m in moments)


def test_a_thick_melt_shows_in_pressure_torque_and_cushion(table, answers):
    thick = [row for row in table if row["원료로트"] in answers["thick_lots"]]
    thin = [row for row in table if row["원료로트"] not in answers["thick_lots"]]
    assert len(answers["thick_lots"]) == 4
    for name in ("최대사출압력", "스크류토크", "쿠션량"):
        assert statistics.fmean(column(thick, name)) > 1.1 * statistics.fmean(column(thin, name))


def test_about_one_shot_in_a_hundred_is_rejected_and_every_cause_occurs(table, answers):
    rejected = [int(row["샷번호"]) for row in table if row["판정"] == "NG"]
    assert sorted(n for found in answers["by_cause"].values() for n in found) == rejected
    assert answers["defects"] == len(rejected)
    assert 0.008 <= len(rejected) / ROWS <= 0.015
    assert all(len(found) >= 10 for found in answers["by_cause"].values())


def test_the_planted_causes_are_where_the_answers_say(table, answers):
    for name, first, last in answers["frozen"]:
        shown = {row[name] for row in table[first - 1 : last]}
        assert len(shown) == 1
        # The other half keeps moving: it is the sensor that froze, not the mould.
        assert len({row["금형온도_고정측"] for row in table[first - 1 : last]}) > 10
    for shot in answers["tool_changes"]:
        assert table[shot - 1]["금형번호"] != table[shot - 2]["금형번호"]
        assert float(table[shot - 1]["금형온도_고정측"]) < 50
    for shot in answers["by_cause"]["viscosity"]:
        assert table[shot - 1]["원료로트"] in answers["thick_lots"]


def test_the_description_names_every_column(raw):
    names = raw.split(b"\r\n", 1)[0].decode("cp949").split(",")
    described = injection.DESCRIPTION["columns"]
    assert [c["name"] for c in described] == names
    assert all(c["label"]["ko"] and c["label"]["en"] for c in described)
    assert all(bool(c["unit"]) != c["unitless"] for c in described)


def test_the_command_line_writes_the_same_bytes(tmp_path):
    target = tmp_path / "out.csv"
    command = [
        sys.executable,
        "-m",
        "examples.generate.injection",
        "--rows",
        "30",
        "--seed",
        "3",
        str(target),
    ]
    done = subprocess.run(command, cwd=CLONE, capture_output=True, text=True, timeout=30, check=True)
    assert "30 rows, 44 columns" in done.stdout
    assert target.read_bytes() == injection.write(tmp_path / "again.csv", 30, 3).read_bytes()


def test_zero_rows_are_refused(tmp_path):
    with pytest.raises(SystemExit) as end:
        injection.main(["--rows", "0", str(tmp_path / "x.csv")])
    assert end.value.code == 2
