"""`python -m tests.conformance.odrl force|oval|formal|conflict [DIR]`: run one judge over a folder.

Prints each miss with its reason and ends `force: N passed, N failed`; exits 1 if there is a miss.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from tests.conformance.odrl.outcome import REFERENCE, told

FOLDERS = {
    "force": "force",
    "oval": "oval",
    "formal": "w3c-formal-semantics",
    "conflict": "conflict",
}


def main() -> int:
    """Run the judge that was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.odrl", description=__doc__)
    parser.add_argument("judge", choices=FOLDERS)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--notes", action="store_true", help="tell what passed but is worth a word")
    asked = parser.parse_args()
    folder = asked.folder or REFERENCE / FOLDERS[asked.judge]
    if not folder.is_dir():
        sys.stderr.write(f"{folder} is no folder\n")
        return 2
    judge = importlib.import_module(f"tests.conformance.odrl.{asked.judge}")
    verdicts = list(judge.run(folder))
    for line in told(asked.judge, verdicts, show=asked.notes):
        sys.stdout.write(line + "\n")
    return 0 if verdicts and all(verdict.passed for verdict in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
