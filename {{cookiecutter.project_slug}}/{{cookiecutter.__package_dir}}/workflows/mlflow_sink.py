"""Show the runs in MLflow: parameters, metrics, plots, data, and the served model in its registry.

The files in artifacts/runs and the champion's pointer lead, and MLflow follows: `sync` compares a
hash of what it has sent with what there is, so it may be run at any time and as often as you like.
Aliases that somebody moved in MLflow are told and set back: `models promote` is what moves them.
"""

import logging
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..config import Config
from ..errors import UserError
from ..tracking.runs import FOLDER, read_runs
from ..utils.yaml import explain

NAME = "tracking.sinks: workflows.mlflow_sink"
SECONDS = 2.0  # to reach a server; what is away waits for the next run
SWITCHES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


class Settings(BaseModel):
    """What stands in `tracking.sinks` under this module's name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    uri: str = Field(default="sqlite:///mlruns/mlflow.db", pattern=r"^(sqlite|\w+sql|https?)\S*://")
    experiment: str | None = None  # None: the model's name


def sync(config: Config, settings: Mapping[str, Any]) -> list[str]:
    """Send what is new in the runs, and set the aliases.

    Args:
        config: The configuration.
        settings: As `Settings`.

    Returns:
        What was done, or why nothing was, in lines.

    Raises:
        UserError: A setting is wrong, or MLflow refused something.
    """
    chosen = read_settings(settings)
    runs = read_runs(config.paths.artifacts)
    waiting = f"the runs wait in {config.paths.artifacts / FOLDER}"
    if find_spec("mlflow") is None:
        return [f"MLflow is not installed: `make mlflow` installs and shows it; {waiting}"]
    if not _is_reachable(chosen.uri):
        return [f"{chosen.uri} cannot be reached; {waiting}, and `tracking sync` sends them"]
    for name, value in SWITCHES.items():
        os.environ.setdefault(name, value)
    from mlflow.exceptions import MlflowException

    from .mlflow_sender import Sender

    with _quiet():
        try:
            return Sender(config, chosen.uri, chosen.experiment).send(runs)
        except MlflowException as error:
            text = " ".join(str(error).split())[:300]
            raise UserError(f"MLflow at {chosen.uri}: {text}") from None


def read_settings(settings: Mapping[str, Any]) -> Settings:
    """Check the settings.

    Raises:
        UserError: One is wrong; exit code 2.
    """
    try:
        return Settings.model_validate(dict(settings))
    except ValidationError as error:
        raise UserError(f"{NAME}: {'; '.join(explain(error))}", 2) from None


def _is_reachable(uri: str) -> bool:
    """Tell whether something listens at the host of a URI; a file is always there."""
    parts = urlsplit(uri)
    if parts.hostname is None:
        return True
    ports = {"https": 443, "http": 80, "mysql": 3306, "mssql": 1433}
    port = parts.port or ports.get(parts.scheme.partition("+")[0], 5432)
    try:
        socket.create_connection((parts.hostname, port), timeout=SECONDS).close()
    except OSError:
        return False
    return True


@contextmanager
def _quiet() -> Iterator[None]:
    """Let MLflow talk only of what goes wrong."""
    loggers = [logging.getLogger(name) for name in ("mlflow", "alembic")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
