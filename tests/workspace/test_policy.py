"""The policy value: its defaults, what it answers and what it refuses."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.workspace.policy import SOP_2022, Policy, PolicySettingsError, problems_of
from services.workspace.policy_settings import DEFAULTS, WORKSPACE_DEFAULTS


class TestDefaults:
    def test_are_a_valid_policy(self) -> None:
        assert problems_of(DEFAULTS) == ()

    def test_survive_json(self) -> None:
        stored = json.loads(json.dumps(SOP_2022.to_json()))
        read = Policy.from_json(stored)
        assert read == SOP_2022
        assert read.settings == SOP_2022.settings

    def test_answer_by_kind(self) -> None:
        assert SOP_2022.number("lost.reopen_days") == 30
        assert SOP_2022.amount("order_type.ps_min") == Decimal(48)
        assert SOP_2022.choice("autoclose.mode") == "warn"
        assert SOP_2022.is_on("forecast.override_note_required")
        assert SOP_2022.coverage_band == (Decimal("2.5"), Decimal("3.0"))
        assert SOP_2022.by_segment("autoclose", "smb") == [7, 15]
        assert SOP_2022.by_segment("autoclose", "unknown") is None

    def test_of_a_workspace_are_no_settings(self) -> None:
        assert problems_of(WORKSPACE_DEFAULTS)


@pytest.mark.parametrize(
    ("employees", "segment"),
    [
        (None, "unknown"),
        (-1, "unknown"),
        (0, "unknown"),
        (1, "smb"),
        (99, "smb"),
        (100, "mid_market"),
        (1999, "mid_market"),
        (2000, "large"),
        (10**7, "large"),
    ],
)
def test_segments_by_head_count(employees: int | None, segment: str) -> None:
    assert SOP_2022.segment_of(employees) == segment


def test_a_policy_may_move_the_segments() -> None:
    ranges = {"smb": [1, 250], "mid_market": [251, 4000], "large": [4001, None]}
    policy = Policy.build("hb-2026", 2, {"segments": ranges})
    assert [policy.segment_of(count) for count in (250, 251, 4000, 4001)] == [
        "smb",
        "mid_market",
        "mid_market",
        "large",
    ]


def test_a_partial_stage_map_leaves_the_other_stages() -> None:
    policy = Policy.build("x", 2, {"stage.category": {"negotiating": "best_case"}})
    assert policy.stage_category("negotiating") == "best_case"
    assert policy.stage_category("awaiting_signature") == "commit"
    assert SOP_2022.stage_category("negotiating") == "commit"


WRONG: list[tuple[str, Any]] = [
    ("lost.reopen_dayz", 30),
    ("lost.reopen_days", "30"),
    ("lost.reopen_days", True),
    ("lost.reopen_days", -1),
    ("lost.details_min", 1000.5),
    ("lost.details_min", "many"),
    ("lost.details_min", "NaN"),
    ("lost.details_min", -1),
    ("lost.details_min", True),
    ("sao.outbound_timing_required", 1),
    ("autoclose.mode", "delete"),
    ("autoclose.mode", 1),
    ("sao.small_box_segments", "smb"),
    ("sao.small_box_segments", ["smb", "smb"]),
    ("sao.small_box_segments", ["tiny"]),
    ("sao.small_box_segments", [["smb"]]),
    ("required7.deadline", "5pm"),
    ("required7.deadline", "24:00"),
    ("required7.deadline", "17:60"),
    ("required7.deadline", 17),
    ("deal_size", [5000, 5000, 100_000]),
    ("deal_size", [5000, 25000]),
    ("deal_size", []),
    ("deal_size", 5000),
    ("deal_size", [1, "2", 3]),
    ("coverage.band", ["3.0", "2.5"]),
    ("coverage.band", ["2.5"]),
    ("coverage.band", [2.5, 3.0]),
    ("plan.full", ["large"]),
    ("plan.full", {"tiny": 1}),
    ("plan.full", {"smb": "much"}),
    ("segments", {"smb": [1, 99]}),
    ("segments", []),
    ("segments", {"smb": [1, 99], "mid_market": [101, 1999], "large": [2000, None]}),
    ("segments", {"smb": [1, 99], "mid_market": [100, 50], "large": [2000, None]}),
    ("segments", {"smb": [1, 99], "mid_market": [100, 1999], "large": [2000, 5000]}),
    ("segments", {"smb": 99, "mid_market": [100, 1999], "large": [2000, None]}),
    ("stage.category", "commit"),
    ("stage.category", {"winning": "commit"}),
    ("stage.category", {"pending_acceptance": "commit"}),
    ("stage.category", {"closed_won": "commit"}),
    ("stage.category", {"scoping": "closed"}),
    ("stage.probability", {"scoping": 20}),
    ("stage.probability", dict.fromkeys(SOP_2022.settings["stage.probability"], 101)),
]


@pytest.mark.parametrize(("setting", "value"), WRONG)
def test_refuses_and_names_the_setting(setting: str, value: object) -> None:
    with pytest.raises(PolicySettingsError) as refused:
        Policy.build("x", 2, {setting: value, "mql.threshold": 90})
    assert [problem.setting for problem in refused.value.problems] == [setting]
    assert refused.value.problems[0].message.endswith(".")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("stage.category", {"pending_acceptance": "omitted", "closing": "best_case"}),
        ("lost.details_min", "25000.00"),
        ("renewal.notice_days", [0]),
        ("plan.full", {}),
        ("required7.deadline", "09:30"),
    ],
)
def test_takes_other_values(setting: str, value: object) -> None:
    assert Policy.build("x", 2, {setting: value}).version == 2


@given(st.integers(1, 10**6))
def test_segments_never_fall_with_head_count(employees: int) -> None:
    order = ["smb", "mid_market", "large"]
    here, there = (SOP_2022.segment_of(count) for count in (employees, employees + 1))
    assert order.index(here) <= order.index(there)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
anything = st.recursive(
    scalars,
    lambda parts: st.lists(parts, max_size=3) | st.dictionaries(st.text(max_size=5), parts),
    max_leaves=5,
)


@st.composite
def spoilt(draw: st.DrawFn, value: Any) -> Any:
    """The value with something else in one place of it."""
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 3)) == 0:
        return draw(anything)
    spoilt_: Any = value.copy()
    places = sorted(value) if isinstance(value, dict) else list(range(len(value)))
    place = draw(st.sampled_from(places))
    spoilt_[place] = draw(spoilt(value[place]))
    return spoilt_


@pytest.mark.parametrize("setting", sorted(DEFAULTS))
@settings(max_examples=40)
@given(st.data())
def test_whatever_is_sent_is_taken_or_refused_in_words(setting: str, data: st.DataObject) -> None:
    value = data.draw(spoilt(json.loads(json.dumps(DEFAULTS[setting], default=str))))
    for problem in problems_of({setting: value}):
        assert problem.setting == setting
        assert problem.message
