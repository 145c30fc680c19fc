"""Resolve the dependencies and write the lock files: `make lock`.

Four files, each complete in itself, every line with its hashes and none with an index address, so that pip
asks whatever index the machine is set up for and takes nothing whose hash is not here:

    requirements.lock         what a connector runs with
    requirements/tables.lock  the same with Parquet and DuckDB
    requirements/build.lock   the build back end
    requirements/dev.lock     all of it, with tests, linters and the bill of materials

They hold for every platform and every Python from 3.11 on. The versions agree in all four, because the
largest is resolved first and binds the others.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
RESOLVER: Final = "uv==0.13.9"
"""Resolves for all platforms at once, which pip cannot; used here and nowhere else."""

HEADER: Final = (
    "# Written by `make lock`; do not edit. Install with: pip install --require-hashes -r {name}\n"
)

LARGEST: Final = "requirements/dev.lock"
LOCKS: Final[dict[str, tuple[str, ...]]] = {
    LARGEST: ("dev", "build"),
    "requirements.lock": (),
    "requirements/tables.lock": ("tables",),
    "requirements/build.lock": ("build",),
}
_ADDRESS: Final = re.compile(r"https?://|--(index|extra-index|find-links|trusted)", re.IGNORECASE)


def pip_option(python: Path, name: str) -> str | None:
    """One option as pip itself would read it here (its files, then its environment), or None."""
    listed = subprocess.run(
        [python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    found = re.findall(rf"^[^=]*\.{name}='(.*)'$", listed.stdout, re.MULTILINE)
    return found[-1] if found else None


def resolve(uv: Path, name: str, extras: tuple[str, ...], bound_by: Path | None, options: list[str]) -> str:
    """The text of one lock file; raises CalledProcessError when nothing fits."""
    command: list[str | Path] = [uv, "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"]
    command += [
        "--generate-hashes",
        "--no-header",
        "--no-annotate",
        "--no-emit-index-url",
        "--no-emit-find-links",
    ]
    command += options
    if bound_by is not None:
        command += ["--constraint", bound_by]
    for extra in extras:
        command += ["--extra", extra]
    if extras == ("build",):  # the back end alone: the connector's own dependencies are no part of it
        source = Path(tempfile.mkstemp(suffix=".in")[1])
        source.write_text("\n".join(build_requirements()) + "\n", encoding="utf-8")
        command = [part for part in command if part not in {"--extra", "build"}] + [source]
    else:
        command.append(ROOT / "pyproject.toml")
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    if _ADDRESS.search(done.stdout):
        message = f"{name} would name an index: refusing to write it"
        raise SystemExit(message)
    return HEADER.format(name=name) + done.stdout


def build_requirements() -> list[str]:
    """The `build` extra of pyproject.toml."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extra: list[str] = project["optional-dependencies"]["build"]
    return extra


def main(arguments: list[str]) -> int:
    """Write all four; `--upgrade` takes the newest versions instead of keeping the locked ones."""
    upgrade = "--upgrade" in arguments
    with tempfile.TemporaryDirectory() as folder:
        venv = Path(folder, "resolver")
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        python = venv / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "--quiet", RESOLVER], check=True)
        options: list[str] = []
        if index := pip_option(python, "index-url"):
            options += ["--default-index", index]
        largest = ROOT / LARGEST
        kept = None if upgrade or not largest.exists() else largest
        for name, extras in LOCKS.items():
            bound_by = kept if name == LARGEST else largest
            text = resolve(venv / "bin" / "uv", name, extras, bound_by, options)
            target = ROOT / name
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")
            print(f"{name}: {len(re.findall('^[a-z0-9]', text, re.MULTILINE))} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
