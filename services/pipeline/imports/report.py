"""What an import has to say for itself: counts a kind of record, warnings by kind with examples,
and the rows that did not go in. Kept in memory for one batch, stored with it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Final

from services.kit.errors import FieldProblem, ServiceError
from services.pipeline.imports.parsing import BadRow

EXAMPLES_MAX: Final = 5
WARNING_ROWS_MAX: Final = 1000
"""Warnings of one kind that are listed row by row; the count goes on."""

_MESSAGE_MAX = 500
HISTORY: Final = "history"
_OF_HISTORY = ("read", "skipped", "failed")
_OUTCOMES = ("created", "updated", "unchanged", "skipped", "failed", "versions")


class Report:
    """Counts so far, and what the running batch adds to them."""

    def __init__(self, counts: dict[str, Any], warnings: dict[str, Any], errors_total: int) -> None:
        self.counts = copy.deepcopy(counts)
        self.warnings = copy.deepcopy(warnings)
        self.errors_total = errors_total
        self.entries: list[dict[str, Any]] = []

    def copy(self) -> Report:
        """To be thrown away with a batch that fails."""
        return Report(self.counts, self.warnings, self.errors_total)

    def count(self, record: str, outcome: str, number: int = 1) -> None:
        known = _OF_HISTORY if record == HISTORY else _OUTCOMES
        of_record = self.counts.setdefault(record, dict.fromkeys(known, 0))
        of_record[outcome] += number

    def error(
        self, file: str, line: int, record: str, field: str | None, code: str, message: str
    ) -> None:
        """One thing wrong with a row that therefore did not go in."""
        self.errors_total += 1
        self._add(file, line, record, field, code, message, "error")

    def bad_row(self, file: str, record: str, row: BadRow) -> None:
        """A row that could not even be split into columns."""
        self.count(record, "failed")
        self.error(file, row.line, record, None, row.code, row.message)

    def problems(self, file: str, line: int, record: str, problems: Sequence[FieldProblem]) -> None:
        """A row that failed for these reasons."""
        self.count(record, "failed")
        for problem in problems:
            field = problem.pointer.strip("/") or None
            self.error(file, line, record, field, problem.code, problem.message)

    def refusal(self, file: str, line: int, record: str, refusal: ServiceError) -> None:
        """A row that the records' own service refused."""
        whole = [FieldProblem("", refusal.code, refusal.detail)]
        self.problems(file, line, record, refusal.errors or whole)

    def warn(
        self, file: str, line: int, record: str, field: str | None, code: str, message: str
    ) -> None:
        """Something odd about a row that went in."""
        kind = self.warnings.setdefault(code, {"count": 0, "examples": []})
        kind["count"] += 1
        if len(kind["examples"]) < EXAMPLES_MAX:
            kind["examples"].append(
                {"file": file, "line": line, "field": field, "message": message[:_MESSAGE_MAX]}
            )
        if kind["count"] <= WARNING_ROWS_MAX:
            self._add(file, line, record, field, code, message, "warning")

    def _add(
        self,
        file: str,
        line: int,
        record: str,
        field: str | None,
        code: str,
        message: str,
        severity: str,
    ) -> None:
        self.entries.append(
            {
                "file": file, "line": line, "record": record, "field": field, "code": code,
                "message": message[:_MESSAGE_MAX], "severity": severity,
            }
        )  # fmt: skip

    @property
    def failed(self) -> int:
        return sum(of_record["failed"] for of_record in self.counts.values())
