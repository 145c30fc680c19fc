"""The token that every DSP request carries: "this is me, for you, now, once".

Self-issued ID tokens as in Decentralized Claims Protocol 1.0 §4 ("Self-Issued ID
Tokens"): a JWT signed with a key of the sender's own DID. Making one costs a
signature; checking one follows a fixed order, in which nothing is believed
before the signature and nothing is remembered before everything else holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connector.errors import EgressRefused, PeerFailed, TokenInvalid, Unauthenticated, Unavailable
from connector.identity.did import is_did
from connector.identity.jose import VERIFY_ALGS, Jws, check_signature, parse_jws, pick_key, typ_fits
from connector.identity.replay import ReplayStore
from connector.identity.resolver import UNREACHABLE, ResolveDid
from connector.model.identity import DidDocument, Peer, PeerKind, Relationship
from connector.model.ports import Clock, RandomBytes, Signer

LIFETIME_S: Final = 300
"""How long our tokens hold."""
MAX_LIFETIME_S: Final = 900
"""The longest `exp - iat` that we accept."""
LEEWAY_S: Final = 15
"""How far the two clocks may differ [D32]."""
MAX_JTI_LENGTH: Final = 256

# A presentation, a credential or an access token must not pass for an identity token.
_FOREIGN_CLAIMS: Final = ("vp", "vc")


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that held: who sent it, and everything it says."""

    peer: Peer
    claims: Mapping[str, Any]
    kid: str

    @property
    def access_token(self) -> str | None:
        """The `token` claim: what lets us query the peer's presentations (DCP 1.0 §5)."""
        token = self.claims.get("token")
        return token if isinstance(token, str) else None


class SelfIssuedTokens:
    """Makes our tokens and checks those of others."""

    def __init__(
        self,
        signer: Signer,
        clock: Clock,
        random: RandomBytes,
        *,
        allowed_algs: Iterable[str] = VERIFY_ALGS,
        lenient_relationships: bool = False,
    ) -> None:
        self._signer = signer
        self._clock = clock
        self._random = random
        self._allowed_algs = frozenset(allowed_algs)
        # Some peers' documents leave capabilityInvocation out; a setting lets them in.
        self._relationship = None if lenient_relationships else Relationship.CAPABILITY_INVOCATION

    def issue(self, audience: str, *, access_token: str | None = None) -> str:
        """A new token for one request to the party with that DID; never send one twice."""
        now = int(self._clock.now().timestamp())
        did = self._signer.did
        claims: dict[str, Any] = {
            "iss": did,
            "sub": did,
            "aud": audience,
            "jti": self._random(16).hex(),
            "iat": now,
            "exp": now + LIFETIME_S,
        }
        if access_token is not None:
            claims["token"] = access_token
        return self._signer.sign(claims, typ="JWT")

    async def verify(
        self, token: str, *, resolve: ResolveDid, audience: str, replay: ReplayStore
    ) -> Verified:
        """Who sent this token to us (`audience`, our DID).

        The order is: form and algorithm; issuer is subject and a DID; audience;
        the DID's document; the key in it; the signature; the times; first use.

        Raises:
            Unauthenticated: a check failed; `pointer` names which (`alg`, `iss`, `aud`,
                `did`, `kid`, `signature`, `exp`, `nbf`, `iat`, `jti` …).
            Unavailable: the issuer's document could not be had just now, or the replay
                store cannot remember the token; the sender may try again.
        """
        try:
            jws = parse_jws(token, allowed_algs=self._allowed_algs)
            _check_form(jws)
            issuer = _check_parties(jws.claims, audience)
            document = await _resolve(resolve, issuer, jws.kid)
            kid = self._check_key(jws, issuer, document)
        except TokenInvalid as error:
            raise Unauthenticated(error.message, pointer=error.pointer) from None
        self._check_times(jws.claims)
        expires_at = math.ceil(jws.claims["exp"]) + LEEWAY_S
        first = replay.first_use(issuer, jws.claims["jti"], expires_at)
        if not (first if isinstance(first, bool) else await first):
            raise Unauthenticated("the token was already used", pointer="jti")
        return Verified(Peer(issuer, PeerKind.DID, audience, document), jws.claims, kid)

    def _check_key(self, jws: Jws, issuer: str, document: DidDocument) -> str:
        if jws.kid is not None and not jws.kid.startswith(f"{issuer}#"):
            raise TokenInvalid("the key does not belong to the issuer", pointer="kid")
        if jws.kid is None and len(document.methods) != 1:
            raise TokenInvalid(f"the token names no key and there are {len(document.methods)}", pointer="kid")
        keys = document.keys(self._relationship)
        jwk = pick_key(jws.kid, keys)
        check_signature(jws, jwk)
        return jws.kid or next(iter(keys))

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now().timestamp()
        issued, expires, begins = claims["iat"], claims["exp"], claims.get("nbf", claims["iat"])
        if now >= expires + LEEWAY_S:
            raise Unauthenticated(
                f"the token ended {now - expires:.0f} s ago by our clock ({LEEWAY_S} s are allowed)",
                pointer="exp",
            )
        for name, moment in (("iat", issued), ("nbf", begins)):
            if moment > now + LEEWAY_S:
                raise Unauthenticated(
                    f"the token begins in {moment - now:.0f} s by our clock ({LEEWAY_S} s are allowed)",
                    pointer=name,
                    hint="compare the clocks of both sides with a time server",
                )
        if not 0 < expires - issued <= MAX_LIFETIME_S:
            raise Unauthenticated(
                f"the token holds for {expires - issued:.0f} s, 1 to {MAX_LIFETIME_S} are allowed",
                pointer="exp",
            )


