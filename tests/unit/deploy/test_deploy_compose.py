"""docker-compose.yml and the Dockerfile keep what SECURITY.md and docs/operations.md promise."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector import settings

ROOT = Path(__file__).resolve().parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
NODES = ["factory-a", "factory-b", "partner"]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def mounts(service: str) -> dict[str, str]:
    """What is mounted where: source -> target with its mode."""
    return dict(volume.split(":", 1) for volume in SERVICES[service].get("volumes", []))


def test_the_services_are_three_nodes_an_authority_and_a_pilot() -> None:
    assert set(SERVICES) == {"ca", *NODES, "pilot"}


@pytest.mark.parametrize("service", SERVICES)
def test_every_container_is_confined(service: str) -> None:
    made = SERVICES[service]
    assert made["read_only"] is True
    assert made["cap_drop"] == ["ALL"]
    assert made["security_opt"] == ["no-new-privileges:true"]
    assert any(place.startswith("/tmp") for place in made["tmpfs"])
    assert "privileged" not in made
    assert "cap_add" not in made
    assert "user" not in made  # the image's own, which is not root
    assert "ports" not in made


def test_the_authoritys_key_is_in_a_volume_that_nobody_else_mounts() -> None:
    assert [name for name in SERVICES if "ca" in mounts(name)] == ["ca"]
    assert mounts("ca")["ca"] == "/ca"
    assert SERVICES["ca"]["network_mode"] == "none"


def test_each_node_has_its_own_data_and_sees_its_own_keys_alone() -> None:
    for name in NODES:
        assert set(mounts(name)) == {name, f"{name}-tls", f"./deploy/nodes/{name}.toml"}
        assert mounts(name)[name] == "/data"
        assert mounts(name)[f"{name}-tls"].endswith(":ro")


def test_only_the_pilot_ends_by_itself() -> None:
    assert "--stay" in SERVICES["ca"]["command"]
    assert all(made["restart"] == "no" for made in SERVICES.values())
    assert set(SERVICES["pilot"]["depends_on"]) == set(NODES)
    for made in (*(SERVICES[name] for name in NODES), SERVICES["pilot"]):
        assert {needed["condition"] for needed in made["depends_on"].values()} == {"service_healthy"}


def test_the_networks_lead_nowhere_else() -> None:
    assert all(network["internal"] is True for network in COMPOSE["networks"].values())
    on_management = {name for name, made in SERVICES.items() if "management" in made.get("networks", [])}
    assert on_management == {*NODES, "pilot"}


@pytest.mark.parametrize("name", NODES)
def test_the_nodes_settings_are_settings(name: str, tmp_path: Path) -> None:
    raw = tomllib.loads((ROOT / "deploy" / "nodes" / f"{name}.toml").read_text(encoding="utf-8"))
    made = settings.build(tmp_path, raw, {})
    assert made.public_url == f"https://{name}:8443"
    assert set(made.egress.allow) == {f"{other}:8443" for other in NODES if other != name}
    assert made.egress.http_hosts == []
    assert made.server.management_port == 9191
    assert made.tls.key.startswith("/run/madang/tls/")
    assert made.participant.name
    assert made.participant.name_en


def test_the_image_is_not_root_and_keeps_one_volume() -> None:
    final = DOCKERFILE.split("AS connector")[1].split("\nFROM ")[0]
    assert re.findall(r"^USER (.+)$", final, re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^VOLUME (.+)$", final, re.MULTILINE) == ["/data"]
    assert re.findall(r"^EXPOSE (.+)$", final, re.MULTILINE) == ["8443 9191"]
    assert "/health/ready" in final
    assert DOCKERFILE.rstrip().endswith("FROM connector"), "the default target is the connector"
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)[0] == "${BASE_IMAGE}"
    assert "--require-hashes" in DOCKERFILE


def test_the_engine_gets_neither_history_nor_keys() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert "*" in ignored
    allowed = {line[1:].rstrip("/") for line in ignored if line.startswith("!")}
    copied = {"pyproject.toml", "requirements.lock", "requirements", "README.md", "LICENSE", "connector"}
    assert allowed == copied | {"policies", "vocab", "examples/generate", "deploy"}
    assert {"**/*.pem", "**/*.key", "**/*.db"} <= set(ignored)


class TestStart:
    """deploy/start, with a stand-in that writes down how `madang` was called."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> Path:
        madang = tmp_path / "bin" / "madang"
        madang.parent.mkdir()
        madang.write_text(
            '#!/bin/sh\necho "$@" >> "$CALLS"\n[ "$1" != init ] || mkdir -p "$MADANG_HOME/keys"\n'
        )
        madang.chmod(0o755)
        (tmp_path / "data").mkdir()
        return tmp_path

    def calls(self, world: Path, *arguments: str) -> list[str]:
        log = world / "calls"
        log.unlink(missing_ok=True)
        environment = {
            "PATH": f"{world / 'bin'}:/usr/bin:/bin",
            "MADANG_HOME": str(world / "data"),
            "CALLS": str(log),
        }
        shell = shutil.which("sh")
        assert shell is not None
        subprocess.run([shell, ROOT / "deploy" / "start", *arguments], env=environment, check=True)
        return log.read_text().splitlines()

    def test_the_first_start_makes_a_home_and_later_ones_do_not(self, world: Path) -> None:
        home = world / "data"
        assert self.calls(world) == [f"init --home {home}", f"up --home {home}"]
        assert self.calls(world) == [f"up --home {home}"]

    def test_any_other_verb_is_passed_on(self, world: Path) -> None:
        assert self.calls(world, "status", "--json") == ["status --json"]
        assert not (world / "data" / "keys").exists()
