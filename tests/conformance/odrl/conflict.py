"""Pairs of policies, and whether they contradict each other.

In scope are files with exactly two policies, without the families about containment (that is what
`compare` answers). An answer may be wrong in none; of those that have a verdict, at most one in ten
may be left unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from rdflib import Graph

from connector.errors import PolicyInvalid
from connector.policy.conflicts import Silence, conflicts
from connector.semantic.policy_graph import policy_mapping, policy_nodes
from tests.conformance.odrl.outcome import Verdict

OUT_OF_SCOPE = frozenset({"BoxContainment"})
OUT_OF_SCOPE_IDS = frozenset({"ODRL369"})
UNKNOWN_SHARE = 0.1


def run(folder: Path) -> Iterator[Verdict]:
    """Every pair of the manifest."""
    left, decided = 0, 0
    for line in (folder / "manifest.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        name, expected = f"{case['suite']}/{case['problem_id']}", case["verdict"].lower()
        graph = Graph().parse(folder / case["policy"])
        nodes = policy_nodes(graph)
        out = _out_of_scope(case, len(nodes))
        if out:
            yield Verdict(name, "", f"out of scope: {out}")
            continue
        try:
            first, second = (policy_mapping(graph, node) for node in nodes)
            found = conflicts(first, second, silence=Silence.UNKNOWN)
        except PolicyInvalid as error:
            # What cannot be read is not judged; it counts as left unknown.
            left, decided = left + (expected != "unknown"), decided + (expected != "unknown")
            yield Verdict(name, "", f"left unknown, {expected} was expected: {error}")
            continue
        decided += expected != "unknown"
        if found.verdict == expected:
            yield Verdict(name)
        elif found.verdict == "unknown":
            left += 1
            yield Verdict(name, "", f"left unknown, {expected} was expected: {found.reason.en}")
        else:
            yield Verdict(name, f"{found.verdict} instead of {expected}: {found.reason.en}")
    if left > UNKNOWN_SHARE * decided:
        yield Verdict("all", f"{left} of {decided} are left unknown")


def _out_of_scope(case: dict[str, str], policies: int) -> str:
    if policies != 2:
        return f"{policies} policies"
    if case["category"] in OUT_OF_SCOPE or case["problem_id"] in OUT_OF_SCOPE_IDS:
        return f"{case['category']}: containment is for compare"
    return ""
