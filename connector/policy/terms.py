"""The names of a policy on the wire and the IRIs they stand for, as tables.

A DSP 2025-1 context defines only some of ODRL's words; the rest expands to a base-relative IRI
or is dropped by a JSON-LD processor without a sound. Here each bare ODRL word has its IRI, and
what is in no table is an error at its place (`connector.policy.reading`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from connector.model.names import CONTEXT_DSP, CONTEXT_EDC, CONTRACT_TOKEN, DSP, EDC, MMD, ODRL, XSD


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


USE: Final = ODRL + "use"
PROHIBIT: Final = ODRL + "prohibit"

PREFIXES: Final[Mapping[str, str]] = {
    "odrl": ODRL,
    "edc": EDC,
    "mmd": MMD,
    "xsd": XSD,
    "dspace": DSP,
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
}

CONTEXTS: Final = frozenset(
    {
        CONTEXT_DSP,
        CONTEXT_EDC,
        "https://w3id.org/dspace/2025/1/odrl-profile.jsonld",
        "http://www.w3.org/ns/odrl.jsonld",
        "https://www.w3.org/ns/odrl.jsonld",
        "https://w3id.org/catenax/2025/9/policy/odrl.jsonld",
        "https://w3id.org/catenax/2025/9/policy/context.jsonld",
    }
)
"""Contexts whose terms the tables below hold; no other may stand inside a policy by name."""

OPERATORS: Final = frozenset(
    ["eq", "neq", "lt", "lteq", "gt", "gteq", "isA", "hasPart", "isPartOf", "isAllOf", "isAnyOf", "isNoneOf"]
)
SET_OPERATORS: Final = frozenset({"isAllOf", "isAnyOf", "isNoneOf"})
LOGICS: Final = frozenset({"and", "or", "xone", "andSequence"})

_LEFT_OPERANDS: Final = _words("""
    absolutePosition absoluteSize absoluteSpatialPosition absoluteTemporalPosition count dateTime delayPeriod
    deliveryChannel device elapsedTime event fileFormat industry language media meteredTime payAmount
    percentage product purpose recipient relativePosition relativeSize relativeSpatialPosition
    relativeTemporalPosition resolution spatial spatialCoordinates system systemDevice timeInterval
    timedCount unitOfCount version virtualLocation
""")
_ACTIONS: Final = _words("""
    acceptTracking aggregate annotate anonymize archive attribute compensate concurrentUse delete derive
    digitize display distribute ensureExclusivity execute extract give grantUse include index inform
    install modify move nextPolicy obtainConsent play present print read reproduce reviewPolicy sell
    stream synchronize textToSpeech transfer transform translate uninstall use watermark
""")

LEFT_OPERANDS: Final[Mapping[str, str]] = {n: ODRL + n for n in _LEFT_OPERANDS} | {
    "inForceDate": EDC + "inForceDate"
}
ACTIONS: Final[Mapping[str, str]] = {n: ODRL + n for n in _ACTIONS}
OPERATOR_IRIS: Final[Mapping[str, str]] = {n: ODRL + n for n in OPERATORS}
TYPES: Final[Mapping[str, str]] = {
    n: ODRL + n
    for n in _words(
        "Policy Set Offer Agreement Rule Permission Prohibition Duty Constraint LogicalConstraint Action"
    )
} | {"AtomicConstraint": EDC + "AtomicConstraint"}
CONFLICTS: Final[Mapping[str, str]] = {n: ODRL + n for n in ("perm", "prohibit", "invalid")}
NOTHING: Final[Mapping[str, str]] = {}


def _spellings(names: str) -> dict[str, str]:
    """Every spelling of a member -> its plain name: bare, `odrl:`, and the absolute IRI."""
    table = {"@id": "@id", "@type": "@type"}
    for name in ("uid", *names.split()):
        for spelling in (name, "odrl:" + name, ODRL + name):
            table[spelling] = name
    return table


POLICY_KEYS: Final[Mapping[str, str]] = _spellings(
    "target assigner assignee profile permission prohibition obligation conflict inheritFrom "
    "inheritAllowed inheritRelation action constraint duty"
) | {
    "@context": "@context",
    "timestamp": "timestamp",
    "dspace:timestamp": "timestamp",
    DSP + "timestamp": "timestamp",
    "https://w3id.org/dspace/v0.8/timestamp": "timestamp",
    # On an offer in a catalog: the signed offer, no part of the policy.
    CONTRACT_TOKEN: "contractToken",
}
RULE_KEYS: Final[Mapping[str, str]] = _spellings(
    "action constraint target assigner assignee duty remedy consequence refinement relation output function"
)
ACTION_KEYS: Final[Mapping[str, str]] = _spellings("refinement includedIn implies") | {
    "type": "@id",
    "odrl:type": "@id",
    ODRL + "type": "@id",
    "value": "@id",
    "rdf:value": "value",
    PREFIXES["rdf"] + "value": "value",
}
SUBJECT_KEYS: Final[Mapping[str, str]] = _spellings("source refinement partOf hasPolicy")
CONSTRAINT_KEYS: Final[Mapping[str, str]] = _spellings(
    "leftOperand operator rightOperand and or xone andSequence rightOperandReference dataType unit status"
)

WORDS: Final = frozenset().union(
    *(LEFT_OPERANDS, ACTIONS, OPERATOR_IRIS, TYPES, CONFLICTS),
    *(POLICY_KEYS, RULE_KEYS, ACTION_KEYS, CONSTRAINT_KEYS),
)
"""Every word with a meaning of its own here: no context may use it as a prefix."""


def absolute(name: str, table: Mapping[str, str], prefixes: Mapping[str, str], vocab: str = "") -> str:
    """The IRI a name stands for: by the table, by a known prefix, else by `vocab` or as it is."""
    found = table.get(name)
    if found is not None:
        return found
    prefix, colon, rest = name.partition(":")
    if not colon:
        return vocab + name
    if rest.startswith("//"):
        return name
    base = prefixes.get(prefix)
    return base + rest if base is not None else name


def short(iri: str) -> str:
    """An IRI for people to read: `odrl:count`, `edc:inForceDate`, else the IRI itself."""
    for prefix, base in PREFIXES.items():
        if iri.startswith(base):
            return f"{prefix}:{iri[len(base) :]}"
    return iri
