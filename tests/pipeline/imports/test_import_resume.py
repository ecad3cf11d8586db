"""Killed anywhere, an import goes on behind its last commit: nothing lost, nothing doubled."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.kit import clock
from services.pipeline.imports import repository, runner, service, tasks
from tests.pipeline.imports import warehouse
from tests.pipeline.imports.harness import Imports
from tests.pipeline.imports.test_import_history import CRM, SALESFORCE
from tests.pipeline.imports.test_import_leads import BOTH


class Killed(BaseException):
    """Stands for the process being gone."""


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "BATCH_ROWS", 2)


async def queued(imports: Imports, files: Any, mapping: str) -> UUID:
    response = await imports.send(files, mapping)
    assert response.status_code == 202, response.text
    return UUID(response.json()["id"])


async def run_killed(imports: Imports, import_id: UUID, commits: int, *, before: bool) -> bool:
    """Runs until so many commits were made and kills there, before or after the next one. False
    when the import ended first."""
    made = 0
    save = repository.save_position

    def count(position: dict[str, Any]) -> None:
        nonlocal made
        made += 1
        if not before and made > commits:
            raise Killed

    async def save_or_die(*args: Any, **options: Any) -> bool:
        if before and made >= commits:
            raise Killed
        return await save(*args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repository, "save_position", save_or_die)
        try:
            await service.run_one(
                imports.api.database(), imports.api.workspace_id, import_id, count
            )
        except Killed:
            return True
    return False


@pytest.mark.parametrize("before", [True, False], ids=["before-commit", "after-commit"])
@pytest.mark.parametrize(
    ("files", "mapping"),
    [
        (CRM, "maven"),
        (SALESFORCE, "salesforce"),
        (BOTH, "olist"),
        (warehouse.SALESFORCE, "fivetran-salesforce"),
        (warehouse.HUBSPOT, "fivetran-hubspot"),
    ],
    ids=["crm", "salesforce", "leads", "fivetran-salesforce", "fivetran-hubspot"],
)
async def test_killed_at_every_batch_it_ends_as_if_it_never_was(
    imports: Imports, other_imports: Imports, files: Any, mapping: str, before: bool
) -> None:
    import_id = await queued(imports, files, mapping)
    kills = 0
    # One more commit survives each time, so that every boundary is died at once.
    while await run_killed(imports, import_id, int(before and kills % 2), before=before):
        kills += 1
        assert kills < 200
    assert kills > 10
    report = await imports.report(str(import_id))
    expected = await other_imports.run(files, mapping)
    for name in ("status", "rows", "records", "history", "warnings", "errors_total"):
        assert report[name] == expected[name], name
    assert await imports.versions() == await other_imports.versions()
    assert await imports.lead_moves() == await other_imports.lead_moves()
    assert await imports.stated() == await other_imports.stated()
    compared = [await each.reconciliation(name) for each, name in
                ((imports, str(import_id)), (other_imports, expected["id"]))]  # fmt: skip
    assert compared[0] == compared[1]


async def test_another_worker_takes_over_when_the_first_falls_silent(
    imports: Imports, clock_at: Callable[..., AbstractContextManager[None]]
) -> None:
    import_id = await queued(imports, CRM, "maven")
    with pytest.MonkeyPatch.context() as patch:
        # A killed process gives nothing back.
        async def keep(*_: Any) -> None: ...

        patch.setattr(repository, "release", keep)
        assert await run_killed(imports, import_id, 3, before=False)
    database, workspace_id = imports.api.database(), imports.api.workspace_id
    assert not await service.run_one(database, workspace_id)
    with clock_at(clock.now() + runner.LEASE + timedelta(seconds=1)):
        assert await service.run_one(database, workspace_id)
    assert (await imports.report(str(import_id)))["rows"]["created"] == 12


async def test_who_lost_the_lease_stores_nothing_any_more(imports: Imports) -> None:
    import_id = await queued(imports, CRM, "maven")
    database, workspace_id = imports.api.database(), imports.api.workspace_id
    stolen = False

    async def steal() -> None:
        async with database.write(workspace_id) as session:
            await session.execute(
                "UPDATE pipeline.imports SET lease_token = $3, lease_until = $4"
                " WHERE workspace_id = $1 AND id = $2",
                workspace_id, import_id, import_id, clock.now() + timedelta(minutes=1),
            )  # fmt: skip

    save = repository.save_position

    async def stolen_at_the_fourth(*args: Any, **options: Any) -> bool:
        nonlocal stolen
        if options["position"]["phase"] == 2 and not stolen:
            stolen = True
            await steal()
        return await save(*args, **options)

    # The thief's update waits for no lock of ours: positions are written last in a transaction.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(repository, "save_position", stolen_at_the_fourth)
        await service.run_one(database, workspace_id, import_id)
    report = await imports.report(str(import_id))
    assert report["status"] == "running"
    assert "opportunities" not in report["records"]
    assert await imports.versions() == []


async def test_an_import_that_never_moves_is_given_up(
    imports: Imports, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_id = await queued(imports, CRM, "maven")

    async def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr(runner, "file_rows", broken)
    monkeypatch.setattr(runner.Runner, "_run_phase", broken)
    for _ in range(runner.ATTEMPTS_MAX):
        with pytest.raises(RuntimeError):
            await service.run_one(imports.api.database(), imports.api.workspace_id, import_id)
    assert await service.run_one(imports.api.database(), imports.api.workspace_id, import_id)
    report = await imports.report(str(import_id))
    assert report["status"] == "failed"
    assert "tries" in report["error"]


async def test_the_workers_call_runs_what_is_due(imports: Imports) -> None:
    import_id = await queued(imports, CRM, "maven")
    assert await tasks.run_due(imports.api.database()) >= 1
    assert (await imports.report(str(import_id)))["status"] == "succeeded"


async def test_nothing_of_the_files_is_kept_afterwards(imports: Imports) -> None:
    await imports.run(CRM, "maven")
    async with imports.api.database().read(imports.api.workspace_id) as session:
        for table in ("import_chunks", "import_rows"):
            count = await session.fetchval(
                f"SELECT count(*) FROM pipeline.{table} WHERE workspace_id = $1",
                imports.api.workspace_id,
            )
            assert count == 0
