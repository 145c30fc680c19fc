"""Mutation testing of the policy room: `make mutate`, by hand (about 20 s a mutant on one core).

A mutant is one small change of one place of `connector/policy`: another comparison, `and` for `or`,
a condition turned round, a number one off, `min` for `max`. The room's unit tests have to fail with
it. Mutants are drawn with a seed, so that a score can be had again; everything happens in a copy of
the tree, and the working tree is never touched.

    python tools/mutate.py --count 400 --seed 1 --jobs 2

Printed are each survivor with its line, and at the end `mutate: N of M killed, P %, seed S, commit C`.
Exit code 0 if at least 90 % were killed.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
ROOM: Final = Path("connector/policy")
TESTS: Final = Path("tests/unit/policy")
COPIED: Final = ("connector", "policies", "vocab", "docs", "tests", "pyproject.toml")
NEEDED: Final = 0.9
TIMEOUT_S: Final = 180

_SWAPPED: Final[dict[type[ast.AST], tuple[str, str]]] = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.And: ("and", "or"),
    ast.Or: ("or", "and"),
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
    ast.FloorDiv: ("//", "*"),
    ast.LShift: ("<<", ">>"),
    ast.RShift: (">>", "<<"),
}
_CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change: the text between two offsets of a file (in UTF-8 bytes) becomes another."""

    file: Path
    line: int
    start: int
    end: int
    old: str
    new: str

    def apply(self, tree: Path) -> bytes:
        """Change the file in a copy of the tree; returns what was there."""
        target = tree / self.file
        before = target.read_bytes()
        target.write_bytes(before[: self.start] + self.new.encode() + before[self.end :])
        return before


def mutants(file: Path, source: bytes) -> Iterator[Mutant]:
    """Every mutant of one file that is still Python."""
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    tree = ast.parse(source)
    skipped = _skipped(tree)

    def span(node: ast.expr) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return lines[node.lineno - 1] + node.col_offset, lines[node.end_lineno - 1] + node.end_col_offset

    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        for at, start, end, new in _changes(node, span, source):
            old = source[start:end].decode()
            try:
                compile(source[:start] + new.encode() + source[end:], str(file), "exec")
            except SyntaxError:
                continue
            yield Mutant(file, at.lineno, start, end, old, new)


_Span = Callable[[ast.expr], tuple[int, int]]
_Change = tuple[ast.expr, int, int, str]


def _changes(node: ast.AST, span: _Span, source: bytes) -> Iterator[_Change]:
    """The changes of one node: where, from, to, and the new text."""
    match node:
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _SWAPPED:
            yield _between(node, op, span(left)[1], span(right)[0], source)
        case ast.BoolOp(op=op, values=[first, second, *_]):
            yield _between(node, op, span(first)[1], span(second)[0], source)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _SWAPPED:
            yield _between(node, op, span(left)[1], span(right)[0], source)
        case ast.UnaryOp(op=ast.Not()):
            start = span(node)[0]
            yield node, start, start + len("not"), ""
        case ast.IfExp(test=test):
            yield (node, *span(test), f"not ({ast.unparse(test)})")
        case ast.If(test=test) | ast.While(test=test) if not isinstance(test, ast.Compare | ast.UnaryOp):
            yield (test, *span(test), f"not ({ast.unparse(test)})")
        case ast.Constant(value=bool(value)):
            yield (node, *span(node), str(not value))
        case ast.Constant(value=int(value)):
            yield (node, *span(node), str(value + 1))
        case ast.Call(func=ast.Name(id=name) as called) if name in _CALLS:
            yield (called, *span(called), _CALLS[name])


def _between(node: ast.expr, op: ast.AST, start: int, end: int, source: bytes) -> _Change:
    """Another operator between two operands, whatever brackets stand around them."""
    old, new = _SWAPPED[type(op)]
    return node, start, end, source[start:end].decode().replace(old, new, 1)


