"""What a summed vector of measures says: the five numbers, gap, attainment, coverage, warnings.

Pure. Net values are always recomputed from gross and loss; a ceiling under the floor is a warning
with a reason, never a refusal and never a silent swap.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Final, NamedTuple

from services.forecast.domain import MEASURES, Measures
from services.kit.money import cents

LEVELS: Final = ("closed", "commit", "best_case")
_FOUR_PLACES: Final = Decimal("0.0001")


def _cumulative(side: str, level: str) -> tuple[str, ...]:
    return tuple(f"{side}_{name}" for name in LEVELS[: LEVELS.index(level) + 1])


# figure: (measures it adds, measures it takes away)
_FIGURES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    **{f"gross_arr.{level}": (_cumulative("gross", level), ()) for level in LEVELS},
    **{f"renewal_loss.{level}": (_cumulative("loss", level), ()) for level in LEVELS},
    **{
        f"net_arr.{level}": (_cumulative("gross", level), _cumulative("loss", level))
        for level in LEVELS
    },
    "coverage.open_pipeline": (("open_pipeline",), ()),
    "coverage.open_stage_3_plus": (("open_stage_3_plus",), ()),
    "coverage.open_signed": (("open_signed",), ()),
    "opportunity_count": (("opportunity_count",), ()),
}
FIGURES: Final = tuple(_FIGURES)
"""Every figure that opens into opportunities, entries and a waterfall, by its name in an answer."""

FIGURE_MEASURES: Final = _FIGURES

_SIGNS: Final = {
    figure: (
        tuple(MEASURES.index(name) for name in added),
        tuple(MEASURES.index(name) for name in taken),
    )
    for figure, (added, taken) in _FIGURES.items()
}
_PLACE: Final = {name: place for place, name in enumerate(MEASURES)}


def figure_value(measures: Measures, figure: str) -> Decimal | int:
    """One figure of a vector, or of one entry's or opportunity's part in it."""
    added, taken = _SIGNS[figure]
    value = sum(measures[place] for place in added) - sum(measures[place] for place in taken)
    return int(value) if figure == "opportunity_count" else value


class Levels(NamedTuple):
    """Cumulative: commit includes closed, best case includes commit."""

    closed: Decimal
    commit: Decimal
    best_case: Decimal


class Figures(NamedTuple):
    """The figures of one set of opportunities, before anybody's judgement."""

    gross_arr: Levels
    renewal_loss: Levels
    net_arr: Levels
    open_pipeline: Decimal
    open_stage_3_plus: Decimal
    open_signed: Decimal
    opportunity_count: int

    @property
    def fifty_fifty_suggested(self) -> Decimal:
        """The midpoint of floor and ceiling: a suggestion beside what a person calls."""
        return cents((self.net_arr.commit + self.net_arr.best_case) / 2)


def figures(measures: Measures) -> Figures:
    """From increments to the cumulative numbers of an answer."""

    def levels(side: str) -> Levels:
        return Levels(*(Decimal(figure_value(measures, f"{side}.{level}")) for level in LEVELS))

    def amount(name: str) -> Decimal:
        return Decimal(measures[_PLACE[name]])

    return Figures(
        gross_arr=levels("gross_arr"),
        renewal_loss=levels("renewal_loss"),
        net_arr=levels("net_arr"),
        open_pipeline=amount("open_pipeline"),
        open_stage_3_plus=amount("open_stage_3_plus"),
        open_signed=amount("open_signed"),
        opportunity_count=int(measures[_PLACE["opportunity_count"]]),
    )


def gap(quota: Decimal | None, value: Decimal) -> Decimal | None:
    """What is still to go; negative once the quota is passed."""
    return None if quota is None else quota - value


def ratio(part: Decimal, whole: Decimal) -> str:
    """Four places, half away from zero, as an answer carries it."""
    return f"{(part / whole).quantize(_FOUR_PLACES, ROUND_HALF_UP):.4f}"


def attainment(closed: Decimal, quota: Decimal | None) -> str | None:
    """Closed over quota; nothing to divide by is no attainment."""
    return None if quota is None or quota <= 0 else ratio(closed, quota)


class Coverage(NamedTuple):
    """Open pipeline over the whole quota and over what remains of it. None: no quota."""

    to_target: str | None
    to_remainder: str | None
    state: str | None


def coverage(
    open_pipeline: Decimal,
    quota: Decimal | None,
    closed: Decimal,
    band: tuple[Decimal, Decimal],
) -> Coverage:
    """`state` compares the unrounded coverage of the remainder with the policy's band."""
    if quota is None:
        return Coverage(None, None, None)
    to_target = ratio(open_pipeline, quota) if quota > 0 else None
    remainder = quota - closed
    if remainder <= 0:
        return Coverage(to_target, None, "target_met")
    low, high = band
    # Multiplied out, so that the band's edges are met exactly.
    if open_pipeline < low * remainder:
        state = "below"
    elif open_pipeline > high * remainder:
        state = "above"
    else:
        state = "within"
    return Coverage(to_target, ratio(open_pipeline, remainder), state)


class FigureWarning(NamedTuple):
    """Something a reader of the figures must know; `code` is stable, `message` a sentence, and
    `counted` how many opportunities it is about, where it counts any."""

    code: str
    message: str
    counted: int | None = None


# measure: (code, what the counted opportunities are)
_COUNTED_WARNINGS: Final = (
    ("renewal_unsized_count", "renewal_unsized", "open renewal without an amount left out"),
    (
        "contraction_uncategorised_count",
        "contraction_uncategorised",
        "open renewal below its basis without a loss category",
    ),
    ("foreign_currency_count", "foreign_currency", "opportunity in another currency left out"),
    ("term_assumed_count", "term_assumed", "opportunity without a term counted as 12 months"),
)


def warnings(
    measures: Measures, *, is_past_quarter: bool = False, undated_count: int = 0
) -> list[FigureWarning]:
    """What the figures leave out or assume, most important first.

    `undated_count`: open opportunities of the same people without a close date; they belong to no
    quarter and are left out of every one.
    """
    found = []
    net = figures(measures).net_arr
    if net.best_case < net.commit:
        found.append(
            FigureWarning(
                "ceiling_below_floor",
                f"Net best case {net.best_case:.2f} is below net commit {net.commit:.2f}: the"
                " renewal loss that best case adds exceeds the gross ARR it adds.",
            )
        )
    unsized = _unsized_warning(int(measures[_PLACE["unsized_count"]]), undated_count)
    if unsized is not None:
        found.append(unsized)
    for measure, code, what in _COUNTED_WARNINGS:
        if count := int(measures[_PLACE[measure]]):
            found.append(FigureWarning(code, f"{_count(count, what)}.", count))
    if is_past_quarter and (count := int(measures[_PLACE["open_count"]])):
        what = "opportunity still open with a close date in this past quarter"
        found.append(FigureWarning("open_in_past_quarter", f"{_count(count, what)}.", count))
    return found


def _unsized_warning(without_amount: int, without_date: int) -> FigureWarning | None:
    parts = []
    if without_amount:
        parts.append(_count(without_amount, "opportunity without an amount left out"))
    if without_date:
        parts.append(_count(without_date, "opportunity without a close date in no quarter"))
    if not parts:
        return None
    return FigureWarning("unsized", f"{'; '.join(parts)}.", without_amount + without_date)


def _count(count: int, what: str) -> str:
    if count == 1:
        return f"1 {what}"
    plural = what.replace("opportunity", "opportunities", 1).replace("renewal", "renewals", 1)
    return f"{count} {plural}"
