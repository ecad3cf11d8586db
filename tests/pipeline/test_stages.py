"""Stages: their names, their order and which moves are legal."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.pipeline.opportunities.stages import (
    CLOSED_STAGES,
    OPEN_STAGES,
    STAGE,
    STAGES,
    StageFacts,
    check_transition,
    stage_key,
)
from services.workspace import policy_settings
from services.workspace.policy import SOP_2022, Policy

TODAY = date(2026, 6, 17)
CLOSING = Policy.build("closing", 2, {"stage.closing_enabled": True})
NEW = StageFacts(is_accepted=False, today=TODAY)
ACCEPTED = StageFacts(is_accepted=True, today=TODAY)


def refusal(
    old: str,
    new: str,
    facts: StageFacts = ACCEPTED,
    policy: Policy = SOP_2022,
    reason: str | None = None,
) -> str | None:
    answer = check_transition(old, new, facts, policy, reason=reason)
    return answer.code if answer else None


class TestNames:
    @pytest.mark.parametrize(
        ("label", "key"),
        [
            ("0 - Pending Acceptance", "pending_acceptance"),
            ("1 - Discovery", "discovery"),
            ("2-Scoping", "scoping"),
            ("3 - Technical Evaluation", "technical_evaluation"),
            ("4-Proposal", "proposal"),
            ("5 \u2013 Negotiating", "negotiating"),
            ("6 - awaiting signature", "awaiting_signature"),
            ("7 - Closed Won", "closed_won"),
            ("7-Closing", "closing"),
            ("Closed Won", "closed_won"),
            ("8 - Lost", "closed_lost"),
            ("8-Closed Lost", "closed_lost"),
            ("Closed Lost", "closed_lost"),
            ("9-Unqualified", "unqualified"),
            ("10-Duplicate", "duplicate"),
            ("00-Pre Opportunity", "pending_acceptance"),
            ("0-Qualifying", "pending_acceptance"),
            ("2-Developing", "scoping"),
            ("technical_evaluation", "technical_evaluation"),
        ],
    )
    def test_aliases(self, label: str, key: str) -> None:
        assert stage_key(label) == key

    @pytest.mark.parametrize("label", ["", "7", "won it", "6 - Closed Won", "x" * 5000])
    def test_unknown_names(self, label: str) -> None:
        assert stage_key(label) is None

    def test_every_key_and_name_is_its_own(self) -> None:
        assert {stage_key(stage.name) for stage in STAGES} == set(STAGE)

    def test_agree_with_the_policy_settings(self) -> None:
        assert policy_settings.OPEN_STAGES == OPEN_STAGES
        assert set(policy_settings.CLOSED_STAGES) == set(CLOSED_STAGES)
        assert set(SOP_2022.stage_categories) == set(STAGE)

    def test_closing_has_no_number(self) -> None:
        assert [stage.number for stage in STAGES] == [0, 1, 2, 3, 4, 5, 6, None, 7, 8, 9, 10]


class TestForward:
    def test_may_skip(self) -> None:
        for old in OPEN_STAGES[:7]:
            for new in OPEN_STAGES[:7]:
                if STAGE[new].rank > STAGE[old].rank:
                    assert refusal(old, new) is None
            assert refusal(old, "closed_won") is None
            assert refusal(old, "closed_lost") is None

    def test_needs_another_stage(self) -> None:
        assert refusal("scoping", "scoping") == "already_in_stage"

    def test_closing_is_the_policys(self) -> None:
        assert refusal("awaiting_signature", "closing") == "stage_not_enabled"
        assert refusal("awaiting_signature", "closing", policy=CLOSING) is None
        assert refusal("closing", "closed_won", policy=CLOSING) is None


class TestBackward:
    def test_needs_a_reason(self) -> None:
        assert refusal("proposal", "scoping") == "reason_required"
        assert refusal("proposal", "scoping", reason="  ") == "reason_required"
        assert refusal("proposal", "scoping", reason="new buyer") is None

    def test_never_returns_to_acceptance(self) -> None:
        for old in OPEN_STAGES[1:]:
            code = refusal(old, "pending_acceptance", reason="undo")
            assert code == "back_to_acceptance"

    def test_closing_hands_back_to_signature_only(self) -> None:
        assert refusal("closing", "proposal", reason="x") == "closing_is_locked"
        assert refusal("closing", "awaiting_signature", reason="x") is None

    def test_may_need_a_manager(self) -> None:
        policy = Policy.build("2024", 2, {"stage.backward": "manager_approval"})
        rep = StageFacts(is_accepted=True, today=TODAY, is_manager=False)
        code = refusal("proposal", "scoping", rep, policy, reason="x")
        assert code == "manager_approval_required"
        assert refusal("proposal", "scoping", ACCEPTED, policy, reason="x") is None


class TestUnqualifiedAndDuplicate:
    def test_unqualified_only_before_acceptance(self) -> None:
        assert refusal("pending_acceptance", "unqualified", NEW) is None
        code = "unqualified_only_from_stage_0"
        assert refusal("pending_acceptance", "unqualified", ACCEPTED) == code
        assert refusal("discovery", "unqualified", ACCEPTED) == code

    def test_duplicate_only_before_acceptance(self) -> None:
        assert refusal("pending_acceptance", "duplicate", NEW) is None
        assert refusal("scoping", "duplicate") == "duplicate_after_acceptance"
        assert refusal("scoping", "duplicate", NEW) == "duplicate_after_acceptance"

    def test_merged_renewal_may_become_a_duplicate(self) -> None:
        merged = StageFacts(is_accepted=True, today=TODAY, is_renewal=True)
        assert refusal("scoping", "duplicate", merged) is None


class TestReopening:
    def closed(self, days: int, **facts: bool) -> StageFacts:
        closed_on = TODAY - timedelta(days=days)
        return StageFacts(is_accepted=True, today=TODAY, closed_on=closed_on, **facts)

    @pytest.mark.parametrize("stage", CLOSED_STAGES)
    def test_within_the_window(self, stage: str) -> None:
        assert refusal(stage, "scoping", self.closed(30)) is None
        assert refusal(stage, "scoping", self.closed(31)) == "reopen_window_passed"
        assert refusal(stage, "scoping") == "reopen_window_passed"

    def test_the_window_may_be_shut(self) -> None:
        policy = Policy.build("2024", 2, {"lost.reopen_days": 0})
        assert refusal("closed_lost", "scoping", self.closed(1), policy) == "reopen_window_passed"

    def test_auto_closed_stays_closed(self) -> None:
        code = refusal("closed_lost", "scoping", self.closed(1, is_auto_closed=True))
        assert code == "auto_closed_stays_closed"

    def test_not_from_closed_to_closed(self) -> None:
        assert refusal("closed_won", "closed_lost", self.closed(1)) == "opportunity_closed"

    def test_not_to_acceptance_once_accepted(self) -> None:
        assert refusal("closed_lost", "pending_acceptance", self.closed(1)) == "back_to_acceptance"
        rejected = StageFacts(is_accepted=False, today=TODAY, closed_on=TODAY)
        assert refusal("unqualified", "pending_acceptance", rejected) is None
