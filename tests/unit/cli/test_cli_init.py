"""`madang init`: what it makes, for whom it is readable, and what it leaves alone."""

from __future__ import annotations

import json
import stat
import tomllib
from pathlib import Path

import pytest

from connector.cli import main
from connector.commands.home import config_text
from connector.identity.keys import KeyRing
from connector.settings import build, load


def init(home: Path, *arguments: str) -> int:
    return main(["init", "--home", str(home), "--lang", "en", *arguments])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "home"


def test_it_makes_a_home_for_its_owner_alone(home, capsys):
    assert (
        init(home, "--url", "https://factory-a.example/madang", "--name", '가나 "정밀"', "--name-en", "GaNa")
        == 0
    )
    assert {path.name for path in home.iterdir()} == {"connector.toml", "management.key", "keys"}
    assert mode(home) == mode(home / "keys") == 0o700
    assert all(
        mode(path) == 0o600 for path in home.rglob("*") if path.is_file() and path.name != "index.json"
    )
    assert len((home / "management.key").read_text().strip()) >= 40
    settings = load(home, {})
    assert settings.public_url == "https://factory-a.example/madang"
    assert settings.participant.name == '가나 "정밀"'
    ring = KeyRing.open(home / "keys", "did:web:factory-a.example:madang")
    out = capsys.readouterr().out
    assert ring.did in out
    assert ring.thumbprint in out
    assert "madang up" in out


def test_a_second_time_nothing_is_changed(home, capsys):
    assert init(home, "--url", "https://factory-a.example") == 0
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert init(home) == 0
    assert "is there already" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == before


def test_options_beside_an_existing_file_are_refused(home, capsys):
    home.mkdir(parents=True)
    (home / "connector.toml").write_text("[server]\npublic_port = 9443\n")
    assert init(home, "--public-port", "1") == 2
    assert "is there already" in capsys.readouterr().err
    assert not (home / "keys").exists()


def test_files_that_are_there_are_kept(home):
    home.mkdir(parents=True)
    (home / "connector.toml").write_text('[server]\npublic_url = "https://factory-b.example"\n')
    (home / "management.key").write_text("of-the-owner")
    assert init(home) == 0
    assert (home / "management.key").read_text() == "of-the-owner"
    assert KeyRing.open(home / "keys", "did:web:factory-b.example").did == "did:web:factory-b.example"


def test_an_edwards_key(home):
    assert init(home, "--alg", "EdDSA", "--url", "https://factory-a.example") == 0
    assert KeyRing.open(home / "keys", "did:web:factory-a.example").signer.alg == "EdDSA"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--alg", "RS256"), "ES256 or EdDSA"),
        (("--url", "ftp://factory-a.example"), "http(s) URL"),
        (("--url", "https://user@factory-a.example"), "nothing else"),
    ],
)
def test_what_cannot_work_is_said_and_nothing_is_made(home, capsys, arguments, says):
    assert init(home, *arguments) == 2
    assert says in capsys.readouterr().err
    assert not home.exists()


def test_other_addresses_keys_are_not_used(home, capsys):
    assert init(home, "--url", "https://factory-a.example") == 0
    text = (home / "connector.toml").read_text().replace("factory-a", "factory-c")
    (home / "connector.toml").write_text(text)
    assert init(home) == 1
    assert "factory-a" in capsys.readouterr().err


def test_without_an_address_it_says_what_is_missing(home, capsys):
    assert init(home) == 0
    assert "--url https://" in capsys.readouterr().out


def test_as_json(home, capsys):
    assert init(home, "--url", "https://factory-a.example", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["did"] == "did:web:factory-a.example"
    assert told["new"] is True


@pytest.mark.parametrize("given", [{}, {"server": {"public_port": 1}, "tls": {"cert": "a\\b\n"}}])
def test_the_file_says_exactly_what_was_given(given):
    text = config_text(given)
    read = {name: table for name, table in tomllib.loads(text).items() if table}
    assert read == given
    # And what stands there as a comment is right as well, once it is wanted.
    opened = "\n".join(line.removeprefix("# ") if " = " in line else line for line in text.splitlines())
    build(Path("/nowhere"), tomllib.loads(opened), {})


def test_a_damaged_database_is_one_line_for_the_ledger_too(home, capsys):
    assert init(home, "--url", "https://factory-a.example", "--management-port", "9") == 0
    assert main(["ledger", "verify", "--home", str(home), "--lang", "en"]) == 2
    assert "never up" in capsys.readouterr().err
    (home / "madang.db").write_bytes(b"not a database" * 1000)
    assert main(["ledger", "verify", "--home", str(home), "--lang", "en"]) == 1
    assert "the database cannot be read" in capsys.readouterr().err
