"""The command line: thin, and quick to answer, since heavy imports wait inside the commands."""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import UserError

if TYPE_CHECKING:
    from .config import Config

app = typer.Typer(
    help="Ingest data, train, evaluate and predict. Start with `all`.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
schema_app = typer.Typer(help="The schema of the raw table.", no_args_is_help=True)
models_app = typer.Typer(help="The trained versions.", no_args_is_help=True)
app.add_typer(schema_app, name="schema", rich_help_panel=None)
app.add_typer(models_app, name="models", rich_help_panel=None)

ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="Configuration file.")]
Version = Annotated[str | None, typer.Option("--version", help="Such as v0.2.")]
AsJson = Annotated[bool, typer.Option("--json", help="As JSON, for programs.")]
DEFAULT = Path("configs/default.yml")


def main() -> None:
    """Run the command line; exit code 0 done, 1 a check failed, 2 wrong use."""
    try:
        app()
    except UserError as error:
        _fail(str(error), error.code)
    except BrokenPipeError:  # `... | head`
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        reason = (error.strerror or str(error)).lower()
        _fail(f"{where}{reason}; choose another place or mend its rights", 1)


def _fail(reason: str, code: int) -> None:
    from .utils.terminal import colored

    typer.echo(f"{colored('error')}: {reason}", err=True)
    sys.exit(code)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import packages_distributions, version

        names = packages_distributions().get(__package__ or "", [])
        typer.echo(f"{names[0]} {version(names[0])}" if names else f"{__package__}, not installed")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show it and exit."),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


@schema_app.command("infer")
def schema_infer(
    file: Annotated[Path, typer.Argument(help="Your table: CSV or parquet.")],
    target: Annotated[str, typer.Option("--target", "-t", help="The column to predict.")],
    config: ConfigPath = DEFAULT,
) -> None:
    """Write the schema and the configuration for a table of your own."""
    from .data import scaffold

    written = scaffold.run(file, target, config)
    for line in written.notes:
        typer.echo(line)
    for path in written.kept:
        typer.echo(f"kept the former file as {path}")
    _next(f"wrote {written.schema} and {config}", "read them, then: all")


@app.command()
def ingest(config: ConfigPath = DEFAULT) -> None:
    """Copy the source into data/raw: checked, checksummed, never changed again."""
    from .data import ingest as step

    settings = _load(config)
    entry = step.run(settings)
    path = settings.paths.raw / entry.file
    _next(f"{path}: {entry.rows:,} rows, SHA-256 {entry.sha256[:12]}...", "preprocess")


@app.command()
def preprocess(config: ConfigPath = DEFAULT) -> None:
    """Split, fit on the training rows only, write data/processed."""
    from .models.registry import hashed_columns
    from .preprocess import pipeline

    settings = _load(config)
    summary = pipeline.run(settings, hashed_columns(settings.paths.models))
    rows = ", ".join(f"{name} {count:,}" for name, count in summary.rows.items())
    left_out = f"; {summary.missing_target:,} without a target" * (summary.missing_target > 0)
    left_out += f"; {summary.unseen_class:,} of an unseen class" * (summary.unseen_class > 0)
    _next(f"{settings.paths.processed}: {rows} rows{left_out}", "train")


@app.command()
def train(config: ConfigPath = DEFAULT, version: Version = None) -> None:
    """Fit the model and its baseline, save them as a new version."""
    from .models import train as step

    trained = step.run(_load(config), version)
    for name, value in trained.metrics.items():
        beside = trained.baseline.get(name)
        shown = "" if beside is None else f"   (baseline {beside:.4f})"
        typer.echo(f"  {name:<28} {value:10.4f}{shown}")
    _next(f"{trained.folder}: metrics above are on the validation rows", "evaluate")


@app.command()
def evaluate(
    config: ConfigPath = DEFAULT, version: Version = None, as_json: AsJson = False
) -> None:
    """Measure a version on the test rows; write the report and the model card."""
    from .reports.wording import lines
    from .tracking import MODEL_CARD
    from .utils.terminal import print_json
    from .workflows import evaluation as step

    evaluation = step.run(_load(config), version)
    if as_json:
        print_json(evaluation.to_json())
        return
    for line in lines(evaluation):
        typer.echo(f"  {line}")
    _next(f"{evaluation.report} and {MODEL_CARD}", "models promote")


