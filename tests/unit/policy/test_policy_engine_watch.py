"""Only what has to be asked again is asked again: evaluations are counted."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connector.model.names import MMD, ODRL
from connector.policy import (
    Compiled,
    Context,
    Decision,
    compile,  # noqa: A004 - the word of the room
    parse,
)
from connector.policy.vocabulary import WHOLE
from connector.policy.watch import Watch
from connector.policy.world import World

NOW = datetime(2026, 11, 24, tzinfo=UTC)
HOUR = timedelta(hours=1)


def atom(left: str, operator: str, right: Any) -> dict[str, Any]:
    return {"leftOperand": left, "operator": operator, "rightOperand": right}


def until(moment: datetime, *more: dict[str, Any]) -> Compiled:
    constraints = [atom("dateTime", "lt", moment.isoformat()), *more]
    return compile(parse({"permission": [{"action": "use", "constraint": constraints}]}, WHOLE))


class Counting:
    """Agreements that are asked, and how often."""

    def __init__(self, agreements: dict[str, Compiled]) -> None:
        self.agreements = agreements
        self.evaluations = 0

    def ask(self, key: str, ctx: Context) -> Decision:
        self.evaluations += 1
        return self.agreements[key].evaluate(ctx)


def test_a_hundred_thousand_agreements_and_only_those_that_are_due_are_asked() -> None:
    kinds = [until(NOW + n * HOUR) for n in range(1, 1001)]
    owners = {f"agreement-{i}": kinds[i % 1000] for i in range(100_000)}
    world = Counting(owners)
    watch = Watch()
    decided = [kind.evaluate(Context(now=NOW)) for kind in kinds]
    for i, key in enumerate(owners):
        watch.set(key, decided[i % 1000], owner=f"did:{i % 50}")
    assert len(watch) == 100_000
    assert watch.next_at() == NOW + HOUR
    assert list(watch.due(NOW)) == []
    ended = []
    ctx = Context(now=NOW + 3 * HOUR)
    for key in watch.due(ctx.now):
        decision = world.ask(key, ctx)
        ended.append(decision.permitted)
        watch.set(key, decision)
    assert world.evaluations == 300  # three hours' worth, not a hundred thousand
    assert not any(ended)
    assert watch.next_at() == NOW + 4 * HOUR


def test_a_changed_fact_names_only_those_that_look_at_it() -> None:
    rate = atom(MMD + "requestsPerMinute", "lteq", "60")
    metered, plain = until(NOW + HOUR, rate), until(NOW + HOUR)
    watch = Watch()
    ctx = Context(now=NOW, world=World(facts={}))
    for i in range(1000):
        compiled = metered if i % 100 == 0 else plain
        watch.set(f"a{i}", compiled.evaluate(ctx), owner=f"did:{i % 200}")
    assert watch.touched([MMD + "requestsPerMinute"]) == {f"a{i}" for i in range(0, 1000, 100)}
    assert watch.touched([MMD + "requestsPerMinute"], owner="did:100") == {
        f"a{i}" for i in range(100, 1000, 200)
    }
    assert watch.touched([ODRL + "payAmount"]) == frozenset()
    assert watch.touched([MMD + "requestsPerMinute"], owner="did:1") == frozenset()
    assert len(watch.touched(["now"])) == 1000
    watch.forget("a100")
    watch.forget("a100")
    assert "a100" not in watch.touched([MMD + "requestsPerMinute"])


def test_a_new_decision_takes_the_place_of_the_old_one() -> None:
    watch = Watch()
    watch.set("a", until(NOW + HOUR).evaluate(Context(now=NOW)), owner="x")
    watch.set("a", until(NOW + 5 * HOUR).evaluate(Context(now=NOW)), owner="y")
    assert watch.next_at() == NOW + 5 * HOUR
    assert list(watch.due(NOW + 2 * HOUR)) == []
    assert watch.touched(["now"], owner="x") == frozenset()
    forever = compile(parse({"permission": [{"action": "use"}]})).evaluate(Context(now=NOW))
    watch.set("a", forever)
    assert watch.next_at() is None
    assert len(watch) == 1


def test_against_a_scan_with_random_changes() -> None:
    rng = random.Random(7)
    watch, plain = Watch(), {}
    moments = {n: until(NOW + n * HOUR).evaluate(Context(now=NOW)) for n in range(1, 40)}
    for step in range(3000):
        key, n = f"a{rng.randrange(60)}", rng.randrange(1, 40)
        if rng.random() < 0.3:
            watch.forget(key)
            plain.pop(key, None)
        else:
            watch.set(key, moments[n])
            plain[key] = NOW + n * HOUR
        assert watch.next_at() == min(plain.values(), default=None)
        if step % 500 == 499:
            now = NOW + 20 * HOUR
            due = sorted((at, k) for k, at in plain.items() if at <= now)
            found = list(watch.due(now))
            assert sorted(found) == sorted(k for _, k in due)
            assert [plain[k] for k in found] == [at for at, _ in due]
            for k in found:
                del plain[k]
    assert len(watch._heap) <= 2 * len(watch) + 16


def test_a_denied_agreement_is_asked_again_when_its_fact_changes() -> None:
    rate = atom(MMD + "requestsPerMinute", "lteq", "60")
    compiled, watch = until(NOW + HOUR, rate), Watch()
    ctx = Context(now=NOW)
    refused = compiled.evaluate(ctx)
    assert not refused.permitted
    watch.set("a", refused, owner="did:a")
    (key,) = watch.touched([MMD + "requestsPerMinute"], owner="did:a")
    known = replace(ctx, world=World(facts={MMD + "requestsPerMinute": "60"}))
    assert key == "a"
    assert compiled.permits(known)
