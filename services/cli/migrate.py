"""`leadline migrate`: brings the database to the newest schema."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated

import typer


def is_at_head() -> bool:
    """Asked with one statement: importing what migrations need takes most of a second."""
    import asyncpg

    from services.cli.administration import schema_version
    from services.kit.settings import get_settings
    from services.schema import HEAD

    async def ask() -> bool:
        connection = await asyncpg.connect(get_settings().migrate_dsn(), timeout=30)
        try:
            found = await schema_version(connection)
            # A later one belongs to the next release, which this one runs beside.
            return found is not None and found >= HEAD
        finally:
            await connection.close()

    return asyncio.run(ask())


def upgrade_to_head() -> None:
    """Apply what is missing to the database of the settings. One runner at a time, the rest wait."""
    from alembic import command
    from alembic.config import Config

    import services

    directory = Path(services.__file__).resolve().parent.parent / "migrations"
    config = Config()
    # A percent sign begins a reference in this file format.
    config.set_main_option("script_location", str(directory).replace("%", "%%"))
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)
    command.upgrade(config, "head")


def migrate(
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Bring the database to the newest schema. Safe to repeat; one runner at a time."""
    from services.cli.environment import connected, say
    from services.schema import HEAD

    with connected():
        upgrade_to_head()
    say({"migrated_to": HEAD}, as_json=as_json)
