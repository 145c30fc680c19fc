"""Units of measurement: QUDT names, UCUM codes, Korean names, and what a column's name suggests.

A guess is offered, never decided: `guess_unit` answers only where the name states the unit or
where industry knows one usual unit for the quantity; otherwise `likely_units` lists candidates.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from connector.semantic.terms import UNIT


class Unit(NamedTuple):
    """A QUDT unit below `http://qudt.org/vocab/unit/`: UCUM code ("" = none), names, usual spellings."""

    qudt: str
    ucum: str
    ko: str
    en: str
    spellings: tuple[str, ...] = ()

    @property
    def iri(self) -> str:
        """The unit's IRI."""
        return UNIT + self.qudt


UNITLESS: Final = "UNITLESS"
"""What `guess_unit` answers for counters, identifiers and verdicts."""

UNITS: Final = (
    # time and frequency
    Unit("SEC", "s", "초", "second", ("sec", "secs", "s", "초")),
    Unit("MilliSEC", "ms", "밀리초", "millisecond", ("ms", "msec", "밀리초")),
    Unit("MicroSEC", "us", "마이크로초", "microsecond", ("us", "usec", "µs", "μs")),
    Unit("MIN", "min", "분", "minute", ("min", "mins", "분")),
    Unit("HR", "h", "시간", "hour", ("hr", "hrs", "h")),
    Unit("DAY", "d", "일", "day", ("day", "days", "일")),
    Unit("HZ", "Hz", "헤르츠", "hertz", ("hz",)),
    Unit("KiloHZ", "kHz", "킬로헤르츠", "kilohertz", ("khz",)),
    # length, area, volume
    Unit("M", "m", "미터", "metre", ("m",)),
    Unit("CentiM", "cm", "센티미터", "centimetre", ("cm",)),
    Unit("MilliM", "mm", "밀리미터", "millimetre", ("mm",)),
    Unit("MicroM", "um", "마이크로미터", "micrometre", ("um", "µm", "μm")),
    Unit("NanoM", "nm", "나노미터", "nanometre", ("nm",)),
    Unit("M2", "m2", "제곱미터", "square metre", ("m2", "㎡")),
    Unit("MilliM2", "mm2", "제곱밀리미터", "square millimetre", ("mm2", "㎟")),
    Unit("M3", "m3", "세제곱미터", "cubic metre", ("m3", "㎥")),
    Unit("CentiM3", "cm3", "세제곱센티미터", "cubic centimetre", ("cm3", "cc", "㎤")),
    Unit("L", "L", "리터", "litre", ("l", "ℓ", "liter", "litre")),
    Unit("MilliL", "mL", "밀리리터", "millilitre", ("ml",)),
    # motion
    Unit("M-PER-SEC", "m.s-1", "초당 미터", "metre per second", ("m/s",)),
    Unit("M-PER-MIN", "m.min-1", "분당 미터", "metre per minute", ("m/min", "mpm")),
    Unit("MilliM-PER-SEC", "mm.s-1", "초당 밀리미터", "millimetre per second", ("mm/s", "mm/sec", "mmps")),
    Unit("MilliM-PER-MIN", "mm.min-1", "분당 밀리미터", "millimetre per minute", ("mm/min",)),
    Unit("M-PER-SEC2", "m.s-2", "초제곱당 미터", "metre per second squared", ("m/s2", "m/s²")),
    Unit("G", "[g]", "중력가속도", "standard gravity", ("grav",)),
    Unit("REV-PER-MIN", "{#}.min-1", "분당 회전수", "revolution per minute", ("rpm", "r/min", "rev/min")),
    Unit("DEG", "deg", "도(각도)", "degree of angle", ("deg", "°")),
    # mass, density, force, pressure
    Unit("GM", "g", "그램", "gram", ("g", "gram", "그램")),
    Unit("KiloGM", "kg", "킬로그램", "kilogram", ("kg", "㎏")),
    Unit("MilliGM", "mg", "밀리그램", "milligram", ("mg",)),
    Unit("TONNE", "t", "톤", "tonne", ("ton", "tonne", "톤")),
    Unit("KiloGM-PER-M3", "kg.m-3", "세제곱미터당 킬로그램", "kilogram per cubic metre", ("kg/m3", "kg/m³")),
    Unit("GM-PER-CentiM3", "g.cm-3", "세제곱센티미터당 그램", "gram per cubic centimetre", ("g/cm3", "g/cc")),
    Unit("N", "N", "뉴턴", "newton", ("n", "newton")),
    Unit("KiloN", "kN", "킬로뉴턴", "kilonewton", ("kn",)),
    Unit("N-M", "N.m", "뉴턴미터", "newton metre", ("nm_torque", "n·m", "n.m", "n-m")),
    Unit("PA", "Pa", "파스칼", "pascal", ("pa",)),
    Unit("KiloPA", "kPa", "킬로파스칼", "kilopascal", ("kpa", "㎪")),
    Unit("MegaPA", "MPa", "메가파스칼", "megapascal", ("mpa", "㎫")),
    Unit("BAR", "bar", "바", "bar", ("bar",)),
    Unit("KiloGM_F-PER-CentiM2", "kgf.cm-2", "제곱센티미터당 킬로그램힘",
         "kilogram-force per square centimetre", ("kgf/cm2", "kgf/cm²", "kg/cm2")),
    Unit("LB_F-PER-IN2", "[lbf_av].[in_i]-2", "제곱인치당 파운드힘", "pound-force per square inch", ("psi",)),
    # temperature, humidity
    Unit("DEG_C", "Cel", "섭씨도", "degree Celsius", ("c", "℃", "°c", "degc", "deg_c", "celsius")),
    Unit("DEG_F", "[degF]", "화씨도", "degree Fahrenheit", ("degf", "℉", "°f")),
    Unit("K", "K", "켈빈", "kelvin", ("kelvin",)),
    Unit("PERCENT", "%", "퍼센트", "percent", ("%", "pct", "percent", "퍼센트")),
    Unit("PERCENT_RH", "", "상대습도", "percent relative humidity", ("%rh", "rh")),
    Unit("PPM", "[ppm]", "백만분율", "parts per million", ("ppm",)),
    Unit("PPB", "[ppb]", "십억분율", "parts per billion", ("ppb",)),
    # flow
    Unit("L-PER-MIN", "L.min-1", "분당 리터", "litre per minute", ("l/min", "lpm", "ℓ/min")),
    Unit("L-PER-HR", "L.h-1", "시간당 리터", "litre per hour", ("l/h", "l/hr")),
    Unit("M3-PER-HR", "m3.h-1", "시간당 세제곱미터", "cubic metre per hour", ("m3/h", "㎥/h", "cmh")),
    Unit("M3-PER-MIN", "m3.min-1", "분당 세제곱미터", "cubic metre per minute", ("m3/min", "㎥/min", "cmm")),
    Unit("KiloGM-PER-HR", "kg.h-1", "시간당 킬로그램", "kilogram per hour", ("kg/h", "kg/hr")),
    Unit("KiloGM-PER-SEC", "kg.s-1", "초당 킬로그램", "kilogram per second", ("kg/s",)),
    # electricity, energy
    Unit("V", "V", "볼트", "volt", ("v", "volt")),
    Unit("MilliV", "mV", "밀리볼트", "millivolt", ("mv",)),
    Unit("KiloV", "kV", "킬로볼트", "kilovolt", ("kv",)),
    Unit("A", "A", "암페어", "ampere", ("a", "amp", "ampere")),
    Unit("MilliA", "mA", "밀리암페어", "milliampere", ("ma",)),
    Unit("A-HR", "A.h", "암페어시", "ampere hour", ("ah",)),
    Unit("OHM", "Ohm", "옴", "ohm", ("ohm", "Ω", "ω")),
    Unit("MilliOHM", "mOhm", "밀리옴", "milliohm", ("mohm",)),
    Unit("W", "W", "와트", "watt", ("w", "watt")),
    Unit("KiloW", "kW", "킬로와트", "kilowatt", ("kw", "㎾")),
    Unit("W-HR", "W.h", "와트시", "watt hour", ("wh",)),
    Unit("KiloW-HR", "kW.h", "킬로와트시", "kilowatt hour", ("kwh",)),
    Unit("MegaW-HR", "MW.h", "메가와트시", "megawatt hour", ("mwh",)),
    Unit("J", "J", "줄", "joule", ("j", "joule")),
    Unit("KiloJ", "kJ", "킬로줄", "kilojoule", ("kj",)),
    Unit("MegaJ", "MJ", "메가줄", "megajoule", ("mj",)),
    Unit("MicroS-PER-CentiM", "uS.cm-1", "센티미터당 마이크로지멘스", "microsiemens per centimetre",
         ("us/cm", "µs/cm")),
    # other
    Unit("DeciB", "dB", "데시벨", "decibel", ("db",)),
    Unit("LUX", "lx", "럭스", "lux", ("lux", "lx")),
    Unit("PH", "[pH]", "수소이온농도", "pH", ("ph",)),
    Unit("PA-SEC", "Pa.s", "파스칼초", "pascal second", ("pa.s", "pa·s")),
    Unit("CentiPOISE", "cP", "센티푸아즈", "centipoise", ("cp", "cps")),
    Unit("MilliGM-PER-L", "mg.L-1", "리터당 밀리그램", "milligram per litre", ("mg/l",)),
    Unit("GM-PER-L", "g.L-1", "리터당 그램", "gram per litre", ("g/l",)),
    Unit("GM-PER-MOL", "g.mol-1", "몰당 그램", "gram per mole", ("g/mol",)),
)  # fmt: skip

