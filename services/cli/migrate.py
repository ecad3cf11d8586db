"""`leadline migrate`: brings the database to the newest schema."""

import logging
from pathlib import Path
from typing import Annotated

import typer


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
