"""`madang demo` as a newcomer runs it, and `demo_check`, which has to notice whatever is changed later."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CHECK = ROOT / "tools" / "demo_check.py"
STEPS = [
    "publish", "catalog", "negotiate", "sign", "pull", "refuse", "withdraw", "refuse-after-withdraw", "prove",
]  # fmt: skip


def python(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LANG": "C.UTF-8", "LC_ALL": ""}
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the demo was run, in Korean."""
    folder = tmp_path_factory.mktemp("demo")
    done = python("-m", "connector", "demo", "--lang", "ko", folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder / "said.txt").write_text(done.stdout, "utf-8")
    return folder


@pytest.fixture
def copy(played: Path, tmp_path: Path) -> Path:
    shutil.copytree(played, tmp_path / "demo")
    return tmp_path / "demo"


def test_the_report_has_nine_steps_and_all_are_ok(played):
    report = json.loads((played / "demo-report.json").read_text("utf-8"))
    assert report["ok"] is True
    assert report["lang"] == "ko"
    assert [step["name"] for step in report["steps"]] == STEPS
    assert all(step["ok"] and step["ms"] > 0 and step["evidence"] for step in report["steps"])


def test_each_step_is_one_line(played):
    lines = (played / "said.txt").read_text("utf-8").splitlines()
    told = [line for line in lines if re.match(r"✓ \d/9 ", line)]
    assert len(told) == len(STEPS)
    assert all(re.search("[가-힣]", line) for line in told)


def test_the_data_is_the_shot_log(played):
    header, *rows = (played / "demo-out" / "pulled.csv").read_bytes().decode("cp949").splitlines()
    assert len(rows) == 8000
    assert len(header.split(",")) == 44


def test_no_secret_is_left_behind(played):
    for path in played.rglob("*"):
        if path.is_file():
            assert b"PRIVATE KEY" not in path.read_bytes(), path


def test_the_check_passes(played):
    done = python(CHECK, folder=played)
    assert done.returncode == 0, done.stdout
    assert re.fullmatch(r"demo-check: \d\d passed, 0 failed", done.stdout.splitlines()[-1])


def test_the_check_imports_nothing_of_ours():
    text = CHECK.read_text("utf-8")
    assert not re.search(r"^\s*(from|import) (connector|tests|examples)\b", text, re.MULTILINE)


def test_without_a_run_it_says_what_to_do(tmp_path):
    done = python(CHECK, folder=tmp_path)
    assert done.returncode == 2
    assert "make demo" in done.stderr


# --- what is changed is found -----------------------------------------------------------------


def _json(folder: Path, name: str, change: Callable[[dict], None]) -> None:
    path = folder / name
    value = json.loads(path.read_text("utf-8"))
    change(value)
    path.write_text(json.dumps(value, ensure_ascii=False), "utf-8")


def _flip(folder: Path, name: str) -> None:
    path = folder / "demo-out" / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def _lines(folder: Path, name: str, change: Callable[[list[bytes]], None]) -> None:
    path = folder / "demo-out" / f"ledger-{name}.ndjson"
    lines = path.read_bytes().splitlines(keepends=True)
    change(lines)
    path.write_bytes(b"".join(lines))


def _edit_leaf(lines: list[bytes]) -> None:
    at = next(i for i, line in enumerate(lines) if b'\\"kind\\":\\"delivered\\"' in line)
    entry = json.loads(lines[at])
    body = json.loads(entry["body"])
    body["data"] = {**body["data"], "bytes": 1}
    entry["body"] = json.dumps(body, separators=(",", ":"), sort_keys=True)
    lines[at] = json.dumps(entry).encode() + b"\n"


def _swap(lines: list[bytes]) -> None:
    lines[2], lines[3] = lines[3], lines[2]


def _cut(lines: list[bytes]) -> None:
    last = max(i for i, line in enumerate(lines) if b'"body"' in line)
    del lines[last]


def _other_terms(bundle: dict) -> None:
    bundle["policy"]["permission"][0]["constraint"].pop()


def _other_token(bundle: dict) -> None:
    bundle["tokens"]["verification"] = bundle["tokens"]["agreement"]


