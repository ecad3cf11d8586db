"""Reconciliations on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

Standing = Literal["open", "won", "lost"]


class ReconciledKind(BaseModel):
    """Records of one kind: how many the files hold, and how many of those are here."""

    record: str
    theirs: int = Field(description="In the files, without deleted and merged ones.")
    ours: int = Field(description="Stored under the files' keys, without duplicates of others.")
    deleted: int
    merged: int
    refused: int = Field(description="Rows that did not go in.")
    left_out: int = Field(description="Rows that a rule of the mapping leaves out.")
    unreadable: int = Field(description="Lines that are no rows: no amount of them is in the sums.")
    differing: int = Field(description="Records of which something differs.")


class ReconciledSum(BaseModel):
    """Everything of one currency."""

    currency: str
    theirs_amount: str
    ours_amount: str
    theirs_won: str
    ours_won: str
    theirs_open: str
    ours_open: str


class ReconciledLine(BaseModel):
    """Opportunities of one currency, quarter of the close date and standing."""

    currency: str
    fiscal_quarter: str | None = Field(description="Null without a close date.")
    standing: Standing
    theirs_count: int
    ours_count: int
    theirs_amount: str
    ours_amount: str
    amount_difference: str = Field(description="Ours less theirs.")
    is_equal: bool


class Difference(BaseModel):
    """One field of one record that differs."""

    record: str
    external_id: str | None = Field(description="Null of a row that names none.")
    file: str
    line: int
    field: str = Field(description="`record` where it is on one side only.")
    theirs: str | None
    ours: str | None
    why: str


class Reconciliation(BaseModel):
    """What the files add up to against what is stored now under their keys."""

    import_id: UUID
    mapping: str
    status: str
    made_at: datetime
    is_equal: bool
    records: list[ReconciledKind]
    sums: list[ReconciledSum]
    totals: list[ReconciledLine]
    differing: int = Field(description="Fields that differ; listed under `/differences`.")


class DifferencePage(BaseModel):
    items: list[Difference]
    next_cursor: str | None
