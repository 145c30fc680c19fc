"""Do two policies say the same? Names resolved, literals by value, rules and constraints as sets.

Not compared are `@id`, `@type` and the timestamp, nor target and parties: those are checked
against the process. What we do not understand is compared all the same, as it stands.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, assert_never

from connector.policy import terms
from connector.policy.reading import parse
from connector.policy.texts import Text, plain
from connector.policy.tree import Atomic, Constraint, Logic, Policy, Rule, Subject, Unread
from connector.policy.values import key_of, show_value

_NOTHING: Final = Text(ko="없음", en="nothing")
_SENTENCE: Final = Text(ko="{}: 우리 쪽 {}, 상대 쪽 {}", en="{}: ours says {}, theirs says {}")
_SHOWN: Final = 10
_UNCOMPARED: Final = frozenset({"target", "assigner", "assignee"})


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that only one side says, or that both say differently.

    pointer: into our policy, or into theirs where ours has nothing. mine, theirs: the words of
    each side, `""` for nothing.
    """

    pointer: str
    mine: str
    theirs: str

    @property
    def sentence(self) -> Text:
        """The difference in both languages."""
        return _SENTENCE.fill(
            self.pointer or "/",
            plain(self.mine) if self.mine else _NOTHING,
            plain(self.theirs) if self.theirs else _NOTHING,
        )

    def text(self, lang: str) -> str:
        """The difference in one language."""
        return self.sentence.of(lang)

    def to_json(self) -> dict[str, Any]:
        """Pointer, both sides, and the sentence in ko and en."""
        return {
            "pointer": self.pointer,
            "mine": self.mine,
            "theirs": self.theirs,
            "text": self.sentence.to_json(),
        }


def equal(mine: Mapping[str, Any] | Policy, theirs: Mapping[str, Any] | Policy) -> list[Difference]:
    """The differences in meaning, ours first; an empty list if there are none.

    Raises:
        PolicyInvalid: one of them cannot be read.
    """
    a = mine if isinstance(mine, Policy) else parse(mine)
    b = theirs if isinstance(theirs, Policy) else parse(theirs)
    if key_of_policy(a) == key_of_policy(b):
        return []
    found: list[Difference] = []
    for name in ("permission", "prohibition", "obligation"):
        found += _compare(_rules(a, name), _rules(b, name))
    if frozenset(a.profiles) != frozenset(b.profiles):
        found.append(Difference("/profile", ", ".join(a.profiles), ", ".join(b.profiles)))
    if a.conflict != b.conflict:
        found.append(Difference("/conflict", terms.short(a.conflict or ""), terms.short(b.conflict or "")))
    found += _compare_unread("", a.unread, b.unread)
    return found


def _rules(policy: Policy, name: str) -> Sequence[Rule]:
    return {
        "permission": policy.permissions,
        "prohibition": policy.prohibitions,
        "obligation": policy.obligations,
    }[name]


_Part = Rule | Constraint


def _compare(mine: Sequence[_Part], theirs: Sequence[_Part]) -> list[Difference]:
    """Pair what the two sides say differently by likeness, and go down into the pairs."""
    ours, others = {key_of_part(p): p for p in mine}, {key_of_part(p): p for p in theirs}
    left = [part for key, part in ours.items() if key not in others]
    right = [part for key, part in others.items() if key not in ours]
    found: list[Difference] = []
    for part in left:
        twin = max(right, key=lambda other: likeness(part, other), default=None)
        if twin is None or likeness(part, twin) == 0:
            found.append(Difference(part.pointer, show(part), ""))
            continue
        right.remove(twin)
        found += _inside(part, twin)
    return found + [Difference(part.pointer, "", show(part)) for part in right]


def _inside(mine: _Part, theirs: _Part) -> list[Difference]:
    if isinstance(mine, Rule) and isinstance(theirs, Rule):
        return (
            _compare(mine.constraints, theirs.constraints)
            + _compare(mine.duties, theirs.duties)
            + _compare(mine.refinements, theirs.refinements)
            + _compare_subjects(mine, theirs)
            + _compare_unread(mine.pointer, mine.unread, theirs.unread, frozenset())
        )
    if isinstance(mine, Logic) and isinstance(theirs, Logic) and mine.logic != "andSequence":
        return _compare(mine.parts, theirs.parts) + _compare_unread(
            mine.pointer, mine.unread, theirs.unread, frozenset()
        )
    return [Difference(mine.pointer, show(mine), show(theirs))]


