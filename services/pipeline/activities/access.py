"""Who may log on what: whoever may write the opportunity, and its SDR while it waits at stage 0; on
an account whoever may write it or one of its opportunities."""

from __future__ import annotations

from services.pipeline.activities.errors import NotYourActivityError
from services.pipeline.activities.repository import Company, Deal
from services.pipeline.opportunities.access import Actor

_STAGE_0 = "pending_acceptance"


def may_see_deal(actor: Actor, deal: Deal) -> bool:
    return actor.may_write(deal.owner_id) or (
        actor.user_id is not None and deal.sdr_id == actor.user_id
    )


def require_deal(actor: Actor, deal: Deal) -> None:
    """Raises NotYourActivityError unless the actor may log on it."""
    if actor.may_write(deal.owner_id):
        return
    if deal.stage != _STAGE_0 or actor.user_id is None or deal.sdr_id != actor.user_id:
        raise NotYourActivityError("The opportunity belongs to somebody else.")


def require_company(actor: Actor, company: Company) -> None:
    """Raises NotYourActivityError unless the actor may log on it."""
    if actor.owners is not None and actor.owners.isdisjoint(company.owners):
        raise NotYourActivityError("The account, with its opportunities, belongs to others.")
