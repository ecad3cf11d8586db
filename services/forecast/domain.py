"""The Net ARR figures: what one opportunity adds to them, and what they say together.

Pure. An open opportunity counts on one side only, gross or loss. Everything is kept as a vector of
increments that add up, so a figure of any set of opportunities is the sum of their vectors.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from functools import lru_cache
from operator import add, sub
from typing import Final, NamedTuple, Protocol, TypeAlias
from uuid import UUID, uuid5

from services.kit.money import ZERO
from services.workspace.fiscal import UNDATED, FiscalCalendar

AMOUNT_MEASURES: Final = (
    "gross_closed",
    "gross_commit",
    "gross_best_case",
    "loss_closed",
    "loss_commit",
    "loss_best_case",
    "open_pipeline",
    "open_stage_3_plus",
    "open_signed",
)
COUNT_MEASURES: Final = (
    "opportunity_count",
    "open_count",
    "unsized_count",
    "renewal_unsized_count",
    "contraction_uncategorised_count",
    "foreign_currency_count",
    "term_assumed_count",
)
MEASURES: Final = AMOUNT_MEASURES + COUNT_MEASURES
"""Increments, not cumulated: `gross_commit` is what Commit adds to what is closed."""

Measures: TypeAlias = tuple[Decimal | int, ...]
"""One value for each of MEASURES, in that order."""

NOTHING: Final[Measures] = (ZERO,) * len(AMOUNT_MEASURES) + (0,) * len(COUNT_MEASURES)

# Places in the vector, named: the hot loop writes to them by number.
(
    _GROSS_CLOSED,
    _GROSS_COMMIT,
    _GROSS_BEST_CASE,
    _LOSS_CLOSED,
    _LOSS_COMMIT,
    _LOSS_BEST_CASE,
    _OPEN_PIPELINE,
    _OPEN_STAGE_3_PLUS,
    _OPEN_SIGNED,
    _OPPORTUNITY_COUNT,
    _OPEN_COUNT,
    _UNSIZED,
    _RENEWAL_UNSIZED,
    _CONTRACTION_UNCATEGORISED,
    _FOREIGN_CURRENCY,
    _TERM_ASSUMED,
) = range(len(MEASURES))

_REVERSING: Final = frozenset({"credit", "decommission", "debook"})
_GROSS_AT: Final = {"commit": _GROSS_COMMIT, "best_case": _GROSS_BEST_CASE}
_LOSS_AT: Final = {"commit": _LOSS_COMMIT, "best_case": _LOSS_BEST_CASE}


def plus(left: Measures, right: Measures) -> Measures:
    return tuple(map(add, left, right))


def minus(left: Measures, right: Measures) -> Measures:
    return tuple(map(sub, left, right))


def negated(measures: Measures) -> Measures:
    return tuple(-value for value in measures)


def total(vectors: Iterable[Measures]) -> Measures:
    result = NOTHING
    for vector in vectors:
        result = tuple(map(add, result, vector))
    return result


def is_nothing(measures: Measures) -> bool:
    return not any(measures)


class Inputs(Protocol):
    """The stored facts a contribution reads; pipeline publishes them as FigureInputs."""

    @property
    def type(self) -> str: ...
    @property
    def order_type(self) -> str: ...
    @property
    def stage(self) -> str: ...
    @property
    def renewal_loss_category(self) -> str: ...
    @property
    def amount(self) -> Decimal | None: ...
    @property
    def currency(self) -> str: ...
    @property
    def term_months(self) -> int | None: ...
    @property
    def arr_basis(self) -> Decimal: ...
    @property
    def expected_renewed_arr(self) -> Decimal | None: ...
    @property
    def close_date(self) -> date | None: ...
    @property
    def owner_id(self) -> UUID: ...
    @property
    def category(self) -> str: ...
    @property
    def segment(self) -> str: ...
    @property
    def region(self) -> str: ...
    @property
    def vertical(self) -> str: ...


class State(Protocol):
    """Inputs with what pipeline derives from them."""

    @property
    def inputs(self) -> Inputs: ...
    @property
    def net_arr(self) -> Decimal: ...
    @property
    def net_arr_source(self) -> str: ...
    @property
    def forecast_category(self) -> str: ...
    @property
    def stage_rank(self) -> int: ...
    @property
    def is_open(self) -> bool: ...


class Dimensions(NamedTuple):
    """What figures can be cut by; '' where a record does not say."""

    segment: str
    region: str
    type: str
    order_type: str
    vertical: str


class Cell(NamedTuple):
    """Where a contribution is added up."""

    fiscal_quarter: int
    owner_id: UUID
    dimensions: Dimensions


class Contribution(NamedTuple):
    """What one opportunity adds to the figures, and to which cell."""

    fiscal_quarter: int
    owner_id: UUID
    dimensions: Dimensions
    measures: Measures

    @property
    def cell(self) -> Cell:
        return Cell(self.fiscal_quarter, self.owner_id, self.dimensions)


ALL_DIMENSIONS: Final = UUID(int=0)
"""The id of the cell that holds every combination of dimensions together."""

_DIMENSIONS_NAMESPACE: Final = UUID("6f0a3c1e-5f1b-5d0e-9a58-3d0f6f5f6c11")


@lru_cache(maxsize=65_536)
def dimensions_id(dimensions: Dimensions) -> UUID:
    """The same combination has the same id in every workspace and for ever."""
    return uuid5(_DIMENSIONS_NAMESPACE, json.dumps(list(dimensions), ensure_ascii=True))


def contribution(state: State, calendar: FiscalCalendar, currency: str) -> Contribution:
    """What the opportunity adds to the figures of its quarter and owner, in the company's money."""
    inputs = state.inputs
    close_date = inputs.close_date
    return Contribution(
        UNDATED if close_date is None else calendar.quarter_key(close_date),
        inputs.owner_id,
        Dimensions(inputs.segment, inputs.region, inputs.type, inputs.order_type, inputs.vertical),
        _measures(state, inputs, currency),
    )


