"""Management bodies as they come: the JSON-LD habits of EDC clients, read without a JSON-LD processor.

One member may be written bare, with a prefix or as an absolute IRI; a value may be a
`{"@value": …}` or `{"@id": …}` object. `compact` makes one form of all: short names for EDC's
and our own members, absolute IRIs for every other. Contexts are known by name or refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from connector.errors import BadInput, InvalidMessage
from connector.model.names import CONTEXT_DSP, CONTEXT_EDC, EDC, MMD, ODRL
from connector.policy import parse, serialise
from connector.policy.terms import LEFT_OPERANDS, PREFIXES

_PREFIXES: Final = {**PREFIXES, "dct": "http://purl.org/dc/terms/", "dcat": "http://www.w3.org/ns/dcat#"}
_CONTEXTS: Final = frozenset(
    {
        CONTEXT_DSP,
        CONTEXT_EDC,
        EDC,
        "https://w3id.org/edc/connector/management/v0.0.1",
        "https://w3id.org/edc/connector/management/v2",
        "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
        "http://www.w3.org/ns/odrl.jsonld",
        "https://www.w3.org/ns/odrl.jsonld",
    }
)
_LEFT: Final = frozenset({"leftOperand", "odrl:leftOperand", ODRL + "leftOperand"})
_PROPERTIES: Final = frozenset({"properties", "privateProperties"})
"""Their members keep absolute names: whose they are matters."""
_RULES: Final = ("permission", "prohibition", "obligation")
_MAX_TEXT: Final = 4096


@dataclass(frozen=True, slots=True)
class Names:
    """What the contexts of a body define: prefixes, and words that stand for an IRI."""

    prefixes: Mapping[str, str] = field(default_factory=lambda: dict(_PREFIXES))
    words: Mapping[str, str] = field(default_factory=dict)

    def iri(self, name: str) -> str:
        """The IRI that a member's name stands for."""
        if name in self.words:
            return self.words[name]
        prefix, colon, rest = name.partition(":")
        if not colon:
            return EDC + name
        base = self.prefixes.get(prefix) if not rest.startswith("//") else None
        return name if base is None else base + rest

    def with_context(self, raw: Any) -> Names:
        """These names, and what a further `@context` defines.

        Raises:
            InvalidMessage: a context that is not known here; contexts are never fetched.
        """
        prefixes, words = dict(self.prefixes), dict(self.words)
        for item in raw if isinstance(raw, list) else [raw]:
            if isinstance(item, str):
                if item not in _CONTEXTS:
                    raise InvalidMessage(f"the context {item!r:.200} is not known here", pointer="@context")
            elif isinstance(item, Mapping):
                _define(item, prefixes, words)
            elif item is not None:
                raise InvalidMessage("must be a name, an object, or a list of them", pointer="@context")
        return Names(prefixes, words)


def _define(context: Mapping[str, Any], prefixes: dict[str, str], words: dict[str, str]) -> None:
    for word, meaning in context.items():
        iri = meaning.get("@id") if isinstance(meaning, Mapping) else meaning
        if word == "@vocab":
            if iri not in (EDC, ODRL):
                raise InvalidMessage(f"must be {EDC}", pointer="@context/@vocab")
        elif word.startswith("@"):
            continue
        elif not isinstance(iri, str) or ":" not in iri:
            raise InvalidMessage("must be an absolute IRI", pointer=f"@context/{word:.80}")
        elif word in _PREFIXES and _PREFIXES[word] != iri:
            raise InvalidMessage(f"must be {_PREFIXES[word]}", pointer=f"@context/{word}")
        elif iri[-1] in "/#:":
            prefixes[word] = iri
        else:
            words[word] = iri


def compact(body: Any, *types: str) -> dict[str, Any]:
    """A body with one name for each member; `policy` stays as it came, see `read_policy`.

    `types` are the `@type`s that make sense here; a missing one does too.

    Raises:
        InvalidMessage: no object, an unknown context, another `@type`, or a member said twice.
    """
    if not isinstance(body, Mapping):
        raise InvalidMessage("the body must be a JSON object")
    names = Names().with_context(body.get("@context", []))
    found = _members(body, names)
    wire_type = found.pop("@type", None)
    given = wire_type[0] if isinstance(wire_type, list) and len(wire_type) == 1 else wire_type
    local = names.iri(given).removeprefix(EDC) if isinstance(given, str) else None
    if given is not None and types and local not in types:
        raise InvalidMessage(f"must be {types[0]}", pointer="@type")
    if "policy" in found and isinstance(found["policy"], Mapping):
        found["policy"] = plain_policy(found["policy"], names)
    return found


def _compact(value: Any, names: Names, *, whole_names: bool = False) -> Any:
    if isinstance(value, list):
        return [_compact(item, names, whole_names=whole_names) for item in value]
    if not isinstance(value, Mapping):
        return value
    for wrapper in ("@value", "@list", "@set"):
        if wrapper in value:
            return _compact(value[wrapper], names, whole_names=whole_names)
    if set(value) == {"@id"}:
        return value["@id"]
    if "@context" in value:
        names = names.with_context(value["@context"])
    return _members(value, names, whole_names=whole_names)


