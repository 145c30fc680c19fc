"""Starts the connector under test: `madang up` as it ships, with default stores and the plug-in.

Nothing here imports the connector; it is a process of its own, in a folder of
its own, reached over HTTP on loopback.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from tests.conformance.dsp.table import AUTHORIZATION, TCK_PARTICIPANT

REPOSITORY: Final = Path(__file__).resolve().parents[3]
PLUGIN: Final = "tests.conformance.dsp.plugin"
AGENT: Final = "CONNECTOR_UNDER_TEST"
_READY_S: Final = 30.0
_STOP_S: Final = 12.0


class NotStarted(Exception):
    """The connector under test did not come up; the text has the end of what it said."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Where everything listens, on loopback."""

    public: int = 8282
    private: int = 8283
    hooks: int = 8687
    callback: int = 8083


@dataclass(frozen=True, slots=True)
class UnderTest:
    """The addresses of a running connector under test."""

    root: str
    """Below it lies /.well-known/dspace-version."""
    dsp: str
    negotiate: str
    transfer: str
    agent: str
    log: Path


def busy(ports: Ports) -> list[int]:
    """Those of the ports that somebody listens on already."""
    found = []
    for port in (ports.public, ports.private, ports.hooks, ports.callback):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                found.append(port)
    return found


@asynccontextmanager
async def connector_under_test(ports: Ports, *, delay_s: float | None = None) -> AsyncIterator[UnderTest]:
    """A running connector under test, in a temporary home that goes with it.

    Args:
        delay_s: pause before each step that the table prescribes; None: the table's own.

    Raises:
        NotStarted: it ended by itself, or was not ready in time.
    """
    with tempfile.TemporaryDirectory(prefix="madang-conformance-") as folder:
        home, log = Path(folder) / "home", Path(folder) / "log.txt"
        # The address in the settings makes the DID, and the DID stands in the keys that init makes.
        home.mkdir(mode=0o700)
        (home / "connector.toml").write_text(_settings(ports), encoding="utf-8")
        await _init(home, log)
        process = await _spawn(log, ["up", "--home", str(home)], _environment(ports, delay_s))
        try:
            await _ready(process, ports, log)
            url = f"http://localhost:{ports.public}/api"
            hooks = f"http://localhost:{ports.hooks}/tck"
            yield UnderTest(
                root=f"{url}/dsp",
                dsp=f"{url}/dsp/2025-1",
                negotiate=f"{hooks}/negotiations/requests",
                transfer=f"{hooks}/transfers/requests",
                agent=AGENT,
                log=log,
            )
        finally:
            await _stop(process)


def _settings(ports: Ports) -> str:
    """connector.toml: a path prefix, the suite as a static peer, and its callback address let out."""
    callback = f"localhost:{ports.callback}"
    tables: list[tuple[str, dict[str, object]]] = [
        ("", {"plugins": [PLUGIN]}),
        (
            "[server]",
            {
                "public_url": f"http://localhost:{ports.public}/api",
                "public_host": "127.0.0.1",
                "public_port": ports.public,
                "management_port": ports.private,
            },
        ),
        ("[egress]", {"allow": [callback], "http_hosts": [callback]}),
        (
            "[[identity.static_peers]]",
            {
                "id": TCK_PARTICIPANT,
                "address": f"http://{callback}",
                "send": AUTHORIZATION,
                "match": AUTHORIZATION,
                "our_id": AGENT,
                # The suite's handlers tell messages by their path: a second one could reach another scenario.
                "insist": False,
            },
        ),
    ]
    # JSON's strings, numbers and lists of strings are TOML's as well.
    parts = [
        [title, *(f"{key} = {json.dumps(value)}" for key, value in table.items())] for title, table in tables
    ]
    return "\n".join("\n".join(part) for part in parts) + "\n"


def _environment(ports: Ports, delay_s: float | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
    kept |= {"MADANG_CONFORMANCE_PORT": str(ports.hooks), "PYTHONUNBUFFERED": "1"}
    if delay_s is not None:
        kept["MADANG_CONFORMANCE_DELAY_S"] = str(delay_s)
    return kept


async def _spawn(log: Path, verb: list[str], environment: dict[str, str]) -> asyncio.subprocess.Process:
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "connector", *verb),
            cwd=REPOSITORY,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


async def _init(home: Path, log: Path) -> None:
    process = await _spawn(log, ["init", "--home", str(home)], _environment(Ports(), None))
    if await asyncio.wait_for(process.wait(), _READY_S) != 0:
        raise NotStarted(f"`madang init` failed: {_end_of(log)}")


async def _ready(process: asyncio.subprocess.Process, ports: Ports, log: Path) -> None:
    deadline = asyncio.get_running_loop().time() + _READY_S
    async with aiohttp.ClientSession() as session:
        while asyncio.get_running_loop().time() < deadline:
            if process.returncode is not None:
                raise NotStarted(f"`madang up` ended with {process.returncode}: {_end_of(log)}")
            try:
                async with session.get(f"http://127.0.0.1:{ports.private}/health/ready") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
    raise NotStarted(f"`madang up` was not ready in {_READY_S:g} s: {_end_of(log)}")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()


def _end_of(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").splitlines() if log.exists() else []
    return "\n".join(lines[-15:]) or "it said nothing"
