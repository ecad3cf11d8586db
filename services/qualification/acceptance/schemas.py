"""What assessments and conversions look like on the wire. No decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, model_validator

from services.kit.schemas import Count, Day, Flag, Label, Note, StrictModel, refuse
from services.qualification.acceptance.domain import CRITERIA, Evidence, Statement
from services.qualification.acceptance.repository import StoredAssessment

Result = Literal["pass", "fail", "unknown"]
Verdict = Literal["accept", "keep_pending", "unqualify"]
Segment = Literal["smb", "mid_market", "large", "public_sector", "unknown"]
Sign = Literal["business_problem", "strategic_direction", "modernisation"]


class _Criterion(StrictModel):
    """Facts decide where they can; `result` speaks where they are silent, and needs evidence."""

    result: Result | None = None
    evidence: Note | None = None

    @model_validator(mode="after")
    def _has_evidence(self) -> Self:
        if self.result in ("pass", "fail") and self.evidence is None:
            raise refuse(
                "evidence_missing", f"a stated {self.result} needs `evidence`: say what shows it"
            )
        return self


class Authority(_Criterion):
    """Whether the contact takes part in the purchase."""

    buying_role: (
        Literal["evaluator", "decision_maker", "technical_buyer", "influencer", "none"] | None
    ) = None
    directly_involved: Flag | None = None


class Initiative(_Criterion):
    """A Small Box (the smallest solution of an immediate need; Commercial only) or a top-2
    priority, which shows by at least one of three signs."""

    kind: Literal["small_box", "top_2_priority", "none"] | None = None
    shown_by: Annotated[list[Sign], Field(max_length=3)] = Field(default_factory=list)


class Fit(_Criterion):
    """Tools in use, the use case to enter with, and seats where account or buying group is new."""

    current_tools: Annotated[list[Label], Field(max_length=50)] = Field(default_factory=list)
    use_case: Label | None = None
    potential_seats: Count | None = None
    new_account_or_buying_group: Flag | None = None


class Timing(_Criterion):
    """The first qualifying meeting, and the next step after it."""

    iqm_date: Day | None = None
    next_step_date: Day | None = None


class AssessmentCreate(StrictModel):
    """What is known. Use case, seats and segment come from the lead where they are left out."""

    segment: Segment | None = None
    authority: Authority = Field(default_factory=Authority)
    initiative: Initiative = Field(default_factory=Initiative)
    fit: Fit = Field(default_factory=Fit)
    timing: Timing = Field(default_factory=Timing)

    def to_evidence(
        self, *, segment: str, source_kind: str | None, use_case: str | None, seats: int | None
    ) -> Evidence:
        """The payload with what the lead itself says filled in."""
        own_seats = self.fit.potential_seats
        statements = {}
        for name in CRITERIA:
            criterion: _Criterion = getattr(self, name)
            statements[name] = Statement(result=criterion.result, evidence=criterion.evidence)
        return Evidence(
            segment=segment,
            source_kind=source_kind,
            buying_role=self.authority.buying_role,
            directly_involved=self.authority.directly_involved,
            initiative=self.initiative.kind,
            signs=tuple(self.initiative.shown_by),
            current_tools=tuple(self.fit.current_tools),
            use_case=self.fit.use_case or use_case,
            seats=seats if own_seats is None else own_seats,
            needs_seats=self.fit.new_account_or_buying_group,
            iqm_date=self.timing.iqm_date,
            next_step_date=self.timing.next_step_date,
            statements=statements,
        )


class Reason(BaseModel):
    code: str
    message: str


class CriterionReason(Reason):
    """A reason with the criterion it belongs to."""

    criterion: Literal["authority", "initiative", "fit", "timing"]


class Finding(BaseModel):
    """One criterion: `computed` from facts, or `stated` by a person where they were silent."""

    result: Result
    source: Literal["computed", "stated"]
    evidence: str | None
    reasons: list[Reason]


class Assessment(BaseModel):
    """One acceptance test. `convertible` is also true where Timing alone does not pass: the
    opportunity then waits at stage 0."""

    id: UUID
    lead_id: UUID
    lead_version: int
    verdict: Verdict
    convertible: bool
    criteria: dict[str, Finding]
    reasons: list[CriterionReason]
    segment: str
    policy_version: int
    evidence: dict[str, Any]
    assessed_at: datetime
    assessed_by: str


class AssessmentPage(BaseModel):
    """One page, oldest test first."""

    items: list[Assessment]
    next_cursor: str | None


def assessment_json(made: StoredAssessment) -> dict[str, Any]:
    """A stored test as its answer."""
    return {
        "id": made.id,
        "lead_id": made.lead_id,
        "lead_version": made.lead_version,
        "verdict": made.verdict,
        "convertible": made.is_convertible,
        "criteria": {name: made.criteria[name] for name in CRITERIA},
        "reasons": [
            {"criterion": name, **reason}
            for name in CRITERIA
            for reason in made.criteria[name]["reasons"]
        ],
        "segment": made.segment,
        "policy_version": made.policy_version,
        "evidence": made.evidence,
        "assessed_at": made.assessed_at,
        "assessed_by": made.assessed_by,
    }
