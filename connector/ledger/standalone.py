"""Checks an exported Madang ledger with nothing but this file, Python and `cryptography`.

    python standalone.py EXPORT [--head FILE]... [--pin DID=THUMBPRINT]... [--lang ko|en]

Recomputes the Merkle tree (RFC 6962) over all leaves and compares it with each signed head in the export and
each head that a counterparty holds (`--head`: a compact JWS, or a contract export that carries heads).
Exit codes: 0 proved, 1 broken, 2 nothing could be checked, 3 consistent but not proved.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

FORMAT, HEAD_TYP, MAX_LINE = "madang-ledger/1", "madang-tree-head+jwt", 1 << 20
MEMBERS = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}
UNREADABLE = (AttributeError, IndexError, KeyError, TypeError, ValueError, RecursionError)
TEXTS = {  # code: (ko, en)
    "proved": ("증명됨", "PROVED"),
    "consistent": ("앞뒤는 맞으나 증명되지 않음", "CONSISTENT, NOT PROVED"),
    "broken": ("깨짐", "BROKEN"),
    "line": ("{where}번째 줄은 원장의 줄이 아닙니다", "line {where} is no line of a ledger export"),
    "end": ("파일의 끝(키 목록)이 잘렸습니다", "the end of the file (its keys) was cut off"),
    "gap": ("기록 {where}번 자리에 {found}번이 있습니다", "leaf {found} stands where leaf {where} belongs"),
    "token": ("{where}: 이 참여자의 헤드가 아닙니다", "{where}: no signed head of this participant"),
    "signature": ("{where}: 서명이 맞지 않습니다", "{where}: not signed by a key that is known here"),
    "changed": ("{where}: {at} 서명 뒤 기록 {first}–{last}번 중 바뀐 것이 있습니다",
                "{where}: since {at}, when it was signed, something in leaves {first} to {last} was changed"),
    "cut": ("{where}: {at}에 서명한 기록 {size}개 중 {leaves}개뿐입니다: 끝이 잘렸습니다",
            "{where}: {size} leaves were signed at {at}, {leaves} are left: the end was cut off"),
    "unsigned": ("(지정한 키로) 서명된 헤드가 없습니다", "no head is signed (by a key that you pinned)"),
    "sum": ("{did}: 기록 {leaves}개, 헤드 {own}개, 상대방이 가진 헤드 {held}개",
            "{did}: leaves {leaves}, heads {own}, heads held by a counterparty {held}"),
    "thumb": ("서명 키 {kid}, 지문 {thumb}", "signing key {kid}, thumbprint {thumb}"),
    "covered": ("처음 {covered}개 기록은 서명된 그대로입니다: 바뀌거나 빠지거나 뒤바뀐 것이 없습니다",
                "the first {covered} leaves are as they were signed: none changed, dropped or swapped"),
    "kept": ("상대방이 가진 헤드 아래의 기록 {size}개가 모두 그대로 있습니다",
             "all {size} leaves under the head that the counterparty holds are here, unchanged"),
    "tail": ("증명 안 됨: 기록 {covered}번부터 끝까지는 그런 서명 아래에 있지 않습니다",
             "not proved: from leaf {covered} on nothing stands under such a signature"),
    "unpinned": ("증명 안 됨: 키가 {did}의 것인지. 지문을 다른 길로 확인하고 --pin {did}=지문",
                 "not proved: that the key is {did}'s; compare thumbprints elsewhere, then --pin {did}=..."),
    "unheld": ("증명 안 됨: 주인이 다시 쓰거나 잘라 새로 서명하지 않았는지. 상대방의 헤드를 --head 로",
               "not proved: that the owner did not rewrite or cut and sign anew; give a held head: --head"),
    "meaning": ("원장이 증명할 수 없는 것: 적힌 일이 사실인지, 적히지 않은 일이 없는지",
                "beyond any ledger: that what it says is true, and that all that happened is in it"),
}  # fmt: skip

Line = tuple[str, Mapping[str, Any]]
Keys = Mapping[str, Mapping[str, Any]]


class LedgerError(Exception):
    """One thing that is wrong: a code of TEXTS and its parameters."""


@dataclass(frozen=True, slots=True)
class Head:
    """A head whose signature holds."""

    where: str
    is_held: bool
    size: int
    root: str
    at: str
    kid: str
    thumb: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came out: `covered` leaves stand under a signature, `findings` are wrong, `lines` say it all."""

    verdict: str
    did: str
    leaves: int
    covered: int
    thumbprints: Mapping[str, str]
    findings: tuple[Line, ...]
    lines: tuple[Line, ...]

    @property
    def exit_code(self) -> int:
        """0 proved, 1 broken, 3 consistent but not proved."""
        return {"proved": 0, "broken": 1}.get(self.verdict, 3)

    def text(self, lang: str) -> str:
        """The result for people, in `ko` or `en`."""
        said = ((self.verdict, {}), *self.lines)
        texts = (TEXTS[code][lang != "ko"].format(**params) for code, params in said)
        return "\n".join("".join(c if c.isprintable() else "?" for c in text) for text in texts)


