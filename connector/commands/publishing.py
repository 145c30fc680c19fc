"""`madang publish`, `unpublish`, `republish`: what is offered, and how it is described."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from connector.commands.connect import connect
from connector.commands.progress import waiting
from connector.commands.shell import Shell
from connector.errors import BadInput, NotFound
from connector.semantic.terms import CONFIDENTIALITY, PROCESSES

MUST_SAY: Final = ("process", "confidentiality", "personal_data")
"""What only the owner can know."""


def add(app: typer.Typer) -> None:
    """Put these verbs into the tree."""
    app.command("publish", help="help.publish")(_publish)
    app.command("unpublish", help="help.unpublish")(_unpublish)
    app.command("republish", help="help.republish")(_republish)


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """`k=v` entries. Raises BadInput for one without `=`."""
    found: dict[str, str] = {}
    for entry in given:
        name, is_pair, value = entry.partition("=")
        if not is_pair or not name.strip():
            raise BadInput(f"must be NAME=VALUE, not {entry!r}", pointer=option)
        found[name.strip()] = value.strip()
    return found


def items(given: Sequence[str]) -> list[str]:
    """Entries separated by commas, from an option that may be repeated."""
    return [part.strip() for one in given for part in one.split(",") if part.strip()]


def terms_of(policies: Sequence[str], params: Sequence[str], rules: Path | None) -> dict[str, Any]:
    """`templates` and `params`, or `policy` from a file; {} if nothing was given.

    Raises:
        BadInput: both were given, or one of them cannot be read.
    """
    templates, values = items(policies), pairs(params, "--param")
    if rules is not None:
        if templates or values:
            raise BadInput("give templates, or rules, not both", pointer="--rules")
        return {"policy": _table(rules, "--rules")}
    if values and not templates:
        raise BadInput("belongs to a template", pointer="--param", hint="add --policy")
    return {"templates": templates, "params": values} if templates else {}


def _table(file: Path, option: str) -> dict[str, Any]:
    """A JSON or TOML file whose top is an object."""
    try:
        raw = file.read_text(encoding="utf-8")
        found = tomllib.loads(raw) if file.suffix == ".toml" else json.loads(raw)
    except FileNotFoundError:
        raise NotFound(f"there is no file {file}", pointer=option) from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{file} cannot be read: {error}", pointer=option) from None
    if not isinstance(found, dict):
        raise BadInput(f"{file} must hold an object", pointer=option)
    return found


def _ask(shell: Shell, missing: list[str]) -> dict[str, Any]:
    """The owner's answers, on a terminal. Raises BadInput where there is none."""
    if shell.is_json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        options = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
        raise BadInput(
            shell.text("publish.must-say", options=options), hint=shell.text("publish.must-say.hint")
        )
    found: dict[str, Any] = {}
    for name in missing:
        if name == "personal_data":
            found[name] = typer.confirm(shell.text("publish.ask.personal_data"), err=True)
            continue
        choices = PROCESSES if name == "process" else CONFIDENTIALITY
        for notation, concept in choices.items():
            sys.stderr.write(f"  {notation}  {concept.ko if shell.lang == 'ko' else concept.en}\n")
        answer = typer.prompt(shell.text(f"publish.ask.{name}"), err=True)
        found[name] = answer.strip()
    return found


def _units(description: dict[str, Any], units: Sequence[str]) -> None:
    """`COLUMN=UNIT`, or `COLUMN=-` for a column that has none."""
    if not units:
        return
    columns = {str(c.get("name")): dict(c) for c in description.get("columns", []) if isinstance(c, Mapping)}
    for name, unit in pairs(units, "--unit").items():
        said = {"unitless": True, "unit": ""} if unit in ("", "-") else {"unit": unit, "unitless": False}
        columns[name] = {**columns.get(name, {}), "name": name, **said}
    description["columns"] = list(columns.values())


