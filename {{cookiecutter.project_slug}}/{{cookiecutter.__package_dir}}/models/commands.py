"""The commands of this room; `cli` adds them."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from ..utils.terminal import DEFAULT, AsJson, ConfigPath, colored, print_json, print_table

if TYPE_CHECKING:
    from ..config import Config
    from .comparison import PromotionDecision


def register(app: typer.Typer, load: Callable[..., "Config"]) -> None:
    """Add the commands.

    Args:
        app: The command line.
        load: Reads a configuration file and sets up logging.
    """
    models = typer.Typer(help="The trained versions.", no_args_is_help=True)
    app.add_typer(models, name="models", rich_help_panel=None)

    @models.command("list")
    def list_(config: ConfigPath = DEFAULT, as_json: AsJson = False) -> None:
        """List the versions with their metrics on the validation rows."""
        show_versions(load(config), as_json)

    @models.command()
    def promote(
        version: Annotated[
            str | None, typer.Argument(help="Such as v0.2; the newest if left out.")
        ] = None,
        force: Annotated[
            bool, typer.Option("--force", help="Whatever the comparison says.")
        ] = False,
        config: ConfigPath = DEFAULT,
    ) -> None:
        """Compare a version with the champion on the test rows; it takes over if it is better."""
        if promote_version(load(config), version, force) == "reject":
            raise typer.Exit(1)

    @models.command()
    def history(config: ConfigPath = DEFAULT, as_json: AsJson = False) -> None:
        """Show who made which version the champion, when and why; the latest comes last."""
        show_history(load(config), as_json)

    @models.command()
    def rollback(config: ConfigPath = DEFAULT) -> None:
        """Make the champion before the present one the champion again."""
        from ..tracking.runs import tell_sinks
        from . import promotion

        settings = load(config)
        typer.echo(promotion.rollback(settings))
        tell_sinks(settings)


def show_versions(settings: "Config", as_json: bool) -> None:
    """Print all versions; exit code 1 where one cannot be read."""
    from .versions import read_versions, table

    champion = champion_name(settings)
    known, broken = read_versions(settings.paths.models)
    if as_json:
        fields = {"version", "created", "model", "task", "target", "metrics"}
        rows = [one.model_dump(mode="json", include=fields) for one in known]
        print_json([row | {"champion": row["version"] == champion} for row in rows])
    elif known:
        print_table(*table(known, champion))
        typer.echo("Metrics of the validation rows; all of them: --json")
    elif not broken:
        typer.echo(f"{settings.paths.models} has no model yet. Next: train")
    for line in broken:
        typer.echo(line, err=True)
    if broken:
        raise typer.Exit(1)


def show_history(settings: "Config", as_json: bool) -> None:
    """Print the changes of the champion."""
    from .registry import ModelRegistry

    pointer = ModelRegistry(settings.serve.store, settings.serve.cache).champion()
    changes = () if pointer is None else pointer.history
    if as_json:
        print_json([change.model_dump(mode="json") for change in changes])
        return
    if pointer is None:
        typer.echo("no version has been the champion yet")
    for change in changes:
        typer.echo(f"{change.when}  {change.version:<7} {change.who:<12} {change.reason}")


def promote_version(settings: "Config", version: str | None = None, force: bool = False) -> str:
    """Promote a version if it deserves it; print and return the decision."""
    from ..tracking.runs import tell_sinks
    from . import promotion

    decision = promotion.promote(settings, version, force)
    show_decision(decision)
    tell_sinks(settings)
    return decision.decision


def show_decision(decision: "PromotionDecision") -> None:
    """Print what the gate said, and why."""
    typer.echo(f"{decision.candidate}: {colored(decision.decision)}")
    for reason in decision.reasons:
        typer.echo(f"  {reason}")


def champion_name(settings: "Config") -> str | None:
    """Return the champion's name, or None where nothing was promoted yet."""
    from .registry import ModelRegistry

    pointer = ModelRegistry(settings.serve.store, settings.serve.cache).champion()
    return None if pointer is None else pointer.version
