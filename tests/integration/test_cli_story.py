"""The verbs, end to end: two factories as processes, and the command line in front of each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connector import resources
from connector.cli import main
from connector.clock import SystemClock
from connector.factories import Place, place, running, settle
from connector.story import Party

FACTORIES = {"factory-a": "가나정밀", "factory-b": "다라성형"}
ROWS = 60
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
MUST_SAY = ["--process", "machining", "--confidentiality", "limited-provision", "--personal-data", "no"]
OPEN = ["--policy", "open-use"]


@dataclass(frozen=True)
class World:
    """Two running factories; `provider` and `consumer` run a verb and give exit code and output."""

    places: list[Place]
    parties: list[Party]
    source: Path
    description: Path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("factories")
    places = place(FACTORIES, folder)
    parties = settle(places, now=SystemClock().now())
    generator = resources.generator()
    source = generator.write(folder / "사출1호기.csv", ROWS, 3)
    description = folder / "description.json"
    said = {k: v for k, v in generator.DESCRIPTION.items() if k not in ("id", "media_type", "encoding")}
    description.write_text(json.dumps(said, ensure_ascii=False), "utf-8")
    with running(places):
        yield World(places, parties, source, description)


@pytest.fixture
def run(world: World, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """`run(0, "status")` runs a verb at the first factory: exit code, standard output, standard error."""

    def one(factory: int, *arguments: object, lang: str = "en") -> tuple[int, str, str]:
        home = str(world.places[factory].home)
        capsys.readouterr()
        code = main([*map(str, arguments), "--home", home, "--lang", lang])
        said = capsys.readouterr()
        return code, said.out, said.err

    return one


@pytest.fixture
def data(run: Callable[..., tuple[int, str, str]]) -> Callable[..., Any]:
    """`data(0, "status")` gives what `--json` prints; the verb has to succeed."""

    def one(factory: int, *arguments: object) -> Any:
        code, out, err = run(factory, *arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return one


def contract_over(world: World, data: Callable[..., Any], name: str, *policy: str) -> str:
    """A signed contract over a freshly published file: its id."""
    file = world.source.parent / f"{name}.bin"
    file.write_bytes(name.encode() * 100)
    data(0, "publish", file, *MUST_SAY, *(policy or OPEN))
    return str(data(1, "request", world.parties[0].did, name, "--wait")["agreement"])


class TestStory:
    """From a file to a proof, by verbs alone."""

    def test_from_a_file_to_a_withdrawal(self, world, run, data, tmp_path):
        code, out, err = run(
            0, "publish", world.source, "--id", "shots", "--policy", "purpose,count-limit",
            "--param", "purposes=quality-assurance", "--param", "count=5", "--describe", world.description,
        )  # fmt: skip
        assert code == 0, err
        assert "published: " in out
        assert "quality assurance" in out
        again = data(
            0, "publish", world.source, "--id", "shots", "--policy", "purpose,count-limit",
            "--param", "purposes=quality-assurance", "--param", "count=5", "--describe", world.description,
        )  # fmt: skip
        assert again["outcome"] == "unchanged"

        code, out, _ = run(1, "catalog", world.parties[0].did, lang="ko")
        assert code == 0
        assert "shots" in out
        assert "사출성형 1호기" in out
        assert "품질 보증" in out

        code, out, err = run(1, "request", world.parties[0].public_url, "shots", "--wait")
        assert code == 0, err
        assert "there is a contract: urn:uuid:" in out
        (contract,) = [c for c in data(1, "contract", "list") if c["dataset"].endswith("/shots")]
        assert contract["signed"] is True

        code, out, err = run(1, "pull", "shots", "--purpose", "quality-assurance", "--to", tmp_path / "in")
        assert code == 0, err
        (arrived,) = [p for p in (tmp_path / "in").rglob("*") if p.is_file() and not p.name.startswith(".")]
        assert arrived.read_bytes() == world.source.read_bytes()

        code, _, err = run(1, "pull", contract["id"], "--purpose", "predictive-maintenance")
        assert code == 1
        assert "purpose-not-allowed" in err

        proof = tmp_path / "contract.json"
        assert run(1, "contract", "export", contract["id"], "-o", proof)[0] == 0
        assert run(1, "contract", "export", contract["id"], "-o", proof)[0] == 1  # it is there already
        assert run(1, "contract", "verify", proof)[0] == 3
        report = json.loads(run(1, "contract", "verify", proof, "--json")[1])
        pins = [f"--pin={did}={thumbs[0]}" for did, thumbs in report["thumbprints"].items()]
        assert run(1, "contract", "verify", proof, *pins)[0] == 0
        assert run(1, "contract", "verify", proof, pins[0], pins[1][:-4] + "AAAA")[0] == 1

        status = data(0, "status")
        assert status["left"]["bytes"] == world.source.stat().st_size
        code, out, _ = run(0, "status", lang="ko")
        assert code == 0
        assert "나간 데이터: 1번" in out

        assert run(0, "ledger", "verify", "--head", proof)[0] == 0
        assert run(1, "ledger", "verify", "--head", proof)[0] == 0

        code, out, _ = run(0, "contract", "withdraw", contract["id"], "--reason", "it is over")
        assert code == 0
        assert "no byte leaves" in out
        code, _, err = run(1, "pull", "shots", "--purpose", "quality-assurance")
        assert code == 1
        assert "withdrawn" in err
        code, out, _ = run(0, "contract", "show", contract["id"])
        assert "withdrawn at" in out
        assert "it is over" in out

    def test_a_transfer_is_suspended_and_resumed(self, world, run, data):
        agreement = contract_over(world, data, "steady")
        data(1, "pull", agreement)
        (mine,) = [t for t in data(0, "transfer", "list") if t["agreement"] == agreement]
        assert mine["state"] == "STARTED"
        assert run(0, "transfer", "suspend", mine["id"], "--reason", "night")[0] == 0
        code, _, err = run(1, "pull", agreement)
        assert code == 1
        assert "night" in err or "suspended" in err
        assert run(0, "transfer", "resume", mine["id"])[0] == 0
        assert run(1, "pull", agreement)[0] == 0
        assert run(0, "transfer", "terminate", mine["id"])[0] == 0
        (mine,) = [t for t in data(0, "transfer") if t["agreement"] == agreement]
        assert mine["state"] == "TERMINATED"

    def test_an_unpublished_dataset_is_not_in_the_catalog(self, world, run, data):
        contract_over(world, data, "shy")

        def names() -> set[str]:
            shown = data(1, "catalog", world.parties[0].did)["catalog"]["dataset"]
            return {d["@id"].rpartition("/")[2] for d in shown}

        assert "shy" in names()
        assert run(0, "unpublish", "shy")[0] == 0
        assert "shy" not in names()
        assert run(0, "republish", "shy")[0] == 0
        assert "shy" in names()
        assert run(0, "unpublish", "nobody-knows-it")[0] == 2

    def test_only_those_named_can_see_it(self, world, run, data):
        file = world.source.parent / "secret.bin"
        file.write_bytes(b"secret")
        data(0, "publish", file, *MUST_SAY, *OPEN, "--visible-to", "did:web:partner.example")
        shown = data(1, "catalog", world.parties[0].did)["catalog"]["dataset"]
        assert not [d for d in shown if d["@id"].endswith("/secret")]
        assert run(1, "request", world.parties[0].did, "secret")[0] == 2


class TestInbox:
    """Manual approval."""

    def asked(self, world, data, name: str) -> str:
        file = world.source.parent / f"{name}.bin"
        file.write_bytes(name.encode())
        data(0, "publish", file, *MUST_SAY, *OPEN, "--approval", "manual")
        begun = data(1, "request", world.parties[0].did, name)
        return str(begun["id"])

    def waiting(self, data, name: str) -> str:
        (found,) = [n["id"] for n in data(0, "inbox") if n["dataset"].endswith(f"/{name}")]
        return str(found)

    def test_approved(self, world, run, data):
        self.asked(world, data, "ask-yes")
        code, out, _ = run(0, "inbox", lang="ko")
        assert code == 0
        assert "ask-yes" in out
        assert run(0, "inbox", "approve", self.waiting(data, "ask-yes"))[0] == 0
        assert not [n for n in data(0, "inbox", "list") if n["dataset"].endswith("/ask-yes")]

    def test_refused_with_a_reason(self, world, run, data):
        self.asked(world, data, "ask-no")
        assert run(0, "inbox", "refuse", self.waiting(data, "ask-no"), "--reason", "not this year")[0] == 0

    def test_countered(self, world, run, data):
        self.asked(world, data, "ask-other")
        waiting = self.waiting(data, "ask-other")
        assert run(0, "inbox", "counter", waiting)[0] == 2
        code, out, _ = run(0, "inbox", "counter", waiting, "--policy", "count-limit", "--param", "count=1")
        assert code == 0
        assert "up to use number 1" in out

    def test_offered_by_the_provider(self, world, run, data):
        file = world.source.parent / "gift.bin"
        file.write_bytes(b"gift")
        data(0, "publish", file, *MUST_SAY, *OPEN)
        offered = data(0, "offer", world.parties[1].did, "gift")
        assert offered["role"] == "PROVIDER"


class TestBadInput:
    """One line, a hint, and exit code 2; nothing changes."""

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            (("publish", "nothing-here.csv", *MUST_SAY), "no file or folder"),
            (("publish", ".", "--param", "days=3", *MUST_SAY), "--param"),
            (("publish", ".", "--policy", "count-limit", "--param", "count", *MUST_SAY), "NAME=VALUE"),
            (("publish", ".", "--personal-data", "perhaps"), "yes or no"),
            (("publish", ".", "--process", "machining"), "--confidentiality, --personal-data"),
            (("request", "not-a-partner", "x"), "must be a DID"),
            (("contract", "show", "urn:uuid:none"), "there is no contract"),
            (("pull", "nothing"), "there is no contract"),
            (("transfer", "suspend", "urn:uuid:none"), "there is no transfer"),
            (("inbox", "approve", "urn:uuid:none"), "there is no negotiation"),
            (("contract", "verify", "none.json"), "there is no file"),
            (("restore",), "--confirm"),
        ],
    )
    def test_it_is_said(self, run, arguments, says, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        code, out, err = run(0, *arguments)
        assert code == 2, err
        assert says in err
        assert err.startswith("madang: ")
        assert len(err.splitlines()) <= 2
        assert out == ""

    def test_a_policy_that_does_not_exist(self, world, run):
        code, _, err = run(0, "publish", world.source, "--policy", "free-beer", *MUST_SAY)
        assert code == 2
        assert "count-limit" in err  # it says what there is

    def test_columns_without_units_are_named_in_both_languages(self, world, run):
        for lang, says in (("ko", "단위"), ("en", "unit")):
            code, _, err = run(0, "publish", world.source, "--id", "unsaid", *MUST_SAY, *OPEN, lang=lang)
            assert code == 2
            assert says in err
            assert "최대사출압력" in err


class TestDoctor:
    """What it finds in a healthy factory, and in a sick one."""

    def test_a_healthy_factory(self, world, data):
        found = {f["code"]: f for f in data(0, "doctor", "--peer", world.parties[1].did)}
        assert found["running.yes"]["level"] == found["did.ok"]["level"] == found["peer.ok"]["level"] == "ok"
        assert abs(int(found["clock.ok"]["params"]["offset"])) <= 1

    def test_a_partner_that_does_not_answer(self, run):
        code, out, _ = run(0, "doctor", "--peer", "did:web:127.0.0.1%3A9")
        assert code == 1
        assert "✗ did:web:127.0.0.1%3A9 cannot be reached" in out


def test_the_examples_do_what_the_verbs_do(world, data):
    agreement = contract_over(world, data, "by-example")
    address = world.parties[1].manage.url
    environment = {**os.environ, "MADANG_HOME": str(world.places[1].home), "MADANG_MANAGEMENT": address}
    command = [sys.executable, EXAMPLES / "pull.py", agreement]
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert "'result'" in out.splitlines()[-1]
    command = ["sh", EXAMPLES / "status.sh", str(world.places[1].home), address]
    status = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert agreement in [contract["id"] for contract in status["taken"]]
