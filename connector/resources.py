"""The files that ship with the connector and are no code: where they lie, in a clone and in a wheel.

In a clone, `policies/`, `vocab/` and `examples/generate/` stand at the top, where people read and edit them.
A wheel carries copies of the three in `connector/_data/` (pyproject.toml, `force-include`). Everything else
asks here, so that nothing but this file knows the difference.
"""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from connector.errors import NotFound

if TYPE_CHECKING:
    from types import ModuleType

_PACKAGE: Final = Path(__file__).resolve().parent
_IN_WHEEL: Final = _PACKAGE / "_data"
_IN_CLONE: Final = _PACKAGE.parent


def policies_dir() -> Path:
    """The folder of the policy templates; raises NotFound if the installation is incomplete."""
    return _folder("policies", "policies")


def vocab_dir() -> Path:
    """The folder of vocabulary, shapes and contexts; raises NotFound if the installation is incomplete."""
    return _folder("vocab", "vocab")


@cache
def generator(name: str = "injection") -> ModuleType:
    """The seeded example generator of that name, as a module that is loaded once.

    Raises NotFound if there is no such generator; a name is one plain word, never a path.
    """
    file = _folder("generate", "examples/generate") / f"{name}.py"
    if not name.isidentifier() or not file.is_file():
        raise NotFound(f"there is no example generator named {name!r}")
    # Loaded by its place, not by an import: a wheel has no package `examples`, and must not claim that name.
    full_name = f"connector._data.generate.{name}"
    spec = importlib.util.spec_from_file_location(full_name, file)
    if spec is None or spec.loader is None:
        raise NotFound(f"the example generator {name!r} cannot be loaded")
    module = importlib.util.module_from_spec(spec)
    # dataclasses look their own module up by name while they are being made
    sys.modules[full_name] = module
    spec.loader.exec_module(module)
    return module


def _folder(in_wheel: str, in_clone: str) -> Path:
    for place in (_IN_WHEEL / in_wheel, _IN_CLONE / in_clone):
        if place.is_dir():
            return place
    raise NotFound(
        f"{in_clone} is missing from this installation",
        hint="install the wheel again, or run from a whole clone",
    )
