"""The DSP JSON form of a policy -> `Policy`. By hand and by table, not by a JSON-LD processor:
that would drop words without a sound and costs two hundred times as much.

Read are DSP 2025-1's bare terms, `odrl:`-prefixed and absolute names, object forms
(`{"@id": …}`, `{"@set": […]}`), single objects instead of arrays, and EDC's `inForceDate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from connector.errors import PolicyInvalid
from connector.model.names import ODRL
from connector.policy import terms
from connector.policy.constraints import read_constraints
from connector.policy.document import MAX_DEPTH, Document, elements, fail
from connector.policy.tree import Flag, Kind, NotUnderstood, Policy, Rule, RuleKind
from connector.policy.values import read_time

_KINDS: Final[Mapping[str, Kind]] = {ODRL + k.value: k for k in Kind} | {ODRL + "Policy": Kind.SET}
_DUTY_TYPES: Final = frozenset({ODRL + "Duty", ODRL + "Rule"})
_RULE_TYPES: Final = {
    RuleKind.PERMISSION: frozenset({ODRL + "Permission", ODRL + "Rule"}),
    RuleKind.PROHIBITION: frozenset({ODRL + "Prohibition", ODRL + "Rule"}),
}
_PARTIES: Final = ("target", "assigner", "assignee")
_NESTED: Final = (RuleKind.DUTY, RuleKind.REMEDY, RuleKind.CONSEQUENCE)
_READ_POLICY: Final = frozenset(
    {"@id", "uid", "@type", "@context", "timestamp", "contractToken", "profile", "conflict", *_PARTIES}
    | {"permission", "prohibition", "obligation"}
)
_READ_RULE: Final = frozenset({"@id", "uid", "@type", "action", "constraint", *_PARTIES, *_NESTED})

_Members = Mapping[str, tuple[Any, str]]


def parse(obj: Mapping[str, Any]) -> Policy:
    """Read an Offer, Agreement or Set; without a type it is a Set (ODRL Information Model 2.2 §2.1).

    What is well-formed but unknown to us (an operand, action, profile, duty …) is kept and listed
    in `not_understood`. A policy without rules is read, and permits nothing.

    Raises:
        PolicyInvalid: with a JSON pointer: a member that no table knows, a wrong shape or value,
            a rule about another target or party than the policy's, or over a limit (2,000
            constraints, 16 levels of logic, 1,000 values in a set, 1,000 rules, 100,000 members in all).
    """
    doc = Document()
    doc.measure(obj)
    raw: Any = obj
    if isinstance(raw, Mapping) and "@context" in raw:
        doc.context(raw["@context"], "/@context")
    members = doc.members(obj, terms.POLICY_KEYS, "", "a policy")
    kind = _kind(doc, members)
    profiles = _profiles(doc, members)
    conflict = _conflict(doc, members)
    about = {party: _party(doc, members, party, whole=True) for party in _PARTIES}
    said: dict[str, list[str | None]] = {party: [] for party in _PARTIES}
    permissions = _rules(doc, members, RuleKind.PERMISSION, said)
    prohibitions = _rules(doc, members, RuleKind.PROHIBITION, said)
    obligations = _rules(doc, members, RuleKind.OBLIGATION, said)
    for party in _PARTIES:
        about[party] = _lift(members, party, about[party], said[party])
    rest = {key: value for key, value in members.items() if key not in _READ_POLICY}
    for key, (value, pointer) in rest.items():
        if value not in ([], {}, None):
            doc.strange(pointer, key, ODRL + key, whole=True)
    return Policy(
        id=_id(doc, members),
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
        unread=doc.unread(rest | _whole_parties(members)),
        flags=tuple(doc.flags),
    )


def _id(doc: Document, members: _Members) -> str:
    names = {
        doc.name(raw, terms.NOTHING, pointer, "the id")
        for raw, pointer in (members[key] for key in ("@id", "uid") if key in members)
    }
    if len(names) > 1:
        fail(members["uid"][1], "@id and uid are two different ids")
    return names.pop() if names else ""


def _kind(doc: Document, members: _Members) -> Kind:
    if "@type" not in members:
        return Kind.SET
    raw, pointer = members["@type"]
    name = doc.name(raw, terms.TYPES, pointer, "@type")
    if name not in _KINDS:
        fail(pointer, f"{terms.short(name)!r} is no policy we know", hint="known are Offer, Agreement, Set")
    return _KINDS[name]


def _profiles(doc: Document, members: _Members) -> tuple[str, ...]:
    if "profile" not in members:
        return ()
    raw, pointer = members["profile"]
    names = [(doc.name(p, terms.NOTHING, where, "profile"), where) for p, where in elements(raw, pointer)]
    for name, where in names:
        doc.strange(where, "profile", name, whole=True)
    return tuple(name for name, _ in names)


def _conflict(doc: Document, members: _Members) -> str | None:
    if "conflict" not in members:
        return None
    raw, pointer = members["conflict"]
    name = doc.name(raw, terms.CONFLICTS, pointer, "conflict")
    if name != terms.PROHIBIT:  # that a prohibition wins is how we decide anyway
        doc.strange(pointer, "conflict", name, whole=True)
    return name


def _timestamp(doc: Document, members: _Members) -> datetime | None:
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


def _party(doc: Document, members: _Members, party: str, *, whole: bool) -> str | None:
    """The id of a target or party; a collection or a description of one is not understood."""
    if party not in members:
        return None
    raw, pointer = members[party]
    items = [item for item, _ in elements(raw, pointer)]
    if len(items) == 1 and (isinstance(items[0], str) or _is_reference(items[0])):
        reference = items[0]
        text = reference if isinstance(reference, str) else reference["@id"]
        return doc.text(text, pointer, party)
    if not items:
        return None
    doc.strange(pointer, "target" if party == "target" else party, party, whole=whole)
    return None


def _is_reference(raw: Any) -> bool:
    """`{"@id": …}`, with at most a type that says what it is anyway."""
    plain = {"@id", "@type"}
    types = ("Asset", "odrl:Asset", "Party", "odrl:Party", ODRL + "Asset", ODRL + "Party")
    return (
        isinstance(raw, Mapping) and "@id" in raw and set(raw) <= plain and raw.get("@type", "Asset") in types
    )


def _whole_parties(members: _Members) -> dict[str, tuple[Any, str]]:
    """Targets and parties that are more than an id, to be kept as they came."""
    kept = {}
    for party in _PARTIES:
        if party in members:
            items = [item for item, _ in elements(*members[party])]
            if len(items) != 1 or not (isinstance(items[0], str) or _is_reference(items[0])):
                kept[party] = members[party]
    return kept


def _lift(members: _Members, party: str, own: str | None, said: list[str | None]) -> str | None:
    """Rules may repeat the policy's target and parties, or all say the same one instead of it."""
    names = {name for name in said if name is not None}
    if not names or names == {own}:
        return own
    if own is None and party not in members and names == set(said) and len(names) == 1:
        return names.pop()
    hint = f"say {party} once, on the policy"
    raise PolicyInvalid(f"a rule has another {party} than the policy", pointer="", hint=hint)


