"""`python -m tests.conformance.dsp`: play the 65 DSP scenarios.

Without addresses it starts the connector under test itself (`make tck`); with
--dsp, --root, --negotiate and --transfer it plays against one that runs already.
Ends with `dsp-scenarios: N passed, N failed`. Exit code 0: all 65 were played
and passed; 1: something failed; 2: the command line is no good, a port is taken,
or the connector did not start; 3: what was chosen with --only passed, but that
was not everything.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conformance.dsp.dialogue import Target
from tests.conformance.dsp.launch import NotStarted, Ports, UnderTest, busy, connector_under_test
from tests.conformance.dsp.player import ENABLED, Result, chosen, junit, play


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.dsp", description=__doc__)
    parser.add_argument("--dsp", metavar="URL", help="the versioned base of the connector under test")
    parser.add_argument("--root", metavar="URL", help="below it lies /.well-known/dspace-version")
    parser.add_argument("--negotiate", metavar="URL", help="the hook that starts a negotiation")
    parser.add_argument("--transfer", metavar="URL", help="the hook that starts a transfer")
    parser.add_argument("--agent", default="CONNECTOR_UNDER_TEST", help="the connector's participant id")
    parser.add_argument("--authorization", default="any", help="our Authorization header")
    parser.add_argument("--port", type=int, default=8083, help="where we listen")
    parser.add_argument(
        "--callback", default="", metavar="URL", help="how we are reached (http://localhost:PORT)"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="ID", help="CN:01-03, CN:01, TP_C … (repeat)"
    )
    parser.add_argument("--as-kit", action="store_true", help="ask only what the official suite asks")
    parser.add_argument("--loss", type=float, default=0.15, help="share of our answers that get lost")
    parser.add_argument("--seed", type=int, default=1, help="which answers get lost")
    parser.add_argument("--pace", type=float, default=0.1, help="seconds between two looks")
    parser.add_argument("--wait", type=float, default=10.0, help="seconds to wait for anything")
    parser.add_argument(
        "--delay", type=float, default=0.02, help="seconds before each step of its own, when started"
    )
    parser.add_argument("--log", metavar="FILE", help="keep what the connector said, when started")
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit XML")
    return parser


def conclude(results: Sequence[Result]) -> int:
    """Print the totals, as the last line; return the exit code."""
    failed = sum(bool(result.reason) for result in results)
    passed = len(results) - failed
    print(f"dsp-scenarios: {passed} passed, {failed} failed", flush=True)
    if failed:
        return 1
    return 0 if passed == ENABLED else 3


def main(argv: Sequence[str] | None = None) -> int:
    """Play; return the exit code."""
    options = arguments().parse_args(argv)
    try:
        scenarios = chosen([name for group in options.only for name in group.split(",")])
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    addresses = (options.dsp, options.root, options.negotiate, options.transfer)
    if any(addresses) and not all(addresses):
        print("error: --dsp, --root, --negotiate and --transfer go together", file=sys.stderr)
        return 2
    try:
        results = asyncio.run(_run(options, scenarios))
    except (NotStarted, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    if options.junit:
        Path(options.junit).write_bytes(junit(results))
    return conclude(results)


async def _run(options: argparse.Namespace, scenarios: Sequence[str]) -> list[Result]:
    if options.dsp:
        running = UnderTest(
            root=options.root.rstrip("/"),
            dsp=options.dsp.rstrip("/"),
            negotiate=options.negotiate,
            transfer=options.transfer,
            agent=options.agent,
            log=Path(os.devnull),
        )
        return await _play(options, scenarios, running)
    ports = Ports(callback=options.port)
    if taken := busy(ports):
        raise NotStarted(f"in use already: port {', '.join(map(str, taken))}")
    async with connector_under_test(ports, delay_s=options.delay) as running:
        results = await _play(options, scenarios, running)
        if options.log:
            shutil.copyfile(running.log, options.log)
        return results


async def _play(options: argparse.Namespace, scenarios: Sequence[str], running: UnderTest) -> list[Result]:
    target = Target(
        dsp=running.dsp,
        root=running.root,
        negotiate=running.negotiate,
        transfer=running.transfer,
        agent=running.agent,
        callback=(options.callback or f"http://localhost:{options.port}").rstrip("/"),
        wait_s=options.wait,
        pace_s=options.pace,
        as_kit=options.as_kit,
    )
    return await play(
        target,
        scenarios,
        authorization=options.authorization,
        loss=options.loss,
        seed=options.seed,
        say=lambda line: print(line, flush=True),
    )


if __name__ == "__main__":
    sys.exit(main())
