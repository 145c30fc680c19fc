"""One policy document while it is read: its names, its limits, and what turned out strange in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from connector.errors import PolicyInvalid
from connector.policy import terms
from connector.policy.texts import Text, plain
from connector.policy.tree import Flag, NotUnderstood, Unread
from connector.policy.values import MAX_TEXT
from connector.policy.vocabulary import Vocabulary

MAX_CONSTRAINTS: Final = 2000
MAX_DEPTH: Final = 16
"""Levels of logic and of duties within duties."""
MAX_VALUES: Final = 1000
"""Values in one set."""
MAX_RULES: Final = 1000
MAX_NESTING: Final = 64
MAX_MEMBERS: Final = 100_000

_WHAT: Final[Mapping[str, Text]] = {
    "operand": Text(ko="조건 항목 {}", en="the operand {}"),
    "operator": Text(ko="비교 방법 {}", en="the operator {}"),
    "value": Text(ko="비교 값 {}", en="the value {}"),
    "action": Text(ko="행위 {}", en="the action {}"),
    "duty": Text(ko="의무 {}", en="the duty {}"),
    "profile": Text(ko="정책 프로필 {}", en="the profile {}"),
    "target": Text(ko="대상 {}", en="the target {}"),
    "type": Text(ko="종류 {}", en="the type {}"),
}
_MEMBER: Final = Text(ko="항목 {}", en="the member {}")
_SENTENCE: Final = Text(
    ko="{}: 이 커넥터가 해석하지 못하므로 지켜지는지 판단할 수 없습니다",
    en="this connector does not understand {} and cannot tell whether it is kept",
)


class Document:
    """What the readers of one document share. Not for use after the reading."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.prefixes: dict[str, str] = dict(terms.PREFIXES)
        self.vocab = ""
        self.not_understood: list[NotUnderstood] = []
        self.flags: list[Flag] = []
        self._constraints = 0
        self._rules = 0

    def measure(self, root: Any) -> None:
        """Refuse what is too deep or too large before anything recurses into it."""
        nodes, depth, level = 0, 0, [root]
        while level:
            nodes += len(level)
            depth += 1
            if depth > MAX_NESTING:
                fail("", f"the policy is nested deeper than {MAX_NESTING} levels")
            if nodes > MAX_MEMBERS:
                fail("", f"the policy has more than {MAX_MEMBERS} members")
            below: list[Any] = []
            for node in level:
                # Most of a document is text; asking whether that is a Mapping is what takes the time.
                kind = type(node)
                if kind is str:
                    continue
                if kind is dict or isinstance(node, Mapping):
                    below.extend(node.values())
                elif isinstance(node, list | tuple):
                    below.extend(node)
            level = below

    def count_constraint(self, pointer: str) -> None:
        """One more constraint."""
        self._constraints += 1
        if self._constraints > MAX_CONSTRAINTS:
            fail(pointer, f"the policy has more than {MAX_CONSTRAINTS} constraints")

    def count_rule(self, pointer: str) -> None:
        """One more rule."""
        self._rules += 1
        if self._rules > MAX_RULES:
            fail(pointer, f"the policy has more than {MAX_RULES} rules")

    def context(self, raw: Any, pointer: str) -> None:
        """A JSON-LD context inside the policy: known ones, and prefixes; nothing that redefines a word."""
        for item, where in elements(raw, pointer):
            if isinstance(item, str):
                if item not in terms.CONTEXTS:
                    fail(where, f"the context {item!r} is not known here", "contexts are never fetched")
                continue
            if not isinstance(item, Mapping):
                fail(where, "a context is a known name or an object of prefixes")
            for prefix, defined in item.items():
                self._prefix(prefix, defined, where)

    def _prefix(self, prefix: str, defined: Any, pointer: str) -> None:
        if prefix in ("@version", "@protected"):
            return
        base = defined.get("@id") if isinstance(defined, Mapping) else defined
        only = not isinstance(defined, Mapping) or set(defined) <= {"@id", "@prefix"}
        if not isinstance(base, str) or not only or base[-1:] not in ("/", "#", ":"):
            fail(pointer, f"{prefix!r} is no prefix; terms are not defined inside a policy")
        if prefix == "@vocab":
            self.vocab = base
        elif prefix.startswith("@") or self.prefixes.get(prefix, base) != base or prefix in terms.WORDS:
            fail(pointer, f"{prefix!r} cannot be defined anew")
        else:
            self.prefixes[prefix] = base

    def members(
        self, raw: Any, table: Mapping[str, str], pointer: str, what: str
    ) -> dict[str, tuple[Any, str]]:
        """The members of an object by plain name, each with its own pointer.

        Raises:
            PolicyInvalid: no object, a member that no table knows, or one said twice.
        """
        if type(raw) is not dict and not isinstance(raw, Mapping):
            fail(pointer, f"{what} has to be an object")
        found: dict[str, tuple[Any, str]] = {}
        for key, value in raw.items():
            name = table.get(key)
            if name is None:
                name = table.get(terms.absolute(key, terms.NOTHING, self.prefixes))
            if name is None:
                fail(at(pointer, key), f"{key!r} is no member of {what}", hint=_accepted(table))
            where = f"{pointer}/{key}" if key == name else at(pointer, key)
            if name in found:
                fail(where, f"{name!r} stands twice in {what}")
            found[name] = value, where
        return found

    def name(self, raw: Any, table: Mapping[str, str], pointer: str, what: str) -> str:
        """The IRI that text or a reference stands for."""
        if type(raw) is not str:
            if isinstance(raw, list | tuple) and len(raw) == 1:
                raw = raw[0]
            if isinstance(raw, Mapping) and set(raw) == {"@id"}:
                raw = raw["@id"]
        return terms.absolute(self.text(raw, pointer, what), table, self.prefixes, self.vocab)

    def text(self, raw: Any, pointer: str, what: str) -> str:
        """Plain text that is not empty and not too long."""
        if not isinstance(raw, str) or not raw:
            fail(pointer, f"{what} has to be text that is not empty")
        if len(raw) > MAX_TEXT:
            fail(pointer, f"{what} is longer than {MAX_TEXT} characters")
        return raw

    def strange(self, pointer: str, what: str, name: str, *, whole: bool = False) -> NotUnderstood:
        """Remember something that we cannot act on."""
        shown = plain(terms.short(name))
        text = _SENTENCE.fill(_WHAT.get(what, _MEMBER).fill(shown))
        entry = NotUnderstood(pointer, what, name, text, whole)
        self.not_understood.append(entry)
        return entry

    def unread(self, members: Mapping[str, tuple[Any, str]]) -> tuple[Unread, ...]:
        """Members that are known and kept, but not acted on; empty ones say nothing."""
        if not members:
            return ()
        return tuple(
            Unread(name, json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")))
            for name, (value, _) in sorted(members.items())
            if value not in ([], {}, None)
        )


def _accepted(table: Mapping[str, str]) -> str:
    return "known are " + ", ".join(sorted({n for n in table.values() if not n.startswith("@")}))


def elements(raw: Any, pointer: str) -> list[tuple[Any, str]]:
    """The members of an array, of `{"@set": …}` or `{"@list": …}`, each with its own pointer.

    One thing alone is an array of one.
    """
    if type(raw) is str:
        return [(raw, pointer)]
    if isinstance(raw, Mapping) and len(raw) == 1:
        (key,) = raw
        if key in ("@set", "@list"):
            raw, pointer = raw[key], at(pointer, key)
    if raw is None:
        fail(pointer, "null says nothing here; leave the member out")
    if isinstance(raw, list | tuple):
        return [(item, f"{pointer}/{i}") for i, item in enumerate(raw)]
    return [(raw, pointer)]


def at(pointer: str, part: str | int) -> str:
    """A JSON pointer one level down (RFC 6901)."""
    if isinstance(part, int):
        return f"{pointer}/{part}"
    return f"{pointer}/{part.replace('~', '~0').replace('/', '~1')}"


def fail(pointer: str, message: str, hint: str = "") -> NoReturn:
    """The policy cannot be read."""
    raise PolicyInvalid(message, pointer=pointer, hint=hint)
