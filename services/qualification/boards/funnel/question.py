"""What can be asked of the funnel, and the parts of SQL that say it.

A statement about leads reads `l` (qualification.leads); one that follows them into pipeline reads
`o` as well, the opportunity a lead was handed over as. Nothing here runs anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from services.qualification.boards.days import Month, Period
from services.qualification.boards.funnel.domain import COHORT, PREVIOUS
from services.qualification.boards.parameters import Parameters
from services.qualification.touches.seen import SEEN

QUALIFIED: Final = "LEAST(l.first_mql_at, l.first_pql_at)"
ENTERED: Final = "LEAST(l.first_mql_at, l.first_pql_at, l.sql_at)"
"""When a lead came into the funnel: qualified, or handed over without ever having been."""

_LAST: Final = "l.first_mql_at, l.first_pql_at, l.sql_at"

ACCEPTED_ON: Final = "o.sales_accepted_date"
WON_AT: Final = "CASE WHEN o.stage = 'closed_won' THEN o.stage_entered_at END"
INSTANTS: Final[Mapping[str, str]] = {
    "leads": "l.created_at",
    "mql": "l.first_mql_at",
    "pql": "l.first_pql_at",
    "qualified": QUALIFIED,
    "sql": "l.sql_at",
    "won": WON_AT,
}
OF_LEADS: Final = ("leads", "mql", "pql", "qualified", "sql")
OF_DEALS: Final = ("sales_accepted", "won")
_COLUMNS: Final[Mapping[str, str]] = {
    "source": "source",
    "source_kind": "source_kind",
    "region": "region",
    "segment": "employees",
    "sdr": "sdr_id",
    "campaign": "campaign",
    "engagement": "engagement_external_id",
}
_INSTANT: Final = "timestamptz"
_DAY: Final = "date"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelQuestion:
    """Of which days, on which axis, as of when (`as_of_day` is the company's day of it), by what,
    and whose leads it sees (None: all). `segments` go from the largest head count down."""

    period: Period
    axis: str
    as_of: datetime
    as_of_day: date
    timezone: str
    group_by: str | None
    months: list[Month]
    segments: list[tuple[int, str]]
    holder_id: UUID | None

    @property
    def is_cohort(self) -> bool:
        return self.axis == COHORT

    @property
    def end(self) -> datetime:
        """The last moment of the period that is known of."""
        return min(self.period.ends_at - timedelta(microseconds=1), self.as_of)


class Parts(Parameters):
    """The parts of one statement."""

    def __init__(self, question: FunnelQuestion) -> None:
        super().__init__()
        self.question = question

    @property
    def _start(self) -> str:
        return self.given("start", self.question.period.starts_at, _INSTANT)

    @property
    def _end(self) -> str:
        return self.given("end", self.question.end, _INSTANT)

    @property
    def _until(self) -> str:
        """Up to when steps are followed: of a cohort beyond the period."""
        return self.given("as_of", self.question.as_of, _INSTANT) if self._follows else self._end

    @property
    def _until_day(self) -> str:
        question = self.question
        day = question.as_of_day
        return self.given("day", day if self._follows else min(day, question.period.last_day), _DAY)

    @property
    def _follows(self) -> bool:
        return self.question.is_cohort

    def known(self, step: str) -> str:
        """Whether the lead had taken the step by then, on whatever day; null where it never did."""
        if step == "leads":
            return "true"
        if step == "sales_accepted":
            return f"{ACCEPTED_ON} <= {self._until_day}"
        return f"{INSTANTS[step]} <= {self._until}"

    def happened(self, step: str) -> str:
        """Whether the step is counted: for a cohort taken at all, otherwise in the period."""
        if self._follows:
            return self.known(step)
        if step == "sales_accepted":
            first = self.given("first", self.question.period.first_day, _DAY)
            return f"{ACCEPTED_ON} >= {first} AND {ACCEPTED_ON} <= {self._until_day}"
        instant = INSTANTS[step]
        return f"{instant} >= {self._start} AND {instant} <= {self._end}"

    def skipped(self, step: str) -> str:
        """Whether it is counted without the step before."""
        return f"{self.happened(step)} AND ({self.known(PREVIOUS[step])}) IS NOT TRUE"

    @property
    def entered(self) -> str:
        """Leads in the funnel whose steps may count; says what the index of them says."""
        where = f"l.merged_into_id IS NULL AND {ENTERED} IS NOT NULL"
        if self._follows:
            where += f" AND {ENTERED} >= {self._start} AND {ENTERED} <= {self._end}"
        return where + self._holder

    @property
    def stirred(self) -> str:
        """Of those, leads to which something may have happened in the period: one look at each
        that spares the others a closer one."""
        if self._follows:
            return "true"
        return f"(GREATEST({_LAST}) >= {self._start} OR l.created_at >= {self._start})"

    @property
    def waiting(self) -> str:
        """Leads of the period that are not in the funnel; says what the index of them says."""
        return (
            f"l.merged_into_id IS NULL AND {ENTERED} IS NULL"
            f" AND l.created_at >= {self._start} AND l.created_at <= {self._end}{self._holder}"
        )

    @property
    def handed_over(self) -> str:
        return f"{self.entered} AND l.sql_at <= {self._until}"

    @property
    def _holder(self) -> str:
        if self.question.holder_id is None:
            return ""
        holder = self.given("holder", self.question.holder_id, "uuid")
        return f" AND {SEEN.format(holder)}"

    def group(self, step: str) -> str:
        """What the step is grouped by: a month by its number, of an event its own."""
        name = self.question.group_by
        if name is None:
            return "NULL::text"
        if name == "segment":
            return self._segment()
        if name != "month":
            return f"l.{_COLUMNS[name]}"
        months = self.question.months
        if not self._follows and step == "sales_accepted":
            days = self.given("days", [month.first_day for month in months], "date[]")
            return f"width_bucket({ACCEPTED_ON}, {days})"
        starts = self.given("starts", [month.starts_at for month in months], "timestamptz[]")
        return f"width_bucket({ENTERED if self._follows else INSTANTS[step]}, {starts})"

    def _segment(self) -> str:
        branches = ["WHEN l.employees IS NULL OR l.employees < 1 THEN 'unknown'"]
        for floor, segment in self.question.segments:
            least = self.given(f"from_{segment}", floor, "bigint")
            name = self.given(f"name_{segment}", segment, "text")
            branches.append(f"WHEN l.employees >= {least} THEN {name}")
        return f"CASE {' '.join(branches)} END"

    def seconds(self, step: str) -> str:
        """Whole seconds since the step before: null where that is not known, negative where it was
        told the other way round. Acceptance is known by its day, so days are counted."""
        if step in OF_DEALS:
            return f"86400 * ({self._day_of(step)} - {self._day_of(PREVIOUS[step])})"
        before = INSTANTS["leads" if step == "qualified" else "qualified"]
        return f"trunc(date_part('epoch', {INSTANTS[step]} - {before}))::int"

    def _day_of(self, step: str) -> str:
        if step == "sales_accepted":
            return ACCEPTED_ON
        zone = self.given("zone", self.question.timezone, "text")
        return f"({INSTANTS[step]} AT TIME ZONE {zone})::date"