def _skipped(tree: ast.Module) -> set[int]:
    """Parts whose change would be no change: annotations, `__slots__` and dataclass options."""
    found: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST] = []
        if isinstance(node, ast.AnnAssign | ast.arg) and node.annotation is not None:
            parts.append(node.annotation)
        if isinstance(node, ast.FunctionDef) and node.returns is not None:
            parts.append(node.returns)
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            parts += node.decorator_list
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            parts.append(node)
            found.add(id(node))
        for part in parts:
            found.update(id(inner) for inner in ast.walk(part))
    return found


def reaches(tree: Path) -> dict[Path, list[str]]:
    """For each file of the room its tests: those that name its module first, the others after them."""
    tests = sorted((tree / TESTS).glob("test_*.py"))
    texts = {test: test.read_text(encoding="utf-8") for test in tests}
    found = {}
    for file in sorted((tree / ROOM).rglob("*.py")):
        near = [test for test in tests if file.stem in texts[test] or file.stem in test.stem]
        ordered = near + [test for test in tests if test not in near]
        found[file.relative_to(tree)] = [str(test.relative_to(tree)) for test in ordered]
    return found


def survives(mutant: Mutant, tree: Path, tests: list[str], seed: int) -> bool:
    """Whether the unit tests pass with the mutant; a run that does not end is a failure of the tests."""
    before = mutant.apply(tree)
    try:
        return passes(tree, tests, seed)
    finally:
        (tree / mutant.file).write_bytes(before)


def passes(tree: Path, tests: list[str], seed: int) -> bool:
    """Whether the tests pass in a copy of the tree, in time."""
    options = ["-x", "-q", "-p", "no:cacheprovider", f"--hypothesis-seed={seed}"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=tree,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def copy(to: Path) -> Path:
    """A copy of what the tests need."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
        else:
            shutil.copy(source, to / name)
    return to


def commit() -> str:
    """The commit, with a plus if the room or its tests differ from it; `-` outside of a repository."""

    def git(*words: str) -> str:
        command = ["git", *words]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--", str(ROOM), str(TESTS), "policies")
    return (git("rev-parse", "--short", "HEAD") or "-") + ("+" if changed else "")


def main() -> int:
    """Draw, run and count."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="files whose name holds this")
    asked = parser.parse_args()

    files = [f.relative_to(ROOT) for f in sorted((ROOT / ROOM).rglob("*.py")) if asked.only in f.name]
    every = [mutant for file in files for mutant in mutants(file, (ROOT / file).read_bytes())]
    drawn = random.Random(asked.seed).sample(every, min(asked.count, len(every)))  # noqa: S311 - a draw
    killed = 0
    with tempfile.TemporaryDirectory(prefix="madang-mutate-") as folder:
        trees: SimpleQueue[Path] = SimpleQueue()
        for number in range(asked.jobs):
            trees.put(copy(Path(folder) / str(number)))
        first = Path(folder) / "0"
        tests = reaches(first)
        if drawn and not passes(first, tests[drawn[0].file], asked.seed):
            print("mutate: the tests fail without any mutant")
            return 2

        def run(mutant: Mutant) -> bool:
            tree = trees.get()
            try:
                return survives(mutant, tree, tests[mutant.file], asked.seed)
            finally:
                trees.put(tree)

        with ThreadPoolExecutor(asked.jobs) as pool:
            for mutant, lives in zip(drawn, pool.map(run, drawn), strict=True):
                killed += not lives
                if lives:
                    change = f"{mutant.old.strip()!r} -> {mutant.new.strip()!r}"
                    print(f"survived: {mutant.file}:{mutant.line}: {change}")
                    sys.stdout.flush()
    share = killed / len(drawn) if drawn else 0.0
    print(
        f"mutate: {killed} of {len(drawn)} killed, {share:.1%}, of {len(every)} mutants, "
        f"seed {asked.seed}, commit {commit()}"
    )
    return 0 if share >= NEEDED else 1


if __name__ == "__main__":
    sys.exit(main())
