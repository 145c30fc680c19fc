"""The signed tokens that make a contract: assembled here, and checked here [D7, D8].

Each is a compact JWS over the exact policy of the message it travels with. A
token proves only what it is bound to: signer, counterparty, both pids, the
dataset's version and digest, and (verification, withdrawal) the agreement
token it answers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from connector.errors import PolicyDiffers, TokenInvalid
from connector.identity.jose import verify_jws
from connector.model.canonical import canonical
from connector.model.contract import Agreement
from connector.model.identity import DidDocument, Relationship
from connector.model.ports import RandomBytes, Signer
from connector.policy import equal
from connector.service.reading import read

OFFER: Final = "madang-offer+jwt"
AGREEMENT: Final = "madang-agreement+jwt"
VERIFICATION: Final = "madang-verification+jwt"
WITHDRAWAL: Final = "madang-withdrawal+jwt"
DECLARATION: Final = "madang-declaration+jwt"
_LEEWAY: Final = timedelta(seconds=15)
RULES: Final = ("permission", "prohibition", "obligation")
_LOGICAL: Final = ("and", "or", "xone", "andSequence")


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a contract is about: the dataset's id, its version, and the digest of its bytes."""

    id: str
    version: int
    sha256: str

    def claim(self) -> dict[str, Any]:
        """As it stands in a token."""
        return {"id": self.id, "version": str(self.version), "sha256": self.sha256}

    @classmethod
    def read(cls, claim: Any, expected_id: str) -> Dataset:
        """From a token.

        Raises:
            TokenInvalid: it is malformed, or another dataset.
        """
        if not isinstance(claim, Mapping) or claim.get("id") != expected_id:
            raise TokenInvalid("is not the dataset agreed on", pointer="dataset")
        version, sha256 = claim.get("version"), claim.get("sha256", "")
        if not isinstance(version, str) or not version.isdecimal() or not isinstance(sha256, str):
            raise TokenInvalid("has no version or digest", pointer="dataset")
        return cls(expected_id, int(version), sha256)


@dataclass(frozen=True, slots=True)
class Parties:
    """Who signs towards whom in which negotiation."""

    signer: str
    audience: str
    consumer_pid: str
    provider_pid: str


def over(agreement_token: str) -> str:
    """How a later token names the agreement token it answers."""
    return hashlib.sha256(agreement_token.encode("ascii")).hexdigest()


class Tokens:
    """Signs our side of contracts."""

    def __init__(self, signer: Signer, random: RandomBytes) -> None:
        self._signer = signer
        self._random = random

    def offer(self, policy: Mapping[str, Any], dataset: Dataset, now: datetime, until: datetime) -> str:
        """A catalog offer: no audience and no pids yet, but an expiry."""
        claims = self._claims(now, policy, dataset)
        return self._signer.sign(claims | {"exp": int(until.timestamp())}, typ=OFFER)

    def bound_offer(
        self, policy: Mapping[str, Any], dataset: Dataset, parties: Parties, now: datetime, until: datetime
    ) -> str:
        """An offer within a negotiation."""
        claims = self._claims(now, policy, dataset) | _bind(parties) | {"exp": int(until.timestamp())}
        return self._signer.sign(claims, typ=OFFER)

    def agreement(
        self, policy: Mapping[str, Any], dataset: Dataset, parties: Parties, now: datetime, head: str
    ) -> str:
        """The provider's signature under an agreement, with the latest head of its log."""
        claims = self._claims(now, policy, dataset) | _bind(parties) | {"treeHead": head}
        return self._signer.sign(claims, typ=AGREEMENT)

    def verification(
        self,
        policy: Mapping[str, Any],
        dataset: Dataset,
        parties: Parties,
        now: datetime,
        head: str,
        agreement_token: str,
    ) -> str:
        """The consumer's counter-signature over the provider's token."""
        claims = self._claims(now, policy, dataset) | _bind(parties)
        return self._signer.sign(claims | {"treeHead": head, "over": over(agreement_token)}, typ=VERIFICATION)

    def withdrawal(self, agreement: Agreement, now: datetime, reason: str) -> str:
        """Either side takes its consent back."""
        parties = Parties(agreement.our_id, agreement.peer, agreement.consumer_pid, agreement.provider_pid)
        dataset = Dataset(agreement.dataset_id, agreement.dataset_version, agreement.dataset_sha256)
        claims = self._claims(now, agreement.policy, dataset) | _bind(parties)
        claims |= {"agreementId": agreement.id, "reason": reason, "over": over(agreement.agreement_token)}
        return self._signer.sign(claims, typ=WITHDRAWAL)

    def declaration(self, agreement_id: str, purpose: str, audience: str, now: datetime) -> str:
        """The consumer states for what it uses the data [D10]."""
        claims = {
            "iss": self._signer.did,
            "aud": audience,
            "jti": self._random(16).hex(),
            "iat": int(now.timestamp()),
            "agreementId": agreement_id,
            "purpose": purpose,
        }
        return self._signer.sign(claims, typ=DECLARATION)

    def _claims(self, now: datetime, policy: Mapping[str, Any], dataset: Dataset) -> dict[str, Any]:
        return {
            "iss": self._signer.did,
            "jti": self._random(16).hex(),
            "iat": int(now.timestamp()),
            "dataset": dataset.claim(),
            "policy": policy,
            "policyDigest": hashlib.sha256(canonical(policy)).hexdigest(),
        }


