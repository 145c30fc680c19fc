"""RFC 9110 ranges and preconditions, and which bytes of a body were sent. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_ONE_RANGE = re.compile(r"([0-9]*)-([0-9]*)")
_ETAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
_MAX_DIGITS = 18
_MAX_PIECES = 4096


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes from `start` up to, not including, `stop`."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"no span: {self.start} to {self.stop}")

    @property
    def length(self) -> int:
        """Bytes in it."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Plan:
    """How to answer one request for a body.

    `span` is what to send (None: no body at all), `status` is 200, 206, 304, 412
    or 416, `headers` what goes with it. `is_whole` says that every byte goes out.
    """

    status: int
    span: Span | None
    size: int
    headers: Mapping[str, str]

    @property
    def is_whole(self) -> bool:
        """Whether the answer carries the complete body."""
        return self.span is not None and self.span.length == self.size


class Unsatisfiable(ValueError):
    """No byte of the body lies in the range that was asked for."""


def strong_etag(sha256: str) -> str:
    """The entity tag of a body: its digest, quoted (RFC 9110 section 8.8.3)."""
    return f'"{sha256}"'


def parse_range(value: str, size: int) -> Span | None:
    """The one range that a Range header asks for, cut to the body (RFC 9110 section 14.1).

    None where the header is to be ignored: another unit, bad syntax, or several
    ranges (which a server may answer with the whole).

    Raises:
        Unsatisfiable: the range is well-formed and lies outside the body.
    """
    unit, equals, ranges = value.partition("=")
    if not equals or unit.strip().lower() != "bytes":
        return None
    pieces = [piece.strip(" \t") for piece in ranges.split(",")]
    pieces = [piece for piece in pieces if piece]
    if len(pieces) != 1:
        return None
    match = _ONE_RANGE.fullmatch(pieces[0])
    if match is None or match.group(0) == "-":
        return None
    first, last = match.groups()
    if not first:
        suffix = _number(last)
        if suffix == 0 or size == 0:
            raise Unsatisfiable(value)
        return Span(max(0, size - suffix), size)
    start = _number(first)
    stop = _number(last) + 1 if last else size
    if last and stop <= start:
        return None
    if start >= size:
        raise Unsatisfiable(value)
    return Span(start, min(stop, size))


def plan(
    method: str,
    headers: Mapping[str, str],
    *,
    size: int,
    sha256: str,
    ranges_allowed: bool = True,
) -> Plan:
    """Decide the answer to a GET or HEAD by preconditions and range (RFC 9110 sections 13.2.2, 14.2).

    `headers` looks names up without regard to case; a name sent twice arrives
    joined by a comma. There is no Last-Modified, so conditions on dates are
    ignored, and an If-Range with a date never matches. A HEAD ignores Range.
    """
    etag = strong_etag(sha256)
    base = {
        "ETag": etag,
        "Accept-Ranges": "bytes" if ranges_allowed else "none",
        # A proxy that compresses or caches would break ranges, digests and the contract.
        "Cache-Control": "private, no-store, no-transform",
    }
    if_match = headers.get("If-Match")
    if if_match is not None and not _matches(if_match, sha256, weak_too=False):
        return Plan(412, None, size, base | {"Content-Length": "0"})
    if_none_match = headers.get("If-None-Match")
    if if_none_match is not None and _matches(if_none_match, sha256, weak_too=True):
        return Plan(304, None, size, base)
    asked = headers.get("Range")
    span: Span | None = None
    if asked is not None and ranges_allowed and method == "GET":
        if_range = headers.get("If-Range")
        if if_range is None or if_range.strip() == etag:
            try:
                span = parse_range(asked, size)
            except Unsatisfiable:
                unsatisfied = {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
                return Plan(416, None, size, base | unsatisfied)
    if span is None:
        whole = Span(0, size) if method == "GET" else None
        return Plan(200, whole, size, base | {"Content-Length": str(size)})
    partial = {
        "Content-Range": f"bytes {span.start}-{span.stop - 1}/{size}",
        "Content-Length": str(span.length),
    }
    return Plan(206, span, size, base | partial)


def _number(digits: str) -> int:
    # The header may hold thousands of digits; anything that long is beyond every body.
    digits = digits.lstrip("0")
    return 10**_MAX_DIGITS if len(digits) > _MAX_DIGITS else int(digits or "0")


def _matches(header: str, sha256: str, *, weak_too: bool) -> bool:
    if header.strip() == "*":
        return True
    return any(tag == sha256 and (weak_too or not weak) for weak, tag in _ETAG.findall(header))


@dataclass(slots=True)
class Coverage:
    """Which bytes of one body were sent within one use, and how many in all.

    `pieces` are disjoint spans in ascending order; `sent` counts repeats. With
    more than a few thousand pieces the two nearest are joined, so that a peer who
    fetches every other byte costs no memory.
    """

    pieces: list[Span] = field(default_factory=list)
    sent: int = 0

    def add(self, span: Span) -> None:
        """Note that these bytes were handed over (an empty span changes nothing)."""
        if span.length == 0:
            return
        self.sent += span.length
        start, stop = span.start, span.stop
        kept: list[Span] = []
        after: list[Span] = []
        for piece in self.pieces:
            if piece.stop < start:
                kept.append(piece)
            elif piece.start > stop:
                after.append(piece)
            else:
                start, stop = min(start, piece.start), max(stop, piece.stop)
        self.pieces = [*kept, Span(start, stop), *after]
        if len(self.pieces) > _MAX_PIECES:
            gaps = [b.start - a.stop for a, b in zip(self.pieces, self.pieces[1:], strict=False)]
            i = gaps.index(min(gaps))
            self.pieces[i : i + 2] = [Span(self.pieces[i].start, self.pieces[i + 1].stop)]

    @property
    def covered(self) -> int:
        """Bytes sent at least once."""
        return sum(piece.length for piece in self.pieces)

    @property
    def repeated(self) -> int:
        """Bytes sent more than once, each time counted."""
        return self.sent - self.covered

    def is_complete(self, size: int) -> bool:
        """Whether every byte of a body of that size was sent."""
        return self.covered >= size

    def belongs(self, span: Span, size: int) -> bool:
        """Whether sending this span still belongs to the same use.

        A use is every byte once plus 5 % for what was lost on the way; the request
        that would go beyond starts a new one.
        """
        return (self.sent + span.length) * 100 <= size * 105

    def as_json(self) -> dict[str, object]:
        """A JSON object for a row."""
        return {"sent": self.sent, "pieces": [[p.start, p.stop] for p in self.pieces]}

    @classmethod
    def from_json(cls, sent: int, pieces: Iterable[tuple[int, int]]) -> Coverage:
        """Read back the members of what `as_json` wrote."""
        return cls([Span(start, stop) for start, stop in pieces], sent)
