"""What `madang publish` makes of its options, before anything is sent."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from connector.commands import publishing
from connector.commands.shell import Shell
from connector.errors import BadInput, NotFound


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


def shell(lang: str = "en") -> Shell:
    return Shell(Path("/nowhere"), lang, is_json=False)


def test_on_a_terminal_the_owner_is_asked(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdin", Terminal("injection-moulding\ntrade-secret\nn\n"))
    monkeypatch.setattr(sys, "stderr", screen)
    said = publishing._ask(shell("ko"), list(publishing.MUST_SAY))
    assert said == {
        "process": "injection-moulding",
        "confidentiality": "trade-secret",
        "personal_data": False,
    }
    assert "injection-moulding  사출성형" in screen.getvalue()
    assert "national-core-technology  국가핵심기술" in screen.getvalue()


def test_elsewhere_the_options_are_named():
    with pytest.raises(BadInput, match="--process, --personal-data"):
        publishing._ask(shell(), ["process", "personal_data"])


def test_templates_and_values():
    terms = publishing.terms_of(["purpose,count-limit", "open-use"], ["purposes=a,b", "count = 3"], None)
    assert terms == {
        "templates": ["purpose", "count-limit", "open-use"],
        "params": {"purposes": "a,b", "count": "3"},
    }
    assert publishing.terms_of([], [], None) == {}


def test_rules_from_a_file(tmp_path):
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"permission": [{"action": "use"}]}))
    assert publishing.terms_of([], [], rules) == {"policy": {"permission": [{"action": "use"}]}}
    with pytest.raises(BadInput, match="not both"):
        publishing.terms_of(["open-use"], [], rules)


@pytest.mark.parametrize("content", ["[1]", "{", "\xff"])
def test_a_file_that_cannot_be_read(tmp_path, content):
    file = tmp_path / "rules.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(BadInput):
        publishing.terms_of([], [], file)
    with pytest.raises(NotFound):
        publishing.terms_of([], [], tmp_path / "none.json")


def test_a_value_without_a_template():
    with pytest.raises(BadInput, match="belongs to a template"):
        publishing.terms_of([], ["days=3"], None)


def test_units_are_laid_over_the_description():
    said = {"columns": [{"name": "압력", "label": {"ko": "압력"}}, {"name": "번호"}]}
    publishing._units(said, ["압력=BAR", "번호=-", "온도=DEG_C"])
    assert said["columns"] == [
        {"name": "압력", "label": {"ko": "압력"}, "unit": "BAR", "unitless": False},
        {"name": "번호", "unit": "", "unitless": True},
        {"name": "온도", "unit": "DEG_C", "unitless": False},
    ]
