"""configs/*.yml as one frozen, checked object. A wrong key or value is named with its file."""

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from .errors import UserError
from .scale.engine import Scale
from .utils.files import name_of
from .utils.section import Section
from .utils.yaml import parse_yaml, problems, read_extended

DEFAULT = Path("configs/default.yml")
AUTO = "auto"  # for `train.model`: chosen by unseen rows
# Never read as YAML, in which `#key` is nothing, and never shown.
SECRETS = {"serve.api_key", "serve.signing_key"}
Fraction = Annotated[float, Field(gt=0, lt=1)]


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] >= ends[1]:
        raise ValueError("the least value comes first, such as [4, 64]")
    return ends


Range = Annotated[tuple[int | float, int | float], AfterValidator(_ascending)]


class Data(Section):
    """Where the raw table comes from and how much of it is in memory at a time."""

    source: str = Field(description="CSV or parquet: path, folder or pattern; s3://, gs://, az://")
    sha256: str | None = Field(
        default=None, pattern="^[0-9a-f]{64}$", description="expected checksum"
    )
    batch_rows: int = Field(default=65_536, ge=1, description="rows in memory at a time")

    @property
    def file_name(self) -> str:
        """What the table is called in data/raw."""
        return name_of(self.source)


class Split(Section):
    """How rows are dealt into train, validation and test; never re-drawn between versions."""

    by: Literal["time", "random", "group"] = "time"
    val_from: datetime | None = Field(
        default=None, description="by time: first moment of validation"
    )
    test_from: datetime | None = Field(default=None, description="by time: first moment of test")
    val_fraction: Fraction = 0.15
    test_fraction: Fraction = 0.15
    group: str | None = Field(default=None, description="by group: column that stays together")
    seed: int = Field(default=0, ge=0, description="by random or group")

    @model_validator(mode="after")
    def _complete(self) -> "Split":
        if self.by == "time":
            if self.val_from is None or self.test_from is None:
                raise ValueError("by: time needs val_from and test_from, such as 2013-09-01")
            if self.val_from >= self.test_from:
                raise ValueError("val_from must be before test_from")
        if self.by == "group" and self.group is None:
            raise ValueError("by: group needs group, the name of a column")
        if self.val_fraction + self.test_fraction >= 1:
            raise ValueError("val_fraction + test_fraction must leave rows for training")
        return self


class Features(Section):
    """What the model sees besides the schema's feature columns."""

    derived: tuple[str, ...] = Field(
        default=(), description="functions of features/feature_funcs.py"
    )
    trusted: tuple[str, ...] = Field(
        default=(), description="known in time though they tell the target"
    )
    lookups: str | None = Field(default=None, description="module that has the second tables")
    max_categories: int = Field(
        default=250, ge=1, description="most frequent categories kept per column"
    )


class Model(Section):
    """What the model is called, in metadata and metrics."""

    name: str = Field(default="model", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")


class Train(Section):
    """Which model, and how it is fitted."""

    model: str = Field(default=AUTO, description="a name in models/estimators.py, or auto")
    baseline: str = Field(default="dummy", description="a name in models/estimators.py")
    seed: int = Field(default=0, ge=0, lt=2**31)
    threads: int = Field(default=0, ge=0, description="0 = all cores")
    interval_level: Fraction = Field(
        default=0.9, description="regression: coverage of the interval"
    )
    refit: bool = Field(
        default=True, description="serve the model fitted again on all rows that have a target"
    )
    params: dict[str, Any] = Field(default={}, description="passed on to the model")
    attachments: tuple[str, ...] = Field(
        default=(), description="modules that add files to a version"
    )


class Tune(Section):
    """How `tune` searches for parameters, on the training rows alone."""

    trials: int = Field(default=50, ge=1, description="sets of parameters to try, over all runs")
    minutes: float = Field(default=10.0, gt=0, description="for one run; the next one goes on")
    folds: int = Field(default=3, ge=2, le=10, description="of the training rows")
    ranges: dict[str, Range] = Field(
        default={}, description="least and greatest value of a parameter, instead of the model's"
    )


class Costs(Section):
    """What wrong answers cost, in any unit: two classes, no more."""

    false_positive: float = Field(default=1.0, gt=0)
    false_negative: float = Field(default=1.0, gt=0)


class Evaluate(Section):
    """What the report shows."""

    slices: tuple[str, ...] = Field(default=(), description="columns to break the metrics down by")
    slice_floor: float | None = Field(default=None, description="least ROC AUC of a slice")
    slice_ceiling: float | None = Field(default=None, description="greatest error of a slice")
    slice_rows: int = Field(default=100, ge=30, description="smaller slices are held to neither")
    threshold: Fraction = Field(
        default=0.5, description="binary: probability from which it is the positive class"
    )
    costs: Costs | None = Field(default=None, description="binary: propose the cheapest threshold")
    min_precision: Fraction | None = Field(
        default=None, description="binary: or the one of highest recall with that precision"
    )
    bootstrap: int = Field(default=500, ge=0, description="resamples for the intervals; 0 = none")
    learning_curve: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.1, 0.25, 0.5, 1.0)

    @model_validator(mode="after")
    def _one_proposal(self) -> "Evaluate":
        if self.costs is not None and self.min_precision is not None:
            raise ValueError("a threshold is proposed by costs or by min_precision: leave one out")
        return self


