"""The upload: streamed in bounded memory, whole or not at all, for those who may."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager
from datetime import timedelta

import pytest

from services.kit import clock
from services.kit.settings import get_settings
from services.pipeline.imports import tasks
from services.pipeline.imports.mapping import Format
from services.pipeline.imports.source import StoredFile, file_rows
from services.pipeline.imports.upload import CHUNK_BYTES, SILENCE
from tests.client import Api
from tests.pipeline.imports.harness import Imports

PATH = "/pipeline/v1/imports"
CUT_OFF = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\r\n1,2'
USER = '{"record": "user", "external_id": "u%d", "name": "U"}\n'


async def test_the_answer_names_where_to_look(imports: Imports) -> None:
    response = await imports.send(USER % 1)
    assert response.status_code == 202
    body = response.json()
    assert response.headers["location"] == f"{PATH}/{body['id']}"
    assert (body["status"], body["mapping"]) == ("queued", "generic-ndjson")
    await imports.work()
    shown = await imports.api.call("GET", response.headers["location"])
    assert shown["status"] == "succeeded"
    listed = await imports.api.call("GET", PATH)
    assert [item["id"] for item in listed["items"]] == [body["id"]]


@pytest.mark.parametrize("role", ["sales_ops", "analyst"])
async def test_only_recorders_may_import(imports: Imports, role: str) -> None:
    other = await imports.api.client_for(role)
    async with other:
        response = await other.request("POST", PATH, content=USER % 1)
        assert response.status_code == 403
        assert (await other.request("GET", PATH)).status_code == 200


async def test_another_workspaces_import_is_not_there(imports: Imports, other_api: Api) -> None:
    report = await imports.run(USER % 1)
    for path in (f"{PATH}/{report['id']}", f"{PATH}/{report['id']}/errors"):
        response = await other_api.request("GET", path)
        assert (response.status_code, response.json()["code"]) == (404, "import_not_found")


@pytest.mark.parametrize(
    ("query", "content", "code"),
    [
        ({"mapping": "hubspto"}, USER % 1, "mapping_unknown"),
        ({"mapping": "salesforce"}, "a,b\n1,2\n", "import_files_wrong"),
        ({"mapping": "salesforce", "file_name": "Account.csv"}, "Id,Name\n1,2\n",
         "import_files_wrong"),
        ({}, "", "import_files_wrong"),
        ({"maping": "salesforce"}, USER % 1, "invalid_payload"),
    ],
)  # fmt: skip
async def test_a_wrong_upload_leaves_nothing_behind(
    imports: Imports, query: dict[str, str], content: str, code: str
) -> None:
    response = await imports.api.request("POST", PATH, params=query, content=content)
    assert (response.status_code, response.json()["code"]) == (422, code)
    await nothing_is_left(imports)


async def nothing_is_left(imports: Imports) -> None:
    async with imports.api.database().read(imports.api.workspace_id) as session:
        for table in ("imports", "import_chunks"):
            count = await session.fetchval(
                f"SELECT count(*) FROM pipeline.{table} WHERE workspace_id = $1",
                imports.api.workspace_id,
            )
            assert count == 0, table


async def test_a_mapping_that_is_wrong_is_refused_with_its_places(imports: Imports) -> None:
    response = await imports.api.request(
        "POST",
        PATH,
        data={"mapping": "name: mine\nfiles: {}\nsteps: []\n"},
        files=[("file", ("a.csv", b"a,b\n1,2\n"))],
    )
    assert response.status_code == 422
    body = response.json()
    assert body["code"] == "mapping_invalid"
    assert body["errors"][0]["pointer"] == "/mapping/steps"
    await nothing_is_left(imports)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("multipart/form-data; boundary=x", CUT_OFF),
        ("multipart/form-data; boundary=x", b"nonsense"),
        ("multipart/form-data", b"--x--"),
    ],
)  # fmt: skip
async def test_a_body_that_breaks_off_is_no_import(
    imports: Imports, content_type: str, body: bytes
) -> None:
    response = await imports.api.request(
        "POST", PATH, content=body, headers={"Content-Type": content_type}
    )
    assert (response.status_code, response.json()["code"]) == (400, "upload_incomplete")
    await nothing_is_left(imports)


async def test_an_upload_whose_process_died_is_removed(
    imports: Imports, clock_at: Callable[..., AbstractContextManager[None]]
) -> None:
    database, workspace_id = imports.api.database(), imports.api.workspace_id
    async with database.write(workspace_id) as session:
        from services.kit.ids import new_id
        from services.pipeline.imports import repository

        now = clock.now()
        import_id = new_id()
        await repository.insert_upload(
            session, import_id, actor="key:x", roles=["admin"], now=now, until=now + SILENCE
        )
        await repository.insert_chunk(session, import_id, 0, 0, b"a,b\n", now + SILENCE)
    await tasks.run_due(database)
    async with database.write(workspace_id) as session:
        assert await repository.abandoned_uploads(session, now) == []
        assert await repository.read_chunk(session, import_id, 0, 0) == b"a,b\n"
    with clock_at(clock.now() + SILENCE + timedelta(seconds=1)):
        await tasks.run_due(database)
    await nothing_is_left(imports)


async def test_a_retry_with_the_same_key_is_one_import(imports: Imports) -> None:
    headers = {"Idempotency-Key": "once"}
    first = await imports.api.request("POST", PATH, content=USER % 1, headers=headers)
    second = await imports.api.request("POST", PATH, content=USER % 1, headers=headers)
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["id"] == second.json()["id"]
    assert second.headers["idempotent-replayed"] == "true"


async def lines(number: int, line: bytes) -> AsyncIterator[bytes]:
    piece = line * 512
    for _ in range(number // 512):
        yield piece


async def test_more_than_the_limit_is_too_large(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 2 * CHUNK_BYTES
    monkeypatch.setenv("LEADLINE_IMPORT_BYTES_MAX", str(limit))
    get_settings.cache_clear()
    try:
        body = lines(limit, b"0123456789abcdef")
        response = await imports.api.request("POST", PATH, content=body)
    finally:
        monkeypatch.undo()
        get_settings.cache_clear()
    assert (response.status_code, response.json()["code"]) == (413, "body_too_large")
    await nothing_is_left(imports)


async def test_a_large_file_costs_the_memory_of_a_small_one(imports: Imports) -> None:
    line = b"u1,Some name that is long enough to be a line of a real file,rep,net,true\n"
    number = 16 * 1024**2 // len(line) // 512 * 512
    header = b"external_id,name,role,plan_type,active\n"

    async def body() -> AsyncIterator[bytes]:
        yield header
        async for piece in lines(number, line):
            yield piece

    tracemalloc.start()
    response = await imports.api.request(
        "POST", PATH, content=body(), params={"mapping": "generic-csv", "file_name": "users.csv"}
    )
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert response.status_code == 202, response.text
    content = response.json()
    (file,) = content["files"]
    assert file["bytes"] == len(header) + number * len(line)
    assert peak < 4 * 1024**2

    chunks = -(-file["bytes"] // CHUNK_BYTES)
    stored = StoredFile(0, "users.csv", "users", file["bytes"], chunks)
    from uuid import UUID

    count = 0
    tracemalloc.start()
    async for _ in file_rows(
        imports.api.database(), imports.api.workspace_id, UUID(content["id"]), [stored], Format()
    ):
        count += 1
        if count == number // 4:
            break
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == number // 4
    assert peak < 8 * 1024**2


async def test_the_shipped_mappings_are_listed(imports: Imports) -> None:
    answer = await imports.api.call("GET", f"{PATH}/mappings")
    names = {item["name"]: item for item in answer["items"]}
    assert names["salesforce"]["files"]["opportunities"] is True
