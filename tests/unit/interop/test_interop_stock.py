from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.interop import stock

NS = {"m": "http://maven.apache.org/POM/4.0.0"}


def test_the_pom_names_every_part_once_in_the_version_that_runs() -> None:
    root = ET.fromstring(stock.pom())
    found = {
        node.findtext("m:artifactId", "", NS): node.findtext("m:version", "", NS)
        for node in root.findall("m:dependencies/m:dependency", NS)
    }
    assert len(found) == len(root.findall("m:dependencies/m:dependency", NS))
    assert {"controlplane-base-bom", "iam-mock", "edr-cache-api", "data-plane-http"} <= found.keys()
    assert found.pop("data-plane-public-api-v2") == "0.13.0"
    assert set(found.values()) == {stock.VERSION}


def test_the_artifact_without_a_jar_is_left_out_everywhere() -> None:
    root = ET.fromstring(stock.pom())
    for node in root.findall("m:dependencies/m:dependency", NS):
        left_out = [e.findtext("m:artifactId", "", NS) for e in node.findall("m:exclusions/m:exclusion", NS)]
        assert left_out in (["jetty-websocket"], ["*"])


def test_the_cache_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MADANG_CACHE", str(tmp_path))
    assert stock.cache_folder() == tmp_path / "edc"
    monkeypatch.delenv("MADANG_CACHE")
    assert stock.cache_folder() == Path.home() / ".cache" / "madang" / "edc"


@pytest.mark.parametrize(
    ("said", "fits"),
    [('openjdk version "17.0.15"', True), ('openjdk version "21"', True), ('java version "1.8.0_1"', False)],
)
def test_only_a_java_that_is_new_enough_fits(tmp_path: Path, said: str, fits: bool) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    java.chmod(0o755)
    assert stock._java_fits(str(java)) is fits


async def test_a_missing_tool_that_cannot_be_installed_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(stock.MissingTool, match="maven"):
        await stock._tool("mvn", "maven", lambda _: True)


async def test_a_failed_resolution_leaves_no_folder_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, script in (("java", "echo 'version \"17\"' >&2"), ("mvn", "echo no such artifact; exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("MADANG_CACHE", str(tmp_path / "cache"))
    with pytest.raises(stock.MissingTool, match="no such artifact"):
        await stock.resolve()
    assert list((tmp_path / "cache" / "edc").iterdir()) == []
