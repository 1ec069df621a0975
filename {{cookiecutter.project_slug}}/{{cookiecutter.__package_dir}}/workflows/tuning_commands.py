"""The command that searches for parameters; `cli` adds it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

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
    def tune(
        config: ConfigPath = DEFAULT,
        trials: Annotated[
            int | None, typer.Option(min=1, help="In all; tune.trials if left out.")
        ] = None,
        minutes: Annotated[
            float | None, typer.Option(min=0.01, help="For this run; tune.minutes if left out.")
        ] = None,
    ) -> None:
        """Search for better parameters on the training rows; goes on where it was stopped."""
        from ..utils.metrics import METRICS
        from .tuning import run

        settings = load(config)
        given = {"trials": trials, "minutes": minutes}
        changes = {name: value for name, value in given.items() if value is not None}
        settings = settings.model_copy(update={"tune": settings.tune.model_copy(update=changes)})
        tuned = run(settings, config)
        search, best = tuned.search, tuned.search.best
        label = METRICS[search.metric].label
        typer.echo(f"  {label} as configured ({search.start_model}): {search.start:.4f}")
        if best is not None:
            typer.echo(f"  {label} of trial {best.number} ({best.model}): {best.score:.4f}")
        typer.echo(f"{tuned.folder}: {len(search.trials)} trials, their record and pictures")
        if tuned.config is None:
            typer.echo("No trial is better: the configuration stays. Next: train")
        else:
            typer.echo(f"wrote {tuned.config}. Next: all --config {tuned.config}")
