"""The command line before any verb: common options, languages, exit codes, how errors look."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from connector import __version__
from connector.cli import main
from connector.commands.shell import Exit, Shell, language, one_line
from connector.errors import (
    BadInput,
    Conflict,
    ConnectorError,
    DescriptionInvalid,
    NotFound,
    PeerFailed,
    Unavailable,
)
from connector.manage import NotReached, Refused

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "en"),
        ({"LANG": "ko_KR.UTF-8"}, "ko"),
        ({"LANG": "ko_KR.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ko_KR.UTF-8"}, "ko"),
        ({"LC_ALL": "", "LANG": "ko"}, "ko"),
    ],
)
def test_the_language_follows_the_locale(environ, expected):
    assert language(environ) == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (BadInput("x"), Exit.BAD_INPUT),
        (NotFound("x"), Exit.BAD_INPUT),
        (DescriptionInvalid("x"), Exit.BAD_INPUT),
        (Refused(400, {"message": "x", "code": "bad-input"}), Exit.BAD_INPUT),
        (Refused(404, {"message": "x", "code": "not-found"}), Exit.BAD_INPUT),
        (Refused(410, {"message": "x", "code": "withdrawn"}), Exit.FAILED),
        (Conflict("x"), Exit.FAILED),
        (PeerFailed("x"), Exit.FAILED),
        (Unavailable("x"), Exit.FAILED),
        (ConnectorError("x"), Exit.FAILED),
        (NotReached("x"), Exit.NOT_RUNNING),
    ],
)
def test_exit_codes(error, expected):
    assert Exit.of(error) is expected


class TestErrors:
    """One line, and one with a hint."""

    def said(self, capsys, error: ConnectorError, lang: str = "en", *, is_json: bool = False) -> str:
        Shell(Path("/nowhere"), lang, is_json).complain(error)
        out, err = capsys.readouterr()
        assert out == ""
        return err

    def test_in_english(self, capsys):
        error = BadInput("must be a number", pointer="server.public_port", hint="try 8443")
        assert self.said(capsys, error) == "madang: server.public_port: must be a number\n  → try 8443\n"

    def test_in_korean_the_kind_of_error_is_said(self, capsys):
        said = self.said(capsys, PeerFailed("timed out"), "ko")
        assert said == "madang: 상대 커넥터가 응답하지 않거나 거절했습니다 (timed out)\n"

    def test_findings_are_sentences(self, capsys):
        findings = [{"ko": "단위: 필요합니다", "en": "unit: is needed"}]
        error = DescriptionInvalid("x", extra={"findings": findings})
        assert "  - unit: is needed" in self.said(capsys, error)
        assert "  - 단위: 필요합니다" in self.said(capsys, error, "ko")

    def test_a_reason_in_both_languages_is_shown_in_one(self, capsys):
        error = Refused(
            403, {"message": "no", "code": "count-reached", "reason": {"ko": "안 됩니다", "en": "no more"}}
        )
        assert self.said(capsys, error, "ko") == "madang: 안 됩니다\n"
        assert self.said(capsys, error) == "madang: no more\n"

    def test_as_json(self, capsys):
        said = json.loads(self.said(capsys, BadInput("x", pointer="p", hint="h"), is_json=True))
        assert said == {"code": "bad-input", "message": "x", "path": "p", "hint": "h"}

    def test_nothing_from_outside_steers_the_terminal(self, capsys):
        assert "\x1b" not in self.said(capsys, PeerFailed("\x1b[2Jgone\nand more"))
        assert one_line("a\x07b\nc") == "a b c"


class TestCommonOptions:
    """--home, --lang and --json stand anywhere."""

    def run(self, capsys, *arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        said = capsys.readouterr()
        return code, said.out, said.err

    @pytest.mark.parametrize("at", [0, 1])
    def test_home_before_and_after_the_verb(self, capsys, tmp_path, at):
        words = ["status"]
        words[at:at] = ["--home", str(tmp_path / "none")]
        code, _, err = self.run(capsys, *words, "--lang=en")
        assert code == 2
        assert f"{tmp_path / 'none'} is no connector's home" in err

    def test_home_from_the_environment(self, capsys, tmp_path, monkeypatch):
        monkeypatch.setenv("MADANG_HOME", str(tmp_path / "from-environment"))
        assert "from-environment" in self.run(capsys, "status", "--lang", "en")[2]

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("status", "--home"), "--home: needs a value"),
            (("status", "--lang", "fr"), "must be ko or en, not fr"),
            (("--lang=",), "--lang: needs a value"),
            (("no-such-verb", "--lang", "en"), "there is no verb no-such-verb"),
            (("init", "--no-such", "--lang", "en"), "there is no option --no-such"),
            (("contract", "show", "--lang", "en"), "ID is missing"),
            (("init", "--public-port", "many", "--lang", "en"), "--public-port: its value cannot be used"),
            (("contract", "verify", "x", "--pin", "none", "--lang", "en"), "must be DID=THUMBPRINT"),
        ],
    )
    def test_what_cannot_be_read(self, capsys, monkeypatch, arguments, says):
        monkeypatch.setenv("LC_ALL", "C")
        code, out, err = self.run(capsys, *arguments)
        assert (code, out) == (2, "")
        assert says in err
        assert len(err.splitlines()) <= 2

    def test_help_in_both_languages(self, capsys):
        code, korean, _ = self.run(capsys, "publish", "--help", "--lang", "ko")
        assert code == 0
        assert "쓰는 법: madang publish [옵션]" in korean
        assert "Show this message" not in korean
        code, english, _ = self.run(capsys, "publish", "--help", "--lang", "en")
        assert "Usage: madang publish [OPTIONS]" in english
        assert "help." not in korean + english

    def test_alone_it_shows_the_verbs(self, capsys):
        code, out, _ = self.run(capsys, "--lang", "en")
        assert code == 0
        assert "withdraw" not in out
        assert "publish a file or folder under terms" in out

    def test_version(self, capsys):
        assert self.run(capsys, "--version") == (0, f"madang {__version__}\n", "")


def test_up_starts_without_what_it_does_not_need(tmp_path):
    """It runs for months: the libraries for options, tables and RDF stay out of it."""
    heavy = {"typer", "rich", "pydantic", "rdflib", "pyshacl", "pyarrow", "duckdb"}
    script = (
        "import sys; from connector.cli import main; import connector.app\n"
        f"code = main(['up', '--home', {str(tmp_path / 'none')!r}, '--lang', 'en'])\n"
        f"print(code, sorted({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "2 []"
    assert "is no connector's home" in done.stderr
