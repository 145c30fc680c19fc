"""`madang demo`: the pilot story, told step by step, on factories made here or on nodes that run already."""

from __future__ import annotations

import json
import shutil
import ssl
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from connector import resources
from connector.clock import SystemClock
from connector.commands.progress import waiting
from connector.commands.shell import Shell
from connector.errors import BadInput
from connector.factories import place, running, settle
from connector.manage import Manage
from connector.story import STEPS, Party, Step, Story

REPORT: Final = Path("demo-report.json")
OUT: Final = Path("demo-out")
KEPT: Final = Path("demo")
SOURCE: Final = "사출1호기.csv"
FACTORIES: Final = {"factory-a": "가나정밀 (예시)", "factory-b": "다라성형 (예시)"}


def run_demo(shell: Shell, *, keep: bool) -> int:
    """Two factories on this machine; 0 if every step is ok."""
    _clear()
    with _folder(keep) as folder:
        with waiting(shell.text("demo.preparing")):
            places = place(FACTORIES, folder)
            provider, consumer = settle(places, now=SystemClock().now())
            source = resources.generator().write(places[0].folder / SOURCE)
        shell.say("demo.begin", size=f"{source.stat().st_size:,}")
        with running(places):
            steps = _narrate(shell, Story(provider, consumer, source, OUT))
        if keep:
            shell.say("demo.kept", folder=folder)
    return _report(shell, steps, [])


def run_against(shell: Shell, file: Path) -> int:
    """The nodes that a pilot file names, each pair of neighbours in turn; 0 if every step is ok.

    Raises:
        BadInput: the file cannot be read, or names fewer than two nodes.
    """
    _clear()
    nodes, sources, tls = read_pilot(file)
    runs: list[tuple[Party, Party, list[Step]]] = []
    for number, (provider, consumer) in enumerate(pairwise(nodes)):
        shell.say("demo.pair", provider=provider.name, consumer=consumer.name)
        out = OUT if number == 0 else OUT / f"{provider.name}-{consumer.name}"
        story = Story(provider, consumer, sources[number], out, sees_files=False, tls=tls)
        runs.append((provider, consumer, _narrate(shell, story)))
    more = [
        {"provider": a.name, "consumer": b.name, "steps": [step.as_json() for step in steps]}
        for a, b, steps in runs[1:]
    ]
    return _report(shell, runs[0][2], more, ending="demo.ok.pilot")


def read_pilot(file: Path) -> tuple[list[Party], list[Path], ssl.SSLContext | None]:
    """The nodes of a pilot file, the file that each publishes, and the authority to trust.

    Paths of the authority and of keys are relative to the file; `source` is a path as the node sees it.

    Raises:
        BadInput: see above.
    """
    try:
        raw = tomllib.loads(file.read_text(encoding="utf-8"))
        nodes: list[Any] = raw["node"]
        parties = [
            Party(
                node["name"],
                node["did"],
                node["public_url"],
                Manage(node["management_url"], (file.parent / node["key_file"]).read_text("utf-8").strip()),
            )
            for node in nodes
        ]
        sources = [Path(node["source"]) for node in nodes]
        tls = ssl.create_default_context(cafile=str(file.parent / raw["ca"])) if "ca" in raw else None
    except KeyError as error:
        raise BadInput(f"{file}: {error.args[0]} is missing") from None
    except (OSError, ValueError, TypeError) as error:
        raise BadInput(f"{file} is no pilot file: {error}") from None
    if len(parties) < 2:
        raise BadInput(f"{file} names fewer than two nodes", pointer="node")
    return parties, sources, tls


def _narrate(shell: Shell, story: Story) -> list[Step]:
    """Play the story; each step is one line."""
    steps: list[Step] = []
    names = {"provider": story.provider.name, "consumer": story.consumer.name}
    played = story.run()
    for number, name in enumerate(STEPS, 1):
        with waiting(shell.text(f"demo.doing.{name}", **names)):
            step = next(played)
        steps.append(step)
        if step.ms == 0.0:
            continue  # not played: the report says so
        if step.ok:
            said = shell.text(f"demo.done.{name}", **names, **_words(shell, step))
        else:
            said = shell.text("demo.failed", error=step.evidence.get("error", ""))
        mark, ms = ("✓" if step.ok else "✗"), f"{step.ms:,.0f} ms"
        if not shell.is_json:
            shell.write(f"{mark} {number}/{len(STEPS)} {said} ({ms})")
    return steps


def _words(shell: Shell, step: Step) -> dict[str, object]:
    """What the line of a step speaks of."""
    e = dict(step.evidence)
    found: dict[str, object] = {"id": "", "short": "", "code": "", "other": "", "count": "", "terms": ""}
    found["id"] = str(e.get("dataset") or e.get("id") or e.get("agreement") or "")
    found["short"] = str(e.get("sha256") or e.get("token") or "")[:12]
    found["code"] = str(e.get("purpose") or e.get("code") or e.get("contract") or "")
    found["other"] = str(e.get("count") or e.get("status") or "")
    found["count"] = f"{e.get('size') or e.get('datasets') or len(e.get('tokens', ())):,}"
    found["terms"] = shell.pick(e.get("terms", ""))
    leaves = [ledger["leaves"] for ledger in e.get("ledgers", {}).values()]
    found["leaves"] = " + ".join(map(str, leaves))
    return found


def _report(shell: Shell, steps: list[Step], more: list[dict[str, Any]], *, ending: str = "demo.ok") -> int:
    is_ok = all(step.ok for step in steps) and all(s["ok"] for run in more for s in run["steps"])
    report: dict[str, Any] = {"ok": is_ok, "lang": shell.lang, "steps": [step.as_json() for step in steps]}
    if more:
        report["more"] = more
    REPORT.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    if shell.is_json:
        shell.data(report)
    else:
        shell.say(ending if is_ok else "demo.not-ok", report=REPORT, out=OUT)
    return 0 if is_ok else 1


def _clear() -> None:
    """What an earlier run left would be taken for this one's."""
    REPORT.unlink(missing_ok=True)
    shutil.rmtree(OUT, ignore_errors=True)


@contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    if keep:
        if KEPT.exists():
            raise BadInput(f"{KEPT} is there already", hint="move it away, or run without --keep")
        KEPT.mkdir(mode=0o700)
        yield KEPT.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="madang-demo-") as folder:
        yield Path(folder)
