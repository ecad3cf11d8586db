"""Indexes that boards and the funnel are read by, on tables other packages own: there are no tables
of boards, since nothing is kept for them that is not kept anyway."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, text

from services.qualification.models import Assessment, Conversion, Lead

_LEADS = Lead.__table__.c
_ENTERED = "LEAST(first_mql_at, first_pql_at, sql_at)"
_LIVE = "merged_into_id IS NULL"
# Not COALESCE: Postgres takes that for leaky, so that row-level security keeps it out of indexes.
# As Postgres writes it, which the schema is compared with.
_WORKER = "\nCASE\n    WHEN sdr_id IS NULL THEN owner_id\n    ELSE sdr_id\nEND"
_WORKED = f"{_LIVE} AND status IN ('mql', 'pql', 'accepted', 'qualifying')"
_STEPS: Final = ("id", "created_at", "first_mql_at", "first_pql_at", "sql_at")
# An entry of an index holds 2.7 kB, which two labels of 255 characters always fit and four do not.
_GROUPS: Final = {
    "source": ("source_kind", "employees", "sdr_id", "source", "campaign"),
    "region": ("region", "engagement_external_id"),
}

for _name, _columns in _GROUPS.items():
    # Leads by when they came into the funnel, with all a figure is made of.
    Index(
        f"ix_leads_funnel_entered_{_name}",
        _LEADS.workspace_id,
        text(_ENTERED),
        postgresql_include=[*_STEPS, *_columns],
        postgresql_where=text(f"{_LIVE} AND {_ENTERED} IS NOT NULL"),
    )
    # Those that never did, by when they began.
    Index(
        f"ix_leads_funnel_waiting_{_name}",
        _LEADS.workspace_id,
        _LEADS.created_at,
        postgresql_include=list(_columns),
        postgresql_where=text(f"{_LIVE} AND {_ENTERED} IS NULL"),
    )

# The opportunity of each lead, without the request it was asked for by.
Index(
    "ix_conversions_funnel",
    Conversion.__table__.c.workspace_id,
    Conversion.__table__.c.lead_id,
    postgresql_include=["opportunity_id"],
)

# What somebody has to do: leads being worked by whoever works and by whoever owns them, and the
# next touches.
Index(
    "ix_leads_work",
    _LEADS.workspace_id,
    text(_WORKER),
    _LEADS.status,
    postgresql_where=text(_WORKED),
)
Index(
    "ix_leads_owned",
    _LEADS.workspace_id,
    _LEADS.owner_id,
    postgresql_where=text(f"{_WORKED} AND owner_id IS NOT NULL"),
)
Index(
    "ix_leads_touches",
    _LEADS.workspace_id,
    text(_WORKER),
    _LEADS.next_touch_on,
    postgresql_where=text(f"{_LIVE} AND next_touch_on IS NOT NULL"),
)

# Tests of leads that let them be handed over, the last of each found by its id.
Index(
    "ix_assessments_convertible",
    Assessment.__table__.c.workspace_id,
    Assessment.__table__.c.lead_id,
    Assessment.__table__.c.id,
    postgresql_include=["assessed_at", "verdict"],
    postgresql_where=text("is_convertible AND is_binding AND lead_id IS NOT NULL"),
)
