"""The command line: thin, and quick to answer, since heavy imports wait inside the commands."""

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .errors import UserError
from .utils.terminal import DEFAULT, AsJson, ConfigPath, colored, print_diff, print_json

if TYPE_CHECKING:
    from .config import Config

app = typer.Typer(
    help="Ingest data, train, evaluate and predict. Start with `all`.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
schema_app = typer.Typer(help="The schema of the raw table.", no_args_is_help=True)
app.add_typer(schema_app, name="schema", rich_help_panel=None)

Version = Annotated[str | None, typer.Option("--version", help="Such as v0.2.")]


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
    file: Annotated[Path, typer.Argument(help="Your table: CSV, parquet, or a folder of such.")],
    target: Annotated[str, typer.Option("--target", "-t", help="The column to predict.")],
    config: ConfigPath = DEFAULT,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show all of it, write none.")] = False,
) -> None:
    """Write the schema and the configuration for a table of your own."""
    from .data import scaffold

    written = scaffold.run(file, target, config, dry_run)
    for line in written.notes:
        typer.echo(line)
    if dry_run:
        for change in written.changes:
            print_diff(change.diff())
        return
    for path in written.kept:
        typer.echo(f"kept the former file as {path}")
    _next(f"wrote {written.schema} and {config}", "read them, then: all")


@schema_app.command("update")
def schema_update(
    file: Annotated[Path, typer.Argument(help="A newer table, as for infer.")],
    apply: Annotated[bool, typer.Option("--apply", help="Write it, and keep a copy.")] = False,
    config: ConfigPath = DEFAULT,
) -> None:
    """Show how the schema would take in a newer file: columns, ranges, categories."""
    from .data.schema_update import propose
    from .utils.changes import write_changes

    path = _load(config).paths.schema_
    proposal = propose(file, path)
    for line in proposal.notes:
        typer.echo(line)
    if proposal.change is None:
        typer.echo(f"{path} needs no change for {file}")
        return
    print_diff(proposal.change.diff())
    if apply:
        (kept,) = write_changes([proposal.change])
        _next(f"wrote {path}; the former file is {kept}", "data.source, then: all")
    else:
        _next("nothing is written", f"schema update {file} --apply")


@schema_app.command("json")
def schema_json(config: ConfigPath = DEFAULT) -> None:
    """Write the JSON Schemas by which editors know the files in configs/."""
    from .data.json_schema import write_json_schemas

    for path in write_json_schemas(config.parent):
        typer.echo(path)


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
    from .models.versions import hashed_columns
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
    from .workflows import training as step

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
    from .tracking.records import MODEL_CARD
    from .workflows import evaluation as step

    evaluation = step.run(_load(config), version)
    if as_json:
        print_json(evaluation.to_json())
        step.check_demands(evaluation)
        return
    for line in lines(evaluation):
        typer.echo(f"  {line}")
    step.check_demands(evaluation)
    _next(f"{evaluation.report} and {MODEL_CARD}", "models promote")


@app.command("all")
def all_steps(config: ConfigPath = DEFAULT) -> None:
    """Ingest, preprocess, train and evaluate; promote the version if it is the best so far."""
    from .models.commands import champion_name, promote_version

    for step in (ingest, preprocess, train, evaluate):
        step(config)
    settings = _load(config)
    promote_version(settings)
    if (champion := champion_name(settings)) is not None:
        typer.echo(f"{champion} is the champion. Next: serve")


@app.command()
def predict(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="CSV or parquet, or the folder to make.")
    ],
    file: Annotated[
        Path | None, typer.Argument(help="A file or a folder; data.source if left out.")
    ] = None,
    config: ConfigPath = DEFAULT,
    version: Annotated[
        str | None, typer.Option("--version", help="Such as v0.2, or newest; else the champion.")
    ] = None,
) -> None:
    """Predict every row of a file or a folder with the champion, or with another version."""
    from .data.ingest import local_table
    from .models.registry import ModelRegistry, find_version
    from .predict import batch
    from .scale.engine import open_engine

    settings = _load(config)
    if version is None:
        registry = ModelRegistry(settings.serve.store, settings.serve.cache)
        model = registry.open_champion()
    else:
        model = find_version(settings.paths.models, None if version == "newest" else version)
    source, lookups = file or local_table(settings), settings.features.lookups
    engine = open_engine(settings.scale)
    done = batch.run(model, source, out, settings.data.batch_rows, lookups, engine)
    typer.echo(f"{out}: {done.rows - done.rejected:,} rows predicted by {model.version}")
    if done.warned:
        typer.echo(f"{done.warned:,} of them break a rule of the schema: column warnings")
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


@app.command()
def doctor(config: ConfigPath = DEFAULT) -> None:
    """Look for what is broken or missing here, and say what mends it; exit code 1 if it must be."""
    from .workflows.doctor import run

    broken = 0
    for one in run(config):
        mend = f"  -> {one.mend}" if one.mend else ""
        state = colored(one.state) + " " * (5 - len(one.state))
        typer.echo(f"{state}{one.about:<11} {one.said}{mend}")
        broken += one.state == "mend"
    if broken:
        raise typer.Exit(1)


def _load(path: Path) -> "Config":
    from .config import load_config
    from .logging_config import setup_logging

    config = load_config(path)
    setup_logging(config.logging.level, config.logging.format)
    return config


def _next(done: str, step: str) -> None:
    typer.echo(done)
    typer.echo(f"Next: {step}")


for _path in sorted(Path(__file__).parent.glob("*/*commands.py")):  # a room's own
    import_module(f".{_path.parent.name}.{_path.stem}", __package__).register(app, _load)
