"""Resolve a stock EDC from Maven into a cache folder: released jars, no code of ours."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

VERSION = "0.14.0"
"""The newest release that runs whole, with a data plane, from what Maven serves."""

MAIN_CLASS = "org.eclipse.edc.boot.system.runtime.BaseRuntime"

JAVA = 17
"""The oldest Java that runs it."""

_PARTS = (
    "controlplane-base-bom",  # management API, negotiation, transfer, DSP in three versions
    "iam-mock",  # static-token identity: a JSON object as the Authorization header
    "edr-cache-api",  # /v3/edrs
    "control-plane-api-client",
    "transfer-data-plane-signaling",
    "data-plane-self-registration",
    "data-plane-signaling-api",
    "data-plane-signaling-client",
    "data-plane-core",
    "data-plane-http",
    "data-plane-iam",
    "validator-data-address-http-data",
)

# Named as a jar by jetty-core although only its pom was ever released.
_NO_WEBSOCKET = ("org.eclipse.jetty.websocket", "jetty-websocket")

# The public endpoint ended with 0.13.0; that jar still works under 0.14.0, without what it asks for.
_PUBLIC_API = ("data-plane-public-api-v2", "0.13.0")


class MissingTool(Exception):
    """Something the run needs is neither here nor installable; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Stock:
    """A resolved EDC: a Java to run it with and the folder of its jars."""

    java: Path
    jars: Path


def pom() -> str:
    """The Maven project whose runtime dependencies are one all-in-one connector."""
    dependencies = [_dependency(name, VERSION, _NO_WEBSOCKET) for name in _PARTS]
    dependencies.append(_dependency(*_PUBLIC_API, ("*", "*")))
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<project xmlns="http://maven.apache.org/POM/4.0.0">',
            "  <modelVersion>4.0.0</modelVersion>",
            "  <groupId>madang.interop</groupId>",
            "  <artifactId>stock-edc</artifactId>",
            "  <version>1</version>",
            "  <dependencies>",
            *dependencies,
            "  </dependencies>",
            "</project>",
            "",
        )
    )


def _dependency(artifact: str, version: str, without: tuple[str, str]) -> str:
    group, name = (escape(part) for part in without)
    return (
        f"    <dependency><groupId>org.eclipse.edc</groupId><artifactId>{escape(artifact)}</artifactId>"
        f"<version>{escape(version)}</version><exclusions><exclusion><groupId>{group}</groupId>"
        f"<artifactId>{name}</artifactId></exclusion></exclusions></dependency>"
    )


def cache_folder() -> Path:
    """Where jars are kept: `$MADANG_CACHE/edc`, else `~/.cache/madang/edc`."""
    base = os.environ.get("MADANG_CACHE")
    return (Path(base) if base else Path.home() / ".cache" / "madang") / "edc"


async def resolve() -> Stock:
    """The stock EDC, installed on first use (about a minute), from the cache afterwards.

    The cache key is the version and the pom, so a changed pom resolves anew; a folder
    takes its name only when it is complete, so an interrupted run leaves nothing half.

    Raises:
        MissingTool: no Java or Maven and no way to install it, or Maven could not resolve.
    """
    java = await _tool("java", "default-jre-headless", _java_fits)
    project = pom()
    done = cache_folder() / f"{VERSION}-{hashlib.sha256(project.encode()).hexdigest()[:12]}"
    if not done.is_dir():
        maven = await _tool("mvn", "maven", lambda _: True)
        print(f"resolving EDC {VERSION} from Maven into {done}", file=sys.stderr, flush=True)
        done.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=done.parent) as work:
            (Path(work) / "pom.xml").write_text(project, encoding="utf-8")
            goal = ("dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars")
            status, output = await _run(str(maven), "-q", "-B", *goal, cwd=work, timeout_s=900)
            jars = Path(work) / "jars"
            if status != 0 or not any(jars.glob("boot-*.jar")):
                raise MissingTool(f"Maven could not resolve EDC {VERSION}:\n{output[-2000:]}")
            try:
                jars.rename(done)
            except OSError:  # another run was first
                if not done.is_dir():
                    raise
    return Stock(java=java, jars=done)


async def _tool(command: str, package: str, fits: Callable[[str], bool]) -> Path:
    """Find a command, or install its Debian package and find it then."""
    for attempt in ("find", "install"):
        found = shutil.which(command)
        if found and fits(found):
            return Path(found)
        if attempt == "install":
            break
        if not shutil.which("apt-get") or os.geteuid() != 0:
            raise MissingTool(f"{command} is missing; install {package} (or its like) and run again")
        print(f"installing {package}", file=sys.stderr, flush=True)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (("update", "-q"), ("install", "-q", "-y", "--no-install-recommends", package)):
            status, output = await _run("apt-get", *step, env=environment, timeout_s=600)
            if status != 0:
                raise MissingTool(f"apt-get {' '.join(step)} failed:\n{output[-2000:]}")
    raise MissingTool(f"{package} is installed, yet no fitting {command} is on the path")


def _java_fits(java: str) -> bool:
    shown = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=30)
    match = re.search(r'version "(\d+)', shown.stderr + shown.stdout)
    return match is not None and int(match.group(1)) >= JAVA


async def _run(
    *argv: str, cwd: str | None = None, env: dict[str, str] | None = None, timeout_s: float
) -> tuple[int, str]:
    child = await asyncio.create_subprocess_exec(
        *argv, cwd=cwd, env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        output, _ = await asyncio.wait_for(child.communicate(), timeout_s)
    except TimeoutError:
        child.kill()
        await child.wait()
        raise MissingTool(f"{argv[0]} did not end within {timeout_s:.0f} s") from None
    return child.returncode or 0, output.decode("utf-8", "replace")
