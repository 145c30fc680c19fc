"""Factories on this machine, for the demo: each a process of its own, with a folder, keys and a database.

Plain http on loopback, between ports that are written into each other's settings and nowhere else.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import connector
from connector.commands.home import API_KEY, make_home
from connector.errors import Unavailable
from connector.manage import Manage, NotReached, call
from connector.settings import CONFIG_FILE
from connector.story import Party

READY_S: Final = 30.0
STOP_S: Final = 12.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a factory is: its folder and its two ports."""

    name: str
    folder: Path
    public_port: int
    management_port: int
    korean: str

    @property
    def home(self) -> Path:
        """Its home folder."""
        return self.folder / "home"

    @property
    def log(self) -> Path:
        """What its process says."""
        return self.folder / "log.txt"


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def place(names: Mapping[str, str], folder: Path) -> list[Place]:
    """A place for each name (and its Korean name) below a folder."""
    ports = free_ports(2 * len(names))
    return [
        Place(name, folder / name, ports[2 * i], ports[2 * i + 1], korean)
        for i, (name, korean) in enumerate(names.items())
    ]


def settle(places: Sequence[Place], *, now: datetime) -> list[Party]:
    """Make every factory's home. Raises as `make_home`."""
    hosts = [f"127.0.0.1:{one.public_port}" for one in places]
    parties = []
    for one, host in zip(places, hosts, strict=True):
        one.home.mkdir(mode=0o700, parents=True)
        others = [other for other in hosts if other != host]
        (one.home / CONFIG_FILE).write_text(_config(one, host, others), encoding="utf-8")
        made = make_home(one.home, {}, now=now)
        key = (one.home / API_KEY).read_text(encoding="utf-8").strip()
        manage = Manage(f"http://127.0.0.1:{one.management_port}", key)
        parties.append(Party(one.name, made.ring.did, f"http://{host}", manage))
    return parties


def _config(one: Place, host: str, others: Sequence[str]) -> str:
    tables: dict[str, dict[str, Any]] = {
        "participant": {"name": one.korean, "name_en": one.name},
        "server": {
            "public_url": f"http://{host}",
            "public_host": "127.0.0.1",
            "public_port": one.public_port,
            "management_port": one.management_port,
        },
        "egress": {"allow": list(others), "http_hosts": list(others)},
    }
    # JSON's strings, numbers and lists of strings are TOML's as well.
    return "\n".join(
        "\n".join(
            [f"[{title}]", *(f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in table.items()), ""]
        )
        for title, table in tables.items()
    )


@contextmanager
def running(places: Sequence[Place]) -> Iterator[list[int]]:
    """The factories, each in its process and ready; their process ids. They are stopped at the end.

    Raises:
        Unavailable: one ended by itself or was not ready in time, with the end of what it said.
    """
    processes: list[subprocess.Popen[bytes]] = []
    try:
        processes.extend(_start(one) for one in places)
        for one, process in zip(places, processes, strict=True):
            _wait_ready(one, process)
        yield [process.pid for process in processes]
    finally:
        for process in processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in processes:
            _end(process)


def _start(one: Place) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
    # -P: whatever lies in the current folder, this very installation runs.
    root = str(Path(connector.__file__).resolve().parent.parent)
    environment = {**kept, "PYTHONPATH": root, "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-P", "-m", "connector", "up", "--home", str(one.home)]
    with one.log.open("ab") as log:
        return subprocess.Popen(  # noqa: S603  # our own interpreter and arguments
            command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )


def _wait_ready(one: Place, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Unavailable(f"{one.name} ended with {process.returncode}: {_end_of(one.log)}")
        try:
            if (
                call("GET", f"http://127.0.0.1:{one.management_port}/health/ready", timeout_s=2.0).status
                == 200
            ):
                return
        except NotReached:
            pass
        time.sleep(0.05)
    raise Unavailable(f"{one.name} was not ready in {READY_S:g} s: {_end_of(one.log)}")


def _end(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_of(log: Path) -> str:
    lines = log.read_text("utf-8", errors="replace").splitlines() if log.exists() else []
    return " | ".join(lines[-6:]) or "it said nothing"