@app.command("all")
def all_steps(config: ConfigPath = DEFAULT) -> None:
    """Ingest, preprocess, train and evaluate; promote the version if it is the best so far."""
    for step in (ingest, preprocess, train, evaluate):
        step(config)
    settings = _load(config)
    _promote(settings)
    if (champion := _champion(settings)) is not None:
        typer.echo(f"{champion} is the champion. Next: serve")


@app.command()
def predict(
    out: Annotated[Path, typer.Option("--out", "-o", help="CSV or parquet to write.")],
    file: Annotated[
        Path | None, typer.Argument(help="CSV or parquet; data.source if left out.")
    ] = None,
    config: ConfigPath = DEFAULT,
    version: Annotated[
        str | None, typer.Option("--version", help="Such as v0.2, or newest; else the champion.")
    ] = None,
) -> None:
    """Predict every row of a file with the champion, or with another version."""
    from .data.ingest import local_table
    from .models.registry import ModelRegistry, find_version
    from .predict import batch

    settings = _load(config)
    if version is None:
        registry = ModelRegistry(settings.serve.store, settings.serve.cache)
        model = registry.open_champion()
    else:
        model = find_version(settings.paths.models, None if version == "newest" else version)
    done = batch.run(model, file or local_table(settings), out, settings.data.batch_rows)
    typer.echo(f"{out}: {done.rows - done.rejected:,} rows predicted by {model.version}")
    if done.rejects:
        typer.echo(f"{done.rejected:,} rows could not be predicted; reasons: {done.rejects}")
        raise typer.Exit(1)


@app.command()
def serve(config: ConfigPath = DEFAULT) -> None:
    """Answer predictions over HTTP with the champion version."""
    from .predict import serve as server

    settings = _load(config).serve
    typer.echo(f"Starting on http://{settings.host}:{settings.port} (stop with Ctrl+C)")
    typer.echo("Ready once /health/ready says so; it follows the champion of the store.")
    server.run(config)


@models_app.command("list")
def models_list(config: ConfigPath = DEFAULT, as_json: AsJson = False) -> None:
    """List the versions with their metrics on the validation rows."""
    from .utils.terminal import print_json, print_table
    from .workflows.versions import read_versions, table

    settings = _load(config)
    champion = _champion(settings)
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


@models_app.command("promote")
def models_promote(
    version: Annotated[
        str | None, typer.Argument(help="Such as v0.2; the newest if left out.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Whatever the comparison says.")] = False,
    config: ConfigPath = DEFAULT,
) -> None:
    """Compare a version with the champion on the test rows; it takes its place if it is better."""
    if _promote(_load(config), version, force) == "reject":
        raise typer.Exit(1)


@models_app.command("history")
def models_history(config: ConfigPath = DEFAULT, as_json: AsJson = False) -> None:
    """Show who made which version the champion, when and why; the latest comes last."""
    from .models.registry import ModelRegistry
    from .utils.terminal import print_json

    settings = _load(config).serve
    pointer = ModelRegistry(settings.store, settings.cache).champion()
    if as_json:
        changes = () if pointer is None else pointer.history
        print_json([change.model_dump(mode="json") for change in changes])
        return
    if pointer is None:
        typer.echo("no version has been the champion yet")
        return
    for change in pointer.history:
        typer.echo(f"{change.when}  {change.version:<7} {change.who:<12} {change.reason}")


@models_app.command("rollback")
def models_rollback(config: ConfigPath = DEFAULT) -> None:
    """Make the champion before the present one the champion again."""
    from .models import promotion

    typer.echo(promotion.rollback(_load(config)))


def _promote(settings: "Config", version: str | None = None, force: bool = False) -> str:
    from .models import promotion
    from .utils.terminal import colored

    decision = promotion.promote(settings, version, force)
    typer.echo(f"{decision.candidate}: {colored(decision.decision)}")
    for reason in decision.reasons:
        typer.echo(f"  {reason}")
    return decision.decision


def _champion(settings: "Config") -> str | None:
    from .models.registry import ModelRegistry

    pointer = ModelRegistry(settings.serve.store, settings.serve.cache).champion()
    return None if pointer is None else pointer.version


def _load(path: Path) -> "Config":
    from .config import load_config
    from .logging_config import setup_logging

    config = load_config(path)
    setup_logging(config.logging.level, config.logging.format)
    return config


def _next(done: str, step: str) -> None:
    typer.echo(done)
    typer.echo(f"Next: {step}")


for _path in sorted(Path(__file__).parent.glob("*/commands.py")):  # of rooms that may be there
    import_module(f".{_path.parent.name}.commands", __package__).register(app, _load)
