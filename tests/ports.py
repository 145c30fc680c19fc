"""Ports on loopback for the listeners of tests."""

from __future__ import annotations

import random
import socket

_GIVEN: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, and that this process has given to nobody else.

    Below the range that the kernel takes for outgoing connections: there somebody's
    connection could take one between this look and the listener's bind.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(12_000, 32_000)
        if port in _GIVEN:
            continue
        with socket.socket() as one:
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        _GIVEN.add(port)
        found.append(port)
    return found
