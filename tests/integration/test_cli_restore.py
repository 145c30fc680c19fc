"""Backup and restore [D17]: what happened since the backup is asked from partners before data leaves."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from connector.cli import main
from connector.clock import SystemClock
from connector.factories import Place, place, running, settle
from connector.manage import call
from connector.story import Party

MUST_SAY = ["--process", "machining", "--confidentiality", "public", "--personal-data", "no"]


@dataclass
class World:
    """A provider that can be stopped, and a consumer that runs all the time."""

    places: list[Place]
    parties: list[Party]
    stack: ExitStack

    def start(self, one: Place) -> None:
        self.stack.enter_context(running([one]))

    def stop(self) -> None:
        self.stack.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    places = place({"factory-a": "가", "factory-b": "나"}, tmp_path)
    parties = settle(places, now=SystemClock().now())
    with running([places[1]]), ExitStack() as stack:
        made = World(places, parties, stack)
        made.start(places[0])
        yield made


def verb(capsys: pytest.CaptureFixture[str], home: Path, *arguments: object, expect: int = 0) -> Any:
    capsys.readouterr()
    code = main([*map(str, arguments), "--home", str(home), "--json", "--lang", "en"])
    said = capsys.readouterr()
    assert code == expect, said.err + said.out
    return json.loads(said.out) if said.out else json.loads(said.err)


def contract(world: World, capsys: pytest.CaptureFixture[str], name: str) -> str:
    file = world.places[0].folder / f"{name}.bin"
    file.write_bytes(name.encode() * 50)
    verb(capsys, world.places[0].home, "publish", file, *MUST_SAY, "--policy", "open-use")
    made = verb(capsys, world.places[1].home, "request", world.parties[0].did, name, "--wait")
    verb(capsys, world.places[1].home, "pull", made["agreement"])
    return str(made["agreement"])


def test_what_happened_after_the_backup_is_asked(world, capsys, tmp_path):
    here, there = world.places[0].home, world.places[1].home
    kept = contract(world, capsys, "kept")
    withdrawn_here = contract(world, capsys, "withdrawn-here")
    withdrawn_there = contract(world, capsys, "withdrawn-there")
    archive = tmp_path / "backup.tar"
    verb(capsys, here, "backup", archive)
    assert archive.stat().st_mode & 0o077 == 0
    verb(capsys, here, "backup", archive, expect=1)  # never overwrites
    verb(capsys, here, "contract", "withdraw", withdrawn_here)
    verb(capsys, there, "contract", "withdraw", withdrawn_there)
    (transfer,) = [t for t in verb(capsys, here, "transfer", "list") if t["agreement"] == kept]
    address = world.parties[1].manage.get(
        "management", "v3", "edrs", _other(capsys, there, kept), "dataaddress"
    )
    world.stop()

    verb(capsys, here, "restore", archive, expect=1)  # this home is not empty
    new = tmp_path / "new-home"
    came = verb(capsys, new, "restore", archive)
    assert came["suspended"] == 3
    assert came["did"] == world.parties[0].did
    moved = _at(world.places[0], new)
    world.start(moved)

    states = {t["agreement"]: t["state"] for t in verb(capsys, new, "transfer", "list")}
    assert set(states.values()) == {"SUSPENDED"}
    refused = call("GET", address["endpoint"], headers={"Authorization": address["authorization"]})
    assert refused.status in (423, 503)
    assert verb(capsys, new, "doctor", expect=1)

    told = verb(capsys, new, "restore", "--confirm")
    assert told["outcome"] == "confirmed"
    assert set(told["withdrawn"]) == {withdrawn_here, withdrawn_there}
    states = {t["agreement"]: t["state"] for t in verb(capsys, new, "transfer", "list")}
    assert states == {kept: "STARTED", withdrawn_here: "TERMINATED", withdrawn_there: "TERMINATED"}
    holding = {c["id"]: c["state"] for c in verb(capsys, new, "contract", "list")}
    assert holding == {kept: "holds", withdrawn_here: "withdrawn", withdrawn_there: "withdrawn"}
    served = call("GET", address["endpoint"], headers={"Authorization": address["authorization"]})
    assert served.status == 200
    assert served.body == b"kept" * 50
    assert transfer["state"] == "STARTED"
    assert verb(capsys, new, "restore", "--confirm")["outcome"] == "confirmed"  # nothing left to ask
    assert verb(capsys, new, "ledger", "verify")["verdict"] == "proved"


def test_a_partner_that_does_not_answer_keeps_the_gates_closed(world, capsys, tmp_path):
    contract(world, capsys, "kept")
    there = world.places[1].home
    archive = tmp_path / "backup.tar"
    verb(capsys, there, "backup", archive)
    world.stop()
    new = tmp_path / "new-home"
    assert main(["restore", str(archive), "--home", str(new), "--json"]) == 0
    moved = _at(world.places[1], new)
    # The same consumer a second time, on ports of its own: only its management side is asked here.
    config = (new / "connector.toml").read_text("utf-8")
    spare = place({"spare": ""}, tmp_path / "spare")[0]
    config = config.replace(str(moved.management_port), str(spare.management_port))
    (new / "connector.toml").write_text(
        config.replace(f"public_port = {moved.public_port}", f"public_port = {spare.public_port}"), "utf-8"
    )
    world.start(replace(moved, public_port=spare.public_port, management_port=spare.management_port))
    told = verb(capsys, new, "restore", "--confirm", expect=1)
    assert told["outcome"] == "unconfirmed"
    assert set(told["unreachable"]) == {world.parties[0].did}
    told = verb(capsys, new, "restore", "--confirm", "--anyway")
    assert told["outcome"] == "confirmed"


def _other(capsys: pytest.CaptureFixture[str], home: Path, agreement: str) -> str:
    (found,) = [t["id"] for t in verb(capsys, home, "transfer", "list") if t["agreement"] == agreement]
    return str(found)


def _at(one: Place, home: Path) -> Place:
    """The same factory, whose home is another folder."""
    folder = home.parent / "moved"
    folder.mkdir(exist_ok=True)
    (folder / "home").symlink_to(home)
    return replace(one, folder=folder)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A small archive that is well-formed, but whose database is none."""
    return tmp_path / "backup.tar"


