"""The examples of the W3C group's draft of ODRL's formal semantics.

Each has a policy and, per sub-folder, a request, perhaps a state of the world, and the report expected.
Compared are the permission's control state (Permit, Deny), its activation (all premises but the
action's refinements, as the examples read it), the satisfaction of its constraint, and of its
condition (a duty) whether it binds and its deontic state.

The draft's requests of family C come from `…/billie1` where its policies and payments say `…/billie`:
a requester whom neither policy nor state knows, but for a digit at the end, is taken to be that one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from connector.errors import PolicyInvalid
from connector.model.names import ODRL
from connector.policy import Context, Policy, parse
from connector.policy import compile as compile_policy
from connector.policy.reports import report
from connector.policy.tree import Atomic
from connector.policy.values import read_number, read_time
from connector.policy.vocabulary import OPEN
from connector.policy.world import Deontic, Event, Fact, World
from tests.conformance.odrl.outcome import Verdict

PAYMENT_ACTION = ODRL + "compensate"
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DEONTIC = {Deontic.NOT_SET: "Not-set", Deontic.PENDING: "Not-set", Deontic.FULFILLED: "Fulfilled"}


def run(folder: Path) -> Iterator[Verdict]:
    """Every example below a folder."""
    for asked in sorted(folder.rglob("evaluationrequest*.json")):
        name = asked.parent.name
        try:
            (policy,) = asked.parent.parent.glob("policy*.json")
            (expected,) = asked.parent.glob("compliancereport*.json")
            state = next(iter(asked.parent.glob("state*.json")), None)
            yield _case(name, _load(policy), _load(asked), _load(expected), _load(state) if state else {})
        except (PolicyInvalid, LookupError, ValueError) as error:
            yield Verdict(name, f"{type(error).__name__}: {error}")


def _load(file: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return loaded


def _case(
    name: str, raw: dict[str, Any], asked: dict[str, Any], expected: dict[str, Any], state: dict[str, Any]
) -> Verdict:
    policy = parse(raw, OPEN)
    compiled = compile_policy(policy)
    ctx, note = _context(policy, asked, raw, state)
    made = report(compiled, ctx)
    (rule,) = made.rules
    ours = {
        "control": "Permit" if made.permitted else "Deny",
        "activation": "Active"
        if all(p.is_satisfied for p in rule.premises if "/action/" not in p.pointer)
        else "Inactive",
    }
    for premise in rule.premises:
        for one in premise.walk():
            if one.id:
                ours[one.id.rpartition("/")[2]] = "Satisfied" if one.is_satisfied else "Not-Satisfied"
    for duty in compiled.permissions[0].duties:
        standing = duty.standing(ctx)
        ours["deontic"] = _DEONTIC[standing.state or Deontic.NOT_SET]
        ours["binds"] = "Active" if standing.binds else "Inactive"
    wrong = [
        f"{key}: {ours.get(key)} instead of {value}"
        for key, value in _expected(expected).items()
        if ours.get(key) != value
    ]
    return Verdict(name, "; ".join(wrong), note)


def _expected(document: dict[str, Any]) -> dict[str, str]:
    """What the report says, in the words that `_case` uses."""
    found: dict[str, str] = {}

    def word(part: dict[str, Any], key: str) -> str:
        return str(part.get("report:" + key, "")).removeprefix("report:")

    for part in (value for value in document.values() if isinstance(value, dict)):
        match part.get("@type"):
            case "report:ruleReport":
                found |= {"control": word(part, "controlState"), "activation": word(part, "activationState")}
            case "report:ConstraintReport":
                found[word(part, "constraint").rpartition("/")[2]] = word(part, "satisfactionState")
            case "report:ConditionReport":
                found["deontic"] = word(part, "deonticState")
                # One example writes Satisfied where the others write Active.
                found["binds"] = "Inactive" if word(part, "activationState") == "Inactive" else "Active"
    return found


def _context(
    policy: Policy, asked: dict[str, Any], raw: dict[str, Any], state: dict[str, Any]
) -> tuple[Context, str]:
    facts: dict[str, Fact] = {}
    now, note = read_time("2025-01-01T00:00:00Z"), ""
    parameters = asked.get("requestParameters", [])
    for one in parameters if isinstance(parameters, list) else [parameters]:
        value, feature = one["value"], one["describesFeature"]
        if feature == "sotw:CurrentXSDDateTime":
            now = read_time(value["@value"])
            facts["ex:dayOfWeek"] = DAYS[now.weekday()]
        else:  # a feature is named by the unit that it is measured in
            number = read_number(str(value.get("@value", value.get("@id"))))
            facts |= dict.fromkeys(_measured_in(policy, feature), number)
    party = asked.get("evaluatedParty")
    known = json.dumps([raw, state])
    if party is not None and f'"{party}"' not in known and f'"{re.sub(r"[0-9]$", "", party)}"' in known:
        note, party = f"{party} is taken to be without the digit", re.sub(r"[0-9]$", "", party)
    ctx = Context(
        now=now,
        action=asked["evaluatedAction"].replace("odrl:", ODRL),
        target=asked.get("evaluatedTarget"),
        recipient=party,
        world=World(facts=facts, events=tuple(_events(state))),
    )
    return ctx, note


def _measured_in(policy: Policy, unit: str) -> list[str]:
    return [
        constraint.operand
        for rule in policy.permissions
        for constraint in rule.refinements
        if isinstance(constraint, Atomic)
        and any(u.name == "unit" and json.loads(u.text) == unit for u in constraint.unread)
    ]


def _events(state: dict[str, Any]) -> Iterator[Event]:
    """The payments."""
    contexts = state.get("context", [])
    for one in contexts if isinstance(contexts, list) else [contexts]:
        if one.get("@type") == "pay:Payment":
            yield Event(
                at=read_time(one["pay:paymentDate"]["@value"].replace(" ", "T")),
                action=PAYMENT_ACTION,
                party=one["pay:payer"],
                facts={ODRL + "payAmount": read_number(one["pay:netAmount"]["@value"])},
                performs=one["conditionId"],
            )
