"""A certificate authority for development: makes the certificates that the compose file's nodes use.

    python deploy/dev_ca.py --ca CA-FOLDER --nodes NODES-FOLDER [--stay] NODE...

CA-FOLDER holds `ca.key`, which nobody but this script reads, and `ca.pem`. NODES-FOLDER has a folder for
each NODE, which gets `tls.pem`, `tls.key`, `ca.pem` and `management.key` (the API key of its private
listener), and one named `pilot`, which gets `ca.pem`, every node's API key as `NODE.key`, and `pilot.toml`,
which says where the nodes are. What is there and good for another week is kept, so a second start changes
nothing.

With `--stay` it then waits to be stopped: in the compose run only the pilot may end by itself.

Not for production: there, certificates come from an authority that your partners trust already.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME: Final = timedelta(days=90)
RENEW_BEFORE: Final = timedelta(days=7)
BACKDATED: Final = timedelta(minutes=5)
"""Containers' clocks may differ by a little; a certificate must not start in their future."""

PUBLIC_PORT: Final = 8443
PRIVATE_PORT: Final = 9191
DEMO_DATA: Final = "/data/demo/injection.csv"
"""What each node has to publish: MADANG_DEMO_DATA in docker-compose.yml."""

READY: Final = Path("/tmp/ready")  # noqa: S108 -- the container's own tmpfs, read by its health check


@dataclass(frozen=True, slots=True)
class Authority:
    """The key that signs, and its certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def write(path: Path, content: bytes, mode: int) -> None:
    """Put the file there in one step, never readable by more than `mode` allows."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def pem(value: x509.Certificate | ec.EllipticCurvePrivateKey) -> bytes:
    """The value as PEM; keys as unencrypted PKCS 8."""
    if isinstance(value, x509.Certificate):
        return value.public_bytes(serialization.Encoding.PEM)
    return value.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def is_good(certificate: x509.Certificate, now: datetime) -> bool:
    """True while it is valid and does not need to be renewed yet."""
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEW_BEFORE


def _builder(subject: str, issuer: x509.Name | None, now: datetime) -> x509.CertificateBuilder:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer or name)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LIFETIME)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def open_authority(folder: Path, now: datetime) -> Authority:
    """The authority of that folder, made if it is missing or about to expire."""
    key_file, certificate_file = folder / "ca.key", folder / "ca.pem"
    if key_file.exists() and certificate_file.exists():
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
        if isinstance(key, ec.EllipticCurvePrivateKey) and is_good(certificate, now):
            return Authority(key, certificate)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder("Madang development authority", None, now)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write(key_file, pem(key), 0o600)
    write(certificate_file, pem(certificate), 0o644)
    return Authority(key, certificate)


def equip(authority: Authority, folder: Path, name: str, now: datetime) -> None:
    """Give the node of that name what it needs in its folder; its names are NAME and localhost."""
    write(folder / "ca.pem", pem(authority.certificate), 0o644)
    if not (folder / "management.key").exists():
        write(folder / "management.key", secrets.token_urlsafe(32).encode(), 0o600)
    tls = folder / "tls.pem"
    if tls.exists() and (folder / "tls.key").exists():
        old = x509.load_pem_x509_certificate(tls.read_bytes())
        if is_good(old, now) and _issued(authority, old):
            return
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([x509.DNSName(name), x509.DNSName("localhost")])
    certificate = (
        _builder(name, authority.certificate.subject, now)
        .public_key(key.public_key())
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False
        )
        .sign(authority.key, hashes.SHA256())
    )
    write(folder / "tls.key", pem(key), 0o600)
    write(tls, pem(certificate), 0o644)


def _issued(authority: Authority, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except Exception:  # noqa: BLE001 -- whatever is wrong with it, the answer is a new one
        return False
    return True


def brief_pilot(authority: Authority, nodes: Path, names: list[str]) -> None:
    """Tell the pilot where the nodes are and give it their API keys."""
    folder = nodes / "pilot"
    write(folder / "ca.pem", pem(authority.certificate), 0o644)
    lines = ['ca = "ca.pem"  # paths are relative to this file']
    for name in names:
        write(folder / f"{name}.key", (nodes / name / "management.key").read_bytes(), 0o600)
        lines += [
            "",
            "[[node]]",
            f'name = "{name}"',
            f'did = "did:web:{name}%3A{PUBLIC_PORT}"',
            f'public_url = "https://{name}:{PUBLIC_PORT}"',
            f'management_url = "http://{name}:{PRIVATE_PORT}"',
            f'key_file = "{name}.key"',
            f'source = "{DEMO_DATA}"  # as the node sees it',
        ]
    write(folder / "pilot.toml", ("\n".join(lines) + "\n").encode(), 0o644)


def main(arguments: list[str]) -> int:
    """Make what is missing, say so in one line, and stay if asked to."""
    parser = argparse.ArgumentParser(description="A certificate authority for development.")
    parser.add_argument("--ca", type=Path, required=True, help="folder of the authority's own key")
    parser.add_argument("--nodes", type=Path, required=True, help="folder with one folder for each node")
    parser.add_argument("--stay", action="store_true", help="wait for a signal afterwards")
    parser.add_argument("names", nargs="+", metavar="NODE", help="host name of a node")
    asked = parser.parse_args(arguments)
    now = datetime.now(UTC)
    for folder in (asked.ca, *(asked.nodes / name for name in (*asked.names, "pilot"))):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    authority = open_authority(asked.ca, now)
    for name in asked.names:
        equip(authority, asked.nodes / name, name, now)
    brief_pilot(authority, asked.nodes, asked.names)
    print(f"development certificates for {', '.join(asked.names)}", flush=True)
    if asked.stay:
        stop = (signal.SIGTERM, signal.SIGINT)
        signal.pthread_sigmask(signal.SIG_BLOCK, stop)
        READY.touch()
        signal.sigwait(stop)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
