"""Stores one batch of rows through the services of the records, and writes down what became of
each: repeats, names, versions in waves, refusals. Runs inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from services.kit.batch import Outcome, Stored
from services.kit.db import WriteSession
from services.kit.errors import FieldProblem, ServiceError
from services.pipeline.imports import lookups, records, repository
from services.pipeline.imports.joins import Joiner
from services.pipeline.imports.kept import KeptHistory
from services.pipeline.imports.mapping import Mapping, Step
from services.pipeline.imports.parsing import BadRow, Header, Row
from services.pipeline.imports.pending import (
    DeferredRow,
    Pending,
    count,
    identity,
    waits_for_parent,
)
from services.pipeline.imports.reading import Reading
from services.pipeline.imports.reconciliation import keeping
from services.pipeline.imports.reconciliation import repository as reconciling
from services.pipeline.imports.reconciliation.collecting import KEY_MAX, Stated, unreadable
from services.pipeline.imports.records import RECORDS, Author
from services.pipeline.imports.references import Resolver
from services.pipeline.imports.report import Report
from services.pipeline.imports.rows import StepReader
from services.pipeline.imports.shape import known_columns
from services.pipeline.imports.source import FileRow, StoredFile
from services.pipeline.imports.values import Surroundings

# Rows kept aside are told apart by a number made of the step and what they wait for.
_DEFERRED_SLOT: Final = 10_000
_ROUNDS: Final = 100

_LITERAL = StoredFile(-1, "(mapping)", "", 0, 0)


class Batcher:
    """Of one import; holds what is worth remembering from batch to batch."""

    def __init__(
        self, mapping: Mapping, import_id: UUID, author: Author, files: Sequence[StoredFile]
    ) -> None:
        self._mapping = mapping
        self._id = import_id
        self._author = author
        self._resolver = Resolver(mapping.references, author)
        self.joiner = Joiner(mapping, import_id, {file.role for file in files})
        self.history = KeptHistory(import_id, {file.number: file.name for file in files})
        self._refused: dict[str, str] = {}
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
    def deferred_slot(step: int, round_: int) -> int:
        return _DEFERRED_SLOT + step * _ROUNDS + round_

    async def keep_history(
        self,
        session: WriteSession,
        step: int,
        part: int,
        batch: Sequence[FileRow],
        readers: dict[int, StepReader],
        report: Report,
    ) -> None:
        """Rows of a history file, kept until the record's own row comes."""
        await self.joiner.join(session, self._mapping.steps[step].events[part].join, batch)
        events = {number: reader.events[part] for number, reader in readers.items()}
        await self.history.keep(session, step, part, batch, events, report)

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
        await self.joiner.join(session, spec.join, batch)
        events = await self._events(session, step, batch, readers)
        stated: list[Stated] = []
        read = [
            record
            for row in batch
            if (record := self._read(spec, row, readers, events, report, stated)) is not None
        ]
        deleted = [record for record in read if record.reading.is_deleted]
        await self._report_deleted(session, spec, deleted, report)
        found = [record for record in read if not record.reading.is_deleted]
        found = await self._without_repeats(session, step, spec, found, report)
        taken = {(record.reading.key[:KEY_MAX], record.reading.line) for record in found}
        await keeping.keep(session, self._id, spec, stated, taken)
        if spec.existing != "merge":
            found = await self._chosen(session, spec, found, report)
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
        self._refused.clear()
        await self._store_waves(session, step, spec, found, report)
        await reconciling.refuse(session, self._id, spec.record, self._refused)

    async def compare_refused(
        self,
        session: WriteSession,
        step: int,
        row: FileRow,
        readers: dict[int, StepReader],
        code: str,
    ) -> None:
        """A row that the database refused is one of theirs all the same."""
        spec = self._mapping.steps[step]
        reader = readers.get(row.file.number)
        if reader is None or isinstance(row.row, BadRow):
            return
        await self.joiner.join(session, spec.join, [row])
        if reader.collector is not None and reader.is_wanted(row.row.values):
            reading = reader.read(row.row)
            stated = reader.collector.stated(row.file.number, row.row, reading)
            await keeping.keep_refused(session, self._id, spec, stated, code)

    def _read(
        self,
        spec: Step,
        row: FileRow,
        readers: dict[int, StepReader],
        events: dict[str, list[dict[str, Any]]],
        report: Report,
        stated: list[Stated],
    ) -> Pending | None:
        if isinstance(row.row, BadRow):
            report.bad_row(row.file.name, spec.record, row.row)
            known = readers.get(row.file.number)
            if known is not None and known.collector is not None:
                stated.append(unreadable(row.file.number, row.row))
            return None
        if spec.file is None:
            values = dict(row.row.values)
            reading = Reading(row.row.line, str(values.get("external_id")), [values])
            return Pending(row.file.name, reading)
        reader = readers[row.file.number]
        if not reader.is_wanted(row.row.values):
            return None
        reading = reader.read(row.row, events.get(reader.key_of(row.row), ()) if events else ())
        self._check_keys(row, reading, report)
        if reader.collector is not None and (reading.key or not reading.skipped):
            stated.append(reader.collector.stated(row.file.number, row.row, reading))
        if reading.skipped:
            report.count(spec.record, "skipped")
            return Pending(row.file.name, reading) if reading.is_deleted else None
        if reading.problems:
            report.problems(row.file.name, reading.line, spec.record, reading.problems)
            return None
        return Pending(row.file.name, reading)

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
            and reader.events
        }
        return await self.history.take(session, step, keys) if keys else {}

    async def _without_repeats(
        self,
        session: WriteSession,
        step: int,
        spec: Step,
        found: list[Pending],
        report: Report,
    ) -> list[Pending]:
        """The first row of a key applies, in the whole import; later ones are reported, unless
        the step says that they are expected."""
        keys = [identity(spec, record.reading) for record in found]
        earlier = {
            row["key"]: row["line"]
            for row in await repository.rows_of(session, self._id, step, set(keys))
        }
        kept: list[Pending] = []
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
            [(identity(spec, record.reading), record.reading.line, None) for record in kept],
        )
        return kept

    async def _chosen(
        self, session: WriteSession, spec: Step, found: list[Pending], report: Report
    ) -> list[Pending]:
        """Where the step is only about records that are there, or only about those that are not."""
        keys = [record.reading.key for record in found]
        table = RECORDS[spec.record].table
        known = await lookups.names_found(session, table, keys, by_name=False)
        if spec.existing == "skip":
            report.count(spec.record, "unchanged", sum(key in known for key in keys))
            return [record for record in found if record.reading.key not in known]
        for record in found:
            if (key := record.reading.key) not in known:
                report.count(spec.record, "skipped")
                sentence = f"there is no {key[:80]!r} to change"
                report.warn(
                    record.file, record.reading.line, spec.record, None, "record_not_there", sentence
                )  # fmt: skip
        return [record for record in found if record.reading.key in known]

    async def _report_deleted(
        self, session: WriteSession, spec: Step, deleted: list[Pending], report: Report
    ) -> None:
        """Rows the source has deleted: not made, and not taken away where they are."""
        keys = {record.reading.key for record in deleted} - {""}
        known = (
            await lookups.names_found(session, RECORDS[spec.record].table, keys, by_name=False)
            if keys else {}
        )  # fmt: skip
        for record in deleted:
            key = record.reading.key[:80]
            code, sentence = "deleted_left_out", f"{key!r} is deleted there and was not made here"
            if record.reading.key in known:
                code, sentence = "deleted_kept", f"{key!r} is deleted there; here it stays"
            report.warn(record.file, record.reading.line, spec.record, None, code, sentence)

    async def _store_waves(
        self,
        session: WriteSession,
        step: int,
        spec: Step,
        found: list[Pending],
        report: Report,
    ) -> None:
        """First versions together, then second ones: one statement a wave instead of one a
        record. A record that is refused takes its later versions with it."""
        waiting = found
        while waiting:
            wave: list[Pending] = []
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
                    count(spec.record, record, report)
            waiting = [record for record in waiting if not record.is_done]

    async def _settle(
        self,
        session: WriteSession,
        step: int,
        spec: Step,
        record: Pending,
        outcome: Outcome,
        report: Report,
    ) -> None:
        payload = record.pending.pop(0)
        if isinstance(outcome, Stored):
            record.is_created = record.is_created or outcome.created
            record.versions += outcome.changed
            return
        record.is_done = True
        if waits_for_parent(spec.record, outcome):
            body = {"file": record.file, "payload": payload}
            slot = self.deferred_slot(step, 0)
            row = (record.reading.key, record.reading.line, body)
            await repository.add_rows(session, self._id, slot, [row])
            return
        report.refusal(record.file, record.reading.line, spec.record, outcome)
        self._refused[record.reading.key[:KEY_MAX]] = _code(outcome)

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
        refused: dict[str, str] = {}
        for row, outcome in zip(waiting, outcomes, strict=True):
            if isinstance(outcome, Stored):
                done = Pending(row.file, Reading(row.line), is_created=outcome.created)
                done.versions = int(outcome.changed)
                count(record, done, report)
            elif waits_for_parent(record, outcome):
                again.append((row.key, row.line, {"file": row.file, "payload": row.payload}))
            else:
                report.refusal(row.file, row.line, record, outcome)
                refused[row.key[:KEY_MAX]] = _code(outcome)
        await reconciling.refuse(session, self._id, record, refused)
        slot = self.deferred_slot(step, round_)
        await repository.remove_rows(session, self._id, slot, [row.key for row in waiting])
        await repository.add_rows(session, self._id, self.deferred_slot(step, round_ + 1), again)


def _code(refusal: ServiceError) -> str:
    return refusal.errors[0].code if refusal.errors else refusal.code
