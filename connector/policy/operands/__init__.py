"""The operands we understand: one file each, found by being here."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from connector.policy.operand import Operand


def _found() -> dict[str, Operand]:
    operands: dict[str, Operand] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda m: m.name):
        operand: Operand = importlib.import_module(f"{__name__}.{module.name}").OPERAND
        if operand.iri in operands:
            raise ImportError(f"two files define the operand {operand.iri}")
        operands[operand.iri] = operand
    return operands


OPERANDS: Final[Mapping[str, Operand]] = MappingProxyType(_found())
"""IRI -> operand."""
