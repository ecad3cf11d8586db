"""`leadline audit`: the figures from scratch against the ledger, to the cent."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import typer


def command(
    workspace: Annotated[
        str | None, typer.Option("--workspace", help="Slug or id; not needed for the only one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Work out every figure from the opportunity rows and compare. Ends with 1 on a difference."""
    from services.cli.environment import configure_logging, connected

    configure_logging()
    with connected():
        answer = asyncio.run(_audit(workspace))
    if as_json:
        print(json.dumps(answer, default=str))
    else:
        _print(answer)
    if not answer["equal"]:
        raise typer.Exit(1)


async def _audit(reference: str | None) -> dict[str, Any]:
    from services.cli.administration import administration, workspace_named
    from services.cli.progress import counting
    from services.forecast.audits import service

    async with administration() as database:
        workspace_id = await workspace_named(database, reference)
        with counting("opportunities compared") as progress:
            result = await service.audit(database, workspace_id, progress)
    return {
        "equal": result.is_equal,
        "sequence": result.sequence,
        "opportunities": result.opportunities,
        "difference_count": result.difference_count,
        "differences": result.differences,
    }


def _print(answer: dict[str, Any]) -> None:
    verdict = "equal" if answer["equal"] else f"{answer['difference_count']} differences"
    print(f"{verdict}: {answer['opportunities']} opportunities, sequence {answer['sequence']}")
    for difference in answer["differences"][:50]:
        print(json.dumps(difference, default=str))
