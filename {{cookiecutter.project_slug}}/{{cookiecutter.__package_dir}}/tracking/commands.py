"""The commands of this room; `cli` adds them."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ..utils.terminal import DEFAULT, AsJson, ConfigPath, print_json, print_table

if TYPE_CHECKING:
    from ..config import Config
    from .runs import Run

TABLE_METRICS = 3  # of each run; `--json` has all
RunName = Annotated[str, typer.Argument(help="A run's id, or the version that came of it.")]


def register(app: typer.Typer, load: Callable[..., "Config"]) -> None:
    """Add the commands.

    Args:
        app: The command line.
        load: Reads a configuration file and sets up logging.
    """
    group = typer.Typer(help="The training runs, failed ones too.", no_args_is_help=True)
    app.add_typer(group, name="runs", rich_help_panel=None)

    @group.command("list")
    def list_(config: ConfigPath = DEFAULT, as_json: AsJson = False) -> None:
        """List the runs, the oldest first."""
        from .runs import read_runs

        runs = read_runs(load(config).paths.artifacts)
        if as_json:
            print_json([run.model_dump(mode="json") for run in runs])
        elif runs:
            print_table(*table(runs))
            for run in runs:
                if run.error:
                    typer.echo(f"{run.id}: {run.error}")
        else:
            typer.echo("no run yet. Next: train")

    @group.command()
    def compare(
        first: RunName, second: RunName, config: ConfigPath = DEFAULT, as_json: AsJson = False
    ) -> None:
        """Show in what two runs differ: what they were told, and what came of it."""
        from .runs import read_runs

        runs = read_runs(load(config).paths.artifacts)
        one, other = (_find(runs, name) for name in (first, second))
        found = differences(one, other)
        if as_json:
            print_json({name: list(values) for name, values in found.items()})
            return
        rows = [[name, *map(_shown, values)] for name, values in found.items()]
        print_table([["", _title(one), _title(other)], *rows], 2)


def table(runs: Sequence["Run"]) -> tuple[list[list[str]], int]:
    """Return rows of text, headers first, and how many of the last columns are metrics."""
    named = list(dict.fromkeys(name for run in runs for name in run.metrics))
    test = [name for name in named if name.startswith("test_")]
    shown = (test or named)[:TABLE_METRICS]
    rows = [["run", "state", "version", "started", "model", *shown]]
    for run in runs:
        metrics = (run.metrics.get(name) for name in shown)
        values = ["" if value is None else f"{value:.4f}" for value in metrics]
        model = str(run.params.get("model", ""))
        rows.append([run.id, run.state, run.version or "", run.started[:16], model, *values])
    return rows, len(shown)


def differences(one: "Run", other: "Run") -> dict[str, tuple[object, object]]:
    """Return parameters and metrics that differ, by name; None where a run has none."""
    found: dict[str, tuple[object, object]] = {}
    for mine, theirs in ((one.params, other.params), (one.metrics, other.metrics)):
        for name in dict.fromkeys([*mine, *theirs]):
            values = mine.get(name), theirs.get(name)
            if values[0] != values[1]:
                found[name] = values
    return found


def _find(runs: Sequence["Run"], name: str) -> "Run":
    from ..errors import UserError

    for run in reversed(runs):
        if name in (run.id, run.version):
            return run
    raise UserError(f"no run {name!r}: `runs list` has them", 2)


def _title(run: "Run") -> str:
    return run.version or run.id


def _shown(value: object) -> str:
    return "" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
