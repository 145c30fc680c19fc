"""`madang up` as a process: ready, stopped, and what it says when it cannot start."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from connector.clock import SystemClock
from connector.factories import Place, place, settle
from connector.manage import NotReached, call

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def factory(tmp_path: Path) -> Place:
    (one,) = place({"factory-a": "가나정밀"}, tmp_path)
    settle([one], now=SystemClock().now())
    return one


def up(home: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "connector", "up", "--home", str(home), "--lang", "en", *more]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(home: Path, *more: str) -> tuple[int, str]:
    process = up(home, *more)
    _, err = process.communicate(timeout=30)
    return process.returncode, err


def wait_ready(one: Place) -> None:
    for _ in range(400):
        try:
            if call("GET", f"http://127.0.0.1:{one.management_port}/health/ready").status == 200:
                return
        except NotReached:
            time.sleep(0.05)
    raise AssertionError("not ready")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_stops_when_told(factory, number):
    process = up(factory.home)
    try:
        wait_ready(factory)
        # A listener that stays must not hold it up.
        key = (factory.home / "management.key").read_text().strip()
        with socket.create_connection(("127.0.0.1", factory.management_port)) as listener:
            listener.sendall(f"GET /manage/events HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\n\r\n".encode())
            assert b"200" in listener.recv(4096)
            began = time.monotonic()
            process.send_signal(number)
            out, err = process.communicate(timeout=15)
            assert time.monotonic() - began < 10
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, err
    assert out.startswith(f"ready: did:web:127.0.0.1%3A{factory.public_port}\n")
    assert "Traceback" not in err
    assert key not in out + err


def test_a_port_in_use_is_one_line(factory):
    with socket.socket() as other:
        other.bind(("127.0.0.1", factory.public_port))
        other.listen()
        code, err = ended(factory.home)
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{factory.public_port}" in err
    assert "connector.toml" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('[log]\nlevel = "loud"', "log.level"),
        ("[server]\npublic_port = true", "server.public_port"),
        ("[nonsense]", "there is no setting 'nonsense'"),
        ('plugins = ["no.such.module"]', "no.such.module"),
        ('[tls]\ncert = "/nowhere.pem"', "tls.cert"),
    ],
)
def test_a_setting_that_cannot_work_is_one_line(tmp_path, factory, line, says):
    config = factory.home / "connector.toml"
    before = config.read_text("utf-8")
    if line.startswith("[server]"):
        config.write_text(
            before.replace("[server]", line, 1).replace(f"public_port = {factory.public_port}\n", "", 1)
        )
    else:
        config.write_text(
            f"{line}\n{before}" if line.startswith("plugins") else f"{before}\n{line}\n", "utf-8"
        )
    code, err = ended(factory.home)
    assert code == 2, err
    assert says in err
    assert "Traceback" not in err


def test_a_folder_that_was_not_initialised(tmp_path):
    code, err = ended(tmp_path / "none")
    assert code == 2
    assert "madang init" in err


def _damaged(home: Path) -> None:
    (home / "madang.db").write_bytes(b"not a database" * 1000)


def _no_authority(home: Path) -> None:
    config = home / "connector.toml"
    config.write_text(
        config.read_text("utf-8").replace("[egress]", '[egress]\nca_file = "/nowhere/ca.pem"'), "utf-8"
    )


def _open_key(home: Path) -> None:
    next((home / "keys").glob("*.pem")).chmod(0o644)


@pytest.mark.parametrize("spoil", [_damaged, _no_authority, _open_key])
def test_what_stands_in_the_way_of_a_start_is_one_line(factory, spoil):
    spoil(factory.home)
    code, err = ended(factory.home)
    assert code == 1, err
    assert err.startswith("madang: ")
    assert "Traceback" not in err
    assert len(err.splitlines()) == 2
