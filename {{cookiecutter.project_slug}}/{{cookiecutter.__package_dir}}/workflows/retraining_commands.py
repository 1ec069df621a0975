"""The command that trains anew where it is due; `cli` adds it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from ..utils.terminal import DEFAULT, ConfigPath

if TYPE_CHECKING:
    from ..config import Config


def register(app: typer.Typer, load: Callable[..., "Config"]) -> None:
    """Add the command.

    Args:
        app: The command line.
        load: Reads a configuration file and sets up logging.
    """

    @app.command()
    def retrain(config: ConfigPath = DEFAULT) -> None:
        """Train on data.source if enough looks at it found drift; promote the version if better."""
        from ..models.commands import show_decision
        from .retraining import run

        outcome = run(load(config))
        for reason in outcome.against:
            typer.echo(f"not now: {reason}")
        if outcome.promotion is not None:
            show_decision(outcome.promotion)