def _publish(
    ctx: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE|FOLDER", help="help.publish.path")],
    policy: Annotated[list[str] | None, typer.Option(metavar="A,B", help="help.policy")] = None,
    param: Annotated[list[str] | None, typer.Option(metavar="K=V", help="help.param")] = None,
    rules: Annotated[Path | None, typer.Option(metavar="FILE", help="help.rules")] = None,
    visible_to: Annotated[list[str] | None, typer.Option(metavar="DID,…", help="help.visible-to")] = None,
    id_: Annotated[str, typer.Option("--id", metavar="NAME", help="help.publish.id")] = "",
    title: Annotated[str, typer.Option(metavar="TEXT", help="help.publish.title")] = "",
    title_en: Annotated[str, typer.Option(metavar="TEXT", help="help.publish.title-en")] = "",
    description: Annotated[str, typer.Option(metavar="TEXT", help="help.publish.description")] = "",
    process: Annotated[str, typer.Option(metavar="NAME", help="help.publish.process")] = "",
    confidentiality: Annotated[str, typer.Option(metavar="NAME", help="help.publish.confidentiality")] = "",
    personal_data: Annotated[str, typer.Option(metavar="yes|no", help="help.publish.personal-data")] = "",
    generator: Annotated[str, typer.Option(metavar="DID", help="help.publish.generator")] = "",
    unit: Annotated[list[str] | None, typer.Option(metavar="COLUMN=UNIT", help="help.publish.unit")] = None,
    describe: Annotated[Path | None, typer.Option(metavar="FILE", help="help.publish.describe")] = None,
    approval: Annotated[str, typer.Option(metavar="manual|automatic", help="help.publish.approval")] = "",
) -> None:
    shell: Shell = ctx.obj
    if not path.exists():
        raise NotFound(f"there is no file or folder {path}", pointer="FILE")
    if personal_data not in ("", "yes", "no"):
        raise BadInput("must be yes or no", pointer="--personal-data")
    said: dict[str, Any] = _table(describe, "--describe") if describe else {}
    titles = {lang: text for lang, text in (("ko", title), ("en", title_en)) if text}
    given = {
        "title": titles,
        "description": description,
        "process": process,
        "confidentiality": confidentiality,
        "generator": generator,
        "personal_data": personal_data == "yes" if personal_data else "",
    }
    said |= {name: value for name, value in given.items() if value not in ("", {})}
    _units(said, unit or [])
    if missing := [name for name in MUST_SAY if said.get(name) in (None, "")]:
        said |= _ask(shell, missing)
    body: dict[str, Any] = {
        "path": str(path.resolve()),
        "id": id_,
        "visibleTo": items(visible_to or []),
        "description": said,
        **terms_of(policy or [], param or [], rules),
    }
    if approval:
        body["approval"] = approval
    with waiting(shell.text("publish.doing", path=path.name)):
        found = connect(shell).post(
            "manage", "publish", body={k: v for k, v in body.items() if v not in ("", [])}
        )
    shell.show(found, lambda: _published(shell, found))


def _published(shell: Shell, found: Mapping[str, Any]) -> None:
    shell.say(f"publish.{found['outcome']}", id=found["id"], version=found["version"])
    shell.say("publish.facts", size=f"{found['size']:,}", sha256=found["sha256"])
    shell.say("terms", terms=shell.pick(found["terms"]))
    for rule in found["enforcement"]:
        shell.write(f"  - {shell.pick(rule['text'])}")
    for note in found["notes"]:
        shell.write(f"  {note}")


def _unpublish(
    ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="DATASET", help="help.dataset")]
) -> None:
    shell: Shell = ctx.obj
    found = connect(shell).post("manage", "unpublish", body={"id": name})
    shell.show(found, lambda: shell.say("publish.taken-out", id=found["id"]))


def _republish(
    ctx: typer.Context, name: Annotated[str, typer.Argument(metavar="DATASET", help="help.dataset")]
) -> None:
    shell: Shell = ctx.obj
    found = connect(shell).post("manage", "republish", body={"id": name})
    shell.show(found, lambda: shell.say("publish.put-back", id=found["id"]))
