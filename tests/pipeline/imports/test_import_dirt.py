"""Every kind of dirt: bad rows are reported with line, field and reason; good ones go in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.pipeline.imports.harness import Imports, warned

GOOD = "external_id,name,type,stage,owner_external_id,amount,close_date\n"


async def ana(imports: Imports) -> None:
    await imports.api.call("PUT", "/pipeline/v1/users/by-external-id/ana", json={"name": "Ana"})


def rows(*cells: str) -> str:
    return GOOD + "".join(f"{each}\n" for each in cells)


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        ("d1,D1,new_business,daydream,ana,5,2026-01-01", "stage", "unknown_stage"),
        ("d1,D1,nothing,discovery,ana,5,2026-01-01", "type", "literal_error"),
        ("d1,D1,new_business,discovery,nobody,5,2026-01-01", "owner_external_id",
         "unknown_user"),
        ("d1,D1,new_business,discovery,ana,five,2026-01-01", "amount", "unreadable_number"),
        ("d1,D1,new_business,discovery,ana,5.123,2026-01-01", "amount", "unreadable_amount"),
        ("d1,D1,new_business,discovery,ana,5,01/02/2026", "close_date", "unreadable_date"),
        ("d1,D1,new_business,discovery,ana,5,2026-02-30", "close_date", "unreadable_date"),
        (",D1,new_business,discovery,ana,5,2026-01-01", "external_id", "missing"),
        ("d1,,new_business,discovery,ana,5,2026-01-01", "name", "missing"),
        ("d1,D1,new_business,discovery", None, "wrong_column_count"),
        ("d1,D\x001,new_business,discovery,ana,5,2026-01-01", "name", "invalid_text"),
        ("d1,\"D1,new_business,discovery,ana,5,2026-01-01", None, "unterminated_quote"),
    ],
)  # fmt: skip
async def test_a_bad_row_stops_nobody(
    imports: Imports, row: str, field: str | None, code: str
) -> None:
    await ana(imports)
    good = "g{0},G{0},new_business,discovery,ana,5,2026-01-01"
    report = await imports.run(rows(good.format(1), row, good.format(2)), "generic-csv")
    assert report["status"] == "succeeded_with_errors"
    assert (report["rows"]["created"], report["rows"]["failed"]) == (2, 1)
    (error,) = await imports.errors(report)
    assert (error["line"], error["field"], error["code"]) == (3, field, code)
    assert error["message"]
    assert report["errors_total"] == 1


async def test_a_broken_line_in_the_middle_is_one_bad_row(imports: Imports) -> None:
    await ana(imports)
    good = b"g%d,G,new_business,discovery,ana,5,2026-01-01\n"
    body = GOOD.encode() + good % 1 + b"g2,\xff\xfe,new_business,discovery,ana,5,\n" + good % 3
    report = await imports.run(body, "generic-csv")
    (error,) = await imports.errors(report)
    assert (error["line"], error["code"]) == (3, "invalid_encoding")
    assert report["rows"]["created"] == 2


async def test_the_first_of_two_rows_of_one_id_applies(imports: Imports) -> None:
    await ana(imports)
    body = rows(
        "d1,First,new_business,discovery,ana,5,2026-01-01",
        "d1,Second,new_business,discovery,ana,6,2026-01-01",
    )
    report = await imports.run(body, "generic-csv")
    (error,) = await imports.errors(report)
    assert (error["line"], error["field"], error["code"]) == (3, "external_id", "duplicate_in_file")
    assert "line 2" in error["message"]
    assert (await imports.opportunity("d1"))["name"] == "First"


async def test_a_spreadsheet_in_german_dress(imports: Imports) -> None:
    await ana(imports)
    body = (
        "external_id;name;type;stage;owner_external_id;amount;close_date\r\n"
        'k1;"Müller; Söhne";new_business;discovery;ana;"1.234,50";2026-01-01\r\n'
        "k2;Groß;new_business;discovery;ana;12,5;2026-01-01\r\n"
    )
    report = await imports.run(body.encode("utf-8-sig"), "generic-csv")
    assert report["status"] == "succeeded", await imports.errors(report)
    assert (await imports.opportunity("k1"))["amount"] == "1234.50"
    assert (await imports.opportunity("k2"))["amount"] == "12.50"
    assert (await imports.opportunity("k1"))["name"] == "Müller; Söhne"


async def test_a_column_nothing_reads_is_reported_once(imports: Imports) -> None:
    await ana(imports)
    body = (
        "external_id,name,type,stage,owner_external_id,favourite_colour\n"
        "d1,D1,new_business,discovery,ana,red\nd2,D2,new_business,discovery,ana,blue\n"
    )
    report = await imports.run(body, "generic-csv")
    assert warned(report)["unknown_column"] == 1
    assert report["rows"]["created"] == 2


async def test_a_misspelt_field_in_ndjson_refuses_the_row(imports: Imports) -> None:
    await ana(imports)
    line = (
        '{"external_id": "d1", "name": "D", "type": "new_business", "stage": "discovery",'
        ' "owner_external_id": "ana", "amuont": "5.00"}'
    )
    report = await imports.run(line)
    (error,) = await imports.errors(report)
    assert (error["field"], error["code"]) == ("amuont", "unknown_field")


MAPPING = """
name: mine
format: {dates: [DD.MM.YYYY, MM/DD/YYYY, DD/MM/YYYY], empty: [n/a, "-"]}
files: {deals: {names: ["*"]}}
tables: {people: {Anna: ana}}
references: {users: {missing: default, default: nobody, default_name: Nobody}}
unknown_columns: ignore
steps:
  - record: opportunities
    file: deals
    skip: [{column: Deleted, is: [yes, true]}]
    fields:
      external_id: {column: Id, required: true}
      name: {template: "{Company}: {Deal}"}
      type: {value: new_business}
      stage: {column: Phase, unknown: error, map: {Talking: discovery, Done: closed_won}}
      owner_external_id: {column: Rep, map: people, default: nobody}
      amount: Value
      close_date: Close
