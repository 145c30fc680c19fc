"""Proves a contract from its exported file alone: tokens, DID documents, nothing else.

Everything is done again: signatures with the keys that the DID documents allow
for assertions, who signed towards whom, process ids, the policy's digest, the
counter-signature over the exact agreement, the parties named in the policy, the
order of times. What cannot follow from the file is said as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, cast

from connector.errors import TokenInvalid
from connector.ledger.jws import Signed, assertion_keys, read_unverified, verify_jws
from connector.ledger.log import read_head
from connector.ledger.proof_texts import HEADINGS, TEXTS
from connector.model.canonical import canonical, digest
from connector.model.times import iso

FORMAT: Final = "madang-contract/1"
MAX_BUNDLE_BYTES: Final = 4 * 1024 * 1024
LEEWAY_S: Final = 15
TYPES: Final = {
    "offer": "madang-offer+jwt",
    "agreement": "madang-agreement+jwt",
    "verification": "madang-verification+jwt",
    "withdrawal": "madang-withdrawal+jwt",
}
_LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999: no date can be written beyond it."""

Pins = Mapping[str, str | Collection[str]]


class Verdict(StrEnum):
    """What the file comes to."""

    PROVED = "proved"
    UNPINNED = "unpinned"  # consistent, but whose the keys are was not said
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing found, proved or left open: a code of `proof_texts.TEXTS` and what it speaks of."""

    code: str
    params: Mapping[str, str]

    def text(self, lang: str) -> str:
        """The sentence in `ko` or `en`, on one line whatever the file put into it."""
        words = TEXTS[self.code][0 if lang == "ko" else 1].format(**self.params)
        return "".join(c if c.isprintable() else "?" for c in words)


@dataclass(frozen=True, slots=True)
class ProofReport:
    """The outcome. `thumbprints` maps each DID to the RFC 7638 thumbprints of the keys it signed with;
    `findings` is empty unless broken, and then nothing is `proved`.
    """

    verdict: Verdict
    agreement_id: str
    provider: str
    consumer: str
    is_withdrawn: bool
    thumbprints: Mapping[str, tuple[str, ...]]
    findings: tuple[Statement, ...]
    proved: tuple[Statement, ...]
    not_proved: tuple[Statement, ...]

    @property
    def exit_code(self) -> int:
        """0 proved, 1 broken, 3 consistent with keys that are not pinned."""
        return {Verdict.PROVED: 0, Verdict.BROKEN: 1, Verdict.UNPINNED: 3}[self.verdict]

    def text(self, lang: str) -> str:
        """The whole report for people, in `ko` or `en`."""
        column = 0 if lang == "ko" else 1
        lines = [HEADINGS[self.verdict][column], Statement("contract", {"id": self.agreement_id}).text(lang)]
        for did, prints in self.thumbprints.items():
            lines += [Statement("thumbprint", {"did": did, "thumb": one}).text(lang) for one in prints]
        for heading, statements in (
            ("findings", self.findings),
            ("proved-list" if self.verdict is Verdict.PROVED else "consistent-list", self.proved),
            ("not-proved-list", self.not_proved),
        ):
            if statements:
                lines += [HEADINGS[heading][column], *(f"  - {one.text(lang)}" for one in statements)]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The report for programs: codes and parameters, no sentences."""

        def coded(statements: tuple[Statement, ...]) -> list[dict[str, Any]]:
            return [{"code": one.code, **one.params} for one in statements]

        return {
            "verdict": self.verdict.value,
            "agreementId": self.agreement_id,
            "provider": self.provider,
            "consumer": self.consumer,
            "withdrawn": self.is_withdrawn,
            "thumbprints": {did: list(prints) for did, prints in self.thumbprints.items()},
            "findings": coded(self.findings),
            "proved": coded(self.proved),
            "notProved": coded(self.not_proved),
        }


def verify_contract(bundle: Mapping[str, Any], pins: Pins) -> ProofReport:
    """Prove one contract export (decoded strictly: `canonical.load_json` with MAX_BUNDLE_BYTES).

    `pins` gives the thumbprint, or thumbprints after a key rotation, that a DID
    is known by. Raises nothing for bad content: that is what findings are for.
    """
    return _Proof(bundle, pins).report()


