"""Who is asking, how we show who we are, and where a partner is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

from connector.errors import BadInput, MalformedBody, PeerFailed, Unauthenticated
from connector.identity.did import did_from_url
from connector.identity.replay import MemoryReplayStore
from connector.identity.resolver import DidResolver
from connector.identity.static import StaticIdentities
from connector.identity.tokens import SelfIssuedTokens
from connector.model.canonical import load_json
from connector.model.identity import DidDocument, Peer
from connector.model.ports import Clock, Fetch, Response
from connector.service.negotiation import Counterparty
from connector.store.tables import Tx

_WELL_KNOWN: Final = "/.well-known/dspace-version"
_VERSION: Final = "2025-1"


class Replays:
    """Token ids in memory for speed, written to the store with the next transaction for good.

    An acknowledged message is durable, and so is the token it came with: its id is queued
    before the message's own transaction.
    """

    def __init__(self, clock: Clock) -> None:
        self._memory = MemoryReplayStore(clock)
        self._unwritten: list[tuple[str, str, int]] = []

    def first_use(self, issuer: str, jti: str, expires_at: int) -> bool:
        """Whether this token id is new."""
        if not self._memory.first_use(issuer, jti, expires_at):
            return False
        self._unwritten.append((issuer, jti, expires_at))
        return True

    def write(self, tx: Tx) -> None:
        """Write what was used since the last time; what rolls back is written by the next."""
        used = list(self._unwritten)
        for issuer, jti, expires_at in used:
            tx.first_use(issuer, jti, datetime.fromtimestamp(expires_at, UTC))
        tx.after(lambda: self._written(used))

    def _written(self, used: list[tuple[str, str, int]]) -> None:
        gone = set(used)
        self._unwritten = [entry for entry in self._unwritten if entry not in gone]

    @property
    def are_unwritten(self) -> bool:
        """Whether something was used that no transaction has written yet."""
        return bool(self._unwritten)

    def load(self, tx: Tx, now: datetime) -> None:
        """Remember what a previous life has seen, and forget what is over."""
        tx.forget_replays(now)
        for issuer, jti, expires_at in tx.replays():
            self._memory.first_use(issuer, jti, int(expires_at.timestamp()))


class Parties:
    """Authentication both ways, and addresses."""

    def __init__(
        self,
        did: str,
        tokens: SelfIssuedTokens,
        statics: StaticIdentities,
        resolver: DidResolver,
        replays: Replays,
        fetch: Fetch,
    ) -> None:
        self._did = did
        self._tokens = tokens
        self._statics = statics
        self._resolver = resolver
        self._replays = replays
        self._fetch = fetch

    @property
    def did(self) -> str:
        """Our own DID."""
        return self._did

    async def authenticate(self, header: str | None, *, before_lookup: Callable[[], None]) -> Peer:
        """The peer behind an Authorization header.

        Raises:
            Unauthenticated: no header, or one that proves nothing; the message names the check.
            TooMany: this caller has caused too many DID look-ups.
        """
        if not header:
            raise Unauthenticated("an Authorization header is needed", pointer="Authorization")
        known = self._statics.incoming(header)
        if known is not None:
            return known.peer
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Unauthenticated("must be Bearer with a self-issued token", pointer="Authorization")

        async def resolve(did: str, kid: str | None = None) -> DidDocument:
            if self._resolver.needs_fetch(did, kid):
                before_lookup()
            return await self._resolver.resolve(did, kid)

        found = await self._tokens.verify(
            token.strip(), resolve=resolve, audience=self._did, replay=self._replays
        )
        return found.peer

    async def authorize(self, participant: str, url: str, our_id: str) -> str:
        """The Authorization header for a request to a participant.

        Raises:
            BadInput: we have no way to show this participant who we are.
        """
        base = url.partition("/negotiations/")[0].partition("/transfers/")[0].partition("/catalog/")[0]
        header = self._statics.outgoing(participant, audience=base)
        if header is not None:
            return header
        if not participant.startswith("did:"):
            raise BadInput(
                f"{participant!r} is no DID and stands in no identity.static_peers", pointer="counterPartyId"
            )
        return f"Bearer {self._tokens.issue(participant)}"

    async def get(self, participant: str, url: str, our_id: str) -> Response:
        """GET something of a participant, showing who we are.

        Raises:
            BadInput: we have no way to show this participant who we are.
            PeerFailed: it cannot be reached.
        """
        header = await self.authorize(participant, url, our_id)
        return await self._fetch("GET", url, headers={"Authorization": header})

    def forget(self, did: str) -> None:
        """Fetch a participant's DID document anew when it is next needed."""
        self._resolver.forget(did)

    async def document(self, did: str) -> DidDocument:
        """The DID document of a participant.

        Raises:
            BadInput, PeerFailed: it cannot be had.
        """
        return await self._resolver.resolve(did)

    async def locate(self, target: str, *, participant: str = "") -> Counterparty:
        """A partner by DID, by the id of a static peer, or by any address of it.

        Raises:
            BadInput: neither.
            PeerFailed: it cannot be reached, or speaks no DSP 2025-1.
        """
        static = self._statics.get(participant or target)
        if static is not None:
            address = target if target.startswith("http") else static.address
            return Counterparty(static.participant_id, address, static.our_id)
        if target.startswith("did:"):
            document = await self.document(target)
            return Counterparty(target, await self._dsp_base(document), self._did)
        if target.startswith(("http://", "https://")):
            return await self._at(target.rstrip("/"), participant)
        raise BadInput("must be a DID, an address, or the id of a static peer", pointer="counterPartyAddress")

    async def _at(self, url: str, participant: str) -> Counterparty:
        if participant.startswith("did:"):
            return Counterparty(participant, url, self._did)
        root = url.partition("/dsp/")[0]
        root = root.removesuffix("/dsp")
        document = await self.document(did_from_url(root))
        return Counterparty(document.id, await self._dsp_base(document), self._did)

    async def _dsp_base(self, document: DidDocument) -> str:
        catalog = document.service("CatalogService")
        if catalog is not None and catalog.endpoint.endswith("/catalog"):
            return catalog.endpoint.removesuffix("/catalog")
        data = document.service("DataService")
        if data is None:
            raise PeerFailed(f"the DID document of {document.id} names no DSP service")
        return await self._version_base(data.endpoint)

    async def _version_base(self, endpoint: str) -> str:
        root = endpoint.removesuffix(_WELL_KNOWN)
        answer = await self._fetch("GET", root + _WELL_KNOWN)
        try:
            versions: Any = load_json(answer.body, limit=len(answer.body))["protocolVersions"]
            path = next(v["path"] for v in versions if v["version"] == _VERSION and v["binding"] == "HTTPS")
        except (MalformedBody, LookupError, TypeError, StopIteration):
            raise PeerFailed(f"{root} speaks no DSP {_VERSION}") from None
        return root + ("" if path == "/" else str(path))
