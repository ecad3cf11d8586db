"""Stores one batch of rows through the services of the records, and writes down what became of
each: repeats, names, versions in waves, refusals. Runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Self
from uuid import UUID

import asyncpg

from services.kit.batch import Outcome, Stored
from services.kit.db import WriteSession
from services.kit.errors import FieldProblem, ServiceError
from services.pipeline.imports import lookups, records, repository, told
from services.pipeline.imports.mapping import Mapping, Step
from services.pipeline.imports.parsing import BadRow, Header, Row
from services.pipeline.imports.records import RECORDS, Author
from services.pipeline.imports.references import Resolver
from services.pipeline.imports.report import HISTORY, Report
from services.pipeline.imports.rows import Reading, StepReader
from services.pipeline.imports.shape import known_columns
from services.pipeline.imports.source import FileRow, StoredFile
from services.pipeline.imports.values import Surroundings

# Rows kept aside are told apart by a number made of the step and what they wait for.
_HISTORY_SLOT: Final = 1_000
_DEFERRED_SLOT: Final = 10_000
_ROUNDS: Final = 100

_LITERAL = StoredFile(-1, "(mapping)", "", 0, 0)


@dataclass(slots=True)
class _Record:
    """One row on its way: the versions still to be stored and what became of those that were."""

    file: str
    reading: Reading
    pending: list[dict[str, Any]] = field(default_factory=list)
    is_created: bool = False
    versions: int = 0
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class DeferredRow:
    """A record that waits for its parent, as it was kept."""

    key: str
    file: str
    line: int
    payload: dict[str, Any]

    @classmethod
    def of(cls, row: asyncpg.Record) -> Self:
        body = row["body"]
        return cls(row["key"], body["file"], row["line"], body["payload"])


class Batcher:
    """Of one import; holds what is worth remembering from batch to batch."""

    def __init__(self, mapping: Mapping, import_id: UUID, author: Author) -> None:
        self._mapping = mapping
        self._id = import_id
        self._author = author
        self._resolver = Resolver(mapping.references, author)
        self._readers: dict[tuple[int, int], StepReader] = {}
        self._known = {role: known_columns(mapping, role) for role in mapping.files}

    def forget(self) -> None:
        """After a transaction that did not last."""
        self._resolver.forget()

    def reader(self, step: int, file: int, around: Surroundings) -> StepReader:
        """Compiled once for a step and a file."""
        known = self._readers.get((step, file))
        if known is None:
            known = StepReader(self._mapping.steps[step], around)
            self._readers[(step, file)] = known
        return known

    @staticmethod
    def literal_rows(step: Step) -> Iterator[FileRow]:
        """The rows a mapping states itself."""
        header = Header()
        for number, values in enumerate(step.rows, start=1):
            yield FileRow(_LITERAL, header, Row(number, dict(values)), False)

    @staticmethod
    def history_slot(step: int) -> int:
        return _HISTORY_SLOT + step

    @staticmethod
    def deferred_slot(step: int, round_: int) -> int:
        return _DEFERRED_SLOT + step * _ROUNDS + round_

    async def report_orphans(
        self, session: WriteSession, step: int, file_name: str, report: Report, limit: int
    ) -> None:
        """History whose record is in no row of the files, so many at a time."""
        slot = self.history_slot(step)
        rows = await repository.next_rows(session, self._id, slot, limit)
        for row in rows:
            sentence = f"tells of {row['key'][:80]!r}, which no row of the records' file is about"
            report.warn(file_name, row["line"], HISTORY, None, "history_without_record", sentence)
        await repository.remove_lines(session, self._id, slot, rows)

    async def keep_history(
        self,
        session: WriteSession,
        step: int,
        batch: Sequence[FileRow],
        readers: dict[int, StepReader],
        report: Report,
    ) -> None:
        """Rows of the history file, kept by the record they belong to until its own row comes."""
        kept: list[tuple[str, int, dict[str, Any] | None]] = []
        for row in batch:
            if isinstance(row.row, BadRow):
                report.bad_row(row.file.name, HISTORY, row.row)
                continue
            events = readers[row.file.number].events
            assert events is not None
            reading = events.read(row.row)
            if reading.skipped:
                report.count(HISTORY, "skipped")
            elif reading.problems:
                report.problems(row.file.name, reading.line, HISTORY, reading.problems)
            else:
                report.count(HISTORY, "read")
                kept.append((reading.key, reading.line, reading.versions[0]))
        await repository.add_rows(session, self._id, self.history_slot(step), kept)

    async def store(
        self,
        session: WriteSession,
        step: int,
        batch: Sequence[FileRow],
        readers: dict[int, StepReader],
        report: Report,
    ) -> None:
        """Rows of records; every one of them is counted as exactly one outcome."""
        spec = self._mapping.steps[step]
        events = await self._events(session, step, batch, readers)
        found = [
            record
            for row in batch
            if (record := self._read(spec, row, readers, events, report)) is not None
        ]
        found = await self._without_repeats(session, step, spec, found, report)
        if spec.existing == "skip":
            found = await self._without_known(session, spec, found, report)
        notes = await self._resolver.resolve(
            session, spec.record, [record.reading.versions for record in found]
        )
        for record, told_ in zip(found, notes, strict=True):
            record.reading.notes += told_
            record.pending = list(record.reading.versions)
        settle = RECORDS[spec.record].settle
        if settle is not None:
            rows = [(record.reading.key, record.pending) for record in found]
            settled = await settle(session, rows, spec.repeats == "versions")
            for record, odd in zip(found, settled, strict=True):
                record.reading.notes += odd
        await self._store_waves(session, step, spec, found, report)

    def _read(
        self,
        spec: Step,
        row: FileRow,
        readers: dict[int, StepReader],
        events: dict[str, list[dict[str, Any]]],
        report: Report,
    ) -> _Record | None:
        if isinstance(row.row, BadRow):
            report.bad_row(row.file.name, spec.record, row.row)
            return None
        if spec.file is None:
            values = dict(row.row.values)
            reading = Reading(row.row.line, str(values.get("external_id")), [values])
            return _Record(row.file.name, reading)
        reader = readers[row.file.number]
        if not reader.is_wanted(row.row.values):
            return None
        reading = reader.read(row.row, events.get(reader.key_of(row.row), ()) if events else ())
        self._check_keys(row, reading, report)
        if reading.skipped:
            report.count(spec.record, "skipped")
            return None
        if reading.problems:
            report.problems(row.file.name, reading.line, spec.record, reading.problems)
            return None
        return _Record(row.file.name, reading)

    def _check_keys(self, row: FileRow, reading: Reading, report: Report) -> None:
        """Names in an NDJSON object that nothing reads; a CSV file's were checked by its header."""
        if row.header.columns or isinstance(row.row, BadRow):
            return
        policy = self._mapping.unknown_columns
        for name in row.row.values.keys() - self._known[row.file.role]:
            sentence = f"{name[:80]!r} is not a field of this record; check the spelling"
            if policy == "reject":
                reading.problems.append(FieldProblem(f"/{name}", "unknown_field", sentence))
            elif policy == "report":
                reading.notes.append(("unknown_column", name, sentence))

    async def _events(
        self,
        session: WriteSession,
        step: int,
        batch: Sequence[FileRow],
        readers: dict[int, StepReader],
    ) -> dict[str, list[dict[str, Any]]]:
        """Kept history of the batch's records, in order of time."""
        keys = {
            reader.key_of(row.row)
            for row in batch
            if isinstance(row.row, Row)
            and (reader := readers.get(row.file.number)) is not None
            and reader.events is not None
        }
        if not keys:
            return {}
        rows = await repository.rows_of(session, self._id, self.history_slot(step), keys)
        found: dict[str, list[dict[str, Any]]] = {}
        for row in rows:
            found.setdefault(row["key"], []).append(row["body"])
        for versions in found.values():
            # A stable sort: versions of one instant stay in the order of the file.
            versions.sort(key=lambda version: str(version["occurred_at"]))
        await repository.remove_rows(session, self._id, self.history_slot(step), found)
        return found

    async def _without_repeats(
        self,
        session: WriteSession,
        step: int,
        spec: Step,
        found: list[_Record],
        report: Report,
    ) -> list[_Record]:
        """The first row of a key applies, in the whole import; later ones are reported, unless
        the step says that they are expected."""
        keys = [_identity(spec, record.reading) for record in found]
        earlier = {
            row["key"]: row["line"]
            for row in await repository.rows_of(session, self._id, step, set(keys))
        }
        kept: list[_Record] = []
        for key, record in zip(keys, found, strict=True):
            first = earlier.setdefault(key, record.reading.line)
            if first == record.reading.line:
                kept.append(record)
            elif spec.repeats == "first":
                report.count(spec.record, "skipped")
            else:
                report.count(spec.record, "failed")
                report.error(
                    record.file, record.reading.line, spec.record, "external_id",
                    "duplicate_in_file",
                    f"{record.reading.key[:100]!r} was on line {first} already; the first applies",
                )  # fmt: skip
        await repository.add_rows(
            session,
            self._id,
            step,
            [(_identity(spec, record.reading), record.reading.line, None) for record in kept],
        )
        return kept

    async def _without_known(
        self, session: WriteSession, spec: Step, found: list[_Record], report: Report
    ) -> list[_Record]:
        """Records that are there stay as they are."""
        keys = [record.reading.key for record in found]
        table = RECORDS[spec.record].table
        known = await lookups.names_found(session, table, keys, by_name=False)
        report.count(spec.record, "unchanged", sum(key in known for key in keys))
        return [record for record in found if record.reading.key not in known]

    async def _store_waves(
        self,
        session: WriteSession,
        step: int,
        spec: Step,
        found: list[_Record],
        report: Report,
    ) -> None:
        """First versions together, then second ones: one statement a wave instead of one a
        record. A record that is refused takes its later versions with it."""
        waiting = found
        while waiting:
            wave: list[_Record] = []
            keys: set[str] = set()
            for record in waiting:
                if record.pending and record.reading.key not in keys:
                    keys.add(record.reading.key)
                    wave.append(record)
            outcomes = await records.store(
                session, self._author, spec.record, [record.pending[0] for record in wave]
            ) if wave else []  # fmt: skip
            for record, outcome in zip(wave, outcomes, strict=True):
                await self._settle(session, step, spec, record, outcome, report)
            for record in waiting:
                if not record.pending and not record.is_done:
                    _count(spec.record, record, report)
            waiting = [record for record in waiting if not record.is_done]

    async def _settle(
        self,
        session: WriteSession,
        step: int,
        spec: Step,
        record: _Record,
        outcome: Outcome,
        report: Report,
    ) -> None:
        payload = record.pending.pop(0)
        if isinstance(outcome, Stored):
            record.is_created = record.is_created or outcome.created
            record.versions += outcome.changed
            return
        record.is_done = True
        if _waits_for_parent(spec.record, outcome):
            body = {"file": record.file, "payload": payload}
            slot = self.deferred_slot(step, 0)
            row = (record.reading.key, record.reading.line, body)
            await repository.add_rows(session, self._id, slot, [row])
            return
        report.refusal(record.file, record.reading.line, spec.record, outcome)

    async def retry(
        self,
        session: WriteSession,
        step: int,
        waiting: Sequence[DeferredRow],
        round_: int,
        report: Report,
        *,
        is_last: bool,
    ) -> None:
        """Once more, now that others are in. In the last round the parent is given up."""
        record = self._mapping.steps[step].record
        parent = RECORDS[record].parent
        assert parent is not None
        payloads = [dict(row.payload) for row in waiting]
        if is_last:
            for row, payload in zip(waiting, payloads, strict=True):
                name = payload.pop(parent)
                sentence = f"there is no {record.removesuffix('s')} {name!r}; it was left out"
                report.warn(row.file, row.line, record, parent, "unknown_parent", sentence)
        outcomes = await records.store(session, self._author, record, payloads)
        again: list[tuple[str, int, dict[str, Any] | None]] = []
        for row, outcome in zip(waiting, outcomes, strict=True):
            if isinstance(outcome, Stored):
                done = _Record(row.file, Reading(row.line), is_created=outcome.created)
                done.versions = int(outcome.changed)
                _count(record, done, report)
            elif _waits_for_parent(record, outcome):
                again.append((row.key, row.line, {"file": row.file, "payload": row.payload}))
            else:
                report.refusal(row.file, row.line, record, outcome)
        slot = self.deferred_slot(step, round_)
        await repository.remove_rows(session, self._id, slot, [row.key for row in waiting])
        await repository.add_rows(session, self._id, self.deferred_slot(step, round_ + 1), again)


def _identity(spec: Step, reading: Reading) -> str:
    """What may occur once. Rows that are versions are told apart by their instants."""
    if spec.repeats != "versions":
        return reading.key
    return f"{reading.key}\n{reading.versions[-1].get('occurred_at', '')}"


def _waits_for_parent(record: str, refusal: ServiceError) -> bool:
    parent = RECORDS[record].parent
    return parent is not None and any(
        problem.code == "unknown_reference" and problem.pointer == f"/{parent}"
        for problem in refusal.errors
    )


def _count(record_name: str, record: _Record, report: Report) -> None:
    record.is_done = True
    if record.is_created:
        report.count(record_name, "created")
        notes = record.reading.notes + told.gaps(record_name, record.reading.versions)
    else:
        report.count(record_name, "updated" if record.versions else "unchanged")
        notes = record.reading.notes
    report.count(record_name, "versions", record.versions)
    for code, field_, sentence in notes:
        report.warn(record.file, record.reading.line, record_name, field_, code, sentence)
