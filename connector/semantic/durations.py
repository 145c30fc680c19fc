"""Times between two samples: XML Schema durations without years and months, as whole microseconds."""

from __future__ import annotations

import re
from typing import Final

_DURATION: Final = re.compile(
    r"P(?:(?P<d>\d{1,5})D)?(?:T(?=\d)(?:(?P<h>\d{1,6})H)?(?:(?P<m>\d{1,7})M)?(?:(?P<s>\d{1,9}(?:\.\d{1,6})?)S)?)?"
)
_US: Final = {"d": 86_400_000_000, "h": 3_600_000_000, "m": 60_000_000, "s": 1_000_000}


def microseconds(text: str) -> int | None:
    """How long `PT0.5S` or `P1DT2H` is; None if it is no such duration, or none at all."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    parts = {unit: value for unit, value in found.groupdict().items() if value}
    whole = 0
    for unit, value in parts.items():
        number, _, fraction = value.partition(".")
        whole += int(number) * _US[unit] + int(fraction.ljust(6, "0") or 0)
    return whole or None
