"""Static identity: fixed headers of partners without DIDs."""

from __future__ import annotations

import json

import pytest

from connector.errors import BadInput
from connector.identity.static import StaticIdentities, StaticPeer
from connector.model.identity import Peer, PeerKind

ADDRESS = "http://partner.example:8282/protocol"
TEMPLATE = '{"region":"eu","audience":"{audience}","clientId":"{our_id}"}'
STOCK = StaticPeer("consumer", ADDRESS, TEMPLATE, ("/clientId", "consumer"), "provider")
FIXED = StaticPeer("kit", ADDRESS, "Token abc", "Token xyz", "us")


@pytest.fixture
def known():
    return StaticIdentities([STOCK, FIXED])


def test_a_peer_is_known_by_its_exact_header(known):
    assert known.incoming("Token xyz") is FIXED
    assert FIXED.peer == Peer("kit", PeerKind.STATIC, "us", None)
    for header in ("Token xy", "Token xyz ", "token xyz", "", "Token xyz\udcff", "{", "{}"):
        assert known.incoming(header) is None


def test_a_peer_is_known_by_one_member_of_its_json(known):
    header = json.dumps({"region": "eu", "audience": ADDRESS, "clientId": "consumer"})
    assert known.incoming(header) is STOCK
    for value in (
        {"clientId": "consumer2"},
        {"clientId": ["consumer"]},
        {"clientid": "consumer"},
        {"x": {"clientId": "consumer"}},
        ["consumer"],
        "consumer",
    ):
        assert known.incoming(json.dumps(value)) is None
    assert known.incoming('{"clientId":"consumer","clientId":"consumer"}') is None
    assert known.incoming('{"clientId":"consumer","pad":"' + "x" * 16_384 + '"}') is None


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/a/b", {"a": {"b": "x"}}),
        ("/a/1", {"a": ["y", "x"]}),
        ("/a~1b", {"a/b": "x"}),
        ("/~01", {"~1": "x"}),
    ],
)
def test_pointers_follow_their_standard(pointer, value):
    peer = StaticPeer("p", ADDRESS, "t", (pointer, "x"), "us")
    assert StaticIdentities([peer]).incoming(json.dumps(value)) is peer
    assert StaticIdentities([peer]).incoming(json.dumps({"a": [], "b": {}})) is None


def test_a_header_that_fits_two_is_nobodys():
    other = StaticPeer("eu", ADDRESS, "t", ("/region", "eu"), "us")
    known = StaticIdentities([STOCK, other])
    assert known.incoming('{"clientId":"consumer"}') is STOCK
    assert known.incoming('{"clientId":"consumer","region":"eu"}') is None


def test_what_we_send(known):
    header = known.outgoing("consumer", audience=ADDRESS)
    assert json.loads(header) == {"region": "eu", "audience": ADDRESS, "clientId": "provider"}
    assert known.outgoing("kit", audience=ADDRESS) == "Token abc"
    assert known.outgoing("nobody", audience=ADDRESS) is None
    assert known.get("consumer") is STOCK
    assert known.get("nobody") is None
    assert len(known) == 2


def test_what_is_filled_in_cannot_break_out(known):
    evil = 'x","clientId":"admin","y":"{our_id}'
    assert json.loads(known.outgoing("consumer", audience=evil)) == {
        "region": "eu",
        "audience": evil,
        "clientId": "provider",
    }
    with pytest.raises(BadInput):
        known.outgoing("kit", audience="a\r\nX-Evil: 1")


def test_a_plain_template_is_filled_as_it_stands():
    peer = StaticPeer("p", ADDRESS, "{our_id}", "m", 'us"')
    assert StaticIdentities([peer]).outgoing("p", audience="a") == 'us"'


@pytest.mark.parametrize(
    "change",
    [
        {"participant_id": ""},
        {"our_id": ""},
        {"header_template": "a\nb"},
        {"match": ""},
        {"match": ("clientId", "x")},
        {"match": ("/a~2", "x")},
        {"match": ("/clientId", "")},
    ],
)
def test_settings_that_cannot_work_are_refused(change):
    good = {
        "participant_id": "p",
        "address": ADDRESS,
        "header_template": "t",
        "match": "m",
        "our_id": "us",
    }
    StaticPeer(**good)
    with pytest.raises(BadInput):
        StaticPeer(**{**good, **change})


def test_peers_are_told_apart():
    for twin in (
        StaticPeer("consumer", ADDRESS, "t", "other", "us"),
        StaticPeer("other", ADDRESS, "t", ("/clientId", "consumer"), "us"),
    ):
        with pytest.raises(BadInput):
            StaticIdentities([STOCK, twin])


def test_secrets_do_not_show_in_logs():
    assert "xyz" not in repr(FIXED)
    assert "abc" not in repr(FIXED)
