"""The command `leadline`: names every command and where it lives, nothing more.

The modules of the commands import what they need inside their functions, so that `--help`
answers at once and `leadline up` stays small.
"""

import sys

import typer

from services.cli import bootstrap, doctor, key, migrate, serve, up, workspace

app = typer.Typer(
    name="leadline",
    help="From a lead to the Net ARR a company will book this quarter.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command("up")(up.up)
app.command("serve")(serve.serve)
app.command("worker")(serve.worker)
app.command("migrate")(migrate.migrate)
app.add_typer(workspace.app, name="workspace")
app.add_typer(key.app, name="key")
app.command("doctor")(doctor.doctor)
app.command("bootstrap", hidden=True)(bootstrap.bootstrap)
app.command("seed", hidden=True)(bootstrap.seed)


def run() -> None:
    """Refusals are sentences on standard error and exit code 1; a traceback means a defect."""
    from services.cli.environment import REFUSALS
    from services.kit.errors import ServiceError

    try:
        app()
    except REFUSALS as error:
        print(f"leadline: {error}", file=sys.stderr)
        sys.exit(1)
    except ServiceError as error:
        for problem in error.errors:
            name = problem.pointer.rpartition("/")[2]
            print(f"leadline: {name} {problem.message}", file=sys.stderr)
        if not error.errors:
            print(f"leadline: {error.detail}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    run()
