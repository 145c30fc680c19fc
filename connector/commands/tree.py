"""The tree of verbs, and how it is run: typer reads the options, this file says what it objects to.

Help texts in the verbs' declarations are codes of `help_texts.HELP`; they become words in the chosen
language when the tree is built.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer
from typer.main import get_command

import connector
from connector.commands import asking, deciding, policy, proving, publishing, upkeep, verbs_local
from connector.commands.shell import Exit, Shell

USAGE: Final[type[Exception]] = typer.BadParameter.__bases__[0]
"""What the parser raises about options and verbs, wherever this version of typer keeps it."""


_HEADINGS: Final = {
    "Usage:": "help.heading.usage",
    "Arguments:": "help.heading.arguments",
    "Options:": "help.heading.options",
    "Commands:": "help.heading.commands",
    "[OPTIONS]": "help.heading.some-options",
    "COMMAND [ARGS]...": "help.heading.some-command",
    "[required]": "help.heading.required",
    "Show this message and exit.": "help.help",
}
"""What the parser writes by itself in a help text, and the code of our words for it."""


def application() -> typer.Typer:
    """Every verb, with codes for help texts."""
    app = typer.Typer(
        name="madang", add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    app.callback(invoke_without_command=True, help="help.madang")(_everywhere)
    for room in (verbs_local, publishing, asking, deciding, proving, policy, upkeep):
        room.add(app)
    return app


def _everywhere(
    ctx: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="help.version")] = False,
    _home: Annotated[str, typer.Option("--home", metavar="DIR", help="help.home")] = "",
    _lang: Annotated[str, typer.Option("--lang", metavar="ko|en", help="help.lang")] = "",
    _json: Annotated[bool, typer.Option("--json", help="help.json")] = False,
) -> None:
    # The last three are taken out before the parser sees them (cli.py); they stand here to be shown.
    if version:
        ctx.obj.write(f"madang {connector.__version__}")
        raise typer.Exit


def command(shell: Shell) -> Any:
    """The tree with its help in the shell's language. Raises KeyError for a help text without words."""
    tree = get_command(application())
    _translate(tree, shell)
    return tree


def _translate(node: Any, shell: Shell) -> None:
    if node.help:
        node.help = shell.text(node.help)
    node.short_help = node.help
    for param in node.params:
        if getattr(param, "help", None):
            param.help = shell.text(param.help)
    for below in getattr(node, "commands", {}).values():
        _translate(below, shell)


def help_of(shell: Shell, tree: Any, words: list[str]) -> str:
    """How the verb that the words name is used; of the nearest one above it if there is none such."""
    context = tree.make_context("madang", [], resilient_parsing=True)
    node = tree
    for word in words:
        below = getattr(node, "commands", {}).get(word)
        if below is None:
            break
        node = below
        context = node.make_context(word, [], parent=context, resilient_parsing=True)
    text = str(context.get_help())
    for english in _HEADINGS:
        text = text.replace(english, shell.text(_HEADINGS[english]))
    return text


def run(shell: Shell, rest: list[str]) -> int:
    """Run one verb; what the parser objects to is said in one line, with exit code 2.

    Raises:
        ConnectorError: what the verb raises.
    """
    tree = command(shell)
    if not rest or "--help" in rest or rest in (["ledger"], ["policy"]):
        shell.write(help_of(shell, tree, rest))
        return Exit.DONE
    try:
        outcome = tree.main(args=rest, prog_name="madang", standalone_mode=False, obj=shell)
    except USAGE as error:
        return _objected(shell, error)
    except typer.Abort:
        return 130
    return outcome if isinstance(outcome, int) else Exit.DONE


def _objected(shell: Shell, error: Any) -> int:
    kind, message = type(error).__name__, str(getattr(error, "message", error))
    param = getattr(error, "param", None)
    name = param.opts[0] if param is not None and param.opts else getattr(error, "option_name", "")
    if kind == "MissingParameter":
        name = name if name.startswith("-") else str(getattr(param, "metavar", None) or name).upper()
        said = shell.text("usage.missing", name=name)
    elif kind == "NoSuchOption":
        said = shell.text("usage.no-option", name=name)
    elif message.startswith("No such command"):
        said = shell.text("usage.no-verb", name=message.split("'")[1])
    elif name:
        said = shell.text("usage.bad", name=name, value=message.rstrip("."))
    else:
        said = shell.text("usage.other", value=message.rstrip("."))
    path = error.ctx.command_path if getattr(error, "ctx", None) else "madang"
    shell.complain_plain(said, shell.text("usage.help", command=path))
    return Exit.BAD_INPUT
