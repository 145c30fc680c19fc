"""Named SQL: one `.sql` file for each aggregate, a query after each `-- name:` line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


@cache
def queries(aggregate: str) -> Mapping[str, str]:
    """The queries of `sql/<aggregate>.sql`, by name."""
    text = resources.files("connector.store").joinpath("sql", f"{aggregate}.sql").read_text("utf-8")
    parts = _NAME.split(text)
    return {name: sql.strip().rstrip(";") for name, sql in zip(parts[1::2], parts[2::2], strict=True)}


@cache
def migrations() -> tuple[tuple[int, str], ...]:
    """The migrations as (number, script), in order."""
    folder = resources.files("connector.store").joinpath("sql", "migrations")
    found = [(int(f.name[:4]), f.read_text("utf-8")) for f in folder.iterdir() if f.name.endswith(".sql")]
    return tuple(sorted(found))
