"""The stages of an opportunity: their order, numbers, names and which moves are legal.

Pure. Gates (what a stage still needs) are elsewhere; here is only which way one may go. A refusal
is an answer, so it is returned, not raised.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from services.workspace.policy import Policy


class Stage(NamedTuple):
    """`rank` orders stages, also where `number` is null; `name` is the source document's label."""

    key: str
    number: int | None
    rank: int
    is_open: bool
    name: str


STAGES: Final = (
    Stage("pending_acceptance", 0, 0, True, "0 - Pending Acceptance"),
    Stage("discovery", 1, 1, True, "1 - Discovery"),
    Stage("scoping", 2, 2, True, "2 - Scoping"),
    Stage("technical_evaluation", 3, 3, True, "3 - Technical Evaluation"),
    Stage("proposal", 4, 4, True, "4 - Proposal"),
    Stage("negotiating", 5, 5, True, "5 - Negotiating"),
    Stage("awaiting_signature", 6, 6, True, "6 - Awaiting Signature"),
    Stage("closing", None, 7, True, "7 - Closing"),
    Stage("closed_won", 7, 8, False, "7 - Closed Won"),
    Stage("closed_lost", 8, 9, False, "8 - Lost"),
    Stage("unqualified", 9, 10, False, "9 - Unqualified"),
    Stage("duplicate", 10, 11, False, "10 - Duplicate"),
)
STAGE: Final = {stage.key: stage for stage in STAGES}
OPEN_STAGES: Final = tuple(stage.key for stage in STAGES if stage.is_open)
CLOSED_STAGES: Final = tuple(stage.key for stage in STAGES if not stage.is_open)

AUTO_CLOSE_REASON: Final = "no_progression_auto_close"

# Names of other years and of older records, beside each stage's key, name and bare name.
_OTHER_NAMES: Final = {
    "00-pre opportunity": "pending_acceptance",
    "0-qualifying": "pending_acceptance",
    "2-developing": "scoping",
    "lost": "closed_lost",
    "8-closed lost": "closed_lost",
    "won": "closed_won",
}


def _plain(label: str) -> str:
    """Case, underscores, dashes and spaces do not tell two stages apart."""
    return re.sub(r"[\W_]+", " ", label.casefold()).strip()


def _aliases() -> dict[str, str]:
    names = {_plain(label): key for label, key in _OTHER_NAMES.items()}
    for stage in STAGES:
        bare = stage.name.split(" - ", 1)[1]
        names |= {_plain(label): stage.key for label in (stage.key, stage.name, bare)}
    return names


_ALIASES: Final = _aliases()


def stage_key(label: str) -> str | None:
    """The key of a stage written as a key or under any of its names; None where unknown."""
    if label in STAGE:
        return label
    return _ALIASES.get(_plain(label[:100]))


class Refusal(NamedTuple):
    """Why a move is not made: a stable code and a sentence. Kept as a finding it also says which
    criteria of a gate were not met, and why that was set aside."""

    code: str
    message: str
    codes: tuple[str, ...] = ()
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFacts:
    """What decides whether an opportunity may move, beside the two stages.

    `is_accepted`: a salesperson took it out of stage 0 once. `closed_on` and `today` are dates of
    the company's calendar; `is_auto_closed`: a timer closed it for want of progress.
    """

    is_accepted: bool
    today: date
    closed_on: date | None = None
    is_auto_closed: bool = False
    is_renewal: bool = False
    is_manager: bool = True


def check_transition(
    from_stage: str, to_stage: str, facts: StageFacts, policy: Policy, *, reason: str | None = None
) -> Refusal | None:
    """None where the move is legal."""
    old, new = STAGE[from_stage], STAGE[to_stage]
    if old is new:
        return Refusal("already_in_stage", f"The opportunity is already in {old.name}.")
    if to_stage == "closing" and not policy.is_on("stage.closing_enabled"):
        return Refusal("stage_not_enabled", "The policy in force does not use 7 - Closing.")
    if not old.is_open:
        return _check_reopening(old, new, facts, policy)
    if not new.is_open:
        return _check_closing(old, new, facts)
    if new.rank > old.rank:
        return None
    return _check_backward(old, new, facts, policy, reason)


def _check_closing(old: Stage, new: Stage, facts: StageFacts) -> Refusal | None:
    if new.key == "unqualified" and (old.rank != 0 or facts.is_accepted):
        return Refusal(
            "unqualified_only_from_stage_0",
            f"Only an opportunity never accepted can be unqualified; this one is in {old.name}."
            " Close it lost instead.",
        )
    # A merged renewal hands its basis to the survivor: closing it lost would book churn twice.
    is_accepted = facts.is_accepted or old.rank > 0
    if new.key == "duplicate" and is_accepted and not facts.is_renewal:
        return Refusal(
            "duplicate_after_acceptance",
            "An accepted opportunity cannot become a duplicate: close it lost, reason merged.",
        )
    return None


def _check_reopening(old: Stage, new: Stage, facts: StageFacts, policy: Policy) -> Refusal | None:
    days = policy.number("lost.reopen_days")
    if not new.is_open:
        return Refusal(
            "opportunity_closed", f"It is closed as {old.name}; reopen it before {new.name}."
        )
    if facts.is_auto_closed:
        return Refusal(
            "auto_closed_stays_closed",
            "It was closed for want of progress; only a new opportunity may follow.",
        )
    if facts.closed_on is None or (facts.today - facts.closed_on).days > days:
        return Refusal(
            "reopen_window_passed",
            f"A closed opportunity may be reopened within {days} days; open a new one.",
        )
    if new.rank == 0 and facts.is_accepted:
        return _never_back_to_acceptance()
    return None


def _check_backward(
    old: Stage, new: Stage, facts: StageFacts, policy: Policy, reason: str | None
) -> Refusal | None:
    if new.rank == 0:
        return _never_back_to_acceptance()
    if old.key == "closing" and new.key != "awaiting_signature":
        return Refusal(
            "closing_is_locked", "7 - Closing can only be handed back to 6 - Awaiting Signature."
        )
    if not (reason or "").strip():
        return Refusal(
            "reason_required", f"Going back from {old.name} to {new.name} needs a reason."
        )
    if policy.choice("stage.backward") == "manager_approval" and not facts.is_manager:
        return Refusal(
            "manager_approval_required", "Going back a stage needs a manager's approval."
        )
    return None


def _never_back_to_acceptance() -> Refusal:
    return Refusal(
        "back_to_acceptance", "An accepted opportunity never goes back to 0 - Pending Acceptance."
    )
