"""`leadline migrate`: brings the database to the newest schema."""

from pathlib import Path
from typing import Annotated

import typer


def upgrade_to_head() -> None:
    """Apply what is missing to the database of the settings. One runner at a time, the rest wait."""
    from alembic import command
    from alembic.config import Config

    import migrations

    directory = Path(migrations.__file__).parent
    config = Config()
    config.set_main_option("script_location", str(directory).replace("%", "%%"))
    command.upgrade(config, "head")


def schema_head() -> str:
    """The newest migration this code knows."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    import migrations

    config = Config()
    directory = Path(migrations.__file__).parent
    config.set_main_option("script_location", str(directory).replace("%", "%%"))
    return ScriptDirectory.from_config(config).get_current_head() or ""


def migrate(
    as_json: Annotated[bool, typer.Option("--json", help="Answer in JSON.")] = False,
) -> None:
    """Bring the database to the newest schema. Safe to repeat; one runner at a time."""
    from services.cli.environment import connected, say

    with connected():
        upgrade_to_head()
    say({"migrated_to": schema_head()}, as_json=as_json)
