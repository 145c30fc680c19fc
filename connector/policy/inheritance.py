"""Policies that inherit from others (ODRL Information Model 2.2 §2.8).

The parents arrive as documents: nothing is fetched. What a parent says applies beside what the
child says; a rule of a parent keeps the parent's own target and parties.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connector.errors import PolicyInvalid
from connector.policy import terms
from connector.policy.document import MAX_DEPTH, Document, at, elements, fail
from connector.policy.rules import SHARED
from connector.policy.vocabulary import WHOLE

_RULES: Final = ("permission", "prohibition", "obligation")
_UNITED: Final = ("profile",)


def inherited(obj: Mapping[str, Any], parents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The policy with the rules of all it inherits from, and without `inheritFrom`.

    parents: id -> document, as many as somebody has. The result is read like any other policy; the
    signature and the digest stay those of the words that were signed.

    Raises:
        PolicyInvalid: a parent that is not there, a circle of parents, a chain that is too long, or
            parent and child that want conflicts solved differently.
    """
    return _resolve(obj, parents, ())


def _resolve(
    obj: Mapping[str, Any], parents: Mapping[str, Mapping[str, Any]], path: tuple[str, ...]
) -> dict[str, Any]:
    doc = Document(WHOLE)
    doc.measure(obj)
    if len(path) >= MAX_DEPTH:
        fail("/inheritFrom", f"policies inherit over more than {MAX_DEPTH} generations")
    members = doc.members(obj, terms.POLICY_KEYS, "", "a policy")
    out = {key: value for key, value in obj.items() if terms.POLICY_KEYS.get(key) != "inheritFrom"}
    if "inheritFrom" not in members:
        return out
    own = _own_id(doc, members)
    rules = {name: _rules(members, name) for name in _RULES}
    for item, where in elements(*members["inheritFrom"]):
        name = doc.name(item, terms.NOTHING, where, "inheritFrom")
        if name == own or name in path:
            fail(where, f"the policy inherits from itself by way of {name}")
        if name not in parents:
            fail(where, f"the policy {name} that is inherited from is not known here")
        parent = _resolve(parents[name], parents, (*path, *([own] if own else []), name))
        theirs = doc.members(parent, terms.POLICY_KEYS, where, "a policy")
        _check_conflict(doc, members, theirs, where)
        shared: dict[str, Any] = {key: theirs[key][0] for key in SHARED if key in theirs}
        for kind in _RULES:
            rules[kind] += [_with(rule, shared, where) for rule in _rules(theirs, kind)]
        for key in _UNITED:
            if key in theirs and key not in members:
                out[key] = theirs[key][0]
        if "conflict" in theirs and "conflict" not in members:
            out["conflict"] = theirs["conflict"][0]
    # Rules of the child carry what the child says for all, so that the parent's do not take it over.
    mine: dict[str, Any] = {key: members[key][0] for key in SHARED if key in members}
    counts = {name: len(_rules(members, name)) for name in _RULES}
    out = {key: value for key, value in out.items() if terms.POLICY_KEYS.get(key) not in (*_RULES, *SHARED)}
    for name, listed in rules.items():
        own_rules = [_with(rule, mine, "/" + name) for rule in listed[: counts[name]]]
        if listed:
            out[name] = own_rules + listed[counts[name] :]
    return out


def _own_id(doc: Document, members: Mapping[str, tuple[Any, str]]) -> str:
    for key in ("@id", "uid"):
        if key in members:
            return doc.name(members[key][0], terms.NOTHING, members[key][1], key)
    return ""


def _rules(members: Mapping[str, tuple[Any, str]], name: str) -> list[Any]:
    if name not in members or members[name][0] == {}:
        return []
    return [item for item, _ in elements(*members[name])]


def _with(rule: Any, shared: Mapping[str, Any], pointer: str) -> Any:
    """A rule that says for itself what its policy says for all."""
    if not isinstance(rule, Mapping):
        raise PolicyInvalid("a rule has to be an object", pointer=at(pointer, "0"))
    said = {terms.RULE_KEYS.get(key, key) for key in rule}
    more = {key: value for key, value in shared.items() if key not in said and key != "constraint"}
    out = {**rule, **more}
    if "constraint" in shared:
        (key,) = [k for k in rule if terms.RULE_KEYS.get(k) == "constraint"] or ["constraint"]
        own = [item for item, _ in elements(rule[key], pointer)] if key in rule else []
        out[key] = [item for item, _ in elements(shared["constraint"], pointer)] + own
    return out


def _check_conflict(
    doc: Document,
    mine: Mapping[str, tuple[Any, str]],
    theirs: Mapping[str, tuple[Any, str]],
    where: str,
) -> None:
    named = [
        doc.name(members["conflict"][0], terms.CONFLICTS, where, "conflict")
        for members in (mine, theirs)
        if "conflict" in members
    ]
    if len(set(named)) > 1:
        fail(where, "parent and child want conflicts to be solved differently")
