"""The commands of the feature store; `cli` adds them where it is there."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from ..utils.terminal import DEFAULT, ConfigPath, print_table


def register(app: typer.Typer, load: Callable[[Path], Any]) -> None:
    """Add the commands.

    Args:
        app: The command line.
        load: Reads a configuration file and sets up logging.
    """
    features = typer.Typer(help="Second tables: the feature store.", no_args_is_help=True)
    app.add_typer(features, name="features", rich_help_panel=None)

    @features.command()
    def materialize(config: ConfigPath = DEFAULT) -> None:
        """Bring the second tables to where they are read; `ingest` does so too."""
        from ..data.schema import load_schema
        from .feature_store import store

        settings = load(config)
        for line in store().materialize(load_schema(settings.paths.schema_)):
            typer.echo(line)

    @features.command()
    def status(config: ConfigPath = DEFAULT) -> None:
        """Say how fresh each second table is; exit code 1 where one cannot be read."""
        from ..data.schema import load_schema
        from .feature_store import store

        settings = load(config)
        found = store().status(load_schema(settings.paths.schema_))
        rows = [(name, one.newest, one.state, f"{one.rows:,}") for name, one in found.items()]
        print_table([("table", "up to", "state", "rows"), *rows], 1)
        if not all(one.is_ready for one in found.values()):
            typer.echo("Next: features materialize")
            raise typer.Exit(1)
