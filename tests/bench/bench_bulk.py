"""A large pull, ours against Debian's nginx, plain and over TLS, in the same run.

    python -m tests.bench.bench_bulk [--mib N] [--runs N] [--phases plain tls] [--report FILE]

Both servers run with one process on one core, the client (curl, writing to
nothing) on another, and take turns: A B A B. What is compared is the median of the
throughput (ours over nginx's: more is better) and of the server's CPU-seconds per
GB (less is better); GB is 10^9 bytes. Ours is `dataplane.serve` under a bare
aiohttp application, with a verified file, as in every delivery after the first.
The peak memory of our process is printed as well.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime as dt
import hashlib
import json
import os
import platform
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connector.clock import SystemClock
from connector.dataplane.body import Body, Verified
from connector.dataplane.limits import Bandwidth
from connector.dataplane.line import Stopper
from connector.dataplane.serve import Terms, plan_for, send
from connector.dataplane.sources.files import FileSource
from tests.ports import free_ports

REPORT = Path("bench-report.json")
CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


@dataclass(frozen=True, slots=True)
class Target:
    """What one phase has to reach: throughput at least, CPU per byte at most, of nginx's."""

    throughput: float
    cpu: float


TARGETS = {"plain": Target(0.9, 1.4), "tls": Target(0.95, 1.5)}

NGINX = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  sendfile on;
  tcp_nopush on;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{ listen 127.0.0.1:{plain}; root {folder}; }}
  server {{
    listen 127.0.0.1:{tls} ssl;
    ssl_certificate {folder}/certificate.pem;
    ssl_certificate_key {folder}/key.pem;
    root {folder};
  }}
}}
"""


@dataclass(slots=True)
class Series:
    """The runs of one server in one phase."""

    gb_per_s: list[float] = field(default_factory=list)
    cpu_s_per_gb: list[float] = field(default_factory=list)

    def add(self, size: int, wall_s: float, cpu_s: float) -> None:
        """Take in one run."""
        self.gb_per_s.append(size / 1e9 / wall_s)
        self.cpu_s_per_gb.append(cpu_s / (size / 1e9))

    def summary(self) -> dict[str, Any]:
        """Median and range of both figures."""
        return {
            name: {
                "median": statistics.median(values),
                "range": [min(values), max(values)],
                "runs": len(values),
            }
            for name, values in (("gbPerS", self.gb_per_s), ("cpuSPerGb", self.cpu_s_per_gb))
        }


def pinned(core: int, command: Sequence[str | Path]) -> list[str]:
    """The command on one core, where that can be asked for."""
    words = [os.fspath(word) for word in command]
    if len(CORES) < 2 or shutil.which("taskset") is None:
        return words
    return ["taskset", "-c", str(CORES[core]), *words]


def make_content(folder: Path, mib: int) -> Path:
    """A file of that many MiB that no compression and no sparse block makes cheap."""
    path = folder / "content.bin"
    block = hashlib.shake_256(b"bulk").digest(1 << 20)
    with path.open("wb") as file:
        for i in range(mib):
            file.write(i.to_bytes(8, "big") + block[8:])
    return path


def make_certificate(folder: Path) -> None:
    """A key and a certificate for localhost that sign themselves."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    (folder / "certificate.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