def _rules(
    doc: Document, members: _Members, kind: RuleKind, said: dict[str, list[str | None]]
) -> tuple[Rule, ...]:
    if kind.value not in members:
        return ()
    raw, pointer = members[kind.value]
    parts = [] if raw == {} else elements(raw, pointer)
    return tuple(rule for part, where in parts for rule in _rule(doc, part, where, kind, said, 0))


def _rule(
    doc: Document, raw: Any, pointer: str, kind: RuleKind, said: dict[str, list[str | None]], depth: int
) -> list[Rule]:
    """One rule, or one per action where it names several."""
    doc.count_rule(pointer)
    if depth >= MAX_DEPTH:
        fail(pointer, f"duties are nested deeper than {MAX_DEPTH} levels")
    members = doc.members(raw, terms.RULE_KEYS, pointer, f"a {kind.value}")
    if "@type" in members:
        name = doc.name(members["@type"][0], terms.TYPES, members["@type"][1], "@type")
        if name not in _RULE_TYPES.get(kind, _DUTY_TYPES):
            fail(members["@type"][1], f"{terms.short(name)} does not belong here")
    if "action" not in members:
        fail(pointer, f"a {kind.value} needs an action")
    start = len(doc.not_understood)
    rest = {key: value for key, value in members.items() if key not in _READ_RULE}
    for key, (value, where) in rest.items():
        if value not in ([], {}, None):
            doc.strange(where, key, ODRL + key)
    is_duty = kind not in _RULE_TYPES
    for party in _PARTIES:
        named = _party(doc, members, party, whole=False)
        if is_duty and party in members:  # whom a duty binds is its own affair
            rest[party] = members[party]
        elif not is_duty:
            said[party].append(named)
    duties = tuple(d for nested in _NESTED for d in _duties(doc, members, nested, depth + 1))
    actions = _actions(doc, *members["action"])
    own = doc.not_understood[start:]
    constraints = read_constraints(doc, *members["constraint"]) if "constraint" in members else ()
    if is_duty:
        # A duty is one thing not understood, whatever it is made of.
        del doc.not_understood[start:]
        own = [
            doc.strange(pointer, "duty", name, whole=kind is RuleKind.OBLIGATION) for name, _, _ in actions
        ]
    rules = []
    for name, unread, odd in actions:
        parts = doc.unread(rest | _whole_parties(members)) + unread
        strange = tuple(o for o in own if o.what != "action" or o is odd)
        rules.append(Rule(kind, name, constraints, duties, parts, strange, pointer))
    return rules


def _duties(doc: Document, members: _Members, kind: RuleKind, depth: int) -> list[Rule]:
    if kind.value not in members:
        return []
    raw, pointer = members[kind.value]
    parts = elements(raw, pointer)
    return [rule for part, where in parts for rule in _rule(doc, part, where, kind, {}, depth)]


def _actions(
    doc: Document, raw: Any, pointer: str
) -> list[tuple[str, tuple[Any, ...], NotUnderstood | None]]:
    """Each action with what it carries beside its name, and with itself if it is not understood."""
    found = []
    for item, where in elements(raw, pointer):
        unread: tuple[Any, ...] = ()
        name_of: Any = item
        if isinstance(item, Mapping):
            members = doc.members(item, terms.ACTION_KEYS, where, "an action")
            if "@id" not in members:
                fail(where, "an action needs a name")
            name_of = members["@id"][0]
            rest = {key: value for key, value in members.items() if key not in ("@id", "@type")}
            unread = doc.unread(rest)
            for key, (value, inner) in rest.items():
                if value not in ([], {}, None):
                    doc.strange(inner, key, ODRL + key)
        name = doc.name(name_of, terms.ACTIONS, where, "action")
        odd = None if name == terms.USE else doc.strange(where, "action", name)
        found.append((name, unread, odd))
    if not found:
        fail(pointer, "a rule needs an action")
    return found
