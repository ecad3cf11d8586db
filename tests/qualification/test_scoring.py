"""What makes a score and a status: the pure rules, and their promises for any order of events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.ids import new_id
from services.qualification.leads import repository
from services.qualification.leads.changes import LeadChange
from services.qualification.leads.domain import STATUSES, check_move, check_reason, may_move
from services.qualification.leads.draft import Draft, Signal, derived
from services.qualification.leads.profile import fit_of, profile_of
from services.qualification.leads.record import Lead
from services.qualification.signals import domain
from services.qualification.signals.domain import Measured
from services.qualification.signals.titles import function_of, seniority_of
from services.workspace.policy import SOP_2022, Policy
from services.workspace.policy_qualification import SIGNAL_POINTS_DEFAULT

NOW = datetime(2026, 6, 17, 17, 0, tzinfo=UTC)


def make_lead(**fields: Any) -> Lead:
    columns: dict[str, Any] = dict.fromkeys(repository.COLUMNS) | {
        "id": new_id(),
        "version": 1,
        "name": "Kim",
        "status": "raw",
        "status_since": NOW,
        "created_at": NOW,
        "updated_at": NOW,
        "score": 0,
        "tools": [],
        "behaviour_points": 0,
        "demographic_points": 0,
        "mql_count": 0,
        "unsubscribed": False,
        "key_account": False,
    }
    return derived(Lead(**(columns | fields)), SOP_2022)


def draft_of(lead: Lead, policy: Policy = SOP_2022, at: datetime = NOW) -> Draft:
    return Draft(lead, lead, policy, at=at, now=NOW, actor="key:x")


class TestTitles:
    @pytest.mark.parametrize(
        ("title", "seniority", "function"),
        [
            ("Chief Technology Officer", "executive", "engineering"),
            ("CTO", "executive", "engineering"),
            ("CISO & VP Security", "executive", "security"),
            ("VP, Platform Engineering", "executive", "engineering"),
            ("Managing Director", "executive", None),
            ("Director of Information Technology", "director", "it"),
            ("Head of DevOps", "director", "engineering"),
            ("Assistant to the CEO", "individual", None),
            ("Executive Assistant", "individual", None),
            ("Engineering Manager", "manager", "engineering"),
            ("Senior Software Engineer", "individual", "engineering"),
            ("Sales Engineer", "individual", "unrelated"),
            ("Security Engineer", "individual", "security"),
            ("Marketing Manager", "manager", "unrelated"),
            ("IT Administrator", "individual", "it"),
            ("Working student R&D", "individual", "unrelated"),
            ("Geschäftsführer", None, None),
            ("", None, None),
            (None, None, None),
            ("Italian teaching", None, None),
        ],
    )
    def test_are_read_by_their_words(
        self, title: str | None, seniority: str | None, function: str | None
    ) -> None:
        read = seniority_of(title), function_of(title)
        assert [None if found is None else found.group for found in read] == [seniority, function]
        for found in read:
            assert found is None or found.because in (title or "").casefold().replace("&", " ")

    @given(st.text(max_size=60))
    def test_any_text_has_an_answer(self, title: str) -> None:
        seniority_of(title)
        function_of(title)


class TestDemographic:
    @pytest.mark.parametrize(
        ("email", "points"),
        [
            (None, {}),
            ("kim@acme.example", {"business_domain": 20}),
            ("kim@GoogleMail.com", {"generic_domain": -10}),
            ('"odd@name"@acme.example', {"business_domain": 20}),
        ],
    )
    def test_counts_the_address(self, email: str | None, points: dict[str, int]) -> None:
        found = domain.demographic(domain.domain_of(email), None, False, SOP_2022)
        assert {reason.code: reason.points for reason in found} == points

    def test_what_the_policy_leaves_out_is_worth_nothing(self) -> None:
        policy = Policy.build(settings={"score.demographic": {"key_account": 7}})
        found = domain.demographic("acme.example", "CTO", True, policy)
        assert sum(reason.points for reason in found) == 7


class TestFit:
    def fit(self, policy: Policy = SOP_2022, **facts: Any) -> Any:
        known: dict[str, Any] = {
            "employees": None,
            "industry": None,
            "region": None,
            "tools": [],
            "use_case": None,
        }
        return fit_of(policy, **(known | facts))

    def test_counts_only_what_is_asked_for_and_known(self) -> None:
        assert self.fit().score is None
        assert self.fit(region="EMEA").score is None  # not asked for
        assert self.fit(employees=50).score == 100
        whole = self.fit(employees=50, industry="Fishing", tools=["jenkins ", "Excel"])
        # 40 for the segment and 30 for the tools of 100.
        assert whole.score == 70
        results = {side.name: side.result for side in whole.dimensions}
        assert results == {
            "segments": "match",
            "industries": "mismatch",
            "regions": "not_asked",
            "tools": "match",
            "use_cases": "not_asked",
        }

    def test_without_weights_every_side_counts_the_same(self) -> None:
        profile = {"segments": ["smb"], "regions": ["EMEA"], "use_cases": ["CI"]}
        policy = Policy.build(settings={"icp": profile})
        assert self.fit(policy, employees=5, region="emea", use_case="SCM").score == 67
        assert profile_of(policy)["industries"] == {"wanted": [], "weight": 1}

    def test_a_side_without_weight_is_not_asked_for(self) -> None:
        policy = Policy.build(settings={"icp": {"segments": ["smb"], "weights": {}}})
        assert self.fit(policy, employees=5).score is None

    @given(
        st.integers(0, 10**6) | st.none(),
        st.sampled_from(["Healthcare", "Fishing", None]),
        st.lists(st.sampled_from(["Jira", "Excel"]), max_size=2),
    )
    def test_is_a_percentage_or_unknown(
        self, employees: int | None, industry: str | None, tools: list[str]
    ) -> None:
        fit = self.fit(employees=employees, industry=industry, tools=tools)
        known = [side for side in fit.dimensions if side.result in ("match", "mismatch")]
        assert (fit.score is None) == (not known)
        assert fit.score is None or 0 <= fit.score <= 100
        if known and all(side.result == "match" for side in known):
            assert fit.score == 100


class TestMoves:
    def test_nothing_leads_back_to_the_beginning(self) -> None:
        for old in STATUSES:
            for new in ("raw", "inquiry"):
                is_allowed = check_move(old, new) is None
                assert is_allowed == (old == new or (old, new) == ("raw", "inquiry"))

    def test_the_product_moves_as_anybody_and_hands_over(self) -> None:
        for old in STATUSES:
            for new in STATUSES:
                if new == "qualified":
                    assert may_move(old, new) == (
                        old not in ("recycle", "disqualified", "qualified")
                    )
                else:
                    assert may_move(old, new) == (old != new and check_move(old, new) is None)

    @given(st.sampled_from(STATUSES), st.text(max_size=20) | st.none(), st.booleans())
    def test_only_side_exits_are_particular_about_reasons(
        self, status: str, reason: str | None, is_needed: bool
    ) -> None:
        refusal = check_reason(status, reason, is_needed=is_needed)
        if status not in ("recycle", "disqualified"):
            assert refusal is None


names = st.sampled_from(sorted(SIGNAL_POINTS_DEFAULT))
events = st.lists(
    st.tuples(
        st.sampled_from(["signal", "signal", "signal", "move", "silence", "facts"]),
        names,
        st.sampled_from(["accepted", "qualifying", "recycle", "mql", "disqualified"]),
        st.integers(0, 20),
        st.integers(-400, 0),
    ),
    max_size=40,
)


def happen(
    lead: Lead, kind: str, name: str, status: str, value: int, at: datetime
) -> LeadChange | None:
    draft = draft_of(lead, at=at)
    if kind == "signal":
        draft.hear(Signal(name, at, value=value), {name: Measured(value, at)})
    elif kind == "silence":
        draft.fall_silent(at)
    elif kind == "facts":
        draft.put({"title": ["CTO", "Student", None][value % 3]})
        draft.advance(is_stated=False)
    elif check_move(lead.status, status) is None and status != lead.status:
        draft.move(status, "other", None)
    return draft.change()


class TestAnyLife:
    @given(events, st.sampled_from([None, "kim@acme.example", "kim@gmail.com"]))
    def test_keeps_its_promises(self, told: list[Any], email: str | None) -> None:
        lead = make_lead(email=email)
        points, moved_to_mql = 0, []
        for kind, name, status, value, days in told:
            at = NOW + timedelta(days=days)
            change = happen(lead, kind, name, status, value, at)
            if change is None:
                continue
            after = change.after
            assert after.version == lead.version + 1
            # What is kept adds up to the running total, whatever the order was.
            points += sum(entry.points for entry in change.entries)
            assert after.behaviour_points == points >= 0
            assert after.score == max(0, points + after.demographic_points)
            for move in change.moves:
                assert move.from_status is not None
                assert check_move(move.from_status, move.to_status) is None
                if move.to_status == "mql":
                    moved_to_mql.append(move.occurred_at)
            assert after.mql_count == len(moved_to_mql)
            assert after.first_mql_at == min(moved_to_mql, default=None)
            if after.status == "recycle" and lead.status != "recycle":
                assert points == 0
            if change.moves:
                assert after.status == change.moves[-1].to_status
            lead = after

    @given(
        st.lists(st.sampled_from(["sign_up", "free_users"]), max_size=10),
        st.integers(0, 10**6),
        st.integers(-1000, 1000),
    )
    def test_free_use_alone_never_makes_a_pql(
        self, told: list[str], value: int, worth: int
    ) -> None:
        settings = {
            "score.points": {"sign_up": worth, "free_users": worth},
            "pql.hand_raise_signals": ["sign_up", "free_users"],
        }
        policy = Policy.build(settings=settings)
        lead = make_lead()
        for name in told:
            draft = draft_of(lead, policy)
            draft.hear(Signal(name, NOW, value=value), {name: Measured(value, NOW)})
            change = draft.change()
            assert change is not None
            lead = change.after
            assert lead.status != "pql"

    @given(st.permutations(["active_users", "ci_pipelines"]), st.integers(0, 30))
    def test_usage_counts_within_its_days_in_any_order(self, told: list[str], days: int) -> None:
        measures: dict[str, Measured] = {}
        ends = {"active_users": 6, "ci_pipelines": 1}
        lead = make_lead()
        for place, name in enumerate(told):
            at = NOW - timedelta(days=days * place)
            measures[name] = Measured(ends[name], at)
            draft = draft_of(lead)
            draft.hear(Signal(name, at, value=ends[name]), measures)
            lead = draft.lead
        assert (lead.status == "pql") == (days <= 14)
