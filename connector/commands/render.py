"""Tables and blocks for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from connector.commands.shell import Shell, one_line

_WIDE = 200
"""Columns where nobody looks on: a file or a pipe."""


def table(shell: Shell, headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Rows below headers (codes of texts); says so if there is none."""
    found = [[one_line(str(cell)) for cell in row] for row in rows]
    if not found:
        shell.say("list.none")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    width = None if sys.stdout.isatty() else _WIDE
    shown = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for code in headers:
        shown.add_column(shell.text(code), overflow="fold")
    for row in found:
        shown.add_row(*(Text(cell) for cell in row))
    Console(file=sys.stdout, width=width, highlight=False).print(shown)


def short(iri: str) -> str:
    """The last part of a dataset's address, which names it to people."""
    return iri.rstrip("/").rpartition("/")[2] or iri
