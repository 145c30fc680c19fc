"""What the doctor finds on this machine: permissions, settings, keys, database, ports, certificate."""

from __future__ import annotations

import os
import socket
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connector.clock import SystemClock
from connector.commands.home import make_home
from connector.service.doctor import Finding, certificate, examine
from connector.settings import build
from tests.ports import free_ports

NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    made = tmp_path / "home"
    ports = {"public_port": free_ports(1)[0], "management_port": free_ports(1)[0], "public_host": "127.0.0.1"}
    made.mkdir(mode=0o700)
    text = "[server]\n" + "\n".join(f"{name} = {value!r}" for name, value in ports.items())
    (made / "connector.toml").write_text(text + f'\npublic_url = "http://127.0.0.1:{ports["public_port"]}"\n')
    make_home(made, {}, now=NOW)
    return made


def codes(home: Path) -> dict[str, str]:
    return {finding.code: finding.level for finding in examine(home, [], SystemClock())}


def test_a_new_home_is_sound(home):
    found = codes(home)
    assert "broken" not in found.values()
    assert found["keys.ok"] == found["port.free"] == found["settings.ok"] == "ok"
    assert found["running.no"] == found["did.unasked"] == "note"


def test_no_home(tmp_path):
    assert codes(tmp_path / "none") == {"home.missing": "broken"}


@pytest.mark.parametrize("path", ["", "management.key", "keys"])
def test_what_others_may_read(home, path):
    (home / path).chmod(0o755)
    findings = [f for f in examine(home, [], SystemClock()) if f.code == "home.open"]
    assert [f.params["path"] for f in findings] == [str(home / path)]
    assert findings[0].mend("en").startswith("chmod ")


def test_a_wrong_setting(home):
    with (home / "connector.toml").open("a") as file:
        file.write("public_prot = 3\n")
    assert codes(home)["settings.wrong"] == "broken"


def test_keys_of_another_address(home):
    text = (home / "connector.toml").read_text().replace("http://127.0.0.1", "http://localhost")
    (home / "connector.toml").write_text(text)
    assert codes(home)["keys.wrong"] == "broken"


def test_a_port_that_is_taken(home):
    port = int((home / "connector.toml").read_text().split("public_port = ")[1].split()[0])
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        findings = examine(home, [], SystemClock())
    taken = [f.params for f in findings if f.code == "port.taken"]
    assert taken == [{"name": "public", "port": str(port)}]


def test_a_damaged_database(home):
    (home / "madang.db").write_bytes(b"not a database at all" * 100)
    assert codes(home)["database.broken"] == "broken"


def test_a_restore_that_was_not_confirmed(home):
    with sqlite3.connect(home / "madang.db") as made:
        made.execute("create table meta (key text primary key, value text)")
        made.execute("insert into meta values ('restored', 'unconfirmed')")
    made.close()
    (home / "madang.db").chmod(0o600)
    found = codes(home)
    assert (found["database.ok"], found["database.unconfirmed"]) == ("ok", "broken")


class TestCertificate:
    """The file, its names, its end."""

    def looked_at(
        self, folder: Path, *names: str, days: int = 60, host: str = "factory-a.example"
    ) -> list[Finding]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sample")])
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(NOW - timedelta(days=90))
            .not_valid_after(NOW + timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False)
            .sign(key, hashes.SHA256())
        )
        (folder / "tls.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / "tls.key").write_bytes(key.private_bytes(*form))
        return self.of(folder, host)

    def of(self, folder: Path, host: str = "factory-a.example") -> list[Finding]:
        raw = {
            "server": {"public_url": f"https://{host}"},
            "tls": {"cert": str(folder / "tls.pem"), "key": str(folder / "tls.key")},
        }
        return list(certificate(build(folder, raw, {}), NOW))

    @pytest.mark.parametrize("name", ["factory-a.example", "FACTORY-A.example", "*.example.example"])
    def test_a_good_one(self, tmp_path, name):
        host = "a.example.example" if "*" in name else "factory-a.example"
        (found,) = self.looked_at(tmp_path, name, host=host)
        assert (found.level, found.code) == ("ok", "tls.ok")

    @pytest.mark.parametrize("name", ["factory-b.example", "*.example", "example"])
    def test_another_name(self, tmp_path, name):
        host = "deep.factory-a.example"
        assert "tls.name" in {
            f.code for f in self.looked_at(tmp_path, name, host=host) if f.level == "broken"
        }

    def test_the_end_is_near(self, tmp_path):
        (found,) = self.looked_at(tmp_path, "factory-a.example", days=5)
        assert (found.level, found.code) == ("note", "tls.soon")

    def test_it_is_over(self, tmp_path):
        (found,) = self.looked_at(tmp_path, "factory-a.example", days=-1)
        assert (found.level, found.code) == ("broken", "tls.expired")

    def test_another_key(self, tmp_path):
        self.looked_at(tmp_path, "factory-a.example")
        other = tmp_path / "other"
        other.mkdir()
        self.looked_at(other, "factory-a.example")
        os.replace(other / "tls.key", tmp_path / "tls.key")  # noqa: PTH105  # either says the same
        assert [f.code for f in self.of(tmp_path)] == ["tls.unreadable"]

    def test_none_at_all(self, tmp_path):
        assert [f.code for f in certificate(build(tmp_path, {}, {}), NOW)] == ["tls.none"]
