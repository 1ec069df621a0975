"""`retrain`: train anew where the rows have drifted, and not too often; the gate decides."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import ValidationError

from ..config import Config
from ..data import ingest, tables
from ..data.schema import load_schema
from ..errors import UserError
from ..models import promotion
from ..models.comparison import PromotionDecision
from ..models.model_io import Metadata
from ..models.registry import ModelRegistry
from ..models.versions import hashed_columns
from ..monitoring import drift
from ..monitoring.settings import Retraining, load_settings
from ..preprocess import pipeline
from ..tracking import runs
from ..tracking.records import Record
from ..utils.files import write_json
from ..utils.yaml import explain
from . import evaluation, training

STATE = "retraining.json"  # in the artifacts


class Look(Record):
    """One look at `data.source`: what had drifted from what a version has learned."""

    when: str  # UTC, ISO 8601
    data_sha256: str
    version: str
    drifted: tuple[str, ...]


class State(Record):
    """The latest looks, and when the last training was begun."""

    looks: tuple[Look, ...] = ()
    last: str | None = None


@dataclass(frozen=True)
class Outcome:
    """What was decided.

    Attributes:
        against: Why nothing was trained; empty where it was.
        promotion: What the gate said of the new version.
    """

    against: tuple[str, ...]
    promotion: PromotionDecision | None = None


def run(config: Config, now: datetime | None = None) -> Outcome:
    """Look at `data.source`, and train on it if enough looks have found drift.

    What was looked at, and that a training was begun, is in artifacts/retraining.json before it
    begins: one that fails is not begun again before the pause is over.

    Args:
        config: The configuration.
        now: The time; None takes the clock's.

    Raises:
        UserError: There is no champion, or a step refuses, or a slice breaks its limit.
    """
    now = now or datetime.now(UTC)
    settings, path = load_settings().retraining, config.paths.artifacts / STATE
    entry = ingest.run(config)
    found = drift.run(config)
    registry = ModelRegistry(config.serve.store, config.serve.cache)
    champion = Metadata.read(registry.fetch(found.version))
    before = _read(path)
    look = Look(
        when=now.isoformat(timespec="seconds"),
        data_sha256=entry.sha256,
        version=found.version,
        drifted=tuple(one.name for one in found.drifted),
    )
    others = [  # the same rows looked at again count once, and another champion's looks not at all
        one
        for one in before.looks
        if one.version == found.version and one.data_sha256 != entry.sha256
    ]
    state = State(looks=tuple([*others, look][-settings.looks :]), last=before.last)
    more = _labelled(config) - (champion.data.rows.raw - champion.data.missing_target)
    against = tuple(_against(settings, state, more, now))
    if against:
        write_json(path, state.model_dump(mode="json"))
        return Outcome(against)
    write_json(path, State(last=look.when).model_dump(mode="json"))
    pipeline.run(config, hashed_columns(config.paths.models))
    trained = training.run(config)
    evaluation.check_demands(evaluation.run(config, trained.version))
    decision = promotion.promote(config, trained.version)
    runs.tell_sinks(config)
    return Outcome((), decision)


def _against(settings: Retraining, state: State, more: int, now: datetime) -> Iterator[str]:
    """Give each reason for not training now."""
    drifted = sum(bool(look.drifted) for look in state.looks)
    if drifted < settings.drifted:
        yield (
            f"{drifted} of the latest {len(state.looks)} looks found drift; {settings.drifted} of "
            f"{settings.looks} are asked for"
        )
    if more < settings.new_rows:
        yield (
            f"{max(0, more):,} rows with a target more than the champion has learned from; "
            f"{settings.new_rows:,} are asked for"
        )
    if state.last is not None:
        until = datetime.fromisoformat(state.last) + timedelta(days=settings.pause_days)
        if now < until:
            begun = state.last[:10]
            yield f"the last training was begun on {begun}; the next may on {until:%Y-%m-%d}"


def _labelled(config: Config) -> int:
    """Count the rows of `data.source` that have a target."""
    schema = load_schema(config.paths.schema_)
    path, _ = ingest.raw_table(config)
    nulls, rows = schema.null_values, config.data.batch_rows
    batches = tables.iter_batches(path, rows, nulls, [schema.target])
    return sum(int(batch[schema.target].is_not_null().sum()) for batch in batches)


def _read(path: Path) -> State:
    """Read what was looked at before.

    Raises:
        UserError: The file is broken.
    """
    if not path.exists():
        return State()
    try:
        return State.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise UserError(f"{path}: broken ({'; '.join(explain(error)[:3])}); delete it") from None