class Promotion(Section):
    """When a new version takes the champion's place."""

    slice_rows: int = Field(default=100, ge=1, description="smaller slices are not looked at")
    slice_floor: float = Field(
        default=0.05, ge=0, description="share by which no slice may get worse"
    )


class Serve(Section):
    """The HTTP API."""

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    workers: int = Field(default=1, ge=1)
    store: str = Field(
        default="models", description="where versions are: path, s3://, gs://, az://"
    )
    cache: Path = Field(default=Path(".cache/models"), description="for versions of a remote store")
    poll_seconds: float = Field(default=5.0, gt=0, description="how often to look for a champion")
    max_body_bytes: int = Field(default=1_000_000, ge=1)
    max_batch_rows: int = Field(default=1000, ge=1)
    max_concurrency: int = Field(default=256, ge=1, description="requests under way at once")
    drain_seconds: float = Field(default=1.0, ge=0, description="from SIGTERM to closing the port")
    api_key: SecretStr | None = Field(
        default=None, min_length=1, description="set it in the environment only"
    )
    signing_key: SecretStr | None = Field(
        default=None, min_length=16, description="signs prediction ids; in the environment only"
    )
    access_log: bool = True
    prediction_log: Path | None = Field(default=None, description="JSON lines; null = off")
    log_bytes: int = Field(default=100_000_000, ge=1, description="size of a prediction log")
    observers: tuple[str, ...] = Field(default=(), description="modules that are told all answers")

    @field_validator("api_key", "signing_key", mode="before")
    @classmethod
    def _text(cls, value: object) -> object:
        return str(value) if isinstance(value, int | float) else value  # a key of digits only


class LoadTest(Section):
    """What scripts/load_test.py does, and what it must find."""

    seconds: float = Field(default=10.0, gt=0)
    users: int = Field(default=16, ge=1, description="callers at once")
    p95_ms: float = Field(default=50.0, gt=0, description="95 of 100 answers are faster")
    error_share: float = Field(default=0.0, ge=0, le=1)


class Tracking(Section):
    """Where training runs are shown besides their files."""

    sinks: dict[str, dict[str, Any]] = Field(
        default={}, description="modules that are told of each run, with their settings"
    )


class Paths(Section):
    """Folders and files, relative to the folder the command runs in."""

    schema_: Path = Field(default=Path("configs/schema.yml"), alias="schema")
    raw: Path = Path("data/raw")
    processed: Path = Path("data/processed")
    models: Path = Path("models")
    artifacts: Path = Path("artifacts")


class Logging(Section):
    """How the commands log."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    format: Literal["console", "json"] = "console"


class Config(Section):
    """The whole configuration."""

    task: Literal["classification", "regression"]
    data: Data
    split: Split
    features: Features = Features()
    model: Model = Model()
    train: Train = Train()
    tune: Tune = Tune()
    evaluate: Evaluate = Evaluate()
    promotion: Promotion = Promotion()
    serve: Serve = Serve()
    load_test: LoadTest = LoadTest()
    tracking: Tracking = Tracking()
    scale: Scale = Scale()
    paths: Paths = Paths()
    logging: Logging = Logging()


def variable(section: str, key: str) -> str:
    """Return the environment variable that overrides a value."""
    return f"{(__package__ or '').upper()}__{section.upper()}__{key.upper()}"


def load_config(path: Path = DEFAULT, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a configuration file, the file it `extends`, and overrides from the environment.

    `<PACKAGE>__TRAIN__SEED=1` sets `train.seed`; the value is read as YAML, a secret as it is.

    Args:
        path: A YAML file; relative paths in it are relative to the working directory.
        environ: Environment variables.

    Raises:
        UserError: A file is missing or is not YAML, or a key or value is wrong; exit code 2.
    """
    values, named = read_extended(path), {}
    prefix = f"{(__package__ or '').upper()}__"
    for name, text in sorted(environ.items()):
        if name.upper().startswith(prefix):
            *sections, key = name[len(prefix) :].lower().split("__")
            target = values
            for section in sections:
                target = target.setdefault(section, {})
                if not isinstance(target, dict):
                    raise UserError(f"{name}: {section} is not a section of the config", 2)
            dotted = ".".join((*sections, key))
            named[dotted] = name
            target[key] = text if dotted in SECRETS else parse_yaml(text, name)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        found = problems(error, SECRETS, Config)
        lines = [f"{named.get(key, path)}: {line}" for key, line in found]
        raise UserError("\n".join(lines), 2) from None