def _check_form(jws: Jws) -> None:
    """Everything that can be said without knowing anybody: types of the claims, kind of the token."""
    claims = jws.claims
    if "typ" in jws.header and not typ_fits(jws.header["typ"], "JWT"):
        raise TokenInvalid(f"the token is a {jws.header['typ']!r}, not an identity token", pointer="typ")
    for name in _FOREIGN_CLAIMS:
        if name in claims:
            raise TokenInvalid(f"an identity token has no claim {name!r}", pointer=name)
    for name in ("iss", "sub", "jti"):
        if not isinstance(claims.get(name), str):
            raise TokenInvalid(f"the claim {name!r} is missing or no string", pointer=name)
    if not 0 < len(claims["jti"]) <= MAX_JTI_LENGTH or not claims["jti"].isprintable():
        raise TokenInvalid(
            f"the claim 'jti' has not 1 to {MAX_JTI_LENGTH} printable characters", pointer="jti"
        )
    for name in ("iat", "exp"):
        if not _is_time(claims.get(name)):
            raise TokenInvalid(f"the claim {name!r} is missing or no time", pointer=name)
    if "nbf" in claims and not _is_time(claims["nbf"]):
        raise TokenInvalid("the claim 'nbf' is no time", pointer="nbf")


def _check_parties(claims: Mapping[str, Any], audience: str) -> str:
    issuer = claims["iss"]
    if issuer != claims["sub"]:
        raise TokenInvalid("issuer and subject differ", pointer="sub")
    if not isinstance(issuer, str) or not is_did(issuer):
        raise TokenInvalid("the issuer is no did:web", pointer="iss")
    audiences = claims.get("aud")
    if audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise TokenInvalid(f"the token is for {str(audiences)[:200]!r}, we are {audience}", pointer="aud")
    return issuer


async def _resolve(resolve: ResolveDid, issuer: str, kid: str | None) -> DidDocument:
    try:
        document = await resolve(issuer, kid)
    except EgressRefused as error:
        # Where our guard saw the name lead is for our log: told to strangers it would map the plant.
        raise Unauthenticated(
            "the issuer's DID document cannot be fetched from here", pointer="did"
        ) from error
    except PeerFailed as error:
        failure = f"the issuer's DID document could not be had: {error.message}"
        if error.reason_code == UNREACHABLE:
            # A refusal would be final for an honest sender whose web server restarts just now.
            raise Unavailable(failure, pointer="did", code=UNREACHABLE) from error
        raise Unauthenticated(failure, pointer="did") from error
    if document.id != issuer:
        raise TokenInvalid("the DID document is another party's", pointer="did")
    return document


def _is_time(value: object) -> bool:
    # A bool is an int to Python; JSON's 1e400 is read as infinity, which the bound refuses.
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1 << 40
