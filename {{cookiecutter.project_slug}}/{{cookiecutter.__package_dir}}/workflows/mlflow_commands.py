"""The commands of MLflow; `cli` adds them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from ..utils.terminal import DEFAULT, ConfigPath

if TYPE_CHECKING:
    from ..config import Config


def register(app: typer.Typer, load: Callable[..., "Config"]) -> None:
    """Add the commands.

    Args:
        app: The command line.
        load: Reads a configuration file and sets up logging.
    """
    group = typer.Typer(help="The runs in MLflow.", no_args_is_help=True)
    app.add_typer(group, name="tracking", rich_help_panel=None)

    @group.callback()
    def tracking() -> None:
        """Show the runs in MLflow."""

    @group.command()
    def sync(config: ConfigPath = DEFAULT) -> None:
        """Send to MLflow what it lacks, and set its aliases; may be run at any time."""
        from ..tracking import runs

        for line in runs.sync(load(config)) or ["MLflow has everything"]:
            typer.echo(line)