def manifest(**files: str) -> tuple[str, bytes]:
    said = {
        "format": "madang-backup/1",
        "did": "did:web:a.example",
        "at": "2026-01-01T00:00:00Z",
        "files": files,
    }
    return "manifest.json", json.dumps(said).encode()


OTHER = b'{"format": "other/9", "did": "d", "at": "2026-01-01T00:00:00Z", "files": {}}'


@pytest.mark.parametrize(
    "members",
    [
        [],
        [("../../evil", b"x")],
        [("manifest.json", b"{}")],
        [("manifest.json", OTHER)],
        [manifest(), ("keys/../../evil", b"x")],
        [manifest(**{"madang.db": "00"}), ("madang.db", b"x")],
    ],
    ids=["empty", "no-manifest", "bare", "other-format", "path-trick", "changed"],
)
def test_what_is_no_backup_is_refused_and_leaves_nothing(archive, tmp_path, capsys, members):
    import io

    with tarfile.open(archive, "w") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    home = tmp_path / "homes" / "new"
    assert main(["restore", str(archive), "--home", str(home), "--lang", "en"]) == 2
    assert "backup" in capsys.readouterr().err
    assert not home.exists()
    assert list((tmp_path / "homes").iterdir()) == []


def test_a_cut_backup_is_refused(world, capsys, tmp_path):
    archive = tmp_path / "backup.tar"
    verb(capsys, world.places[0].home, "backup", archive)
    raw = archive.read_bytes()
    archive.write_bytes(raw[: len(raw) // 2])
    assert main(["restore", str(archive), "--home", str(tmp_path / "new"), "--lang", "en"]) == 2
    assert not (tmp_path / "new").exists()
