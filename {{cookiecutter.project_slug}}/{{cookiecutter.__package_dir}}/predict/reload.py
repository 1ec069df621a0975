"""The champion that is served: checked before it answers, exchanged while it answers."""

import logging
from dataclasses import dataclass
from pathlib import Path

from ..config import Serve
from ..data.lookups import LookupStore, SecondTables
from ..errors import UserError
from ..models.model_io import SERVED, ModelVersion, open_version, verify_golden_rows
from ..models.registry import ModelRegistry
from .request_schema import RequestSchema

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A verified version, and what a request to it must look like."""

    model: ModelVersion
    request_schema: RequestSchema
    second: SecondTables

    @property
    def version(self) -> str:
        """Its name, such as "v0.1"."""
        return self.model.version


def open_served(folder: Path, max_rows: int, store: LookupStore | None = None) -> ServedModel:
    """Load a version and verify it: checksums and golden rows.

    Args:
        folder: A version's folder.
        max_rows: Rows allowed in one request.
        store: Where rows find what they leave out.

    Raises:
        UserError: Anything disagrees.
    """
    model = open_version(folder, SERVED)
    try:
        _ = model.predictor
        preprocessor = model.preprocessor
        ids = preprocessor.passed_through
        second = SecondTables(preprocessor.lookups, store)
        request_schema = RequestSchema(preprocessor.columns, max_rows, ids, second.columns)
        verify_golden_rows(model)
    except UserError:
        raise
    except Exception as error:  # whatever a broken file makes the libraries raise
        raise UserError(f"{folder}: cannot be loaded: {type(error).__name__}: {error}") from None
    return ServedModel(model, request_schema, second)


class ChampionReloader:
    """Follows the registry's champion pointer.

    Attributes:
        served: What answers now; None until a champion could be loaded.
        reason: Why the champion does not answer; empty while it does.
        failures: How often a champion could not be loaded.
    """

    def __init__(self, settings: Serve, store: LookupStore | None = None) -> None:
        """Open the registry; `refresh` loads the champion."""
        self.store = store
        self.registry = ModelRegistry(settings.store, settings.cache)
        self.max_rows = settings.max_batch_rows
        self.served: ServedModel | None = None
        self.reason = "no model has been loaded yet"
        self.failures = 0
        self._loaded: tuple[str, str | None] | None = None
        self._refused: tuple[str, str | None, str] | None = None

    def refresh(self) -> None:
        """Load the champion if it is another one now; keep the present one if it fails.

        One that was refused is tried again when its files or the pointer change.
        """
        try:
            pointer = self.registry.needed_champion()
            champion = pointer.version, pointer.metadata_sha256
            if champion == self._loaded:
                self.reason = ""
                return
            state = (*champion, self.registry.fingerprint(pointer.version))
            if self.served is not None and state == self._refused:
                return
            folder = self.registry.fetch_promoted(pointer)  # out of reach now, there next time
            self._refused = state
            self.served = open_served(folder, self.max_rows, self.store)
            self._loaded, self._refused, self.reason = champion, None, ""
            log.info("serving %s", pointer.version)
        except Exception as error:  # the present one goes on answering, whatever it is
            reason = str(error) if isinstance(error, UserError) else repr(error)
            if self.reason != reason:
                log.error("cannot serve the champion: %s", reason)
                self.failures += 1
            self.reason = reason
            if self._refused is not None:
                self.registry.forget(self._refused[0])
