"""Looks, once an hour, at what runs out quietly: the disk and the certificate [D30]."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from connector.model.ports import Clock
from connector.model.times import iso
from connector.service.events import Events

LOOK_EVERY_S: Final = 3600.0
DISK_LEAST: Final = 0.10
CERTIFICATE_LEAST: Final = timedelta(days=14)


class Watch:
    """Tells `disk.low` and `certificate.ending`, each at most once a day."""

    def __init__(self, events: Events, clock: Clock, home: Path, certificate: str) -> None:
        self._events = events
        self._clock = clock
        self._home = home
        self._certificate = certificate
        self._told: dict[str, datetime] = {}

    async def run(self) -> None:
        """The loop; the application owns its task."""
        while True:
            self.look()
            await self._clock.sleep(LOOK_EVERY_S)

    def look(self) -> None:
        """Look once, and tell what runs short."""
        usage = shutil.disk_usage(self._home)
        if usage.free < usage.total * DISK_LEAST:
            self._tell("disk.low", str(self._home), {"free": usage.free, "total": usage.total})
        ends = certificate_end(self._certificate) if self._certificate else None
        if ends is not None and ends - self._clock.now() < CERTIFICATE_LEAST:
            self._tell("certificate.ending", self._certificate, {"until": iso(ends)})

    def _tell(self, type_: str, subject: str, data: dict[str, object]) -> None:
        now, last = self._clock.now(), self._told.get(type_)
        if last is None or now - last >= timedelta(days=1):
            self._told[type_] = now
            self._events.tell(type_, subject, data)


def certificate_end(path: str) -> datetime | None:
    """When the first certificate in a PEM file ends; None if it cannot be read."""
    try:
        return x509.load_pem_x509_certificate(Path(path).read_bytes()).not_valid_after_utc
    except (OSError, ValueError):
        return None
