"""Packaging: the locks hold what pyproject.toml asks for, and a wheel works without the clone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from connector import resources
from connector.errors import NotFound

ROOT = Path(__file__).resolve().parents[3]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
LOCKS = ["requirements.lock", "requirements/tables.lock", "requirements/build.lock", "requirements/dev.lock"]


def locked(name: str) -> dict[str, str]:
    """Package -> version of a lock file."""
    text = (ROOT / name).read_text(encoding="utf-8")
    return {
        canonicalize_name(name): version
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", text, re.MULTILINE)
    }


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_is_pinned_with_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=\S)", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    assert len(entries) >= 8
    for entry in entries:
        assert re.match(r"[a-z0-9._-]+==[^\s;]+", entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
    assert "://" not in text


@pytest.mark.parametrize(
    ("name", "extras"),
    [
        ("requirements.lock", []),
        ("requirements/tables.lock", ["tables"]),
        ("requirements/dev.lock", list(EXTRAS)),
    ],
)
def test_a_lock_fulfils_what_the_project_asks_for(name: str, extras: list[str]) -> None:
    have = locked(name)
    wanted = [*PROJECT["project"]["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    for requirement in map(Requirement, wanted):
        if requirement.name == "madang":
            continue
        version = have.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name}: run make lock"
        assert requirement.specifier.contains(version), f"{requirement.name}: run make lock"


def test_the_locks_agree() -> None:
    largest = locked("requirements/dev.lock")
    for name in LOCKS:
        assert locked(name).items() <= largest.items()


def test_the_run_lock_has_no_tool_of_ours_in_it() -> None:
    assert not {"pytest", "mypy", "ruff", "pyarrow", "duckdb", "hatchling"} & set(locked("requirements.lock"))


def test_resources_are_found_in_this_clone() -> None:
    assert resources.policies_dir() == ROOT / "policies"
    assert resources.vocab_dir() == ROOT / "vocab"


def test_the_generator_is_loaded_once_and_is_deterministic(tmp_path: Path) -> None:
    generator = resources.generator()
    assert resources.generator() is generator
    files = [generator.write(tmp_path / name, rows=20, seed=3) for name in ("one.csv", "two.csv")]
    assert files[0].read_bytes() == files[1].read_bytes()


@pytest.mark.parametrize("name", ["nothing", "../generate/injection", "/etc/passwd", "", "injection.py"])
def test_a_generator_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(NotFound):
        resources.generator(name)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel, built without a network and unpacked where nothing of the clone can be seen."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_carries_every_file_that_is_no_code(wheel: Path) -> None:
    for folder, place in (("policies", "policies"), ("vocab", "vocab"), ("examples/generate", "generate")):
        here = {p.relative_to(ROOT / folder) for p in (ROOT / folder).rglob("*") if p.is_file()}
        here = {p for p in here if "__pycache__" not in p.parts}
        inside = wheel / "connector" / "_data" / place
        assert {p.relative_to(inside) for p in inside.rglob("*") if p.is_file()} == here
    ours = {p.relative_to(ROOT) for p in (ROOT / "connector").rglob("*") if p.is_file()}
    ours = {p for p in ours if "__pycache__" not in p.parts}
    assert {p for p in ours if not (wheel / p).is_file()} == set()
    assert [p.name for p in wheel.iterdir() if p.is_dir() and p.suffix != ".dist-info"] == ["connector"]


def test_the_wheel_finds_its_own_files(wheel: Path, tmp_path: Path) -> None:
    program = (
        "import json, connector.resources as r;"
        "print(json.dumps([str(r.policies_dir()), str(r.vocab_dir()), r.generator().__file__]))"
    )
    environment = os.environ | {"PYTHONPATH": str(wheel)}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert all(Path(place).is_relative_to(wheel) for place in json.loads(done.stdout))


def test_the_wheel_says_who_it_is(wheel: Path) -> None:
    (info,) = wheel.glob("*.dist-info")
    assert "madang = connector.cli:main" in (info / "entry_points.txt").read_text(encoding="utf-8")
    about = (info / "METADATA").read_text(encoding="utf-8")
    assert "License-Expression: Apache-2.0" in about
    assert (info / "licenses" / "LICENSE").is_file()
