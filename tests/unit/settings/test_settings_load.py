"""Settings: the file, the environment above it, and an error for everything that cannot be meant."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest

from connector.errors import BadInput
from connector.settings import Settings, StaticPeer, build, load, markdown

HOME = Path("/somewhere/home")
_HINTS = typing.get_type_hints(Settings)
_SECTIONS = {
    f.name: _HINTS[f.name] for f in dataclasses.fields(Settings) if dataclasses.is_dataclass(_HINTS[f.name])
}
FIELDS = [(section, f.name) for section, cls in _SECTIONS.items() for f in dataclasses.fields(cls)]


def test_without_a_file_everything_has_a_default(tmp_path: Path) -> None:
    settings = load(tmp_path, {})
    assert settings == Settings(home=tmp_path)
    assert settings.server.management_host == "127.0.0.1"
    assert settings.negotiation.decide_within_h == 7 * 24
    assert settings.negotiation.expire_after_h == 30 * 24
    assert settings.negotiation.require_signatures is True
    assert settings.data.token_minutes == 5


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / "connector.toml").write_text(
        '[server]\npublic_port = 1\n[egress]\nallow = ["a.example"]\n'
        "[negotiation]\nrequire_signatures = true\n"
    )
    environ = {
        "MADANG_SERVER_PUBLIC_PORT": "2",
        "MADANG_EGRESS_ALLOW": "b.example:8443, c.example",
        "MADANG_NEGOTIATION_REQUIRE_SIGNATURES": "false",
        "MADANG_DATA_TOKEN_MINUTES": "2.5",
    }
    settings = load(tmp_path, environ)
    assert settings.server.public_port == 2
    assert settings.egress.allow == ["b.example:8443", "c.example"]
    assert settings.negotiation.require_signatures is False
    assert settings.data.token_minutes == 2.5
    assert load(tmp_path, {}).server.public_port == 1


@pytest.mark.parametrize(("section", "name"), FIELDS)
def test_each_setting_has_a_variable_and_is_documented(section: str, name: str) -> None:
    hint = typing.get_type_hints(_SECTIONS[section])[name]
    if (section, name) != ("identity", "static_peers"):
        text, value = {
            "str": ("x", "x"),
            "int": ("7", 7),
            "float": ("7.5", 7.5),
            "bool": ("true", True),
        }.get(getattr(hint, "__name__", ""), ("x,y", ["x", "y"]))
        if typing.get_origin(hint) is list:
            text, value = "x,y", ["x", "y"]
        settings = build(HOME, {}, {f"MADANG_{section}_{name}".upper(): text})
        assert getattr(getattr(settings, section), name) == value
    field = next(f for f in dataclasses.fields(_SECTIONS[section]) if f.name == name)
    doc = field.metadata["doc"]
    assert doc.endswith((".", "`).", ")."))
    assert doc in markdown()
    assert f"| `{name}` |" in markdown()


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        ({"sever": {}}, "sever"),
        ({"server": {"port": 1}}, "server.port"),
        ({"identity": {"static_peers": [{"name": "x"}]}}, "static_peers[0].name"),
    ],
)
def test_a_key_that_is_not_known_is_an_error_that_names_it(raw: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInput) as caught:
        build(HOME, raw, {})
    assert named in caught.value.message
    assert caught.value.hint.startswith("known: ")


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        ({"server": 1}, "server"),
        ({"server": {"public_port": "many"}}, "server.public_port"),
        ({"server": {"public_port": True}}, "server.public_port"),
        ({"server": {"public_port": 1.5}}, "server.public_port"),
        ({"data": {"token_minutes": "nan"}}, "data.token_minutes"),
        ({"data": {"token_minutes": float("inf")}}, "data.token_minutes"),
        ({"server": {"public_url": 5}}, "server.public_url"),
        ({"negotiation": {"require_signatures": "maybe"}}, "negotiation.require_signatures"),
        ({"negotiation": {"require_signatures": 2}}, "negotiation.require_signatures"),
        ({"egress": {"allow": 5}}, "egress.allow"),
        ({"egress": {"allow": [5]}}, "egress.allow[0]"),
        ({"identity": {"static_peers": ["x"]}}, "identity.static_peers[0]"),
        ({"plugins": 5}, "plugins"),
    ],
)
def test_a_value_of_the_wrong_kind_is_an_error_that_names_the_setting(
    raw: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(BadInput) as caught:
        build(HOME, raw, {})
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("content", [b"[server", b"\xff\xfe", b"a = 1\na = 2\n"])
def test_a_file_that_is_no_toml_is_an_error_that_names_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "connector.toml"
    path.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        load(tmp_path, {})
    assert str(path) in caught.value.message


def test_static_peers_and_plugins_are_read() -> None:
    raw = {"identity": {"static_peers": [{"id": "maker-17", "match": "secret"}]}, "plugins": ["a.b"]}
    settings = build(HOME, raw, {})
    assert settings.identity.static_peers == [StaticPeer(id="maker-17", match="secret")]
    assert settings.plugins == ["a.b"]
    assert build(HOME, raw, {"MADANG_PLUGINS": "c, d"}).plugins == ["c", "d"]


@pytest.mark.parametrize(
    ("raw", "url"),
    [
        (
            {"server": {"public_url": "https://data.factory-a.example/dsp/"}},
            "https://data.factory-a.example/dsp",
        ),
        ({"server": {"public_port": 9000}}, "http://localhost:9000"),
        (
            {"server": {"public_host": "10.0.0.5", "public_port": 9000}, "tls": {"cert": "c.pem"}},
            "https://10.0.0.5:9000",
        ),
    ],
)
def test_the_public_address(raw: dict[str, Any], url: str) -> None:
    assert build(HOME, raw, {}).public_url == url


def test_the_data_folder_lies_below_the_home_unless_it_is_absolute() -> None:
    assert build(HOME, {}, {}).data_folder == HOME / "data"
    assert build(HOME, {"data": {"folder": "/elsewhere"}}, {}).data_folder == Path("/elsewhere")


def test_nothing_can_be_changed_afterwards() -> None:
    settings = build(HOME, {}, {})
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.server.public_port = 1  # type: ignore[misc]
