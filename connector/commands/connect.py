"""The way to the connector of this home: where its management API listens, and with which key."""

from __future__ import annotations

from connector.commands.home import API_KEY
from connector.commands.shell import Shell
from connector.errors import NotFound
from connector.manage import Manage
from connector.settings import load


def connect(shell: Shell) -> Manage:
    """A client of this home's connector; whether it runs shows at the first call.

    Raises:
        NotFound: the folder was not initialised.
        BadInput: a setting is wrong.
    """
    server = load(shell.home).server
    try:
        key = (shell.home / API_KEY).read_text(encoding="utf-8").strip()
    except OSError:
        raise NotFound(
            f"{shell.home} is no connector's home", hint="run `madang init`, or name another with --home"
        ) from None
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(server.management_host, server.management_host)  # noqa: S104
    return Manage(f"http://{host}:{server.management_port}", key)
