"""A Madang as a node: a temporary home, static identity towards its partners [D32]."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from tests.interop.announcements import Announcements
from tests.interop.management import Entity, ManagementClient, Partner, settle
from tests.interop.node import PROTOCOL, Node
from tests.interop.process import ChildFailed, ChildProcess
from tests.interop.recorder import Recorder
from tests.ports import free_ports


def is_did(node: Node) -> bool:
    """It is recognised by a DID, not by a fixed header."""
    return node.participant_id.startswith("did:")


class MadangNode(Node):
    """`madang init` and `madang up` in a home of its own; bytes are files in a folder beside it."""

    keeps_reasons = True
    acts_at_once = True
    is_strict = True
    asks_when_different = True

    def __init__(
        self, label: str, *, folder: Path, session: aiohttp.ClientSession, is_recorded: bool = False
    ) -> None:
        self.label = label
        self.participant_id = ""
        self._home = folder / label / "home"
        self._data = folder / label / "data"
        self._session = session
        self._is_recorded = is_recorded
        self._root = ""
        self._address = ""
        self._public = 0
        self._private = 0
        self._child: ChildProcess | None = None
        self._announcements: Announcements | None = None

    @property
    def partner(self) -> Partner:
        """Its DSP address."""
        return Partner(self.participant_id, self._address, PROTOCOL)

    @property
    def pid(self) -> int:
        """The connector's process id."""
        assert self._child is not None
        return self._child.pid

    async def prepare(self) -> None:
        """Choose ports and make the folders."""
        self._data.mkdir(parents=True)
        self._public, self._private = free_ports(2)
        self._root = f"http://localhost:{self._public}"
        if self._is_recorded:
            self.recorder = Recorder(f"http://127.0.0.1:{self._public}")
            await self.recorder.start()
            self._root = self.recorder.address
        self._address = self._root
        # A partner that has no DIDs takes this as it takes any other id.
        self.participant_id = "did:web:" + urlsplit(self._root).netloc.replace(":", "%3A")

    async def start(self, others: Sequence[Node]) -> None:
        """Write connector.toml, then `madang init` and `madang up`; returns when it is ready.

        Raises:
            ChildFailed: one of them ended, or it was not ready in time.
        """
        self._home.mkdir(parents=True)
        (self._home / "connector.toml").write_text(self._settings(others), encoding="utf-8")
        madang = [sys.executable, "-m", "connector"]
        log = self._home.parent / "log.txt"
        environment = {**os.environ, "MADANG_HOME": str(self._home), "PYTHONUNBUFFERED": "1"}
        init = await ChildProcess.start(
            f"{self.label} init", [*madang, "init", "--home", str(self._home)], log=log, env=environment
        )
        await init.wait_end(timeout_s=30)
        self._child = await ChildProcess.start(
            self.label, [*madang, "up", "--home", str(self._home)], log=log, env=environment
        )
        await self._wait_ready(self._child)
        self._address = await self._dsp_address()
        key = (self._home / "management.key").read_text(encoding="utf-8").strip()
        private = f"http://127.0.0.1:{self._private}"
        self.management = ManagementClient(f"{private}/management", key, self._session)
        self._announcements = Announcements(f"{private}/manage/events", key, self._session)
        await self._announcements.start()

    async def reached(self, kind: str, process_id: str, state: str, *, timeout_s: float) -> Entity:
        """Wait for a state by its announcement, so that asking does not slow what is measured.

        Raises:
            Unsettled: it ended otherwise, or nothing was announced in time.
        """
        assert self._announcements is not None
        types = frozenset({f"{kind}.{state.lower()}", f"{kind}.terminated"})
        with suppress(TimeoutError):
            await asyncio.wait_for(self._announcements.wait(process_id, types), timeout_s)
        api = self.management
        read = api.transfer if kind == "transfer" else api.negotiation
        return await settle(lambda: read(process_id), frozenset({state}), timeout_s=1, every_s=0.001)

    async def stop(self) -> None:
        """End it as an operator would."""
        if self._announcements is not None:
            await self._announcements.stop()
        if self._child is not None:
            await self._child.stop()
        if self.recorder is not None:
            await self.recorder.stop()

    def source(self, name: str, content: bytes) -> dict[str, str]:
        """The bytes as a file."""
        path = self._data / f"{name}.bin"
        path.write_bytes(content)
        return {"type": "File", "path": str(path)}

    async def hold(self, definition_id: str, policy_id: str, asset_id: str) -> bool:
        """Offer an asset whose requests wait in the inbox."""
        await self.management.create_contract_definition(
            definition_id, policy_id=policy_id, asset_id=asset_id, extra={"approval": "manual"}
        )
        return True

    def _settings(self, others: Sequence[Node]) -> str:
        hosts = sorted({urlsplit(other.partner.address).netloc for other in others})
        tables: list[tuple[str, dict[str, Any]]] = [
            (
                "[server]",
                {
                    "public_url": self._root,
                    "public_host": "127.0.0.1",
                    "public_port": self._public,
                    "management_port": self._private,
                },
            ),
            ("[egress]", {"allow": hosts, "http_hosts": hosts}),
            # The load opens as many negotiations and pulls at once as it has exchanges in flight.
            ("[limits]", {"parallel_pulls": 64, "open_negotiations": 200}),
        ]
        tables += [("[[identity.static_peers]]", self._static_peer(o)) for o in others if not is_did(o)]
        # JSON's strings, numbers and lists of strings are TOML's as well.
        return "\n".join(
            "\n".join([title, *(f"{name} = {json.dumps(value)}" for name, value in entries.items())])
            for title, entries in tables
        )

    def _static_peer(self, other: Node) -> dict[str, str]:
        return {
            "id": other.participant_id,
            "address": other.partner.address,
            "send": '{"region":"eu","audience":"{audience}","clientId":"{our_id}"}',
            "match_pointer": "/clientId",
            "match": other.participant_id,
            "our_id": self.participant_id,
        }

    async def _dsp_address(self) -> str:
        """Where its version document (DSP 2025-1 §4.3) says that 2025-1 is spoken."""
        async with self._session.get(f"{self._root}/.well-known/dspace-version") as response:
            document = await response.json(content_type=None)
        paths = [entry["path"] for entry in document["protocolVersions"] if entry["version"] == "2025-1"]
        return self._root + str(paths[0]).rstrip("/")

    async def _wait_ready(self, child: ChildProcess) -> None:
        url = f"http://127.0.0.1:{self._private}/health/ready"
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if child.has_ended:
                raise ChildFailed(child.story("ended before it was ready"))
            try:
                async with self._session.get(url) as response:
                    if response.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)
        raise ChildFailed(child.story("was not ready in 30 s"))
