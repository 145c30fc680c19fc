"""`madang up`: run the connector until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sqlite3
from typing import TYPE_CHECKING

from connector import logs
from connector.commands.shell import Shell
from connector.errors import Unavailable
from connector.settings import load

if TYPE_CHECKING:
    from connector.settings import Settings

_log = logging.getLogger(__name__)


def run(shell: Shell) -> int:
    """Run until SIGTERM or SIGINT, then stop within the time allowed.

    Raises:
        NotFound: the folder was not initialised.
        BadInput: a setting cannot work.
        Unavailable: it cannot start: a port in use, a damaged database, a file that cannot be read.
    """
    settings = load(shell.home)
    logs.configure(settings.log.level, settings.log.format)
    return asyncio.run(_serve(shell, settings))


async def _serve(shell: Shell, settings: Settings) -> int:
    # What is made from here until it is ready stays for good: there is nothing to collect, now or later.
    gc.disable()
    # Imported here so that a wrong setting is said at once.
    from connector.app import Connector

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        connector = Connector(settings)
    except (OSError, sqlite3.Error, ValueError) as error:
        raise Unavailable(f"the connector cannot start: {error}", hint="madang doctor says more") from error
    server = settings.server
    try:
        await connector.start()
        gc.freeze()
        gc.enable()
        shell.say(
            "up.ready",
            did=connector.node.parties.did,
            public=settings.public_url,
            private=f"http://{server.management_host}:{server.management_port}",
        )
        _log.info("ready", extra={"did": connector.node.parties.did, "public_url": settings.public_url})
        await stop.wait()
        shell.say("up.stopping")
    finally:
        await _stop(connector.stop(), settings.server.stop_within_s)
    _log.info("stopped")
    return 0


async def _stop(stopping: object, within_s: float) -> None:
    """What was acknowledged is on disk already: after the time allowed there is nothing to lose."""
    try:
        async with asyncio.timeout(within_s):
            await stopping  # type: ignore[misc]  # the coroutine of Connector.stop
    except TimeoutError:
        _log.warning("did not stop in time and is ended", extra={"within_s": within_s})
