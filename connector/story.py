"""The pilot story: one real file, two connectors, a contract, and what happens when it is broken.

The same nine steps against any two running connectors, over their management APIs and, where a refusal is
to be seen as a stranger would see it, over the provider's public side. Each step leaves evidence, and files
in a folder with which somebody else can redo the proof (tools/demo_check.py).
"""

from __future__ import annotations

import hashlib
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from connector import resources
from connector.errors import ConnectorError, PeerFailed
from connector.identity.jwk import thumbprint
from connector.ledger import standalone
from connector.ledger.proof import verify_contract
from connector.manage import Answer, Manage, Refused, call

STEPS: Final = (
    "publish",
    "catalog",
    "negotiate",
    "sign",
    "pull",
    "refuse",
    "withdraw",
    "refuse-after-withdraw",
    "prove",
)
DATASET: Final = "injection-shots"
PURPOSE: Final = "quality-assurance"
OTHER_PURPOSE: Final = "predictive-maintenance"
"""A purpose that the contract does not name."""
WISH: Final[Mapping[str, Any]] = {
    "id": DATASET,
    "templates": ["purpose", "count-limit", "duration-from-agreement"],
    "params": {"purposes": PURPOSE, "count": "2", "days": "30"},
    "approval": "automatic",
}
_SETTLE_S: Final = 20.0


class Failed(ConnectorError):
    """A step did not do what it has to do."""

    code = "demo-failed"


@dataclass(frozen=True, slots=True)
class Party:
    """One side: its name, its DID, its public address, and its management API."""

    name: str
    did: str
    public_url: str
    manage: Manage

    @property
    def did_url(self) -> str:
        """Where its DID document stands."""
        root = self.public_url.rstrip("/")
        has_path = "/" in root.partition("://")[2]
        return f"{root}/did.json" if has_path else f"{root}/.well-known/did.json"


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one step; `ms` is its wall time in milliseconds."""

    name: str
    ok: bool
    ms: float
    evidence: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Its entry in the report."""
        return {"name": self.name, "ok": self.ok, "ms": round(self.ms, 1), "evidence": dict(self.evidence)}


