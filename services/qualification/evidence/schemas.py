"""MEDDPPICC on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, Strict

from services.kit.schemas import ExternalId, StrictModel, Text
from services.qualification.evidence.domain import SCORE_MAX, TOTAL_MAX
from services.workspace.policy_qualification import ELEMENTS

Prose = Annotated[str, Text(100_000, lines=True)]
"""How long a whole plan may be is the policy's; no single text is longer than any plan."""
Score = Annotated[int, Strict(), Field(ge=0, le=SCORE_MAX)]
Colour = Literal["red", "yellow", "green"]
ReadOnly = Annotated[
    Any,
    Field(
        description="Read only: accepted so that what was read can be sent back, and ignored.",
        json_schema_extra={"readOnly": True},
    ),
]


class Merged(StrictModel):
    """A payload that is merged: absent is unchanged, null clears, what is read only is ignored."""

    def stated(self) -> dict[str, Any]:
        """The statements: fields that were sent, without the read-only ones, objects within as
        statements of their own."""
        fields = type(self).model_fields
        return {
            name: _plain(getattr(self, name))
            for name in self.model_fields_set
            if fields[name].json_schema_extra != {"readOnly": True}
        }


def _plain(value: Any) -> Any:
    if isinstance(value, Merged):
        return value.stated()
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


class ElementPut(Merged):
    """What is known of one element: 0 unknown, 1 mentioned, 2 identified with evidence, 3 confirmed
    by the customer. A score of 2 or 3 needs evidence; a champion
    at 3 without a contact is warned about."""

    score: Score | None = None
    evidence: Prose | None = None
    contact_external_id: ExternalId | None = Field(
        None, description="The person it is about, such as the champion: a contact of pipeline."
    )
    author: ReadOnly = None
    author_name: ReadOnly = None
    changed_at: ReadOnly = None
    colour: ReadOnly = None
    required_by_stage: ReadOnly = None
    is_gap: ReadOnly = None


class ElementsPut(Merged):
    """The elements to change; null forgets all that is known of one."""

    metrics: ElementPut | None = None
    economic_buyer: ElementPut | None = None
    decision_criteria: ElementPut | None = None
    decision_process: ElementPut | None = None
    paper_process: ElementPut | None = None
    identify_pain: ElementPut | None = None
    champion: ElementPut | None = None
    competition: ElementPut | None = None
    partner: ElementPut | None = None


assert set(ElementsPut.model_fields) == set(ELEMENTS)


class EvidencePut(Merged):
    """What is stated of MEDDPPICC; everything but `elements` follows from them."""

    elements: ElementsPut = Field(default_factory=ElementsPut)
    opportunity_id: ReadOnly = None
    version: ReadOnly = None
    stage: ReadOnly = None
    stage_number: ReadOnly = None
    total: ReadOnly = None
    total_max: ReadOnly = None
    percent: ReadOnly = None
    colour: ReadOnly = None
    gaps: ReadOnly = None
    next_stage_gaps: ReadOnly = None
    staleness: ReadOnly = None
    warnings: ReadOnly = None
    changed_at: ReadOnly = None
    policy_version: ReadOnly = None


class Element(BaseModel):
    """One element: what is known, who said so last, and what it is worth at this stage."""

    score: Score
    evidence: str | None
    contact_external_id: str | None
    author: str | None
    author_name: str | None
    changed_at: datetime | None
    colour: Colour
    required_by_stage: int | None
    is_gap: bool


class Elements(BaseModel):
    """All nine."""

    metrics: Element
    economic_buyer: Element
    decision_criteria: Element
    decision_process: Element
    paper_process: Element
    identify_pain: Element
    champion: Element
    competition: Element
    partner: Element


class Reason(BaseModel):
    code: str
    message: str


class Staleness(BaseModel):
    """Whether it is behind what happens, since when and why."""

    is_stale: bool
    since: datetime | None
    reasons: list[Reason]


class Warned(Reason):
    """Something to look at, in the element it is about."""

    element: str


class Evidence(BaseModel):
    """MEDDPPICC of an opportunity. `version` 0: nobody wrote anything yet."""

    opportunity_id: UUID
    version: int
    stage: str
    stage_number: int | None
    elements: Elements
    total: int = Field(ge=0, le=TOTAL_MAX)
    total_max: int
    percent: int
    colour: Colour
    gaps: list[str]
    next_stage_gaps: list[str]
    staleness: Staleness
    warnings: list[Warned]
    changed_at: datetime | None
    policy_version: int


class KnownThen(BaseModel):
    """An element as it was."""

    score: Score
    evidence: str | None
    contact_external_id: str | None


class ElementChange(BaseModel):
    """One element, changed by one save. `before` is null where nothing was known."""

    version: int
    element: str
    before: KnownThen | None
    after: KnownThen | None
    author: str
    author_name: str | None
    changed_at: datetime


class ElementChangePage(BaseModel):
    """Changes, oldest first."""

    items: list[ElementChange]
    next_cursor: str | None