def strict_json(raw: bytes | str) -> Any:
    """JSON without duplicate keys. Raises ValueError."""

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(found := dict(items)) != len(items):
            raise ValueError("a key stands twice")
        return found

    return json.loads(raw, object_pairs_hook=pairs)


def base64(raw: bytes) -> str:
    """Base64url without padding."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def unbase64(text: str) -> bytes:
    """Base64url in its one canonical form. Raises ValueError."""
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if base64(raw) != text:
        raise ValueError("not canonical base64url")
    return raw


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """RFC 7638 with SHA-256. Raises KeyError."""
    chosen = {name: jwk[name] for name in MEMBERS[jwk["kty"]]}
    return base64(sha256(json.dumps(chosen, separators=(",", ":"), sort_keys=True).encode()).digest())


def check_signature(jwk: Mapping[str, Any], alg: object, signature: bytes, data: bytes) -> None:
    """ES256 or Ed25519, as the key is. Raises InvalidSignature, or KeyError or ValueError for a bad key."""
    point = [unbase64(jwk[name]) for name in MEMBERS[jwk["kty"]] if name in "xy"]
    if (jwk["kty"], jwk["crv"], alg) == ("OKP", "Ed25519", "EdDSA"):
        ed25519.Ed25519PublicKey.from_public_bytes(point[0]).verify(signature, data)
    elif (jwk["crv"], alg, len(signature), *map(len, point)) == ("P-256", "ES256", 64, 32, 32):
        x, y, r, s = (int.from_bytes(raw, "big") for raw in (*point, signature[:32], signature[32:]))
        key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        key.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    else:
        raise InvalidSignature


def read_head(token: str, did: str, keys: Keys, where: str, is_held: bool) -> Head:
    """Check one head of `did` and read it. Raises LedgerError."""
    try:
        head, body, signature = token.split(".")
        header, claims = strict_json(unbase64(head)), strict_json(unbase64(body))
        kid, size, root, at = header["kid"], claims["size"], claims["root"], claims["at"]
        if header["typ"] != HEAD_TYP or {"crit", "b64"} & header.keys() or type(size) is not int:
            raise LedgerError("token", {"where": where})
        if claims["iss"] != did or kid.split("#")[0] != did or not isinstance(at, str):
            raise LedgerError("token", {"where": where})
    except UNREADABLE:
        raise LedgerError("token", {"where": where}) from None
    try:
        check_signature(keys[kid], header["alg"], unbase64(signature), f"{head}.{body}".encode())
    except (InvalidSignature, *UNREADABLE):
        raise LedgerError("signature", {"where": where}) from None
    return Head(where, is_held, size, root, at, kid, thumbprint(keys[kid]))


def read_export(lines: Iterable[bytes]) -> tuple[str, bytearray, list[str], Keys]:
    """The DID, the leaf hashes one after another, the heads and the keys of an export. Raises LedgerError."""
    did, leaves, heads, keys, stage = "?", bytearray(), list[str](), dict[str, Any](), 0
    for number, line in enumerate(lines, 1):
        try:
            value = strict_json(line)
            match sorted(value):
                case ["did", "format"] if stage == 0 and value["format"] == FORMAT:
                    did, stage = str(value["did"]), 1
                case ["body", "seq"] if stage == 1 and strict_json(value["body"])["seq"] == value["seq"]:
                    if value["seq"] != len(leaves) // 32:
                        raise LedgerError("gap", {"where": len(leaves) // 32, "found": value["seq"]})
                    leaves += sha256(b"\x00" + value["body"].encode()).digest()
                case ["head"] if stage in (1, 2):
                    heads.append(value["head"])
                    stage = 2
                case ["keys"] if stage in (1, 2):
                    keys, stage = {jwk["kid"]: jwk for jwk in value["keys"]}, 3
                case _:
                    raise LedgerError("line", {"where": number})
        except UNREADABLE:
            raise LedgerError("line", {"where": number}) from None
    if stage != 3:
        raise LedgerError("end", {})
    return did, leaves, heads, keys


def roots_at(leaves: bytearray, sizes: Iterable[int]) -> dict[int, str]:
    """The RFC 6962 roots (hex) over the first n leaf hashes, for each n in `sizes`."""
    peaks: list[bytes] = []
    roots, wanted = {0: sha256(b"").hexdigest()}, set(sizes)
    for index in range(len(leaves) // 32):
        root, rest = bytes(leaves[32 * index : 32 * index + 32]), index
        while rest & 1:
            root, rest = sha256(b"\x01" + peaks.pop() + root).digest(), rest >> 1
        peaks.append(root)
        if index + 1 in wanted:
            for peak in peaks[-2::-1]:
                root = sha256(b"\x01" + peak + root).digest()
            roots[index + 1] = root.hex()
    return roots


def verify(lines: Iterable[bytes], held: Sequence[str] = (), pins: Mapping[str, Any] | None = None) -> Result:
    """Check the lines of an export against its own heads and those that a counterparty keeps (`held`).

    `pins` maps DIDs to a collection of thumbprints: the keys that are known to be theirs.
    """
    findings, heads, fine, did, roots, leaves = list[Line](), list[Head](), list[Head](), "?", {0: ""}, 0
    try:
        did, hashed, tokens, keys = read_export(lines)
        leaves = len(hashed) // 32
        heads += [read_head(token, did, keys, f"head {n}", False) for n, token in enumerate(tokens, 1)]
        heads += [read_head(token, did, keys, f"--head {n}", True) for n, token in enumerate(held, 1)]
        roots = roots_at(hashed, (head.size for head in heads))
    except LedgerError as error:
        findings.append(error.args)
    for head in sorted(heads, key=lambda head: head.size) if not findings else ():
        # Heads of the owner's own file say nothing about where a head held elsewhere went wrong.
        first = max((f.size for f in fine if f.size < head.size and f.is_held >= head.is_held), default=0)
        told = {"where": head.where, "at": head.at, "size": head.size, "first": first, "last": head.size - 1}
        if roots.get(head.size) == head.root:
            fine.append(head)
        else:
            findings.append(("cut" if head.size > leaves else "changed", {**told, "leaves": leaves}))
    pinned = (pins or {}).get(did, ())
    counting = [head for head in fine if not pinned or head.thumb in pinned]
    if not findings and not counting and (fine or leaves):
        findings.append(("unsigned", {}))
    covered = max((head.size for head in counting), default=0)
    kept = max((head.size for head in fine if head.is_held), default=-1)
    own = sum(not head.is_held for head in heads)
    thumbs = {head.kid: head.thumb for head in heads}
    said: list[Line] = [("sum", {"did": did, "leaves": leaves, "own": own, "held": len(heads) - own})]
    said += [("thumb", {"kid": kid, "thumb": thumb}) for kid, thumb in thumbs.items()]
    if not findings:
        said += [("covered", {"covered": covered}), ("kept" if kept >= 0 else "unheld", {"size": kept})]
        said += [("tail", {"covered": covered})] if covered < leaves else []
        said += [("unpinned", {"did": did})] if not pinned else []
    is_proved = bool(pinned and counting) and covered == leaves
    verdict = "broken" if findings else "proved" if is_proved else "consistent"
    return Result(verdict, did, leaves, covered, thumbs, tuple(findings), (*said, *findings, ("meaning", {})))


def gather_held(raw: str, did: str) -> list[str]:
    """The heads of `did` in what a counterparty keeps, a head or a contract export. Raises ValueError."""
    if not raw.lstrip().startswith("{"):
        return [raw.strip()]
    try:
        tokens = strict_json(raw)["tokens"].values()
        claims = [strict_json(unbase64(token.split(".")[1])) for token in tokens]
        heads = [claim["treeHead"] for claim in claims if claim["iss"] == did and "treeHead" in claim]
    except UNREADABLE:
        heads = []
    if not heads:
        raise ValueError(f"no tree head of {did} in what the counterparty holds")
    return heads


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code."""
    show = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=show)
    parser.add_argument("export", type=Path)
    parser.add_argument("--head", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--pin", action="append", default=[], metavar="DID=THUMBPRINT")
    # A file on its own has no settings: the reader's language comes from the usual variable.
    parser.add_argument("--lang", choices=("ko", "en"), default=os.environ.get("LANG", "en")[:2])
    options = parser.parse_args(arguments)
    pins: dict[str, list[str]] = {}
    held: list[str] = []
    for did, is_pair, thumb in (pin.rpartition("=") for pin in options.pin):
        pins.setdefault(did, []).append(thumb)
        if not is_pair:
            parser.error(f"--pin wants DID=THUMBPRINT, not {thumb}")
    try:
        with options.export.open("rb") as file:
            for path in options.head:
                file.seek(0)
                held += gather_held(path.read_text("utf-8"), strict_json(file.readline(MAX_LINE))["did"])
            file.seek(0)
            result = verify(iter(lambda: file.readline(MAX_LINE), b""), held, pins)
    except (OSError, *UNREADABLE) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    print(result.text(options.lang))
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main())
