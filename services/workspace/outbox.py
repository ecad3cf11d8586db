"""The product's one outbox and the kinds of work in it. Everything that can move an answer of the
forecast is recorded here, in the transaction that changes it; and what only readers of the feed
are to hear of."""

from __future__ import annotations

from services.kit.outbox import Outbox

OUTBOX = Outbox("pipeline")

KIND_OPPORTUNITY = "opportunity"
KIND_REPORTING_LINE = "reporting_line"
KIND_POLICY = "policy"
KIND_QUOTA = "quota"
KIND_PLAN_TYPE = "plan_type"
KIND_NOTICE = "notice"
"""Moves no figure: somebody was told something."""
