"""Redo the proof of a demo from the files it left, importing nothing from `connector`: `make demo-check`.

    python tools/demo_check.py [FOLDER]      FOLDER holds demo-report.json and demo-out/ (default: here)

Digests of the file on both sides, signatures of every token with the keys of the two DID documents, the chain
from agreement to counter-signature to withdrawal, refusal codes, and both ledgers: the Merkle tree (RFC 6962)
is computed again over all leaves and compared with every signed head, those in the contract included. Each is
compared with what the report says. Needs the standard library, cryptography and PyJWT.
"""

from __future__ import annotations

import hashlib
import json
import sys
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import jwt

STEPS: Final = [
    "publish",
    "catalog",
    "negotiate",
    "sign",
    "pull",
    "refuse",
    "withdraw",
    "refuse-after-withdraw",
    "prove",
]
TOKENS: Final = ("agreement", "verification", "withdrawal")
PARTIES: Final = ("factory-a", "factory-b")
Check = tuple[str, Callable[[], object]]


class Wrong(Exception):
    """One thing that is not as it has to be."""


def must(is_so: object, otherwise: str) -> None:
    """Raise Wrong unless it is so."""
    if not is_so:
        raise Wrong(otherwise)


def sha256(raw: bytes | str) -> str:
    """The digest of bytes, or of ASCII text, in hex."""
    return hashlib.sha256(raw.encode("ascii") if isinstance(raw, str) else raw).hexdigest()


