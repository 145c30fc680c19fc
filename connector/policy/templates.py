"""Policy templates: one file each, with texts, a parameter schema, a fragment and an example.

`--policy a,b --param k=v` adds the constraints of several templates into one permission, so all
of them have to hold; several permissions would mean "or".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NoReturn

from connector.errors import PolicyInvalid
from connector.policy.operands.purpose import PURPOSES
from connector.policy.texts import Text
from connector.policy.values import read_time, write_time

MAX_ENTRIES: Final = 1000
_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_DATE = re.compile(r"\d{4}-\d\d-\d\d(Z|[+-]\d\d:\d\d)?", re.ASCII)
_PARTICIPANT = re.compile(r"did:[a-z0-9]+:[A-Za-z0-9._:%-]+|(?!did:)[^\s,\"<>]+")
_ABSOLUTE = re.compile(r"(https?://|urn:)[^\s,\"<>]+")
_NUMBER = re.compile(r"[1-9]\d{0,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Template:
    """One way to word a permission.

    parameters: a JSON Schema (2020-12) of an object of texts, as they come from a command line;
    each property says its `kind` (start, end, days, number, participants, purposes).
    constraints: the fragment, with `{name}` where a parameter goes; a constraint whose parameter
    is optional and not given is left out. example: parameters that build. enforcement: operand ->
    enforced, evidenced or promised.
    """

    name: str
    title: Text
    description: Text
    parameters: Mapping[str, Any]
    constraints: tuple[Mapping[str, Any], ...]
    example: Mapping[str, str]
    enforcement: Mapping[str, str]

    @property
    def accepted(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(self.parameters.get("properties", {}))

    def to_json(self) -> dict[str, Any]:
        """Everything a form or a list needs."""
        return {
            "name": self.name,
            "title": self.title.to_json(),
            "description": self.description.to_json(),
            "parameters": self.parameters,
            "example": dict(self.example),
            "enforcement": dict(self.enforcement),
        }


class Templates:
    """The templates of one folder, immutable."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self._templates = {template.name: template for template in templates}

    @classmethod
    def load(cls, folder: Path) -> Templates:
        """Read every `*.jsonld` of the folder.

        Raises:
            PolicyInvalid: a file that is no template, or a folder without any.
        """
        files = sorted(folder.glob("*.jsonld"))
        if not files:
            raise PolicyInvalid(f"{folder} has no policy templates")
        return cls([_load(file) for file in files])

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of the alphabet."""
        return tuple(self._templates)

    def __getitem__(self, name: str) -> Template:
        """One template.

        Raises:
            PolicyInvalid: there is none of that name.
        """
        template = self._templates.get(name)
        if template is None:
            _refuse("policy", f"there is no policy template {name!r}", self.names)
        return template

    def build(self, names: Sequence[str], params: Mapping[str, str]) -> dict[str, Any]:
        """The rules of a policy: `{"permission": [{"action": "use", "constraint": […]}]}`.

        `params` are texts: `from=2026-11-24`, `until=2026-12-24T18:00+09:00` (a date alone begins
        with its first and ends with its last second, UTC), `days=30`, `count=10`,
        `partners=did:web:a.example,did:web:b.example`, `purposes=quality-assurance,…`.

        Raises:
            PolicyInvalid: an unknown template or parameter, one that is missing or of no value,
                each with what is accepted.
        """
        if not names:
            _refuse("policy", "no policy template is named", self.names)
        chosen = [self[name] for name in names]
        for name in names:
            if list(names).count(name) > 1:
                _refuse("policy", f"the template {name!r} is named twice", ())
        accepted = tuple(dict.fromkeys(param for template in chosen for param in template.accepted))
        for name in params:
            if name not in accepted:
                _refuse(name, f"{name!r} is no parameter of {', '.join(names)}", accepted)
        constraints = [c for template in chosen for c in _fill(template, params)]
        rule: dict[str, Any] = {"action": "use"}
        if constraints:
            rule["constraint"] = constraints
        return {"permission": [rule]}


def _load(file: Path) -> Template:
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        (rule,) = raw["policy"]["permission"]
        return Template(
            name=raw["name"],
            title=Text(**raw["title"]),
            description=Text(**raw["description"]),
            parameters=raw["parameters"],
            constraints=tuple(rule.get("constraint", ())),
            example=raw["example"],
            enforcement=raw["enforcement"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise PolicyInvalid(f"{file.name} is no policy template: {error!r}") from None


def _fill(template: Template, params: Mapping[str, str]) -> list[dict[str, Any]]:
    properties: Mapping[str, Mapping[str, Any]] = template.parameters.get("properties", {})
    missing = [name for name in template.parameters.get("required", ()) if name not in params]
    if missing:
        _refuse(missing[0], f"{template.name} needs {', '.join(missing)}", template.accepted)
    given = {
        name: _KINDS[schema["kind"]](name, params[name])
        for name, schema in properties.items()
        if name in params
    }
    if len(given) < template.parameters.get("minProperties", 0):
        _refuse(template.accepted[0], f"{template.name} needs at least one parameter", template.accepted)
    if "from" in given and "until" in given and read_time(given["from"]) > read_time(given["until"]):
        _refuse("until", "until lies before from", ())
    return [
        _put(constraint, given)
        for constraint in template.constraints
        if set(_PLACEHOLDER.findall(json.dumps(constraint))) <= given.keys()
    ]


def _put(fragment: Any, given: Mapping[str, Any]) -> Any:
    """The fragment with its placeholders filled; one that is a whole value may become a list."""
    if isinstance(fragment, dict):
        return {key: _put(value, given) for key, value in fragment.items()}
    if isinstance(fragment, list):
        return [_put(item, given) for item in fragment]
    if not isinstance(fragment, str):
        return fragment
    whole = _PLACEHOLDER.fullmatch(fragment)
    if whole:
        return given[whole[1]]
    return _PLACEHOLDER.sub(lambda found: str(given[found[1]]), fragment)


def _refuse(pointer: str, message: str, accepted: Sequence[str]) -> NoReturn:
    hint = f"accepted: {', '.join(accepted)}" if accepted else ""
    raise PolicyInvalid(f"{message} ({hint})" if hint else message, pointer=pointer, hint=hint)


def _time(name: str, text: str) -> datetime:
    try:
        return read_time(text.strip())
    except ValueError as error:
        _refuse(name, f"{name}={text!r} is {error}", ("2026-11-24", "2026-11-24T09:00:00+09:00"))


def _start(name: str, text: str) -> str:
    return write_time(_time(name, text))


def _end(name: str, text: str) -> str:
    moment = _time(name, text)
    if _DATE.fullmatch(text.strip()):
        moment += timedelta(days=1, seconds=-1)
    return write_time(moment)


def _number(name: str, text: str) -> str:
    if _NUMBER.fullmatch(text.strip()) is None:
        _refuse(name, f"{name}={text!r} is no whole number from 1 to 999999999", ())
    return text.strip()


def _days(name: str, text: str) -> str:
    if _NUMBER.fullmatch(text.strip()) is None or int(text) > 36_500:
        _refuse(name, f"{name}={text!r} is no whole number from 1 to 36500", ())
    return text.strip()


def _entries(name: str, text: str) -> list[str]:
    entries = list(dict.fromkeys(entry.strip() for entry in text.split(",") if entry.strip()))
    if not 1 <= len(entries) <= MAX_ENTRIES:
        _refuse(name, f"{name} takes 1 to {MAX_ENTRIES} entries, separated by commas", ())
    return entries


def _participants(name: str, text: str) -> list[str]:
    for entry in (entries := _entries(name, text)):
        if _PARTICIPANT.fullmatch(entry) is None:
            _refuse(name, f"{entry!r} is no participant id", ("did:web:factory-a.example",))
    return entries


def _purposes(name: str, text: str) -> list[str]:
    found = []
    for entry in _entries(name, text):
        if entry not in PURPOSES and _ABSOLUTE.fullmatch(entry) is None:
            _refuse(name, f"{entry!r} is no purpose", (*PURPOSES, "an absolute IRI"))
        found.append(PURPOSES[entry][0] if entry in PURPOSES else entry)
    return list(dict.fromkeys(found))


_KINDS: Final[Mapping[str, Callable[[str, str], Any]]] = {
    "start": _start,
    "end": _end,
    "number": _number,
    "days": _days,
    "participants": _participants,
    "purposes": _purposes,
}
