"""The pure part of day lists: working time, what a test lacks, and that everything has words."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from services.qualification.boards.domain import Facts, advise, unmet_of, working_minutes
from services.qualification.boards.schemas import AeSection, SdrSection
from services.qualification.boards.sections_ae import AE
from services.qualification.boards.sections_sdr import SDR
from services.workspace.business_hours import Calendar
from services.workspace.policy import SOP_2022

NOW = datetime(2026, 6, 17, 17, tzinfo=UTC)
KINDS = {"fresh": "mql", "unassigned": "pql", "leads": "accepted", "failed_tests": "unqualify"}


def calendar(region: str) -> Calendar:
    return Calendar.of(SOP_2022, region, "America/Los_Angeles")


class TestWorkingMinutes:
    @pytest.mark.parametrize(
        ("region", "due_at", "minutes"),
        [
            ("AMER", NOW + timedelta(minutes=30), 30),
            # London closed an hour and a half ago and opens at eight in the morning, UTC.
            ("EMEA", datetime(2026, 6, 18, 8, 30, tzinfo=UTC), 30),
            ("AMER", NOW - timedelta(minutes=30), 30),
            # From Friday's last hour in New York to Monday's first.
            ("AMER", datetime(2026, 6, 12, 20, 30, tzinfo=UTC), 30 + 8 * 60 * 2 + 4 * 60),
            ("nowhere", NOW + timedelta(minutes=5), 5),
        ],
    )
    def test_are_those_of_the_region(self, region: str, due_at: datetime, minutes: int) -> None:
        assert working_minutes(calendar(region), NOW, due_at) == minutes


def test_a_test_lacks_what_did_not_pass() -> None:
    reason = {"code": "x", "message": "Because."}
    criteria = {
        "authority": {"result": "pass", "reasons": [reason]},
        "initiative": {"result": "fail", "reasons": [reason, reason]},
        "fit": {"result": "unknown", "reasons": []},
        "timing": {"result": "pass", "reasons": []},
    }
    assert unmet_of(criteria) == [("initiative", "Because. Because."), ("fit", "")]
    assert unmet_of(None) == []


@pytest.mark.parametrize("is_overdue", [False, True])
@pytest.mark.parametrize("section", [*SDR, *AE, "plans"])
def test_everything_has_words(section: str, is_overdue: bool) -> None:
    facts = Facts(
        now=NOW,
        since=NOW - timedelta(hours=50),
        due_at=NOW,
        due_on=date(2026, 6, 17),
        kind=KINDS.get(section, "planned"),
        note="Something",
        is_overdue=is_overdue,
        minutes=7,
        limit=48,
    )
    why, next_ = advise(section, facts)
    assert why.endswith((".", "Something"))
    assert next_.endswith(".")
    assert "None" not in why


def test_every_section_is_in_the_contract() -> None:
    assert set(SDR) == set(SdrSection.__args__)  # type: ignore[attr-defined]
    assert {*AE, "plans"} == set(AeSection.__args__)  # type: ignore[attr-defined]
