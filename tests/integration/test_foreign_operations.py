"""What an operator runs into who does not know how it was meant."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from connector.app import Connector
from connector.errors import Unavailable
from connector.ledger.proof import Verdict, verify_contract
from connector.logs import JsonFormatter
from connector.model.process import Kind, NegotiationAct, NegotiationState, Role
from connector.settings import build
from connector.web.public import own_document
from tests.integration.talk import Stage
from tests.integration.two_factories import Factory, contract, factories


async def test_a_home_has_one_connector_at_a_time(tmp_path: Path) -> None:
    async with factories(tmp_path, ["factory-a"]) as (factory,):
        raw = {**factory.raw, "server": {**factory.raw["server"], "public_port": 0, "management_port": 0}}
        second = Connector(build(factory.home, raw, {}))
        try:
            with pytest.raises(Unavailable, match=r"runs on .*factory-a already"):
                await second.start()
        finally:
            await second.stop()
        assert factory.node.is_ready
        await factory.restart()  # which lets go, and takes hold again
        assert factory.node.is_ready


async def test_the_log_tells_what_was_decided_and_no_token(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    talk = stage.talk(Kind.NEGOTIATION, Role.CONSUMER)
    await talk.reach(NegotiationState.AGREED)
    await talk.say(NegotiationAct.TERMINATE, code="too-dear", reason=["not now"])
    told = {r.message: r for r in caplog.records if getattr(r, "subject", "") == talk.other}
    assert told["negotiation.agreed"].levelno == logging.DEBUG
    assert told["negotiation.terminated"].levelno == logging.INFO
    assert told["negotiation.terminated"].reason == "too-dear: not now"  # type: ignore[attr-defined]
    written = "\n".join(JsonFormatter().format(record) for record in caplog.records)
    assert "too-dear" in written
    assert "eyJ" not in written


def _init(home: Path, *options: str) -> tuple[int, str]:
    said = subprocess.run(  # our own command
        [sys.executable, "-m", "connector", "--home", str(home), "--json", "init", *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return said.returncode, said.stdout or said.stderr


async def test_a_new_key_signs_and_the_old_one_still_proves(tmp_path: Path) -> None:
    async with factories(tmp_path) as (consumer, provider):
        agreement = await contract(consumer, provider, "shots")
        before = provider.node.keys.thumbprint
        code, said = _init(provider.home, "--new-key", "--name", "other")
        assert (code, "stands alone" in said) == (2, True)
        _rename_settings(provider)
        code, said = _init(provider.home, "--new-key")
        assert code == 0, said
        await provider.restart()
        after = provider.node.keys.thumbprint
        assert json.loads(said)["thumbprint"] == after != before
        document = own_document(provider.node)
        assert len(document["verificationMethod"]) == 2  # type: ignore[arg-type]
        again = await contract(consumer, provider, "more-shots")
        exported = await consumer.node.overview.export(agreement, own_document(consumer.node))
        renewed = await consumer.node.overview.export(again, own_document(consumer.node))
        pins = {provider.did: [before], consumer.did: [consumer.node.keys.thumbprint]}
        assert verify_contract(exported, pins).verdict is Verdict.PROVED
        assert verify_contract(renewed, pins).verdict is not Verdict.PROVED


def test_a_home_that_is_not_there_gets_no_new_key(tmp_path: Path) -> None:
    code, said = _init(tmp_path / "nowhere", "--new-key")
    assert code == 2, said
    assert not (tmp_path / "nowhere").exists()


def _rename_settings(factory: Factory) -> None:
    """The command line reads connector.toml; the fixture keeps its settings in memory."""
    url = factory.url
    (factory.home / "connector.toml").write_text(f'[server]\npublic_url = "{url}"\n')
