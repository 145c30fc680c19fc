"""RFC 9110 ranges and preconditions, case by case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.dataplane.ranges import Coverage, Span, Unsatisfiable, parse_range, plan

SHA = "ab" * 32
ETAG = f'"{SHA}"'


@pytest.mark.parametrize(
    ("header", "size", "expected"),
    [
        ("bytes=0-499", 1000, (0, 500)),
        ("bytes=500-999", 1000, (500, 1000)),
        ("bytes=500-", 1000, (500, 1000)),
        ("bytes=500-5000", 1000, (500, 1000)),
        ("bytes=-200", 1000, (800, 1000)),
        ("bytes=-2000", 1000, (0, 1000)),
        ("bytes=0-0", 1000, (0, 1)),
        ("bytes=-1", 1000, (999, 1000)),
        ("BYTES=0-0", 1000, (0, 1)),
        ("bytes= 0-0 ", 1000, (0, 1)),
        ("bytes=0-0,", 1000, (0, 1)),
        ("bytes=0000-0001", 1000, (0, 2)),
        ("bytes=0-" + "9" * 5000, 1000, (0, 1000)),
        ("bytes=0-1,5-6", 1000, None),
        ("bytes=5-4", 1000, None),
        ("bytes=-", 1000, None),
        ("bytes=", 1000, None),
        ("bytes", 1000, None),
        ("bytes=a-b", 1000, None),
        ("bytes=1 - 2", 1000, None),
        ("bytes=+1-2", 1000, None),
        ("bytes=٠-١", 1000, None),
        ("items=0-1", 1000, None),
        ("", 1000, None),
    ],
)
def test_range_header(header: str, size: int, expected: tuple[int, int] | None) -> None:
    assert parse_range(header, size) == (None if expected is None else Span(*expected))


@pytest.mark.parametrize(
    ("header", "size"),
    [
        ("bytes=1000-", 1000),
        ("bytes=1000-1001", 1000),
        ("bytes=-0", 1000),
        ("bytes=0-", 0),
        ("bytes=-5", 0),
        ("bytes=" + "9" * 5000 + "-", 1000),
    ],
)
def test_range_outside(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, size)


@pytest.mark.parametrize(
    ("method", "headers", "status", "span"),
    [
        ("GET", {}, 200, (0, 10)),
        ("HEAD", {}, 200, None),
        ("HEAD", {"Range": "bytes=0-1"}, 200, None),
        ("GET", {"Range": "bytes=2-3"}, 206, (2, 4)),
        ("GET", {"Range": "bytes=0-"}, 206, (0, 10)),
        ("GET", {"Range": "bytes=10-"}, 416, None),
        ("GET", {"Range": "bytes=2-3", "If-Range": ETAG}, 206, (2, 4)),
        ("GET", {"Range": "bytes=2-3", "If-Range": '"other"'}, 200, (0, 10)),
        ("GET", {"Range": "bytes=2-3", "If-Range": "W/" + ETAG}, 200, (0, 10)),
        ("GET", {"Range": "bytes=2-3", "If-Range": "Tue, 24 Nov 2026 12:00:00 GMT"}, 200, (0, 10)),
        ("GET", {"Range": "bytes=10-", "If-Range": '"other"'}, 200, (0, 10)),
        ("GET", {"Range": "bytes=0-1, bytes=4-5"}, 200, (0, 10)),
        ("GET", {"If-None-Match": ETAG}, 304, None),
        ("HEAD", {"If-None-Match": ETAG}, 304, None),
        ("GET", {"If-None-Match": f'"x", W/{ETAG}'}, 304, None),
        ("GET", {"If-None-Match": "*"}, 304, None),
        ("GET", {"If-None-Match": '"x"'}, 200, (0, 10)),
        ("GET", {"If-Match": '"x"'}, 412, None),
        ("GET", {"If-Match": "W/" + ETAG}, 412, None),
        ("GET", {"If-Match": f'"x", {ETAG}'}, 200, (0, 10)),
        ("GET", {"If-Match": "*"}, 200, (0, 10)),
        ("GET", {"If-Match": '"x"', "If-None-Match": ETAG}, 412, None),
        ("GET", {"If-None-Match": ETAG, "Range": "bytes=0-1"}, 304, None),
    ],
)
def test_plan(method: str, headers: dict[str, str], status: int, span: tuple[int, int] | None) -> None:
    found = plan(method, headers, size=10, sha256=SHA)
    assert (found.status, found.span) == (status, None if span is None else Span(*span))
    assert found.headers["ETag"] == ETAG
    match found.status:
        case 206:
            assert found.span is not None
            expected = f"bytes {found.span.start}-{found.span.stop - 1}/10"
            assert found.headers["Content-Range"] == expected
            assert found.headers["Content-Length"] == str(found.span.length)
        case 416:
            assert found.headers["Content-Range"] == "bytes */10"
        case 200:
            assert found.headers["Content-Length"] == "10"
            assert "Content-Range" not in found.headers


def test_ranges_that_the_owner_does_not_allow() -> None:
    found = plan("GET", {"Range": "bytes=2-3"}, size=10, sha256=SHA, ranges_allowed=False)
    assert (found.status, found.span, found.headers["Accept-Ranges"]) == (200, Span(0, 10), "none")


def test_an_empty_body_is_whole() -> None:
    found = plan("GET", {}, size=0, sha256=SHA)
    assert (found.status, found.is_whole) == (200, True)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=30))
def test_coverage_counts_like_a_set(pairs: list[tuple[int, int]]) -> None:
    coverage, seen, sent = Coverage(), set[int](), 0
    for a, b in pairs:
        span = Span(min(a, b), max(a, b))
        coverage.add(span)
        seen |= set(range(span.start, span.stop))
        sent += span.length
    assert (coverage.covered, coverage.sent) == (len(seen), sent)
    assert coverage.repeated == sent - len(seen)
    assert all(
        left.stop < right.start for left, right in zip(coverage.pieces, coverage.pieces[1:], strict=False)
    )
    row = coverage.as_json()
    assert Coverage.from_json(row["sent"], row["pieces"]) == coverage


def test_a_use_is_every_byte_once_and_a_twentieth() -> None:
    coverage = Coverage()
    whole = Span(0, 1000)
    assert coverage.belongs(whole, 1000)
    coverage.add(Span(0, 600))
    assert coverage.belongs(Span(600, 1000), 1000)
    assert coverage.belongs(Span(550, 1000), 1000)
    assert not coverage.belongs(Span(549, 1000), 1000)
    coverage.add(Span(600, 1000))
    assert coverage.is_complete(1000)
    assert coverage.belongs(Span(950, 1000), 1000)
    assert not coverage.belongs(whole, 1000)


def test_never_asking_for_the_last_byte_does_not_stretch_a_use() -> None:
    coverage = Coverage()
    coverage.add(Span(0, 999))
    assert not coverage.belongs(Span(0, 999), 1000)


def test_coverage_stays_small() -> None:
    coverage = Coverage()
    for i in range(5000):
        coverage.add(Span(2 * i, 2 * i + 1))
    assert len(coverage.pieces) <= 4096
    assert coverage.sent == 5000
