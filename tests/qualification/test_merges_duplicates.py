"""Groups of leads that may be one person, through HTTP."""

from __future__ import annotations

from typing import Any

from tests.client import Api
from tests.qualification.working import BASE, LEADS, make_lead, make_user, merge, touch

PATH = f"{BASE}/leads/duplicates"


async def groups(api: Api, **params: Any) -> list[Any]:
    """Every group there is, page by page."""
    found: list[Any] = []
    cursor: dict[str, str] = {}
    for _ in range(50):
        page = await api.call("GET", PATH, params={**params, **cursor})
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}
    raise AssertionError("pages without end")


def names(found: list[Any]) -> list[tuple[str, str]]:
    return [
        (group["key"], "".join(lead["external_id"] for lead in group["leads"])) for group in found
    ]


async def make_leads(api: Api, *told: tuple[str, str, str | None]) -> None:
    items = [
        {"external_id": external_id, "name": name, "email": email}
        for external_id, name, email in told
    ]
    answer = await api.call("POST", f"{LEADS}/batch", json={"items": items})
    assert all(result["status"] == 201 for result in answer["results"])


class TestByEmail:
    async def test_one_mailbox_is_one_person_for_certain(self, api: Api) -> None:
        await make_leads(
            api,
            ("a", "Kim", "kim@acme.example"),
            ("b", "Kim L", "Kim+news@ACME.example"),
            ("c", "Bo", "bo@gmail.com"),
            ("d", "Bo", "bo@gmail.com"),
            ("e", "Al", "al@acme.example"),
            ("f", "No address", None),
            ("g", "No address", None),
        )
        found = await groups(api)
        assert names(found) == [("bo@gmail.com", "cd"), ("kim@acme.example", "ab")]
        first = found[0]
        assert (first["reason"], first["certainty"]) == ("same_email", "certain")
        assert first["lead_count"] == 2
        assert first["suggested_survivor_id"] == first["leads"][0]["id"]

    async def test_pages_hold_every_group_once(self, api: Api) -> None:
        await make_leads(
            api,
            *(
                (f"{n:02}{twin}", "Kim", f"kim{n:02}{'+x' if twin == 'b' else ''}@acme.example")
                for n in range(7)
                for twin in "ab"
            ),
        )
        assert names(await groups(api, limit=2)) == [
            (f"kim{n:02}@acme.example", f"{n:02}a{n:02}b") for n in range(7)
        ]

    async def test_many_mailboxes_are_looked_at_page_by_page(
        self, api: Api, monkeypatch: Any
    ) -> None:
        from services.qualification.merges import twins

        twos = [(f"{n}{twin}", "Kim", f"kim{n}@acme.example") for n in range(5) for twin in "ab"]
        many = [(f"m{n}", "Kim", "kim7@acme.example") for n in range(6)]
        ones = [(f"x{n}", "Kim", f"alone{n}@acme.example") for n in range(9)]
        await make_leads(api, *ones, *twos, *many)
        expected = names(await groups(api))
        assert len(expected) == 6
        for looked_at in (2, 3, 4, 7):
            monkeypatch.setattr(twins, "LOOKED_AT_MAX", looked_at)
            for limit in (1, 50):
                found = names(await groups(api, limit=limit))
                assert found == expected, (looked_at, limit)

    async def test_suggests_whoever_is_worked_on(self, api: Api) -> None:
        await make_leads(api, ("a", "Kim", "kim@acme.example"))
        worked = await make_lead(api, external_id="b", email="kim@acme.example", status="mql")
        await touch(api, worked)
        assert (await groups(api))[0]["suggested_survivor_id"] == worked["id"]

    async def test_what_is_merged_is_no_twin_any_more(self, api: Api) -> None:
        one = await make_lead(api, email="kim@acme.example")
        two = await make_lead(api, email="kim@acme.example")
        await merge(api, one, two)
        assert await groups(api) == []
        history = await api.call("GET", f"{LEADS}/{one['id']}/merges")
        assert history["items"][0]["rule"] == "same_email"


