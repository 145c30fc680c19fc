"""A factory's connector as a process of its own: made, started, killed, started again.

Nothing here imports `connector`: what is killed is `python -m connector up`, and what is asked of it goes
over its management API.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.ports import free_ports

READY_WITHIN_S = 30.0
DIED = -signal.SIGKILL
Json = Any


class Refused(Exception):
    """The connector answered with an error."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status} {body[:300]!r}")
        self.status = status


class Gone(Exception):
    """Nobody answered: the process is dead, or died while it was asked."""


class Factory:
    """One connector with its home; `settings` are further lines of connector.toml."""

    def __init__(self, name: str, folder: Path, *, settings: str = "", home: Path | None = None) -> None:
        self.name = name
        self.folder = folder / name
        self.home = home or self.folder / "home"
        self.log = self.folder / "log.txt"
        self.public, self.private = free_ports(2)
        self.did = f"did:web:localhost%3A{self.public}"
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._key = ""
        self.ready_after_s: list[float] = []
        """How long each start took until it served."""

    # --- life ---------------------------------------------------------------------------------

    def make(self, other_port: int) -> None:
        """`madang init`, with the other factory as a host that may be called."""
        for place in (self.folder, self.home):
            place.mkdir(parents=True, exist_ok=True)
        hosts = json.dumps([f"localhost:{other_port}"])
        (self.home / "connector.toml").write_text(
            f'[server]\npublic_url = "http://localhost:{self.public}"\npublic_host = "127.0.0.1"\n'
            f"public_port = {self.public}\nmanagement_port = {self.private}\n"
            f"[egress]\nallow = {hosts}\nhttp_hosts = {hosts}\n{self._settings}",
            encoding="utf-8",
        )
        subprocess.run(self._command("init"), check=True, env=self._environment(""), capture_output=True)
        self._key = (self.home / "management.key").read_text("utf-8").strip()

    def start(self, *, failpoint: str = "", wait: bool = True) -> None:
        """`madang up`, armed with a failpoint or not."""
        assert not self.is_running
        with self.log.open("ab") as log:
            log.write(f"--- start {failpoint}\n".encode())
            log.flush()
            self._process = subprocess.Popen(
                self._command("up"), env=self._environment(failpoint), stdout=log, stderr=log
            )
        if wait:
            self.wait_ready()

    def wait_ready(self) -> float:
        """Seconds until it serves, from now.

        Raises:
            AssertionError: it ended, or did not serve in time.
        """
        began = time.monotonic()
        while time.monotonic() - began < READY_WITHIN_S:
            assert self.is_running, f"{self.name} ended at its start: {self.last_words()}"
            try:
                if self._call("GET", "/health/ready", None, timeout_s=2.0)[0] == 200:
                    took = time.monotonic() - began
                    self.ready_after_s.append(took)
                    return took
            except Gone:
                pass
            time.sleep(0.02)
        raise AssertionError(f"{self.name} was not ready in {READY_WITHIN_S} s: {self.last_words()}")

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """SIGKILL; returns when it is dead."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def died_at_failpoint(self, *, within_s: float = 20.0) -> bool:
        """Wait until its process ends by itself; whether that was by SIGKILL."""
        assert self._process is not None
        try:
            return self._process.wait(timeout=within_s) == DIED
        except subprocess.TimeoutExpired:
            return False

    def terminate(self, *, within_s: float) -> tuple[int, float]:
        """SIGTERM: its exit code, and the seconds it took. Raises TimeoutExpired."""
        assert self._process is not None
        began = time.monotonic()
        self._process.terminate()
        return self._process.wait(timeout=within_s), time.monotonic() - began

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text("utf-8", "replace")[-3000:]

    # --- calls --------------------------------------------------------------------------------

    def get(self, *path: str) -> Json:
        """GET, decoded. Raises Refused, Gone."""
        return json.loads(self._done("GET", path, None, 30.0))

    def raw(self, *path: str) -> bytes:
        """GET, as it comes. Raises Refused, Gone."""
        return self._done("GET", path, None, 60.0)

    def post(self, *path: str, body: Mapping[str, Json] | None = None, timeout_s: float = 30.0) -> Json:
        """POST, decoded. Raises Refused, Gone."""
        raw = self._done("POST", path, json.dumps(body or {}).encode(), timeout_s)
        return json.loads(raw) if raw.strip() else None

    def pull(self, agreement: str, *, timeout_s: float = 60.0) -> Json:
        """The result of a pull. Raises Refused, Gone."""
        raw = self._done("POST", ("manage", "pull"), json.dumps({"agreement": agreement}).encode(), timeout_s)
        last = json.loads(raw.splitlines()[-1])
        if "result" not in last:
            raise Refused(int(last["error"].get("status", 502)) if "error" in last else 0, raw[-500:])
        return last["result"]

    def request(self, provider: Factory, dataset: str) -> Json:
        """Ask for a contract. Raises Refused, Gone."""
        return self.post("manage", "request", body={"target": provider.did, "dataset": dataset})

    def publish(self, path: Path, name: str, *, count: int = 0, approval: str = "automatic") -> str:
        """Publish a file for everybody, with at most `count` uses (0: any number); its whole id."""
        limited = {"templates": ["count-limit"], "params": {"count": str(count)}}
        terms = limited if count else {"templates": ["open-use"]}
        description = {
            "title": {"ko": name, "en": name},
            "process": "injection-moulding",
            "confidentiality": "limited-provision",
            "personal_data": False,
        }
        body = {"path": str(path), "id": name, "description": description, "approval": approval, **terms}
        return str(self.post("manage", "publish", body=body, timeout_s=60.0)["id"])

    def _done(self, method: str, path: tuple[str, ...], body: bytes | None, timeout_s: float) -> bytes:
        status, raw = self._call(method, "/" + "/".join(quote(p, safe="") for p in path), body, timeout_s)
        if status >= 300:
            raise Refused(status, raw)
        return raw

    def _call(self, method: str, path: str, body: bytes | None, timeout_s: float) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.private, timeout=timeout_s)
        try:
            connection.request(
                method, path, body=body, headers={"x-api-key": self._key, "Content-Type": "application/json"}
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Gone(f"{self.name}: {error!r}") from error
        finally:
            connection.close()

    def _command(self, verb: str) -> list[str]:
        return [sys.executable, "-m", "connector", verb, "--home", str(self.home)]

    def _environment(self, failpoint: str) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MADANG_")}
        return {**kept, "PYTHONUNBUFFERED": "1"} | ({"MADANG_FAILPOINT": failpoint} if failpoint else {})


@contextmanager
def pair(
    folder: Path,
    *,
    provider: str = "",
    consumer: str = "",
    homes: tuple[Path | None, Path | None] = (None, None),
) -> Iterator[tuple[Factory, Factory]]:
    """Two factories that know each other and run: (provider, consumer). At the end both are killed.

    `provider` and `consumer` are further settings, `homes` other places for their home folders.
    """
    a = Factory("a", folder, settings=provider, home=homes[0])
    b = Factory("b", folder, settings=consumer, home=homes[1])
    a.make(b.public)
    b.make(a.public)
    try:
        a.start()
        b.start()
        yield a, b
    finally:
        a.kill()
        b.kill()
