"""What can never be published, whatever the owner's client says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connector.errors import BadInput, SourceInvalid
from connector.service.publishing import Wish
from tests.integration.talk import Stage

_OWN = ["", "keys", "management.key", "madang.db", "../factory-a", ".."]


@pytest.mark.parametrize("name", _OWN)
async def test_the_connectors_own_keys_and_records_are_no_data(stage: Stage, name: str) -> None:
    path = (stage.factory.home / name).resolve()
    with pytest.raises(SourceInvalid, match="own keys or records"):
        await stage.factory.node.publishing.publish(Wish(path, templates=["open-use"]))


async def test_nor_by_another_name_of_the_folder(stage: Stage, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere"
    other.symlink_to(stage.factory.home)
    for path in (other, other / "keys", other / "management.key"):
        with pytest.raises(SourceInvalid):
            await stage.factory.node.publishing.publish(Wish(path, templates=["open-use"]))


@pytest.mark.parametrize("kind", ["name too long", "loop", "fifo", "device", "unreadable", "missing"])
async def test_what_cannot_be_read_is_said_and_not_waited_for(
    stage: Stage, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "it"
    if kind == "name too long":
        path = tmp_path / ("x" * 300)
    elif kind == "loop":
        path.symlink_to(path)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "unreadable":
        path = Path("/proc/self/mem")
    with pytest.raises(SourceInvalid) as caught:
        await stage.factory.node.publishing.publish(Wish(path, templates=["open-use"]))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "name", [".", "..", "a b", "../x", "http://x.example/a b", 'urn:"x"', "http://x.example/<a>"]
)
def test_a_name_that_could_not_stand_in_an_address_is_refused(stage: Stage, name: str) -> None:
    with pytest.raises(BadInput):
        stage.factory.node.publishing.iri(name)
