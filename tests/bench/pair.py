"""Homes and processes for a bench: two connectors, two skeletons, and the line between them."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.commands.home import API_KEY, make_home
from connector.factories import free_ports
from connector.settings import CONFIG_FILE
from tests.bench import skeleton
from tests.bench.child import ROOT, Child, ChildFailed, child

LIMITS = {
    # The bench is one partner that asks more than any factory's partner does.
    "requests_per_minute": 10_000_000,
    "open_negotiations": 1_000_000,
    "parallel_pulls": 64,
}


@dataclass(frozen=True, slots=True)
class Home:
    """A connector that can be started. `public_url` may be that of a proxy before it."""

    folder: Path
    did: str
    public_url: str
    port: int
    management_port: int

    @property
    def api_key(self) -> str:
        """The key of its management API."""
        return (self.folder / API_KEY).read_text("utf-8").strip()


def make_homes(folder: Path, *, limits: Mapping[str, int], proxied: bool = False) -> list[Home]:
    """A consumer's and a provider's home on loopback; with `proxied` their addresses are other ports."""
    names = ("consumer", "provider")
    ports = free_ports(6)
    listen, private, seen = ports[:2], ports[2:4], (ports[4:] if proxied else ports[:2])
    hosts = [f"127.0.0.1:{port}" for port in seen]
    homes = []
    for i, name in enumerate(names):
        home = folder / name
        home.mkdir(mode=0o700, parents=True)
        tables: dict[str, dict[str, Any]] = {
            "participant": {"name": name, "name_en": name},
            "server": {
                "public_url": f"http://{hosts[i]}",
                "public_host": "127.0.0.1",
                "public_port": listen[i],
                "management_port": private[i],
            },
            "egress": {"allow": hosts, "http_hosts": hosts},
            "limits": dict(limits),
            "log": {"level": "warning"},
        }
        lines = [
            "\n".join([f"[{title}]", *(f"{k} = {json.dumps(v)}" for k, v in table.items()), ""])
            for title, table in tables.items()
        ]
        (home / CONFIG_FILE).write_text("\n".join(lines), "utf-8")
        made = make_home(home, {}, now=dt.datetime.now(dt.UTC))
        homes.append(Home(home, made.ring.did, f"http://{hosts[i]}", listen[i], private[i]))
    return homes


def content(folder: Path) -> Path:
    """The file that is exchanged, as long as the skeleton's."""
    path = folder / "shots.bin"
    path.write_bytes(skeleton.CONTENT)
    # Young files are not published: somebody may still be writing.
    old = time.time() - 60
    os.utime(path, (old, old))
    return path


@contextmanager
def ours(folder: Path, *, delay_ms: float = 0.0) -> Iterator[tuple[Child, Child, Home]]:
    """Consumer, provider and the provider's home, with one dataset published."""
    consumer, provider = make_homes(folder, limits=LIMITS, proxied=delay_ms > 0)
    with ExitStack() as stack:
        if delay_ms:
            for home in (consumer, provider):
                port = home.public_url.rpartition(":")[2]
                stack.enter_context(child("proxy", "tests.bench.proxy", port, home.port, delay_ms))
        b = stack.enter_context(child("our provider", "tests.bench.node", provider.folder))
        a = stack.enter_context(child("our consumer", "tests.bench.node", consumer.folder))
        b.tell("publish", path=str(content(folder)))
        yield a, b, provider


@contextmanager
def bare(folder: Path, *, delay_ms: float = 0.0) -> Iterator[Child]:
    """The skeleton's consumer, its provider behind it."""
    folder.mkdir(parents=True, exist_ok=True)
    skeleton.make_keys(folder)
    roles = ("consumer", "provider")
    ports = free_ports(4)
    listen, seen = ports[:2], (ports[2:] if delay_ms else ports[:2])
    urls = [f"http://127.0.0.1:{port}" for port in seen]
    with ExitStack() as stack:
        if delay_ms:
            for public, private in zip(seen, listen, strict=True):
                stack.enter_context(child("proxy", "tests.bench.proxy", public, private, delay_ms))
        sides = [
            stack.enter_context(
                child(
                    f"skeleton {role}", "tests.bench.skeleton", role, folder, listen[i], urls[i], urls[1 - i]
                )
            )
            for i, role in enumerate(roles)
        ]
        yield sides[0]


def environment(folder: Path) -> dict[str, str]:
    """For a process that is timed: its own settings only, and compiled code kept as in an installation."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MADANG_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


@contextmanager
def up(home: Home) -> Iterator[tuple[int, float]]:
    """`python -m connector up`: its process id, and the seconds from its start to its first "ready".

    Raises:
        ChildFailed: it ended, or was not ready within 30 s.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "connector", "up", "--home", str(home.folder)],
        cwd=ROOT,
        env=environment(home.folder.parent),
        stdout=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{home.management_port}/health/ready"
        while not _answers(url):
            if process.poll() is not None or time.perf_counter() - began > 30:
                raise ChildFailed(f"`up` of {home.folder.name} is not ready ({process.returncode})")
            time.sleep(0.002)
        yield process.pid, time.perf_counter() - began
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
