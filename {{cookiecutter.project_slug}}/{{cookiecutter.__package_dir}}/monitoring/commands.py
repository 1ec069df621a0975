"""The commands of this room; `cli` adds them where the room is there."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ..utils.terminal import DEFAULT, ConfigPath


def register(app: typer.Typer, load: Callable[[Path], Any]) -> None:
    """Add the commands.

    Args:
        app: The command line.
        load: Reads a configuration file and sets up logging.
    """
    monitoring = typer.Typer(help="Alerts and dashboards.", no_args_is_help=True)
    app.add_typer(monitoring, name="monitoring", rich_help_panel=None)

    @monitoring.callback()
    def group() -> None:
        """Alerts and dashboards."""

    @monitoring.command()
    def rules() -> None:
        """Write the rules of Prometheus from monitoring/drift.yml."""
        from ..utils.files import atomic_file
        from .rules import PATH
        from .rules import rules as made
        from .settings import load_settings

        text = made(load_settings())
        with atomic_file(PATH) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
        typer.echo(f"{PATH}: let Prometheus read it again (SIGHUP, or POST /-/reload)")

    @app.command()
    def drift(
        file: Annotated[
            Path | None,
            typer.Argument(help="CSV, parquet or a prediction log; data.source if left out."),
        ] = None,
        config: ConfigPath = DEFAULT,
    ) -> None:
        """Hold a table or a prediction log against what the champion has learned."""
        from . import drift as step
        from .drift_report import lines

        settings = load(config)
        comparison = step.run(settings, file)
        for line in lines(comparison):
            typer.echo(line)
        typer.echo(f"report: {settings.paths.artifacts / step.FOLDER / 'report.html'}")
        if comparison.drifted:
            raise typer.Exit(1)