CHANGES: dict[str, Callable[[Path], None]] = {
    "a byte of what arrived": lambda f: _flip(f, "pulled.csv"),
    "a byte of the source": lambda f: _flip(f, "source.csv"),
    "the policy": lambda f: _json(f, "demo-out/contract.json", _other_terms),
    "a token in place of another": lambda f: _json(f, "demo-out/contract.json", _other_token),
    "a withdrawal left out": lambda f: _json(
        f, "demo-out/contract.json", lambda b: b["tokens"].pop("withdrawal")
    ),
    "a key": lambda f: _json(
        f,
        "demo-out/did-factory-b.json",
        lambda d: d["verificationMethod"][0]["publicKeyJwk"].update(
            json.loads((f / "demo-out/did-factory-a.json").read_text())["verificationMethod"][0][
                "publicKeyJwk"
            ]
        ),
    ),
    "a refusal's code": lambda f: _json(f, "demo-out/refusal-count.json", lambda r: r.update(code="ok")),
    "a refusal's status": lambda f: _json(
        f, "demo-out/refusal-withdrawn.json", lambda r: r.update(status=200)
    ),
    "a leaf": lambda f: _lines(f, "factory-a", _edit_leaf),
    "two leaves swapped": lambda f: _lines(f, "factory-b", _swap),
    "the last leaf cut": lambda f: _lines(f, "factory-a", _cut),
    "a file left out": lambda f: (f / "demo-out" / "contract-provider.json").unlink(),
    "the digest in the report": lambda f: _json(
        f, "demo-report.json", lambda r: r["steps"][0]["evidence"].update(sha256="0" * 64)
    ),
    "a step that failed": lambda f: _json(f, "demo-report.json", lambda r: r["steps"][3].update(ok=False)),
    "a step left out": lambda f: _json(f, "demo-report.json", lambda r: r["steps"].pop(5)),
}


@pytest.mark.parametrize("what", CHANGES, ids=lambda what: what.replace(" ", "-"))
def test_a_change_is_found(copy, what):
    CHANGES[what](copy)
    done = python(CHECK, folder=copy)
    assert done.returncode == 1, done.stdout
    assert re.fullmatch(r"demo-check: \d+ passed, [1-9]\d* failed", done.stdout.splitlines()[-1])


# --- a demo that cannot work ------------------------------------------------------------------


def test_a_failed_step_fails_the_run(tmp_path, monkeypatch, capsys):
    """The provider's file is gone before it is published: the report says so, and the exit code too."""
    from connector import demo
    from connector.commands.shell import Shell
    from connector.story import Story

    monkeypatch.chdir(tmp_path)
    publish = Story._publish

    def without_file(story: Story):
        story.source.unlink()
        return publish(story)

    monkeypatch.setattr(Story, "_publish", without_file)
    assert demo.run_demo(Shell(tmp_path, "en", is_json=False), keep=False) == 1
    report = json.loads((tmp_path / "demo-report.json").read_text())
    assert report["ok"] is False
    assert [step["ok"] for step in report["steps"]] == [False] * 9
    assert report["steps"][0]["evidence"]["code"] == "source-invalid"
    assert "not played" in report["steps"][8]["evidence"]["error"]
    assert "✗ 1/9" in capsys.readouterr().out


# --- against nodes that run already -----------------------------------------------------------


def test_three_nodes_play_it_in_two_pairs(tmp_path, monkeypatch, capsys):
    from connector import demo, resources
    from connector.clock import SystemClock
    from connector.commands.shell import Shell
    from connector.factories import place, running, settle

    names = {"factory-a": "가", "factory-b": "나", "partner": "다"}
    places = place(names, tmp_path / "nodes")
    parties = settle(places, now=SystemClock().now())
    lines = []
    for one, party in zip(places, parties, strict=True):
        resources.generator().write(one.folder / "shots.csv", 50, 1)
        shutil.copy(one.home / "management.key", tmp_path / f"{one.name}.key")
        lines += [
            "[[node]]",
            f'name = "{one.name}"',
            f'did = "{party.did}"',
            f'public_url = "{party.public_url}"',
            f'management_url = "{party.manage.url}"',
            f'key_file = "{one.name}.key"',
            f'source = "{one.folder / "shots.csv"}"',
        ]
    pilot = tmp_path / "pilot.toml"
    pilot.write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    with running(places):
        assert demo.run_against(Shell(tmp_path, "en", is_json=False), pilot) == 0, capsys.readouterr().out
        # Once more, as a rehearsal would: what is published stays, and the contract is a new one.
        assert demo.run_against(Shell(tmp_path, "ko", is_json=True), pilot) == 0
    report = json.loads((tmp_path / "demo-report.json").read_text())
    assert report["ok"] is True
    assert [step["name"] for step in report["steps"]] == STEPS
    (more,) = report["more"]
    assert (more["provider"], more["consumer"]) == ("factory-b", "partner")
    assert (tmp_path / "demo-out" / "factory-b-partner" / "contract.json").is_file()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("node = 3", "no pilot file"),
        ("", "node is missing"),
        ('[[node]]\nname = "a"', "did is missing"),
        ("[[node]", "no pilot file"),
    ],
)
def test_a_pilot_file_that_is_none(tmp_path, monkeypatch, capsys, text, says):
    from connector.cli import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "pilot.toml").write_text(text)
    assert main(["demo", "--against", "pilot.toml", "--lang", "en"]) == 2
    assert says in capsys.readouterr().err
