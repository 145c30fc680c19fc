"""`make tck-dsp`: run the official conformance kit against the connector under test.

The kit comes from outside: `TCK_DSP_CLASSPATH` is a Java class path that has it.
Its exit code says nothing (0 with failures, a missing key or a busy port), so it
is judged by what it prints: 65 passed, 0 failed, and that it came to its end.

Ends with `dsp-tck: N passed, N failed`. Exit code 0: 65 passed; 1: something
failed; 2: something is missing, and what.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.conformance.dsp.launch import NotStarted, Ports, UnderTest, busy, connector_under_test
from tests.conformance.dsp.table import AUTHORIZATION, configuration

ENABLED: Final = 65
MAIN: Final = "org.eclipse.dataspacetck.dsp.suite.DspTckSuite"
_RUN_S: Final = 600.0
_RACE: Final = re.compile(r"Unexpected 404|unexpected end of stream|Connection reset")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run of the kit came to."""

    passed: int
    failed: int
    is_complete: bool
    failures: tuple[tuple[str, str], ...]
    """(scenario with its name, message)"""

    @property
    def is_good(self) -> bool:
        """Every enabled scenario passed, and nothing was cut short."""
        return self.is_complete and self.passed == ENABLED and self.failed == 0


def read_output(text: str) -> Verdict:
    """The verdict in the kit's standard output."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    passed = re.search(r"Passed tests: (\d+)", plain)
    failed = re.search(r"Failed tests: (\d+)", plain)
    complete = bool(passed and failed and re.search(r"Test run complete\s*$", plain.rstrip()))
    found = re.findall(r"^\[[^\]\n]+\] {6}\[(.+)\]\n\[[^\]\n]+\] {6}(.*)$", plain, re.MULTILINE)
    return Verdict(
        passed=int(passed[1]) if passed else 0,
        failed=int(failed[1]) if failed else 0,
        is_complete=complete,
        failures=tuple((name, message.strip()) for name, message in found),
    )


def is_kits_own_race(verdict: Verdict, callback: str) -> bool:
    """Whether the one failure is the kit's own callback: a 404 of its own server, or a broken connection."""
    if not verdict.is_complete or verdict.failed != 1 or len(verdict.failures) != 1:
        return False
    message = verdict.failures[0][1]
    return callback in message and _RACE.search(message) is not None


def kit_configuration(target: UnderTest, ports: Ports) -> dict[str, str]:
    """Everything that the kit reads from its file."""
    callback = f"http://localhost:{ports.callback}"
    dsp = "dataspacetck.dsp"
    settings = {
        "dataspacetck.debug": "false",
        "dataspacetck.ansi": "false",
        "dataspacetck.host": "127.0.0.1",
        "dataspacetck.port": str(ports.callback),
        "dataspacetck.callback.address": callback,
        f"{dsp}.local.connector": "false",
        f"{dsp}.connector.agent.id": target.agent,
        f"{dsp}.connector.http.url": target.dsp,
        f"{dsp}.connector.http.base.url": target.root,
        f"{dsp}.connector.http.headers.authorization": AUTHORIZATION,
        f"{dsp}.connector.negotiation.initiate.url": target.negotiate,
        f"{dsp}.connector.transfer.initiate.url": target.transfer,
        f"{dsp}.default.wait": "10",
    }
    return settings | configuration()


def as_properties(settings: Mapping[str, str]) -> str:
    """Java's properties format."""
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def missing(environment: Mapping[str, str], java: str) -> str:
    """What there is not that a run needs, in one line; "" if all is there."""
    if not environment.get("TCK_DSP_CLASSPATH"):
        return "TCK_DSP_CLASSPATH is not set: the Java class path of the official DSP conformance kit 1.0.1"
    if shutil.which(java) is None:
        return f"there is no {java} program: Java 17 or newer runs the kit"
    for entry in environment["TCK_DSP_CLASSPATH"].split(os.pathsep):
        if entry and not entry.endswith("*") and not Path(entry).exists():
            return f"TCK_DSP_CLASSPATH names {entry}, which does not exist"
    return ""


async def run_kit(java: str, target: UnderTest, ports: Ports, folder: Path) -> str:
    """One run of the kit; what it printed, standard error included."""
    config = folder / "kit.properties"
    config.write_text(as_properties(kit_configuration(target, ports)), encoding="utf-8")
    kit = await asyncio.create_subprocess_exec(
        *(java, "-Xmx512m", "-cp", os.environ["TCK_DSP_CLASSPATH"], MAIN, "-config", str(config)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert kit.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(_RUN_S):
            async for raw in kit.stdout:
                line = raw.decode("utf-8", "replace")
                lines.append(line)
                if ended := re.search(r"\b(SUCCESSFUL|FAILED|ABORTED): (\S+)", line):
                    print(f"{'ok' if ended[1] == 'SUCCESSFUL' else ended[1]} {ended[2]}", flush=True)
            await kit.wait()
    finally:
        if kit.returncode is None:
            kit.kill()
            await kit.wait()
    return "".join(lines)


async def judge(java: str, ports: Ports, *, keep: Path | None) -> Verdict:
    """Start the connector, run the kit, and once more if its only failure was its own race.

    Raises:
        NotStarted: the connector did not come up.
    """
    verdict = Verdict(0, 0, is_complete=False, failures=())
    for attempt in (1, 2):
        with tempfile.TemporaryDirectory(prefix="dsp-tck-") as folder:
            async with connector_under_test(ports) as target:
                try:
                    output = await run_kit(java, target, ports, Path(folder))
                except TimeoutError:
                    print(f"the kit did not end within {_RUN_S:g} s", flush=True)
                    return verdict
                if keep is not None:
                    _keep(keep, attempt, output, target.log)
            verdict = read_output(output)
            for name, message in verdict.failures:
                print(f"FAILED {name}: {message}", flush=True)
            if not verdict.is_complete:
                print("".join(output.splitlines(keepends=True)[-30:]), flush=True)
        if attempt == 2 or not is_kits_own_race(verdict, f"http://localhost:{ports.callback}"):
            break
        print("the only failure is the kit's own callback race: once more", flush=True)
    return verdict


def _keep(folder: Path, attempt: int, output: str, log: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"kit-{attempt}.txt").write_text(output, encoding="utf-8")
    shutil.copyfile(log, folder / f"connector-{attempt}.txt")


def main(argv: Sequence[str] | None = None) -> int:
    """Run; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance.dsp.official", description=__doc__)
    parser.add_argument("--java", default="java", help="the Java to run the kit with")
    parser.add_argument("--port", type=int, default=8282, help="public port of the connector under test")
    parser.add_argument("--private-port", type=int, default=8283, help="its private port")
    parser.add_argument("--hook-port", type=int, default=8687, help="where its plug-in listens")
    parser.add_argument("--callback-port", type=int, default=8083, help="where the kit listens")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what the kit and the connector said")
    options = parser.parse_args(argv)
    if lack := missing(os.environ, options.java):
        print(f"error: {lack}", file=sys.stderr)
        return 2
    ports = Ports(options.port, options.private_port, options.hook_port, options.callback_port)
    if taken := busy(ports):
        print(f"error: in use already: port {', '.join(map(str, taken))}", file=sys.stderr)
        return 2
    try:
        verdict = asyncio.run(judge(options.java, ports, keep=options.keep))
    except NotStarted as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"dsp-tck: {verdict.passed} passed, {verdict.failed} failed", flush=True)
    return 0 if verdict.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
