"""The ranking of what to turn next, as properties: total, stable, explained, and monotone."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from services.qualification.territories.domain import COLOURS
from services.qualification.territories.ranking import YELLOW, rank_divisions
from services.qualification.territories.usage_map import Group, Tile, in_order
from tests.qualification.territories_shapes import NOW, group, tile, usage_map


@st.composite
def territories(draw: st.DrawFn) -> list[Group]:
    numbers = iter(range(1000))
    return [
        group(
            place,
            [
                tile(
                    next(numbers),
                    draw(st.sampled_from([*COLOURS, None])),
                    users=draw(st.sampled_from([None, 5, 60]) | st.integers(0, 500)),
                    contact=draw(st.none() | st.just("Kim")),
                    early_adopter=draw(st.booleans()),
                    age=draw(st.sampled_from([0, 45]) | st.integers(0, 400)),
                )
                for _ in range(draw(st.integers(0, 4)))
            ],
            vertical=draw(st.sampled_from([None, "Healthcare", "Financial"])),
            employees=draw(st.sampled_from([None, 100]) | st.integers(1, 5000)),
        )
        for place in range(draw(st.integers(1, 4)))
    ]


def changed(groups: list[Group], place: tuple[int, int], **fields: object) -> list[Group]:
    """The same territory with one division that is otherwise."""
    where, which = place
    tiles = list(groups[where].tiles)
    tiles[which] = replace(tiles[which], **fields)
    new = list(groups)
    new[where] = group(
        where, tiles, vertical=groups[where].vertical, employees=groups[where].employees
    )
    return new


def place_of(groups: list[Group], wanted: Tile) -> int:
    return next(c.place for c in rank_divisions(usage_map(groups)) if c.tile.id == wanted.id)


class TestRanking:
    @given(territories())
    def test_is_total_and_explains_its_points(self, groups: list[Group]) -> None:
        ranked = rank_divisions(usage_map(groups))
        open_ = {t.id for g in groups for t in g.tiles if t.colour in ("yellow", "red")}
        assert {candidate.tile.id for candidate in ranked} == open_
        assert [candidate.place for candidate in ranked] == list(range(1, len(open_) + 1))
        points = [candidate.points for candidate in ranked]
        assert points == sorted(points, reverse=True)
        for candidate in ranked:
            assert len(candidate.factors) == 7
            assert all(factor.points >= 0 and factor.sentence for factor in candidate.factors)

    @given(territories(), st.randoms())
    def test_is_stable(self, groups: list[Group], dice: random.Random) -> None:
        shuffled = list(groups)
        dice.shuffle(shuffled)
        places = [c.tile.id for c in rank_divisions(usage_map(groups))]
        assert [c.tile.id for c in rank_divisions(usage_map(shuffled))] == places

    @given(territories())
    def test_yellow_comes_before_red(self, groups: list[Group]) -> None:
        ranked = rank_divisions(usage_map(groups))
        colours = [candidate.tile.colour for candidate in ranked]
        assert colours == sorted(colours, key=lambda colour: colour != "yellow")
        others = (c.points for c in ranked if c.tile.colour == "red")
        assert all(points < YELLOW for points in others)

    @given(territories(), st.data())
    def test_a_factor_turned_better_never_lowers_the_place(
        self, groups: list[Group], data: st.DataObject
    ) -> None:
        places = [
            (where, which)
            for where, each in enumerate(groups)
            for which, one in enumerate(each.tiles)
            if one.colour in ("yellow", "red")
        ]
        if not places:
            return
        place = data.draw(st.sampled_from(places))
        one = groups[place[0]].tiles[place[1]]
        assert one.standing is not None
        before = place_of(groups, one)
        better: list[dict[str, object]] = [
            {"standing": replace(one.standing, colour="yellow")},
            {"standing": replace(one.standing, stated_at=NOW)},
            {"contact": "Kim"},
            {"users": (one.users or 0) + data.draw(st.integers(0, 1000))},
        ]
        for fields in better:
            assert place_of(changed(groups, place, **fields), one) <= before, fields
        # A neighbour in the organisation turns out to be an early adopter.
        for which, neighbour in enumerate(groups[place[0]].tiles):
            if neighbour.colour == "green":
                flagged = changed(groups, (place[0], which), early_adopter=True)
                assert place_of(flagged, one) <= before

    @given(territories(), st.data())
    def test_a_larger_organisation_never_lowers_its_places(
        self, groups: list[Group], data: st.DataObject
    ) -> None:
        where = data.draw(st.integers(0, len(groups) - 1))
        old = groups[where]
        grown = (old.employees or 0) + data.draw(st.integers(1, 5000))
        new = list(groups)
        new[where] = group(where, list(old.tiles), vertical=old.vertical, employees=grown)
        for one in old.to_turn:
            assert place_of(new, one) <= place_of(groups, one)

    def test_ties_fall_by_name_whatever_the_order(self) -> None:
        tied = [group(n, [tile(n, "red", name="IT")], name=name) for n, name in enumerate("CAB")]
        for order in itertools.permutations(tied):
            ranked = rank_divisions(usage_map(list(order)))
            assert [candidate.group.name for candidate in ranked] == ["A", "B", "C"]

    def test_each_factor_says_its_part(self) -> None:
        acme = group(
            1,
            [
                tile(1, "green", name="Platform", early_adopter=True),
                tile(2, "yellow", name="Data", users=60, contact="Kim Larsen", age=45),
            ],
            name="Acme",
            vertical="Healthcare",
            employees=500,
        )
        globex = group(
            2,
            [tile(3, "green", name="Lab"), tile(4, "red", name="Mobile", users=120, age=400)],
            name="Globex",
            vertical="Healthcare",
            employees=1000,
        )
        data, mobile = rank_divisions(usage_map([acme, globex]))
        assert [(f.name, f.points) for f in data.factors] == [
            ("colour", 100),
            ("green_neighbour", 30),
            ("users", 10),
            ("size", 2),
            ("contact", 15),
            ("vertical", 10),
            ("recency", 9),
        ]
        assert data.points == 176
        assert [f.points for f in mobile.factors] == [0, 25, 20, 5, 0, 15, 0]
        assert mobile.factors[5].sentence == (
            "Platform at Acme, also Healthcare, was an early adopter."
        )


def test_divisions_are_followed_by_their_parts() -> None:
    top = tile(1, "green", name="Zeta")
    part = tile(2, "red", name="Beta", parent_id=top.id)
    leaf = tile(3, "red", name="Alpha", parent_id=part.id)
    orphan = tile(4, "red", name="Gamma", parent_id=UUID(int=99))
    assert in_order([leaf, orphan, part, top]) == [orphan, top, part, leaf]
