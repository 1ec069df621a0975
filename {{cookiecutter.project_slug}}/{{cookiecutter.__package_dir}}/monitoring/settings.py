"""monitoring/drift.yml: what is watched, and from when on it is drift."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..errors import UserError
from ..utils.yaml import explain, read_yaml

PATH = Path("monitoring/drift.yml")
Unseen = Literal["val", "test"]
Share = Annotated[float, Field(gt=0, lt=1)]
Window = Annotated[str, Field(pattern=r"^[1-9]\d*[smhd]$")]
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Settings(BaseModel):
    """Part of the settings: unknown keys are refused, values cannot be changed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Reference(Settings):
    """What is learned at training: the rows of sets that the recipe has not learned from."""

    sets: tuple[Unseen, ...] = Field(default=("val", "test"), min_length=1)
    leave_out: tuple[str, ...] = Field(default=(), description="inputs that are not watched")
    bins: int = Field(default=10, ge=2, le=20, description="of a number, at most")
    categories: int = Field(default=10, ge=1, le=50, description="that have a bin of their own")


class Drift(Settings):
    """From when on a difference from the reference is drift."""

    psi: float = Field(default=0.1, gt=0, description="a smaller one never is")
    false_alarms: Share = Field(
        default=0.001, description="chance of one in a window in which nothing drifts"
    )
    minimum_rows: int = Field(default=500, ge=1, description="in a window; fewer tell nothing")
    window: Window = "1h"
    windows: int = Field(default=3, ge=1, description="the latest ones that are looked at")
    drifted: int = Field(default=2, ge=1, description="so many of them must have drifted")

    @model_validator(mode="after")
    def _consistent(self) -> "Drift":
        if self.drifted > self.windows:
            raise ValueError(f"drifted is {self.drifted} of {self.windows} windows")
        return self


class Service(Settings):
    """What is promised of the API, over 30 days."""

    availability: Share = Field(default=0.995, description="requests not answered with 5xx")
    latency_seconds: float = Field(default=0.1, description="a bucket's end of the histogram")
    latency_share: Share = Field(default=0.99, description="predictions that are faster")
    minimum_requests: int = Field(
        default=100, ge=1, description="in the long window of an alert; fewer tell nothing"
    )
    oldest_days: int = Field(default=180, ge=1, description="since the served model was trained")


class Performance(Settings):
    """When told outcomes say that the model has become worse."""

    window: Window = "7d"
    outcomes: int = Field(default=200, ge=2, description="told in a window; fewer tell nothing")
    worse: float = Field(default=0.1, ge=0, description="share by which the loss may be higher")


class Retraining(Settings):
    """When `retrain` trains anew."""

    looks: int = Field(default=3, ge=1, description="the latest ones at data.source")
    drifted: int = Field(default=2, ge=1, description="so many of them must have found drift")
    new_rows: int = Field(
        default=500, ge=0, description="rows with a target more than the champion has learned from"
    )
    pause_days: float = Field(default=7.0, ge=0, description="between two trainings, at least")

    @model_validator(mode="after")
    def _consistent(self) -> "Retraining":
        if self.drifted > self.looks:
            raise ValueError(f"drifted is {self.drifted} of {self.looks} looks")
        return self


class Monitoring(Settings):
    """The whole file."""

    reference: Reference = Reference()
    drift: Drift = Drift()
    service: Service = Service()
    performance: Performance = Performance()
    retraining: Retraining = Retraining()


def load_settings(path: Path = PATH) -> Monitoring:
    """Read the settings; without the file they are the defaults.

    Raises:
        UserError: A key or value is wrong; exit code 2.
    """
    if not path.exists():
        return Monitoring()
    try:
        return Monitoring.model_validate(read_yaml(path))
    except ValidationError as error:
        lines = [f"{path}: {line}" for line in explain(error)]
        raise UserError("\n".join(lines), 2) from None


def duration(window: str) -> timedelta:
    """Return how long a window is, as Prometheus writes it: "90s", "5m", "1h", "2d"."""
    return timedelta(**{UNITS[window[-1]]: int(window[:-1])})
