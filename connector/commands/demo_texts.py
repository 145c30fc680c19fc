"""What the demo narrates, Korean and English side by side: code -> (ko, en)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DEMO: Final[Mapping[str, tuple[str, str]]] = {
    "demo.preparing": ("공장 둘과 샷 로그를 준비하는 중", "making two factories and a shot log"),
    "demo.begin": (
        "공장 둘이 이 컴퓨터에 있습니다. 공장 A의 사출기 샷 로그는 {size}바이트입니다.",
        "Two factories stand on this machine. Factory A's shot log has {size} bytes.",
    ),
    "demo.pair": ("제공자 {provider}, 소비자 {consumer}", "provider {provider}, consumer {consumer}"),
    "demo.kept": ("공장 둘의 폴더를 남겼습니다: {folder}", "the factories' folders are kept: {folder}"),
    "demo.failed": ("실패: {error}", "failed: {error}"),
    "demo.ok": (
        "모두 되었습니다. 기록 {report}, 증거 {out}/ (make demo-check 가 다시 확인합니다)",
        "All of it worked. Report {report}, evidence {out}/ (make demo-check redoes the proof)",
    ),
    "demo.ok.pilot": (
        "모두 되었습니다. 기록 {report}, 증거 {out}/",
        "All of it worked. Report {report}, evidence {out}/",
    ),
    "demo.not-ok": ("되지 않은 것이 있습니다: {report}", "something did not work: {report}"),
    "demo.doing.publish": (
        "{provider}: 파일을 읽고 설명을 검사하는 중",
        "{provider} reads the file and checks its description",
    ),
    "demo.done.publish": (
        "{provider}: 샷 로그를 공개했습니다 ({count}바이트, sha256 {short}…): {terms}",
        "{provider} publishes the shot log ({count} bytes, sha256 {short}…): {terms}",
    ),
    "demo.doing.catalog": ("{consumer}: 카탈로그를 보는 중", "{consumer} looks into the catalog"),
    "demo.done.catalog": (
        "{consumer}: 카탈로그에서 찾았습니다: {id}",
        "{consumer} finds it in the catalog: {id}",
    ),
    "demo.doing.negotiate": ("{consumer}: 협상하는 중", "{consumer} negotiates"),
    "demo.done.negotiate": (
        "둘이 합의했습니다: {id}",
        "both agree: {id}",
    ),
    "demo.doing.sign": ("서명을 확인하는 중", "checking the signatures"),
    "demo.done.sign": (
        "둘 다 서명했고, 양쪽이 같은 서명 {count}개를 갖고 있습니다",
        "both have signed, and both hold the same {count} tokens",
    ),
    "demo.doing.pull": ("{consumer}: 데이터를 받는 중", "{consumer} pulls the data"),
    "demo.done.pull": (
        "{consumer}: {count}바이트를 받았고 원본과 같습니다 (sha256 {short}…)",
        "{consumer} has {count} bytes, equal to the source (sha256 {short}…)",
    ),
    "demo.doing.refuse": (
        "{consumer}: 계약에 없는 이용을 시도하는 중",
        "{consumer} tries what the contract does not allow",
    ),
    "demo.done.refuse": (
        "{provider}: 다른 목적은 거절했고({code}), 한 번 더 받는 것도 거절했습니다({other})",
        "{provider} refuses another purpose ({code}), and one use too many ({other})",
    ),
    "demo.doing.withdraw": ("{provider}: 계약을 철회하는 중", "{provider} withdraws the contract"),
    "demo.done.withdraw": (
        "{provider}: 계약을 철회했고, 서명된 철회가 {consumer}에 닿았습니다",
        "{provider} withdraws, and the signed withdrawal has reached {consumer}",
    ),
    "demo.doing.refuse-after-withdraw": ("{consumer}: 다시 받아 보는 중", "{consumer} pulls again"),
    "demo.done.refuse-after-withdraw": (
        "{provider}: 철회 뒤의 요청을 거절했습니다 ({other} {code})",
        "{provider} refuses the pull after the withdrawal ({other} {code})",
    ),
    "demo.doing.prove": ("계약과 장부를 증명하는 중", "proving contract and ledgers"),
    "demo.done.prove": (
        "DID 문서 둘만으로 계약을 증명했고({code}), 두 장부(기록 {leaves}개)가 그대로입니다",
        "the contract is {code} with nothing but the two DID documents, and both ledgers ({leaves} leaves) hold",
    ),
}
