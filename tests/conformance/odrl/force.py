"""The FORCE test suite: policies, requests and states of the world in Turtle, and the report expected.

A folder has `policies`, `requests`, `sotw` and `test_cases`. Measured is the simple metric: the
same rules with the same attempt and activation state, and as many reports of each kind of premise
with the same satisfaction state, constraint by constraint. Whether the graphs are isomorphic is told.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rdflib import RDF, Graph, Literal, Namespace, Node, URIRef

from connector.errors import PolicyInvalid
from connector.model.names import ODRL as ODRL_NAME
from connector.policy import Context, parse
from connector.policy import compile as compile_policy
from connector.policy.compiling import Mode
from connector.policy.reports import REPORT as REPORT_NAME
from connector.policy.reports import report
from connector.policy.values import read_time
from connector.policy.vocabulary import OPEN
from connector.policy.world import Deontic, World
from connector.semantic.policy_graph import policy_mapping, read_graph
from tests.conformance.odrl.outcome import Verdict

ODRL = Namespace(ODRL_NAME)
REPORT = Namespace(REPORT_NAME)
EX = Namespace("http://example.org/")
DCT = Namespace("http://purl.org/dc/terms/")
TEMP = Namespace("http://example.com/request/")

_DEONTIC = {
    REPORT.Fulfilled: Deontic.FULFILLED,
    REPORT.Violated: Deontic.VIOLATED,
    REPORT.NonSet: Deontic.NOT_SET,
}


def run(folder: Path) -> Iterator[Verdict]:
    """Every case of a folder of that layout."""
    policies, requests = _indexed(folder / "policies"), _indexed(folder / "requests")
    worlds = _indexed(folder / "sotw")
    for file in sorted((folder / "test_cases").glob("*.ttl")):
        graph = Graph().parse(file)
        for case in sorted(graph.subjects(RDF.type, EX.TestCase), key=str):
            try:
                yield _case(file.stem, graph, case, policies, requests, worlds)
            except (PolicyInvalid, LookupError, ValueError) as error:
                yield Verdict(file.stem, f"{type(error).__name__}: {error}")


def _indexed(folder: Path) -> dict[Node, Graph]:
    """Everything that a file says something about -> the graph of that file."""
    found: dict[Node, Graph] = {}
    for file in sorted(folder.glob("*.ttl")):
        graph = Graph().parse(file)
        for subject in set(graph.subjects()):
            if isinstance(subject, URIRef) and (subject, RDF.type, None) in graph:
                found.setdefault(subject, graph)
    return found


def _the(graph: Graph, subject: Node, predicate: URIRef) -> Node:
    value = graph.value(subject, predicate)
    if value is None:
        raise LookupError(f"no {predicate} of {subject}")
    return value


def _case(
    name: str,
    graph: Graph,
    case: Node,
    policies: dict[Node, Graph],
    requests: dict[Node, Graph],
    worlds: dict[Node, Graph],
) -> Verdict:
    policy, request, state = (_the(graph, case, EX[key]) for key in ("policy", "request", "sotw"))
    expected = _the(graph, case, EX.expectedReport)
    # A case may bring its own policy, request or state along.
    policy_graph = policies.get(policy, graph)
    read = parse(policy_mapping(policy_graph, policy), OPEN)
    compiled = compile_policy(read, Mode.CLOSED)
    ctx, rule_request = _context(requests.get(request, graph), request, worlds.get(state, graph))
    made = report(compiled, ctx).to_jsonld(str(policy), str(request), str(rule_request))
    ours = read_graph(json.dumps(made), "json-ld")
    reason = difference(ours, graph, expected)
    (top,) = ours.subjects(RDF.type, REPORT.PolicyReport)
    same = _shape(ours, top) == _shape(graph, expected)
    return Verdict(name, reason, "" if same else "the graphs are not isomorphic")


def _context(requests: Graph, request: Node, world: Graph) -> tuple[Context, Node]:
    rule = _the(requests, request, ODRL.permission)

    def one(name: str) -> str | None:
        value = requests.value(rule, ODRL[name])
        return None if value is None else str(value)

    now = read_time(str(_the(world, TEMP.currentTime, DCT.issued)))
    member_of: dict[str, frozenset[str]] = {}
    for member, collection in world.subject_objects(ODRL.partOf):
        member_of[str(member)] = member_of.get(str(member), frozenset()) | {str(collection)}
    duties = {
        str(world.value(duty, REPORT.rule)): _DEONTIC[state]
        for duty, state in world.subject_objects(REPORT.deonticState)
        if state in _DEONTIC
    }
    ctx = Context(
        now=now,
        action=one("action") or "",
        target=one("target"),
        recipient=one("assignee"),
        world=World(member_of=member_of, duties=duties),
    )
    return ctx, rule


def difference(ours: Graph, theirs: Graph, expected: Node) -> str:
    """What the simple metric objects to, "" if nothing."""
    (made,) = ours.subjects(RDF.type, REPORT.PolicyReport)
    mine, its = _rules(ours, made), _rules(theirs, expected)
    # A link to a premise that the expected report does not describe could be any.
    free = sum(not any(theirs.predicate_objects(v)) for v in theirs.objects(None, REPORT.premiseReport))
    if mine.keys() != its.keys():
        return f"reports about the rules {sorted(mine)} instead of {sorted(its)}"
    for rule, (states, premises) in its.items():
        my_states, my_premises = mine[rule]
        if my_states != states:
            return f"rule {rule}: {my_states} instead of {states}"
        missing, more = premises - my_premises, my_premises - premises
        if missing or more.total() > free:
            return f"rule {rule}: missing {_few(missing)}, too many {_few(more)}"
    return ""


def _few(counter: Counter[Any]) -> str:
    listed = [" ".join(part.rpartition("#")[2] for part in key) for key in counter]
    return ", ".join(listed[:3]) + (" …" if len(listed) > 3 else "") or "nothing"


def _rules(graph: Graph, top: Node) -> dict[str, tuple[tuple[str, ...], Counter[Any]]]:
    found = {}
    for one in graph.objects(top, REPORT.ruleReport):
        states = tuple(
            str(graph.value(one, REPORT[name])) for name in ("ruleRequest", "attemptState", "activationState")
        )
        premises: Counter[Any] = Counter()
        seen: set[Node] = set()
        left = list(graph.objects(one, REPORT.premiseReport))
        while left:
            node = left.pop()
            if node in seen:
                continue
            seen.add(node)
            kind = str(graph.value(node, RDF.type))
            if kind.endswith(("TargetReport", "ActionReport", "PartyReport", "ConstraintReport")):
                constraint = graph.value(node, REPORT.constraint)
                about = str(constraint) if isinstance(constraint, URIRef) else ""
                premises[(kind, about, str(graph.value(node, REPORT.satisfactionState)))] += 1
            left.extend(graph.objects(node, REPORT.premiseReport))
        found[str(graph.value(one, REPORT.rule))] = (states, premises)
    return found


def _shape(graph: Graph, node: Node, depth: int = 0) -> tuple[Any, ...]:
    """A report without the names of its parts, values by what they mean.

    Reports are trees, so two graphs of them are isomorphic exactly if their shapes are equal.
    """
    if depth > 100:
        raise ValueError("the report is no tree")
    parts = []
    for predicate, value in graph.predicate_objects(node):
        if predicate in (REPORT.ruleReport, REPORT.premiseReport):
            parts.append((str(predicate), _shape(graph, value, depth + 1)))
        else:
            parts.append((str(predicate), (_by_value(value),)))
    return tuple(sorted(parts, key=repr))


def _by_value(value: Node) -> str:
    if isinstance(value, Literal) and str(value.datatype).endswith("dateTime"):
        return read_time(str(value)).isoformat()
    return value.n3()
