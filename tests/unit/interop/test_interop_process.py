from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.interop.process import ChildFailed, ChildProcess
from tests.ports import free_ports


def test_free_ports_are_different() -> None:
    ports = free_ports(8)
    assert len(set(ports)) == 8
    assert all(1024 <= port < 65536 for port in ports)


async def start(code: str, log: Path) -> ChildProcess:
    return await ChildProcess.start("child", [sys.executable, "-u", "-c", code], log=log, mark="ready")


async def test_ready_is_seen_through_colours_and_the_log_is_kept(tmp_path: Path) -> None:
    log = tmp_path / "log"
    child = await start(
        "print('\\x1b[0;32mruntime ready\\x1b[0m'); input_ = __import__('time').sleep(60)", log
    )
    await child.wait_ready(timeout_s=20)
    assert not child.has_ended
    await child.stop()
    assert child.has_ended
    assert b"runtime ready" in log.read_bytes()
    with pytest.raises(ProcessLookupError):
        os.kill(child.pid, 0)


async def test_a_child_that_ends_early_tells_its_last_lines(tmp_path: Path) -> None:
    child = await start("print('port in use'); raise SystemExit(3)", tmp_path / "log")
    with pytest.raises(ChildFailed, match=r"ended before it said 'ready'[\s\S]*port in use"):
        await child.wait_ready(timeout_s=20)
    await child.stop()


async def test_a_child_that_is_never_ready_times_out_and_can_be_stopped(tmp_path: Path) -> None:
    child = await start("print('almost'); __import__('time').sleep(60)", tmp_path / "log")
    with pytest.raises(ChildFailed, match="took over 0 s"):
        await child.wait_ready(timeout_s=0.01)
    await child.stop()
    assert child.has_ended


async def test_a_child_that_ignores_the_request_is_ended_by_force(tmp_path: Path) -> None:
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready'); time.sleep(60)"
    )
    child = await start(code, tmp_path / "log")
    await child.wait_ready(timeout_s=20)
    await child.stop(timeout_s=0.05)
    assert child.has_ended


async def test_wait_end_tells_a_failure_from_a_success(tmp_path: Path) -> None:
    good = await start("", tmp_path / "good")
    await good.wait_end(timeout_s=20)
    bad = await start("raise SystemExit(2)", tmp_path / "bad")
    with pytest.raises(ChildFailed, match="status 2"):
        await bad.wait_end(timeout_s=20)
