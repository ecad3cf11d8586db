"""Importing activities: calls and mails of another system, with what they refer to."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest

from services.kit import clock
from tests.client import Api
from tests.pipeline import deals
from tests.pipeline.imports.harness import Imports

CSV = """external_id,kind,opportunity_external_id,account_external_id,user_external_id,subject,\
occurred_at,duration_minutes,outcome,contact_external_ids,details
c1,call,O1,,Ana,Qual call: seats,2026-06-01T10:00:00Z,20,connected,kim;lee,"{""interest"": 2}"
m1,email,,Acme,ben,Hello,2026-06-02 09:30:00,,bounced,,
p1,meeting,O1,,,Scoping,2026-07-01T10:00:00Z,30,,,
b1,call,none,,ana,,2026-06-01T10:00:00Z,,,,
b2,fax,O1,,ana,,2026-06-01T10:00:00Z,,,,
b3,call,O1,,nobody,,2026-06-01T10:00:00Z,,,,
b4,call,O1,,ana,,yesterday,,,,
b5,call,,,ana,,2026-06-01T10:00:00Z,,,,
c1,call,O1,,ana,Again,2026-06-01T10:00:00Z,,,,
"""


@pytest.fixture(autouse=True)
def _frozen() -> Iterator[None]:
    now = datetime.fromisoformat("2026-06-17T17:00:00Z")
    with clock.replaced(lambda: now):
        yield


async def test_activities_from_a_file(api: Api, imports: Imports) -> None:
    await deals.company(api)
    await deals.deal(api, "O1")
    for name in ("kim", "lee"):
        await api.call("PUT", f"/pipeline/v1/contacts/by-external-id/{name}", json={"name": name})
    report = await imports.run({"activities.csv": CSV})
    counted = report["records"]["activities"]
    assert (counted["created"], counted["failed"]) == (3, 6), report
    told = {(each["line"], each["field"], each["code"]) for each in await imports.errors(report)}
    assert told == {
        (5, "opportunity_external_id", "unknown_reference"),
        (6, "kind", "literal_error"),
        (7, "user_external_id", "unknown_reference"),
        (8, "occurred_at", "unreadable_date"),
        (9, "opportunity_external_id", "missing"),
        (10, "external_id", "duplicate_in_file"),
    }
    found = {
        each["external_id"]: each
        for each in (await api.call("GET", "/pipeline/v1/activities"))["items"]
    }
    assert set(found) == {"c1", "m1", "p1"}
    call = found["c1"]
    assert (call["user_external_id"], call["contact_external_ids"]) == ("ana", ["kim", "lee"])
    assert (call["details"]["interest"], call["is_qualification"]) == (2, True)
    # Without an offset the clock is the company's.
    assert found["m1"]["occurred_at"] == "2026-06-02T16:30:00.000000Z"
    assert (found["m1"]["account_external_id"], found["p1"]["state"]) == ("acme", "planned")
    again = await imports.run({"activities.csv": CSV + "\n"})
    counted = again["records"]["activities"]
    assert (counted["created"], counted["updated"], counted["unchanged"]) == (0, 0, 3), again


async def test_activities_among_other_records(api: Api, imports: Imports) -> None:
    await deals.company(api)
    lines = [
        (
            '{"record": "activity", "external_id": "a1", "kind": "note", "account_external_id": "acme",'
            ' "occurred_at": "2026-06-01T10:00:00Z", "body": "Met at the fair"}'
        ),
        '{"external_id": "O1", "name": "Deal", "owner_external_id": "ana"}',
        (
            '{"record": "activities", "external_id": "a2", "kind": "call",'
            ' "opportunity_external_id": "O1", "outcome": "connected"}'
        ),
    ]
    report = await imports.run("\n".join(lines), "generic-ndjson")
    assert report["records"]["activities"]["created"] == 2, report
    assert report["records"]["opportunities"]["created"] == 1
