"""Runs one import: step by step, in batches, each batch one transaction together with the position
it brings the import to. Killed anywhere, the next runner goes on behind the last commit.

What a row means is in `rows`; how a batch is stored, in `batches`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg

from services.kit import clock
from services.kit.db import Database, WriteSession, is_transient
from services.kit.errors import ServiceError
from services.kit.logging import get_logger
from services.pipeline.imports import repository
from services.pipeline.imports.batches import Batcher
from services.pipeline.imports.errors import LeaseLostError
from services.pipeline.imports.mapping import Mapping, parse_mapping
from services.pipeline.imports.pending import DeferredRow
from services.pipeline.imports.reconciliation import repository as reconciling
from services.pipeline.imports.records import RECORDS, Author
from services.pipeline.imports.report import Report
from services.pipeline.imports.rows import StepReader
from services.pipeline.imports.shape import check_header
from services.pipeline.imports.source import FileRow, StoredFile, file_rows
from services.pipeline.imports.values import Surroundings

log = get_logger(__name__)

BATCH_ROWS: Final = 500
LEASE: Final = timedelta(seconds=10)
ATTEMPTS_MAX: Final = 5
_TRIES: Final = 3
_ROUNDS_MAX: Final = 50

PhaseKind = Literal["lookup", "places", "literal", "history", "rows", "orphans", "deferred"]


@dataclass(frozen=True, slots=True)
class Phase:
    """One pass over a file, or over what an earlier pass kept aside. `part` is the history file of
    the step, `name` the look-up."""

    kind: PhaseKind
    step: int = 0
    part: int = 0
    name: str = ""


def plan(mapping: Mapping, roles: set[str]) -> list[Phase]:
    """The passes an import of files with these roles takes."""
    phases = []
    for name, lookup in mapping.lookups.items():
        if lookup.file in roles:
            phases.append(Phase("lookup", name=name))
            phases += [Phase("places", name=name)] if lookup.place is not None else []
    for index, step in enumerate(mapping.steps):
        if step.file is None:
            phases.append(Phase("literal", index))
            continue
        if step.file not in roles:
            continue
        told = [part for part, events in enumerate(step.events) if events.file in roles]
        phases += [Phase("history", index, part) for part in told]
        phases.append(Phase("rows", index))
        if told:
            phases.append(Phase("orphans", index))
        if RECORDS[step.record].parent is not None:
            phases.append(Phase("deferred", index))
    return phases


def _beginning(phase: int) -> dict[str, Any]:
    """The position before a phase."""
    return {"phase": phase, "rows": 0, "round": 0, "counted": None, "waiting": None}


class Runner:
    """Holds the lease of one import until it is through."""

    def __init__(
        self,
        database: Database,
        workspace_id: UUID,
        claimed: asyncpg.Record,
        token: UUID,
        company_zone: ZoneInfo,
        *,
        on_progress: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._database = database
        self._workspace_id = workspace_id
        self._id: UUID = claimed["id"]
        self._token = token
        self._zone = company_zone
        self._on_progress = on_progress
        self._mapping = parse_mapping(claimed["mapping"])
        self._files = [StoredFile.of(content) for content in claimed["files"]]
        self._report = Report(claimed["counts"], claimed["warnings"], claimed["errors_total"])
        self._position: dict[str, Any] = dict(claimed["position"]) or {
            "rows_done": 0, **_beginning(0),
        }  # fmt: skip
        author = Author(claimed["actor"], frozenset(claimed["actor_roles"]))
        self._batcher = Batcher(self._mapping, self._id, author, self._files)
        self._phases = plan(self._mapping, {file.role for file in self._files})

    async def run(self) -> None:
        """To the end. A refusal of the whole import is its result; other faults are raised with
        the lease given back, for another try."""
        try:
            for number in range(self._position["phase"], len(self._phases)):
                await self._run_phase(self._phases[number])
                await self._commit(self._no_work, _beginning(number + 1))
        except LeaseLostError:
            log.warning("import_lease_lost", import_id=str(self._id))
            return
        except ServiceError as refusal:
            await self._finish(repository.FAILED, refusal.detail)
            return
        has_errors = self._report.failed > 0
        await self._finish(
            repository.SUCCEEDED_WITH_ERRORS if has_errors else repository.SUCCEEDED, None
        )

    async def _finish(self, status: str, error: str | None) -> None:
        async with self._database.write(self._workspace_id) as session:
            await repository.finish(session, self._id, self._token, status, error, clock.now())
            await reconciling.forget_old(session)

    async def _run_phase(self, phase: Phase) -> None:
        if phase.kind == "deferred":
            await self._run_deferred(phase)
            return
        if phase.kind == "orphans":
            await self._report_orphans(phase)
            return
        if phase.kind == "places":
            if not self._position["rows"]:
                await self._commit(partial(self._settle_places, phase.name), {"rows": 1})
            return
        async for batch in self._batches(phase):
            await self._run_batch(phase, batch)

    async def _batches(self, phase: Phase) -> AsyncIterator[list[FileRow]]:
        """Rows not done yet, so many at a time."""
        done = self._position["rows"]
        batch: list[FileRow] = []
        async for row in self._rows(phase):
            if done > 0:
                done -= 1
                continue
            batch.append(row)
            if len(batch) >= BATCH_ROWS:
                yield batch
                batch = []
        if batch:
            yield batch

    async def _rows(self, phase: Phase) -> AsyncIterator[FileRow]:
        step = self._mapping.steps[phase.step]
        if phase.kind == "literal":
            for literal in self._batcher.literal_rows(step):
                yield literal
            return
        role = step.file
        if phase.kind == "history":
            role = step.events[phase.part].file
        elif phase.kind == "lookup":
            role = self._batcher.joiner.role(phase.name)
        files = [file for file in self._files if file.role == role]
        async for row in file_rows(
            self._database, self._workspace_id, self._id, files, self._mapping.format
        ):
            yield row

    async def _run_batch(self, phase: Phase, batch: list[FileRow]) -> None:
        """Stores the batch; where the database itself refuses it, its halves, down to the one row
        that is to blame."""
        advance: dict[str, Any] = {"rows": self._position["rows"] + len(batch)}
        checked = set(self._position.get("checked", ()))
        new = [row for row in batch if row.is_first and row.file.number not in checked]
        if new:
            advance["checked"] = sorted(checked | {row.file.number for row in new})
        if phase.kind == "rows":
            advance["rows_done"] = self._position["rows_done"] + len(batch)

        async def work(session: WriteSession, report: Report) -> None:
            for row in new:
                check_header(self._mapping, row, report)
            if phase.kind == "lookup":
                await self._batcher.joiner.keep(session, phase.name, batch, report)
                return
            readers = self._readers(phase, batch)
            if phase.kind == "history":
                await self._batcher.keep_history(
                    session, phase.step, phase.part, batch, readers, report
                )
            else:
                await self._batcher.store(session, phase.step, batch, readers, report)

        try:
            await self._commit(work, advance)
        except asyncpg.PostgresError as error:
            if is_transient(error):
                raise
            if len(batch) == 1:
                readers = self._readers(phase, batch)
                await self._commit(self._refusal_of(phase, batch[0], error, readers), advance)
                return
            log.warning("import_batch_split", import_id=str(self._id), error=str(error))
            middle = len(batch) // 2
            await self._run_batch(phase, batch[:middle])
            await self._run_batch(phase, batch[middle:])

    def _readers(self, phase: Phase, batch: list[FileRow]) -> dict[int, StepReader]:
        """By file number; compiled once a file and remembered by the header object."""
        readers = {}
        for row in batch:
            number = row.file.number
            if number not in readers:
                around = Surroundings(self._mapping, row.header, self._zone)
                readers[row.file.number] = self._batcher.reader(phase.step, number, around)
        return readers

    def _refusal_of(
        self,
        phase: Phase,
        row: FileRow,
        error: asyncpg.PostgresError,
        readers: dict[int, StepReader],
    ) -> Callable[[WriteSession, Report], Awaitable[None]]:
        record = self._mapping.steps[phase.step].record
        line = row.row.line

        async def work(session: WriteSession, report: Report) -> None:
            code = "refused_by_database"
            report.count(record, "failed")
            report.error(row.file.name, line, record, None, code, str(error))
            if phase.kind == "rows":
                await self._batcher.compare_refused(session, phase.step, row, readers, code)

        return work

    async def _settle_places(self, name: str, session: WriteSession, report: Report) -> None:
        await self._batcher.joiner.settle_places(session, name)

    async def _no_work(self, session: WriteSession, report: Report) -> None:
        """Only the position moves."""

    async def _commit(
        self,
        work: Callable[[WriteSession, Report], Awaitable[None]],
        advance: dict[str, Any],
    ) -> None:
        """The work, its report and the new position in one transaction; tried again where the
        database was merely busy."""
        for attempt in range(1, _TRIES + 1):
            report = self._report.copy()
            position = self._position | advance
            try:
                async with self._database.write(self._workspace_id) as session:
                    await work(session, report)
                    await repository.add_errors(session, self._id, report.entries)
                    if not await repository.save_position(
                        session, self._id, self._token,
                        position=position, counts=report.counts, warnings=report.warnings,
                        errors_total=report.errors_total, until=clock.now() + LEASE,
                    ):  # fmt: skip
                        raise LeaseLostError(self._id)
            except asyncpg.PostgresError as error:
                self._batcher.forget()
                if not is_transient(error) or attempt == _TRIES:
                    raise
                continue
            report.entries.clear()
            self._report, self._position = report, position
            await session.run_after_commit()
            if self._on_progress is not None:
                self._on_progress({**position, "phases": len(self._phases)})
            return

    async def _run_deferred(self, phase: Phase) -> None:
        """Records whose parent came later in the file. Rounds go on while any of them gets in; in
        the last one they go in without the parent."""
        for round_ in range(self._position.get("round", 0), _ROUNDS_MAX):
            async with self._database.read(self._workspace_id) as session:
                waiting = await repository.count_rows(
                    session, self._id, self._batcher.deferred_slot(phase.step, round_)
                )
            if waiting == 0:
                return
            if self._position.get("counted") != round_:
                await self._commit(
                    self._no_work,
                    {"round": round_, "counted": round_, "waiting": waiting,
                     "before": self._position.get("waiting")},
                )  # fmt: skip
            stuck = self._position["waiting"] == self._position["before"]
            is_last = stuck or round_ == _ROUNDS_MAX - 1

            work = partial(self._retry, phase.step, round_, is_last=is_last)
            for _ in range(0, waiting, BATCH_ROWS):
                await self._commit(work, {})
            await self._commit(self._no_work, {"round": round_ + 1})

    async def _retry(
        self, step: int, round_: int, session: WriteSession, report: Report, *, is_last: bool
    ) -> None:
        slot = self._batcher.deferred_slot(step, round_)
        rows = await repository.next_rows(session, self._id, slot, BATCH_ROWS)
        waiting = [DeferredRow.of(row) for row in rows]
        await self._batcher.retry(session, step, waiting, round_, report, is_last=is_last)

    async def _report_orphans(self, phase: Phase) -> None:
        history = self._batcher.history

        async def work(session: WriteSession, report: Report) -> None:
            await history.report_orphans(session, phase.step, report, BATCH_ROWS)

        async with self._database.read(self._workspace_id) as session:
            waiting = await history.count(session, phase.step)
        for _ in range(0, waiting, BATCH_ROWS):
            await self._commit(work, {})
