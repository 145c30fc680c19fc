"""Static identity: partners without DIDs, known by a fixed Authorization header [D32].

Off unless the settings list such peers. What it proves is only that the sender
knows the header; contracts with such a peer are recorded as authenticated, not
signed.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from connector.errors import BadInput, ConnectorError
from connector.model.canonical import load_json
from connector.model.identity import Peer, PeerKind

MAX_HEADER_BYTES: Final = 16 * 1024

_PLACE: Final = re.compile(r"\{(audience|our_id)\}")
_POINTER: Final = re.compile(r"(/([^~/]|~[01])*)+")
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,5}")


@dataclass(frozen=True, slots=True)
class StaticPeer:
    """One partner with a fixed header.

    `match` is the exact header it sends, or (JSON pointer, value) if it sends JSON
    of which one member names it. `header_template` is what we send; `{audience}`
    and `{our_id}` in it are filled in, as JSON text if the template is an object.

    Raises:
        BadInput: something in it could not work.
    """

    participant_id: str
    address: str
    header_template: str = field(repr=False)
    match: str | tuple[str, str] = field(repr=False)
    our_id: str

    def __post_init__(self) -> None:
        if not self.participant_id or not self.our_id:
            raise BadInput("a static peer needs an id, and an id for us", pointer="participant_id")
        if not self.header_template.isprintable():
            raise BadInput("a header is one line of printable text", pointer="header_template")
        if isinstance(self.match, str):
            if not self.match:
                raise BadInput("an empty header would match everybody without one", pointer="match")
        elif not _POINTER.fullmatch(self.match[0]) or not self.match[1]:
            raise BadInput("a JSON pointer such as /clientId and a value are needed", pointer="match")

    @property
    def peer(self) -> Peer:
        """The value that the rest of the connector works with."""
        return Peer(self.participant_id, PeerKind.STATIC, self.our_id)


class StaticIdentities:
    """The static peers of the settings.

    Raises:
        BadInput: two of them have the same id, or are told by the same header.
    """

    def __init__(self, peers: Iterable[StaticPeer]) -> None:
        self._peers: dict[str, StaticPeer] = {}
        for peer in peers:
            if peer.participant_id in self._peers:
                raise BadInput(f"{peer.participant_id} is listed twice", pointer="participant_id")
            if any(peer.match == other.match for other in self._peers.values()):
                raise BadInput(f"{peer.participant_id} has the same header as another peer", pointer="match")
            self._peers[peer.participant_id] = peer

    def incoming(self, header: str) -> StaticPeer | None:
        """Whose header this is; None if nobody's, or if it fits more than one."""
        if len(header) > MAX_HEADER_BYTES:
            return None
        value = _read(header)
        # Every peer is compared, in constant time: nothing is told by how long it takes.
        found = [peer for peer in self._peers.values() if _fits(peer, header, value)]
        return found[0] if len(found) == 1 else None

    def outgoing(self, participant_id: str, *, audience: str) -> str | None:
        """The header for a request to that peer, or None if it is not a static one.

        Raises:
            BadInput: the audience cannot stand in a header.
        """
        peer = self._peers.get(participant_id)
        if peer is None:
            return None
        if not audience.isprintable():
            raise BadInput("a header is one line of printable text", pointer="audience")
        places = {"audience": audience, "our_id": peer.our_id}
        is_json = peer.header_template.startswith("{") and peer.header_template.endswith("}")
        if is_json and not _PLACE.fullmatch(peer.header_template):
            places = {name: json.dumps(text)[1:-1] for name, text in places.items()}
        # One pass: what is filled in is not looked at for further places.
        return _PLACE.sub(lambda place: places[place[1]], peer.header_template)

    def get(self, participant_id: str) -> StaticPeer | None:
        """The static peer with that id, or None."""
        return self._peers.get(participant_id)

    def __len__(self) -> int:
        return len(self._peers)


def _fits(peer: StaticPeer, header: str, value: Any) -> bool:
    if isinstance(peer.match, str):
        return _same(peer.match, header)
    pointer, wanted = peer.match
    found = _at(value, pointer)
    return isinstance(found, str) and _same(wanted, found)


def _same(a: str, b: str) -> bool:
    # Header bytes that are no UTF-8 arrive as lone surrogates.
    return hmac.compare_digest(a.encode("utf-8", "surrogatepass"), b.encode("utf-8", "surrogatepass"))


def _read(header: str) -> Any:
    if not header.startswith("{"):
        return None
    try:
        return load_json(header.encode("utf-8", "surrogatepass"), limit=MAX_HEADER_BYTES)
    except ConnectorError:
        return None


def _at(value: Any, pointer: str) -> Any:
    """The value at a JSON pointer (RFC 6901), or None."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and _INDEX.fullmatch(name) and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value
