"""OVAL's cases: a policy in Turtle and a log of events in CSV; those in `valid` keep it, in `invalid` not.

A column is an operand's IRI, or `<Action|Party|Asset IRI> <operand IRI>` for what is known about the
action, party or asset. An empty cell is nothing. The cases do not agree on which of the two a name is
written under; a fact under another heading than a constraint looks at is found all the same.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from rdflib import Graph

from connector.errors import PolicyInvalid
from connector.model.names import ODRL
from connector.policy import parse
from connector.policy.audits import audit
from connector.policy.values import Value, read_number, read_time
from connector.policy.vocabulary import OPEN
from connector.policy.world import About, Event, Fact
from connector.semantic.policy_graph import policy_mapping, policy_nodes
from tests.conformance.odrl.outcome import Verdict

_ABOUT = {ODRL + "Action": About.ACTION, ODRL + "Party": About.PARTY, ODRL + "Asset": About.ASSET}


def run(folder: Path) -> Iterator[Verdict]:
    """Every case of `valid` and `invalid`."""
    for kind in ("valid", "invalid"):
        for file in sorted((folder / kind).glob("*.ttl")):
            name = f"{kind}/{file.stem}"
            try:
                yield _case(name, file, is_valid=kind == "valid")
            except (PolicyInvalid, LookupError, ValueError, OSError) as error:
                yield Verdict(name, f"{type(error).__name__}: {error}")


def _case(name: str, file: Path, *, is_valid: bool) -> Verdict:
    graph = Graph().parse(file)
    log = events(file.with_suffix(".csv"))
    findings = []
    for node in policy_nodes(graph):
        policy = parse(policy_mapping(graph, node), OPEN)
        findings += audit(policy, log)
    told = "; ".join(f"{one.breach} {one.rule}" for one in findings)
    if bool(findings) == is_valid:
        return Verdict(name, told or "nothing was found")
    return Verdict(name, "", told)


def events(file: Path) -> tuple[Event, ...]:
    """The log."""
    with file.open(encoding="utf-8-sig", newline="") as stream:
        rows = [row for row in csv.reader(stream) if any(cell.strip() for cell in row)]
    if not rows:
        return ()
    head = [cell.strip() for cell in rows[0]]
    return tuple(_event(head, row) for row in rows[1:])


def _event(head: list[str], row: list[str]) -> Event:
    named: dict[str, str] = {}
    facts: dict[str, Fact] = {}
    about: dict[About, dict[str, Fact]] = {one: {} for one in _ABOUT.values()}
    for column, cell in zip(head, row, strict=False):
        text = cell.strip()
        if not text:
            continue
        first, _, second = column.partition(" ")
        if second:
            about[_ABOUT[first]][second.strip()] = _value(text)
            facts.setdefault(second.strip(), _value(text))
        else:
            named[column] = text
            facts[column] = _value(text)
    return Event(
        at=read_time(named[ODRL + "dateTime"].replace(" ", "T")),
        action=named[ODRL + "Action"],
        party=named.get(ODRL + "Party"),
        target=named.get(ODRL + "Asset"),
        facts=facts,
        about=about,
    )


def _value(text: str) -> Value:
    """A cell as a number or a time if it reads as one."""
    for read in (read_number, read_time):
        try:
            return read(text)
        except ValueError:
            continue
    return text
