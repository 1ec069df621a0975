"""What the requests of one process share: the served model, metrics, logs; and `predict` itself."""

import asyncio
import os
import time
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any

import msgspec

from ..config import Serve
from ..data.lookups import LookupStore
from .json_log import JsonLinesLog
from .observers import load_observers
from .outcomes import Outcomes
from .prediction_ids import PredictionIds
from .problems import ProblemError
from .reload import ChampionReloader, ServedModel
from .request_schema import InvalidError, NotJsonError, TooManyRowsError
from .response import Numbers, build_response
from .row_lookups import fill_absent
from .telemetry import Metrics

# Larger ones are read and predicted in a thread, so that others need not wait.
IN_LOOP_ROWS, IN_LOOP_BYTES = 16, 16_384
MOST_TOLD = 100_000
encode = msgspec.json.Encoder().encode


class Service:
    """What the requests of one process share."""

    def __init__(self, settings: Serve, store: LookupStore | None = None) -> None:
        self.settings = settings
        self.champion = ChampionReloader(settings, store)
        self.metrics = Metrics()
        self.access = JsonLinesLog(None, self.metrics) if settings.access_log else None
        self.predictions = self.feedback = None
        if (path := settings.prediction_log) is not None:
            self.predictions = JsonLinesLog(path, self.metrics, settings.log_bytes)
            feedback = path.with_name(f"{path.stem}-feedback{path.suffix}")
            self.feedback = JsonLinesLog(feedback, self.metrics, settings.log_bytes)
        logs = (self.access, self.predictions, self.feedback)
        self.logs = [log for log in logs if log is not None]
        signing = settings.signing_key.get_secret_value().encode() if settings.signing_key else b""
        self.ids = PredictionIds(signing or os.urandom(32))
        self.key = settings.api_key.get_secret_value().encode() if settings.api_key else None
        self.observers = load_observers(settings.observers, self.metrics.registry)
        self.active = 0
        self.draining = False
        self._told: dict[str, None] = {}  # the latest, in order
        self._outcomes: dict[str, Outcomes] = {}  # of each version that was served here
        self._prefix = os.urandom(8).hex()
        self._number = count(1)

    def new_id(self) -> str:
        """Return an id that no other request has, in any process."""
        return f"{self._prefix}-{next(self._number)}"

    def ready(self) -> str:
        """Return why requests cannot be answered, or an empty text."""
        if self.draining:
            return "shutting down"
        return "" if self.champion.served is not None else self.champion.reason

    def refresh(self) -> None:
        """Follow the champion, and tell the metrics."""
        before, failures = self.champion.served, self.champion.failures
        self.champion.refresh()
        served, reason = self.champion.served, self.champion.reason
        if served is not None and served is not before:
            metadata = served.model.metadata
            created = datetime.fromisoformat(metadata.created).timestamp()
            self.metrics.serves(metadata.name, served.version, created)
            self._outcomes[served.version] = Outcomes.of(metadata)
            for observer in self.observers:
                observer.serves(served.model, self.champion.registry)
        self.metrics.ready.set(0 if self.ready() else 1)
        self.metrics.refused.set(1 if reason and served is not None else 0)
        self.metrics.load_failures.inc(self.champion.failures - failures)

    def take_feedback(self, prediction_id: str, label: Any) -> None:
        """Log a prediction's true outcome.

        Raises:
            ProblemError: The prediction is unknown or its outcome told already, or that is no
                outcome that the version could predict.
        """
        if self.feedback is None:
            raise ProblemError(404, "the prediction log is off (serve.prediction_log)")
        predicted = self.ids.read(prediction_id)
        if predicted is None:
            raise ProblemError(404, "there is no prediction with this id")
        if (outcomes := self._outcomes.get(predicted.version)) is not None:
            outcomes.check(label)
        if prediction_id in self._told:
            raise ProblemError(409, "the outcome of this prediction has been told already")
        self._told[prediction_id] = None
        if len(self._told) > MOST_TOLD:
            del self._told[next(iter(self._told))]
        line = {"time": time.time(), "prediction_id": prediction_id, "label": label}
        of = {"model_version": predicted.version, "predicted_at": predicted.time}
        self.feedback.add({**line, **of, "score": predicted.score})
        for observer in self.observers:
            observer.told(predicted, label)

    def served(self) -> ServedModel:
        """Return the model that answers; ProblemError 503 where there is none."""
        if self.champion.served is None:
            raise ProblemError(503, self.champion.reason)
        return self.champion.served

    async def predict(self, body: bytes) -> bytes:
        """Answer a body of `POST /predict`."""
        served = self.served()
        try:
            if len(body) > IN_LOOP_BYTES:
                rows, many = await asyncio.to_thread(served.request_schema.read, body)
            else:
                rows, many = served.request_schema.read(body)
        except NotJsonError as error:
            raise ProblemError(400, str(error)) from None
        except InvalidError as error:
            detail = f"the input does not fit {served.version}"
            raise ProblemError(422, detail, error.mistakes) from None
        except TooManyRowsError as error:
            raise ProblemError(413, str(error)) from None
        if len(rows) > IN_LOOP_ROWS:
            results = await asyncio.to_thread(self._results, served, rows)
        else:
            results = self._results(served, rows)
        self.metrics.rows.observe(len(rows))
        if self.predictions is not None:
            self._log(served.version, rows, results)
        if many:
            return encode({"model_version": served.version, "predictions": results})
        return encode({"model_version": served.version, **results[0]})

    def _results(self, served: ServedModel, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Predict rows that fit."""
        not_found = None
        if served.request_schema.looked_up:
            not_found = fill_absent(served.second, rows, self.metrics.count_lookup)
        new_id = partial(self.ids.new, served.version)
        observe = partial(self._observe, served.version) if self.observers else None
        results = build_response(served.model, rows, new_id, observe)
        if served.request_schema.warns:
            self._warn(served, rows, results)
        for i, warnings in (not_found or {}).items():
            results[i]["warnings"] = [*results[i].get("warnings", ()), *warnings]
        return results

    def _warn(
        self, served: ServedModel, rows: list[dict[str, Any]], results: list[dict[str, Any]]
    ) -> None:
        """Say of each row which rules it breaks."""
        for row, result in zip(rows, results, strict=True):
            if warnings := served.request_schema.warnings(row):
                result["warnings"] = warnings
                self.metrics.warned.inc()

    def _observe(self, version: str, x: Numbers, y_pred: Numbers) -> None:
        for observer in self.observers:
            observer.predicted(version, x, y_pred)

    def flush(self) -> None:
        """Write and count what was kept since the last second."""
        for log in self.logs:
            log.flush()
        for observer in self.observers:
            observer.flush()
        self.metrics.process.measure(self.active, self.settings.max_concurrency)

    def _log(self, version: str, rows: list[dict[str, Any]], results: list[dict[str, Any]]) -> None:
        assert self.predictions is not None
        now = time.time()
        for row, result in zip(rows, results, strict=True):
            self.predictions.add({"time": now, "model_version": version, "input": row, **result})
