"""`madang contract verify` and `madang ledger verify`: proofs from files, without a network.

Exit codes: 0 proved, 1 broken, 2 bad input, 3 consistent but keys not pinned (or a tail not signed yet).
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from connector.commands.connect import connect
from connector.commands.home import KEYS
from connector.commands.shell import Shell
from connector.errors import BadInput, NotFound, Unavailable
from connector.identity.did import did_from_url
from connector.identity.keys import KeyRing
from connector.ledger import standalone
from connector.ledger.log import Ledger
from connector.ledger.proof import MAX_BUNDLE_BYTES, verify_contract
from connector.manage import NotReached
from connector.model.canonical import load_json
from connector.settings import load
from connector.store.sqlite import SqliteStore

DATABASE = "madang.db"
Pin = Annotated[list[str] | None, typer.Option("--pin", metavar="DID=THUMBPRINT", help="help.pin")]


def add(app: typer.Typer) -> None:
    """Put these verbs into the tree."""
    ledger = typer.Typer(help="help.ledger", rich_markup_mode=None)
    ledger.callback()(_ledger_alone)
    ledger.command("verify", help="help.ledger.verify")(_ledger)
    app.add_typer(ledger, name="ledger")


def _ledger_alone() -> None:
    """There is one verb below; a callback makes typer keep its name."""


def pinned(given: Sequence[str]) -> dict[str, list[str]]:
    """DID -> thumbprints. Raises BadInput for an entry that is no pair."""
    found: dict[str, list[str]] = {}
    for entry in given:
        did, is_pair, thumbprint = entry.rpartition("=")
        if not is_pair or not did.startswith("did:") or not thumbprint:
            raise BadInput(f"must be DID=THUMBPRINT, not {entry!r}", pointer="--pin")
        found.setdefault(did, []).append(thumbprint)
    return found


def _read(file: Path, limit: int) -> bytes:
    try:
        with file.open("rb") as source:
            raw = source.read(limit + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file {file}") from None
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None
    if len(raw) > limit:
        raise BadInput(f"{file} has more than {limit} bytes")
    return raw


def contract(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="help.contract.file")],
    pin: Pin = None,
) -> int:
    """Prove an exported contract."""
    shell: Shell = ctx.obj
    pins = pinned(pin or [])
    bundle = load_json(_read(file, MAX_BUNDLE_BYTES), limit=MAX_BUNDLE_BYTES)
    if not isinstance(bundle, dict):
        raise BadInput(f"{file} is no contract export")
    report = verify_contract(bundle, pins)
    shell.show(report.as_json(), lambda: shell.write(report.text(shell.lang)))
    return report.exit_code


def _ledger(
    ctx: typer.Context,
    export: Annotated[Path | None, typer.Argument(metavar="EXPORT", help="help.ledger.export")] = None,
    head: Annotated[
        list[Path] | None, typer.Option("--head", metavar="FILE", help="help.ledger.head")
    ] = None,
    pin: Pin = None,
) -> int:
    shell: Shell = ctx.obj
    pins = pinned(pin or [])
    if export is None:
        lines, own = _own(shell)
        pins = own | pins
    else:
        lines = _read(export, 1 << 32).splitlines(keepends=True)
    if not lines:
        raise BadInput(f"{export} is empty")
    held: list[str] = []
    for one in head or []:
        try:
            did = standalone.strict_json(lines[0])["did"]
            held += standalone.gather_held(_read(one, MAX_BUNDLE_BYTES).decode("utf-8"), did)
        except standalone.UNREADABLE as error:
            raise BadInput(f"{one} holds no tree head: {error}", pointer="--head") from None
    result = standalone.verify(lines, held, pins)
    shell.show(_as_json(result), lambda: shell.write(result.text(shell.lang)))
    return result.exit_code


def _as_json(result: standalone.Result) -> dict[str, Any]:
    return {
        "verdict": result.verdict,
        "did": result.did,
        "leaves": result.leaves,
        "covered": result.covered,
        "thumbprints": dict(result.thumbprints),
        "findings": [{"code": code, **params} for code, params in result.findings],
    }


def _own(shell: Shell) -> tuple[list[bytes], dict[str, list[str]]]:
    """This home's ledger, from the connector if it runs (sealed now), else from the database; and its key."""
    settings = load(shell.home)
    ring = KeyRing.open(shell.home / KEYS, did_from_url(settings.public_url))
    jwks = ring.public_jwks["keys"]
    pins = {ring.did: [standalone.thumbprint(jwk) for jwk in jwks]}
    try:
        return connect(shell).raw("manage", "ledger").splitlines(keepends=True), pins
    except NotReached:
        shell.say("ledger.from-file", file=shell.home / DATABASE)
    if not (shell.home / DATABASE).is_file():
        raise NotFound(f"there is no database in {shell.home}", hint="the connector was never up")

    async def read() -> list[bytes]:
        store = SqliteStore(shell.home / DATABASE, in_line=True)
        try:
            return await store.read(lambda tx: list(Ledger(ring.did).export(tx, jwks)))
        finally:
            await store.close()

    try:
        return asyncio.run(read()), pins
    except sqlite3.Error as error:
        raise Unavailable(f"the database cannot be read: {error}", hint="madang doctor says more") from None