def _bind(parties: Parties) -> dict[str, Any]:
    return {
        "aud": parties.audience,
        "consumerPid": parties.consumer_pid,
        "providerPid": parties.provider_pid,
    }


def check(
    token: str,
    typ: str,
    document: DidDocument,
    policy: Mapping[str, Any],
    parties: Parties,
    now: datetime,
    *,
    agreement_token: str = "",
    is_bound: bool = True,
) -> Mapping[str, Any]:
    """Check a peer's contract token against the message it came with; its claims.

    Raises:
        TokenInvalid: signature, type, signer, audience, pids, policy, time or `over` is wrong,
            with the claim as pointer.
    """
    _, claims = verify_jws(token, document.keys(Relationship.ASSERTION_METHOD), typ=typ)
    _want(claims, "iss", parties.signer)
    if is_bound:
        _want(claims, "aud", parties.audience)
        _want(claims, "consumerPid", parties.consumer_pid)
        _want(claims, "providerPid", parties.provider_pid)
    if agreement_token:
        _want(claims, "over", over(agreement_token))
    found = claims.get("policy")
    if not isinstance(found, Mapping) or canonical(found) != canonical(policy):
        raise TokenInvalid("is not the policy that the message carries", pointer="policy")
    _want(claims, "policyDigest", hashlib.sha256(canonical(policy)).hexdigest())
    issued, until = claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or issued > (now + _LEEWAY).timestamp():
        raise TokenInvalid("is missing or in the future", pointer="iat")
    if until is not None and (not isinstance(until, int) or until < (now - _LEEWAY).timestamp()):
        raise TokenInvalid("is over", pointer="exp")
    return claims


def check_declaration(
    token: str, document: DidDocument, agreement_id: str, consumer: str, provider: str, now: datetime
) -> str:
    """The purpose that a consumer declares for a transfer.

    Raises:
        TokenInvalid: it is not signed by the consumer, or about another agreement.
    """
    _, claims = verify_jws(token, document.keys(Relationship.ASSERTION_METHOD), typ=DECLARATION)
    _want(claims, "iss", consumer)
    _want(claims, "aud", provider)
    _want(claims, "agreementId", agreement_id)
    issued, purpose = claims.get("iat"), claims.get("purpose")
    if not isinstance(issued, int) or abs(issued - now.timestamp()) > 3600:
        raise TokenInvalid("is missing or not of the last hour", pointer="iat")
    if not isinstance(purpose, str) or not purpose:
        raise TokenInvalid("names no purpose", pointer="purpose")
    return purpose


def _want(claims: Mapping[str, Any], name: str, value: str) -> None:
    if claims.get(name) != value:
        raise TokenInvalid(f"is {claims.get(name)!r:.120}, expected {value!r:.120}", pointer=name)


def rules(policy: Mapping[str, Any]) -> dict[str, Any]:
    """A policy's rules and profile, without the names of parties, target and itself.

    Whatever shape they came in, they go out in the one that the standard's schema has: arrays of
    rules, arrays of constraints, an action that is a string. The meaning is the same.
    """
    found = {name: [_rule(r) for r in _several(policy[name])] for name in RULES if policy.get(name)}
    return found | {name: policy[name] for name in ("profile",) if policy.get(name)}


def _rule(rule: Any) -> Any:
    if not isinstance(rule, Mapping):
        return rule
    found = dict(rule)
    action = _several(rule.get("action", []))
    if len(action) == 1:
        found["action"] = _name(action[0])
    if "constraint" in rule:
        found["constraint"] = [_constraint(c) for c in _several(rule["constraint"])]
        if not found["constraint"]:
            del found["constraint"]
    return found


def _constraint(constraint: Any) -> Any:
    if not isinstance(constraint, Mapping):
        return constraint
    return {
        name: [_constraint(c) for c in _several(value)] if name in _LOGICAL else value
        for name, value in constraint.items()
    }


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _name(value: Any) -> Any:
    return value["@id"] if isinstance(value, Mapping) and set(value) == {"@id"} else value


def check_equal(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> None:
    """The two policies mean the same.

    Raises:
        PolicyDiffers: they do not; the message says in what.
    """
    differences = equal(read(mine).policy, read(theirs).policy)
    if differences:
        shown = "; ".join(f"{d.pointer}: {d.text('en')}" for d in differences[:5])
        raise PolicyDiffers(f"not what was agreed on: {shown}", pointer=differences[0].pointer)
