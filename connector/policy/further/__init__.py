"""Operands of the whole engine beyond those that the connector's use cases supply facts for.

One file per dialect, each ending in `OPERANDS = (…)`; the folder is the registry, so adding an
operand touches one file. An entry replaces the one of the same IRI in `connector.policy.operands`.
"""

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
        listed: tuple[Operand, ...] = importlib.import_module(f"{__name__}.{module.name}").OPERANDS
        for operand in listed:
            if operand.iri in operands:
                raise ImportError(f"two entries define the operand {operand.iri}")
            operands[operand.iri] = operand
    return operands


FURTHER: Final[Mapping[str, Operand]] = MappingProxyType(_found())
"""IRI -> operand."""
