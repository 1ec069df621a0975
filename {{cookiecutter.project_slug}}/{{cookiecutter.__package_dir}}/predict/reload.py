"""The model that is served: checked before it answers, exchanged while it answers."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import UserError
from ..models.predictor import Predictor
from ..models.registry import Store, verify
from ..preprocess.preprocessor import Plan

log = logging.getLogger(__name__)
GOLDEN_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Served:
    """A version that has proven itself."""

    version: str
    metadata: dict[str, Any]
    plan: Plan
    predictor: Predictor


def open_served(folder: Path, schema_hash: str) -> Served:
    """Load a version and prove it: checksums, schema, and its golden rows.

    Args:
        folder: A version's folder.
        schema_hash: Hash of the schema that requests are checked with.

    Raises:
        UserError: Anything disagrees.
    """
    metadata = verify(folder)
    try:
        plan = Plan.load(folder / "plan.json")
        predictor = Predictor(plan, folder / "model.onnx", metadata["dense"])
    except Exception as error:  # whatever a broken file makes the libraries raise
        raise UserError(f"{folder}: cannot be loaded: {type(error).__name__}") from None
    if plan.schema_hash != schema_hash:
        raise UserError(f"{folder.name} was trained with another schema than configs/schema.yml")
    prove(folder.name, metadata, plan, predictor)
    return Served(folder.name, metadata, plan, predictor)


def prove(version: str, metadata: Mapping[str, Any], plan: Plan, predictor: Predictor) -> None:
    """Predict the golden rows and compare; UserError where one differs."""
    golden = metadata.get("golden")
    if not golden:
        raise UserError(f"{version} has no golden rows to prove itself with")
    for entry in golden:
        row = plain_values(entry["row"], plan)
        found = np.array(predictor.predict_row(row))
        expected = np.array(entry["prediction"])
        allowed = GOLDEN_TOLERANCE * max(1.0, float(np.abs(expected).max()))
        if found.shape != expected.shape or not np.abs(found - expected).max() <= allowed:
            raise UserError(f"{version} predicts something else for its golden rows than recorded")


def plain_values(row: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Turn a row from JSON into the values the encoder takes: dates become datetimes."""
    return {
        name: datetime.fromisoformat(row[name])
        if column.type == "datetime" and row[name] is not None
        else row[name]
        for name, column in plan.columns.items()
    }


class Champion:
    """Follows the store's champion pointer."""

    def __init__(self, store: Store, schema_hash: str, poll_seconds: float) -> None:
        self.store, self.schema_hash, self.poll_seconds = store, schema_hash, poll_seconds
        self.served: Served | None = None
        self.reason = "no model has been loaded yet"
        self._refused = ""

    def look(self) -> None:
        """Load the champion if it is another one now; keep the present one if it fails."""
        try:
            pointer = self.store.champion()
            if pointer is None:
                raise UserError("no version has been promoted yet; run `models promote VERSION`")
            version = pointer["version"]
            if self.served is not None and self.served.version == version:
                return
            if self._refused == version and self.served is not None:
                return
            folder = self.store.fetch(version)  # what is out of reach now may be there next time
            self._refused = version
            self.served = open_served(folder, self.schema_hash)
            self._refused, self.reason = "", ""
            log.info("serving %s", version)
        except (UserError, OSError) as error:
            if self.reason != str(error):
                log.error("cannot serve the champion: %s", error)
            self.reason = str(error)

    async def follow(self) -> None:
        """Look every `poll_seconds`, in a thread, until cancelled."""
        while True:
            await asyncio.sleep(self.poll_seconds)
            with contextlib.suppress(Exception):
                await asyncio.to_thread(self.look)
