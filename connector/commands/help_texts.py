"""The texts of `--help`, Korean and English side by side: code -> (ko, en)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

HELP: Final[Mapping[str, tuple[str, str]]] = {
    "help.madang": (
        "데이터는 공장에 두고, 계약한 만큼만 나눕니다. 모든 명령에 --home, --lang, --json 을 쓸 수 있습니다.",
        "The data stays in the plant, the contract travels. Every verb takes --home, --lang and --json.",
    ),
    "help.version": ("판 번호", "show the version"),
    "help.home": (
        "커넥터의 홈 폴더 (MADANG_HOME, 기본 ~/madang)",
        "home folder (MADANG_HOME; default ~/madang)",
    ),
    "help.lang": (
        "화면의 언어: ko 또는 en (기본은 로캘)",
        "language on the screen: ko or en (default: the locale)",
    ),
    "help.json": ("사람 대신 프로그램이 읽을 JSON으로 답하기", "answer in JSON, for programs"),
    "help.init": (
        "홈을 만듭니다: 설정, 키, 관리 API의 키",
        "make a home: settings, keys, the management key",
    ),
    "help.init.name": ("상대에게 보이는 이름 (한국어)", "your name as partners see it, in Korean"),
    "help.init.name-en": ("상대에게 보이는 이름 (영어)", "the same in English"),
    "help.init.url": (
        "상대가 접속하는 https 주소; DID가 여기서 정해집니다",
        "https address of the connector; makes the DID",
    ),
    "help.init.public-port": ("상대용 포트", "port for partners"),
    "help.init.management-port": ("관리용 포트", "port of the management API"),
    "help.init.cert": ("TLS 인증서 체인 (PEM)", "TLS certificate chain (PEM)"),
    "help.init.key": ("TLS 개인 키 (PEM)", "TLS private key (PEM)"),
    "help.init.alg": ("서명 알고리즘: ES256 또는 EdDSA", "algorithm of the signing key: ES256 or EdDSA"),
    "help.init.new-key": (
        "이미 있는 홈에 새 서명 키를 만들기; 옛 키는 DID 문서에 남습니다",
        "a new signing key for a home that is there; the old one stays in the DID document",
    ),
    "help.up": (
        "커넥터를 켭니다 (SIGTERM 또는 Ctrl-C로 끔)",
        "run the connector (SIGTERM or Ctrl-C stops it)",
    ),
    "help.demo": (
        "공장 둘이 이 컴퓨터에서 실제 파일을 계약에 따라 주고받습니다",
        "two factories on this machine exchange a real file under a contract",
    ),
    "help.demo.keep": ("두 공장의 폴더를 ./demo 에 남깁니다", "keep the factories' folders in ./demo"),
    "help.demo.against": (
        "이미 도는 커넥터들을 상대로 (pilot.toml)",
        "against connectors that run already (pilot.toml)",
    ),
    "help.status": (
        "무엇이 공개되어 있고, 누가 물었고, 무엇이 나갔는지",
        "what is public, who asked, what left",
    ),
    "help.target": ("상대의 DID 또는 주소", "the partner's DID or address"),
    "help.dataset": ("데이터셋의 이름 또는 주소 전체", "the dataset's name, or its whole address"),
    "help.id": ("번호 (list가 보여 줍니다)", "the id, as list shows it"),
    "help.reason": ("상대에게 전할 이유", "a reason, which the partner is told"),
    "help.policy": (
        "정책 템플릿, 쉼표로 여럿: 모두 지켜야 합니다",
        "policy templates with commas: all of them hold",
    ),
    "help.param": ("템플릿의 값, 예: days=30", "a value for a template, such as days=30"),
    "help.rules": (
        "템플릿 대신 ODRL 규칙이 든 JSON 파일",
        "a JSON file with ODRL rules, instead of templates",
    ),
    "help.visible-to": ("이 상대들에게만 보입니다", "only these partners can see it"),
    "help.publish": ("파일이나 폴더를 조건과 함께 공개합니다", "publish a file or folder under terms"),
    "help.publish.path": ("공개할 파일이나 폴더", "the file or folder"),
    "help.publish.id": (
        "카탈로그의 이름 (기본: 파일 이름)",
        "its name in the catalog (default: the file's name)",
    ),
    "help.publish.title": ("제목 (한국어)", "title, in Korean"),
    "help.publish.title-en": ("제목 (영어)", "title, in English"),
    "help.publish.description": ("한두 문장의 설명", "a sentence or two about it"),
    "help.publish.process": (
        "공정, 예: injection-moulding, machining, welding (꼭 필요)",
        "process: injection-moulding, machining, welding, … (needed)",
    ),
    "help.publish.confidentiality": (
        "비밀 등급: public, limited-provision, trade-secret, national-core-technology (꼭 필요)",
        "public, limited-provision, trade-secret or national-core-technology (needed)",
    ),
    "help.publish.personal-data": (
        "개인정보가 들어 있는지 (꼭 필요)",
        "whether it holds personal data (needed)",
    ),
    "help.publish.generator": (
        "데이터의 권리자 (기본: 우리)",
        "who has the rights in the data (default: you)",
    ),
    "help.publish.unit": (
        "열의 단위, 예: 압력=BAR; 없으면 열=-",
        "a column's unit, such as pressure=BAR; NAME=- for none",
    ),
    "help.publish.describe": ("설명이 든 JSON 또는 TOML 파일", "a JSON or TOML file with the description"),
    "help.publish.approval": (
        "승인: manual은 수신함에서 사람이, automatic은 저절로",
        "manual: you decide in the inbox; automatic: at once",
    ),
    "help.unpublish": (
        "카탈로그에서 내립니다; 맺은 계약은 그대로",
        "take a dataset out of the catalog; contracts go on",
    ),
    "help.republish": ("내린 데이터셋을 다시 공개합니다", "put a dataset back into the catalog"),
    "help.catalog": ("상대의 카탈로그를 봅니다", "look into a partner's catalog"),
    "help.catalog.limit": ("한 번에 볼 개수", "how many at once"),
    "help.catalog.offset": ("건너뛸 개수", "how many to skip"),
    "help.catalog.all": ("끝까지 모두", "every page to the end"),
    "help.request": ("계약을 요청합니다 (소비자)", "ask for a contract, as a consumer"),
    "help.request.policy": (
        "제안된 것과 다른 조건을 요청할 때의 템플릿",
        "templates, to ask for other terms than offered",
    ),
    "help.request.wait": ("결정될 때까지 기다리기", "follow it until it is decided"),
    "help.offer": ("상대에게 먼저 제안합니다 (제공자)", "offer a contract to a partner, as a provider"),
    "help.offer.policy": (
        "공개한 것과 다른 조건으로 제안할 때의 템플릿",
        "templates, to offer other terms than published",
    ),
    "help.inbox": ("결정을 기다리는 요청들", "what waits for your decision"),
    "help.inbox.list": ("기다리는 요청을 보여 줍니다", "show what waits"),
    "help.inbox.approve": ("승인합니다", "say yes"),
    "help.inbox.refuse": ("거절합니다", "say no"),
    "help.inbox.counter": ("다른 조건으로 답합니다", "answer with other terms"),
    "help.contract": ("계약들", "contracts"),
    "help.contract.list": ("모든 계약", "every contract"),
    "help.contract.show": ("계약 하나의 조건, 이용, 상태", "terms, use and state of one contract"),
    "help.contract.export": ("증거를 파일 하나로 내보냅니다", "write its proof into one file"),
    "help.contract.output": ("적을 파일 (기본: 화면)", "the file to write (default: the screen)"),
    "help.contract.verify": (
        "그 파일만으로 증명합니다: 0 증명됨, 1 깨짐, 3 키를 확인하지 않음",
        "prove it from that file alone: 0 proved, 1 broken, 3 keys not pinned",
    ),
    "help.contract.file": ("contract export 가 적은 파일", "a file that contract export wrote"),
    "help.contract.withdraw": (
        "계약을 철회합니다: 곧바로 아무것도 나가지 않습니다",
        "withdraw it: nothing leaves from now on",
    ),
    "help.pin": ("다른 길로 확인한 키 지문", "a key's thumbprint that you know by another way"),
    "help.transfer": ("데이터 전송들", "transfers of data"),
    "help.transfer.list": ("모든 전송, 새것부터", "transfers, newest first"),
    "help.transfer.suspend": ("멈춥니다", "suspend one"),
    "help.transfer.resume": ("다시 시작합니다", "resume one"),
    "help.transfer.terminate": ("끝냅니다", "terminate one"),
    "help.transfer.complete": ("다 받았다고 알립니다", "tell that it is complete"),
    "help.pull": (
        "계약한 데이터를 받습니다; 끊기면 이어받습니다",
        "fetch the data of a contract; resumes if interrupted",
    ),
    "help.pull.name": ("계약 번호, 또는 그 데이터셋의 이름", "the agreement, or the name of its dataset"),
    "help.pull.purpose": (
        "무엇에 쓰는지, 예: quality-assurance (서명되어 전해집니다)",
        "what for, such as quality-assurance (sent signed)",
    ),
    "help.pull.to": ("받을 폴더 (기본: 홈의 data)", "folder to put it in (default: data in the home)"),
    "help.ledger": ("고칠 수 없는 장부", "the ledger"),
    "help.ledger.verify": (
        "장부가 그대로인지 확인합니다: 0 증명됨, 1 깨짐, 3 일부 증명 안 됨",
        "check that nothing in it was changed: 0 proved, 1 broken, 3 not all of it proved",
    ),
    "help.ledger.export": (
        "내보낸 장부 (기본: 이 홈의 장부)",
        "an exported ledger (default: this home's own)",
    ),
    "help.ledger.head": (
        "상대가 가진 헤드, 또는 그것이 든 계약 파일",
        "a head that the counterparty holds, or a contract export",
    ),
    "help.doctor": (
        "무엇이 문제인지 찾고 고치는 법을 말합니다",
        "find what is wrong, and say how to mend it",
    ),
    "help.doctor.peer": ("이 상대까지의 시간과 시계 차이도", "also time and clock towards this partner"),
    "help.backup": ("켜진 채로 백업합니다", "write a backup while the connector runs"),
    "help.backup.file": ("새 파일 (개인 키가 들어갑니다)", "a new file (it will hold the private keys)"),
    "help.restore": (
        "백업을 새 홈에 되살리고, 켠 뒤 --confirm",
        "restore a backup into a new home; then up, then --confirm",
    ),
    "help.restore.file": ("백업 파일", "the backup"),
    "help.restore.confirm": ("상대들에게 묻고 다시 엽니다", "ask the partners, then let data leave again"),
    "help.restore.anyway": ("닿지 않는 상대가 있어도 엽니다", "open even if a partner cannot be reached"),
    "help.help": ("이 도움말", "show this help"),
    "help.heading.usage": ("쓰는 법:", "Usage:"),
    "help.heading.arguments": ("인수:", "Arguments:"),
    "help.heading.options": ("옵션:", "Options:"),
    "help.heading.commands": ("명령:", "Verbs:"),
    "help.heading.some-options": ("[옵션]", "[OPTIONS]"),
    "help.heading.some-command": ("명령 …", "VERB ..."),
    "help.heading.required": ("[꼭 필요]", "[required]"),
}
