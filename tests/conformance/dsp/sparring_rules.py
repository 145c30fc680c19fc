"""The protocol's rules as the sparring partner knows them, and how its faults bend them.

A literal of its own, typed from DSP 2025-1 §7.1 and §8.1, so that the product's
table is never checked against itself.
"""

from __future__ import annotations

from typing import Final

Rules = dict[tuple[str, str, str], str]
"""(state, sender, message) -> next state; the sender is C(onsumer) or P(rovider)."""


def _both(state: str, act: str, to: str) -> Rules:
    return {(state, "C", act): to, (state, "P", act): to}


RULES: Final[dict[str, Rules]] = {
    "negotiations": {
        ("REQUESTED", "P", "offer"): "OFFERED",
        ("REQUESTED", "P", "agree"): "AGREED",
        **_both("REQUESTED", "terminate", "TERMINATED"),
        ("OFFERED", "C", "request"): "REQUESTED",
        ("OFFERED", "C", "accept"): "ACCEPTED",
        **_both("OFFERED", "terminate", "TERMINATED"),
        ("ACCEPTED", "P", "agree"): "AGREED",
        **_both("ACCEPTED", "terminate", "TERMINATED"),
        ("AGREED", "C", "verify"): "VERIFIED",
        **_both("AGREED", "terminate", "TERMINATED"),
        ("VERIFIED", "P", "finalize"): "FINALIZED",
        **_both("VERIFIED", "terminate", "TERMINATED"),
    },
    "transfers": {
        ("REQUESTED", "P", "start"): "STARTED",
        **_both("REQUESTED", "terminate", "TERMINATED"),
        **_both("STARTED", "complete", "COMPLETED"),
        **_both("STARTED", "suspend", "SUSPENDED"),
        **_both("STARTED", "terminate", "TERMINATED"),
        **_both("SUSPENDED", "start", "STARTED"),
        **_both("SUSPENDED", "terminate", "TERMINATED"),
    },
}

WIRE: Final[dict[str, Rules]] = {
    "agree-after-offer": {("OFFERED", "P", "agree"): "AGREED"},
    "finalize-before-verify": {(s, "P", "finalize"): "FINALIZED" for s in ("REQUESTED", "OFFERED", "AGREED")},
    "verify-before-agree": {("OFFERED", "C", "verify"): "VERIFIED", ("ACCEPTED", "C", "verify"): "VERIFIED"},
    "terminate-after-final": {("FINALIZED", "C", "terminate"): "TERMINATED"},
    "second-counter": {("REQUESTED", "C", "request"): "REQUESTED"},
    "offer-after-accept": {("ACCEPTED", "P", "offer"): "OFFERED"},
    "accept-own-offer": {("REQUESTED", "C", "accept"): "ACCEPTED"},
    "consumer-may-finalize": {
        ("VERIFIED", "C", "finalize"): "FINALIZED",
        ("OFFERED", "C", "finalize"): "FINALIZED",
    },
    "complete-when-requested": _both("REQUESTED", "complete", "COMPLETED"),
    "suspend-when-requested": _both("REQUESTED", "suspend", "SUSPENDED"),
    "complete-when-suspended": _both("SUSPENDED", "complete", "COMPLETED"),
    "start-after-terminated": _both("TERMINATED", "start", "STARTED"),
}
"""Faults that are broken transitions: the rows that each one adds."""

PATHS: Final = {
    ("negotiations", "offer"): "offers",
    ("negotiations", "counter"): "request",
    ("negotiations", "accept"): "events",
    ("negotiations", "agree"): "agreement",
    ("negotiations", "verify"): "agreement/verification",
    ("negotiations", "finalize"): "events",
    ("negotiations", "terminate"): "termination",
    ("transfers", "start"): "start",
    ("transfers", "suspend"): "suspension",
    ("transfers", "complete"): "completion",
    ("transfers", "terminate"): "termination",
}
"""Where a message goes, below the peer's process."""

ACTS: Final = {
    ("negotiations", "offers"): "offer",
    ("negotiations", "request"): "request",
    ("negotiations", "events"): "event",
    ("negotiations", "agreement"): "agree",
    ("negotiations", "agreement/verification"): "verify",
    ("negotiations", "termination"): "terminate",
    ("transfers", "start"): "start",
    ("transfers", "suspension"): "suspend",
    ("transfers", "completion"): "complete",
    ("transfers", "termination"): "terminate",
}
"""What arrives there."""

EVENTS: Final = {"ACCEPTED": "accept", "FINALIZED": "finalize"}
ERRORS: Final = {
    "catalog": "CatalogError",
    "negotiations": "ContractNegotiationError",
    "transfers": "TransferError",
}

FAULTS: Final = (
    "agree-after-offer",
    "finalize-before-verify",
    "verify-before-agree",
    "terminate-after-final",
    "second-counter",
    "offer-after-accept",
    "complete-when-requested",
    "suspend-when-requested",
    "complete-when-suspended",
    "start-after-terminated",
    "accept-own-offer",
    "consumer-may-finalize",
    "illegal-is-409",
    "illegal-is-404",
    "illegal-is-200",
    "unknown-is-400",
    "create-is-200",
    "error-without-body",
    "error-of-wrong-type",
    "wrong-peer-pid",
    "wrong-own-pid",
    "repeat-refused",
    "altered-repeat",
    "request-twice-two-processes",
    "state-lags",
    "state-changes-on-error",
    "new-id-on-retry",
    "gives-up-on-404",
    "no-authorization",
    "wrong-assignee",
    "offer-without-target",
    "foreign-context",
    "missing-dataset-is-empty",
)
"""Each breaks one rule; those that are no broken transition are handled where the rule is kept."""