_BY_SPELLING: Final = {
    spelling.lower(): unit
    for unit in reversed(UNITS)  # earlier units win
    for spelling in (unit.ucum, *unit.spellings)
    if spelling
}
_EXACT: Final = {name: unit for unit in UNITS for name in (unit.qudt, unit.iri, unit.ucum) if name}

_PLACES: Final = ("MilliM",)
_CANDIDATES: Final[dict[str, tuple[str, ...]]] = {
    # A longer word wins over a shorter one inside it, so 회전수 is not 수, and 전력량 not 전력.
    **dict.fromkeys(("시각", "일시", "일자", "날짜", "timestamp", "datetime", "date"), ()),
    **dict.fromkeys(
        ("가동시간", "운전시간", "running time", "uptime", "operating time"), ("HR", "MIN", "SEC")
    ),
    **dict.fromkeys(("시간", "time", "duration"), ("SEC",)),
    **dict.fromkeys(("온도", "temperature", "temp"), ("DEG_C",)),
    **dict.fromkeys(("습도", "humidity"), ("PERCENT_RH",)),
    **dict.fromkeys(("압력", "배압", "보압", "pressure"), ("BAR", "MegaPA", "KiloPA")),
    **dict.fromkeys(("회전수", "rpm", "rotation speed", "screw speed", "spindle speed"), ("REV-PER-MIN",)),
    **dict.fromkeys(("속도", "speed", "velocity"), ("MilliM-PER-SEC", "M-PER-MIN", "M-PER-SEC")),
    **dict.fromkeys(("위치", "거리", "두께", "길이", "쿠션", "스트로크"), _PLACES),
    **dict.fromkeys(("position", "thickness", "length", "cushion", "stroke", "distance"), _PLACES),
    **dict.fromkeys(("중량", "무게", "질량", "weight", "mass"), ("GM", "KiloGM")),
    **dict.fromkeys(("전력량", "에너지", "energy"), ("KiloW-HR", "W-HR")),
    **dict.fromkeys(("전력", "power"), ("KiloW", "W")),
    **dict.fromkeys(("전류", "current"), ("A",)),
    **dict.fromkeys(("전압", "voltage"), ("V",)),
    **dict.fromkeys(("유량", "flow"), ("L-PER-MIN", "M3-PER-HR")),
    **dict.fromkeys(("형체력", "하중", "clamping force", "clamp force", "force"), ("KiloN", "N")),
    **dict.fromkeys(("토크", "torque"), ("N-M", "PERCENT")),
    **dict.fromkeys(("진동", "vibration"), ("MilliM-PER-SEC", "M-PER-SEC2")),
    **dict.fromkeys(("점도", "viscosity"), ("PA-SEC", "CentiPOISE")),
    **dict.fromkeys(("비율", "수율", "불량률", "ratio", "rate", "yield"), ("PERCENT",)),
    **dict.fromkeys(("번호", "횟수", "개수", "수량", "판정", "여부", "코드", "로트"), (UNITLESS,)),
    **dict.fromkeys(("no", "id", "number", "count", "counter", "index", "flag", "code", "lot"), (UNITLESS,)),
    **dict.fromkeys(("result", "label", "verdict", "passorfail", "pass or fail"), (UNITLESS,)),
}
_BRACKETED: Final = re.compile(r"[(\[]([^()\[\]]{1,16})[)\]]\s*$")
_SEPARATORS: Final = re.compile(r"[\s_\-.]+")
_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# As the last word of a name these are more often something else (temp_min is a minimum).
_NOT_AS_SUFFIX: Final = frozenset({"min", "mins", "max", "day", "days", "c", "cp", "일", "분"})


