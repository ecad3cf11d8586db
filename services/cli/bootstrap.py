"""First steps of `leadline up`: schema, first workspace, its API key, its demo data.

Each step looks at what is there, so that a start which was killed in between goes on.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

_GATEWAY_PATIENCE_S = 120.0


def bootstrap(
    no_demo: Annotated[
        bool, typer.Option("--no-demo", help="Begin with an empty workspace.")
    ] = False,
) -> None:
    """Migrate, and on a first start make the first workspace and its API key."""
    from services.cli.environment import (
        API_KEY_FILE,
        SEEDING_FILE,
        configure_logging,
        write_private,
    )
    from services.cli.migrate import is_at_head, upgrade_to_head
    from services.kit.settings import get_settings

    configure_logging()
    home = get_settings().home.absolute()
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not is_at_head():
        upgrade_to_head()
    key_file, marker = home / API_KEY_FILE, home / SEEDING_FILE
    token = key_file.read_text().strip() if key_file.exists() else ""
    new_token = asyncio.run(_first_workspace(token, marker, demo=not no_demo))
    if new_token is not None:
        write_private(key_file, f"{new_token}\n")


async def _first_workspace(token: str, marker: Path, *, demo: bool) -> str | None:
    """A new admin key of the first workspace, None when `token` is one already.

    The marker is there before the demo's workspace is, and goes when its data is loaded.
    """
    from services.cli.administration import administration, first_workspace_id, token_works
    from services.workspace.keys.service import create_key
    from services.workspace.workspaces.service import create_workspace

    async with administration() as database:
        workspace_id = await first_workspace_id(database)
        if workspace_id is None:
            # Made anew or taken away: an earlier start may have left one without a workspace.
            await asyncio.to_thread(marker.touch if demo else lambda: marker.unlink(True))
            name, slug = ("Demo", "demo") if demo else ("Main", "main")
            workspace_id = (await create_workspace(database, name=name, slug=slug)).id
        if await token_works(database, token, workspace_id):
            return None
        async with database.write(workspace_id) as session:
            _, made = await create_key(session, name="leadline up", roles=["admin"])
        return made
