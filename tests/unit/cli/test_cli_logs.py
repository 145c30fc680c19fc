"""The log: events with fields, in two forms, and never a secret."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from connector import logs
from connector.errors import BadInput

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJkaWQ6d2ViOmEifQ.c2lnbmF0dXJl"


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root, quiet = logging.getLogger(), logging.getLogger("asyncio")
    before = root.level, list(root.handlers), quiet.level
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    quiet.setLevel(before[2])
    logging.captureWarnings(capture=False)


def said(form: str, level: str = "info") -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    logs.configure(level, form, stream)
    return logging.getLogger("connector.test"), stream


def test_text_is_one_line_with_fields():
    log, stream = said("text")
    log.warning("the disk is nearly full", extra={"percent": 9, "path": "/data folder"})
    line = stream.getvalue()
    assert line.endswith('warning connector.test: the disk is nearly full percent=9 path="/data folder"\n')
    assert line[:4].isdigit()


def test_json_is_one_object_a_line():
    log, stream = said("json")
    log.info("ready", extra={"did": "did:web:factory-a.example"})
    event = json.loads(stream.getvalue())
    assert event["event"] == "ready"
    assert event["did"] == "did:web:factory-a.example"
    assert (event["level"], event["logger"]) == ("info", "connector.test")


@pytest.mark.parametrize("form", logs.FORMATS)
def test_secrets_stay_out(form):
    log, stream = said(form)
    log.info(
        "asked with Bearer abcdefgh12345678", extra={"authorization": "secret-1", "note": f"got {TOKEN}"}
    )
    log.info("sent", extra={"access_token": "secret-2", "api_key": "secret-3", "payload": "secret-4"})
    try:
        raise ValueError(f"bad token {TOKEN}")
    except ValueError:
        log.exception("failed")
    text = stream.getvalue()
    assert "ValueError" in text
    for secret in ("secret-", "abcdefgh12345678", TOKEN, TOKEN.split(".")[1]):
        assert secret not in text


def test_the_level_holds():
    log, stream = said("text", "error")
    log.warning("not this")
    log.error("but this")
    assert "not this" not in stream.getvalue()
    assert "but this" in stream.getvalue()


@pytest.mark.parametrize(("level", "form"), [("loud", "text"), ("info", "xml")])
def test_what_is_not_known_is_refused(level, form):
    with pytest.raises(BadInput):
        logs.configure(level, form)
