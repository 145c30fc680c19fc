"""The DSP JSON form of a policy -> `Policy`. By hand and by table, not by a JSON-LD processor:
that would drop words without a sound and costs two hundred times as much.

Read are DSP 2025-1's bare terms, `odrl:`-prefixed and absolute names, object forms
(`{"@id": …}`, `{"@set": […]}`), single objects instead of arrays, and EDC's `inForceDate`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

from connector.errors import PolicyInvalid
from connector.model.names import ODRL
from connector.policy import terms
from connector.policy.document import Document, elements, fail
from connector.policy.rules import SHARED, Members, read_id, read_rules
from connector.policy.subjects import PARTIES, party_id, whole_parties
from connector.policy.tree import Flag, Kind, Policy, Rule, RuleKind, Subject
from connector.policy.values import read_time
from connector.policy.vocabulary import SPINE, Vocabulary

_KINDS: Final[Mapping[str, Kind]] = {ODRL + k.value: k for k in Kind} | {ODRL + "Policy": Kind.SET}
_READ_POLICY: Final = frozenset(
    {"@id", "uid", "@type", "@context", "timestamp", "contractToken", "profile", "conflict", *PARTIES}
    | {"permission", "prohibition", "obligation"}
)
_SUBJECTS: Final[Mapping[str, Callable[[Rule], tuple[Subject, ...]]]] = {
    "target": attrgetter("targets"),
    "assigner": attrgetter("assigners"),
    "assignee": attrgetter("assignees"),
}
_WITHOUT: Final[Mapping[str, Callable[[Rule], Rule]]] = {
    "target": lambda rule: replace(rule, targets=()),
    "assigner": lambda rule: replace(rule, assigners=()),
    "assignee": lambda rule: replace(rule, assignees=()),
}


def parse(obj: Mapping[str, Any], vocabulary: Vocabulary = SPINE) -> Policy:
    """Read an Offer, Agreement or Set; without a type it is a Set (ODRL Information Model 2.2 §2.1).

    With a whole vocabulary, what a compact policy says once is said of each of its rules (§2.7.1):
    a rule's own target, party or action stands instead of the policy's, its constraints beside
    them. A policy that inherits is resolved first (`connector.policy.inheritance`).

    What is well-formed but unknown to us (an operand, action, profile, duty …) is kept and listed
    in `not_understood`. A policy without rules is read, and permits nothing.

    Raises:
        PolicyInvalid: with a JSON pointer: a member that no table knows, a wrong shape or value,
            a rule about another target or party than the policy's, or over a limit (2,000
            constraints, 16 levels of logic, 1,000 values in a set, 1,000 rules, 100,000 members in all).
    """
    doc = Document(vocabulary)
    doc.measure(obj)
    raw: Any = obj
    if isinstance(raw, Mapping) and "@context" in raw:
        doc.context(raw["@context"], "/@context")
    members = doc.members(obj, terms.POLICY_KEYS, "", "a policy")
    kind = _kind(doc, members)
    profiles = _profiles(doc, members)
    conflict = _conflict(doc, members)
    about = {party: party_id(doc, members, party, whole=True) for party in PARTIES}
    said: dict[str, list[str | None]] = {party: [] for party in PARTIES}
    permissions = read_rules(doc, members, RuleKind.PERMISSION, said)
    prohibitions = read_rules(doc, members, RuleKind.PROHIBITION, said)
    obligations = read_rules(doc, members, RuleKind.OBLIGATION, said)
    for party in PARTIES:
        if vocabulary.is_whole:
            about[party] = _shared(members, party, about[party], said[party])
        else:
            about[party] = _lift(members, party, about[party], said[party])
    if vocabulary.is_whole:
        permissions, prohibitions, obligations = (
            tuple(_relieved(rule, about) for rule in rules)
            for rules in (permissions, prohibitions, obligations)
        )
    shared = SHARED if vocabulary.is_whole else ()
    rest = {key: value for key, value in members.items() if key not in _READ_POLICY and key not in shared}
    for key, (value, pointer) in rest.items():
        if value not in ([], {}, None):
            doc.strange(pointer, key, ODRL + key, whole=True)
    return Policy(
        id=read_id(doc, members),
        kind=kind,
        target=about["target"],
        assigner=about["assigner"],
        assignee=about["assignee"],
        permissions=permissions,
        prohibitions=prohibitions,
        obligations=obligations,
        not_understood=tuple(doc.not_understood),
        profiles=profiles,
        conflict=conflict,
        timestamp=_timestamp(doc, members),
        unread=doc.unread(rest if vocabulary.is_whole else rest | whole_parties(members)),
        flags=tuple(doc.flags),
        vocabulary=vocabulary,
    )


def _kind(doc: Document, members: Members) -> Kind:
    if "@type" not in members:
        return Kind.SET
    raw, pointer = members["@type"]
    name = doc.name(raw, terms.TYPES, pointer, "@type")
    if name not in _KINDS:
        fail(pointer, f"{terms.short(name)!r} is no policy we know", hint="known are Offer, Agreement, Set")
    return _KINDS[name]


def _profiles(doc: Document, members: Members) -> tuple[str, ...]:
    if "profile" not in members:
        return ()
    raw, pointer = members["profile"]
    names = [(doc.name(p, terms.NOTHING, where, "profile"), where) for p, where in elements(raw, pointer)]
    for name, where in names:
        if not doc.vocabulary.understands_profile(name):
            doc.strange(where, "profile", name, whole=True)
    return tuple(name for name, _ in names)


def _conflict(doc: Document, members: Members) -> str | None:
    if "conflict" not in members:
        return None
    raw, pointer = members["conflict"]
    name = doc.name(raw, terms.CONFLICTS, pointer, "conflict")
    is_acted_on = name == terms.PROHIBIT or (
        doc.vocabulary.is_whole and name in terms.CONFLICTS.values()
    )  # that a prohibition wins is how we decide anyway
    if not is_acted_on:
        doc.strange(pointer, "conflict", name, whole=True)
    return name


def _timestamp(doc: Document, members: Members) -> datetime | None:
    if "timestamp" not in members:
        return None
    raw, pointer = members["timestamp"]
    if isinstance(raw, Mapping) and set(raw) <= {"@value", "@type"}:
        raw = raw.get("@value")
    try:
        text = doc.text(raw, pointer, "timestamp")
        return read_time(text, lambda what: doc.flags.append(Flag(pointer, what)))
    except ValueError as error:
        raise PolicyInvalid(f"timestamp is {error}", pointer=pointer) from None


def _lift(members: Members, party: str, own: str | None, said: list[str | None]) -> str | None:
    """Rules may repeat the policy's target and parties, or all say the same one instead of it."""
    names = {name for name in said if name is not None}
    if not names or names == {own}:
        return own
    if own is None and party not in members and names == set(said) and len(names) == 1:
        return names.pop()
    hint = f"say {party} once, on the policy"
    raise PolicyInvalid(f"a rule has another {party} than the policy", pointer="", hint=hint)


def _shared(members: Members, party: str, own: str | None, said: list[str | None]) -> str | None:
    """What every rule says and the policy does not is the policy's."""
    if own is None and party not in members and len(set(said)) == 1:
        return said[0]
    return own


def _relieved(rule: Rule, about: Mapping[str, str | None]) -> Rule:
    """A rule without the target and parties that it only repeats from the policy."""
    for party in PARTIES:
        subjects = _SUBJECTS[party](rule)
        if subjects and about[party] is not None and subjects == (Subject(about[party]),):
            rule = _WITHOUT[party](rule)
    return rule
