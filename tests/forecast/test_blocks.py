"""Covering the time before an instant with sums of whole days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.forecast.blocks import cover, cover_by_blocks

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# A year of days, told in microseconds, so that every place in a block is met.
instants = st.integers(0, 365 * 86_400 * 10**6).map(
    lambda passed: datetime(2026, 1, 1, tzinfo=UTC) + passed * MICROSECOND
)


@given(instants)
def test_what_is_covered_ends_at_the_instant(at: datetime) -> None:
    found = cover(at)
    days = found.blocks * 64
    for sign, (low, high) in ((1, found.eights_added), (-1, found.eights_taken)):
        assert low == high or (low if sign == 1 else high) * 8 == days
        days += sign * (high - low) * 8
    for sign, (low, high) in ((1, found.days_added), (-1, found.days_taken)):
        assert low == high or (low if sign == 1 else high) == days
        days += sign * (high - low)
    covered_to = EPOCH + timedelta(days=days)
    added, taken = found.rest_added, found.rest_taken
    if added.start <= added.end:
        assert (added.start, added.end) == (covered_to, at)
        assert taken.end - taken.start <= MICROSECOND
    else:
        assert (taken.start, taken.end) == (at, covered_to)


@given(instants)
def test_little_is_read(at: datetime) -> None:
    found = cover(at)
    for low, high in found[1:5]:
        assert 0 <= high - low <= 4
    for start, end in found[5:]:
        assert end - start <= timedelta(hours=12)


@given(instants)
def test_blocks_alone_cover_the_same(at: datetime) -> None:
    blocks, added, taken = cover_by_blocks(at)
    covered_to = EPOCH + timedelta(days=64 * blocks)
    if added.start <= added.end:
        assert (added.start, added.end) == (covered_to, at)
    else:
        assert (taken.start, taken.end) == (at, covered_to)
    assert added.end - added.start <= timedelta(days=32)
    assert taken.end - taken.start <= timedelta(days=32)
