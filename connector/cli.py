"""The command `madang`: options for every verb, errors as one line, exit codes.

    0  done          1  it failed, or a check found something broken
    2  bad input     3  the connector does not run; or: consistent, but keys are not pinned

`up` runs for months and has to stay small, so it starts without the libraries that draw tables and
parse options: they are imported only for the other verbs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from connector.commands.shell import Exit, Shell, language
from connector.errors import BadInput, ConnectorError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    shell = Shell(Path("~/madang").expanduser(), language(os.environ), is_json=False)
    try:
        shell, rest = _common(given, os.environ)
        return _run(shell, rest)
    except ConnectorError as error:
        shell.complain(error)
        return Exit.of(error)
    except BrokenPipeError:
        # Whoever read our output (`| head`) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _run(shell: Shell, rest: list[str]) -> int:
    if rest == ["up"]:
        from connector.commands.up import run

        return run(shell)
    from connector.commands.tree import run as run_verb

    return run_verb(shell, rest)


def _common(given: list[str], environ: os._Environ[str]) -> tuple[Shell, list[str]]:
    """Take --home, --lang and --json out, wherever they stand before a lone `--`.

    Raises:
        BadInput: one of them has no value, or none that is known.
    """
    home, lang, is_json = environ.get("MADANG_HOME") or "~/madang", language(environ), False
    rest: list[str] = []
    waiting = iter(given)
    for argument in waiting:
        name, is_joined, value = argument.partition("=")
        if argument == "--":
            rest += [argument, *waiting]
        elif argument == "--json":
            is_json = True
        elif name in ("--home", "--lang"):
            value = value if is_joined else next(waiting, "")
            if not value:
                raise BadInput("needs a value", pointer=name)
            if name == "--home":
                home = value
            elif value in ("ko", "en"):
                lang = value
            else:
                raise BadInput(f"must be ko or en, not {value}", pointer="--lang")
        else:
            rest.append(argument)
    return Shell(Path(home).expanduser(), lang, is_json), rest
