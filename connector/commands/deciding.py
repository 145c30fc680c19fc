"""`madang inbox`, `contract`, `transfer`: what waits for a person, what was agreed, what is moving."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.commands import proving
from connector.commands.connect import connect
from connector.commands.publishing import terms_of
from connector.commands.render import short, table
from connector.commands.shell import Shell
from connector.errors import BadInput, Conflict, Unavailable

Id = Annotated[str, typer.Argument(metavar="ID", help="help.id")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="help.reason")]


def add(app: typer.Typer) -> None:
    """Put these verbs into the tree."""
    inbox = typer.Typer(help="help.inbox", rich_markup_mode=None)
    inbox.callback(invoke_without_command=True)(_inbox_alone)
    inbox.command("list", help="help.inbox.list")(_inbox)
    inbox.command("approve", help="help.inbox.approve")(_approve)
    inbox.command("refuse", help="help.inbox.refuse")(_refuse)
    inbox.command("counter", help="help.inbox.counter")(_counter)
    contract = typer.Typer(help="help.contract", rich_markup_mode=None)
    contract.callback(invoke_without_command=True)(_contracts_alone)
    contract.command("list", help="help.contract.list")(_contracts)
    contract.command("show", help="help.contract.show")(_contract)
    contract.command("export", help="help.contract.export")(_export)
    contract.command("verify", help="help.contract.verify")(proving.contract)
    contract.command("withdraw", help="help.contract.withdraw")(_withdraw)
    transfer = typer.Typer(help="help.transfer", rich_markup_mode=None)
    transfer.callback(invoke_without_command=True)(_transfers_alone)
    transfer.command("list", help="help.transfer.list")(_transfers)
    for verb, handler in (
        ("suspend", _suspend),
        ("resume", _resume),
        ("terminate", _terminate),
        ("complete", _complete),
    ):
        transfer.command(verb, help=f"help.transfer.{verb}")(handler)
    app.add_typer(inbox, name="inbox")
    app.add_typer(contract, name="contract")
    app.add_typer(transfer, name="transfer")


# --- the inbox --------------------------------------------------------------------------------


def _inbox_alone(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        _inbox(ctx)


def _inbox(ctx: typer.Context) -> None:
    shell: Shell = ctx.obj
    found = connect(shell).get("manage", "inbox")
    rows = [(n["id"], n["peer"], short(n["dataset"]), n["state"], shell.pick(n["terms"])) for n in found]
    shell.show(
        found,
        lambda: table(shell, ("head.id", "head.peer", "head.dataset", "head.state", "head.terms"), rows),
    )


def _approve(ctx: typer.Context, id_: Id) -> None:
    shell: Shell = ctx.obj
    found = connect(shell).post("manage", "inbox", id_, "approve")
    shell.show(found, lambda: _decided(shell, "inbox.approved", found))


def _refuse(ctx: typer.Context, id_: Id, reason: Reason = "") -> None:
    shell: Shell = ctx.obj
    found = connect(shell).post("manage", "inbox", id_, "refuse", body={"reason": reason} if reason else {})
    shell.show(found, lambda: _decided(shell, "inbox.refused", found))


def _counter(
    ctx: typer.Context,
    id_: Id,
    policy: Annotated[list[str] | None, typer.Option(metavar="A,B", help="help.policy")] = None,
    param: Annotated[list[str] | None, typer.Option(metavar="K=V", help="help.param")] = None,
    rules: Annotated[Path | None, typer.Option(metavar="FILE", help="help.rules")] = None,
) -> None:
    shell: Shell = ctx.obj
    terms = terms_of(policy or [], param or [], rules)
    if not terms:
        raise BadInput(shell.text("inbox.no-terms"), pointer="--policy")
    found = connect(shell).post("manage", "inbox", id_, "counter", body=terms)
    shell.show(found, lambda: _decided(shell, "inbox.countered", found))


def _decided(shell: Shell, code: str, found: Mapping[str, Any]) -> None:
    shell.say(code, id=found["id"], peer=found["peer"])
    shell.say("terms", terms=shell.pick(found["terms"]))


# --- contracts --------------------------------------------------------------------------------


def _contracts_alone(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        _contracts(ctx)


def _contracts(ctx: typer.Context) -> None:
    shell: Shell = ctx.obj
    found = connect(shell).get("manage", "contracts")
    rows = [
        (
            c["id"],
            shell.text(f"role.{c['role'].lower()}"),
            c["peer"],
            short(c["dataset"]),
            shell.text(f"state.{c['state']}"),
            c["until"] or "-",
            c["uses"],
        )
        for c in found
    ]
    heads = ("head.id", "head.role", "head.peer", "head.dataset", "head.state", "head.until", "head.uses")
    shell.show(found, lambda: table(shell, heads, rows))


def _contract(ctx: typer.Context, id_: Id) -> None:
    shell: Shell = ctx.obj
    found = connect(shell).get("manage", "contracts", id_)
    shell.show(found, lambda: _show(shell, found))


def _show(shell: Shell, c: Mapping[str, Any]) -> None:
    shell.say("contract.id", id=c["id"], state=shell.text(f"state.{c['state']}"))
    shell.say("contract.parties", provider=c["provider"], consumer=c["consumer"])
    shell.say("contract.dataset", dataset=c["dataset"], version=c["datasetVersion"], sha256=c["sha256"])
    shell.say(
        "contract.signed" if c["signed"] else "contract.unsigned", since=c["since"], until=c["until"] or "-"
    )
    shell.say("terms", terms=shell.pick(c["terms"]))
    for rule in c["enforcement"]:
        shell.write(f"  - {shell.pick(rule['text'])}")
    shell.say("contract.used", uses=c["uses"], bytes=f"{c['bytes']:,}")
    if c["withdrawn"]:
        shell.say(
            "contract.withdrawn",
            at=c["withdrawn"]["at"],
            by=c["withdrawn"]["by"],
            reason=c["withdrawn"]["reason"] or "-",
        )


def _export(
    ctx: typer.Context,
    id_: Id,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="help.contract.output")
    ] = None,
) -> None:
    shell: Shell = ctx.obj
    found = connect(shell).get("manage", "contracts", id_, "export")
    text = json.dumps(found, ensure_ascii=False, indent=2)
    if output is None:
        shell.write(text)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text + "\n")
    except FileExistsError:
        raise Conflict(f"{output} is there already", hint="choose another name") from None
    except OSError as error:
        raise Unavailable(f"{output} cannot be written: {error.strerror}") from None
    shell.show({"path": str(output)}, lambda: shell.say("contract.exported", path=output))


def _withdraw(ctx: typer.Context, id_: Id, reason: Reason = "") -> None:
    shell: Shell = ctx.obj
    found = connect(shell).post(
        "manage", "contracts", id_, "withdraw", body={"reason": reason} if reason else {}
    )
    shell.show(found, lambda: shell.say("contract.withdrew", id=found["id"], peer=found["peer"]))


# --- transfers --------------------------------------------------------------------------------


def _transfers_alone(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is None:
        _transfers(ctx)


def _transfers(ctx: typer.Context) -> None:
    shell: Shell = ctx.obj
    found = connect(shell).get("manage", "transfers")
    rows = [
        (
            t["id"],
            shell.text(f"role.{t['role'].lower()}"),
            t["peer"],
            short(t["dataset"]),
            t["shownState"],
            t["reason"],
        )
        for t in found
    ]
    heads = ("head.id", "head.role", "head.peer", "head.dataset", "head.state", "head.reason")
    shell.show(found, lambda: table(shell, heads, rows))


def _move(shell: Shell, verb: str, transfer: str, reason: str) -> None:
    body = {"reason": reason} if reason else {}
    found = connect(shell).post("manage", "transfers", transfer, verb, body=body)
    shell.show(found, lambda: shell.say("transfer.moved", id=found["id"], state=found["shownState"]))


def _suspend(ctx: typer.Context, id_: Id, reason: Reason = "") -> None:
    _move(ctx.obj, "suspend", id_, reason)


def _resume(ctx: typer.Context, id_: Id) -> None:
    _move(ctx.obj, "resume", id_, "")


def _terminate(ctx: typer.Context, id_: Id, reason: Reason = "") -> None:
    _move(ctx.obj, "terminate", id_, reason)


def _complete(ctx: typer.Context, id_: Id) -> None:
    _move(ctx.obj, "complete", id_, "")
