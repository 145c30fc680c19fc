"""The sentences of a contract proof, Korean and English side by side: code -> (ko, en)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HEADINGS: Final[Mapping[str, tuple[str, str]]] = {
    "proved": ("증명됨", "PROVED"),
    "unpinned": ("앞뒤는 맞으나 키를 확인하지 않음", "CONSISTENT, KEYS NOT PINNED"),
    "broken": ("깨짐", "BROKEN"),
    "findings": ("잘못된 것", "What is wrong"),
    "proved-list": ("증명된 것", "What is proved"),
    "consistent-list": ("키가 그들의 것이라면 증명되는 것", "What is proved if the keys are theirs"),
    "not-proved-list": ("증명되지 않은 것", "What is not proved"),
}

TEXTS: Final[Mapping[str, tuple[str, str]]] = {
    "contract": ("계약 {id}", "contract {id}"),
    "thumbprint": ("{did}의 키 지문 {thumb}", "{did} signed with the key of thumbprint {thumb}"),
    # Findings.
    "format": ("계약 파일({expected})이 아닙니다", "this is no contract file ({expected})"),
    "member": ("{where}: 없거나 형식이 다릅니다", "{where}: missing, or not of the right form"),
    "missing": ("{where} 토큰이 없습니다", "the {where} token is missing"),
    "unknown-token": ("{where}: 모르는 토큰입니다", "{where}: no token that is known"),
    "no-document": (
        "{where}: 서명자 {did}의 DID 문서가 없습니다",
        "{where}: there is no DID document of its signer {did}",
    ),
    "document": (
        "{where}: 서명자의 DID 문서가 올바르지 않습니다",
        "{where}: its signer's DID document is not sound",
    ),
    "form": ("{where}: 서명된 토큰의 형식이 아닙니다", "{where}: not of the form of a signed token"),
    "typ": ("{where}: 다른 종류의 토큰입니다", "{where}: a token of another type"),
    "crit": ("{where}: 알 수 없는 확장을 요구합니다", "{where}: asks for extensions that are not understood"),
    "kid": (
        "{where}: 서명자의 DID 문서에 이 키가 서명용으로 적혀 있지 않습니다",
        "{where}: the signer's DID document does not list this key for assertions",
    ),
    "alg": ("{where}: 키에 맞지 않는 알고리즘입니다", "{where}: not the algorithm of the key"),
    "key": ("{where}: 쓸 수 없는 공개 키입니다", "{where}: its public key cannot be used"),
    "signature": ("{where}: 서명이 맞지 않습니다", "{where}: the signature does not hold"),
    "same-party": (
        "{where}: 제공자와 소비자가 같습니다",
        "{where}: provider and consumer are the same",
    ),
    "policy-party": (
        "{where}: {expected}이(가) 있어야 합니다",
        "{where}: {expected} has to stand there",
    ),
    "agreement-id": (
        "{where}: 서명된 합의의 번호와 다릅니다",
        "{where}: not the id of the agreement that was signed",
    ),
    "bundle-policy": (
        "{where}: 서명된 정책과 다릅니다",
        "{where}: not the policy that was signed",
    ),
    "expiry": (
        "{where}: 만료 시각이 올바르지 않습니다",
        "{where}: its expiry is missing or not after its time",
    ),
    "policy-digest": (
        "{where}: 정책의 해시가 정책과 다릅니다",
        "{where}: the policy's digest is not that of the policy",
    ),
    "other-policy": ("{where}: 합의한 정책이 아닙니다", "{where}: not the policy that was agreed on"),
    "parties": (
        "{where}: 서명한 쪽과 받는 쪽이 이 합의의 당사자와 다릅니다",
        "{where}: signer and addressee are not the parties of this agreement",
    ),
    "pid": ("{where}: 합의의 절차 번호와 다릅니다", "{where}: not the process id of the agreement"),
    "dataset": (
        "{where}: 합의한 데이터셋이나 버전이 아닙니다",
        "{where}: not the dataset and version that were agreed on",
    ),
    "over": (
        "{where}: 이 합의 토큰에 대한 서명이 아닙니다",
        "{where}: not signed over this agreement token",
    ),
    "order": (
        "{where}: 시각의 앞뒤가 맞지 않습니다",
        "{where}: its time does not follow the order of events",
    ),
    "head": (
        "{where}: 함께 서명된 원장 헤드가 맞지 않습니다",
        "{where}: the ledger head signed along with it does not hold",
    ),
    "jti": ("같은 토큰 번호가 두 번 쓰였습니다", "two tokens share one id"),
    "pin": (
        "{where}: 지정하신 지문이 아닌 키 {thumb}(으)로 서명했습니다",
        "{where}: signed with the key {thumb}, not with the one you pinned",
    ),
    # Proved.
    "agreed": (
        "{iss} → {aud}, {at} 서명: 데이터셋 {id}, 버전 {version}, sha256 {sha256}, 정책 {policyDigest}",
        "{iss} → {aud}, signed {at}: dataset {id}, version {version}, sha256 {sha256}, policy {policyDigest}",
    ),
    "verification-signed": (
        "{iss}이(가) 바로 이 합의에 {at}에 맞서명했습니다",
        "{iss} counter-signed exactly this agreement at {at}",
    ),
    "withdrawal-signed": ("{iss}이(가) {at}에 계약을 철회했습니다", "{iss} withdrew the contract at {at}"),
    "offer-equal": (
        "합의한 규칙은 제공자가 {at}에 서명한 제안의 규칙과 같습니다",
        "the rules agreed on are those of the offer that the provider signed at {at}",
    ),
    "offer-differs": (
        "{at}의 제안과 글자 그대로 같지는 않은 규칙에 양쪽이 합의했습니다: 합의만이 유효합니다",
        "both agreed on rules that are not literally those of the offer of {at}: the agreement alone counts",
    ),
    "head-held": (
        "{at}에 {did}의 원장은 기록 {size}개, 뿌리 {root}였습니다: 뒤에 낸 원장에도 그대로 있어야 합니다",
        "at {at} the ledger of {did} had {size} leaves, root {root}: any later export must contain them",
    ),
    # Not proved.
    "whose-key": (
        "이 키가 {did}의 것인지: 지문을 다른 길로 확인해 --pin {did}=지문 으로 주십시오",
        "that the key is {did}'s: compare the thumbprint by another way and pass --pin {did}=THUMBPRINT",
    ),
    "still-valid": (
        "그 뒤에 철회되지 않았는지: 이 파일에는 철회가 없습니다",
        "that it was not withdrawn later: this file holds no withdrawal",
    ),
    "terms": (
        "읽기 쉬운 설명문: 서명된 것은 정책이며 설명문은 서명되지 않았습니다",
        "the readable terms: the policy is signed, its description is not",
    ),
    "clocks": (
        "서명 시각: 각자 자기 시계로 적은 것입니다",
        "the times: each signer wrote its own clock's",
    ),
    "delivered": (
        "데이터가 실제로 전달되었는지, 해시가 그 데이터의 것인지",
        "that the data was delivered, and that the digest is that of its bytes",
    ),
}