class TestByDomain:
    async def test_a_company_and_a_similar_name_are_likely(self, api: Api) -> None:
        await make_leads(
            api,
            ("a", "Kim Larsen", "kim@acme.example"),
            ("b", "Larsen, Kim", "k.larsen@acme.example"),
            ("c", "Tim Larsen", "tim@acme.example"),
            ("d", "Jon Smith", "jon@acme.example"),
            ("e", "John Smith", "john@Acme.example"),
            ("f", "Kim Larsen", "kim@other.example"),
            ("g", "Bo Ek", "bo@gmail.com"),
            ("h", "Bo Ek", "ek@gmail.com"),
        )
        found = await groups(api, by="domain")
        assert names(found) == [("acme.example", "ab"), ("acme.example", "de")]
        assert found[0]["reason"] == "same_domain_and_similar_name"
        assert found[0]["certainty"] == "likely"
        assert names(await groups(api, by="domain", limit=1)) == names(found)

    async def test_the_policy_says_which_domains_are_nobodys(self, api: Api) -> None:
        await make_leads(
            api, ("a", "Kim Larsen", "a@acme.example"), ("b", "Kim Larsen", "b@acme.example")
        )
        assert len(await groups(api, by="domain")) == 1
        await api.call(
            "POST",
            "/pipeline/v1/policies",
            json={"settings": {"score.generic_domains": ["acme.example"]}},
        )
        assert await groups(api, by="domain") == []

    async def test_many_companies_are_compared_page_by_page(
        self, api: Api, monkeypatch: Any
    ) -> None:
        from services.qualification.merges import twins

        monkeypatch.setattr(twins, "COMPARED_MAX", 5)
        await make_leads(
            api,
            *(
                (f"{n}{place}", ["Kim Larsen", "Bo Ek", "K Larsen"][place], f"{place}@c{n}.example")
                for n in range(6)
                for place in range(3)
            ),
        )
        expected = [(f"c{n}.example", f"{n}0{n}2") for n in range(6)]
        assert names(await groups(api, by="domain")) == expected
        assert names(await groups(api, by="domain", limit=1)) == expected


class TestAnswer:
    async def test_is_not_taken_for_a_lead(self, api: Api) -> None:
        assert (await api.request("GET", PATH)).status_code == 200
        assert (await api.request("GET", PATH, params={"by": "name"})).status_code == 422
        for wrong in ("WzFd", "WyJ4IiwieSJd"):
            for by in ("email", "domain"):
                answer = await api.request("GET", PATH, params={"cursor": wrong, "by": by})
                assert answer.status_code == (
                    200 if (wrong, by) == ("WyJ4IiwieSJd", "email") else 422
                )

    async def test_comes_as_csv(self, api: Api) -> None:
        await make_leads(api, ("a", "K", "k@acme.example"), ("b", "K", "k@acme.example"))
        table = await api.request("GET", PATH, params={"format": "csv"})
        header, row = table.text.splitlines()
        assert header.startswith("reason,certainty,key,lead_count")
        assert "k@acme.example" in row

    async def test_each_sees_twins_among_what_it_sees(self, api: Api, other_api: Api) -> None:
        for name in ("ana", "ben"):
            await make_user(api, name)
        for name in ("ana", "ana", "ben"):
            await make_lead(api, email="kim@acme.example", owner_external_id=name)

        async def counts(client: Api) -> list[list[int]]:
            return [
                [len(group["leads"]) for group in await groups(client, by=by)]
                for by in ("email", "domain")
            ]

        assert await counts(await api.client_for("analyst")) == [[3], [3]]
        assert await counts(await api.client_for("sdr")) == [[3], [3]]
        assert await counts(await api.client_for("rep", "ana")) == [[2], [2]]
        assert await counts(await api.client_for("rep", "ben")) == [[], []]
        assert await counts(other_api) == [[], []]
