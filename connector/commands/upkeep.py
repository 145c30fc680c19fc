"""`madang status`, `backup`, `restore`, `doctor`: how things are, and how they stay."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.clock import SystemClock
from connector.commands.connect import connect
from connector.commands.progress import waiting
from connector.commands.render import short, table
from connector.commands.shell import Exit, Shell
from connector.errors import BadInput
from connector.manage import TIMEOUT_S


def add(app: typer.Typer) -> None:
    """Put these verbs into the tree."""
    app.command("status", help="help.status")(_status)
    app.command("doctor", help="help.doctor")(_doctor)
    app.command("backup", help="help.backup")(_backup)
    app.command("restore", help="help.restore")(_restore)


# --- status -----------------------------------------------------------------------------------


def _status(ctx: typer.Context) -> None:
    shell: Shell = ctx.obj
    found = connect(shell).get("manage", "status")
    shell.show(found, lambda: _show(shell, found))


def _show(shell: Shell, s: Mapping[str, Any]) -> None:
    shell.say("status.public", n=len(s["public"]))
    if s["public"]:
        rows = [
            (short(d["id"]), shell.pick(d["title"]), d["version"], f"{d['size'] or 0:,}", d["offers"])
            for d in s["public"]
        ]
        table(shell, ("head.id", "head.title", "head.version", "head.size", "head.offers"), rows)
    shell.say("status.waiting", n=len(s["waiting"]))
    if s["waiting"]:
        asked = [(n["id"], n["peer"], short(n["dataset"]), n["since"]) for n in s["waiting"]]
        table(shell, ("head.id", "head.peer", "head.dataset", "head.since"), asked)
    if s.get("unmade"):
        shell.say("status.unmade", n=len(s["unmade"]))
        ended = [
            (n["id"], n["peer"], short(n["dataset"]), shell.text(f"by.{n['by']}"), n["reason"])
            for n in s["unmade"]
        ]
        table(shell, ("head.id", "head.peer", "head.dataset", "head.by", "head.reason"), ended)
    for code in ("given", "taken"):
        shell.say(f"status.{code}", n=len(s[code]))
        if s[code]:
            table(
                shell,
                (
                    "head.id",
                    "head.peer",
                    "head.dataset",
                    "head.state",
                    "head.until",
                    "head.uses",
                    "head.bytes",
                ),
                [_contract(shell, c) for c in s[code]],
            )
    shell.say("status.left", uses=s["left"]["uses"], bytes=f"{s['left']['bytes']:,}")
    if s["ended"]:
        shell.say("status.ended", n=len(s["ended"]))
        table(
            shell,
            ("head.id", "head.dataset", "head.state", "head.until"),
            [
                (c["id"], short(c["dataset"]), shell.text(f"state.{c['state']}"), c["until"] or "-")
                for c in s["ended"]
            ],
        )
    if s["refused"]:
        shell.say("status.refused", n=sum(int(r.get("count", 0)) for r in s["refused"]))


def _contract(shell: Shell, c: Mapping[str, Any]) -> tuple[object, ...]:
    state = shell.text(f"state.{c['state']}")
    return c["id"], c["peer"], short(c["dataset"]), state, c["until"] or "-", c["uses"], f"{c['bytes']:,}"


# --- backup and restore -----------------------------------------------------------------------


def _backup(
    ctx: typer.Context, file: Annotated[Path, typer.Argument(metavar="FILE", help="help.backup.file")]
) -> None:
    shell: Shell = ctx.obj
    with waiting(shell.text("backup.doing")):
        found = connect(shell).post("manage", "backup", body={"path": str(file.resolve())}, timeout_s=3600.0)
    shell.show(found, lambda: shell.say("backup.done", path=found["path"], size=f"{found['size']:,}"))


def _restore(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="help.restore.file")] = None,
    confirm: Annotated[bool, typer.Option("--confirm", help="help.restore.confirm")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="help.restore.anyway")] = False,
) -> int:
    shell: Shell = ctx.obj
    if confirm == (file is not None):
        raise BadInput(shell.text("restore.which"), hint=shell.text("usage.help", command="madang restore"))
    if file is None:
        return _confirm(shell, anyway=anyway)
    from connector.service.backup import restore

    with waiting(shell.text("restore.doing")):
        came = restore(file, shell.home, SystemClock())
    told = {
        "home": str(came.home),
        "did": came.did,
        "from": came.at.isoformat(),
        "suspended": came.suspended,
        "leaves": came.leaves,
    }
    shell.show(told, lambda: shell.say("restore.done", home=came.home, at=told["from"], n=came.suspended))
    return Exit.DONE


def _confirm(shell: Shell, *, anyway: bool) -> int:
    body = {"anyway": True} if anyway else {}
    with waiting(shell.text("restore.asking")):
        found = connect(shell).post("manage", "restore", "confirm", body=body, timeout_s=10 * TIMEOUT_S)
    is_done = found["outcome"] == "confirmed"

    def human() -> None:
        shell.say("restore.asked", transfers=len(found["transfers"]), negotiations=len(found["negotiations"]))
        for agreement in found["withdrawn"]:
            shell.say("restore.withdrawn", id=agreement)
        for peer, reason in found["unreachable"].items():
            shell.say("restore.unreachable", peer=peer, reason=reason)
        shell.say("restore.confirmed" if is_done else "restore.unconfirmed")

    shell.show(found, human)
    return Exit.DONE if is_done else Exit.FAILED


# --- doctor -----------------------------------------------------------------------------------


def _doctor(
    ctx: typer.Context,
    peer: Annotated[
        list[str] | None, typer.Option("--peer", metavar="DID|URL", help="help.doctor.peer")
    ] = None,
) -> int:
    from connector.service.doctor import examine

    shell: Shell = ctx.obj
    with waiting(shell.text("doctor.doing")):
        findings = examine(shell.home, peer or [], SystemClock())

    def human() -> None:
        for finding in findings:
            mark = {"ok": "✓", "note": "·", "broken": "✗"}[finding.level]
            shell.write(f"{mark} {finding.text(shell.lang)}")
            if mend := finding.mend(shell.lang):
                shell.write(f"    → {mend}")

    shell.show([finding.as_json() for finding in findings], human)
    return Exit.FAILED if any(finding.level == "broken" for finding in findings) else Exit.DONE