def _measures(state: State, inputs: Inputs, currency: str) -> Measures:
    if inputs.currency != currency:
        return _FOREIGN
    if state.is_open:
        return _open_measures(state, inputs)
    return _closed_measures(state, inputs)


def _counted(place: int) -> Measures:
    vector = list(NOTHING)
    vector[place] = 1
    return tuple(vector)


_FOREIGN: Final = _counted(_FOREIGN_CURRENCY)


def _closed_measures(state: State, inputs: Inputs) -> Measures:
    stage = inputs.stage
    if stage != "closed_won":
        is_booked = inputs.type == "renewal" or inputs.category == "debook"
        if stage != "closed_lost" or not is_booked:
            return NOTHING
    measures = list(NOTHING)
    measures[_OPPORTUNITY_COUNT] = 1
    net = state.net_arr
    if inputs.close_date is None or (stage == "closed_won" and _is_unsized(state, inputs)):
        measures[_UNSIZED] = 1
        return tuple(measures)
    if inputs.category in _REVERSING:
        # It takes back a row of the other sign: a credit lowers gross, a debook lowers the loss.
        side, value = (_GROSS_CLOSED, net) if net < 0 else (_LOSS_CLOSED, -net)
    else:
        side, value = (_GROSS_CLOSED, net) if net >= 0 else (_LOSS_CLOSED, -net)
    measures[side] = value
    if stage == "closed_won":
        measures[_TERM_ASSUMED] = _is_term_assumed(state, inputs)
    return tuple(measures)


def _open_measures(state: State, inputs: Inputs) -> Measures:
    measures = list(NOTHING)
    measures[_OPEN_COUNT] = 1
    rank = state.stage_rank
    if rank >= 1:
        measures[_OPPORTUNITY_COUNT] = 1
    is_renewal = inputs.type == "renewal"
    if inputs.close_date is None:
        measures[_UNSIZED] = 1
    elif is_renewal and inputs.renewal_loss_category != "none":
        loss = inputs.arr_basis - (inputs.expected_renewed_arr or ZERO)
        measures[_LOSS_AT[inputs.renewal_loss_category]] = loss
        if rank >= 1 and state.forecast_category != "omitted":
            measures[_OPEN_SIGNED] = -loss
    elif is_renewal and not inputs.amount and state.net_arr_source == "computed":
        measures[_RENEWAL_UNSIZED] = 1
    elif _is_unsized(state, inputs):
        measures[_UNSIZED] = 1
    else:
        _add_net(measures, state, inputs)
    return tuple(measures)


def _is_unsized(state: State, inputs: Inputs) -> bool:
    """Nobody has said how large it is: a stated Net ARR is a size, even without an amount."""
    return inputs.amount is None and state.net_arr_source == "computed"


def _add_net(measures: list[Decimal | int], state: State, inputs: Inputs) -> None:
    """An open opportunity whose Net ARR counts at its forecast category."""
    category, rank, net = state.forecast_category, state.stage_rank, state.net_arr
    in_pipeline = rank >= 1 and category != "omitted"
    measures[_TERM_ASSUMED] = _is_term_assumed(state, inputs) if rank >= 1 else 0
    if in_pipeline:
        measures[_OPEN_SIGNED] = net
    if inputs.category in _REVERSING:
        side, value = (_GROSS_AT, net) if net < 0 else (_LOSS_AT, -net)
        if category in side:
            measures[side[category]] = value
        return
    if net >= 0:
        if category in _GROSS_AT:
            measures[_GROSS_AT[category]] = net
        if in_pipeline:
            measures[_OPEN_PIPELINE] = net
            if rank >= 3:
                measures[_OPEN_STAGE_3_PLUS] = net
    elif inputs.type == "renewal":
        measures[_CONTRACTION_UNCATEGORISED] = 1
        if category in _LOSS_AT:
            measures[_LOSS_AT[category]] = -net


def _is_term_assumed(state: State, inputs: Inputs) -> int:
    """Whether a missing term made the amount count as twelve months."""
    return int(
        inputs.term_months is None
        and bool(inputs.amount)
        and state.net_arr_source == "computed"
        and inputs.type != "professional_services"
    )
