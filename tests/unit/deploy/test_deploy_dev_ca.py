"""The development authority: certificates that a real TLS handshake accepts, and a key that stays put."""

from __future__ import annotations

import importlib.util
import ssl
import stat
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "deploy" / "dev_ca.py"
NAMES = ["factory-a", "factory-b", "partner"]


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("madang_dev_ca", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


DEV_CA = _script()


def run(folder: Path) -> None:
    assert DEV_CA.main(["--ca", str(folder / "ca"), "--nodes", str(folder / "nodes"), *NAMES]) == 0


@pytest.fixture
def made(tmp_path: Path) -> Path:
    run(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def shake_hands(node: Path, authority: Path, name: str) -> None:
    """A TLS handshake in memory, as strict as OpenSSL can be; raises SSLError if either side objects."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(node / "tls.pem", node / "tls.key")
    client = ssl.create_default_context(cafile=str(authority))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        client.wrap_bio(to_client, to_server, server_hostname=name),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    open_ends = list(ends)
    for _ in range(10):
        for end in list(open_ends):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            open_ends.remove(end)
    assert open_ends == []


@pytest.mark.parametrize("name", NAMES)
def test_a_strict_client_accepts_each_node_under_its_name(made: Path, name: str) -> None:
    shake_hands(made / "nodes" / name, made / "nodes" / "pilot" / "ca.pem", name)


def test_a_node_under_another_name_is_refused(made: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(made / "nodes" / "factory-a", made / "ca" / "ca.pem", "factory-b")


def test_another_authority_is_refused(made: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    run(other)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(made / "nodes" / "factory-a", other / "ca" / "ca.pem", "factory-a")


def test_the_authoritys_key_stays_in_its_own_folder(made: Path) -> None:
    key = (made / "ca" / "ca.key").read_bytes()
    assert [name for name, content in contents(made).items() if content == key] == ["ca/ca.key"]


def test_secrets_are_readable_by_their_owner_alone(made: Path) -> None:
    secret = list(made.rglob("*.key"))
    assert len(secret) == 1 + 2 * len(NAMES) + len(NAMES)
    for file in secret:
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    for folder in [made / "ca", *(made / "nodes").iterdir()]:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


def test_a_second_start_changes_nothing(made: Path) -> None:
    before = contents(made)
    run(made)
    assert contents(made) == before


def test_the_pilot_knows_where_the_nodes_are_and_has_their_keys(made: Path) -> None:
    folder = made / "nodes" / "pilot"
    told = tomllib.loads((folder / "pilot.toml").read_text())
    assert (folder / told["ca"]).read_bytes() == (made / "ca" / "ca.pem").read_bytes()
    assert [node["did"] for node in told["node"]] == [f"did:web:{name}%3A8443" for name in NAMES]
    keys = set()
    for node in told["node"]:
        key = (folder / node["key_file"]).read_text()
        assert key == (made / "nodes" / node["name"] / "management.key").read_text()
        assert len(key) >= 40
        keys.add(key)
    assert len(keys) == len(NAMES)


def test_what_is_about_to_expire_is_made_again(tmp_path: Path) -> None:
    ca, node = tmp_path / "ca", tmp_path / "factory-a"
    for folder in (ca, node):
        folder.mkdir()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    authority = DEV_CA.open_authority(ca, start)
    DEV_CA.equip(authority, node, "factory-a", start)
    first = contents(tmp_path)

    week_left = start + DEV_CA.LIFETIME - DEV_CA.RENEW_BEFORE
    still = week_left - timedelta(minutes=1)
    DEV_CA.equip(DEV_CA.open_authority(ca, still), node, "factory-a", still)
    assert contents(tmp_path) == first

    DEV_CA.equip(DEV_CA.open_authority(ca, week_left), node, "factory-a", week_left)
    renewed = contents(tmp_path)
    changed = {name for name in first if renewed[name] != first[name]}
    assert changed == {"ca/ca.key", "ca/ca.pem", "factory-a/ca.pem", "factory-a/tls.key", "factory-a/tls.pem"}


def test_a_certificate_of_a_former_authority_is_replaced(made: Path) -> None:
    (made / "ca" / "ca.key").unlink()
    run(made)
    shake_hands(made / "nodes" / "partner", made / "ca" / "ca.pem", "partner")


def test_it_runs_as_a_script_and_needs_a_node(tmp_path: Path) -> None:
    command = [sys.executable, *map(str, (SCRIPT, "--ca", tmp_path / "ca", "--nodes", tmp_path / "nodes"))]
    refused = subprocess.run(command, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    done = subprocess.run([*command, "factory-a"], capture_output=True, text=True, check=True)
    assert done.stdout == "development certificates for factory-a\n"
