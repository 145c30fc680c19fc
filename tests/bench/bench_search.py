"""Search over 100,000 datasets with two facets, over HTTP; and hostile questions over the same."""

from __future__ import annotations

import http.client
import json
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from tests.bench.child import child
from tests.bench.measure import Figure, quantile, spread
from tests.bench.pair import LIMITS, make_homes
from tests.integration.search_world import LEVELS, PROCESSES, pairs

DATASETS, TARGET_MS = 100_000, 50.0
HOSTILE: Final = (
    "\" OR words MATCH \"",
    "NEAR(사출 성형, 5) AND NOT (",
    "(a+)+$" * 60,
    "가" * 800,
    # Words that every dataset has: the full-text index can rule nothing out.
    "set 이력 history 운영 operations 고객 데이터",
    "set 이력 operations data",
    "이력",
    "history",
    "세 트 이 력",
)  # fmt: skip


def run(*, quick: bool) -> list[Figure]:
    """p95 of questions with two facets chosen beside them, and the slowest of the hostile ones."""
    datasets, count = (10_000, 100) if quick else (DATASETS, 600)
    with tempfile.TemporaryDirectory(prefix="madang-bench-") as name, ExitStack() as stack:
        limits = {**LIMITS, "strangers_per_minute": 10_000_000}
        _, home = make_homes(Path(name), limits=limits)
        provider = stack.enter_context(child("our provider", "tests.bench.node", home.folder))
        stands = provider.tell("seed_search", count=datasets)
        line = http.client.HTTPConnection("127.0.0.1", home.port, timeout=30)
        stack.callback(line.close)
        questions = []
        for number, pair in enumerate(pairs(count)):
            text = pair.ko if number % 2 else pair.en
            chosen = {
                "confidentiality": LEVELS[number % len(LEVELS)],
                "labelled": ("yes", "no")[number // 2 % 2],
            }
            if number % 3 == 0:
                chosen["process"] = list(PROCESSES)[number % len(PROCESSES)]
                del chosen["labelled"]
            questions.append({"q": text, "sort": ("newest", "rows")[number % 2], **chosen})
        _timed(line, questions[0])
        times, totals = zip(*(_timed(line, one) for one in questions), strict=True)
        slow = {text[:40]: min(_timed(line, {"q": text})[0] for _ in range(5)) for text in HOSTILE}
    p95, worst = quantile(times, 0.95), max(slow.values())
    notes = [
        f"{stands} datasets, {len(questions)} different questions, results {min(totals)}..{max(totals)}",
        spread("over HTTP", times),
    ]
    hostile = [f"{took:.1f} ms: {text!r}" for text, took in slow.items()]
    return [
        Figure("search-p95", p95, None, p95, TARGET_MS, "ms", notes=notes),
        Figure("search-hostile", worst, None, worst, TARGET_MS, "ms", notes=hostile),
    ]


def _timed(line: http.client.HTTPConnection, query: dict[str, str]) -> tuple[float, int]:
    """How long one search took, in ms, and how much it found."""
    began = time.perf_counter()
    line.request("GET", "/search?" + urlencode(query))
    answer = line.getresponse()
    body = answer.read()
    took = (time.perf_counter() - began) * 1000
    assert answer.status == 200, body
    return took, json.loads(body)["total"]
