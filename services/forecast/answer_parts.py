"""Answers about what is behind a figure and how it came about, as JSON-able dicts.

Pure, like `answer`: everything read from the database is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.forecast.answer import levels_text, pipeline_text
from services.forecast.drill_down import Page, figure_text
from services.forecast.question import Question
from services.forecast.scope import Scope
from services.forecast.trend import Point
from services.forecast.waterfall import Waterfall


def render_waterfall(question: Question, figure: str, waterfall: Waterfall) -> dict[str, Any]:
    """Starting, every cause that moved the figure, ending."""
    scope = waterfall.scope
    return {
        "fiscal_quarter": question.quarter.label,
        "user_id": scope.person.id if scope.person else None,
        "currency": scope.workspace.currency,
        "axis": question.axis.value,
        "figure": figure,
        "from": waterfall.start.as_of,
        "to": waterfall.end.as_of,
        "starting": figure_text(figure, waterfall.starting),
        "causes": [
            {
                "cause": step.cause,
                "amount": figure_text(figure, step.amount),
                "entry_count": step.entry_count,
            }
            for step in waterfall.steps
        ],
        "ending": figure_text(figure, waterfall.ending),
    }


def render_trend(question: Question, scope: Scope, points: Sequence[Point]) -> dict[str, Any]:
    """The figures without quota and warnings, once an interval."""
    return {
        "fiscal_quarter": question.quarter.label,
        "user_id": scope.person.id if scope.person else None,
        "currency": scope.workspace.currency,
        "axis": question.axis.value,
        "points": [
            {
                "date": point.day,
                "as_of": point.as_of,
                "gross_arr": levels_text(point.figures.gross_arr),
                "renewal_loss": levels_text(point.figures.renewal_loss),
                "net_arr": levels_text(point.figures.net_arr),
                "coverage": pipeline_text(point.figures),
                "opportunity_count": point.figures.opportunity_count,
            }
            for point in points
        ],
    }


def render_page(question: Question, figure: str | None, page: Page) -> dict[str, Any]:
    """A page of what is behind a figure, and which figure of which moment that is."""
    scope = page.scope
    head: dict[str, Any] = {
        "fiscal_quarter": question.quarter.label,
        "user_id": scope.person.id if scope.person else None,
        "currency": scope.workspace.currency,
        "axis": question.axis.value,
        "as_of": scope.moment.as_of,
        "sequence": scope.moment.batch.sequence,
        "figure": figure,
    }
    if page.total is not None and figure is not None:
        head["total"] = figure_text(figure, page.total)
    return head | {"items": page.items, "next_cursor": page.next_cursor}
