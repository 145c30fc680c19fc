"""Verbs that work on files, or before a connector runs: their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from connector.clock import SystemClock
from connector.commands.home import init
from connector.commands.up import run as run_up


def add(app: typer.Typer) -> None:
    """Put these verbs into the tree."""
    app.command("init", help="help.init")(_init)
    app.command("up", help="help.up")(_up)
    app.command("demo", help="help.demo")(_demo)


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "")}


def _init(
    ctx: typer.Context,
    name: Annotated[str, typer.Option(metavar="TEXT", help="help.init.name")] = "",
    name_en: Annotated[str, typer.Option(metavar="TEXT", help="help.init.name-en")] = "",
    url: Annotated[str, typer.Option(metavar="URL", help="help.init.url")] = "",
    public_port: Annotated[int | None, typer.Option(metavar="PORT", help="help.init.public-port")] = None,
    management_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="help.init.management-port")
    ] = None,
    cert: Annotated[str, typer.Option(metavar="FILE", help="help.init.cert")] = "",
    key: Annotated[str, typer.Option(metavar="FILE", help="help.init.key")] = "",
    alg: Annotated[str, typer.Option(metavar="ALG", help="help.init.alg")] = "",
    new_key: Annotated[bool, typer.Option("--new-key", help="help.init.new-key")] = False,
) -> int:
    values = {
        "participant": _given(name=name, name_en=name_en),
        "server": _given(public_url=url, public_port=public_port, management_port=management_port),
        "tls": _given(cert=cert, key=key),
        "identity": _given(algorithm=alg),
    }
    return init(ctx.obj, values, now=SystemClock().now(), new_key=new_key)


def _up(ctx: typer.Context) -> int:
    return run_up(ctx.obj)


def _demo(
    ctx: typer.Context,
    keep: Annotated[bool, typer.Option("--keep", help="help.demo.keep")] = False,
    against: Annotated[Path | None, typer.Option(metavar="FILE", help="help.demo.against")] = None,
) -> int:
    from connector import demo

    if against is not None:
        return demo.run_against(ctx.obj, against)
    return demo.run_demo(ctx.obj, keep=keep)
