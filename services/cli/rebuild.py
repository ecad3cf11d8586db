"""`leadline rebuild`: brings the ledger to what the opportunity rows say."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

import typer


def command(
    workspace: Annotated[
        str | None, typer.Option("--workspace", help="Slug or id; not needed for the only one.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Post what is due, parked events too, and correct what differs. History stays as it was
    told; a difference becomes entries of the cause `correction`."""
    from services.cli.environment import configure_logging, connected, say

    configure_logging()
    with connected():
        answer = asyncio.run(_rebuild(workspace))
    say(answer, as_json=as_json)


async def _rebuild(reference: str | None) -> dict[str, Any]:
    from services.cli.administration import administration, workspace_named
    from services.cli.progress import counting
    from services.forecast import rebuild as rebuilding

    async with administration() as database:
        workspace_id = await workspace_named(database, reference)
        with counting("opportunities looked at") as progress:
            result = await rebuilding.rebuild(database, workspace_id, progress)
    return {"unchanged": result.is_unchanged, **asdict(result)}