def likeness(a: _Part, b: _Part) -> int:
    """0: two different things. More: rather one thing that was changed."""
    if isinstance(a, Rule) and isinstance(b, Rule):
        if (a.kind, a.action) != (b.kind, b.action):
            return 0
        shared = {key_of_part(c) for c in a.constraints} & {key_of_part(c) for c in b.constraints}
        return 1 + len(shared)
    if isinstance(a, Atomic) and isinstance(b, Atomic):
        return 0 if a.operand != b.operand else 2 if a.operator == b.operator else 1
    if isinstance(a, Logic) and isinstance(b, Logic):
        return int(a.logic == b.logic)
    return 0


def _compare_subjects(mine: Rule, theirs: Rule) -> list[Difference]:
    """Targets and parties that a rule names beside the policy's own."""
    return [
        Difference(f"{mine.pointer}/{name}", _show_subjects(ours), _show_subjects(others))
        for name, ours, others in (
            ("target", mine.targets, theirs.targets),
            ("assigner", mine.assigners, theirs.assigners),
            ("assignee", mine.assignees, theirs.assignees),
        )
        if _key_of_subjects(ours) != _key_of_subjects(others)
    ]


def _key_of_subjects(subjects: tuple[Subject, ...]) -> Hashable:
    return frozenset(
        (one.id, one.source, one.is_collection, frozenset(map(key_of_part, one.refinements)))
        for one in subjects
    )


def _show_subjects(subjects: tuple[Subject, ...]) -> str:
    return ", ".join(
        sorted(
            (one.id or one.source or "?")
            + (f" ({'; '.join(map(show, one.refinements))})" if one.refinements else "")
            for one in subjects
        )
    )


def _compare_unread(
    pointer: str,
    mine: Iterable[Unread],
    theirs: Iterable[Unread],
    uncompared: frozenset[str] = _UNCOMPARED,
) -> list[Difference]:
    """A rule's own target and parties are compared; the policy's are checked against the process."""
    a, b = ({u.name: u.text for u in side if u.name not in uncompared} for side in (mine, theirs))
    return [
        Difference(f"{pointer}/{name}", a.get(name, ""), b.get(name, ""))
        for name in sorted(a.keys() | b.keys())
        if a.get(name) != b.get(name)
    ]


def key_of_policy(policy: Policy) -> Hashable:
    """Equal for policies that say the same, and for no others."""
    return (
        frozenset(map(key_of_part, policy.permissions)),
        frozenset(map(key_of_part, policy.prohibitions)),
        frozenset(map(key_of_part, policy.obligations)),
        frozenset(policy.profiles),
        policy.conflict,
        frozenset(u for u in policy.unread if u.name not in _UNCOMPARED),
    )


def key_of_part(part: _Part) -> Hashable:
    """Equal for parts that say the same, and for no others."""
    match part:
        case Atomic():
            values = frozenset(map(key_of, part.values))
            return part.operand, part.operator, values, frozenset(part.unread)
        case Logic():
            keys = tuple(map(key_of_part, part.parts))
            return (
                part.logic,
                keys if part.logic == "andSequence" else frozenset(keys),
                frozenset(part.unread),
            )
        case Rule():
            constraints, duties = (
                frozenset(map(key_of_part, part.constraints)),
                frozenset(map(key_of_part, part.duties)),
            )
            refined = frozenset(map(key_of_part, part.refinements))
            about = tuple(_key_of_subjects(one) for one in (part.targets, part.assigners, part.assignees))
            return part.kind, part.action, constraints, refined, about, duties, frozenset(part.unread)


def show(part: _Part) -> str:
    """A rule or constraint in one line of technical words, the same in every language."""
    match part:
        case Atomic():
            line = f"{terms.short(part.operand)} {part.operator} {_show_values(part)}"
        case Logic():
            line = f"{part.logic}({'; '.join(map(show, part.parts))})"
        case Rule():
            line = f"{part.kind} {terms.short(part.action)}"
            if part.refinements:
                line += f" ({'; '.join(map(show, part.refinements))})"
            if part.constraints:
                line += f" if {'; '.join(map(show, part.constraints))}"
            if part.duties:
                line += f" with {'; '.join(map(show, part.duties))}"
        case _:
            assert_never(part)
    return line + "".join(f" {u.name}={u.text}" for u in part.unread)


def _show_values(part: Atomic) -> str:
    values = sorted(map(show_value, part.values))
    shown = ", ".join(values[:_SHOWN]) + (", …" if len(values) > _SHOWN else "")
    return f"[{shown}]" if part.operator in terms.SET_OPERATORS else shown
