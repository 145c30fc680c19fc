"""A disk that takes nothing any more: 503 and no acknowledgement, reads go on, and it recovers unaided.

Two ways to get there. A small tmpfs of its own is a disk that is really full, but mounting needs a
privileged container; where that is not allowed the test says so and is skipped. A limit on the size of
files, set on the running process from outside, needs nothing and fails every write of the database; it
always runs.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import evidence
from tests.crash.factory import Factory, Refused, pair
from tests.crash.steps import until

PIECE = 64 << 10
FULL_FOR_S = 4.0


class Tmpfs:
    """Both homes on small file systems; full is a file that takes the rest."""

    def __init__(self, folder: Path) -> None:
        self._stack = contextlib.ExitStack()
        self.homes = (self._mount(folder / "disk-a"), self._mount(folder / "disk-b"))

    def _mount(self, where: Path) -> Path:
        where.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=12m", "madang-test", str(where)],
            capture_output=True,
            check=False,
        )
        if done.returncode != 0:
            self.close()
            pytest.skip(f"no tmpfs may be mounted here: {done.stderr.decode().strip()}")
        self._stack.callback(subprocess.run, ["umount", "-l", str(where)], check=True)
        return where / "home"

    def fill(self, factory: Factory) -> None:
        with (factory.home / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(bytes(PIECE)) == PIECE:
                pass

    def free(self, factory: Factory) -> None:
        (factory.home / "ballast").unlink()

    def close(self) -> None:
        self._stack.close()


class FileSize:
    """The limit on the size of files (RLIMIT_FSIZE) of the running process."""

    homes: tuple[None, None] = (None, None)

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fill(self, factory: Factory) -> None:
        resource.prlimit(factory.pid, resource.RLIMIT_FSIZE, (512, resource.RLIM_INFINITY))

    def free(self, factory: Factory) -> None:
        resource.prlimit(factory.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def close(self) -> None:
        return


@pytest.fixture(params=[Tmpfs, FileSize], ids=["tmpfs", "file-size"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tmpfs | FileSize]:
    made = request.param(tmp_path)
    yield made
    made.close()


def test_a_full_disk_acknowledges_nothing_and_recovers_unaided(
    tmp_path: Path, disk: Tmpfs | FileSize
) -> None:
    path = tmp_path / "shots.bin"
    path.write_bytes(os.urandom(10_000))
    with pair(tmp_path, homes=disk.homes) as (provider, consumer):
        by_itself = provider.publish(path, "automatic")
        by_hand = provider.publish(path, "manual", approval="manual")
        pids = provider.pid, consumer.pid
        waiting = str(consumer.request(provider, by_hand)["id"])
        asked = until(lambda: next(iter(provider.get("manage", "inbox")), None), "a request in the inbox")

        # The provider's disk is full: its own caller is told, the partner's message is not acknowledged.
        before = evidence.negotiations(provider)
        offer = _offer(provider, consumer, by_itself)
        disk.fill(provider)
        with pytest.raises(Refused) as refusal:
            provider.publish(path, "more")
        assert refusal.value.status == 503
        with pytest.raises(Refused, match="store cannot write"):
            consumer.request(provider, by_itself)  # a look into the catalog that cannot be recorded is none
        pending = _ask_without_looking(provider, consumer, by_itself, offer)
        until(lambda: _is_refused_for_now(consumer, pending), "a message that was answered 503")
        assert evidence.negotiations(consumer)[pending]["state"] is None
        assert evidence.negotiations(provider) == before
        # What only reads goes on.
        assert [d["id"] for d in provider.get("manage", "status")["public"]] == [by_itself, by_hand]
        assert provider.get("manage", "negotiations", asked["id"])["state"] == "REQUESTED"
        with urllib.request.urlopen(f"http://localhost:{provider.public}/catalog", timeout=10) as answer:
            assert by_itself.encode() in answer.read()
        disk.free(provider)
        until(lambda: _contract(consumer, pending), "a contract after the disk was freed")

        # Both disks are full while a message is on its way: not even the failed attempt can be written down.
        disk.fill(consumer)
        provider.post("manage", "inbox", asked["id"], "approve")
        until(lambda: _is_refused_for_now(provider, asked["id"]), "an agreement that was answered 503")
        disk.fill(provider)
        time.sleep(FULL_FOR_S)
        assert evidence.negotiations(consumer)[waiting]["state"] == "REQUESTED"
        disk.free(provider)
        disk.free(consumer)
        contract = until(lambda: _contract(consumer, waiting), "a contract after both disks were freed")
        assert consumer.pull(contract)["size"] == path.stat().st_size
        until(lambda: evidence.is_quiet(provider, consumer) or None, "silence")
        assert (provider.pid, consumer.pid) == pids
        assert provider.is_running
        assert consumer.is_running
        etag = evidence.agreements(provider)[contract]["dataset_sha256"]
        assert (
            evidence.check_all(provider, consumer, contract, {f'"{etag}"': path.stat().st_size})[contract]
            == 1
        )


def _offer(provider: Factory, consumer: Factory, dataset: str) -> str:
    found = consumer.post("manage", "catalog", body={"target": provider.did})["catalog"]["dataset"]
    offers = next(d for d in found if d["@id"] == dataset)["hasPolicy"]
    return str(offers[0]["@id"])


def _ask_without_looking(provider: Factory, consumer: Factory, dataset: str, offer: str) -> str:
    """A request whose offer is known already: the ContractRequestMessage is all that is sent."""
    policy = {
        "@context": "http://www.w3.org/ns/odrl.jsonld",
        "@type": "Offer",
        "@id": offer,
        "assigner": provider.did,
        "target": dataset,
        "permission": [{"action": "use"}],
    }
    body = {
        "@context": {"@vocab": "https://w3id.org/edc/v0.0.1/ns/"},
        "@type": "ContractRequest",
        "counterPartyAddress": f"http://localhost:{provider.public}/dsp/2025-1",
        "counterPartyId": provider.did,
        "protocol": "dataspace-protocol-http:2025-1",
        "policy": policy,
    }
    return str(consumer.post("management", "v3", "contractnegotiations", body=body)["@id"])


def _is_refused_for_now(sender: Factory, pid: str) -> bool | None:
    found = evidence.rows(sender, "select attempts, last_error from outbox where process_id = ?", pid)
    return (
        True
        if found and found[0]["attempts"] > 0 and "store cannot write" in found[0]["last_error"]
        else None
    )


def _contract(consumer: Factory, pid: str) -> str | None:
    found = consumer.get("manage", "negotiations", pid)
    return str(found["agreement"]) if found["state"] == "FINALIZED" else None
