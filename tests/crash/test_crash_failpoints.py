"""kill -9 at every named place, on the side that passes it; then a restart, and the exchange goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import evidence
from tests.crash.factory import Factory, Refused, pair
from tests.crash.steps import Rescue, until

SMALL, BIG, ROOMY = 200_000, 24 << 20, (24 << 20) + 1
"""The sizes of three datasets; two uses of the last are allowed, one of the others."""

BY_CONSUMER = ("ContractRequestMessage", "ContractAgreementVerificationMessage", "TransferRequestMessage")
BY_PROVIDER = (
    "ContractAgreementMessage",
    "ContractNegotiationEventMessage:FINALIZED",
    "TransferStartMessage",
    "TransferTerminationMessage",
    "withdrawal",
)
AT_SENDER = ("before-commit", "after-commit", "before-send", "after-send", "after-ack")
AT_RECEIVER = ("before-commit", "after-commit", "before-answer")


def _cases() -> Iterator[tuple[str, str]]:
    for message in (*BY_CONSUMER, *BY_PROVIDER):
        sender, receiver = ("consumer", "provider") if message in BY_CONSUMER else ("provider", "consumer")
        yield from ((sender, f"{point}:{message}") for point in AT_SENDER)
        yield from ((receiver, f"{point}:{message}") for point in AT_RECEIVER)


BODY = [
    ("provider", "grant:before-commit"),
    ("provider", "grant:after-commit"),
    ("provider", "body:middle"),
    ("provider", "body:after"),
]


class Bench:
    """Two factories with two datasets, and what the digests of these are."""

    def __init__(self, provider: Factory, consumer: Factory, folder: Path) -> None:
        self.provider, self.consumer = provider, consumer
        self.sizes: dict[str, int] = {}
        self.names: dict[int, str] = {}
        self.digests: dict[int, str] = {}
        for size, count in ((SMALL, 1), (BIG, 1), (ROOMY, 2)):
            path = folder / f"{size}.bin"
            path.write_bytes(hashlib.shake_256(str(size).encode()).digest(size))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            self.names[size] = provider.publish(path, f"shots-{size}", count=count)
            self.digests[size] = digest
            self.sizes[f'"{digest}"'] = size

    def arm(self, side: str, failpoint: str) -> Factory:
        """Start that side again with the failpoint; the other side runs as it is."""
        for factory in (self.provider, self.consumer):
            if not factory.is_running:
                factory.start()
        armed = self.provider if side == "provider" else self.consumer
        armed.kill()
        armed.start(failpoint=failpoint)
        return armed


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("failpoints")
    with pair(folder) as (provider, consumer):
        yield Bench(provider, consumer, folder)
    times = sorted(provider.ready_after_s + consumer.ready_after_s)
    print(
        f"\n{len(times)} starts, to serving: median {times[len(times) // 2]:.2f} s, worst {times[-1]:.2f} s"
    )


def exchange(bench: Bench, size: int, *, withdraws: bool) -> str:
    """From the request to the file, and to the withdrawal: whatever dies meanwhile. The agreement's id."""
    provider, consumer = bench.provider, bench.consumer
    known = set(evidence.negotiations(consumer))

    def negotiation() -> str | None:
        # What the consumer holds was asked for, whether or not anybody heard the answer.
        found = set(evidence.negotiations(consumer)) - known
        assert len(found) <= 1
        return found.pop() if found else str(consumer.request(provider, bench.names[size])["id"])

    pid = until(negotiation, "a request")

    def agreement() -> str | None:
        row = evidence.negotiations(consumer)[pid]
        assert row["state"] != "TERMINATED", row["reason"]
        return str(row["agreement_id"]) if row["state"] == "FINALIZED" else None

    contract = until(agreement, "a contract")
    pulled = until(lambda: consumer.pull(contract), "a pull")
    assert pulled["sha256"] == bench.digests[size]
    assert hashlib.sha256(Path(pulled["path"]).read_bytes()).hexdigest() == bench.digests[size]
    if withdraws:

        def withdrawn() -> bool | None:
            if not evidence.agreements(provider)[contract]["withdrawn_at"]:
                provider.post("manage", "contracts", contract, "withdraw", body={"reason": "crash"})
            return True

        until(withdrawn, "a withdrawal")
    return contract


def run(bench: Bench, side: str, failpoint: str, size: int, *, withdraws: bool) -> None:
    provider, consumer = bench.provider, bench.consumer
    before = len(evidence.negotiations(provider)), len(evidence.agreements(provider))
    rescue = Rescue(bench.arm(side, failpoint))
    try:
        contract = exchange(bench, size, withdraws=withdraws)
        until(lambda: evidence.is_quiet(provider, consumer) or None, "silence")
    finally:
        rescue.finish()
    until(lambda: evidence.is_quiet(provider, consumer) or None, "silence after the restart")
    assert rescue.has_died, f"{failpoint} was never passed by the {side}"
    after = len(evidence.negotiations(provider)), len(evidence.agreements(provider))
    assert after == (before[0] + 1, before[1] + 1)
    assert len(evidence.transfers(provider, contract)) == 1
    uses = evidence.check_all(provider, consumer, contract, bench.sizes)
    assert uses[contract] == 1
    state = {t["state"] for t in evidence.transfers(consumer, contract).values()}
    assert state == {"TERMINATED" if withdraws else "STARTED"}
    assert bool(evidence.agreements(consumer)[contract]["withdrawn_at"]) is withdraws
    if failpoint == "body:after":
        # Whether the last bytes arrived the provider cannot know: to fetch them again after its crash is no
        # new use [D14], once.
        assert consumer.pull(contract)["sha256"] == bench.digests[size]
        assert evidence.check_all(provider, consumer, contract, bench.sizes)[contract] == 1
    with pytest.raises(Refused) as refusal:
        consumer.pull(contract)
    assert ("withdrawn" if withdraws else "count") in str(refusal.value)


@pytest.mark.parametrize(("side", "failpoint"), [*_cases()])
def test_an_exchange_survives_a_kill_of_either_side_at_each_message(
    bench: Bench, side: str, failpoint: str
) -> None:
    withdraws = failpoint.endswith((":withdrawal", ":TransferTerminationMessage"))
    run(bench, side, failpoint, SMALL, withdraws=withdraws)


@pytest.mark.parametrize(("side", "failpoint"), BODY)
def test_a_pull_survives_a_kill_before_at_and_after_its_bytes(
    bench: Bench, side: str, failpoint: str
) -> None:
    run(bench, side, failpoint, BIG, withdraws=False)


def test_a_pull_survives_a_kill_of_the_receiver_in_the_middle(bench: Bench) -> None:
    # The provider counts what its kernel took, and cannot know what the dead receiver had read of it: the
    # rest may be a second use. That is exactly what the leaves say, too.
    provider, consumer = bench.provider, bench.consumer
    rescue = Rescue(bench.arm("consumer", "pull:middle"))
    try:
        contract = exchange(bench, ROOMY, withdraws=False)
    finally:
        rescue.finish()
    assert rescue.has_died
    pulled = consumer.pull(contract) if not _is_used_up(bench, contract) else None
    assert pulled is None or pulled["sha256"] == bench.digests[ROOMY]
    until(lambda: evidence.is_quiet(provider, consumer) or None, "silence")
    assert evidence.check_all(provider, consumer, contract, bench.sizes)[contract] == 2
    with pytest.raises(Refused, match="count"):
        consumer.pull(contract)


def _is_used_up(bench: Bench, contract: str) -> bool:
    return len(evidence.rows(bench.provider, "select 1 from use where agreement_id = ?", contract)) == 2