def _members(value: Mapping[str, Any], names: Names, *, whole_names: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, item in value.items():
        if key == "@context":
            continue
        iri = key if key.startswith("@") else names.iri(key)
        name = iri if whole_names else _short(iri)
        if name in found:
            raise InvalidMessage("stands twice", pointer=name)
        if name in ("policy", "@type"):
            found[name] = item
        else:
            found[name] = _compact(item, names, whole_names=whole_names or name in _PROPERTIES)
    return found


def _short(iri: str) -> str:
    """A member of EDC's or of ours by its local name."""
    for base in (EDC, MMD):
        if iri.startswith(base):
            return iri.removeprefix(base)
    return iri


def plain_policy(policy: Mapping[str, Any], names: Names) -> dict[str, Any]:
    """A policy in the form that `connector.policy` reads: its words plain, its prefixes said.

    A bare left operand that ODRL does not know is EDC's, as in the clients' `@vocab`.
    """
    names = names.with_context(policy.get("@context", []))
    found = {_member(k, names): _operands(v) for k, v in policy.items() if k != "@context"}
    if isinstance(found.get("@type"), str):
        found["@type"] = names.iri(found["@type"]).removeprefix(EDC)
    own = {p: base for p, base in names.prefixes.items() if p not in PREFIXES}
    return {"@context": own, **found} if own else found


def _member(key: str, names: Names) -> str:
    """A member of a policy: a word that the context defines stands for its IRI."""
    return names.words.get(key, key)


def _operands(value: Any) -> Any:
    if isinstance(value, list):
        return [_operands(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    return {key: _left(item) if key in _LEFT else _operands(item) for key, item in value.items()}


def _left(value: Any) -> Any:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping) and set(value) == {"@id"}:
        value = value["@id"]
    if isinstance(value, str) and value and ":" not in value and value not in LEFT_OPERANDS:
        return EDC + value
    return value


def read_policy(raw: Any, *, pointer: str = "policy") -> dict[str, Any]:
    """The rules of a policy in the one form that we store and send.

    A policy without any rule permits every use, as it does in an EDC; that is written out, so
    that nobody has to know.

    Raises:
        InvalidMessage: it is no object.
        PolicyInvalid: it cannot be read; what is only not understood is kept.
    """
    if not isinstance(raw, Mapping):
        raise InvalidMessage("must be a policy", pointer=pointer)
    written = serialise(parse(raw))
    rules = {name: written[name] for name in (*_RULES, "profile") if written.get(name)}
    if not any(name in rules for name in _RULES):
        rules["permission"] = [{"action": "use"}]
    return rules


def has_rules(raw: Mapping[str, Any]) -> bool:
    """Whether a policy says any rule at all."""
    return any(raw.get(prefix + name) for prefix in ("", "odrl:", ODRL) for name in _RULES)


def party(policy: Mapping[str, Any], name: str) -> str:
    """The id of a policy's target or party ("" if it has none)."""
    for key in (name, f"odrl:{name}", ODRL + name):
        value = policy.get(key)
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, Mapping):
            value = value.get("@id")
        if isinstance(value, str):
            return value
    return ""


# --- members ----------------------------------------------------------------------------------


def text(
    body: Mapping[str, Any], name: str, *, needed: bool = True, limit: int = _MAX_TEXT, base: str = EDC
) -> str:
    """A text member; "" if it is missing and not needed. `base` stands before its name in an error.

    Raises:
        InvalidMessage: missing, empty, no text, too long, or with control characters.
    """
    value = body.get(name)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or value == "":
        if needed:
            raise InvalidMessage("is missing", pointer=_pointer(name, base))
        return ""
    if not isinstance(value, str):
        raise InvalidMessage("must be text", pointer=_pointer(name, base))
    if len(value) > limit or any(ord(c) < 32 or 0xD800 <= ord(c) < 0xE000 for c in value):
        raise InvalidMessage(f"must be at most {limit} plain characters", pointer=_pointer(name, base))
    return value


def mapping(body: Mapping[str, Any], name: str, *, needed: bool = False, base: str = EDC) -> dict[str, Any]:
    """A member that is an object; {} if it is missing and not needed.

    Raises:
        InvalidMessage: missing, or no object.
    """
    value = body.get(name)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None and not needed:
        return {}
    if not isinstance(value, dict):
        raise InvalidMessage(
            "is missing" if value is None else "must be an object", pointer=_pointer(name, base)
        )
    return value


def items(body: Mapping[str, Any], name: str) -> list[Any]:
    """A member that is a list, or one thing alone; [] if it is missing."""
    value = body.get(name)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _pointer(name: str, base: str) -> str:
    return name if name.startswith("@") or ":" in name else base + name


def protocol(body: Mapping[str, Any]) -> None:
    """The protocol a client names must be the one spoken here; clients of old leave the version out.

    Raises:
        BadInput: another one.
    """
    named = text(body, "protocol", needed=False)
    if named not in ("", "dataspace-protocol-http", "dataspace-protocol-http:2025-1"):
        raise BadInput("only dataspace-protocol-http:2025-1 is spoken here", pointer=EDC + "protocol")