""".replace("[yes, true]", '["yes", "true"]')
DEALS = """Id;Company;Deal;Phase;Rep;Value;Close;Deleted
1;Acme;One;Talking;Anna;1.000,00 €;31.01.2026;no
2;Acme;Two;Done;ana;$ 2,000.00;02/28/2026;no
3;;Three;Talking;Zoe;n/a;-;no
4;Acme;Four;Dreaming;ana;5;31.01.2026;no
5;Acme;Five;Done;ana;5;31.01.2026;yes
6;Acme;Six;Done;ana;5 EUR 6;31.01.2026;no
7;Acme;Seven;Done;ana;5;03/04/2026;no
"""


async def test_a_mapping_of_ones_own_reads_mixed_dates_and_currencies(imports: Imports) -> None:
    await ana(imports)
    response = await imports.api.request(
        "POST",
        "/pipeline/v1/imports",
        data={"mapping": MAPPING},
        files=[("deals", ("export.csv", DEALS.encode()))],
    )
    assert response.status_code == 202, response.text
    await imports.work()
    report = await imports.report(response.json()["id"])
    one, two, three = [await imports.opportunity(key) for key in ("1", "2", "3")]
    assert (one["amount"], one["currency"], one["close_date"]) == ("1000.00", "EUR", "2026-01-31")
    assert (two["amount"], two["currency"], two["close_date"]) == ("2000.00", "USD", "2026-02-28")
    assert (three["amount"], three["close_date"], three["name"]) == (None, None, "Three")
    assert three["owner_external_id"] == "nobody"
    assert one["owner_external_id"] == "ana"
    assert report["rows"] == {
        "created": 4, "updated": 0, "unchanged": 0, "skipped": 1, "failed": 2,
    }  # fmt: skip
    found = {(error["line"], error["code"]) for error in await imports.errors(report)}
    assert found == {(5, "unknown_value"), (7, "unreadable_number")}
    assert warned(report)["ambiguous_date"] == 1
    assert warned(report)["unknown_user"] == 1


async def test_the_database_itself_refusing_a_row_stops_nobody(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncpg

    from services.pipeline.imports import records

    await ana(imports)
    original = records.store

    async def picky(session: Any, author: Any, record: str, payloads: Any) -> Any:
        if any(payload["external_id"] == "g3" for payload in payloads):
            raise asyncpg.NumericValueOutOfRangeError("no room for it")
        return await original(session, author, record, payloads)

    monkeypatch.setattr(records, "store", picky)
    body = rows(*(f"g{n},G,new_business,discovery,ana,5,2026-01-01" for n in range(6)))
    report = await imports.run(body, "generic-csv")
    (error,) = await imports.errors(report)
    assert (error["line"], error["code"]) == (5, "refused_by_database")
    assert report["rows"]["created"] == 5


async def test_errors_come_in_pages_and_as_csv(imports: Imports) -> None:
    await ana(imports)
    body = rows(*(f"b{n},B,new_business,daydream,ana,5,2026-01-01" for n in range(5)))
    report = await imports.run(body, "generic-csv")
    path = f"/pipeline/v1/imports/{report['id']}/errors"
    first = await imports.api.call("GET", path, params={"limit": 3})
    rest = await imports.api.call("GET", path, params={"limit": 3, "cursor": first["next_cursor"]})
    assert [error["line"] for error in first["items"] + rest["items"]] == [2, 3, 4, 5, 6]
    assert rest["next_cursor"] is None
    response = await imports.api.request("GET", path, headers={"Accept": "text/csv"})
    assert response.text.splitlines()[0] == "file,line,record,field,code,message,severity"
    assert len(response.text.splitlines()) == 6


async def test_records_of_every_kind_come_by_their_files(imports: Imports) -> None:
    files = {
        "users.csv": "external_id,name,role,manager_external_id\nbo,Bo,rep,al\nal,Al,manager,\n",
        "accounts.csv": 'external_id,name,employees,owner_external_id\nacme,Acme,"1,200",bo\n',
        "contacts.csv": "external_id,name,account_external_id,champion\nc1,Cy,acme,yes\n",
        "subscriptions.csv": (
            "external_id,account_external_id,start_date,end_date,arr\n"
            "s1,acme,2025-01-01,2025-12-31,1200.00\n"
        ),
        "deals.csv": (
            "external_id,name,type,stage,owner_external_id,account_external_id,"
            "contact_external_ids,splits\n"
            'o1,O1,renewal,proposal,bo,acme,c1,"[{""owner_external_id"": ""bo"",'
            ' ""percent"": ""100""}]"\n'
        ),
    }
    report = await imports.run(files, "generic-csv")
    assert report["status"] == "succeeded", await imports.errors(report)
    assert {name: counts["created"] for name, counts in report["records"].items()} == {
        "users": 2, "accounts": 1, "contacts": 1, "subscriptions": 1, "opportunities": 1,
    }  # fmt: skip
    found = await imports.opportunity("o1")
    assert found["contact_external_ids"] == ["c1"]
    assert found["segment"] == "mid_market"
    again = await imports.run(files, "generic-csv")
    assert again["rows"]["unchanged"] == 6
