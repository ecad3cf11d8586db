"""What acceptance tests look like on the wire. No decisions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field, Strict, model_validator

from services.kit.schemas import Count, Day, Flag, Label, Note, StrictModel, refuse
from services.qualification.acceptance.domain import CRITERIA
from services.qualification.acceptance.repository import StoredAssessment

Result = Literal["pass", "fail", "unknown"]
Verdict = Literal["accept", "keep_pending", "unqualify"]
Segment = Literal["smb", "mid_market", "large", "public_sector", "unknown"]
Sign = Literal["business_problem", "strategic_direction", "modernisation"]
BuyingRole = Literal["evaluator", "decision_maker", "technical_buyer", "influencer", "none"]
Criterion = Literal["authority", "initiative", "fit", "timing"]


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
    """Whether the contact takes part in the purchase. Outbound work may pass instead by a path to
    the decision maker and knowledge of who evaluates."""

    buying_role: BuyingRole | None = None
    directly_involved: Flag | None = None
    path_to_decision_maker: Flag | None = None
    evaluators_known: Flag | None = None


class Initiative(_Criterion):
    """A Small Box (the smallest solution of an immediate need; Commercial only) or a top-2
    priority, which shows by at least one of three signs. Outbound work may pass instead by a need
    it identified, whether or not it is active."""

    kind: Literal["small_box", "top_2_priority", "none"] | None = None
    shown_by: Annotated[list[Sign], Field(max_length=3)] = Field(default_factory=list)
    identified_need: Literal["active", "not_active", "none"] | None = None


class Fit(_Criterion):
    """Tools in use, the use case to enter with, and seats where account or buying group is new.
    Hosting, future and total seats are what is asked before the meeting; they decide nothing."""

    current_tools: Annotated[list[Label], Field(max_length=50)] = Field(default_factory=list)
    use_case: Label | None = None
    potential_seats: Count | None = None
    new_account_or_buying_group: Flag | None = None
    hosting: Literal["saas", "self_hosted"] | None = None
    future_seats: Count | None = None
    total_seats: Count | None = None


class Timing(_Criterion):
    """The first qualifying meeting, and the next step after it."""

    iqm_date: Day | None = None
    next_step_date: Day | None = None


class AssessmentCreate(StrictModel):
    """What is known. What is left out comes from the record the test is about; for an opportunity
    also, criterion by criterion, from its last test."""

    segment: Segment | None = None
    authority: Authority = Field(default_factory=Authority)
    initiative: Initiative = Field(default_factory=Initiative)
    fit: Fit = Field(default_factory=Fit)
    timing: Timing = Field(default_factory=Timing)

    def said(self) -> dict[str, Any]:
        """What was sent and nothing else, criteria as objects of their facts."""
        return {
            name: value.stated() if isinstance(value, _Criterion) else value
            for name, value in self.stated().items()
        }


class RetestCreate(StrictModel):
    """The same evidence again. Under another version than the one in force it is a what-if."""

    policy_version: Annotated[int, Strict(), Field(ge=1, lt=2**31)] | None = None


class Reason(BaseModel):
    code: str
    message: str


class CriterionReason(Reason):
    """A reason with the criterion it belongs to."""

    criterion: Criterion


class Finding(BaseModel):
    """One criterion: `computed` from facts, or `stated` by a person where they were silent."""

    result: Result
    source: Literal["computed", "stated"]
    evidence: str | None
    reasons: list[Reason]


class Subject(BaseModel):
    """What a test is about."""

    kind: Literal["lead", "opportunity"]
    id: UUID


class ComparedTest(BaseModel):
    """One side of a comparison."""

    assessment_id: UUID
    policy_version: int
    verdict: Verdict
    convertible: bool


class CriterionChange(BaseModel):
    """A criterion that came out differently, and why it is what it is in the second test."""

    criterion: Criterion
    from_: Result = Field(alias="from")
    to: Result
    reasons: list[Reason]


class SettingChange(BaseModel):
    """A setting the test uses and the policies differ in."""

    setting: str
    from_: Any = Field(alias="from")
    to: Any


class FactChange(BaseModel):
    """A fact the tests differ in, such as `timing.next_step_date`."""

    fact: str
    from_: Any = Field(alias="from")
    to: Any


class Comparison(BaseModel):
    """What differs between two tests; what is equal is left out."""

    from_: ComparedTest = Field(alias="from")
    to: ComparedTest
    verdict_changed: bool
    criteria: list[CriterionChange]
    settings: list[SettingChange]
    facts: list[FactChange]


class Assessment(BaseModel):
    """One acceptance test. `convertible` is also true where Timing alone does not pass: the
    opportunity then waits at stage 0. `carried` names the evidence (a criterion, or one fact of
    it) that came from an earlier test, and which. `binding` is false for a what-if, which decides
    nothing."""

    id: UUID
    subject: Subject
    lead_id: UUID | None
    lead_version: int | None
    opportunity_id: UUID | None
    opportunity_version: int | None
    retest_of: UUID | None
    binding: bool
    verdict: Verdict
    convertible: bool
    criteria: dict[str, Finding]
    reasons: list[CriterionReason]
    segment: str
    policy_version: int
    evidence: dict[str, Any]
    carried: dict[str, UUID]
    comparison: Comparison | None
    assessed_at: datetime
    assessed_by: str


class AssessmentPage(BaseModel):
    """One page, oldest test first."""

    items: list[Assessment]
    next_cursor: str | None


def assessment_json(made: StoredAssessment) -> dict[str, Any]:
    """A stored test as its answer."""
    is_of_lead = made.lead_id is not None
    return {
        "id": made.id,
        "subject": {
            "kind": "lead" if is_of_lead else "opportunity",
            "id": made.lead_id if is_of_lead else made.opportunity_id,
        },
        "lead_id": made.lead_id,
        "lead_version": made.lead_version,
        "opportunity_id": made.opportunity_id,
        "opportunity_version": made.opportunity_version,
        "retest_of": made.retest_of,
        "binding": made.is_binding,
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
        "carried": made.carried,
        "comparison": made.comparison,
        "assessed_at": made.assessed_at,
        "assessed_by": made.assessed_by,
    }
