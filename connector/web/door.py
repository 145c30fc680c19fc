"""Who stands before the public listener: the peer behind a token, within the limits of [D30]."""

from __future__ import annotations

from aiohttp import web

from connector.errors import TooMany, Unauthenticated
from connector.model.identity import Peer
from connector.service.node import Node
from connector.web.limits import Rate, network_of


class Door:
    """One for the whole listener, so that no endpoint is a way around the limits of another."""

    def __init__(self, node: Node) -> None:
        self._node = node
        limits, clock = node.settings.limits, node.clock
        self._by_peer = Rate(limits.requests_per_minute, clock, "requests")
        self._strangers = Rate(limits.strangers_per_minute, clock, "requests without a valid token")
        self._lookups = Rate(limits.lookups_per_minute, clock, "look-ups of DIDs")

    def stranger(self, request: web.Request) -> None:
        """Count a request of somebody who shows no token, where that is allowed and costs us something.

        Raises:
            TooMany: over the limit; says when to come back.
        """
        self._strangers.take(network_of(request.remote))

    async def peer(self, request: web.Request) -> Peer:
        """The authenticated peer.

        Raises:
            Unauthenticated: no token, or one that proves nothing.
            TooMany: over a limit; says when to come back.
        """
        network = network_of(request.remote)
        try:
            peer = await self._node.parties.authenticate(
                request.headers.get("Authorization"), before_lookup=lambda: self._lookups.take(network)
            )
        except Unauthenticated as error:
            self._node.refused(network, error.pointer or error.reason_code)
            self._strangers.take(network)
            raise
        try:
            self._by_peer.take(peer.participant_id)
        except TooMany:
            self._node.refused(peer.participant_id, "too-many")
            raise
        return peer
