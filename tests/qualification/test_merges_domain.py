"""The rules of twins: who may be one person, and what one lead made of several is."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.ids import new_id
from services.qualification.leads.domain import STATUSES
from services.qualification.leads.record import Lead
from services.qualification.merges.domain import (
    FILLABLE,
    KEEPABLE,
    address_of,
    are_similar,
    merge,
    oldest_first,
    rule_of,
    similar_groups,
    suggested_survivor,
    tokens_of,
)

NOW = datetime(2026, 6, 17, 17, tzinfo=UTC)
_BLANK: dict[str, Any] = dict.fromkeys(field.name for field in fields(Lead)) | {
    "version": 1, "name": "Kim Larsen", "status": "raw", "status_since": NOW, "score": 0,
    "created_at": NOW, "updated_at": NOW, "tools": [], "behaviour_points": 0,
    "demographic_points": 0, "key_account": False, "unsubscribed": False, "mql_count": 0,
}  # fmt: skip


def lead(**known: Any) -> Lead:
    return Lead(**(_BLANK | {"id": new_id()} | known))


class TestAddresses:
    @pytest.mark.parametrize(
        ("email", "address"),
        [
            ("Kim@Acme.example", "kim@acme.example"),
            ("kim+webinar@acme.example", "kim@acme.example"),
            ("kim.larsen@acme.example", "kim.larsen@acme.example"),
            (None, None),
        ],
    )
    def test_tags_and_capitals_are_the_same_mailbox(
        self, email: str | None, address: str | None
    ) -> None:
        assert address_of(email) == address


class TestNames:
    @pytest.mark.parametrize(
        ("one", "two"),
        [
            ("Kim Larsen", "kim LARSEN"),
            ("Kim Larsen", "Larsen, Kim"),
            ("Kim Larsen", "Kim S. Larsen"),
            ("Kim Larsen", "K. Larsen"),
            ("José García", "Jose Garcia"),
            ("John Smith", "Jon Smith"),
            ("Kim Larsen", "Kim Lasren"),
            ("Kim Larsen", "Kim Larson"),
            ("Larsen", "larsen"),
        ],
    )
    def test_similar(self, one: str, two: str) -> None:
        assert are_similar(tokens_of(one), tokens_of(two))
        assert are_similar(tokens_of(two), tokens_of(one))

    @pytest.mark.parametrize(
        ("one", "two"),
        [
            ("Kim Larsen", "Tim Larsen"),
            ("Kim Larsen", "Kim Jensen"),
            ("Kim Larsen", "Larsen"),
            ("Anna Meier", "Hanna Meier"),
            ("Jo Li", "Jo Lu"),
            ("Kim Larsen", "Kim Larssonn"),
            ("?", "!"),
        ],
    )
    def test_not_similar(self, one: str, two: str) -> None:
        assert not are_similar(tokens_of(one), tokens_of(two))
        assert not are_similar(tokens_of(two), tokens_of(one))

    def test_groups_are_of_two_or_more(self) -> None:
        names = [
            "Kim Larsen",
            "Ana Ruiz",
            "K. Larsen",
            "Larsen, Kim",
            "Ana Ruis",
            "Bo Ek",
            "Kim Ek",
        ]
        ids = [UUID(int=number) for number in range(len(names))]
        groups = similar_groups(dict(zip(ids, names, strict=True)))
        assert [[member.int for member in group] for group in groups] == [[0, 2, 3], [1, 4]]

    @given(st.lists(st.text("abk éK.", min_size=1, max_size=12), max_size=12))
    def test_every_group_is_held_together_by_similar_names(self, names: list[str]) -> None:
        by_id = {UUID(int=number): name for number, name in enumerate(names)}
        groups = similar_groups(by_id)
        members = [member for group in groups for member in group]
        assert len(members) == len(set(members))
        for group in groups:
            assert len(group) > 1
            for member in group:
                assert any(
                    are_similar(tokens_of(by_id[member]), tokens_of(by_id[other]))
                    for other in group
                    if other != member
                )


class TestRule:
    def test_says_by_what_they_were_the_same(self) -> None:
        known: dict[str, Any] = {"email": "kim@acme.example", "email_domain": "acme.example"}
        one = lead(**known)
        assert rule_of(one, lead(**known | {"email": "Kim+x@Acme.example"}), []) == "same_email"
        other = lead(**known | {"email": "k@acme.example", "name": "K Larsen"})
        assert rule_of(one, other, []) == "same_domain_and_similar_name"
        assert rule_of(one, other, ["acme.example"]) == "stated"
        assert rule_of(one, lead(name="Kim Larsen"), []) == "stated"


class TestMerge:
    def test_gaps_are_filled_by_the_oldest_that_knows(self) -> None:
        survivor = lead(title="CTO")
        old = lead(title="CEO", phone="1", created_at=NOW - timedelta(days=2))
        new = lead(phone="2", company="Acme", created_at=NOW - timedelta(days=1))
        for others in ([old, new], [new, old]):
            found = merge(survivor, oldest_first(others), keep={}, is_converted=False)
            assert (found.lead.title, found.lead.phone, found.lead.company) == ("CTO", "1", "Acme")
            assert {(taken.field, taken.lead_id) for taken in found.taken} == {
                ("phone", old.id), ("company", new.id),
            }  # fmt: skip

    def test_what_is_to_be_kept_stands_even_where_it_is_nothing(self) -> None:
        survivor, other = lead(title="CTO", phone="1"), lead(name="Kim S. Larsen", phone=None)
        keep = {"name": other.id, "phone": other.id, "title": survivor.id}
        found = merge(survivor, [other], keep=keep, is_converted=False).lead
        assert (found.name, found.phone, found.title) == ("Kim S. Larsen", None, "CTO")

    def test_counts_and_firsts_are_of_all(self) -> None:
        day = timedelta(days=1)
        survivor = lead(mql_count=1, first_mql_at=NOW, tools=["Jira"], last_touch_at=NOW - day)
        other = lead(
            mql_count=2, first_mql_at=NOW - day, first_pql_at=NOW, tools=["Jenkins", "Jira"],
            unsubscribed=True, last_touch_at=NOW,
        )  # fmt: skip
        found = merge(survivor, [other], keep={}, is_converted=False).lead
        assert (found.mql_count, found.first_mql_at, found.first_pql_at) == (3, NOW - day, NOW)
        assert (found.tools, found.unsubscribed) == (["Jira", "Jenkins"], True)
        assert found.last_touch_at == NOW

    @pytest.mark.parametrize(
        ("own", "others", "status"),
        [
            ("raw", ["mql"], "mql"),
            ("raw", ["mql", "accepted"], "accepted"),
            ("qualifying", ["accepted"], "qualifying"),
            ("pql", ["mql"], "pql"),
            ("raw", ["recycle"], "raw"),
            ("recycle", ["raw"], "recycle"),
            ("recycle", ["mql"], "mql"),
            ("disqualified", ["mql"], "disqualified"),
            ("disqualified", ["accepted"], "accepted"),
        ],
    )
    def test_work_that_was_done_is_not_undone(
        self, own: str, others: list[str], status: str
    ) -> None:
        survivor = lead(status=own, status_since=NOW)
        rest = [lead(status=other, status_since=NOW - timedelta(days=3)) for other in others]
        found = merge(survivor, rest, keep={}, is_converted=False)
        assert found.lead.status == status
        assert (found.status_of is None) == (status == own)
        if found.status_of is not None:
            assert found.lead.status_since == NOW - timedelta(days=3)

    def test_a_hand_over_is_the_survivors(self) -> None:
        survivor = lead(status="qualifying")
        converted = lead(status="qualified", opportunity_id=new_id(), sql_at=NOW)
        found = merge(survivor, [converted], keep={}, is_converted=True).lead
        assert (found.status, found.sql_at) == ("qualified", NOW)

    def test_the_best_survivor_is_the_one_furthest_along(self) -> None:
        old = lead(created_at=NOW - timedelta(days=9))
        working = lead(status="qualifying")
        converted = lead(opportunity_id=new_id())
        assert suggested_survivor([old, working, converted]) is converted
        assert suggested_survivor([old, working]) is working
        assert suggested_survivor([lead(), old]) is old

    @given(st.data())
    def test_nothing_that_was_known_becomes_unknown(self, data: st.DataObject) -> None:
        """And it does not matter in which order the others are named."""
        values = st.fixed_dictionaries(
            {name: st.none() | st.sampled_from(["a", "b"]) for name in FILLABLE}
            | {
                "status": st.sampled_from(STATUSES),
                "mql_count": st.integers(0, 3),
                "created_at": st.integers(0, 5).map(lambda days: NOW - timedelta(days=days)),
            }
        )
        survivor, *others = (lead(**data.draw(values)) for _ in range(data.draw(st.integers(2, 5))))
        found = merge(survivor, oldest_first(others), keep={}, is_converted=False)
        again = merge(survivor, oldest_first(others[::-1]), keep={}, is_converted=False)
        assert found == again
        every = [survivor, *others]
        for name in FILLABLE:
            known = [getattr(one, name) for one in every if getattr(one, name) is not None]
            value = getattr(found.lead, name)
            assert (value is None) == (not known)
            assert value is None or value in known
        assert found.lead.mql_count == sum(one.mql_count for one in every)
        assert found.lead.id == survivor.id
        assert replace(found.lead, **dict.fromkeys(FILLABLE)).created_at == (survivor.created_at)


def test_every_fact_a_client_may_state_can_be_kept() -> None:
    """What is neither fillable nor added up would be lost by a merge."""
    from services.qualification.leads.schemas import LeadUpdate

    stated = set(LeadUpdate.model_fields)
    added_up = {"tools", "key_account", "unsubscribed"}
    of_the_status = {"status", "status_reason", "status_details", "recycle_until", "occurred_at"}
    assert stated - added_up - of_the_status == set(KEEPABLE)
    assert all(re.fullmatch(r"[a-z_]+", name) for name in KEEPABLE)