@dataclass(slots=True)
class Story:
    """One run of the story.

    `source` is the file as the provider's connector sees it; `sees_files` says whether this process sees
    the same files.
    """

    provider: Party
    consumer: Party
    source: Path
    out: Path
    sees_files: bool = True
    tls: ssl.SSLContext | None = None
    _dataset: str = ""
    _sha256: str = ""
    _agreement: str = ""
    _transfer: str = ""
    _edr: Mapping[str, str] = field(default_factory=dict)
    _documents: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Iterator[Step]:
        """Play the steps in order, each when it is asked for.

        After a step that failed the others are not played: they come as failed, and say so.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        parts: Mapping[str, Callable[[], dict[str, Any]]] = {
            "publish": self._publish,
            "catalog": self._catalog,
            "negotiate": self._negotiate,
            "sign": self._sign,
            "pull": self._pull,
            "refuse": self._refuse,
            "withdraw": self._withdraw,
            "refuse-after-withdraw": self._refuse_again,
            "prove": self._prove,
        }
        has_failed = False
        for name in STEPS:
            if has_failed:
                yield Step(name, ok=False, ms=0.0, evidence={"error": "not played: an earlier step failed"})
                continue
            start = time.perf_counter()
            try:
                evidence, ok = parts[name](), True
            except ConnectorError as error:
                evidence, ok = {"code": error.reason_code, "error": str(error), **error.extra}, False
            except (OSError, LookupError, ValueError, TypeError) as error:
                # An answer that is not of the form it has to be is a failed step, like any other.
                evidence, ok = {"error": f"{type(error).__name__}: {error}"}, False
            has_failed = not ok
            yield Step(name, ok, (time.perf_counter() - start) * 1000, evidence)

    # --- the steps ----------------------------------------------------------------------------

    def _publish(self) -> dict[str, Any]:
        said = resources.generator().DESCRIPTION
        # What the file itself tells is read from the file.
        description = {k: v for k, v in said.items() if k not in ("id", "media_type", "encoding")}
        wish = {**WISH, "path": str(self.source), "description": description}
        found = self.provider.manage.post("manage", "publish", body=wish)
        self._dataset, self._sha256 = str(found["id"]), str(found["sha256"])
        if self.sees_files:
            raw = self.source.read_bytes()
            (self.out / "source.csv").write_bytes(raw)
            _must(hashlib.sha256(raw).hexdigest() == self._sha256, "the digest published is not the file's")
        return {name: found[name] for name in ("id", "version", "sha256", "size", "offers", "terms")}

    def _catalog(self) -> dict[str, Any]:
        body = {"target": self.provider.did}
        raw = self.consumer.manage.post("manage", "catalog", body=body)
        self._keep("catalog.json", raw)
        datasets = raw["catalog"].get("dataset", [])
        datasets = datasets if isinstance(datasets, list) else [datasets]
        mine = next((d for d in datasets if d.get("@id") == self._dataset), None)
        if mine is None:
            raise Failed("the dataset is not in the catalog")
        offers = mine.get("hasPolicy", [])
        offers = offers if isinstance(offers, list) else [offers]
        return {"datasets": len(datasets), "dataset": mine["@id"], "offers": [o["@id"] for o in offers]}

    def _negotiate(self) -> dict[str, Any]:
        manage = self.consumer.manage
        body = {"target": self.provider.did, "dataset": self._dataset}
        with manage.events(within_s=_SETTLE_S) as events:
            asked = manage.post("manage", "request", body=body)
            negotiation = str(asked["id"])
            for event in events:
                if event.subject == negotiation and event.type.rpartition(".")[2] in _ENDS:
                    break
        found = manage.get("manage", "negotiations", negotiation)
        state = str(found["state"])
        _must(state == "FINALIZED", f"the negotiation is {state}: {found['reason']}")
        self._agreement = str(found["agreement"])
        return {"negotiation": negotiation, "state": state, "agreement": self._agreement}

    def _sign(self) -> dict[str, Any]:
        exports = {p.name: self._export(p) for p in (self.provider, self.consumer)}
        tokens = [export["tokens"] for export in exports.values()]
        for name in ("agreement", "verification"):
            _must(name in tokens[0], f"the {name} is not signed")
            _must(tokens[0].get(name) == tokens[1].get(name), f"both sides hold different {name} tokens")
        digests = {name: hashlib.sha256(token.encode()).hexdigest() for name, token in tokens[1].items()}
        report = verify_contract(exports[self.consumer.name], self._pins())
        return {
            "agreement": self._agreement,
            "tokens": digests,
            "thumbprints": {did: list(prints) for did, prints in report.thumbprints.items()},
        }

    def _pull(self) -> dict[str, Any]:
        found = self._pulled(PURPOSE)
        self._transfer = str(found["transfer"])
        _must(found["sha256"] == self._sha256, "the digest of what arrived is not that of what was published")
        if self.sees_files:
            raw = Path(found["path"]).read_bytes()
            (self.out / "pulled.csv").write_bytes(raw)
            _must(raw == self.source.read_bytes(), "the bytes that arrived are not those of the source")
        self._edr = self.consumer.manage.get("management", "v3", "edrs", self._transfer, "dataaddress")
        return {name: found[name] for name in ("path", "size", "sha256", "transfer", "contractFile")}

    def _refuse(self) -> dict[str, Any]:
        purpose = self._refused_pull(OTHER_PURPOSE, "refusal-purpose.json")
        _must(purpose.startswith("purpose"), f"another purpose was refused with {purpose!r}")
        again = self._get_data()
        is_equal = hashlib.sha256(again.body).hexdigest() == self._sha256
        _must(
            again.status == 200 and is_equal, f"the second use, which is allowed, was answered {again.status}"
        )
        status, count = self._refused_get("refusal-count.json")
        _must((status, count[:5]) == (403, "count"), f"one use too many was answered {status} {count!r}")
        return {"purpose": purpose, "count": count, "status": status}

    def _withdraw(self) -> dict[str, Any]:
        manage = self.consumer.manage
        path = ("manage", "contracts", self._agreement)
        with manage.events(within_s=_SETTLE_S) as events:
            self.provider.manage.post(*path, "withdraw", body={"reason": "demo"})
            for event in events:
                if event.type == "contract.withdrawn" and event.subject == self._agreement:
                    break
        heard = manage.get(*path)
        _must(heard["state"] == "withdrawn", f"the consumer's contract is {heard['state']!r}")
        token = self._export(self.consumer)["tokens"].get("withdrawal", "")
        _must(bool(token), "the consumer holds no signed withdrawal")
        return {
            "agreement": self._agreement,
            "withdrawnAt": heard["withdrawn"]["at"],
            "token": hashlib.sha256(token.encode()).hexdigest(),
        }

    def _refuse_again(self) -> dict[str, Any]:
        status, code = self._refused_get("refusal-withdrawn.json")
        _must(
            (status, code) == (410, "withdrawn"),
            f"a pull after the withdrawal was answered {status} {code!r}",
        )
        own = self._refused_pull(PURPOSE, "refusal-withdrawn-pull.json")
        return {"status": status, "code": code, "pull": own}

    def _prove(self) -> dict[str, Any]:
        pins = self._pins()
        bundle = self._export(self.consumer)
        self._keep("contract.json", bundle)
        self._keep("contract-provider.json", self._export(self.provider))
        report = verify_contract(bundle, pins)
        _must(report.exit_code == 0, f"the contract is {report.verdict}: {report.text('en')}")
        ledgers = {}
        for party in (self.provider, self.consumer):
            raw = party.manage.raw("manage", "ledger")
            (self.out / f"ledger-{party.name}.ndjson").write_bytes(raw)
            held = standalone.gather_held(json.dumps(bundle), party.did)
            result = standalone.verify(raw.splitlines(keepends=True), held, pins)
            _must(
                result.exit_code == 0, f"the ledger of {party.name} is {result.verdict}: {result.text('en')}"
            )
            ledgers[party.name] = {
                "leaves": result.leaves,
                "covered": result.covered,
                "verdict": result.verdict,
            }
        return {
            "contract": report.verdict.value,
            "pins": {k: list(v) for k, v in pins.items()},
            "ledgers": ledgers,
        }

    # --- what they share ----------------------------------------------------------------------

    def _export(self, party: Party) -> dict[str, Any]:
        return dict(party.manage.get("manage", "contracts", self._agreement, "export"))

    def _pins(self) -> dict[str, tuple[str, ...]]:
        """The thumbprints in the DID documents, fetched from their own addresses."""
        for party in (self.provider, self.consumer):
            if party.did not in self._documents:
                answer = call("GET", party.did_url, tls=self.tls)
                _must(answer.status == 200, f"{party.did_url} answered {answer.status}")
                self._documents[party.did] = json.loads(answer.body)
                self._keep(f"did-{party.name}.json", self._documents[party.did])
        return {
            did: tuple(thumbprint(method["publicKeyJwk"]) for method in document["verificationMethod"])
            for did, document in self._documents.items()
        }

    def _pulled(self, purpose: str) -> dict[str, Any]:
        body = {"agreement": self._agreement, "purpose": purpose}
        for line in self.consumer.manage.lines("manage", "pull", body=body):
            if "error" in line:
                raise Refused(int(line["error"].get("status", 502)), line["error"])
            if "result" in line:
                return dict(line["result"])
        raise PeerFailed("the pull ended without a result")

    def _refused_pull(self, purpose: str, file: str) -> str:
        """The code that a pull through the consumer's connector is refused with."""
        try:
            self._pulled(purpose)
        except Refused as error:
            code = refusal_code(error)
            self._keep(file, {"code": code, "message": error.message, **error.extra})
            return code
        raise Failed(f"a pull for {purpose} was not refused")

    def _refused_get(self, file: str) -> tuple[int, str]:
        """Status and code of the data endpoint's own refusal, with the token that the consumer holds."""
        answer = self._get_data()
        _must(
            answer.status >= 400,
            f"the data endpoint answered {answer.status} and sent {len(answer.body)} bytes",
        )
        body = _refusal(answer)
        self._keep(file, {"status": answer.status, **body})
        return answer.status, str(body.get("code", ""))

    def _get_data(self) -> Answer:
        headers = {"Authorization": str(self._edr["authorization"])}
        return call("GET", str(self._edr["endpoint"]), headers=headers, tls=self.tls)

    def _keep(self, name: str, value: Any) -> None:
        text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
        (self.out / name).write_text(text, encoding="utf-8")


_ENDS: Final = frozenset({"finalized", "terminated", "refused", "waiting"})


def refusal_code(error: ConnectorError) -> str:
    """The code of the refusal itself: a transfer that ended says `code; rule: words` in its message."""
    if error.reason_code != "transfer-refused":
        return error.reason_code
    return error.message.partition(":")[0].partition(";")[0].strip()


def _refusal(answer: Answer) -> dict[str, Any]:
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Failed("the refusal has no JSON body")
    return body


def _must(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise Failed(otherwise)
