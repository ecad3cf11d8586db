"""How one invented deal goes, from its first day to the last one that has come.

A deal is told as steps: what changed and when. Its end is decided beforehand, also where it lies
in the future, so that what is told of it until today leads there. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from services.cli.demo.contacts import champion_of
from services.cli.demo.dice import Dice
from services.cli.demo.names import LOST_REASONS

WON: Final = "closed_won"
LOST: Final = "closed_lost"
UNQUALIFIED: Final = "unqualified"
DUPLICATE: Final = "duplicate"
FORGOTTEN: Final = "forgotten"
"""Not a stage: its closing day went by and nobody said what became of it."""

STAGES: Final = (
    "pending_acceptance",
    "discovery",
    "scoping",
    "technical_evaluation",
    "proposal",
    "negotiating",
    "awaiting_signature",
)
_PATHS: Final = {
    "new_business": STAGES,
    "add_on": ("pending_acceptance", "scoping", "proposal", "negotiating", "awaiting_signature"),
    "renewal": ("pending_acceptance", "scoping", "proposal", "negotiating", "awaiting_signature"),
    "professional_services": ("pending_acceptance", "scoping", "proposal"),
}
_KEPT: Final = {
    "discovery": 0.95,
    "scoping": 0.6,
    "technical_evaluation": 0.55,
    "proposal": 0.9,
    "negotiating": 0.55,
    "awaiting_signature": 0.4,
}
# How far through a deal's life a stage begins.
_PLACE: Final = {
    "discovery": 0.10,
    "scoping": 0.24,
    "technical_evaluation": 0.42,
    "proposal": 0.60,
    "negotiating": 0.77,
    "awaiting_signature": 0.90,
}
_OTHER_CATEGORIES: Final = {
    "technical_evaluation": ("best_case", 0.15),
    "proposal": ("commit", 0.15),
    "negotiating": ("best_case", 0.2),
}
_NEXT_STEPS: Final = {
    "pending_acceptance": "First qualifying meeting",
    "discovery": "Discovery call with the platform team",
    "scoping": "Workshop on scope and seats",
    "technical_evaluation": "Review of the trial's results",
    "proposal": "Walk through the proposal with the sponsor",
    "negotiating": "Terms with procurement",
    "awaiting_signature": "Signature by the signatory",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One version of a deal: the fields it states and when it happened."""

    at: datetime
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deal:
    """A deal as told so far; the first step makes it."""

    external_id: str
    steps: tuple[Step, ...]

    @property
    def now(self) -> dict[str, Any]:
        """Every field as it stands after the last step."""
        fields: dict[str, Any] = {}
        for step in self.steps:
            fields.update(step.fields)
        return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A deal's whole life, decided beforehand. Amounts are whole units of the company's money."""

    external_id: str
    kind: str
    created: date
    closes: date
    outcome: str
    amount: int
    facts: dict[str, Any]
    owner: str
    colleagues: tuple[str, ...] = ()
    sdr: str | None = None
    basis: int = 0
    expected: int | None = None
    duplicate_of: str | None = None
    later: tuple[tuple[date, dict[str, Any]], ...] = ()


def money(value: int) -> str:
    """As the API takes it."""
    return f"{value}.00"


@dataclass(slots=True)
class _Telling:
    """Collects what happens on which day, then tells it in order."""

    days: dict[date, dict[str, Any]] = field(default_factory=dict)

    def note(self, day: date, **fields: Any) -> None:
        self.days.setdefault(day, {}).update(fields)


def tell(script: Script, dice: Dice, today: date) -> Deal | None:
    """The deal as it is known at the end of the day before `today`; None where it is not born."""
    if script.created >= today:
        return None
    telling = _Telling()
    _begin(telling, script, dice)
    _walk(telling, script, dice)
    _move_close_date(telling, script, dice)
    _change_owner(telling, script, dice)
    for day, fields in script.later:
        if script.created < day < script.closes:
            telling.note(day, **fields)
    _end(telling, script, dice)
    steps = _steps(telling, script, dice, today)
    return Deal(script.external_id, _look_after(steps, script, dice, today))


def _look_after(
    steps: tuple[Step, ...], script: Script, dice: Dice, today: date
) -> tuple[Step, ...]:
    """Of most deals the people are named, and of most open ones the next step was renewed lately."""
    first = steps[0]
    if dice.happens(0.85):
        named = {"contact_external_ids": [champion_of(script.facts["account_external_id"])]}
        steps = (Step(first.at, first.fields | named), *steps[1:])
    stage = _last(steps, "stage")
    at = datetime(today.year, today.month, today.day, 19, tzinfo=UTC) - timedelta(days=1)
    is_free = script.kind != "renewal" or stage != STAGES[0]
    if stage not in STAGES or steps[-1].at >= at or not is_free or not dice.happens(0.7):
        return steps
    day = (today + timedelta(days=dice.whole(1, 12))).isoformat()
    if _last(steps, "next_step_date") == day:
        return steps
    return (*steps, Step(at, {"next_step_date": day}))


def _last(steps: tuple[Step, ...], name: str) -> Any:
    return next((step.fields[name] for step in reversed(steps) if name in step.fields), None)


def _begin(telling: _Telling, script: Script, dice: Dice) -> None:
    guess = round(script.amount * dice.between(0.75, 1.25) / 100) * 100 or script.amount
    is_sized = script.kind == "renewal" or dice.happens(0.94)
    amount = script.basis if script.kind == "renewal" else guess
    telling.note(
        script.created,
        **script.facts,
        stage="pending_acceptance",
        owner_external_id=script.sdr if script.sdr and dice.happens(0.3) else script.owner,
        sdr_external_id=script.sdr,
        amount=money(amount) if is_sized and amount else None,
    )


def _day_at(script: Script, place: float) -> date:
    return script.created + timedelta(days=round((script.closes - script.created).days * place))


def _walk(telling: _Telling, script: Script, dice: Dice) -> None:
    """Through the stages, as far as the outcome lets it come."""
    path = [stage for stage in _PATHS[script.kind][1:] if dice.happens(_KEPT[stage])]
    if script.outcome in (UNQUALIFIED, DUPLICATE):
        path = []
    elif script.outcome == LOST and script.kind != "renewal":
        path = path[: dice.whole(1, max(1, len(path)))]
    stated = False
    sized_at = dice.one_of(path) if path else None
    for stage in path:
        day = _day_at(script, min(0.97, _PLACE[stage] + dice.between(-0.05, 0.05)))
        if day <= script.created:
            continue
        telling.note(day, stage=stage, owner_external_id=script.owner)
        if stage == sized_at and script.expected is None:
            telling.note(day, amount=money(script.amount))
        category, probability = _OTHER_CATEGORIES.get(stage, ("", 0.0))
        is_own = dice.happens(probability) and script.expected is None
        if is_own or stated:
            telling.note(day, forecast_category=category if is_own else None)
        stated = is_own
    if script.expected is not None:
        _warn_of_loss(telling, script, dice)
    elif script.kind == "renewal" and script.outcome == WON and dice.happens(0.25):
        _fear_in_vain(telling, script, dice)


def _warn_of_loss(telling: _Telling, script: Script, dice: Dice) -> None:
    """A renewal that will shrink or be lost shows it on its way: first feared, then expected."""
    expected = money(script.expected) if script.expected else None
    feared = _day_at(script, dice.between(0.15, 0.4))
    telling.note(feared, renewal_loss_category="best_case", expected_renewed_arr=expected)
    if dice.happens(0.7):
        telling.note(_day_at(script, dice.between(0.45, 0.75)), renewal_loss_category="commit")


def _fear_in_vain(telling: _Telling, script: Script, dice: Dice) -> None:
    """A renewal that was thought to shrink for a while, and did not."""
    expected = round(script.basis * dice.between(0.5, 0.9))
    telling.note(
        _day_at(script, dice.between(0.15, 0.4)),
        renewal_loss_category="best_case",
        expected_renewed_arr=money(expected),
    )
    telling.note(
        _day_at(script, dice.between(0.8, 0.92)),
        renewal_loss_category="none",
        expected_renewed_arr=None,
    )


def _move_close_date(telling: _Telling, script: Script, dice: Dice) -> None:
    """A first guess of the closing day, and how it was put off or pulled in."""
    guesses: list[tuple[date, date]] = []
    closes = script.closes
    if script.kind != "renewal" and dice.happens(0.32):
        for _ in range(dice.whole(1, 3)):
            earlier = closes - timedelta(days=dice.whole(14, 55))
            # Most tell it before the day comes; a few let it pass.
            told = earlier + timedelta(
                days=dice.whole(1, 4) if dice.happens(0.15) else -dice.whole(0, 9)
            )
            if told <= script.created + timedelta(days=3):
                break
            guesses.insert(0, (told, closes))
            closes = earlier
    elif dice.happens(0.08):
        told = _day_at(script, dice.between(0.5, 0.8))
        if told > script.created:
            guesses.append((told, closes))
            closes += timedelta(days=dice.whole(20, 60))
    telling.note(script.created, close_date=closes.isoformat())
    for told, later in guesses:
        telling.note(told, close_date=later.isoformat())


def _change_owner(telling: _Telling, script: Script, dice: Dice) -> None:
    """Now and then a colleague takes over; what is told of the owner after that is the colleague."""
    others = [name for name in script.colleagues if name != script.owner]
    if not others or not dice.happens(0.06):
        return
    day, colleague = _day_at(script, dice.between(0.4, 0.8)), dice.one_of(others)
    for told, fields in telling.days.items():
        if told > day and "owner_external_id" in fields:
            fields["owner_external_id"] = colleague
    if day > script.created:
        telling.note(day, owner_external_id=colleague)


def _end(telling: _Telling, script: Script, dice: Dice) -> None:
    for day in [day for day in telling.days if day >= script.closes and day != script.created]:
        del telling.days[day]
    if script.outcome == FORGOTTEN:
        return
    fields: dict[str, Any] = {"stage": script.outcome, "close_date": script.closes.isoformat()}
    if script.outcome == WON:
        fields["amount"] = money(script.amount)
        fields["next_step"] = fields["next_step_date"] = None
        fields["submitted_at"] = f"{script.closes.isoformat()}T18:00:00Z"
    else:
        reason = dice.one_of(LOST_REASONS)
        fields["lost_reason"] = reason
        fields["lost_details"] = f"{reason.replace('_', ' ').capitalize()}, said the sponsor."
    if script.outcome == DUPLICATE:
        fields["duplicate_of"] = script.duplicate_of
    telling.note(max(script.closes, script.created + timedelta(days=1)), **fields)


def _steps(telling: _Telling, script: Script, dice: Dice, today: date) -> tuple[Step, ...]:
    """In order of time, each saying only what it changes; a day that changes nothing is no step."""
    steps: list[Step] = []
    known: dict[str, Any] = {}
    for day in sorted(telling.days):
        if day >= today:
            break
        fields = telling.days[day]
        if fields.get("stage") in _NEXT_STEPS:
            fields["next_step"] = _NEXT_STEPS[fields["stage"]]
            fields["next_step_date"] = (day + timedelta(days=dice.whole(4, 30))).isoformat()
        new = {name: value for name, value in fields.items() if known.get(name) != value}
        if not new:
            continue
        known.update(new)
        # Between ten and three in California: the same day in the company's calendar.
        at = datetime(
            day.year, day.month, day.day, dice.whole(18, 22), dice.whole(0, 59), tzinfo=UTC
        )
        steps.append(Step(at, new))
    return tuple(steps)
