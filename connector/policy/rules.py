"""Rules: permissions, prohibitions and duties within duties, from DSP JSON to the tree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from connector.model.names import ODRL
from connector.policy import terms
from connector.policy.constraints import read_constraints
from connector.policy.document import MAX_DEPTH, Document, elements, fail
from connector.policy.subjects import PARTIES, party_id, read_subjects, whole_parties
from connector.policy.tree import Constraint, NotUnderstood, Rule, RuleKind, Subject, Unread
from connector.policy.world import About

Members = Mapping[str, tuple[Any, str]]
"""The members of an object by plain name, each with its pointer."""

SHARED: Final = ("action", "constraint", *PARTIES)
"""What a compact policy says once for all of its rules (Information Model 2.2 §2.7.1)."""

_DUTY_TYPES: Final = frozenset({ODRL + "Duty", ODRL + "Rule"})
_RULE_TYPES: Final = {
    RuleKind.PERMISSION: frozenset({ODRL + "Permission", ODRL + "Rule"}),
    RuleKind.PROHIBITION: frozenset({ODRL + "Prohibition", ODRL + "Rule"}),
}
_NESTED: Final = (RuleKind.DUTY, RuleKind.REMEDY, RuleKind.CONSEQUENCE)
_READ_RULE: Final = frozenset({"@id", "uid", "@type", "action", "constraint", *PARTIES, *_NESTED})


def read_rules(
    doc: Document, policy: Members, kind: RuleKind, said: dict[str, list[str | None]]
) -> tuple[Rule, ...]:
    """Every rule of one kind; `said` gets the target and parties that each names.

    Raises:
        PolicyInvalid: not the shape of a rule, or over a limit.
    """
    if kind not in policy:
        return ()
    raw, pointer = policy[kind]
    parts = [] if raw == {} else elements(raw, pointer)
    shared = {key: policy[key] for key in SHARED if key in policy} if doc.vocabulary.is_whole else {}
    return tuple(rule for part, where in parts for rule in _rule(doc, part, where, kind, said, 0, shared))


def read_id(doc: Document, members: Members) -> str:
    """The IRI of a policy or a rule, "" if it has none.

    Raises:
        PolicyInvalid: two different ones.
    """
    name = ""
    for key in ("@id", "uid"):
        if key in members:
            found = doc.name(members[key][0], terms.NOTHING, members[key][1], "the id")
            if name and found != name:
                fail(members["uid"][1], "@id and uid are two different ids")
            name = found
    return name


def _rule(
    doc: Document,
    raw: Any,
    pointer: str,
    kind: RuleKind,
    said: dict[str, list[str | None]],
    depth: int,
    shared: Members,
) -> list[Rule]:
    """One rule, or one per action where it names several."""
    doc.count_rule(pointer)
    if depth >= MAX_DEPTH:
        fail(pointer, f"duties are nested deeper than {MAX_DEPTH} levels")
    members = _members(doc, raw, pointer, kind, shared)
    start = len(doc.not_understood)
    rest = {key: value for key, value in members.items() if key not in _READ_RULE}
    for key, (value, where) in rest.items():
        if value not in ([], {}, None):
            doc.strange(where, key, ODRL + key)
    is_duty = kind not in _RULE_TYPES
    is_whole = doc.vocabulary.is_whole
    subjects = _subjects(doc, members, shared, kind, said, rest)
    duties = tuple(
        d for nested in _NESTED if nested in members for d in _duties(doc, members, nested, depth + 1)
    )
    # Only an open vocabulary reads a rule that names no action: it is about any.
    actions = _actions(doc, *members["action"]) if "action" in members else [_Action("")]
    own = doc.not_understood[start:]
    constraints = read_constraints(doc, *members["constraint"]) if "constraint" in members else ()
    if "constraint" in shared:
        constraints = (*read_constraints(doc, *shared["constraint"]), *constraints)
    if is_duty and (not is_whole or len(doc.not_understood) > start):
        # A duty that is not understood is one thing, whatever it is made of.
        del doc.not_understood[start:]
        own = [
            doc.strange(pointer, "duty", action.name, whole=kind is RuleKind.OBLIGATION) for action in actions
        ]
    rules = []
    kept = doc.unread(rest if is_whole else rest | whole_parties(members))
    own_id = read_id(doc, members)
    for action in actions:
        parts = kept + action.unread
        strange = tuple(o for o in own if o.what != "action" or o is action.odd)
        rules.append(
            Rule(
                kind,
                action.name,
                constraints,
                duties,
                parts,
                strange,
                pointer,
                refinements=action.refinements,
                targets=subjects["target"],
                assigners=subjects["assigner"],
                assignees=subjects["assignee"],
                included_in=action.included_in,
                implies=action.implies,
                id=own_id,
            )
        )
    return rules


def _members(doc: Document, raw: Any, pointer: str, kind: RuleKind, shared: Members) -> Members:
    """The members of a rule, with the action that the policy says for all."""
    members = doc.members(raw, terms.RULE_KEYS, pointer, f"a {kind}")
    if "@type" in members:
        name = doc.name(members["@type"][0], terms.TYPES, members["@type"][1], "@type")
        if name not in _RULE_TYPES.get(kind, _DUTY_TYPES):
            fail(members["@type"][1], f"{terms.short(name)} does not belong here")
    if "action" not in members and "action" in shared:
        members["action"] = shared["action"]
    if "action" not in members and not doc.vocabulary.is_open:
        fail(pointer, f"a {kind} needs an action")
    return members


def _subjects(
    doc: Document,
    members: Members,
    shared: Members,
    kind: RuleKind,
    said: dict[str, list[str | None]],
    rest: dict[str, tuple[Any, str]],
) -> dict[str, tuple[Subject, ...]]:
    """Whom and what a rule is about; `rest` gets what has to be kept as it came."""
    is_duty = kind not in _RULE_TYPES
    subjects: dict[str, tuple[Subject, ...]] = dict.fromkeys(PARTIES, ())
    for party in PARTIES:
        if party not in members:
            if not is_duty:
                said[party].append(None)
            if party in shared:
                subjects[party] = read_subjects(doc, *shared[party])
            continue
        named = party_id(doc, members, party, whole=False)
        if not is_duty:
            said[party].append(named)
        if doc.vocabulary.is_whole:
            subjects[party] = read_subjects(doc, *members[party])
        elif is_duty:  # whom a duty binds is its own affair
            rest[party] = members[party]
    return subjects


def _duties(doc: Document, members: Members, kind: RuleKind, depth: int) -> list[Rule]:
    raw, pointer = members[kind]
    parts = elements(raw, pointer)
    return [rule for part, where in parts for rule in _rule(doc, part, where, kind, {}, depth, {})]


@dataclass(frozen=True, slots=True)
class _Action:
    """One action of a rule, with what it carries beside its name, and with itself if it is strange."""

    name: str
    unread: tuple[Unread, ...] = ()
    refinements: tuple[Constraint, ...] = ()
    included_in: tuple[str, ...] = ()
    implies: tuple[str, ...] = ()
    odd: NotUnderstood | None = None


def _actions(doc: Document, raw: Any, pointer: str) -> list[_Action]:
    found = []
    is_whole = doc.vocabulary.is_whole
    for item, where in elements(raw, pointer):
        action = _Action("")
        name_of: Any = item
        if type(item) is not str and isinstance(item, Mapping):
            members = doc.members(item, terms.ACTION_KEYS, where, "an action")
            if "value" not in members and "@id" not in members:
                fail(where, "an action needs a name")
            # An action that is refined may have an IRI of its own; what it is, rdf:value says.
            name_of = members["value" if "value" in members else "@id"][0]
            rest = {key: value for key, value in members.items() if key not in ("@id", "@type", "value")}
            if is_whole:
                refined = rest.pop("refinement", None)
                action = _Action(
                    "",
                    refinements=read_constraints(doc, *refined, about=About.ACTION) if refined else (),
                    included_in=_names(doc, rest, "includedIn"),
                    implies=_names(doc, rest, "implies"),
                )
            if rest:
                action = replace(action, unread=doc.unread(rest))
            for key, (value, inner) in rest.items():
                if value not in ([], {}, None) and not is_whole:
                    doc.strange(inner, key, ODRL + key)
        name = doc.name(name_of, terms.ACTIONS, where, "action")
        known = doc.vocabulary.understands_action(name) or (
            bool(action.included_in) and any(map(doc.vocabulary.understands_action, action.included_in))
        )
        odd = None if known else doc.strange(where, "action", name)
        if item is name_of and not isinstance(item, Mapping):
            found.append(_Action(name, odd=odd))
        else:
            found.append(replace(action, name=name, odd=odd))
    if not found:
        fail(pointer, "a rule needs an action")
    return found


def _names(doc: Document, members: Members, key: str) -> tuple[str, ...]:
    if key not in members:
        return ()
    return tuple(doc.name(item, terms.ACTIONS, where, key) for item, where in elements(*members[key]))
