"""`python -m tests.interop`: exchange a dataset with a stock EDC, in both roles."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from tests.interop.process import ChildFailed
from tests.interop.runner import Plan, run
from tests.interop.scenarios import SCENARIOS
from tests.interop.stock import MissingTool, resolve


def main() -> int:
    """0 if every scenario passed, 1 if one failed or a connector did not start, 2 if a tool is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.interop", description=__doc__)
    parser.add_argument(
        "--pair",
        choices=("madang", "edc"),
        default="madang",
        help="madang: ours and a stock EDC (default); edc: two stock EDCs, to show that the driver is right",
    )
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument(
        "--only", nargs="+", choices=names, default=[], metavar="NAME", help="of: " + ", ".join(names)
    )
    parser.add_argument(
        "--edc-wait-ms",
        type=int,
        default=None,
        help="let EDC's state machines look for work every so many ms (its own default: 1000)",
    )
    parser.add_argument("--trace", type=Path, help="write every message of the run into this folder")
    parser.add_argument("--keep", action="store_true", help="keep the homes and logs even if all is well")
    options = parser.parse_args()
    plan = Plan(options.pair, tuple(options.only), options.edc_wait_ms, options.trace)
    try:
        return asyncio.run(_main(plan, keep=options.keep))
    except (asyncio.CancelledError, KeyboardInterrupt):
        print("interop: interrupted", file=sys.stderr)
        return 130


async def _main(plan: Plan, *, keep: bool) -> int:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    # Ending this run ends what it started: the cancellation passes through every `finally`.
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    folder = Path(tempfile.mkdtemp(prefix="madang-interop-"))
    try:
        score = await run(plan, await resolve(), folder)
    except MissingTool as error:
        print(f"interop: {error}", file=sys.stderr)
        return 2
    except ChildFailed as error:
        print(f"{error}\nlogs: {folder}", file=sys.stderr)
        print("interop: 0 passed, 1 failed")
        return 1
    if score.failed == 0 and not keep:
        shutil.rmtree(folder)
    else:
        print(f"homes and logs: {folder}", file=sys.stderr)
    print(score.line())
    return 1 if score.failed or not score.passed else 0


if __name__ == "__main__":
    sys.exit(main())
