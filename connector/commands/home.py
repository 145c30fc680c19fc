"""`madang init`: a home for one connector, with settings, keys, and the key of the management API."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from connector.commands.shell import Shell
from connector.errors import BadInput, NotFound, Unavailable
from connector.identity.did import did_from_url
from connector.identity.keys import KeyRing
from connector.settings import CONFIG_FILE, Settings, build, load

API_KEY: Final = "management.key"
KEYS: Final = "keys"


def config_text(values: Mapping[str, Mapping[str, Any]]) -> str:
    """A commented connector.toml with the essentials; what was not given stays a comment.

    `values` is section -> key -> value, as `settings.build` takes it.
    """
    server, tls, who = (values.get(name, {}) for name in ("server", "tls", "participant"))
    own = values.get("identity", {})

    def line(given: Mapping[str, Any], key: str, example: object) -> str:
        # JSON's strings and numbers are TOML's as well.
        if key in given:
            return f"{key} = {json.dumps(given[key], ensure_ascii=False)}"
        return f"# {key} = {json.dumps(example, ensure_ascii=False)}"

    return "\n".join(
        [
            "# Madang. Every setting: docs/settings.md. A variable MADANG_SECTION_KEY wins over this file.",
            "# 마당. 모든 설정은 docs/settings.md에 있습니다. 환경 변수 MADANG_SECTION_KEY가 먼저입니다.",
            "",
            "[participant]",
            "# Who you are, as partners see it · 상대에게 보이는 이름",
            line(who, "name", "우리 공장"),
            line(who, "name_en", "Our factory"),
            "",
            "[server]",
            "# The https address partners reach you at; your DID is made from it and stands in contracts.",
            "# 상대가 접속하는 https 주소. DID가 여기서 정해지고 계약에 적히니 오래 쓸 주소로 하십시오.",
            line(server, "public_url", "https://data.factory-a.example"),
            line(server, "public_port", 8443),
            "# The private side: management API, health, metrics. Keep it on loopback.",
            "# 안쪽 포트: 관리 API. 밖에 열지 마십시오.",
            line(server, "management_port", 9191),
            "",
            "[tls]",
            "# Both, or neither behind a proxy that ends TLS · 둘 다 적거나, 프록시 뒤면 비움",
            line(tls, "cert", "/etc/madang/tls.pem"),
            line(tls, "key", "/etc/madang/tls.key"),
            "",
            "[identity]",
            line(own, "algorithm", "ES256"),
            "",
            "[egress]",
            "# Partners with a private address (host:port) · 내부 주소를 가진 상대",
            '# allow = ["factory-b.internal:8443"]',
            "",
            "[limits]",
            "# What partners may use of your line, and when · 상대가 쓸 수 있는 회선과 시간",
            "# bandwidth = 0",
            "# parallel_pulls = 4",
            '# hours = "18:00-06:00"',
            "",
            "[log]",
            '# level = "info"',
            '# format = "text"',
            "",
        ]
    )


@dataclass(frozen=True, slots=True)
class Home:
    """A home that can be run; `is_new` if it was made just now."""

    settings: Settings
    ring: KeyRing
    is_new: bool


def make_home(home: Path, values: Mapping[str, Mapping[str, Any]], *, now: datetime) -> Home:
    """Make a home. What is there is kept; a home that is complete is left as it is.

    Raises:
        BadInput: a value cannot work, or options were given beside an existing connector.toml.
        Unavailable: the folder cannot be written.
        Conflict: the keys there belong to another address.
    """
    config, key_file = home / CONFIG_FILE, home / API_KEY
    if config.exists() and any(values.values()):
        raise BadInput(
            f"{config} is there already", hint="change the settings there, and call init without options"
        )
    settings = load(home) if config.exists() else build(home, values, os.environ)
    if settings.identity.algorithm not in ("ES256", "EdDSA"):
        raise BadInput("must be ES256 or EdDSA", pointer="identity.algorithm")
    did = did_from_url(settings.public_url)
    with contextlib.suppress(NotFound):
        return Home(settings, KeyRing.open(home / KEYS, did), is_new=False)
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not config.exists():
            _write(config, config_text(values), 0o600)
        if not key_file.exists():
            _write(key_file, secrets.token_urlsafe(32) + "\n", 0o600)
    except OSError as error:
        raise Unavailable(
            f"{error.filename}: {error.strerror}", hint="choose another folder with --home"
        ) from None
    algorithm: Any = settings.identity.algorithm  # one of the two, see above
    return Home(settings, KeyRing.create(home / KEYS, did, now=now, alg=algorithm), is_new=True)


def rotate(home: Path, *, now: datetime) -> Home:
    """A new signing key for a home that is there; the old one stays in the DID document.

    Raises:
        NotFound: there is no home.
        Conflict, Unavailable: its keys belong to another address, or are damaged.
    """
    settings = load(home)
    ring = KeyRing.open(home / KEYS, did_from_url(settings.public_url))
    algorithm: Any = settings.identity.algorithm
    ring.rotate(now=now, alg=algorithm)
    return Home(settings, ring, is_new=False)


def init(
    shell: Shell, values: Mapping[str, Mapping[str, Any]], *, now: datetime, new_key: bool = False
) -> int:
    """`madang init`: make the home of this shell and say who it is. Raises as `make_home` and `rotate`."""
    if new_key and any(values.values()):
        raise BadInput("--new-key stands alone: a home that is there keeps its settings", pointer="--new-key")
    made = rotate(shell.home, now=now) if new_key else make_home(shell.home, values, now=now)
    settings, ring = made.settings, made.ring
    told = {
        "home": str(settings.home),
        "did": ring.did,
        "thumbprint": ring.thumbprint,
        "publicUrl": settings.public_url,
        "new": made.is_new,
        "newKey": new_key,
    }

    def human() -> None:
        shell.say(
            "init.made" if made.is_new else "init.rotated" if new_key else "init.kept", home=settings.home
        )
        shell.say("init.identity", did=ring.did, thumbprint=ring.thumbprint)
        if not settings.server.public_url:
            shell.say("init.no-url", config=settings.home / CONFIG_FILE, host=socket.gethostname())
        if not new_key:
            shell.say("init.next")

    shell.show(told, human)
    return 0


def _write(path: Path, text: str, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