def find_unit(text: str) -> Unit | None:
    """The unit that a QUDT name, its IRI, a UCUM code or a usual spelling stands for; None if unknown."""
    wanted = text.strip()
    return _EXACT.get(wanted) or _BY_SPELLING.get(wanted.lower())


def likely_units(column_name: str) -> tuple[str, ...]:
    """QUDT names (or UNITLESS) that a column of this name may be in, the likeliest first; () = no idea."""
    bracketed = _BRACKETED.search(column_name)
    if bracketed:
        stated = find_unit(bracketed[1])
        if stated:
            return (stated.qudt,)
        column_name = column_name[: bracketed.start()]
    words = [w.lower() for w in _SEPARATORS.split(_CAMEL.sub(" ", column_name)) if w]
    if not words:
        return ()
    quantity = _quantity(words)
    last = words[-1]
    if last == "c" and quantity == ("DEG_C",):
        return quantity
    # One letter is no statement: x_a need not be in ampere.
    if len(words) > 1 and len(last) > 1 and last not in _NOT_AS_SUFFIX and last in _BY_SPELLING:
        return (_BY_SPELLING[last].qudt,)
    return quantity


def guess_unit(column_name: str) -> str | None:
    """The QUDT name of the unit that the column is in, UNITLESS, or None where a person has to say.

    Only what the name states ("압력(bar)", "cycle_ms") or what is usual everywhere (temperatures in
    degrees Celsius): a pressure without a unit may be bar or MPa, and gets None.
    """
    found = likely_units(column_name)
    return found[0] if len(found) == 1 else None


def _quantity(words: list[str]) -> tuple[str, ...]:
    joined = f" {' '.join(words)} "
    best = ""
    for word in _CANDIDATES:
        # Korean compounds are written together, English words stand alone.
        hit = word in joined if not word.isascii() else re.search(rf"\b{word}s?(?= |[0-9])", joined)
        if hit and (len(word), joined.rfind(word)) > (len(best), joined.rfind(best) if best else -1):
            best = word
    return _CANDIDATES[best] if best else ()
