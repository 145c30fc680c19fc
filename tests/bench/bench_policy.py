"""The policy engine: decisions a second, reading, filtering, expiry, and hostile input.

    python -m tests.bench.bench_policy [--quick]

Decisions are asked of contexts prepared before, each seen once, without a cache of results, and
every verdict is checked in the timed loop. The policies are the small ones of the FORCE suite
(`MADANG_REFERENCE`). Cedar's decision of an equivalent policy runs in the same process, with the
policy and the entities parsed before and the requests handed over in one batch, which is its fastest way.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rdflib import Graph

from connector.errors import PolicyInvalid
from connector.model.names import CONTEXT_DSP, ODRL
from connector.policy import (
    BEFORE_AGREEMENT,
    WHOLE,
    Compiled,
    Context,
    Scope,
    Templates,
    Watch,
    World,
    parse,
    report,
)
from connector.policy import compile as compile_policy
from connector.semantic.policy_graph import MAX_BYTES, policy_mapping, policy_nodes, read_policies
from tests.bench.child import ROOT, ChildFailed
from tests.bench.measure import Figure, quantile, spread, write_report
from tests.conformance.odrl.outcome import REFERENCE

CONTEXTS, RUNS = 10_000, 5
NOW = datetime(2024, 2, 12, 11, 20, 10, 999000, tzinfo=UTC)
EX = "http://example.org/"
Work = list[tuple[Compiled, Context, bool]]


def run(*, quick: bool) -> list[Figure]:
    """Every row."""
    if not (REFERENCE / "force").is_dir():
        raise ChildFailed("the FORCE policies are not here: set MADANG_REFERENCE")
    count, runs = (2_000, 3) if quick else (CONTEXTS, RUNS)
    work = _work(count)
    figures = [
        _rate("policy-decide", work, lambda c, ctx: c.permits(ctx), 500_000, runs),
        _rate("policy-reasons", work, lambda c, ctx: c.evaluate(ctx).permitted, 100_000, runs),
        _rate("policy-report", work, lambda c, ctx: report(c, ctx).permitted, 10_000, runs),
    ]
    figures += _cedar(count, runs)
    figures += _reading(50 if quick else 200)
    figures += [_catalog(runs), _expiry(10_000 if quick else 100_000)]
    return figures + _hostile()


# ---- decisions ----------------------------------------------------------------------------------


def _work(count: int) -> Work:
    """FORCE's small policies and the requests of its kind, at random moments around its deadlines."""
    rng = random.Random(4)
    compiled: list[Compiled] = []
    for file in sorted((REFERENCE / "force" / "policies").glob("*.ttl")):
        if file.stat().st_size > 10_000:
            continue  # the one of 787 constraints is measured nowhere: it is no policy of a factory
        graph = Graph().parse(file)
        compiled += [compile_policy(parse(policy_mapping(graph, n), WHOLE)) for n in policy_nodes(graph)]
    member_of = {
        EX + "alice": frozenset({EX + "partyCollection"}),
        EX + "x": frozenset({EX + "assetCollection"}),
    }
    world = World(member_of=member_of)
    work = []
    for i in range(count):
        asked = compiled[i % len(compiled)]
        ctx = Context(
            now=NOW + timedelta(seconds=rng.randrange(-40_000_000, 40_000_000)),
            action=ODRL + rng.choice(["read", "read", "read", "write", "sell"]),
            target=EX + rng.choice("xxy"),
            recipient=EX + rng.choice(["alice", "alice", "bob"]),
            world=world,
        )
        work.append((asked, ctx, report(asked, ctx).permitted))
    return work


def _timed(work: Work, decide: Callable[[Compiled, Context], bool]) -> float:
    """Seconds for all of it; every verdict is checked."""
    wrong = 0
    began = time.perf_counter()
    for compiled, ctx, expected in work:
        if decide(compiled, ctx) is not expected:
            wrong += 1
    took = time.perf_counter() - began
    if wrong:
        raise ChildFailed(f"{wrong} verdicts are wrong")
    return took


def _rate(
    name: str, work: Work, decide: Callable[[Compiled, Context], bool], target: float, runs: int
) -> Figure:
    rates = [len(work) / _timed(work, decide) for _ in range(runs)]
    rate = statistics.median(rates)
    permitted = sum(expected for _, _, expected in work)
    notes = [spread("a second", rates, ""), f"{permitted} of {len(work)} permitted, one core"]
    return Figure(name, rate, None, rate, target, "/s", at_least=True, notes=notes)


