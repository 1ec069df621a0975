"""The command that proves the whole way; `cli` adds it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from ..utils.terminal import DEFAULT, ConfigPath, colored

if TYPE_CHECKING:
    from ..config import Config
    from ..reports.proof import Step


def register(app: typer.Typer, load: Callable[..., "Config"]) -> None:
    """Add the command.

    Args:
        app: The command line.
        load: Reads a configuration file and sets up logging.
    """

    @app.command()
    def prove(config: ConfigPath = DEFAULT) -> None:
        """Prove the whole way in a folder of its own: train, serve, shift, train again, go back."""
        from .prove import run

        state, page = run(load(config), show)
        typer.echo(f"{colored(state)}: {page}")
        if state == "failed":
            raise typer.Exit(1)


def show(step: "Step") -> None:
    """Print a step that is over."""
    blanks = " " * (8 - len(step.state))
    typer.echo(f"{colored(step.state)}{blanks}{step.name:<16}{step.seconds:>7.1f} s")
    for line in step.said:
        typer.echo(f"          {line}")
    for name, value in step.figures.items():
        typer.echo(f"          {name}: {value:,.4g}")
