"""The qualification service: which paths it has. What they do lives in their packages."""

from __future__ import annotations

from services.kit.app import create_app
from services.qualification.acceptance.endpoints import router as acceptance
from services.qualification.boards.endpoints import router as boards
from services.qualification.consults.endpoints import router as consults
from services.qualification.engagement.endpoints import router as engagement
from services.qualification.evidence.endpoints import router as evidence
from services.qualification.leads.endpoints import router as leads
from services.qualification.meetings.endpoints import router as meetings
from services.qualification.merges.endpoints import router as merges
from services.qualification.nurture.endpoints import router as nurture
from services.qualification.plans.endpoints import router as plans
from services.qualification.questions.endpoints import router as questions
from services.qualification.responses.endpoints import router as responses
from services.qualification.signals.endpoints import router as signals
from services.qualification.territories.endpoints import router as territories
from services.qualification.touches.endpoints import router as touches
from services.schema import HEAD
from services.workspace.keys.lookups import token_lookups

app = create_app(
    name="qualification",
    title="Leadline qualification",
    description="Territory, engagement, leads, the acceptance test, MEDDPPICC and command plans,"
    " meetings, team boards, and the hand-over of accepted leads to pipeline.",
    # Paths of two parts come before those of leads, which take any external id.
    routers=[
        signals,
        nurture,
        touches,
        responses,
        merges,
        evidence,
        plans,
        consults,
        meetings,
        questions,
        territories,
        engagement,
        boards,
        leads,
        acceptance,
    ],
    token_lookups=token_lookups,
    schema_head=HEAD,
)
