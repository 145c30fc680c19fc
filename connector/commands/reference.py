"""The verbs as a page: docs/cli.md is made of this (tools/docs.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from connector.commands.texts import TEXTS
from connector.commands.tree import application


def verbs() -> list[str]:
    """Every verb as it is typed, without `madang`, in the order of the tree."""
    return [name for name, _ in _walk(get_command(application()), "")]


def markdown() -> str:
    """A heading, both languages, and a table of arguments and options for every verb."""
    lines: list[str] = []
    for name, node in _walk(get_command(application()), ""):
        ko, en = TEXTS[node.help]
        lines += [f"### madang {name}", "", f"{en[0].upper()}{en[1:]}. · {ko}", ""]
        rows = [_row(param) for param in node.params if getattr(param, "help", None)]
        if rows:
            lines += ["| | meaning | 뜻 |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _walk(node: Any, name: str) -> Iterator[tuple[str, Any]]:
    below = getattr(node, "commands", {})
    for word, one in below.items():
        yield from _walk(one, f"{name} {word}".strip())
    if not below:
        yield name, node


def _row(param: Any) -> str:
    ko, en = (text.replace("|", "\\|") for text in TEXTS[param.help])
    metavar = str(param.metavar or "").replace("|", "\\|")
    is_option = param.param_type_name == "option"
    shown = f"{' '.join(param.opts)} {metavar}".strip() if is_option else metavar
    return f"| `{shown}` | {en} | {ko} |"
