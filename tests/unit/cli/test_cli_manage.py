"""The client of the management API, against a small server on loopback."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from connector.errors import PeerFailed
from connector.manage import Manage, NotReached, Refused

SEEN: list[tuple[str, str, str | None, bytes]] = []
EVENTS = (
    b": listening\n\n"
    b'id: 1\nevent: negotiation.finalized\ndata: {"subject": "a"}\n\n'
    b": \n\n"
    b'event: transfer.started\ndata: {"subject":\ndata: "b"}\n\n'
    b"event: nothing\n\n"
)


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path; remembers what it was asked."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        SEEN.append((self.command, self.path, self.headers.get("x-api-key"), body))
        status, answer = {
            "/manage/refused": (409, b'[{"message": "no", "code": "conflict", "path": "p", "rule": "r"}]'),
            "/manage/html": (502, b"<html>"),
            "/manage/empty": (204, b""),
            "/manage/events": (200, EVENTS),
            "/manage/lines": (200, b'{"done": 1, "total": 2}\n\n{"result": {}}\n'),
        }.get(self.path.partition("?")[0], (200, b'{"ok": true}'))
        if self.path == "/manage/broken":
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = _answer  # noqa: N815  # the names that the standard library calls

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def manage() -> Iterator[Manage]:
    SEEN.clear()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Manage(f"http://127.0.0.1:{server.server_address[1]}/", "key")
        server.shutdown()
        thread.join()


def test_an_id_is_one_segment_and_the_key_is_shown(manage):
    assert manage.get("manage", "contracts", "urn:x/../y?z", limit=3, offset=0) == {"ok": True}
    assert SEEN == [("GET", "/manage/contracts/urn%3Ax%2F..%2Fy%3Fz?limit=3", "key", b"")]


def test_a_post_is_json(manage):
    manage.post("manage", "x", body={"name": "가"})
    assert json.loads(SEEN[0][3]) == {"name": "가"}
    assert manage.post("manage", "empty") is None


def test_a_refusal_keeps_its_words(manage):
    with pytest.raises(Refused) as caught:
        manage.get("manage", "refused")
    error = caught.value
    assert (error.status, error.reason_code, error.message, error.pointer) == (409, "conflict", "no", "p")
    assert error.extra == {"rule": "r"}


def test_an_answer_that_is_no_json(manage):
    with pytest.raises(Refused, match="answered 502"):
        manage.get("manage", "html")


def test_a_connection_that_breaks(manage):
    with pytest.raises(PeerFailed, match="broke off"):
        manage.get("manage", "broken")


def test_nobody_listens():
    with pytest.raises(NotReached):
        Manage("http://127.0.0.1:9", "key").get("manage", "status")


def test_events_one_after_the_other(manage):
    with manage.events() as events:
        found = [(event.type, event.subject) for event in events]
    assert found == [("negotiation.finalized", "a"), ("transfer.started", "b")]


def test_waiting_for_events_has_an_end(manage):
    with pytest.raises(PeerFailed, match="did not happen"), manage.events(within_s=-1.0) as events:
        list(events)


def test_lines_as_they_come(manage):
    assert list(manage.lines("manage", "lines", body={})) == [{"done": 1, "total": 2}, {"result": {}}]
