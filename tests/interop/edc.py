"""A stock EDC as a node: keys and properties of our own, static-token identity."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import aiohttp
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.interop.management import ManagementClient, ManagementError, Partner
from tests.interop.node import PROTOCOL, Node
from tests.interop.origin import Origin
from tests.interop.process import ChildFailed, ChildProcess
from tests.interop.recorder import Recorder
from tests.interop.stock import MAIN_CLASS, Stock
from tests.ports import free_ports

_PATHS = {
    "web.http": "/api",
    "web.http.control": "/control",
    "web.http.management": "/management",
    "web.http.protocol": "/protocol",
    "web.http.version": "/version",
    "web.http.public": "/public",
}

_MACHINES = ("edc.negotiation.consumer", "edc.negotiation.provider", "edc.transfer", "edc.dataplane")


def tuning(wait_ms: int | None) -> dict[str, str]:
    """Properties that make its state machines look for work every `wait_ms`; None leaves its defaults."""
    if wait_ms is None:
        return {}
    return {f"{machine}.state-machine.iteration-wait-millis": str(wait_ms) for machine in _MACHINES}


class EdcNode(Node):
    """One EDC in one JVM, a recorder in front of its protocol port unless told otherwise."""

    keeps_reasons = False
    acts_at_once = False
    is_strict = False
    asks_when_different = False

    def __init__(
        self,
        label: str,
        *,
        stock: Stock,
        folder: Path,
        origin: Origin,
        session: aiohttp.ClientSession,
        settings: Mapping[str, str] | None = None,
        heap: str | None = "256m",
        is_recorded: bool = True,
    ) -> None:
        self.label = label
        self.participant_id = f"{label}-participant"
        self._stock = stock
        self._folder = folder / label
        self._origin = origin
        self._session = session
        self._settings = dict(settings or {})
        self._heap = heap
        self._is_recorded = is_recorded
        self._ports: dict[str, int] = {}
        self._child: ChildProcess | None = None

    @property
    def partner(self) -> Partner:
        """Its DSP address, the recorder's where there is one."""
        return Partner(self.participant_id, f"{self._dsp_base}/2025-1", PROTOCOL)

    @property
    def pid(self) -> int:
        """The JVM's process id."""
        assert self._child is not None
        return self._child.pid

    @property
    def _dsp_base(self) -> str:
        front = self.recorder.address if self.recorder else f"http://localhost:{self._port('protocol')}"
        return front + "/protocol"

    def _port(self, name: str) -> int:
        return self._ports[f"web.http.{name}"]

    async def prepare(self) -> None:
        """Choose ports and put the recorder in front."""
        self._folder.mkdir(parents=True)
        self._ports = dict(zip(_PATHS, free_ports(len(_PATHS)), strict=True))
        if self._is_recorded:
            self.recorder = Recorder(f"http://127.0.0.1:{self._port('protocol')}")
            await self.recorder.start()

    async def start(self, others: Sequence[Node]) -> None:
        """Start the JVM; returns when its data plane is available (about 4 s).

        Raises:
            ChildFailed: it ended, or was not ready in time.
        """
        api_key = secrets.token_urlsafe(24)
        config = self._folder / "connector.properties"
        config.write_text(self._properties(api_key), encoding="utf-8")
        config.chmod(0o600)
        heap = [f"-Xmx{self._heap}"] if self._heap else []
        self._child = await ChildProcess.start(
            self.label,
            [
                str(self._stock.java),
                *heap,
                f"-Dedc.fs.config={config}",
                "-cp",
                f"{self._stock.jars}/*",
                MAIN_CLASS,
            ],
            log=self._folder / "log.txt",
            mark="ready",
        )
        # Nothing is asked before the log says ready: a request between its server's start and the
        # registration of its endpoints leaves that path dead for the life of the process.
        await self._child.wait_ready(timeout_s=90)
        base = f"http://127.0.0.1:{self._port('management')}/management"
        self.management = ManagementClient(base, api_key, self._session)
        deadline = time.monotonic() + 30
        while True:
            try:
                planes = await self.management.data_planes()
            except ManagementError:  # the first answers can come before the last endpoint is there
                planes = []
            if any(plane.get("state") == "AVAILABLE" for plane in planes):
                return
            if self._child.has_ended or time.monotonic() > deadline:
                raise ChildFailed(self._child.story("has no available data plane"))
            await asyncio.sleep(0.1)

    async def stop(self) -> None:
        """End the JVM and the recorder."""
        if self._child is not None:
            await self._child.stop()
        if self.recorder is not None:
            await self.recorder.stop()

    def source(self, name: str, content: bytes) -> dict[str, str]:
        """The bytes at the shared origin, as an HttpData address."""
        return {"type": "HttpData", "baseUrl": self._origin.put(f"{self.label}-{name}", content)}

    async def hold(self, definition_id: str, policy_id: str, asset_id: str) -> bool:
        """It grants every request by itself; holding needs code in it."""
        return False

    def _properties(self, api_key: str) -> str:
        private, public = _key_pair()
        public_file = self._folder / "public.pem"
        public_file.write_text(public, encoding="ascii")
        values = {
            "edc.participant.id": self.participant_id,
            "edc.dsp.callback.address": self._dsp_base,
            "edc.dataplane.api.public.baseurl": f"http://localhost:{self._port('public')}/public",
            "web.http.management.auth.type": "tokenbased",
            "web.http.management.auth.key": api_key,
            # The data plane signs its access tokens with a key of this run.
            "edc.transfer.proxy.token.signer.privatekey.alias": "signing-key",
            "edc.transfer.proxy.token.verifier.publickey.alias": "checking-key",
            "signing-key": private.replace("\n", "\\n"),
            "edc.iam.publickeys.run.id": "checking-key",
            "edc.iam.publickeys.run.path": str(public_file),
            **self._settings,
        }
        for name, path in _PATHS.items():
            values[f"{name}.port"] = str(self._ports[name])
            values[f"{name}.path"] = path
        return "".join(f"{name}={value}\n" for name, value in values.items())


def _key_pair() -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return private.decode("ascii").strip(), public.decode("ascii")
