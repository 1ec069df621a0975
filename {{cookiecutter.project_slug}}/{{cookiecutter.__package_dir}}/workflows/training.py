"""Train a version, and record the run: one that fails is known too."""

from ..config import Config
from ..models import train
from ..models.model_io import METADATA, Metadata
from ..models.train import Trained
from ..tracking import runs


def run(config: Config, version: str | None = None) -> Trained:
    """Train on data/processed, write models/vX.Y/ and artifacts/runs/<id>.json.

    Args:
        config: The configuration.
        version: The new version's name; None takes the next one.

    Raises:
        UserError: As `models.train`; the run is recorded as failed.
    """
    try:
        with runs.recorded(config) as this:
            trained = train.run(config, version)
            record = Metadata.read(trained.folder)
            runs.finish(config.paths.artifacts, this, trained.folder / METADATA, record)
    finally:
        runs.tell_sinks(config)
    return trained
