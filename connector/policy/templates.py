"""Policy templates: one file each, with texts, a parameter schema, a fragment and an example.

`--policy a,b --param k=v` adds the conditions and duties of several templates into one permission, so
all of them have to hold; several permissions on the same action would mean "or". Prohibitions,
obligations and permissions on other actions stand beside it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from connector.errors import PolicyInvalid
from connector.model.names import ODRL
from connector.policy.reading import parse
from connector.policy.sentences import enforcement
from connector.policy.template_values import KINDS, refuse
from connector.policy.texts import Text
from connector.policy.tree import NotUnderstood
from connector.policy.values import read_time
from connector.policy.vocabulary import SPINE, Vocabulary

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
_MAIN: Final = ("use", ODRL + "execute")
"""Actions of the one permission that conditions are added to; the later one wins."""
_KEPT_BY: Final = ("provider", "consumer", "both")


@dataclass(frozen=True, slots=True)
class Template:
    """One way to word a part of a policy.

    parameters: a JSON Schema (2020-12) of an object of texts, as they come from a command line;
    each property says its `kind` (`template_values.KINDS`). rules: permission, prohibition and
    obligation, with `{name}` where a parameter goes; a constraint whose parameter is optional and
    not given is left out. example: parameters that build. kept_by: who could keep it at all,
    `provider`, `consumer` or `both`.
    """

    name: str
    title: Text
    description: Text
    parameters: Mapping[str, Any]
    rules: Mapping[str, Sequence[Mapping[str, Any]]]
    example: Mapping[str, str]
    kept_by: str
    vocabulary: Vocabulary = SPINE
    """What this connector understands."""

    @property
    def accepted(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return tuple(self.parameters.get("properties", {}))

    @property
    def enforcement(self) -> Mapping[str, str]:
        """What this connector makes of it, by operand, action or duty: enforced, evidenced or promised."""
        entries = enforcement(parse(_build([self], self.example), self.vocabulary))
        return {entry.operand: entry.level.value for entry in entries if entry.operand}

    @property
    def not_understood(self) -> tuple[NotUnderstood, ...]:
        """What of it this connector cannot act on; empty if it may be published."""
        return parse(_build([self], self.example), self.vocabulary).not_understood

    def to_json(self) -> dict[str, Any]:
        """Everything a form or a list needs."""
        return {
            "name": self.name,
            "title": self.title.to_json(),
            "description": self.description.to_json(),
            "parameters": self.parameters,
            "example": dict(self.example),
            "enforcement": dict(self.enforcement),
            "keptBy": self.kept_by,
            "understood": not self.not_understood,
            "policy": _build([self], self.example),
        }


class Templates:
    """The templates of one folder, immutable."""

    def __init__(self, templates: Sequence[Template]) -> None:
        self._templates = {template.name: template for template in templates}

    @classmethod
    def load(cls, folder: Path, vocabulary: Vocabulary = SPINE) -> Templates:
        """Read every `*.jsonld` of the folder, for a connector that understands the vocabulary.

        Raises:
            PolicyInvalid: a file that is no template, or a folder without any.
        """
        files = sorted(folder.glob("*.jsonld"))
        if not files:
            raise PolicyInvalid(f"{folder} has no policy templates")
        return cls([_load(file, vocabulary) for file in files])

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
            refuse("policy", f"there is no policy template {name!r}", self.names)
        return template

    def build(self, names: Sequence[str], params: Mapping[str, str]) -> dict[str, Any]:
        """The rules of a policy that this connector understands, to be published.

        `params` are texts: `from=2026-11-24`, `until=2026-12-24T18:00+09:00` (a date alone begins
        with its first and ends with its last second, UTC), `days=30`, `count=10`,
        `partners=did:web:a.example,did:web:b.example`, `purposes=quality-assurance,…`.

        Raises:
            PolicyInvalid: an unknown template or parameter, one that is missing or of no value,
                each with what is accepted; or something in the result that this connector does not
                understand: it would hand over nothing under such a policy.
        """
        built = self.preview(names, params)
        for name in names:
            odd = self[name].not_understood
            if odd:
                raise PolicyInvalid(
                    f"the template {name!r} cannot be published: {odd[0].text.en}",
                    pointer="policy",
                    hint="nothing would be handed over under it",
                    extra={"reason": _UNPUBLISHABLE.fill(name, odd[0].text).to_json()},
                )
        return built

    def preview(self, names: Sequence[str], params: Mapping[str, str]) -> dict[str, Any]:
        """The same, also with what this connector does not understand: to be looked at, not published.

        Raises:
            PolicyInvalid: as `build`, but for what is not understood.
        """
        if not names:
            refuse("policy", "no policy template is named", self.names)
        chosen = [self[name] for name in names]
        for name in names:
            if list(names).count(name) > 1:
                refuse("policy", f"the template {name!r} is named twice")
        accepted = tuple(dict.fromkeys(param for template in chosen for param in template.accepted))
        for name in params:
            if name not in accepted:
                refuse(name, f"{name!r} is no parameter of {', '.join(names)}", accepted)
        return _build(chosen, params)


_UNPUBLISHABLE: Final = Text(
    ko="{} 템플릿으로는 공개할 수 없습니다. {}", en="the template {} cannot be published: {}"
)


def _load(file: Path, vocabulary: Vocabulary) -> Template:
    try:
        raw = json.loads(file.read_text(encoding="utf-8"))
        template = Template(
            name=raw["name"],
            title=Text(**raw["title"]),
            description=Text(**raw["description"]),
            parameters=raw["parameters"],
            rules={kind: tuple(raw["policy"].get(kind, ())) for kind in _RULES},
            example=raw["example"],
            kept_by=raw["kept_by"],
            vocabulary=vocabulary,
        )
        if template.kept_by not in _KEPT_BY or not template.rules["permission"]:
            raise ValueError("a template says who keeps it and has a permission")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise PolicyInvalid(f"{file.name} is no policy template: {error!r}") from None
    return template


_RULES: Final = ("permission", "prohibition", "obligation")


def _build(templates: Sequence[Template], params: Mapping[str, str]) -> dict[str, Any]:
    """The rules of several templates in one policy."""
    main: dict[str, Any] = {"action": _MAIN[0]}
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _RULES}
    for template in templates:
        given = _read(template, params)
        for kind in _RULES:
            for fragment in template.rules[kind]:
                rule = _rule(fragment, given)
                if kind == "permission" and rule["action"] in _MAIN:
                    main["action"] = max(main["action"], rule["action"], key=_MAIN.index)
                    for part in ("constraint", "duty"):
                        if part in rule:
                            main[part] = _added(main.get(part, []), rule[part])
                else:
                    found[kind] = _added(found[kind], [rule])
    found["permission"].insert(0, main)
    return {kind: rules for kind, rules in found.items() if rules}


def _added(known: list[Any], more: Iterable[Any]) -> list[Any]:
    return known + [one for one in more if one not in known]


def _rule(fragment: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    rule: dict[str, Any] = {"action": fragment["action"]}
    for part in ("constraint", "duty"):
        filled = [_put(one, given) for one in fragment.get(part, ()) if _needs(one) <= given.keys()]
        if filled:
            rule[part] = filled
    return rule


def _needs(fragment: Any) -> set[str]:
    return set(_PLACEHOLDER.findall(json.dumps(fragment)))


def _read(template: Template, params: Mapping[str, str]) -> dict[str, Any]:
    """The template's own parameters, as they go into the policy."""
    properties: Mapping[str, Mapping[str, Any]] = template.parameters.get("properties", {})
    missing = [name for name in template.parameters.get("required", ()) if name not in params]
    if missing:
        refuse(missing[0], f"{template.name} needs {', '.join(missing)}", template.accepted)
    given = {
        name: KINDS[schema["kind"]](name, params[name])
        for name, schema in properties.items()
        if name in params
    }
    if len(given) < template.parameters.get("minProperties", 0):
        refuse(template.accepted[0], f"{template.name} needs at least one parameter", template.accepted)
    if "from" in given and "until" in given and read_time(given["from"]) > read_time(given["until"]):
        refuse("until", "until lies before from")
    return given


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
