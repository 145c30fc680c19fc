"""Rules on URLs, without a socket."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from connector.errors import EgressRefused
from connector.peer.guard import Guard

OPEN = Guard()
LISTED = Guard(
    allow=frozenset({"127.0.0.1:8443", "factory-a", "[::1]:8443"}),
    http_hosts=frozenset({"127.0.0.1:8443", "localhost"}),
)


@pytest.mark.parametrize(
    ("url", "host", "port", "dialled"),
    [
        ("https://factory-b.example", "factory-b.example", 443, "https://factory-b.example:443/"),
        ("HTTPS://Factory-B.example/A", "factory-b.example", 443, "https://factory-b.example:443/A"),
        ("https://factory_b:8443/a?b=c#d", "factory_b", 8443, "https://factory_b:8443/a?b=c"),
        ("https://a.example?x=%2F..%2f", "a.example", 443, "https://a.example:443/?x=%2F..%2f"),
        ("https://a.example#x", "a.example", 443, "https://a.example:443/"),
        ("https://1.1.1.1:1024/", "1.1.1.1", 1024, "https://1.1.1.1:1024/"),
        ("https://[2606:4700::1111]/", "[2606:4700::1111]", 443, "https://[2606:4700::1111]:443/"),
        ("https://xn--zf4bo5j.example/%EA%B3%B5", "xn--zf4bo5j.example", 443, None),
    ],
)
def test_a_plain_url_passes_as_it_is(url, host, port, dialled):
    target = OPEN.target(url)
    assert (target.host, target.port) == (host, port)
    if dialled is not None:
        assert target.url == URL(dialled, encoded=True)
    assert target.url.raw_host == host.strip("[]")
    assert target.url.port == port


def test_listed_hosts_and_ports():
    for url in (
        "https://127.0.0.1:8443/",
        "http://127.0.0.1:8443/",
        "https://factory-a:22/",
        "https://[::1]:8443/",
        "http://localhost:8080/",
        "http://localhost/",
    ):
        LISTED.target(url)
    for url in (
        "https://127.0.0.1:8444/",
        "https://127.0.0.1/",
        "http://127.0.0.1/",
        "http://factory-a/",
        "https://[::1]:8444/",
        "https://xfactory-a:22/",
        "http://localhost.example/",
    ):
        with pytest.raises(EgressRefused):
            LISTED.target(url)


@pytest.mark.parametrize(
    ("url", "host", "hint"),
    [
        ("http://a.example/", "a.example", "a.example:80 in egress.http_hosts"),
        ("http://a.example:8080/", "a.example", "a.example:8080 in egress.http_hosts"),
        ("https://a.example:22/", "a.example", "a.example:22 in egress.allow"),
        ("https://127.0.0.1/", "127.0.0.1", "127.0.0.1:443 in egress.allow"),
        ("https://[::1]:8443/", "[::1]", "[::1]:8443 in egress.allow"),
    ],
)
def test_a_refusal_names_the_host_and_the_setting(url, host, hint):
    with pytest.raises(EgressRefused) as caught:
        OPEN.target(url)
    assert caught.value.pointer == host
    assert host in caught.value.message
    assert hint in caught.value.hint


def test_user_information_is_named():
    with pytest.raises(EgressRefused, match="user information"):
        OPEN.target("https://factory-b.example@rogue.example/")


@given(st.text(alphabet="ab1.:/@[]?#%\\-_x0 \t\n", max_size=25))
def test_what_passes_is_read_alike_by_others(rest):
    url = "https://" + rest
    try:
        target = OPEN.target(url)
    except EgressRefused:
        return
    other = urlsplit(url)
    assert other.hostname == target.host.strip("[]")
    assert (other.port or 443) == target.port
    assert other.username is None
    assert target.url.raw_host == other.hostname
