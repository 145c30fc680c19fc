"""`madang catalog`, `request`, `offer`, `pull`: what a factory does with its partners."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from connector.commands.connect import connect
from connector.commands.progress import Bytes, waiting
from connector.commands.publishing import terms_of
from connector.commands.render import short, table
from connector.commands.shell import Exit, Shell
from connector.errors import ConnectorError, NotFound, PeerFailed
from connector.manage import Event, Manage, Refused
from connector.policy import describe

_SETTLED: Final = frozenset({"finalized", "terminated", "refused", "waiting"})
"""What ends the wait for a negotiation: the last part of an event's type."""


def add(app: typer.Typer) -> None:
    """Put these verbs into the tree."""
    app.command("catalog", help="help.catalog")(_catalog)
    app.command("request", help="help.request")(_request)
    app.command("offer", help="help.offer")(_offer)
    app.command("pull", help="help.pull")(_pull)


# --- the catalog ------------------------------------------------------------------------------


def _catalog(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="DID|URL", help="help.target")],
    limit: Annotated[int, typer.Option(metavar="N", help="help.catalog.limit")] = 100,
    offset: Annotated[int, typer.Option(metavar="N", help="help.catalog.offset")] = 0,
    everything: Annotated[bool, typer.Option("--all", help="help.catalog.all")] = False,
) -> None:
    shell: Shell = ctx.obj
    manage = connect(shell)
    body: dict[str, Any] = {"target": target, "limit": limit, "offset": offset}
    with waiting(shell.text("catalog.doing", target=target)):
        found = manage.post("manage", "catalog", body=body)
        catalog, following = found["catalog"], found["next"]
        datasets = _list(catalog.get("dataset"))
        while everything and following:
            found = manage.post("manage", "catalog", body={**body, "page": following})
            datasets += _list(found["catalog"].get("dataset"))
            following = found["next"]
    shown = {**catalog, "dataset": datasets}

    def human() -> None:
        table(shell, ("head.id", "head.title", "head.terms"), [_row(shell, one) for one in datasets])
        if following:
            shell.say("catalog.more", offset=offset + len(datasets))

    shell.show({"catalog": shown, "next": following}, human)


def _list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list) else [value]


def _row(shell: Shell, dataset: Mapping[str, Any]) -> tuple[str, str, str]:
    offers = _list(dataset.get("hasPolicy"))
    terms = " / ".join(words(shell, offer) for offer in offers)
    return short(str(dataset.get("@id", ""))), title_of(shell, dataset), terms


def title_of(shell: Shell, dataset: Mapping[str, Any]) -> str:
    """A dataset's title in the shell's language, or in any that there is."""
    said = _list(dataset.get("dct:title") or dataset.get("title"))
    values = [one if isinstance(one, Mapping) else {"@value": one} for one in said]
    by_language = {str(one.get("@language", "")): str(one.get("@value", "")) for one in values}
    return by_language.get(shell.lang) or next(iter(by_language.values()), "")


def words(shell: Shell, policy: Mapping[str, Any]) -> str:
    """A policy in words; what cannot be read is said, not hidden."""
    try:
        return describe(policy, shell.lang)
    except ConnectorError as error:
        return f"{shell.text('terms.unreadable')}: {error}"


# --- contracts --------------------------------------------------------------------------------


def _request(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="DID|URL", help="help.target")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="help.dataset")],
    policy: Annotated[list[str] | None, typer.Option(metavar="A,B", help="help.request.policy")] = None,
    param: Annotated[list[str] | None, typer.Option(metavar="K=V", help="help.param")] = None,
    rules: Annotated[Path | None, typer.Option(metavar="FILE", help="help.rules")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="help.request.wait")] = False,
) -> int:
    shell: Shell = ctx.obj
    body = {"target": target, "dataset": dataset, **terms_of(policy or [], param or [], rules)}
    return _begin(shell, "request", body, wait=wait)


def _offer(
    ctx: typer.Context,
    target: Annotated[str, typer.Argument(metavar="DID|URL", help="help.target")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="help.dataset")],
    policy: Annotated[list[str] | None, typer.Option(metavar="A,B", help="help.offer.policy")] = None,
    param: Annotated[list[str] | None, typer.Option(metavar="K=V", help="help.param")] = None,
    rules: Annotated[Path | None, typer.Option(metavar="FILE", help="help.rules")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="help.request.wait")] = False,
) -> int:
    shell: Shell = ctx.obj
    body = {"target": target, "dataset": dataset, **terms_of(policy or [], param or [], rules)}
    return _begin(shell, "offer", body, wait=wait)


