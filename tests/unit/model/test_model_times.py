"""One written form of time, and reading whatever ISO 8601 offers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.model.times import iso, parse_iso

SEOUL = timezone(timedelta(hours=9))


@given(st.datetimes(datetime(1970, 1, 1), datetime(2500, 1, 1)))  # noqa: DTZ001  # given a zone at once
def test_written_times_sort_as_text_and_are_read_back(moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)
    assert parse_iso(iso(at)) == at
    assert iso(at) < iso(at + timedelta(milliseconds=1))
    assert len(iso(at)) == 24


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-11-24T12:00:00Z", datetime(2026, 11, 24, 12, tzinfo=UTC)),
        ("2026-11-24T12:00:00", datetime(2026, 11, 24, 12, tzinfo=UTC)),
        ("2026-11-24T21:00:00+09:00", datetime(2026, 11, 24, 12, tzinfo=UTC)),
        ("2026-11-24", datetime(2026, 11, 24, tzinfo=UTC)),
    ],
)
def test_times_without_a_zone_are_utc(text: str, wanted: datetime) -> None:
    assert parse_iso(text) == wanted
    assert parse_iso(text).utcoffset() == timedelta(0)


def test_local_times_are_written_as_utc() -> None:
    assert iso(datetime(2026, 11, 24, 21, 0, 0, 123_000, tzinfo=SEOUL)) == "2026-11-24T12:00:00.123Z"


@pytest.mark.parametrize("text", ["", "now", "24.11.2026", "2026-13-01", "2026-11-24T25:00:00Z"])
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_iso(text)
