"""First steps of `leadline up`: schema, first workspace, its API key, its demo data.

Each step looks at what is there, so that a start which was killed in between goes on.
"""

import asyncio
import time
from pathlib import Path
from typing import Annotated

import typer

_GATEWAY_PATIENCE_S = 300.0


def bootstrap(
    no_demo: Annotated[bool, typer.Option("--no-demo", help="Begin with an empty workspace.")],
) -> None:
    """Migrate, and on a first start make the first workspace and its API key."""
    from services.cli.environment import API_KEY_FILE, SEEDING_FILE, configure_logging
    from services.cli.migrate import upgrade_to_head
    from services.kit.settings import get_settings

    configure_logging()
    home = get_settings().home.absolute()
    upgrade_to_head()
    asyncio.run(_first_workspace(home / API_KEY_FILE, home / SEEDING_FILE, demo=not no_demo))


async def _first_workspace(key_file: Path, marker: Path, *, demo: bool) -> None:
    """The marker is written before the workspace exists and removed when the demo is loaded."""
    raise NotImplementedError


def seed() -> None:
    """Load the demo through the HTTP API. Repeating it after a crash changes nothing."""
    from services.cli.demo import seed as load
    from services.cli.environment import API_KEY_FILE, CommandError, is_ready
    from services.kit.settings import get_settings

    settings = get_settings()
    base = f"http://{settings.http_host}:{settings.http_port}"
    end = time.monotonic() + _GATEWAY_PATIENCE_S
    while not is_ready(base, "/healthz"):
        if time.monotonic() > end:
            raise CommandError(f"the gateway at {base} does not answer")
        time.sleep(0.1)
    load(base, (settings.home / API_KEY_FILE).read_text().strip())
