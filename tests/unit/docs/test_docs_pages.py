"""The pages stay true: links lead somewhere, commands exist, both languages say the same."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]

VERBS = frozenset(
    {
        *("init", "up", "status", "doctor", "backup", "restore", "demo"),
        *("publish", "unpublish", "republish", "catalog", "policy"),
        *("request", "offer", "inbox", "contract", "transfer", "pull", "ledger", "trust"),
    }
)
"""Every verb that a page may name."""


def _tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("madang_tools_docs", ROOT / "tools" / "docs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = _tool()
PAGES: list[Path] = TOOL.pages()
CODE = re.compile(r"^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`\n]+)`")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _prose(text: str) -> str:
    return CODE.sub("", text)


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", _prose(page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """The targets of a page's relative links that are not there."""
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", _prose(page.read_text(encoding="utf-8"))):
        path, _, anchor = target.partition("#")
        if path.startswith(("http://", "https://", "mailto:")):
            continue
        file = page if not path else page.parent / path
        if not file.exists() or (anchor and anchor not in _anchors(file)):
            broken.append(target)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_would_be_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n[a](page.md#one) [b](#two) [c](none.md) [d](https://factory-a.example/)\n")
    assert broken_links(page) == ["#two", "none.md"]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_generated_parts_are_fresh(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert TOOL.renew(text) == text, "run make docs"


def test_a_stale_part_would_be_found() -> None:
    stale = "<!-- generated: commands -->\n| old |\n<!-- end generated -->"
    renewed = TOOL.renew(stale)
    assert "| old |" not in renewed
    assert "`make demo`" in renewed
    with pytest.raises(KeyError):
        TOOL.renew("<!-- generated: nothing -->\n<!-- end generated -->")


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_verb_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lines = [line for block in CODE.findall(text) for line in block.splitlines()] + INLINE.findall(text)
    named = {
        match[1] for line in lines if (match := re.match(r"(?:\.venv/bin/)?madang ([a-z]+)", line.strip()))
    }
    assert named <= VERBS


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_make_target_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lines = [line for block in CODE.findall(text) for line in block.splitlines()] + INLINE.findall(text)
    named = {
        match[1] for line in lines if (match := re.match(r"(?:[A-Z_]+=\S+ )?make ([a-z-]+)", line.strip()))
    }
    assert named <= _targets()


def _targets() -> set[str]:
    return {name for name, _ in TOOL._TARGET.findall((ROOT / "Makefile").read_text(encoding="utf-8"))}


def test_make_help_lists_every_command_and_nothing_is_hidden() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.findall(r"^\.PHONY: (\S+)$", makefile, re.MULTILINE))
    assert phony == _targets()
    helped = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make (\S+) +\S", helped, re.MULTILINE)) == _targets()
    assert {
        "demo",
        "test",
        "test-all",
        "tck",
        "tck-dsp",
        "interop",
        "bench",
        "bench-edc",
        "sim",
    } <= _targets()
    assert {"demo-check", "lint", "format", "docs", "sbom", "lock", "image", "pilot"} <= _targets()


def test_every_make_target_is_documented() -> None:
    documented = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    missing = {target for target in _targets() if not re.search(rf"make {target}(?![a-z-])", documented)}
    assert missing == set()


class TestReadme:
    TEXT = (ROOT / "README.md").read_text(encoding="utf-8")

    def halves(self) -> tuple[str, str]:
        _, korean, english = re.split(r"^# (?:한국어|English)$", self.TEXT, flags=re.MULTILINE)
        return korean, english

    def test_two_commands_come_first(self) -> None:
        first = CODE.findall(self.TEXT)[0].splitlines()
        assert [line.split("#")[0].strip() for line in first] == ["make demo", "make test"]
        assert self.TEXT.index("make demo") < 120

    def test_both_languages_have_the_same_sections(self) -> None:
        shapes = [
            [
                len(re.findall(r"^- ", part, re.MULTILINE))
                for part in re.split(r"^## ", half, flags=re.MULTILINE)
            ]
            for half in self.halves()
        ]
        assert shapes[0] == shapes[1]
        assert len(shapes[0]) >= 8

    def test_both_languages_give_the_same_commands(self) -> None:
        korean, english = (
            [block for block in CODE.findall(half) if "┌" not in block] for half in self.halves()
        )
        assert korean == english
        assert len(korean) >= 5

    def test_both_languages_are_themselves(self) -> None:
        korean, english = ("\n".join(_prose(half).splitlines()) for half in self.halves())
        hangul = re.compile("[가-힣]")
        assert len(hangul.findall(korean)) > 800
        assert len(hangul.findall(english)) < 20

    def test_the_limits_are_said(self) -> None:
        for half in self.halves():
            assert "https://w3id.org/madang/ns#" in half
            assert "https" in half
            assert "redirect" in half


def _rows(page: Path, columns: int) -> list[list[str]]:
    rows = [
        [cell.strip() for cell in line.strip().strip("|").split(" | ")]
        for line in page.read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    ]
    return [row for row in rows if len(row) == columns]


def test_every_threat_names_code_and_test_that_exist() -> None:
    rows = [row for row in _rows(ROOT / "SECURITY.md", 4) if row[0] != "threat"]
    assert len(rows) >= 20
    missing = [
        path
        for row in rows
        for cell in row[2:]
        for path in INLINE.findall(cell) or [f"nothing in {cell!r}"]
        if not (ROOT / path).exists()
    ]
    assert missing == []
