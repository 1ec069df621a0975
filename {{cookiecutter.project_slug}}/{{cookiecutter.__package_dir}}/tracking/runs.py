"""Training runs as files: artifacts/runs/<id>.json says what each was told, and what came of it.

A run is written when it begins and when it ends, so one that failed, or was killed, is known too.
The files are the record; modules that `tracking.sinks` names may show them elsewhere.
"""

import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from pydantic import Field, ValidationError

from ..config import Config
from ..errors import UserError
from ..utils.files import host, is_running, sha256, write_json
from ..utils.parts import load_part
from ..utils.yaml import explain
from .records import Record, RunRecord

FOLDER = "runs"  # in the artifacts
VALIDATION, TEST = "val_", "test_"  # how metrics begin, by the rows that they are of

log = logging.getLogger(__name__)
told: set[str] = set()  # by sinks, to who runs this process


class Run(Record):
    """One training run."""

    id: str
    state: Literal["running", "finished", "failed"]
    started: str  # UTC, ISO 8601
    ended: str | None = None
    where: tuple[str, int]  # machine and process
    version: str | None = None  # of the model that came of it
    metadata_sha256: str | None = None  # of the version's metadata.json: names are given again
    params: dict[str, Any] = Field(default={})
    metrics: dict[str, float] = Field(default={})
    error: str | None = None


class Sink(Protocol):
    """A module that `tracking.sinks` names."""

    def sync(self, config: Config, settings: Mapping[str, Any]) -> list[str]:
        """Take over what is new in the runs, once and not twice, and say it in lines.

        Args:
            config: The configuration.
            settings: What stands under the module's name in `tracking.sinks`.

        Raises:
            UserError: A setting is wrong. What is out of reach is no error: a line says so.
        """


@contextmanager
def recorded(config: Config) -> Iterator[Run]:
    """Record a run: give what is known at its beginning; note the error if it fails.

    Who enters ends it with `finish`.
    """
    settings = {"model": config.train.model, **_dotted("params", config.train.params)}
    run = Run(
        id=f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(2)}",
        state="running",
        started=_now(),
        where=(host(), os.getpid()),
        params=settings | {"seed": config.train.seed},
    )
    _write(config.paths.artifacts, run)
    try:
        yield run
    except BaseException as error:
        text = " ".join(str(error).split()) or type(error).__name__
        _end(config.paths.artifacts, run, "failed", error=text)
        raise


def finish(artifacts: Path, run: Run, metadata: Path, record: RunRecord) -> None:
    """Note what came of a run.

    Args:
        artifacts: The folder of all artifacts.
        run: The run.
        metadata: The version's metadata.json.
        record: What it says.
    """
    params = {
        "model": record.model,
        **_dotted("params", record.params | record.found_params),
        "seed": record.seed,
        "split": record.split.by,
        "refit": record.refit is not None,
    }
    metrics = {VALIDATION + name: value for name, value in record.metrics.items()}
    version = {"version": metadata.parent.name, "metadata_sha256": sha256(metadata)}
    _end(artifacts, run, "finished", **version, params=params, metrics=metrics)


def add_metrics(artifacts: Path, version: str, metrics: Mapping[str, float]) -> None:
    """Add what the test rows say of a version to its run, where the run is known.

    Args:
        artifacts: The folder of all artifacts.
        version: The version's name.
        metrics: By name.
    """
    for run in read_runs(artifacts)[::-1]:
        if run.version == version:
            both = run.metrics | {TEST + name: value for name, value in metrics.items()}
            _write(artifacts, run.model_copy(update={"metrics": both}))
            return


def read_runs(artifacts: Path) -> list[Run]:
    """Return all runs, the oldest first; one whose process is gone has failed, and is noted so.

    Raises:
        UserError: A file is broken.
    """
    runs = []
    for path in sorted((artifacts / FOLDER).glob("*.json")):
        try:
            run = Run.model_validate_json(path.read_bytes())
        except ValidationError as error:
            raise UserError(
                f"{path}: broken ({'; '.join(explain(error)[:3])}); delete it"
            ) from None
        machine, process = run.where
        if run.state == "running" and machine == host() and not is_running(process):
            run = _end(artifacts, run, "failed", error="its process ended without a word")
        runs.append(run)
    return runs


def sync(config: Config) -> list[str]:
    """Let every sink take over what is new; return what they say."""
    said = []
    for name, settings in config.tracking.sinks.items():
        part: Sink = load_part(name, "tracking.sinks")
        said += part.sync(config, settings)
    return said


def tell_sinks(config: Config) -> None:
    """Let every sink take over what is new; what hinders one is logged and stops nothing.

    What one says again is not: `all` tells them three times.
    """
    try:
        lines = sync(config)
        for line in lines:
            if line not in told:
                log.info("%s", line)
        told.update(lines)
    except (UserError, OSError) as error:
        log.warning("the run is in %s, but %s", config.paths.artifacts / FOLDER, error)


def _end(artifacts: Path, run: Run, state: str, **changes: Any) -> Run:
    ended = run.model_copy(update={"state": state, "ended": _now(), **changes})
    _write(artifacts, ended)
    return ended


def _write(artifacts: Path, run: Run) -> None:
    folder = artifacts / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{run.id}.json", run.model_dump(mode="json"))


def _dotted(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{prefix}.{name}": value for name, value in sorted(values.items())}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