def base64(raw: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def canonical(value: Any) -> bytes:
    """RFC 8785 for what stands in a policy: no numbers, and member names without surrogate pairs."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8")


def thumbprint(jwk: Mapping[str, str]) -> str:
    """RFC 7638 with SHA-256, for EC and OKP keys."""
    chosen = {name: jwk[name] for name in ("crv", "kty", "x", "y") if name in jwk}
    return base64(hashlib.sha256(canonical(chosen)).digest())


class Evidence:
    """The files of one run."""

    def __init__(self, folder: Path) -> None:
        self.out = folder / "demo-out"
        self.report = json.loads((folder / "demo-report.json").read_text("utf-8"))
        self.steps = {step["name"]: step for step in self.report["steps"]}
        self.documents = {name: self.json(f"did-{name}.json") for name in PARTIES}
        self.dids = {name: document["id"] for name, document in self.documents.items()}
        self.contract = self.json("contract.json")

    def json(self, name: str) -> Any:
        """One file, as JSON."""
        return json.loads((self.out / name).read_text("utf-8"))

    def of(self, step: str) -> Mapping[str, Any]:
        """What the report says of a step."""
        evidence: Mapping[str, Any] = self.steps[step]["evidence"]
        return evidence

    def claims(self, token: str, typ: str) -> dict[str, Any]:
        """The claims of a token, checked with the key of its signer's own DID document."""
        header = jwt.get_unverified_header(token)
        kid = str(header["kid"])
        document = next((d for d in self.documents.values() if d["id"] == kid.partition("#")[0]), None)
        must(document is not None, f"{kid} is in neither DID document")
        assert document is not None
        must(kid in document["assertionMethod"], f"{kid} may not sign contracts")
        (jwk,) = (m["publicKeyJwk"] for m in document["verificationMethod"] if m["id"] == kid)
        key = jwt.PyJWK(jwk)  # ties the algorithm to the key
        must(header["typ"] == typ, f"typ is {header['typ']}, not {typ}")
        claims: dict[str, Any] = json.loads(jwt.PyJWS().decode(token, key, [key.algorithm_name]))
        must(claims["iss"] == document["id"], "the signer is not the issuer")
        return claims

    def contract_claims(self) -> dict[str, dict[str, Any]]:
        """The claims of the contract's tokens."""
        return {name: self.claims(self.contract["tokens"][name], f"madang-{name}+jwt") for name in TOKENS}


def report_checks(e: Evidence) -> Iterator[Check]:
    """The report itself."""
    names = [step["name"] for step in e.report["steps"]]
    yield "report: nine steps, in order", lambda: must(names == STEPS, "others")
    yield (
        "report: every step is ok",
        lambda: must(e.report["ok"] is True and all(s["ok"] is True for s in e.report["steps"]), "not all"),
    )


def file_checks(e: Evidence) -> Iterator[Check]:
    """The data."""
    source, pulled = (e.out / "source.csv").read_bytes(), (e.out / "pulled.csv").read_bytes()
    published, arrived = e.of("publish"), e.of("pull")
    yield "data: the bytes pulled are those of the source", lambda: must(source == pulled, "they differ")
    yield (
        "data: its digest is the one that was published",
        lambda: must(sha256(source) == published["sha256"] and len(source) == published["size"], "another"),
    )
    yield (
        "data: what arrived has the digest in the report",
        lambda: must(sha256(pulled) == arrived["sha256"] and len(pulled) == arrived["size"], "another"),
    )
    yield (
        "data: both signed for exactly this digest",
        lambda: must(
            {c["dataset"]["sha256"] for c in e.contract_claims().values()} == {sha256(source)}, "no"
        ),
    )
    yield (
        "data: it is what the catalog offered",
        lambda: must(published["id"] in [d["@id"] for d in _datasets(e.json("catalog.json"))], "not offered"),
    )


def _digests(e: Evidence) -> set[str]:
    return {claims["dataset"]["sha256"] for claims in e.contract_claims().values()}


def _datasets(catalog: Mapping[str, Any]) -> list[Any]:
    found = catalog["catalog"]["dataset"]
    return found if isinstance(found, list) else [found]


def contract_checks(e: Evidence) -> Iterator[Check]:
    """The contract's tokens, one after the other and together."""
    tokens = e.contract["tokens"]
    provider, consumer = e.dids["factory-a"], e.dids["factory-b"]
    for name in TOKENS:
        yield f"contract: the {name} is signed", lambda n=name: e.claims(tokens[n], f"madang-{n}+jwt")
    signers = [provider, consumer, provider]
    yield "contract: the right side signed each", lambda: must(_signers(e) == signers, "another one did")
    yield "contract: the parties, the process and the policy are the same in each", lambda: _one_contract(e)
    yield "contract: counter-signature and withdrawal are over this agreement", lambda: _over(e)
    yield (
        "contract: the report names these tokens",
        lambda: must(
            all(e.of("sign")["tokens"][n] == sha256(tokens[n]) for n in ("agreement", "verification"))
            and e.of("withdraw")["token"] == sha256(tokens["withdrawal"]),
            "others",
        ),
    )
    yield (
        "contract: the provider holds the same tokens",
        lambda: must(
            all(e.json("contract-provider.json")["tokens"][n] == tokens[n] for n in TOKENS), "other ones"
        ),
    )
    yield "contract: the thumbprints in the report are those of the DID documents", lambda: _thumbprints(e)


def _signers(e: Evidence) -> list[str]:
    return [claims["iss"] for claims in e.contract_claims().values()]


def _one_contract(e: Evidence) -> None:
    claims, policy = e.contract_claims(), e.contract["policy"]
    parties = {e.dids["factory-a"], e.dids["factory-b"]}
    first = claims["agreement"]
    for name, one in claims.items():
        must({one["iss"], one["aud"]} == parties, f"{name}: other parties")
        must(one["policy"] == policy, f"{name}: another policy")
        must(sha256(canonical(policy)) == one["policyDigest"], f"{name}: the digest is not the policy's")
        for member in ("consumerPid", "providerPid", "dataset"):
            must(one[member] == first[member], f"{name}: another {member}")
    must(policy["assigner"] == e.dids["factory-a"], "another assigner")
    must(policy["assignee"] == e.dids["factory-b"], "another assignee")
    must(policy["@id"] == e.contract["agreementId"] == e.of("negotiate")["agreement"], "another agreement")
    must(policy["target"] == first["dataset"]["id"] == e.of("publish")["id"], "another dataset")


def _over(e: Evidence) -> None:
    over = sha256(e.contract["tokens"]["agreement"])
    claims = e.contract_claims()
    must(claims["verification"]["over"] == claims["withdrawal"]["over"] == over, "over another one")
    must(claims["withdrawal"]["agreementId"] == e.contract["agreementId"], "it withdraws another contract")


def _thumbprints(e: Evidence) -> None:
    real = {
        document["id"]: {thumbprint(method["publicKeyJwk"]) for method in document["verificationMethod"]}
        for document in e.documents.values()
    }
    said = e.of("sign")["thumbprints"]
    must(said.keys() == real.keys(), "of other parties")
    must(all(set(said[did]) <= real[did] and said[did] for did in real), "of other keys")
    must({did: set(pins) for did, pins in e.of("prove")["pins"].items()} == real, "other pins")


def refusal_checks(e: Evidence) -> Iterator[Check]:
    """What was refused, with which words."""
    refuse, again = e.of("refuse"), e.of("refuse-after-withdraw")
    purpose, count = e.json("refusal-purpose.json"), e.json("refusal-count.json")
    gone = e.json("refusal-withdrawn.json")
    yield (
        "refusal: another purpose",
        lambda: must(
            purpose["code"] == refuse["purpose"] and purpose["code"].startswith("purpose"), purpose["code"]
        ),
    )
    yield (
        "refusal: one use too many, 403",
        lambda: must(
            (count["status"], count["code"]) == (403, refuse["count"]) and count["code"].startswith("count"),
            f"{count['status']} {count['code']}",
        ),
    )
    yield (
        "refusal: the reasons are said in both languages",
        lambda: must(all(count["reason"][lang] for lang in ("ko", "en")), "they are not"),
    )
    yield (
        "refusal: after the withdrawal, 410",
        lambda: must(
            (gone["status"], gone["code"]) == (410, "withdrawn") == (again["status"], again["code"]),
            f"{gone['status']} {gone['code']}",
        ),
    )
    yield (
        "refusal: it carries the signed withdrawal",
        lambda: must(e.contract["tokens"]["withdrawal"] in gone.values(), "it does not"),
    )


def ledger_checks(e: Evidence) -> Iterator[Check]:
    """Both ledgers, leaf by leaf."""
    for name in PARTIES:
        lines = (e.out / f"ledger-{name}.ndjson").read_bytes().splitlines()
        entries = [json.loads(line) for line in lines]
        bodies = [entry["body"] for entry in entries if "body" in entry]
        own = [entry["head"] for entry in entries if "head" in entry]
        yield f"ledger of {name}: its own heads", lambda b=bodies, h=own, n=name: _heads(e, n, b, h)
        yield (
            f"ledger of {name}: the heads that stand in the contract",
            lambda b=bodies, n=name: _heads(e, n, b, _held(e, n)),
        )
        yield (
            f"ledger of {name}: every leaf is under a signature",
            lambda b=bodies, h=own, n=name: must(max(_heads(e, n, b, h)) == len(b), "the end is not"),
        )
        yield (
            f"ledger of {name}: as many leaves as the report says",
            lambda b=bodies, n=name: must(e.of("prove")["ledgers"][n]["leaves"] == len(b) > 0, f"{len(b)}"),
        )
        yield f"ledger of {name}: it tells the story", lambda b=bodies, n=name: _tells(e, n, b)


def _held(e: Evidence, name: str) -> list[str]:
    """The heads of this party that stand in the contract, where the other side keeps them."""
    claims = e.contract_claims().values()
    return [one["treeHead"] for one in claims if one["iss"] == e.dids[name] and "treeHead" in one]


def _heads(e: Evidence, name: str, bodies: list[str], heads: list[str]) -> list[int]:
    """The sizes of the heads; each is signed by the ledger's owner and is the root over its leaves."""
    must(heads, "there is none")
    leaves = [hashlib.sha256(b"\x00" + body.encode("utf-8")).digest() for body in bodies]
    sizes = []
    for token in heads:
        claims = e.claims(token, "madang-tree-head+jwt")
        must(claims["iss"] == e.dids[name], "another's head")
        must(claims["size"] <= len(leaves), f"{claims['size']} leaves were signed, {len(leaves)} are here")
        first = leaves[: claims["size"]]
        must(root(first).hex() == claims["root"], f"the first {len(first)} leaves were changed")
        sizes.append(claims["size"])
    return sizes


def root(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962 §2.1, straight from its definition."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:])).digest()


def _tells(e: Evidence, name: str, bodies: list[str]) -> None:
    """What happened stands in it: numbers in a row, the kinds of leaves, the bytes, the refusals."""
    leaves = [json.loads(body) for body in bodies]
    must([leaf["seq"] for leaf in leaves] == list(range(len(leaves))), "a leaf is missing or out of place")
    kinds = {leaf["kind"] for leaf in leaves}
    wanted = {"state", "contract", "withdrawal"}
    wanted |= {"publish", "catalog", "decision", "grant", "delivered"} if name == PARTIES[0] else {"received"}
    must(wanted <= kinds, f"no leaf of {', '.join(sorted(wanted - kinds))}")
    if name == PARTIES[0]:
        told = json.dumps([leaf["data"] for leaf in leaves if leaf["kind"] == "decision"])
        for code in (e.of("refuse")["purpose"], e.of("refuse")["count"]):
            must(f'"{code}"' in told, f"no decision {code}")
    else:
        (arrived,) = (leaf["data"] for leaf in leaves if leaf["kind"] == "received")
        pulled = e.of("pull")
        must((arrived["bytes"], arrived["sha256"]) == (pulled["size"], pulled["sha256"]), "other bytes")


def checks(e: Evidence) -> Iterator[Check]:
    """Everything that is checked, in order."""
    for group in (report_checks, file_checks, contract_checks, refusal_checks, ledger_checks):
        yield from group(e)


def run(folder: Path) -> tuple[int, int]:
    """Check a run; how much passed and how much failed."""
    passed = failed = 0
    try:
        for name, check in checks(Evidence(folder)):
            problem = _problem(check)
            passed, failed = passed + (not problem), failed + bool(problem)
            print(f"{'FAILED' if problem else 'ok    '} {name}{': ' + problem if problem else ''}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        failed += 1
        print(f"FAILED evidence that can be read: {type(error).__name__}: {error}")
    return passed, failed


def _problem(check: Callable[[], object]) -> str:
    try:
        check()
    except Wrong as wrong:
        return str(wrong) or "wrong"
    except (jwt.PyJWTError, OSError, ValueError, KeyError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def main(arguments: list[str]) -> int:
    """0 if all of it holds."""
    if not (folder := Path(arguments[0] if arguments else ".")).joinpath("demo-report.json").is_file():
        print(f"there is no demo-report.json in {folder.resolve()}: run make demo first", file=sys.stderr)
        return 2
    passed, failed = run(folder)
    print(f"demo-check: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