class _Proof:
    """One run over one bundle; collects what is wrong."""

    def __init__(self, bundle: Mapping[str, Any], pins: Pins) -> None:
        self.bundle = bundle
        self.pins = {did: {one} if isinstance(one, str) else set(one) for did, one in pins.items()}
        self.findings: list[Statement] = []
        self.heads: list[Statement] = []
        self.signed: dict[str, Signed] = {}

    def found(self, code: str, where: str, **params: object) -> None:
        values = {name: str(value) for name, value in params.items()}
        self.findings.append(Statement(code, {"where": where, **values}))

    def report(self) -> ProofReport:
        self.open_tokens()
        agreement = self.signed.get("agreement")
        provider, consumer = self.parties()
        if agreement is not None and "verification" in self.signed:
            self.check_agreement(agreement.claims, provider, consumer)
            for name, signed in self.signed.items():
                self.check_common(name, signed.claims)
                self.check_against_agreement(name, signed.claims, agreement.claims)
                self.check_head(name, signed.claims)
            self.check_unique()
        thumbprints = self.thumbprints()
        are_pinned = self.check_pins(thumbprints)
        is_broken = bool(self.findings)
        verdict = Verdict.BROKEN if is_broken else Verdict.PROVED if are_pinned else Verdict.UNPINNED
        return ProofReport(
            verdict=verdict,
            agreement_id=str(self.bundle.get("agreementId")),
            provider=provider,
            consumer=consumer,
            is_withdrawn="withdrawal" in self.signed,
            thumbprints=thumbprints,
            findings=tuple(self.findings),
            proved=() if is_broken else tuple(self.proved()),
            not_proved=() if is_broken else tuple(self.not_proved(thumbprints)),
        )

    def open_tokens(self) -> None:
        if self.bundle.get("format") != FORMAT:
            self.found("format", "format", expected=FORMAT)
            return
        tokens, documents = self.bundle.get("tokens"), self.bundle.get("didDocuments")
        if not isinstance(tokens, Mapping) or not isinstance(documents, Mapping):
            self.found("member", "tokens, didDocuments")
            return
        for name in ("agreement", "verification"):
            if name not in tokens:
                self.found("missing", name)
        for name, token in tokens.items():
            if name not in TYPES or not isinstance(token, str):
                self.found("unknown-token", name)
                continue
            try:
                issuer = read_unverified(token).get("iss")
                document = documents.get(issuer) if isinstance(issuer, str) else None
                if not isinstance(document, Mapping) or document.get("id") != issuer:
                    self.found("no-document", name, did=issuer)
                    continue
                self.signed[name] = verify_jws(token, assertion_keys(document), typ=TYPES[name])
            except TokenInvalid as error:
                self.found(error.pointer, name)

    def parties(self) -> tuple[str, str]:
        """Provider and consumer: who signed the agreement, and towards whom."""
        signed = self.signed.get("agreement")
        claims = signed.claims if signed else {}
        return str(claims.get("iss", "?")), str(claims.get("aud", "?"))

    def check_agreement(self, claims: Mapping[str, Any], provider: str, consumer: str) -> None:
        policy = claims.get("policy")
        if not isinstance(policy, Mapping):
            self.found("member", "agreement.policy")
            return
        dataset = claims.get("dataset")
        if not isinstance(dataset, Mapping) or not _are_texts(dataset, "id", "version", "sha256"):
            self.found("member", "agreement.dataset")
            dataset = {}
        if provider == consumer:
            self.found("same-party", "agreement")
        for member, expected in (
            ("assigner", provider),
            ("assignee", consumer),
            ("target", dataset.get("id")),
        ):
            if _iri(policy.get(member)) != expected:
                self.found("policy-party", f"agreement.policy.{member}", expected=expected)
        if _iri(policy) != self.bundle.get("agreementId"):
            self.found("agreement-id", "agreementId")
        if not _is_same(self.bundle.get("policy"), policy):
            self.found("bundle-policy", "policy")

    def check_common(self, name: str, claims: Mapping[str, Any]) -> None:
        """What every token has to say, by itself."""
        if not _are_texts(claims, "jti") or not _is_time(claims.get("iat")):
            self.found("member", f"{name}.jti, {name}.iat")
        if "exp" in claims and not (
            _is_time(claims["exp"]) and _is_time(claims.get("iat")) and claims["exp"] > claims["iat"]
        ):
            self.found("expiry", name)
        if name == "offer" and "exp" not in claims:
            self.found("expiry", name)
        if name in ("offer", "agreement") or "policy" in claims:
            policy = claims.get("policy")
            if not isinstance(policy, Mapping) or _digest(policy) != claims.get("policyDigest"):
                self.found("policy-digest", name)

    def check_against_agreement(
        self, name: str, claims: Mapping[str, Any], agreed: Mapping[str, Any]
    ) -> None:
        """Whether a token belongs to this agreement, and to these two parties."""
        provider, consumer = agreed.get("iss"), agreed.get("aud")
        pair = (claims.get("iss"), claims.get("aud"))
        match name:
            case "verification":
                is_crossed = pair == (consumer, provider)
            case "withdrawal":
                is_crossed = pair in ((consumer, provider), (provider, consumer))
            case "offer":
                # A catalog offer is made to anyone (and has no process yet).
                is_crossed = pair[0] == provider and pair[1] in (None, consumer)
            case _:
                is_crossed = _are_texts(claims, "iss", "aud")
        if not is_crossed:
            self.found("parties", name)
        for pid in ("consumerPid", "providerPid"):
            is_missing = pid not in claims and name == "offer"
            if not is_missing and not (_are_texts(claims, pid) and claims[pid] == agreed.get(pid)):
                self.found("pid", f"{name}.{pid}")
        says_dataset = name == "offer" or "dataset" in claims
        if says_dataset and not _is_same(claims.get("dataset"), agreed.get("dataset")):
            self.found("dataset", name)
        if name in ("verification", "withdrawal"):
            token = str(self.bundle["tokens"]["agreement"])
            if claims.get("over") != hashlib.sha256(token.encode("ascii")).hexdigest():
                self.found("over", name)
            if claims.get("policyDigest", agreed.get("policyDigest")) != agreed.get("policyDigest"):
                self.found("other-policy", name)
        if _is_time(claims.get("iat")) and _is_time(agreed.get("iat")):
            early, late = (claims, agreed) if name == "offer" else (agreed, claims)
            if early["iat"] > late["iat"] + LEEWAY_S:
                self.found("order", name)

    def check_head(self, name: str, claims: Mapping[str, Any]) -> None:
        if "treeHead" not in claims:
            return
        did = str(claims.get("iss"))
        try:
            head = read_head(str(claims["treeHead"]), assertion_keys(self.bundle["didDocuments"][did]))
        except TokenInvalid:
            self.found("head", name)
            return
        said = {"did": did, "size": str(head.size), "root": head.root, "at": iso(head.at)}
        self.heads.append(Statement("head-held", said))

    def check_unique(self) -> None:
        names = [signed.claims.get("jti") for signed in self.signed.values()]
        if len({str(one) for one in names}) != len(names):
            self.found("jti", "jti")

    def thumbprints(self) -> dict[str, tuple[str, ...]]:
        prints: dict[str, tuple[str, ...]] = {}
        for signed in self.signed.values():
            did = signed.kid.partition("#")[0]
            prints[did] = tuple(dict.fromkeys((*prints.get(did, ()), signed.thumbprint)))
        return prints

    def check_pins(self, thumbprints: Mapping[str, tuple[str, ...]]) -> bool:
        """Whether all keys of both parties are pinned. A pin that says another key is a finding."""
        for did, prints in thumbprints.items():
            for one in prints:
                if did in self.pins and one not in self.pins[did]:
                    self.found("pin", did, thumb=one)
        return bool(thumbprints) and all(did in self.pins for did in thumbprints)

    def proved(self) -> list[Statement]:
        agreed = self.signed["agreement"].claims
        said = {name: str(agreed[name]) for name in ("iss", "aud", "policyDigest")}
        dataset = cast("Mapping[str, str]", agreed["dataset"])
        said |= {name: dataset[name] for name in ("id", "version", "sha256")}
        lines = [Statement("agreed", {**said, "at": _time(agreed)})]
        for name in ("verification", "withdrawal"):
            if name in self.signed:
                claims = self.signed[name].claims
                lines.append(Statement(f"{name}-signed", {"iss": str(claims["iss"]), "at": _time(claims)}))
        if "offer" in self.signed:
            offered = self.signed["offer"].claims
            is_equal = _rules(offered["policy"]) == _rules(agreed["policy"])
            lines.append(Statement("offer-equal" if is_equal else "offer-differs", {"at": _time(offered)}))
        return lines + self.heads

    def not_proved(self, thumbprints: Mapping[str, tuple[str, ...]]) -> list[Statement]:
        lines = [Statement("whose-key", {"did": did}) for did in thumbprints if did not in self.pins]
        if "withdrawal" not in self.signed:
            lines.append(Statement("still-valid", {}))
        return [*lines, *(Statement(code, {}) for code in ("terms", "clocks", "delivered"))]


def _are_texts(claims: Mapping[str, Any], *names: str) -> bool:
    return all(isinstance(claims.get(name), str) and claims[name] for name in names)


def _is_time(value: object) -> bool:
    return type(value) is int and 0 <= value <= _LAST_SECOND


def _time(claims: Mapping[str, Any]) -> str:
    return iso(datetime.fromtimestamp(claims["iat"], UTC))


def _iri(value: object) -> object:
    """An IRI as the wire writes it: the text itself, or an object's `@id`."""
    return value.get("@id") if isinstance(value, Mapping) else value


def _is_same(one: object, other: object) -> bool:
    try:
        return canonical(one) == canonical(other)
    except ValueError:
        return False


def _digest(policy: Mapping[str, Any]) -> str | None:
    try:
        return digest(policy)
    except ValueError:
        return None


def _rules(policy: Mapping[str, Any]) -> dict[str, list[bytes]]:
    """The rules of a policy as sets of RFC 8785 forms; an empty list is none."""
    kinds = ("permission", "prohibition", "obligation")
    return {kind: sorted(canonical(rule) for rule in _listed(policy.get(kind))) for kind in kinds}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
