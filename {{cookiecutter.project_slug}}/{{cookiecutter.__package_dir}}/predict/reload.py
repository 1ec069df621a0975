"""The champion that is served: checked before it answers, exchanged while it answers."""

import asyncio
import contextlib
import logging
from pathlib import Path

from ..errors import UserError
from ..models.model_io import SERVED, ModelVersion, open_version, verify_golden_rows
from ..models.registry import ModelRegistry

log = logging.getLogger(__name__)


def open_verified(folder: Path, schema_hash: str) -> ModelVersion:
    """Load a version and verify it: checksums, schema, and its golden rows.

    Args:
        folder: A version's folder.
        schema_hash: Hash of the schema that requests are checked with.

    Raises:
        UserError: Anything disagrees.
    """
    model = open_version(folder, SERVED)
    try:
        _ = model.predictor
    except Exception as error:  # whatever a broken file makes the libraries raise
        raise UserError(f"{folder}: cannot be loaded: {type(error).__name__}") from None
    if model.preprocessor.schema_hash != schema_hash:
        raise UserError(f"{folder.name} was trained with another schema than configs/schema.yml")
    verify_golden_rows(model)
    return model


class ChampionReloader:
    """Follows the store's champion pointer."""

    def __init__(self, registry: ModelRegistry, schema_hash: str, poll_seconds: float) -> None:
        self.registry, self.schema_hash, self.poll_seconds = registry, schema_hash, poll_seconds
        self.model: ModelVersion | None = None
        self.reason = "no model has been loaded yet"
        self._refused = ""

    def refresh(self) -> None:
        """Load the champion if it is another one now; keep the present one if it fails."""
        try:
            pointer = self.registry.champion()
            if pointer is None:
                raise UserError("no version has been promoted yet; run `models promote VERSION`")
            version = pointer["version"]
            if self.model is not None and self.model.version == version:
                return
            if self._refused == version and self.model is not None:
                return
            folder = self.registry.fetch(version)  # what is out of reach now may be there next time
            self._refused = version
            self.model = open_verified(folder, self.schema_hash)
            self._refused, self.reason = "", ""
            log.info("serving %s", version)
        except (UserError, OSError) as error:
            if self.reason != str(error):
                log.error("cannot serve the champion: %s", error)
            self.reason = str(error)

    async def poll(self) -> None:
        """Refresh every `poll_seconds`, in a thread, until cancelled."""
        while True:
            await asyncio.sleep(self.poll_seconds)
            with contextlib.suppress(Exception):
                await asyncio.to_thread(self.refresh)
