"""Policies, requests and states from files: DSP JSON as it is, Turtle through a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import connector
from connector.errors import BadInput, MalformedBody, NotFound, PolicyInvalid
from connector.model.canonical import load_json
from connector.model.times import parse_iso
from connector.policy import Context, World, purpose_iri, terms
from connector.policy.values import Value, bare, typed
from connector.policy.world import Deontic

MAX_BYTES: Final = 1 << 20
_WRAPPED: Final = ("agreement", "offer", "policy")
_RULES: Final = frozenset({"permission", "prohibition", "obligation", "odrl:permission"})
_REQUEST: Final = frozenset({"action", "target", "recipient", "assigner", "purpose"})
_STATE: Final = frozenset({"now", "agreedAt", "uses", "facts", "memberOf", "broader", "duties"})
_RDF_TIMEOUT_S: Final = 30


def read_policy(file: Path) -> dict[str, Any]:
    """A policy's JSON form: from a policy, a DSP message around one, or a Turtle document with one.

    Raises:
        NotFound, BadInput, MalformedBody: the file cannot be read.
        PolicyInvalid: it holds no policy, or several.
    """
    raw = _bytes(file)
    if file.suffix == ".ttl":
        return _from_rdf(raw, "turtle")
    found = load_json(raw, limit=MAX_BYTES)
    if isinstance(found, list) or (isinstance(found, dict) and "@graph" in found):
        return _from_rdf(raw, "json-ld")
    if not isinstance(found, dict):
        raise PolicyInvalid(f"{file} holds no object")
    for name in _WRAPPED:
        if not _RULES & found.keys() and isinstance(found.get(name), dict):
            inner: dict[str, Any] = found[name]
            return inner
    return found


def _bytes(file: Path) -> bytes:
    try:
        if str(file) == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with file.open("rb") as source:
            return source.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no file {file}") from None
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}") from None


def _from_rdf(raw: bytes, form: str) -> dict[str, Any]:
    """RDF is read where it cannot hurt: in a process with limits on its size, time and memory."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedBody(f"not UTF-8 at byte {error.start}") from None
    command = [sys.executable, "-m", "connector.semantic.policy_graph"]
    try:
        done = subprocess.run(  # noqa: S603 - our own module
            command,
            input=json.dumps({"text": text, "format": form}),
            capture_output=True,
            text=True,
            timeout=_RDF_TIMEOUT_S,
            cwd=Path(connector.__file__).parents[1],  # where `-m` finds it, in a clone as well
            check=False,
        )
        answer = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError):
        raise PolicyInvalid("the document could not be read within its limits") from None
    if "error" in answer:
        raise PolicyInvalid(str(answer["error"]), pointer=str(answer.get("pointer", "")))
    policies: list[dict[str, Any]] = answer["policies"]
    if len(policies) != 1:
        raise PolicyInvalid(f"the document holds {len(policies)} policies, not one")
    return policies[0]


def read_object(given: str, option: str, known: frozenset[str]) -> Mapping[str, Any]:
    """A JSON object from a file, or written out on the command line; {} for `""`.

    Raises:
        BadInput: not such an object, or a member that is not known.
    """
    if not given:
        return {}
    raw = given.encode("utf-8") if given.lstrip().startswith("{") else _bytes(Path(given))
    try:
        found = load_json(raw, limit=MAX_BYTES)
    except MalformedBody as error:
        raise BadInput(error.message, pointer=option) from None
    if not isinstance(found, dict):
        raise BadInput("must be a JSON object", pointer=option)
    for name in found:
        if name not in known:
            raise BadInput(f"{name!r} is not known", pointer=option, hint=", ".join(sorted(known)))
    return found


def read_context(request: str, state: str, now: Any) -> Context:
    """The facts of one question; the clock's `now` where the state says none.

    Raises:
        BadInput: a member is not known or of the wrong kind.
    """
    asked, world = read_object(request, "--request", _REQUEST), read_object(state, "--state", _STATE)
    for name in asked:
        if not isinstance(asked[name], str):
            raise BadInput(f"{name} has to be text", pointer="--request")
    action = terms.absolute(asked.get("action", "use"), terms.ACTIONS, terms.PREFIXES)
    try:
        return Context(
            now=parse_iso(world["now"]) if "now" in world else now,
            action=action,
            target=asked.get("target"),
            recipient=asked.get("recipient"),
            assigner=asked.get("assigner"),
            agreed_at=parse_iso(world["agreedAt"]) if "agreedAt" in world else None,
            purpose=purpose_iri(asked["purpose"]) if "purpose" in asked else None,
            uses=_whole(world.get("uses")),
            world=_world(world),
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise BadInput(str(error), pointer="--state") from None


def _whole(value: Any) -> int | None:
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise ValueError("uses has to be a whole number")
    return value


def _world(state: Mapping[str, Any]) -> World:
    def name(word: str) -> str:
        return terms.absolute(word, terms.LEFT_OPERANDS, terms.PREFIXES)

    def links(member: str) -> dict[str, frozenset[str]]:
        return {one: frozenset(others) for one, others in state.get(member, {}).items()}

    return World(
        facts={name(iri): _fact(value) for iri, value in state.get("facts", {}).items()},
        member_of=links("memberOf"),
        broader=links("broader"),
        duties={duty: Deontic(said) for duty, said in state.get("duties", {}).items()},
        events=() if "duties" in state else None,
    )


def _fact(raw: Any) -> Value | frozenset[Value]:
    return frozenset(map(_value, raw)) if isinstance(raw, list) else _value(raw)


def _value(raw: Any) -> Value:
    if isinstance(raw, Mapping):
        datatype = terms.absolute(str(raw.get("@type", "")), terms.NOTHING, terms.PREFIXES)
        return typed(raw, datatype, lambda _: None)
    return bare(raw, lambda _: None)
