"""What the connector under test does in each scenario, as plain data.

A conformance scenario prescribes half of a conversation to the connector under
test: "when asked for dataset X, send an offer, then terminate". This page holds
all those halves. A script is keyed by what names the scenario on the wire (a
dataset id for negotiations, an agreement id for transfers) and says for each
state what to send on the first, second ... visit to it; where it says nothing,
the connector holds and lets the other side act.

Imports nothing from the connector: the plug-in, the sparring partner and the
configuration of the official kit all read this one table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

TCK_PARTICIPANT: Final = "TCK_PARTICIPANT"
"""How the player and the official kit call themselves in bodies."""
AUTHORIZATION: Final = "any"
"""The fixed Authorization header that both send."""
FORMAT: Final = "HttpData-PULL"
DELAY_S: Final = 0.25
"""Pause before a step of our own: the peer looks every 100 ms whether it may register its next handler."""


class Does(StrEnum):
    """A step that the connector under test takes by itself."""

    OFFER = "offer"
    COUNTER = "counter"
    ACCEPT = "accept"
    AGREE = "agree"
    VERIFY = "verify"
    FINALIZE = "finalize"
    START = "start"
    SUSPEND = "suspend"
    COMPLETE = "complete"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class Step:
    """One message to send, `delay_s` seconds after the state was reached."""

    does: Does
    delay_s: float = DELAY_S


Script = Mapping[str, tuple[Does, ...]]
"""State -> what to send on the first, second ... visit to it."""

_offers: Script = {"REQUESTED": (Does.OFFER,)}
_agrees: Script = {"REQUESTED": (Does.AGREE,)}
_agrees_and_finalizes: Script = {"REQUESTED": (Does.AGREE,), "VERIFIED": (Does.FINALIZE,)}
_accepts: Script = {"OFFERED": (Does.ACCEPT,)}
_verifies: Script = {"AGREED": (Does.VERIFY,)}
_starts: Script = {"REQUESTED": (Does.START,)}
_holds: Script = {}

PROVIDER_NEGOTIATIONS: Final[Mapping[str, Script]] = {
    "ACN0101": _offers,
    "ACN0102": {"REQUESTED": (Does.OFFER, Does.TERMINATE)},
    "ACN0103": {"REQUESTED": (Does.OFFER,), "ACCEPTED": (Does.AGREE,), "VERIFIED": (Does.FINALIZE,)},
    "ACN0104": _agrees_and_finalizes,
    "ACN0201": {"REQUESTED": (Does.TERMINATE,)},
    "ACN0202": _holds,
    "ACN0203": _agrees,
    "ACN0204": _offers,
    "ACN0205": {"REQUESTED": (Does.OFFER,), "OFFERED": (Does.TERMINATE,)},
    "ACN0206": {"REQUESTED": (Does.OFFER,), "ACCEPTED": (Does.TERMINATE,)},
    "ACN0207": {"REQUESTED": (Does.AGREE,), "VERIFIED": (Does.TERMINATE,)},
    "ACN0301": _agrees_and_finalizes,
    "ACN0302": _offers,
    "ACN0303": _offers,
    "ACN0304": _offers,
}

CONSUMER_NEGOTIATIONS: Final[Mapping[str, Script]] = {
    "ACNC0101": {"OFFERED": (Does.ACCEPT,), "AGREED": (Does.VERIFY,)},
    "ACNC0102": {"OFFERED": (Does.COUNTER,)},
    "ACNC0103": {"OFFERED": (Does.TERMINATE,)},
    "ACNC0104": _verifies,
    "ACNC0201": _holds,
    "ACNC0202": {"REQUESTED": (Does.TERMINATE,)},
    "ACNC0203": {"AGREED": (Does.TERMINATE,)},
    "ACNC0204": _holds,
    "ACNC0205": _accepts,
    "ACNC0206": _verifies,
    "ACNC0301": _holds,
    "ACNC0302": _holds,
    "ACNC0303": _holds,
    "ACNC0304": _accepts,
    "ACNC0305": _accepts,
    "ACNC0306": _accepts,
}

PROVIDER_TRANSFERS: Final[Mapping[str, Script]] = {
    "ATP0101": {"REQUESTED": (Does.START,), "STARTED": (Does.TERMINATE,)},
    "ATP0102": {"REQUESTED": (Does.START,), "STARTED": (Does.COMPLETE,)},
    "ATP0103": {"REQUESTED": (Does.START,), "STARTED": (Does.SUSPEND,), "SUSPENDED": (Does.TERMINATE,)},
    "ATP0104": {
        "REQUESTED": (Does.START,),
        "STARTED": (Does.SUSPEND, Does.COMPLETE),
        "SUSPENDED": (Does.START,),
    },
    "ATP0105": {"REQUESTED": (Does.TERMINATE,)},
    "ATP0201": _starts,
    "ATP0202": _starts,
    "ATP0203": _starts,
    "ATP0204": _starts,
    "ATP0205": _holds,
    "ATP0301": _holds,
    "ATP0302": _holds,
    "ATP0303": _starts,
    "ATP0304": _starts,
    "ATP0305": _starts,
    "ATP0306": _starts,
}

CONSUMER_TRANSFERS: Final[Mapping[str, Script]] = {
    "ATPC0101": _holds,
    "ATPC0102": _holds,
    "ATPC0103": _holds,
    "ATPC0104": _holds,  # TP_C:01-05 asks for this agreement too
    "ATPC0201": {"STARTED": (Does.TERMINATE,)},
    "ATPC0202": {"STARTED": (Does.COMPLETE,)},
    "ATPC0203": {"STARTED": (Does.SUSPEND,), "SUSPENDED": (Does.TERMINATE,)},
    "ATPC0204": {"STARTED": (Does.SUSPEND, Does.COMPLETE), "SUSPENDED": (Does.START,)},
    "ATPC0205": {"REQUESTED": (Does.TERMINATE,)},
    "ATPC0301": _holds,
    "ATPC0302": _holds,
    "ATPC0303": _holds,
    "ATPC0304": _holds,
    "ATPC0305": _holds,
    "ATPC0306": _holds,
}

CATALOG_DATASETS: Final = ("CAT0101", "CAT0102")
MISSING_DATASET: Final = "CAT0103"

SCRIPTS: Final[Mapping[str, Script]] = {
    **PROVIDER_NEGOTIATIONS,
    **CONSUMER_NEGOTIATIONS,
    **PROVIDER_TRANSFERS,
    **CONSUMER_TRANSFERS,
}


@dataclass(frozen=True, slots=True)
class SeededDataset:
    """A dataset with one open-use offer that the connector under test publishes, with exactly these ids."""

    id: str
    offer_id: str


@dataclass(frozen=True, slots=True)
class SeededAgreement:
    """A finalized agreement with TCK_PARTICIPANT; `provides` says which side we are."""

    id: str
    dataset_id: str
    provides: bool


def offer_id(dataset_id: str) -> str:
    """The id of the offer that is seeded for a dataset we provide."""
    return f"CD123:{dataset_id}:456"


DATASETS: Final = tuple(
    SeededDataset(name, offer_id(name))
    for name in (*CATALOG_DATASETS, *PROVIDER_NEGOTIATIONS, *PROVIDER_TRANSFERS)
)
AGREEMENTS: Final = (
    *(SeededAgreement(name, name, provides=True) for name in PROVIDER_TRANSFERS),
    *(SeededAgreement(name, name, provides=False) for name in CONSUMER_TRANSFERS),
)


def next_step(key: str, trail: Sequence[str]) -> Step | None:
    """What to send now, or None to hold.

    Args:
        key: the dataset id of a negotiation, the agreement id of a transfer.
        trail: every state the process has entered, oldest first; the last one is
            where it is now.
    """
    script = SCRIPTS.get(key)
    if script is None or not trail:
        return None
    moves = script.get(trail[-1], ())
    visit = trail.count(trail[-1]) - 1
    return Step(moves[visit]) if visit < len(moves) else None


def configuration() -> dict[str, str]:
    """The ids that the official kit asks for, by its configuration keys."""
    keys = {f"CAT_01_0{n}_DATASETID": f"CAT010{n}" for n in (1, 2, 3)}
    for dataset in PROVIDER_NEGOTIATIONS:
        keys[f"{_key('CN', dataset)}_DATASETID"] = dataset
        keys[f"{_key('CN', dataset)}_OFFERID"] = offer_id(dataset)
    for dataset in CONSUMER_NEGOTIATIONS:
        keys[f"{_key('CN_C', dataset)}_DATASETID"] = dataset
    for prefix, agreements in (("TP", PROVIDER_TRANSFERS), ("TP_C", CONSUMER_TRANSFERS)):
        for agreement in agreements:
            keys[f"{_key(prefix, agreement)}_AGREEMENTID"] = agreement
            keys[f"{_key(prefix, agreement)}_FORMAT"] = FORMAT
    keys["TP_C_01_05_AGREEMENTID"] = "ATPC0104"
    keys["TP_C_01_05_FORMAT"] = FORMAT
    return keys


def _key(prefix: str, name: str) -> str:
    return f"{prefix}_{name[-4:-2]}_{name[-2:]}"
