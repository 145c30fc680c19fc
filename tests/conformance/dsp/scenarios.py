"""The 65 enabled scenarios of the DSP conformance suite 1.0.1, one line each.

Read a line as what the player does, step by step; the connector under test is
on the other side and plays its half (`table.py`).

    hook            ask the connector under test to start (it is the consumer)
    expect X        from now on a message X is taken; before, it is answered 404
    wait S          until our own process is in state S (looked at every `pace`)
    read S          the connector's own process, asked for over HTTP, must be in S
    X               send message X; it must be accepted
    !X              send message X; it must be refused with a 4xx that is not 404
    ~...            a question of our own, which the official suite does not ask

The questions of our own (left out with --as-kit):

    ~again          the first request once more, under a new @id: the same process
    ~repeat         the last message once more, byte for byte: the same answer
    ~altered        the last message's @id with another body: 400
    ~foreign X      X with a pid of the sender that this process does not have: 400
    ~astray X       X whose pid of the receiver is not the one in the path: 400
    ~nowhere X      X to a process that does not exist: 404 with an error body
    ~stranger X     X under an unknown authorization: 401 with an error body
    ~bogus          a first request for something that does not exist: 4xx, error body
    ~filter         a catalog request with a filter nobody knows: 400
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

CATALOG: Final[Mapping[str, str]] = {
    "MET:01-01": "version",
    "CAT:01-01": "catalog CAT0101 | ~stranger catalog | ~filter",
    "CAT:01-02": "dataset CAT0102 | ~stranger dataset",
    "CAT:01-03": "missing CAT0103",
}

PROVIDER_NEGOTIATION: Final[Mapping[str, str]] = {
    "CN:01-01": "expect offer | request | wait OFFERED | ~foreign terminate | ~astray terminate"
    " | terminate | read TERMINATED | ~repeat | ~!accept",
    "CN:01-02": "expect offer | request | wait OFFERED | expect termination | counter | ~repeat"
    " | wait TERMINATED | ~read TERMINATED | ~!counter",
    "CN:01-03": "expect offer | request | wait OFFERED | ~!verify | expect agreement | accept | ~repeat"
    " | wait AGREED | ~foreign verify | ~!finalize | ~!accept | ~read AGREED"
    " | expect finalized | verify | ~repeat | wait FINALIZED | ~read FINALIZED",
    "CN:01-04": "expect agreement | request | wait AGREED | ~!counter | ~astray verify | ~read AGREED"
    " | expect finalized | verify | wait FINALIZED | ~!accept | ~read FINALIZED",
    "CN:02-01": "request | expect termination | wait TERMINATED | ~read TERMINATED | ~!accept",
    "CN:02-02": "request | ~again | ~!accept | ~!finalize | ~nowhere terminate | ~stranger terminate | ~bogus"
    " | ~read REQUESTED | terminate | read TERMINATED | ~repeat",
    "CN:02-03": "expect agreement | request | wait AGREED | terminate | read TERMINATED | ~!verify",
    "CN:02-04": "expect offer | request | wait OFFERED | terminate | ~altered | read TERMINATED | ~!counter",
    "CN:02-05": "expect offer | request | wait OFFERED | expect termination | wait TERMINATED"
    " | ~read TERMINATED",
    "CN:02-06": "expect offer | request | wait OFFERED | accept | expect termination | wait TERMINATED"
    " | ~read TERMINATED",
    "CN:02-07": "expect agreement | request | wait AGREED | expect termination | verify | wait TERMINATED"
    " | ~read TERMINATED",
    "CN:03-01": "expect agreement | request | wait AGREED | expect finalized | verify | wait FINALIZED"
    " | read FINALIZED | !terminate | ~read FINALIZED",
    "CN:03-02": "expect offer | request | wait OFFERED | !verify | ~!finalize | ~read OFFERED",
    "CN:03-03": "expect offer | request | wait OFFERED | accept | ~repeat | ~altered | ~read ACCEPTED"
    " | !verify | ~read ACCEPTED",
    "CN:03-04": "expect offer | request | wait OFFERED | counter | !counter | ~!accept | ~read REQUESTED",
}

CONSUMER_NEGOTIATION: Final[Mapping[str, str]] = {
    "CN_C:01-01": "expect request | hook | wait REQUESTED | expect accepted | offer | wait ACCEPTED"
    " | expect verification | agree | ~repeat | wait VERIFIED | finalize | read FINALIZED | ~!terminate",
    "CN_C:01-02": "expect request | hook | wait REQUESTED | expect counter | offer | wait REQUESTED"
    " | terminate | wait TERMINATED | ~read TERMINATED",
    "CN_C:01-03": "expect request | hook | wait REQUESTED | expect termination | offer | wait TERMINATED"
    " | read TERMINATED",
    "CN_C:01-04": "expect request | hook | wait REQUESTED | expect verification | agree | wait VERIFIED"
    " | finalize | read FINALIZED | ~repeat",
    "CN_C:02-01": "expect request | hook | wait REQUESTED | terminate | wait TERMINATED | read TERMINATED"
    " | ~repeat",
    "CN_C:02-02": "expect request | hook | wait REQUESTED | expect termination | wait TERMINATED"
    " | read TERMINATED",
    "CN_C:02-03": "expect request | hook | wait REQUESTED | expect termination | agree | wait TERMINATED"
    " | read TERMINATED",
    "CN_C:02-04": "expect request | hook | wait REQUESTED | offer | wait OFFERED | read OFFERED"
    " | ~foreign terminate | ~astray terminate | ~nowhere terminate | ~stranger terminate | ~read OFFERED"
    " | terminate | wait TERMINATED | read TERMINATED",
    "CN_C:02-05": "expect request | hook | wait REQUESTED | expect accepted | offer | wait ACCEPTED"
    " | terminate | wait TERMINATED | read TERMINATED",
    "CN_C:02-06": "expect request | hook | wait REQUESTED | expect verification | agree | wait VERIFIED"
    " | terminate | read TERMINATED",
    "CN_C:03-01": "expect request | hook | wait REQUESTED | !finalize | read REQUESTED",
    "CN_C:03-02": "expect request | hook | wait REQUESTED | offer | ~repeat | wait OFFERED | read OFFERED"
    " | !agree | read OFFERED",
    "CN_C:03-03": "expect request | hook | wait REQUESTED | offer | wait OFFERED | !finalize | read OFFERED"
    " | ~altered | ~read OFFERED",
    "CN_C:03-04": "expect request | hook | wait REQUESTED | expect accepted | offer | wait ACCEPTED"
    " | !finalize | read ACCEPTED",
    "CN_C:03-05": "expect request | hook | wait REQUESTED | expect accepted | offer | wait ACCEPTED"
    " | !offer | read ACCEPTED",
    "CN_C:03-06": "expect request | hook | wait REQUESTED | expect accepted | offer | wait ACCEPTED | agree"
    " | wait AGREED | !finalize | read AGREED",
}

PROVIDER_TRANSFER: Final[Mapping[str, str]] = {
    "TP:01-01": "expect start | request | wait STARTED | expect termination | wait TERMINATED"
    " | read TERMINATED",
    "TP:01-02": "expect start | request | wait STARTED | expect completion | wait COMPLETED | read COMPLETED",
    "TP:01-03": "expect start | request | wait STARTED | expect suspension | wait SUSPENDED"
    " | expect termination | wait TERMINATED | read TERMINATED",
    "TP:01-04": "expect start | request | wait STARTED | expect suspension | wait SUSPENDED"
    " | expect start | wait STARTED | expect completion | wait COMPLETED | read COMPLETED",
    "TP:01-05": "expect termination | request | wait TERMINATED | read TERMINATED",
    "TP:02-01": "expect start | request | wait STARTED | read STARTED | ~foreign terminate"
    " | ~astray terminate | ~read STARTED | terminate | wait TERMINATED | read TERMINATED | ~repeat",
    "TP:02-02": "expect start | request | wait STARTED | read STARTED | complete | wait COMPLETED"
    " | read COMPLETED | ~!terminate",
    "TP:02-03": "expect start | request | wait STARTED | read STARTED | suspend | ~repeat | ~altered"
    " | wait SUSPENDED | read SUSPENDED | terminate | wait TERMINATED | read TERMINATED",
    "TP:02-05": "request | wait REQUESTED | read REQUESTED | ~again | ~nowhere terminate"
    " | ~stranger terminate"
    " | ~bogus | ~read REQUESTED | terminate | wait TERMINATED | read TERMINATED",
    "TP:03-01": "request | wait REQUESTED | read REQUESTED | !complete | wait REQUESTED | read REQUESTED",
    "TP:03-02": "request | wait REQUESTED | read REQUESTED | !suspend | wait REQUESTED | read REQUESTED",
    "TP:03-03": "expect start | request | wait STARTED | read STARTED | suspend | wait SUSPENDED"
    " | read SUSPENDED | !complete | wait SUSPENDED | read SUSPENDED",
    "TP:03-04": "expect start | request | wait STARTED | read STARTED | terminate | wait TERMINATED"
    " | read TERMINATED | !start | wait TERMINATED | read TERMINATED",
    "TP:03-05": "expect start | request | wait STARTED | read STARTED | terminate | wait TERMINATED"
    " | read TERMINATED | !suspend | wait TERMINATED | read TERMINATED",
    "TP:03-06": "expect start | request | wait STARTED | read STARTED | terminate | wait TERMINATED"
    " | read TERMINATED | !complete | wait TERMINATED | read TERMINATED",
}

CONSUMER_TRANSFER: Final[Mapping[str, str]] = {
    "TP_C:01-01": "expect request | hook | wait REQUESTED | start | ~repeat | wait STARTED | read STARTED"
    " | terminate | wait TERMINATED | read TERMINATED",
    "TP_C:01-02": "expect request | hook | wait REQUESTED | start | wait STARTED | read STARTED"
    " | complete | wait COMPLETED | read COMPLETED",
    "TP_C:01-03": "expect request | hook | wait REQUESTED | start | wait STARTED | read STARTED"
    " | suspend | ~altered | wait SUSPENDED | read SUSPENDED | terminate | wait TERMINATED | read TERMINATED",
    "TP_C:01-04": "expect request | hook | wait REQUESTED | start | wait STARTED | read STARTED"
    " | suspend | wait SUSPENDED | read SUSPENDED | start | wait STARTED | read STARTED"
    " | complete | wait COMPLETED | read COMPLETED | ~repeat",
    "TP_C:01-05": "expect request | hook | wait REQUESTED | ~foreign terminate | ~astray terminate"
    " | ~nowhere terminate | ~stranger terminate | ~read REQUESTED | terminate | wait TERMINATED"
    " | read TERMINATED",
    "TP_C:02-01": "expect request | hook | wait REQUESTED | expect termination | start | wait TERMINATED"
    " | read TERMINATED",
    "TP_C:02-02": "expect request | hook | wait REQUESTED | expect completion | start | wait COMPLETED"
    " | read COMPLETED",
    "TP_C:02-03": "expect request | hook | wait REQUESTED | expect suspension | start | wait SUSPENDED"
    " | expect termination | wait TERMINATED | read TERMINATED",
    "TP_C:02-05": "expect request | hook | wait REQUESTED | expect termination | wait TERMINATED"
    " | read TERMINATED",
    "TP_C:03-01": "expect request | hook | wait REQUESTED | read REQUESTED | !complete | wait REQUESTED"
    " | read REQUESTED",
    "TP_C:03-02": "expect request | hook | wait REQUESTED | read REQUESTED | !suspend | wait REQUESTED"
    " | read REQUESTED",
    "TP_C:03-03": "expect request | hook | wait REQUESTED | read REQUESTED | start | wait STARTED"
    " | read STARTED"
    " | suspend | wait SUSPENDED | read SUSPENDED | !complete | wait SUSPENDED | read SUSPENDED",
    "TP_C:03-04": "expect request | hook | wait REQUESTED | read REQUESTED | start | wait STARTED"
    " | read STARTED"
    " | terminate | wait TERMINATED | read TERMINATED | !bare-start | wait TERMINATED | read TERMINATED",
    "TP_C:03-05": "expect request | hook | wait REQUESTED | read REQUESTED | start | wait STARTED"
    " | read STARTED"
    " | terminate | wait TERMINATED | read TERMINATED | !suspend | wait TERMINATED | read TERMINATED",
    "TP_C:03-06": "expect request | hook | wait REQUESTED | read REQUESTED | start | wait STARTED"
    " | read STARTED"
    " | terminate | wait TERMINATED | read TERMINATED | !complete | wait TERMINATED | read TERMINATED",
}

SCENARIOS: Final[Mapping[str, str]] = {
    **CATALOG,
    **PROVIDER_NEGOTIATION,
    **CONSUMER_NEGOTIATION,
    **PROVIDER_TRANSFER,
    **CONSUMER_TRANSFER,
}


def steps_of(scenario: str, *, as_kit: bool) -> tuple[str, ...]:
    """The steps of a scenario, with or without the questions of our own (their ~ is kept)."""
    steps = (step.strip() for step in SCENARIOS[scenario].split("|"))
    return tuple(step for step in steps if not (as_kit and step.startswith("~")))


def key_of(scenario: str) -> str:
    """The dataset or agreement id that names the scenario on the wire."""
    if scenario == "TP_C:01-05":
        return "ATPC0104"
    prefix, _, number = scenario.partition(":")
    return {"CN": "ACN", "CN_C": "ACNC", "TP": "ATP", "TP_C": "ATPC"}[prefix] + number.replace("-", "")
