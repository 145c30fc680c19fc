"""Names from outside become one harmless path segment."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.dataplane.naming import announced_name, safe_name, target_dir


@pytest.mark.parametrize(
    "name", ["shots.csv", "사출 로그 2026.csv", "a.b.c", "9f0c2d1e-1111-4222-8333-444455556666"]
)
def test_harmless_names_stay(name: str) -> None:
    assert safe_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..",
        ".",
        "",
        "/etc/passwd",
        "a\\b",
        "a\x00b",
        "C:evil",
        "CON",
        "nul.txt",
        ".hidden",
        "dots...",
        "bad\u202egpj.exe",
        "x" * 400 + ".csv",
        "가" * 200,
        "urn:uuid:1",
        "\udcff",
        unicodedata.normalize("NFD", "사출.csv"),
    ],
)
def test_awkward_names_are_made_safe_and_keep_apart(name: str) -> None:
    safe = safe_name(name)
    assert safe not in ("", ".", "..")
    assert "/" not in safe
    assert "\\" not in safe
    assert "\x00" not in safe
    assert not safe.startswith(".")
    assert len(safe.encode()) <= 180
    assert safe_name(name + "x") != safe


def test_the_suffix_of_a_long_name_survives() -> None:
    assert safe_name("x" * 400 + ".csv").endswith(".csv")


@given(st.text(max_size=300))
def test_any_text(name: str) -> None:
    safe = safe_name(name)
    assert Path("base", safe).resolve().parent == Path("base").resolve()
    assert 0 < len(safe.encode()) <= 180
    assert safe_name(safe) == safe


@given(st.text(max_size=30), st.text(max_size=30))
def test_different_names_stay_different(one: str, other: str) -> None:
    if unicodedata.normalize("NFC", one) != unicodedata.normalize("NFC", other):
        assert safe_name(one) != safe_name(other)


def test_target_dir_stays_below() -> None:
    found = target_dir(Path("/data"), "urn:uuid:../..", "../x")
    assert found.parent.parent == Path("/data")


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('attachment; filename="shots.csv"', "shots.csv"),
        ("attachment; filename=shots.csv", "shots.csv"),
        ("attachment; filename*=UTF-8''%EC%82%AC%EC%B6%9C.csv", "사출.csv"),
        ("attachment; filename=\"x.csv\"; filename*=UTF-8''y.csv", "y.csv"),
        ("inline", None),
        ("", None),
    ],
)
def test_announced_name(header: str, expected: str | None) -> None:
    assert announced_name({"Content-Disposition": header}) == expected


def test_an_announced_path_is_disarmed() -> None:
    found = announced_name({"Content-Disposition": "attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd"})
    assert found is not None
    assert "/" not in found
    assert not found.startswith(".")