async def serve(folder: Path, plain: int, tls: int) -> None:
    """Run our server until the process is ended (the child's side)."""
    clock = SystemClock()
    verified = Verified(clock)
    source = FileSource(clock, verified)
    # The file may be younger than what `Verified` remembers.
    await asyncio.sleep(1.2)
    description = await source.inspect(folder / "content.bin")
    limiter = Bandwidth(None, clock)

    async def handle(request: web.Request) -> web.StreamResponse:
        body: Body = await source.open(description)
        try:
            terms = Terms(lambda: True, Stopper(), limiter, clock)
            return (await send(request, body, plan_for(request, body), terms)).response
        finally:
            body.close()

    app = web.Application()
    app.router.add_get("/content.bin", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    await web.TCPSite(runner, "127.0.0.1", plain).start()
    await web.TCPSite(runner, "127.0.0.1", tls, ssl_context=context).start()
    await asyncio.Event().wait()


@contextlib.contextmanager
def running(command: list[str], port: int) -> Iterator[psutil.Process]:
    """A server process that accepts connections on `port`; ended on leaving."""
    process = subprocess.Popen(command)
    try:
        for _ in range(300):
            if process.poll() is not None:
                raise SystemExit(f"{command[0]} ended with {process.returncode}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.1)
        else:
            raise SystemExit(f"{command[0]} does not answer on port {port}")
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(timeout=20)


def cpu_of(process: psutil.Process) -> float:
    """CPU-seconds of a process and its children so far."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def fetch(url: str, size: int) -> float:
    """Fetch it once; returns the seconds it took, of the transfer alone."""
    command = ["curl", "--silent", "--insecure", "--output", "/dev/null"]
    command += ["--write-out", "%{size_download} %{time_starttransfer} %{time_total}", url]
    done = subprocess.run(pinned(-1, command), capture_output=True, text=True, check=True)
    got, first_s, total_s = done.stdout.split()
    if int(got) != size:
        raise SystemExit(f"{url}: {got} bytes arrived instead of {size}")
    return float(total_s) - float(first_s)


def compare(
    phase: str, size: int, runs: int, ports: dict[str, int], servers: dict[str, psutil.Process]
) -> Any:
    """Let both servers take turns; returns their series by name."""
    series = {name: Series() for name in servers}
    scheme = "https" if phase == "tls" else "http"
    for turn in range(runs + 1):
        for name, process in servers.items():
            before = cpu_of(process)
            wall_s = fetch(f"{scheme}://127.0.0.1:{ports[name]}/content.bin", size)
            if turn:  # the first only warms up
                series[name].add(size, wall_s, cpu_of(process) - before)
    return series


def judge(phase: str, series: dict[str, Series]) -> list[dict[str, Any]]:
    """Print the two lines of a phase; returns what the report says of it."""
    ours, base, target = series["ours"], series["nginx"], TARGETS[phase]
    rows = []
    for figure, unit, mine, theirs, limit, at_least in (
        ("throughput", "GB/s", ours.gb_per_s, base.gb_per_s, target.throughput, True),
        ("cpu", "s/GB", ours.cpu_s_per_gb, base.cpu_s_per_gb, target.cpu, False),
    ):
        a, b = statistics.median(mine), statistics.median(theirs)
        ratio = a / b
        is_ok = ratio >= limit if at_least else ratio <= limit
        print(
            f"bench: bulk-{phase}-{figure} ours={a:.3f}{unit} base={b:.3f}{unit} ratio={ratio:.3f} "
            f"target={limit} {'ok' if is_ok else 'over'}"
        )
        print(
            f"  range ours {min(mine):.3f}..{max(mine):.3f}, base {min(theirs):.3f}..{max(theirs):.3f}, "
            f"{len(mine)} runs"
        )
        rows.append({"name": f"bulk-{phase}-{figure}", "ratio": ratio, "target": limit, "ok": is_ok})
    return rows


def bench(mib: int, runs: int, phases: Sequence[str]) -> dict[str, Any]:
    """Run the phases; returns what stands under `bulk` in the report."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None or shutil.which("curl") is None:
        raise SystemExit("nginx and curl are needed: apt-get install nginx-light curl")
    with tempfile.TemporaryDirectory(prefix="madang-bulk-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # nginx's worker runs as another user
        size = make_content(folder, mib).stat().st_size
        make_certificate(folder)
        plain, tls, nginx_plain, nginx_tls = free_ports(4)
        (folder / "nginx.conf").write_text(
            NGINX.format(folder=folder, plain=nginx_plain, tls=nginx_tls), encoding="utf-8"
        )
        own: list[str | Path] = [
            sys.executable,
            "-m",
            "tests.bench.bench_bulk",
            "--serve",
            folder,
            str(plain),
            str(tls),
        ]
        theirs: list[str | Path] = [nginx, "-c", folder / "nginx.conf", "-p", folder]
        report: dict[str, Any] = {"bytes": size, "python": platform.python_version(), "results": []}
        with (
            running(pinned(0, own), plain) as ours,
            running(pinned(0, theirs), nginx_plain) as base,
        ):
            servers = {"ours": ours, "nginx": base}
            for phase in phases:
                ports = {
                    "plain": {"ours": plain, "nginx": nginx_plain},
                    "tls": {"ours": tls, "nginx": nginx_tls},
                }
                series = compare(phase, size, runs, ports[phase], servers)
                report["results"] += judge(phase, series)
                report[phase] = {server: found.summary() for server, found in series.items()}
            report["peakMib"] = round(peak_mib(ours), 1)
            print(f"  our process at its peak: {report['peakMib']} MiB")
        return report


def peak_mib(process: psutil.Process) -> float:
    """The most memory a process ever had, resident, in MiB."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def write_report(path: Path, bulk: dict[str, Any]) -> None:
    """Put the figures under `bulk`, beside what other benches wrote."""
    report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    report["bulk"] = bulk
    path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench; 0 if every target is met, 1 if not."""
    parser = argparse.ArgumentParser(description="a large pull against nginx")
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--phases", nargs="+", choices=list(TARGETS), default=list(TARGETS))
    parser.add_argument("--report", type=Path, default=REPORT)
    parser.add_argument("--serve", nargs=3, metavar=("FOLDER", "PORT", "TLS_PORT"), help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if chosen.serve:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(serve(Path(chosen.serve[0]), int(chosen.serve[1]), int(chosen.serve[2])))
        return 0
    bulk = bench(chosen.mib, chosen.runs, chosen.phases)
    write_report(chosen.report, bulk)
    return 0 if all(row["ok"] for row in bulk["results"]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
