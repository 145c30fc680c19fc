"""Write the generated parts of the pages in docs/ again: `make docs`; `--check` only says what is stale.

A page marks such a part with two comments, and everything between them comes from the code:

    <!-- generated: errors -->
    <!-- end generated -->

Which parts there are stands in PARTS. A test runs `--check`, so no page can fall behind the code.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
_BLOCK: Final = re.compile(
    r"(?P<open><!-- generated: (?P<name>[a-z-]+) -->\n)(?P<body>.*?)(?P<close><!-- end generated -->)",
    re.DOTALL,
)
_TARGET: Final = re.compile(r"^(?P<name>[a-z][a-z-]*):.*?## (?P<says>.*)$", re.MULTILINE)


def commands() -> str:
    """The Makefile's targets, as a table."""
    rows = [
        f"| `make {name}` | {says} |"
        for name, says in _TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))
    ]
    return "\n".join(["| command | what it does |", "|---|---|", *rows]) + "\n"


def errors() -> str:
    """Every typed error with its wire code and HTTP status, as a table, parents before children."""
    from connector.errors import ConnectorError

    def below(kind: type[ConnectorError]) -> Iterator[type[ConnectorError]]:
        yield kind
        for child in kind.__subclasses__():
            yield from below(child)

    rows = []
    for kind in below(ConnectorError):
        if kind.__module__ != ConnectorError.__module__:
            continue  # a plug-in's or a test's own
        says = (kind.__doc__ or "").strip().splitlines()[0]
        rows.append(f"| `{kind.code}` | {kind.status} | `{kind.__name__}` | {says} |")
    return "\n".join(["| code | HTTP | class | what it means |", "|---|---|---|---|", *rows]) + "\n"


def _machine(kind_name: str) -> str:
    from connector.model.process import Kind
    from connector.protocol.machine import diagram

    return f"```mermaid\n{diagram(Kind(kind_name)).strip()}\n```\n"


def negotiation() -> str:
    """The negotiation's diagram, drawn from the transition table."""
    return _machine("negotiation")


def transfer() -> str:
    """The transfer's diagram, drawn from the transition table."""
    return _machine("transfer")


def settings() -> str:
    """Every setting with its default and meaning."""
    from connector.settings import markdown

    return markdown()


def verbs() -> str:
    """Every verb of the command line, with its arguments and options."""
    from connector.commands.reference import markdown

    return markdown()


PARTS: Final[Mapping[str, Callable[[], str]]] = {
    "commands": commands,
    "errors": errors,
    "negotiation": negotiation,
    "settings": settings,
    "transfer": transfer,
    "verbs": verbs,
}


def pages() -> list[Path]:
    """Every page that a reader of the project is shown."""
    return sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])


def renew(text: str) -> str:
    """The page's text with every generated part made again. Raises KeyError for a part nobody makes."""

    def fill(block: re.Match[str]) -> str:
        return block["open"] + PARTS[block["name"]]() + block["close"]

    return _BLOCK.sub(fill, text)


def main(arguments: list[str]) -> int:
    """Renew all pages, or with `--check` name the stale ones and exit 1 if there is one."""
    stale = [page for page in pages() if renew(old := page.read_text(encoding="utf-8")) != old]
    for page in stale:
        print(f"{page.relative_to(ROOT)}: {'stale, run make docs' if '--check' in arguments else 'written'}")
        if "--check" not in arguments:
            page.write_text(renew(page.read_text(encoding="utf-8")), encoding="utf-8")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
