"""What the doctor finds and how to mend it: code -> (finding ko, finding en, mend ko, mend en); "" = nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FINDINGS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "home.ok": ("홈 폴더 {home}", "home folder {home}", "", ""),
    "home.missing": (
        "홈 폴더가 없거나 비어 있습니다: {home}",
        "there is no home folder: {home}",
        "madang init, 또는 --home 으로 다른 폴더",
        "madang init, or name another with --home",
    ),
    "home.open": (
        "다른 사용자가 읽을 수 있습니다: {path}",
        "others may read {path}",
        "chmod {mode} {path}",
        "chmod {mode} {path}",
    ),
    "settings.ok": ("설정 파일을 읽었습니다", "the settings can be read", "", ""),
    "settings.wrong": (
        "설정이 잘못되었습니다: {error}",
        "a setting is wrong: {error}",
        "connector.toml 을 고치십시오 (docs/settings.md)",
        "mend connector.toml (docs/settings.md)",
    ),
    "keys.ok": ("키 {kid}", "key {kid}", "", ""),
    "keys.wrong": ("키를 쓸 수 없습니다: {error}", "the keys cannot be used: {error}", "{hint}", "{hint}"),
    "disk.ok": ("디스크 여유 {percent}%", "{percent} % of the disk is free", "", ""),
    "disk.low": (
        "디스크 여유가 {percent}%뿐입니다",
        "only {percent} % of the disk is free",
        "자리를 만드십시오. 가득 차면 아무것도 받아들이지 않습니다",
        "make room: a full disk means that nothing is accepted",
    ),
    "database.ok": ("데이터베이스가 온전합니다", "the database is sound", "", ""),
    "database.none": (
        "아직 데이터베이스가 없습니다 (켠 적 없음)",
        "there is no database yet (never up)",
        "",
        "",
    ),
    "database.broken": (
        "데이터베이스가 깨졌습니다: {error}",
        "the database is damaged: {error}",
        "madang restore 백업파일 --home 새폴더",
        "madang restore BACKUP --home NEW",
    ),
    "database.unconfirmed": (
        "백업에서 되살린 뒤 아직 확인하지 않았습니다: 데이터가 나가지 않습니다",
        "restored from a backup and not confirmed yet: no data leaves",
        "madang restore --confirm",
        "madang restore --confirm",
    ),
    "port.ours": (
        "{name} 포트 {port}: 이 커넥터가 쓰고 있습니다",
        "{name} port {port}: this connector listens",
        "",
        "",
    ),
    "port.free": ("{name} 포트 {port}: 비어 있습니다", "{name} port {port} is free", "", ""),
    "port.taken": (
        "{name} 포트 {port}를 다른 프로그램이 쓰고 있습니다",
        "{name} port {port} is used by another program",
        "connector.toml 의 [server] 에서 바꾸거나 그 프로그램을 끄십시오",
        "change it in connector.toml, [server], or stop that program",
    ),
    "running.yes": ("커넥터가 켜져 있습니다", "the connector runs", "", ""),
    "running.no": ("커넥터가 꺼져 있습니다", "the connector does not run", "madang up", "madang up"),
    "url.none": (
        "상대가 접속할 주소가 정해지지 않았습니다: {url}",
        "there is no address for partners yet: {url}",
        "connector.toml 의 server.public_url (DID가 바뀌니 계약 전에)",
        "server.public_url in connector.toml (before the first contract: the DID is made from it)",
    ),
    "url.plain": (
        "주소가 https가 아닙니다: {url}",
        "the address is not https: {url}",
        "인증서를 두거나(tls.cert) 프록시 뒤에 두십시오",
        "use a certificate (tls.cert) or a proxy that ends TLS",
    ),
    "dns.ok": ("이름 {host} → {addresses}", "name {host} → {addresses}", "", ""),
    "dns.wrong": (
        "이름을 찾을 수 없습니다: {host}",
        "the name {host} cannot be resolved",
        "DNS 에 {host} 를 등록하십시오",
        "enter {host} in your DNS",
    ),
    "tls.ok": ("인증서: {names}, {days}일 남음", "certificate for {names}, {days} days left", "", ""),
    "tls.none": (
        "이 커넥터는 TLS를 직접 하지 않습니다 (프록시가 한다고 봅니다)",
        "TLS is not ended here (a proxy is assumed to do it)",
        "",
        "",
    ),
    "tls.unreadable": (
        "인증서를 쓸 수 없습니다: {error}",
        "the certificate cannot be used: {error}",
        "tls.cert 와 tls.key 를 확인하십시오",
        "check tls.cert and tls.key",
    ),
    "tls.name": (
        "인증서에 {host} 가 없습니다 (있는 이름: {names})",
        "the certificate is not for {host} (it is for {names})",
        "{host} 가 든 인증서를 받으십시오",
        "get a certificate with {host} in it",
    ),
    "tls.expired": (
        "인증서 기간이 끝났습니다 ({days}일)",
        "the certificate has expired ({days} days)",
        "갱신하십시오. 파일이 바뀌면 저절로 다시 읽습니다",
        "renew it; a changed file is read by itself",
    ),
    "tls.soon": (
        "인증서가 {days}일 뒤에 끝납니다",
        "the certificate expires in {days} days",
        "갱신하십시오. 파일이 바뀌면 저절로 다시 읽습니다",
        "renew it; a changed file is read by itself",
    ),
    "did.ok": (
        "DID 문서가 {url} 에서 열립니다 ({ms} ms). 바깥에서도 열리는지는 상대의 doctor --peer 가 확인합니다",
        "the DID document answers at {url} ({ms} ms); a partner's doctor --peer tells whether from outside too",
        "",
        "",
    ),
    "did.unreachable": (
        "DID 문서가 열리지 않습니다: {url}: {error}",
        "the DID document cannot be had: {url}: {error}",
        "커넥터를 켜고, 방화벽과 프록시에서 이 주소를 여십시오",
        "start the connector, and open this address in firewall and proxy",
    ),
    "did.other": (
        "{url} 의 DID 문서가 이 커넥터의 것이 아닙니다",
        "the DID document at {url} is not this connector's",
        "프록시가 경로를 그대로 넘기는지, 주소가 맞는지 보십시오",
        "see that the proxy passes the path on unchanged, and that the address is right",
    ),
    "did.unasked": (
        "커넥터가 꺼져 있어 DID 문서를 물어보지 않았습니다",
        "the connector does not run, so its DID document was not asked for",
        "",
        "",
    ),
    "peer.ok": ("{peer}: {ms} ms", "{peer}: {ms} ms", "", ""),
    "peer.failed": (
        "{peer} 에 닿지 않습니다: {error}",
        "{peer} cannot be reached: {error}",
        "{hint}",
        "{hint}",
    ),
    "clock.ok": ("시계 차이 {offset}초 ({against})", "the clock is {offset} s off ({against})", "", ""),
    "clock.off": (
        "시계가 {offset}초 어긋났습니다 ({against})",
        "the clock is {offset} s off ({against})",
        "시간 동기화를 켜십시오: timedatectl set-ntp true",
        "turn on time synchronisation: timedatectl set-ntp true",
    ),
    "clock.unknown": (
        "시계를 견줄 상대가 없습니다",
        "the clock was compared with nobody's",
        "madang doctor --peer 상대의DID",
        "madang doctor --peer DID",
    ),
}
