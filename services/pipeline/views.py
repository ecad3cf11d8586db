"""The one read contract pipeline offers to forecast: what a figure is made of.

Pure. `FigureInputs` are the stored facts of one opportunity; folding the changes of its versions
gives them at any moment, and `derive` adds what follows from them under a policy. Nothing derived
is ever part of a change, so a rule that changes later never contradicts a stored version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from services.pipeline.opportunities.domain import forecast_category
from services.pipeline.opportunities.net_arr import net_arr
from services.pipeline.opportunities.stages import STAGE
from services.workspace.policy import Policy


class FigureInputs(NamedTuple):
    """The facts of an opportunity a figure depends on, as they stood at one moment.

    A tuple and not a dataclass: a rebuild makes a million of them. Its order is FIGURE_FIELDS, so
    a row selected in that order becomes one by `FigureInputs(*row)`.
    """

    policy_version: int
    type: str
    order_type: str
    stage: str
    stated_forecast_category: str | None
    renewal_loss_category: str
    amount: Decimal | None
    currency: str
    term_months: int | None
    true_up_amount: Decimal
    services_amount: Decimal
    other_non_recurring_amount: Decimal
    arr_basis: Decimal
    expected_renewed_arr: Decimal | None
    stated_net_arr: Decimal | None
    close_date: date | None
    owner_id: UUID
    category: str
    segment: str
    region: str
    vertical: str

    @classmethod
    def from_changes(cls, changes: Mapping[str, Any]) -> Self:
        """From the changes of a first version, which name every field that has a value."""
        return cls(**(_BLANK | _decoded(changes)))

    def merge(self, changes: Mapping[str, Any]) -> Self:
        """With the changes of the next version; what no figure depends on is passed over."""
        decoded = _decoded(changes)
        return self._replace(**decoded) if decoded else self

    def to_json(self) -> dict[str, Any]:
        """As `changes` carries them: amounts and dates as strings."""
        return {name: _encoded(value) for name, value in zip(FIGURE_FIELDS, self, strict=True)}


FIGURE_FIELDS: Final = FigureInputs._fields


class FigureEvent(NamedTuple):
    """One version of an opportunity, as far as figures go."""

    version: int
    occurred_at: datetime
    changes: Mapping[str, Any]


class FigureState(NamedTuple):
    """Inputs and what follows from them under the policy they name.

    `stage_rank` orders stages, also the one without a number.
    """

    inputs: FigureInputs
    net_arr: Decimal
    net_arr_source: str
    forecast_category: str
    forecast_category_source: str
    stage_number: int | None
    stage_rank: int
    is_open: bool


def derive(inputs: FigureInputs, policy: Policy) -> FigureState:
    """What follows from the inputs; `policy` must be the version the inputs name."""
    net, net_source = net_arr(inputs)
    category, category_source = forecast_category(
        inputs.stage, inputs.stated_forecast_category, inputs.segment, policy
    )
    _, number, rank, is_open, _ = STAGE[inputs.stage]
    return FigureState(inputs, net, net_source, category, category_source, number, rank, is_open)


def fold(events: Iterable[FigureEvent]) -> FigureInputs | None:
    """The inputs after these versions, given in version order; None before the first version.

    Versions may be missing in between (told of a later moment), but without version 1 there is no
    opportunity yet, whatever later versions say.
    """
    changes: dict[str, Any] = {}
    is_open = False
    for event in events:
        is_open = is_open or event.version == 1
        changes.update(event.changes)
    return FigureInputs.from_changes(changes) if is_open else None


class Folding:
    """`fold` of a set of versions that grows in any order, such as that of when they occurred;
    a version costs what it changes, however many are folded already."""

    __slots__ = ("_changes", "_inputs", "_is_open", "_is_stale", "_told_by")

    def __init__(self) -> None:
        self._changes: dict[str, Any] = {}
        self._told_by: dict[str, int] = {}
        self._is_open = False
        self._inputs: FigureInputs | None = None
        self._is_stale = False

    def tell(self, event: FigureEvent) -> None:
        """Adds a version: it says what no higher version says otherwise."""
        self._is_open = self._is_open or event.version == 1
        for name, value in event.changes.items():
            if event.version > self._told_by.get(name, 0):
                self._told_by[name] = event.version
                self._changes[name] = value
        self._is_stale = self._is_open

    def inputs(self) -> FigureInputs | None:
        """None before version 1 is told."""
        if self._is_stale:
            self._inputs = FigureInputs.from_changes(self._changes)
            self._is_stale = False
        return self._inputs


def fold_at(events: Iterable[FigureEvent], moment: datetime) -> FigureInputs | None:
    """The inputs at a moment of the business's own time, as known by these versions."""
    return fold(event for event in events if event.occurred_at <= moment)


def _amount(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(value)


def _optional_amount(value: Any) -> Decimal | None:
    return None if value is None else _amount(value)


def _amount_or_zero(value: Any) -> Decimal:
    return Decimal("0.00") if value is None else _amount(value)


def _optional_date(value: Any) -> date | None:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _id(value: Any) -> UUID:
    return UUID(value) if isinstance(value, str) else value


def _text(value: Any) -> str:
    return "" if value is None else value


def _as_is(value: Any) -> Any:
    return value


_DECODERS: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(FIGURE_FIELDS, _as_is),
    **dict.fromkeys(("amount", "expected_renewed_arr", "stated_net_arr"), _optional_amount),
    **dict.fromkeys(
        ("true_up_amount", "services_amount", "other_non_recurring_amount", "arr_basis"),
        _amount_or_zero,
    ),
    **dict.fromkeys(("order_type", "segment", "region", "vertical"), _text),
    "close_date": _optional_date,
    "owner_id": _id,
}

# What a first version may leave out; policy, type, stage, currency and owner it must name.
_BLANK: Final[dict[str, Any]] = {
    "order_type": "",
    "stated_forecast_category": None,
    "renewal_loss_category": "none",
    "amount": None,
    "term_months": None,
    "true_up_amount": Decimal("0.00"),
    "services_amount": Decimal("0.00"),
    "other_non_recurring_amount": Decimal("0.00"),
    "arr_basis": Decimal("0.00"),
    "expected_renewed_arr": None,
    "stated_net_arr": None,
    "close_date": None,
    "category": "standard",
    "segment": "",
    "region": "",
    "vertical": "",
}


def _decoded(changes: Mapping[str, Any]) -> dict[str, Any]:
    decoders = _DECODERS
    return {name: decoders[name](value) for name, value in changes.items() if name in decoders}


def _encoded(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:.2f}"
    if isinstance(value, (date, UUID)):
        return str(value)
    return value
