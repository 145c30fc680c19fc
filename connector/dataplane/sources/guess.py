"""Guessing a column's datatype from its cells and its unit from its name."""

from __future__ import annotations

import re

from connector.dataplane.sources.api import Datatype

_INTEGER = re.compile(r"[+-]?(0|[1-9][0-9]*)")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.[0-9]*|\.[0-9]+|(0|[1-9][0-9]*))([eE][+-]?[0-9]+)?")
_BOOLEAN = frozenset({"true", "false", "True", "False", "TRUE", "FALSE"})
_MOMENT = re.compile(
    r"[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}[T ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
    r"\s*(Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_MISSING = frozenset({"", "-", "NA", "N/A", "NaN", "nan", "NULL", "null", "None"})

_BRACKETED = re.compile(r"[\(\[（]\s*([^()\[\]（）]{1,12}?)\s*[\)\]）]\s*$")
_UNIT_WORDS = """
% ‰ °C ℃ degC °F ℉ K s sec ms us µs μs min h hr mm cm m µm μm um nm in inch mm/s cm/s m/s m/min mm/min
mm2 mm² cm2 cm² m2 m² mm3 mm³ cm3 cm³ cc ml mL l L L/min l/min m3 m³ m3/h m³/h g kg mg t ton kg/h g/cm3
g/cm³ kg/m3 kg/m³ N kN Nm N·m kN·m kgf kgf/cm2 kgf/cm² Pa kPa MPa hPa bar mbar psi V mV kV A mA W kW MW
Wh kWh MWh VA kVA kvar Hz kHz MHz rpm RPM r/min deg ° rad dB dBA ppm ppb EA ea pcs Pa·s cSt J kJ MJ lx
lm Ω kΩ F µF H T mT °C/min ℃/min KRW 원 초 분 시간 개 회 도
"""
_UNITS = frozenset(_UNIT_WORDS.split())


class Guess:
    """Narrows down what all cells of a column can be; an empty or missing cell says nothing."""

    __slots__ = ("_boolean", "_decimal", "_integer", "_moment", "_seen")

    def __init__(self) -> None:
        self._seen = False
        self._integer = self._decimal = self._boolean = self._moment = True

    def see(self, cell: str) -> None:
        """Take one more cell into account."""
        cell = cell.strip()
        if cell in _MISSING:
            return
        self._seen = True
        if self._integer and _INTEGER.fullmatch(cell) is None:
            self._integer = False
        if self._decimal and _DECIMAL.fullmatch(cell) is None:
            self._decimal = False
        if self._boolean and cell not in _BOOLEAN:
            self._boolean = False
        if self._moment and _MOMENT.fullmatch(cell) is None:
            self._moment = False

    def see_json(self, cell: object) -> None:
        """Take one more JSON value into account."""
        match cell:
            case None:
                return
            case bool():
                self.see("true" if cell else "false")
            case int() | float():
                self.see(repr(cell))
            case str() if _MOMENT.fullmatch(cell):
                self.see(cell)
            case _:
                # A number in quotes is a string in JSON, whatever it looks like.
                self._seen = True
                self._integer = self._decimal = self._boolean = self._moment = False

    @property
    def datatype(self) -> Datatype:
        """The narrowest datatype that fits every cell seen; string if there was none."""
        if not self._seen:
            return Datatype.STRING
        if self._integer:
            return Datatype.INTEGER
        if self._decimal:
            return Datatype.DECIMAL
        if self._boolean:
            return Datatype.BOOLEAN
        return Datatype.DATE_TIME if self._moment else Datatype.STRING


def unit_in(name: str) -> str | None:
    """The unit in brackets at the end of a column's name, if it is one: `사출압력 (bar)`."""
    match = _BRACKETED.search(name)
    return match.group(1) if match is not None and match.group(1) in _UNITS else None