def _begin(shell: Shell, verb: str, body: Mapping[str, Any], *, wait: bool) -> int:
    """Begin a negotiation, and follow it if asked to; 1 if it was refused."""
    manage = connect(shell)
    with manage.events() as events:
        with waiting(shell.text("negotiation.asking")):
            begun = manage.post("manage", verb, body=body)
        shell.say("negotiation.begun", id=begun["id"], state=begun["state"])
        shell.say("terms", terms=shell.pick(begun["terms"]))
        if wait:
            with waiting(shell.text("negotiation.doing")):
                _until_settled(events, str(begun["id"]))
    found = manage.get("manage", "negotiations", str(begun["id"])) if wait else begun
    shell.show(found, lambda: _outcome(shell, found) if wait else shell.say("negotiation.later"))
    return Exit.FAILED if found["state"] == "TERMINATED" else Exit.DONE


def _until_settled(events: Iterator[Event], negotiation: str) -> None:
    for event in events:
        if event.subject == negotiation and event.type.rpartition(".")[2] in _SETTLED:
            return
    raise PeerFailed("the connector stopped while we waited", hint="it goes on when it is up again")


def _outcome(shell: Shell, found: Mapping[str, Any]) -> None:
    state = str(found["state"])
    if state == "FINALIZED":
        shell.say("negotiation.finalized", agreement=found["agreement"])
        shell.say("terms", terms=shell.pick(found["terms"]))
    elif state == "TERMINATED":
        shell.say("negotiation.terminated", reason=found["reason"] or "-")
    elif found["approval"] == "waiting":
        shell.say("negotiation.waiting", id=found["id"])
        shell.say("terms", terms=shell.pick(found["terms"]))
    else:
        shell.say("negotiation.refused", state=state, reason=found["reason"] or "-")


# --- data -------------------------------------------------------------------------------------


def _pull(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="AGREEMENT|DATASET", help="help.pull.name")],
    purpose: Annotated[str, typer.Option(metavar="NAME", help="help.pull.purpose")] = "",
    to: Annotated[Path | None, typer.Option(metavar="DIR", help="help.pull.to")] = None,
) -> None:
    shell: Shell = ctx.obj
    manage = connect(shell)
    agreement = _agreement(manage, name)
    body: dict[str, Any] = {"agreement": agreement, "purpose": purpose}
    if to is not None:
        body["folder"] = str(to.resolve())
    with Bytes(shell.text("pull.doing")) as bar, waiting(shell.text("pull.doing"), after_s=2.5):
        found = _pulled(manage, body, bar)
    shell.show(found, lambda: _arrived(shell, found))


def _pulled(manage: Manage, body: Mapping[str, Any], bar: Bytes) -> dict[str, Any]:
    for line in manage.lines("manage", "pull", body=body):
        if "error" in line:
            raise Refused(502, line["error"])
        if "result" in line:
            return dict(line["result"])
        bar.at(int(line["done"]), line["total"])
    raise PeerFailed(
        "the connector stopped before the pull was done", hint="pull again: it goes on where it was"
    )


def _arrived(shell: Shell, found: Mapping[str, Any]) -> None:
    shell.say("pull.done", path=found["path"], size=f"{found['size']:,}")
    shell.say("pull.digest", sha256=found["sha256"], file=found["contractFile"])


def _agreement(manage: Manage, name: str) -> str:
    """The agreement of that id, or our newest one over a dataset of that name that still holds."""
    contracts = [c for c in manage.get("manage", "contracts") if c["role"] == "CONSUMER"]
    if any(c["id"] == name for c in contracts):
        return name
    over = [c for c in contracts if name in (c["dataset"], short(c["dataset"]))]
    holding = [c for c in over if c["state"] == "holds"] or over
    if not holding:
        raise NotFound(
            f"there is no contract {name}, and none over a dataset of that name", pointer="AGREEMENT"
        )
    return str(max(holding, key=lambda c: str(c["since"]))["id"])
