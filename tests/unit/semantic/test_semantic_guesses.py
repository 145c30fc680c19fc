"""Units and labels guessed from column names: right where they answer, silent where they cannot know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.semantic.description import Text
from connector.semantic.labels import guess_label
from connector.semantic.units import UNITLESS, UNITS, find_unit, guess_unit, likely_units
from examples.generate.injection import COLUMNS


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("Cycle_Time", "SEC"),
        ("CycleTime", "SEC"),
        ("사이클시간", "SEC"),
        ("cycle_ms", "MilliSEC"),
        ("온도(℃)", "DEG_C"),
        ("Barrel_Temperature_3", "DEG_C"),
        ("Temp_C", "DEG_C"),
        ("temp_min", "DEG_C"),
        ("Pressure(bar)", "BAR"),
        ("압력 [MPa]", "MegaPA"),
        ("hydraulic_pressure_kpa", "KiloPA"),
        ("전력량(kWh)", "KiloW-HR"),
        ("Spindle_RPM", "REV-PER-MIN"),
        ("스크류회전수", "REV-PER-MIN"),
        ("쿠션량", "MilliM"),
        ("습도", "PERCENT_RH"),
        ("샷번호", UNITLESS),
        ("No_Shot", UNITLESS),
        ("PassOrFail", UNITLESS),
        ("판정", UNITLESS),
    ],
)
def test_what_the_name_states_or_everyone_uses_is_answered(name, unit):
    assert guess_unit(name) == unit


@pytest.mark.parametrize("name", ["압력", "Max_Injection_Pressure", "사출속도", "중량", "전력량", "유량"])
def test_a_quantity_with_several_usual_units_is_left_to_a_person(name):
    assert guess_unit(name) is None
    assert len(likely_units(name)) > 1


@pytest.mark.parametrize("name", ["x_a", "col1", "비고", "생산시각", "date", "", "[]", "notes", "sometimes"])
def test_a_name_that_says_nothing_gets_nothing(name):
    assert likely_units(name) == ()
    assert guess_unit(name) is None


def test_no_guess_about_the_demo_file_is_wrong():
    for column in COLUMNS:
        guess = guess_unit(column.name)
        if guess is None:
            assert column.unit in likely_units(column.name) or not column.unit
        else:
            assert guess == (column.unit or UNITLESS), column.name


def test_units_are_told_apart():
    assert len({unit.qudt for unit in UNITS}) == len(UNITS)
    codes = [unit.ucum for unit in UNITS if unit.ucum]
    assert len(set(codes)) == len(codes)
    for unit in UNITS:
        assert unit.ko
        assert unit.en
        assert find_unit(unit.qudt) is find_unit(unit.iri) is unit
    assert find_unit("mA").qudt == "MilliA"
    assert find_unit("MPa").qudt == "MegaPA"
    assert find_unit("J").qudt == "J"
    assert find_unit("furlong") is None


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Cycle_Time", Text("사이클 시간", "cycle time")),
        ("최대사출압력", Text("최대사출압력", "maximum injection pressure")),
        ("냉각수온도", Text("냉각수온도", "coolant temperature")),
        ("금형온도_고정측", Text("금형온도 고정측", "mould temperature fixed side")),
        ("실린더온도_3", Text("실린더온도 3", "barrel temperature 3")),
        ("Mold_Temperature_3", Text("금형 온도 3", "mold temperature 3")),
        ("Spindle_RPM", Text("주축 회전수", "spindle RPM")),
        ("PLASTICIZING_TIME", Text("계량 시간", "plasticizing time")),
        ("전력(kW)", Text("전력", "power")),
        ("열처리로온도", Text("열처리로온도", "heat treatment furnace temperature")),
        ("가나다온도", Text("가나다온도", "")),
        ("foo_time", Text("", "foo time")),
        ("[]", Text()),
        ("", Text()),
    ],
)
def test_labels(name, label):
    assert guess_label(name) == label


def test_most_of_the_demo_file_is_understood():
    assert sum(bool(guess_label(column.name).en) for column in COLUMNS) == len(COLUMNS)


@given(st.text(max_size=60))
def test_no_name_is_too_strange(name):
    guess_label(name)
    assert guess_unit(name) is None or guess_unit(name) in likely_units(name)
