"""What decides about territories, as properties: shares, colours in time, ranks."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.qualification.territories.colours import (
    Standing,
    Statement,
    says_nothing_new,
    standing_at,
)
from services.qualification.territories.domain import (
    COLOURS,
    ROUTES,
    SHADES,
    Ranking,
    Shade,
    check_devops,
    figures_of,
    lacks_of,
    most_common_routes,
    shares,
    top_verticals,
)

NOW = datetime(2026, 6, 17, 17, tzinfo=UTC)
SOMEBODY = UUID(int=1)


class TestShares:
    @given(st.lists(st.integers(0, 10**9), min_size=1, max_size=5))
    def test_add_up_to_one_exactly(self, amounts: list[int]) -> None:
        named = dict(zip(SHADES, amounts, strict=False))
        parts = shares(named)
        if sum(amounts) == 0:
            assert parts is None
            return
        assert parts is not None
        assert sum(parts.values()) == 1
        for name, part in parts.items():
            assert abs(part - Decimal(named[name]) / sum(amounts)) < Decimal("0.0001")

    def test_the_largest_remainders_take_the_rest(self) -> None:
        assert shares({"green": 1, "yellow": 1, "red": 1}) == {
            "green": Decimal("0.3334"),
            "yellow": Decimal("0.3333"),
            "red": Decimal("0.3333"),
        }
        assert shares({"green": 0, "yellow": 1, "red": 5}) == {
            "green": Decimal("0.0000"),
            "yellow": Decimal("0.1667"),
            "red": Decimal("0.8333"),
        }

    def test_headings_count_through_their_parts(self) -> None:
        department = Shade(UUID(int=1), None, None, 500)
        branch = Shade(UUID(int=2), department.id, "green", 20)
        bare = Shade(UUID(int=3), None, None, None)
        figures = figures_of([department, branch, bare])
        assert (figures.counts["green"], figures.counts["unstated"]) == (1, 1)
        assert (figures.users["green"], figures.users_known) == (20, 1)
        coloured = figures_of([department._replace(colour="red"), branch, bare])
        assert (coloured.counts["red"], coloured.users["red"]) == (1, 500)

    @pytest.mark.parametrize(
        ("colours", "needs"),
        [
            (["red"], True),
            (["yellow", "grey"], True),
            (["red", "green"], False),
            (["grey", None], False),
            ([], False),
        ],
    )
    def test_who_needs_a_point_of_entry(self, colours: list[str | None], needs: bool) -> None:
        shades = [Shade(UUID(int=n), None, colour, None) for n, colour in enumerate(colours)]
        assert figures_of(shades).needs_entry is needs

    def test_devops_contradictions(self) -> None:
        for colour in COLOURS:
            fitting = colour != "grey"
            assert check_devops(colour, fitting) is None
            assert check_devops(colour, None) is None
            refused = check_devops(colour, not fitting)
            assert refused is not None
            assert colour in refused.message
        assert check_devops(None, True) is None


class TestBuying:
    def test_the_most_common_comes_first_and_ties_fall_by_name(self) -> None:
        assert top_verticals(["b", "a", "B", "c", "c"]) == [("c", 2), ("a", 1), ("B", 1), ("b", 1)]

    def test_routes_that_tie_are_all_named(self) -> None:
        assert most_common_routes({"direct": 2, "channel": 2, "programs": 1}) == list(ROUTES[:2])
        assert most_common_routes(dict.fromkeys(ROUTES, 0)) == []

    def test_what_a_rank_lacks(self) -> None:
        good = Ranking(Decimal("1.5"), "Renewed.", ["CRM"], 2027, SOMEBODY, NOW)

        def codes(ranking: Ranking | None, segment: str = "smb") -> list[str]:
            lacks = lacks_of(
                ranking, segment=segment, fiscal_year=2027, owner_ids=[SOMEBODY, UUID(int=2)]
            )
            return [lack.code for lack in lacks]

        assert codes(good) == []
        assert codes(None) == ["not_ranked"]
        assert codes(good, "large") == ["not_of_segment"]
        assert codes(replace(good, rank=Decimal("1.0")), "large") == []
        assert codes(replace(good, fiscal_year=2026)) == ["not_this_fiscal_year"]
        assert codes(replace(good, ranked_by_id=UUID(int=9))) == ["not_by_owner"]
        assert codes(replace(good, ranked_by_id=None, reason=None, sources=[])) == [
            "not_by_owner",
            "no_reason",
            "no_sources",
        ]


instants = st.integers(0, 30).map(lambda days: NOW - timedelta(days=days))


@st.composite
def statement_lists(draw: st.DrawFn) -> list[Statement]:
    drawn = draw(
        st.lists(st.tuples(st.sampled_from([*COLOURS, None]), instants, instants), max_size=8)
    )
    return [
        Statement(
            UUID(int=place), SOMEBODY, colour, f"by {place}", None, min(one, two), max(one, two)
        )
        for place, (colour, one, two) in enumerate(drawn)
    ]


class TestColours:
    @given(statement_lists(), instants)
    def test_as_of_equals_replaying_what_was_so_by_then(
        self, statements: list[Statement], at: datetime
    ) -> None:
        """Said one after another in their order, the last one up to the instant stands."""
        colour: str | None = None
        since: datetime | None = None
        last: Statement | None = None
        for each in sorted(statements, key=lambda each: each.place):
            if each.occurred_at > at:
                break
            if last is None or each.colour != colour:
                since = each.occurred_at
            colour, last = each.colour, each
        standing = standing_at(statements, at)
        if last is None:
            assert standing is None
        else:
            assert standing == Standing(colour, since, last.said_by, last.occurred_at, None)

    @given(statement_lists(), instants, st.randoms())
    def test_the_order_of_telling_does_not_matter(
        self, statements: list[Statement], at: datetime, dice: random.Random
    ) -> None:
        shuffled = list(statements)
        dice.shuffle(shuffled)
        assert standing_at(shuffled, at) == standing_at(statements, at)

    @given(statement_lists(), instants)
    def test_recorded_knows_only_what_was_told_by_then(
        self, statements: list[Statement], at: datetime
    ) -> None:
        told = [each for each in statements if each.recorded_at <= at]
        assert standing_at(statements, at, "recorded") == standing_at(told, at)

    @given(statement_lists())
    def test_what_was_said_is_nothing_new(self, statements: list[Statement]) -> None:
        for each in statements:
            assert says_nothing_new(
                statements,
                each.colour,
                said_by=each.said_by,
                evidence=None,
                occurred_at=each.occurred_at,
            )
            assert not says_nothing_new(
                statements,
                each.colour,
                said_by="somebody else",
                evidence=None,
                occurred_at=each.occurred_at,
            )
