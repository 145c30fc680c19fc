"""What runs out quietly is told in time, once a day."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector.service.events import Events
from connector.service.watch import Watch

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


class _Clock:
    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class _Told(Events):
    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.types: list[str] = []

    def tell(self, type_: str, subject: str, data: Any) -> None:
        self.types.append(type_)


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def _certificate(folder: Path, ends: datetime) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "factory-a.example")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW - timedelta(days=300))
        .not_valid_after(ends)
        .sign(key, hashes.SHA256())
    )
    path = folder / "cert.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return str(path)


@pytest.mark.parametrize(("days", "told"), [(13, ["certificate.ending"]), (15, [])])
def test_a_certificate_that_ends_within_two_weeks_is_told(tmp_path: Path, days: int, told: list[str]) -> None:
    clock = _Clock()
    events = _Told(clock)
    Watch(events, clock, tmp_path, _certificate(tmp_path, NOW + timedelta(days=days))).look()
    assert [t for t in events.types if t.startswith("certificate")] == told


@pytest.mark.parametrize(("free", "told"), [(99, ["disk.low"]), (101, [])])
def test_a_disk_with_less_than_a_tenth_free_is_told_once_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, told: list[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: _Usage(1000, 1000 - free, free))
    clock = _Clock()
    events = _Told(clock)
    watch = Watch(events, clock, tmp_path, "")
    watch.look()
    watch.look()
    assert events.types == told
    clock.at += timedelta(days=1)
    watch.look()
    assert events.types == told * 2
