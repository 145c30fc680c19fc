"""Assets and parties of a rule that are more than an id: collections, refinements, several of them.

ODRL Information Model 2.2 §2.2 (AssetCollection) and §2.3 (PartyCollection).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from connector.model.names import ODRL
from connector.policy import terms
from connector.policy.constraints import read_constraints
from connector.policy.document import Document, elements, fail
from connector.policy.tree import Subject
from connector.policy.world import About

PARTIES: Final = ("target", "assigner", "assignee")

_KINDS: Final[Mapping[str, bool]] = {
    ODRL + "Asset": False,
    ODRL + "AssetCollection": True,
    ODRL + "Party": False,
    ODRL + "PartyCollection": True,
}
"""Class -> whether it is a collection."""
_TYPES: Final = {iri.removeprefix(ODRL): iri for iri in _KINDS}
_KNOWN: Final = frozenset({"@id", "uid", "@type", "source", "refinement"})


def read_subjects(doc: Document, raw: Any, pointer: str) -> tuple[Subject, ...]:
    """Each asset or party that is named, none for an empty list.

    Raises:
        PolicyInvalid: neither a name nor an object of one, or an ill-formed refinement.
    """
    about = About.ASSET if pointer.rpartition("/")[2].endswith("target") else About.PARTY
    if raw == []:
        return ()
    return tuple(_subject(doc, item, where, about) for item, where in elements(raw, pointer))


def _subject(doc: Document, raw: Any, pointer: str, about: About) -> Subject:
    if not isinstance(raw, Mapping):
        return Subject(doc.text(raw, pointer, "an asset or party"), pointer=pointer)
    members = doc.members(raw, terms.SUBJECT_KEYS, pointer, "an asset or party")
    is_collection = "source" in members
    for item, where in elements(*members["@type"]) if "@type" in members else ():
        name = doc.name(item, _TYPES, where, "@type")
        if name in _KINDS:
            is_collection = _KINDS[name]
        elif not doc.vocabulary.is_open:
            doc.strange(where, "type", name)
    for key, (value, where) in members.items():
        if key not in _KNOWN and value not in ([], {}, None):
            doc.strange(where, key, ODRL + key)
    names = [
        doc.name(members[key][0], terms.NOTHING, members[key][1], key)
        for key in ("@id", "uid")
        if key in members
    ]
    if len(set(names)) > 1:
        fail(pointer, "@id and uid are two different ids")
    source = doc.name(*_three(members["source"])) if "source" in members else None
    refinements = (
        read_constraints(doc, *members["refinement"], about=about) if "refinement" in members else ()
    )
    if not names and source is None and not refinements:
        fail(pointer, "an asset or party needs an id, a source or a refinement")
    return Subject(names[0] if names else None, source, is_collection, refinements, pointer)


def _three(member: tuple[Any, str]) -> tuple[Any, Mapping[str, str], str, str]:
    return member[0], terms.NOTHING, member[1], "source"


def party_id(doc: Document, members: Mapping[str, tuple[Any, str]], party: str, *, whole: bool) -> str | None:
    """The id of a target or party; a collection or a description of one is not understood.

    A whole vocabulary understands it: there it is None, and read by `read_subjects`.
    """
    if party not in members:
        return None
    raw, pointer = members[party]
    items = [item for item, _ in elements(raw, pointer)]
    if len(items) == 1 and (isinstance(items[0], str) or _is_reference(items[0])):
        reference = items[0]
        text = reference if isinstance(reference, str) else reference["@id"]
        return doc.text(text, pointer, party)
    if not items or doc.vocabulary.is_whole:
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


def whole_parties(members: Mapping[str, tuple[Any, str]]) -> dict[str, tuple[Any, str]]:
    """Targets and parties that are more than an id, to be kept as they came."""
    kept: dict[str, tuple[Any, str]] = {}
    for party in PARTIES:
        if party in members and type(members[party][0]) is not str:
            items = [item for item, _ in elements(*members[party])]
            if len(items) != 1 or not (isinstance(items[0], str) or _is_reference(items[0])):
                kept[party] = members[party]
    return kept