def _cedar(count: int, runs: int) -> list[Figure]:
    try:
        import cedarpy
    except ImportError as error:
        raise ChildFailed("cedarpy is not installed: pip install cedarpy") from error
    until = NOW + timedelta(days=1)
    compiled = compile_policy(
        parse(
            {
                "target": EX + "x",
                "assignee": EX + "alice",
                "permission": [
                    {
                        "action": "read",
                        "constraint": [
                            {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": until.isoformat()}
                        ],
                    }
                ],
            },
            WHOLE,
        )
    )
    cedar = cedarpy.PolicySet.from_str(
        'permit(principal == User::"alice", action == Action::"read", resource == Data::"x") '
        f"when {{ context.now <= {int(until.timestamp())} }};"
    )
    entities = cedarpy.Entities.from_json_str("[]")
    rng = random.Random(5)
    work, requests = [], []
    for _ in range(count):
        who, what, which = (
            rng.choice(["alice", "alice", "bob"]),
            rng.choice(["read", "print"]),
            rng.choice("xxy"),
        )
        now = (NOW + timedelta(hours=rng.randrange(-48, 48))).replace(microsecond=0)
        ctx = Context(now=now, action=ODRL + what, target=EX + which, recipient=EX + who)
        expected = who == "alice" and what == "read" and which == "x" and now <= until
        work.append((compiled, ctx, expected))
        requests.append(
            {
                "principal": f'User::"{who}"',
                "action": f'Action::"{what}"',
                "resource": f'Data::"{which}"',
                "context": {"now": int(now.timestamp())},
            }
        )
    ours = [len(work) / _timed(work, lambda c, ctx: c.permits(ctx)) for _ in range(runs)]
    theirs = []
    for _ in range(runs):
        began = time.perf_counter()
        answers = cedarpy.is_authorized_batch(requests, cedar, entities)
        wrong = sum(a.allowed is not w[2] for a, w in zip(answers, work, strict=True))
        theirs.append(len(work) / (time.perf_counter() - began))
        if wrong:
            raise ChildFailed(f"cedar decides {wrong} requests differently")
    mine, base = statistics.median(ours), statistics.median(theirs)
    notes = [spread("ours", ours, "/s"), spread("cedarpy, parsed policy, one batch", theirs, "/s")]
    return [Figure("policy-decide-cedar", mine, base, mine / base, 20, "/s", at_least=True, notes=notes)]


# ---- reading ------------------------------------------------------------------------------------


def _bodies() -> list[dict[str, Any]]:
    """Each template's example as an offer."""
    templates = Templates.load(ROOT / "policies", WHOLE)
    bodies = [templates.preview([name], templates[name].example) for name in templates.names]
    return [{"@id": f"urn:offer:{i}", "@type": "Offer"} | body for i, body in enumerate(bodies)]


def _reading(rounds: int) -> list[Figure]:
    import jsonschema
    from pyld import jsonld

    contexts = {
        CONTEXT_DSP: "context.jsonld",
        "https://w3id.org/dspace/2025/1/odrl-profile.jsonld": "odrl-profile.jsonld",
    }
    data = REFERENCE.parent / "dsp"
    loaded = {
        url: json.loads((data / "contexts" / name).read_text("utf-8")) for url, name in contexts.items()
    }
    schema = json.loads((data / "schemas/negotiation/contract-schema.json").read_text("utf-8"))
    validator = jsonschema.Draft201909Validator(
        {"$ref": "#/definitions/Offer", "definitions": schema["definitions"]}
    )

    def documents(url: str, _options: object = None) -> dict[str, Any]:
        return {
            "contentType": "application/ld+json",
            "contextUrl": None,
            "documentUrl": url,
            "document": loaded[url],
        }

    bodies = _bodies()
    ours: list[float] = []
    for _ in range(rounds):
        for body in bodies:
            began = time.perf_counter()
            compile_policy(parse(body, WHOLE))
            ours.append((time.perf_counter() - began) * 1000)
    theirs: list[float] = []
    for _ in range(max(1, rounds // 20)):
        for body in bodies:
            dataset = {"@context": CONTEXT_DSP, "@id": "urn:data:1", "@type": "Dataset", "hasPolicy": [body]}
            began = time.perf_counter()
            expanded = jsonld.expand(dataset, {"documentLoader": documents})
            is_valid = validator.is_valid(body)
            theirs.append((time.perf_counter() - began) * 1000)
            if not (is_valid and expanded):
                raise ChildFailed("the schema refuses what we read")
    p95, base = quantile(ours, 0.95), statistics.median(theirs)
    middle = statistics.median(ours)
    notes = [spread("ours", ours), spread("PyLD expansion and jsonschema", theirs), f"{len(bodies)} offers"]
    return [
        Figure("policy-read-p95", p95, None, p95, 1.0, "ms", notes=notes),
        Figure("policy-read-pyld", middle, base, base / middle, 20, "ms", at_least=True),
    ]


# ---- many of them -------------------------------------------------------------------------------


def _catalog(runs: int) -> Figure:
    """10,000 offers, each with its own list of partners and its own end, for one consumer."""
    rng = random.Random(6)
    partners = [f"did:web:factory-{i}.example" for i in range(200)]
    compiled, expected = [], 0
    for _ in range(10_000):
        listed = rng.sample(partners, 5)
        days = rng.randrange(-30, 300)
        end = (NOW + timedelta(days=days, hours=1)).isoformat()
        expected += partners[0] in listed and days >= 0
        constraints = [
            {"leftOperand": "recipient", "operator": "isAnyOf", "rightOperand": listed},
            {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": end},
        ]
        compiled.append(compile_policy(parse({"permission": [{"action": "use", "constraint": constraints}]})))
    ctx = Context(now=NOW, scope=Scope.CATALOG, recipient=partners[0], deferred=BEFORE_AGREEMENT)
    times = []
    for _ in range(max(runs, 3)):
        began = time.perf_counter()
        shown = sum(one.permits(ctx) for one in compiled)
        times.append((time.perf_counter() - began) * 1000)
        if shown != expected:
            raise ChildFailed(f"{shown} offers are shown instead of {expected}")
    middle = statistics.median(times)
    notes = [spread("10,000 offers", times), f"{expected} shown"]
    return Figure("policy-catalog-10000", middle, None, middle, 50, "ms", notes=notes)


def _expiry(agreements: int) -> Figure:
    """Live agreements, one of which ends each second: how many are asked to find those that ended."""
    kinds = []
    for n in range(1000):
        end = (NOW + timedelta(seconds=n)).isoformat()
        constraint = {"leftOperand": "dateTime", "operator": "lteq", "rightOperand": end}
        kinds.append(compile_policy(parse({"permission": [{"action": "use", "constraint": [constraint]}]})))
    watch, ctx = Watch(), Context(now=NOW)
    decided = [kind.evaluate(ctx) for kind in kinds]
    for i in range(agreements):
        watch.set(f"a{i}", decided[i % 1000])
    asked = ended = 0
    took = []
    for second in range(1, 11):
        now = NOW + timedelta(seconds=second)
        began = time.perf_counter()
        due = list(watch.due(now))
        took.append((time.perf_counter() - began) * 1e6 / max(len(due), 1))
        for key in due:
            asked += 1
            decision = kinds[int(key[1:]) % 1000].evaluate(replace(ctx, now=now))
            ended += not decision.permitted
            watch.set(key, decision)
    notes = [f"{agreements} live, {asked} asked, {ended} ended", spread("to find one", took, "us")]
    return Figure("policy-expiry-asked", asked, ended, asked / ended, 1.0, "", notes=notes)


# ---- hostile ------------------------------------------------------------------------------------


def _hostile() -> list[Figure]:
    atom = {"leftOperand": "count", "operator": "lteq", "rightOperand": "1"}
    deep: dict[str, Any] = atom
    for _ in range(10_000):
        deep = {"and": [deep]}

    def rule(**more: Any) -> dict[str, Any]:
        return {"permission": [{"action": "use"} | more]}

    def compared(operator: str, right: Any) -> dict[str, Any]:
        return rule(constraint=[{"leftOperand": "recipient", "operator": operator, "rightOperand": right}])

    cases: dict[str, Any] = {
        "100,000 constraints": rule(constraint=[atom] * 100_000),
        "depth 10,000": rule(constraint=[deep]),
        "a set of 1,000,000": compared("isAnyOf", ["x"] * 1_000_000),
        "a number of 5 MB": rule(constraint=[atom | {"rightOperand": "1" * 5_000_000}]),
        "a time of 5 MB": rule(
            constraint=[atom | {"leftOperand": "dateTime", "rightOperand": "2026-" * 10**6}]
        ),
        "100,000 duties": rule(duty=[{"action": "delete"}] * 100_000),
        "a text of 5 MB": compared("eq", "(a+)+$" * 10**6),
    }
    times, peaks, notes = [], [], []
    gc.collect()
    for name, policy in cases.items():
        for vocabulary in (None, WHOLE):
            began = time.perf_counter()
            _refused(policy, vocabulary)
            times.append((time.perf_counter() - began) * 1000)
            tracemalloc.start()
            _refused(policy, vocabulary)
            peaks.append(tracemalloc.get_traced_memory()[1] / 2**20)
            tracemalloc.stop()
        notes.append(f"{name}: {max(times[-2:]):.2f} ms, {max(peaks[-2:]):.2f} MiB more")
    began = time.perf_counter()
    try:
        read_policies("#" * (MAX_BYTES + 1))
    except PolicyInvalid:
        notes.append(f"Turtle over {MAX_BYTES} bytes: {(time.perf_counter() - began) * 1000:.2f} ms")
    else:
        raise ChildFailed("a document over the limit was read")
    worst, memory = max(times), max(peaks)
    return [
        Figure("policy-hostile", worst, None, worst, 50, "ms", notes=notes),
        Figure("policy-hostile-memory", memory, None, memory, 16, "MiB"),
    ]


def _refused(policy: Any, vocabulary: Any) -> None:
    try:
        parse(policy, vocabulary) if vocabulary else parse(policy)
    except PolicyInvalid:
        return
    raise ChildFailed("a hostile policy was read")


def main() -> int:
    """Run it alone."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bench_policy")
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    figures = run(quick=quick)
    for figure in figures:
        figure.say()
    write_report("policy", figures, {"quick": quick})
    return 0 if all(figure.ok for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
