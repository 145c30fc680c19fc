""".ci/run gives the right verdict, and the count of judges is honest."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
SHELL = [".ci/run", "deploy/start", "deploy/image", "deploy/pilot"]


def run(
    folder: Path, makefile: str, *stages: str, script: str = SCRIPT, **environment: str
) -> tuple[int, str]:
    """Runs a copy of the script where `make` is what the test says; the exit code and what was printed."""
    (folder / ".ci").mkdir(exist_ok=True)
    copy = folder / ".ci" / "run"
    copy.write_text(script, encoding="utf-8")
    copy.chmod(0o755)
    (folder / "Makefile").write_text(makefile, encoding="utf-8")
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    done = subprocess.run(
        [copy, *stages],
        env={"PATH": path, "INSTALL": "no", **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


GREEN = "test:\n\t@echo 'reference: 7 judges run'\ntck:\n\t@echo fine\n"


def test_green_is_green(tmp_path: Path) -> None:
    code, said = run(tmp_path, GREEN, "test", "tck", CI="true")
    assert code == 0
    assert "reference: 7 judges run" in said
    assert re.search(r"^stage tck: \d+ s of 240 s ok$", said, re.MULTILINE)
    assert said.endswith("verdict: green\n")


def test_a_failing_stage_is_red_and_the_others_still_run(tmp_path: Path) -> None:
    code, said = run(tmp_path, "test:\n\t@false\ntck:\n\t@echo still here\n", "test", "tck")
    assert code == 1
    assert "still here" in said
    assert "FAILED: exit" in said
    assert said.endswith("verdict: RED\n")


@pytest.mark.parametrize(("ci", "expected"), [("true", 1), ("", 0)])
@pytest.mark.parametrize("line", ["reference: 0 judges run", "nothing of the kind"])
def test_a_run_without_judges_counts_only_outside_ci(
    tmp_path: Path, ci: str, expected: int, line: str
) -> None:
    code, said = run(tmp_path, f"test:\n\t@echo '{line}'\n", "test", CI=ci)
    assert code == expected
    assert "reference: 0 judges run" in said


def test_a_recorded_stage_does_not_decide(tmp_path: Path) -> None:
    code, said = run(tmp_path, "bench:\n\t@false\n", "bench")
    assert code == 0
    assert "FAILED" in said
    assert "not gating" in said


def test_a_stage_over_its_budget_is_stopped_with_what_it_started(tmp_path: Path) -> None:
    fast = SCRIPT.replace("BUDGET[$name] * 60", "BUDGET[$name] / 4")
    makefile = "tck:\n\t@sh -c 'trap \"touch stopped; exit\" TERM; while :; do sleep 0.05; done'\n"
    code, said = run(tmp_path, makefile, "tck", script=fast)
    assert code == 1
    assert "over budget" in said
    assert (tmp_path / "stopped").exists()


def test_an_unknown_stage_is_refused(tmp_path: Path) -> None:
    code, said = run(tmp_path, GREEN, "dance")
    assert code == 2
    assert "there is no stage dance" in said


def test_the_budgets_of_the_usual_stages_fit_the_whole() -> None:
    budgets = dict(re.findall(r"\[(\w+)\]=(\d+)", re.search(r"declare -A BUDGET=\((.*)\)", SCRIPT)[1]))  # type: ignore[index]
    assert sum(map(int, budgets.values())) <= 45
    assert "TOTAL_MINUTES=45" in SCRIPT
    assert set(re.search(r"^STAGES=\((.*)\)$", SCRIPT, re.MULTILINE)[1].split()) <= set(budgets)  # type: ignore[index]
    assert set(budgets) == set(re.findall(r"^stage_(\w+)\(\)", SCRIPT, re.MULTILINE))


@pytest.mark.parametrize("script", SHELL)
def test_shell_scripts_parse_and_can_be_run(script: str) -> None:
    file = ROOT / script
    shell = "bash" if "bash" in file.read_text(encoding="utf-8").splitlines()[0] else "sh"
    found = shutil.which(shell)
    assert found is not None
    subprocess.run([found, "-n", file], check=True)
    assert file.stat().st_mode & 0o111 == 0o111


def _conftest() -> ModuleType:
    spec = importlib.util.spec_from_file_location("madang_tests_conftest", ROOT / "tests" / "conftest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_judge_is_a_file_that_opened_reference_material_and_passed(tmp_path: Path) -> None:
    judges = _conftest().Judges(tmp_path / "reference")
    inside, outside = str(tmp_path / "reference" / "schema.json"), str(tmp_path / "referenced.json")
    one, two, three = Path("test_one.py"), Path("test_two.py"), Path("test_three.py")
    judges.see("open", (inside, "r", 0))  # nobody's turn
    for test, opened in ((one, inside), (two, outside), (three, inside)):
        with judges.turn_of(test):
            judges.see("open", (opened, "r", 0))
    judges.passed |= {one, two}  # three was skipped or failed
    assert judges.consulted == {one, three}
    assert judges.heard == 1
