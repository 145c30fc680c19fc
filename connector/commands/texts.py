"""Everything the command line says, Korean and English side by side: code -> (ko, en)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connector.commands.demo_texts import DEMO
from connector.commands.help_texts import HELP
from connector.commands.policy_texts import POLICY

_SAID: Final[Mapping[str, tuple[str, str]]] = {
    # init, up
    "init.made": ("커넥터의 홈을 만들었습니다: {home}", "made the home of a connector: {home}"),
    "init.kept": (
        "이미 있습니다: {home}. 바꾼 것이 없습니다",
        "is there already: {home}; nothing was changed",
    ),
    "init.rotated": (
        "새 서명 키를 만들었습니다: {home}. 커넥터를 다시 켜면 쓰입니다. 옛 키는 DID 문서에 남아 맺은 계약을 증명합니다",
        "made a new signing key: {home}. It signs once the connector is started again; the old one stays in the"
        " DID document and proves the contracts that are there",
    ),
    "init.identity": (
        "  DID      {did}\n  키 지문  {thumbprint}",
        "  DID         {did}\n  thumbprint  {thumbprint}",
    ),
    "init.no-url": (
        "  아직 상대가 접속할 주소가 없습니다. {config} 의 server.public_url 에 https 주소를 적으면 DID가 바뀌니,"
        "\n  계약을 맺기 전에 madang init --home 새폴더 --url https://{host} 로 시작하십시오",
        "  partners have no address to reach you at: server.public_url in {config} is empty. The DID is made of"
        "\n  it, so before the first contract begin anew: madang init --home NEW --url https://{host}",
    ),
    "init.next": (
        "다음: madang up  (켜기), 그다음 madang publish 파일 --policy open-use",
        "next: madang up, then madang publish FILE --policy open-use",
    ),
    "up.ready": (
        "켜졌습니다: {did}\n  상대용   {public}\n  관리용   {private}\n끄기: Ctrl-C",
        "ready: {did}\n  for partners   {public}\n  management     {private}\nstop with Ctrl-C",
    ),
    "up.stopping": ("멈추는 중입니다", "stopping"),
    # What several verbs say.
    "terms": ("  조건: {terms}", "  terms: {terms}"),
    "terms.unreadable": ("읽을 수 없는 조건", "terms that cannot be read"),
    "list.none": ("없습니다", "none"),
    "head.id": ("번호", "id"),
    "head.title": ("제목", "title"),
    "head.terms": ("조건", "terms"),
    "head.peer": ("상대", "partner"),
    "head.dataset": ("데이터셋", "dataset"),
    "head.state": ("상태", "state"),
    "head.role": ("역할", "role"),
    "head.since": ("시작", "since"),
    "head.until": ("끝", "until"),
    "head.uses": ("이용", "uses"),
    "head.bytes": ("바이트", "bytes"),
    "head.size": ("크기", "size"),
    "head.version": ("판", "version"),
    "head.offers": ("제안", "offers"),
    "head.by": ("누가", "by"),
    "head.reason": ("이유", "reason"),
    "role.provider": ("제공", "provider"),
    "role.consumer": ("소비", "consumer"),
    "state.holds": ("유효", "holds"),
    "state.withdrawn": ("철회됨", "withdrawn"),
    "state.ended": ("끝남", "ended"),
    # publish
    "publish.doing": ("{path} 을(를) 읽고 설명을 검사하는 중", "reading {path} and checking its description"),
    "publish.created": ("공개했습니다: {id} (제{version}판)", "published: {id} (version {version})"),
    "publish.updated": (
        "바꿔 공개했습니다: {id} (제{version}판)",
        "published anew: {id} (version {version})",
    ),
    "publish.unchanged": ("이미 그대로 공개되어 있습니다: {id}", "is published like this already: {id}"),
    "publish.facts": ("  {size}바이트, sha256 {sha256}", "  {size} bytes, sha256 {sha256}"),
    "publish.taken-out": (
        "카탈로그에서 내렸습니다: {id}. 맺은 계약은 그대로입니다",
        "taken out of the catalog: {id}; contracts go on",
    ),
    "publish.put-back": ("다시 공개했습니다: {id}", "back in the catalog: {id}"),
    "publish.must-say": ("주인이 말해야 합니다: {options}", "the owner has to say: {options}"),
    "publish.must-say.hint": (
        "공정, 비밀 등급, 개인정보 여부는 파일을 보고 짐작하지 않습니다. madang publish --help",
        "process, confidentiality and personal data are never guessed; see madang publish --help",
    ),
    "publish.ask.process": ("어느 공정의 데이터입니까?", "which process is it from?"),
    "publish.ask.confidentiality": ("비밀 등급은 무엇입니까?", "how confidential is it?"),
    "publish.ask.personal_data": ("개인정보가 들어 있습니까?", "does it hold personal data?"),
    # catalog, request, offer, pull
    "catalog.doing": ("{target} 의 카탈로그를 가져오는 중", "fetching the catalog of {target}"),
    "catalog.more": (
        "더 있습니다: --offset {offset}, 또는 --all",
        "there is more: --offset {offset}, or --all",
    ),
    "negotiation.asking": ("상대에게 묻는 중", "asking the partner"),
    "negotiation.doing": (
        "상대의 결정을 기다리는 중 (Ctrl-C를 눌러도 협상은 계속됩니다)",
        "waiting for the partner (Ctrl-C does not end the negotiation)",
    ),
    "negotiation.begun": ("협상 {id}: {state}", "negotiation {id}: {state}"),
    "negotiation.later": (
        "  --wait 를 붙이면 결정까지 기다립니다; madang contract list 에 나타납니다",
        "  --wait follows it to the end; the contract appears in madang contract list",
    ),
    "negotiation.finalized": ("계약이 맺어졌습니다: {agreement}", "there is a contract: {agreement}"),
    "negotiation.terminated": ("계약이 맺어지지 않았습니다: {reason}", "there is no contract: {reason}"),
    "negotiation.waiting": (
        "상대가 다른 조건을 말했습니다. 결정하십시오: madang inbox approve {id}",
        "the partner answered with other terms; decide: madang inbox approve {id}",
    ),
    "negotiation.refused": ("지금 상태 {state}: {reason}", "now {state}: {reason}"),
    "pull.doing": ("데이터를 받는 중", "pulling the data"),
    "pull.done": ("받았습니다: {path} ({size}바이트)", "here it is: {path} ({size} bytes)"),
    "pull.digest": ("  sha256 {sha256} 확인함, 조건은 {file}", "  sha256 {sha256} is right; terms in {file}"),
    # inbox, contract, transfer
    "inbox.approved": ("승인했습니다: {id} ({peer})", "approved: {id} ({peer})"),
    "inbox.refused": ("거절했습니다: {id} ({peer})", "refused: {id} ({peer})"),
    "inbox.countered": (
        "다른 조건으로 답했습니다: {id} ({peer})",
        "answered with other terms: {id} ({peer})",
    ),
    "inbox.no-terms": ("어떤 조건으로 답할지 적으십시오", "say on which terms"),
    "contract.id": ("계약 {id}: {state}", "contract {id}: {state}"),
    "contract.parties": (
        "  제공 {provider}\n  소비 {consumer}",
        "  provider {provider}\n  consumer {consumer}",
    ),
    "contract.dataset": (
        "  데이터셋 {dataset} (제{version}판)\n  sha256 {sha256}",
        "  dataset {dataset} (version {version})\n  sha256 {sha256}",
    ),
    "contract.signed": (
        "  양쪽이 서명함, {since} 부터 {until} 까지",
        "  signed by both, from {since} until {until}",
    ),
    "contract.unsigned": (
        "  인증되었으나 서명되지 않음, {since} 부터 {until} 까지",
        "  authenticated but not signed, from {since} until {until}",
    ),
    "contract.used": ("  이용 {uses}번, {bytes}바이트", "  used {uses} times, {bytes} bytes"),
    "contract.withdrawn": ("  {at} 에 {by} 이(가) 철회함: {reason}", "  withdrawn at {at} by {by}: {reason}"),
    "contract.exported": (
        "증거를 적었습니다: {path}. 확인: madang contract verify {path}",
        "the proof is in {path}; check it: madang contract verify {path}",
    ),
    "contract.withdrew": (
        "철회했습니다: {id}. 이제 한 바이트도 나가지 않으며 {peer} 에게 알렸습니다",
        "withdrawn: {id}; no byte leaves from now on, and {peer} is told",
    ),
    "transfer.moved": ("전송 {id}: {state}", "transfer {id}: {state}"),
    # status, backup, restore, doctor, ledger
    "status.public": ("공개한 데이터셋 {n}개", "{n} datasets are public"),
    "status.waiting": ("결정을 기다리는 요청 {n}개", "{n} requests wait for a decision"),
    "status.unmade": (
        "계약 없이 끝난 협상 {n}개 (최근 것)",
        "{n} negotiations ended without a contract (the newest)",
    ),
    "by.us": ("우리", "us"),
    "by.them": ("상대", "them"),
    "status.given": ("내준 계약 {n}개", "{n} contracts as provider"),
    "status.taken": ("받은 계약 {n}개", "{n} contracts as consumer"),
    "status.left": ("나간 데이터: {uses}번, {bytes}바이트", "what left: {uses} uses, {bytes} bytes"),
    "status.ended": (
        "계약이 끝난 데이터 {n}개가 여기 있습니다. 지우십시오",
        "{n} datasets here have outlived their contract; delete them",
    ),
    "status.refused": ("거절한 요청 {n}개", "{n} requests were refused"),
    "backup.doing": ("백업을 쓰는 중", "writing the backup"),
    "backup.done": (
        "백업했습니다: {path} ({size}바이트). 개인 키가 들어 있으니 그렇게 보관하십시오",
        "the backup is {path} ({size} bytes); it holds the private keys, keep it so",
    ),
    "restore.doing": ("되살리는 중", "restoring"),
    "restore.done": (
        "{home} 에 되살렸습니다 ({at} 의 백업). 전송 {n}개를 멈춰 두었습니다"
        "\n다음: madang up, 그다음 madang restore --confirm (그때까지 데이터가 나가지 않습니다)",
        "restored to {home} (a backup of {at}); {n} transfers are suspended"
        "\nnext: madang up, then madang restore --confirm (no data leaves before)",
    ),
    "restore.which": ("백업 파일, 또는 --confirm, 둘 중 하나를 주십시오", "give a backup FILE, or --confirm"),
    "restore.asking": ("상대들에게 묻는 중", "asking the partners"),
    "restore.asked": (
        "전송 {transfers}개, 협상 {negotiations}개를 상대에게 물었습니다",
        "asked about {transfers} transfers and {negotiations} negotiations",
    ),
    "restore.withdrawn": ("  그사이 철회된 계약: {id}", "  withdrawn meanwhile: {id}"),
    "restore.unreachable": ("  닿지 않은 상대: {peer}: {reason}", "  not reached: {peer}: {reason}"),
    "restore.confirmed": ("확인했습니다. 데이터가 다시 나갑니다", "confirmed: data may leave again"),
    "restore.unconfirmed": (
        "아직 닫혀 있습니다. 나중에 다시 하거나, 괜찮다면 --confirm --anyway",
        "still closed: try again later, or --confirm --anyway if you take the risk",
    ),
    "doctor.doing": ("살펴보는 중", "looking at everything"),
    "ledger.from-file": (
        "커넥터가 꺼져 있어 {file} 에서 읽습니다",
        "the connector does not run; reading {file}",
    ),
}

_ERRORS: Final[Mapping[str, tuple[str, str]]] = {
    "error.findings": ("설명에 빠지거나 틀린 것이 있습니다", "the description lacks something or is wrong"),
    "error.internal": ("커넥터 안에서 오류가 났습니다", "an error inside the connector"),
    "error.bad-input": ("입력이 잘못되었습니다", "the input is wrong"),
    "error.bad-request": ("요청이 잘못되었습니다", "the request is wrong"),
    "error.malformed-body": ("형식이 깨진 내용입니다", "the content is malformed"),
    "error.invalid-message": ("올바른 메시지가 아닙니다", "not a valid message"),
    "error.illegal-transition": ("지금 상태에서는 할 수 없습니다", "not possible in the present state"),
    "error.offer-expired": (
        "지난 제안입니다. 카탈로그를 다시 보십시오",
        "the offer is outdated; look at the catalog again",
    ),
    "error.policy-invalid": ("정책을 읽을 수 없습니다", "the policy cannot be read"),
    "error.policy-differs": (
        "합의한 정책과 뜻이 다릅니다",
        "the policy differs in meaning from what was agreed on",
    ),
    "error.policy-denied": ("정책이 허락하지 않습니다", "a policy does not allow it"),
    "error.token-invalid": ("서명된 토큰이 올바르지 않습니다", "a signed token is not valid"),
    "error.description-invalid": ("설명이 규칙에 맞지 않습니다", "the description does not conform"),
    "error.source-invalid": (
        "이 파일이나 폴더는 공개할 수 없습니다",
        "this file or folder cannot be published",
    ),
    "error.unauthenticated": ("누구인지 확인되지 않았습니다", "who is asking is not established"),
    "error.use-denied": ("계약이 허락하지 않는 이용입니다", "the contract does not allow this use"),
    "error.not-found": ("찾을 수 없습니다", "not found"),
    "error.not-acceptable": ("그런 형식으로는 줄 수 없습니다", "not available in such a form"),
    "error.conflict": ("다른 것과 부딪칩니다", "something else stands in the way"),
    "error.source-changed": (
        "원본이 계약한 것과 달라졌습니다",
        "the source is no longer what the contract names",
    ),
    "error.gone": ("권리가 끝났습니다", "the right to this has ended"),
    "error.withdrawn": ("계약이 철회되었습니다", "the contract was withdrawn"),
    "error.expired": ("기한이 지났습니다", "it has expired"),
    "error.terminated": ("끝난 전송입니다", "the transfer was terminated"),
    "error.too-large": ("너무 큽니다", "too large"),
    "error.suspended": ("멈춰 있는 전송입니다", "the transfer is suspended"),
    "error.too-many": ("한도를 넘었습니다", "a limit is reached"),
    "error.peer-failed": (
        "상대 커넥터가 응답하지 않거나 거절했습니다",
        "the partner cannot be reached or refused",
    ),
    "error.egress-refused": ("설정이 허락하지 않는 주소입니다", "the settings do not allow this address"),
    "error.unavailable": ("지금은 할 수 없습니다", "not possible now"),
    "error.schema-too-new": (
        "더 새로운 커넥터가 쓴 데이터베이스입니다",
        "the database was written by a newer connector",
    ),
    "error.not-running": (
        "커넥터가 꺼져 있습니다: madang up 으로 켜십시오",
        "not running: start it with madang up",
    ),
    # What the parser of options objects to.
    "usage.missing": ("{name} 이(가) 빠졌습니다", "{name} is missing"),
    "usage.no-option": ("{name} 라는 옵션은 없습니다", "there is no option {name}"),
    "usage.no-verb": ("{name} 라는 명령은 없습니다", "there is no verb {name}"),
    "usage.bad": ("{name} 의 값을 쓸 수 없습니다: {value}", "{name}: its value cannot be used: {value}"),
    "usage.other": ("명령을 읽을 수 없습니다: {value}", "the command cannot be read: {value}"),
    "usage.help": ("{command} --help 가 쓰는 법을 보여 줍니다", "{command} --help shows how it is used"),
}

TEXTS: Final[Mapping[str, tuple[str, str]]] = {**_SAID, **_ERRORS, **DEMO, **HELP, **POLICY}
