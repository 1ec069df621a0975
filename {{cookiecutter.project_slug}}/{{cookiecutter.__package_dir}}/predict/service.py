"""What the requests of one process share: the served model, metrics, logs; and `predict` itself."""

import asyncio
import os
import time
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from ..config import Serve
from .problems import ProblemError
from .reload import ChampionReloader, ServedModel
from .request_schema import InvalidError, NotJsonError, TooManyRowsError
from .response import build_response
from .telemetry import JsonLinesLog, Metrics

IN_LOOP_ROWS = 16  # more rows than this are predicted in a thread, so that others need not wait
encode = msgspec.json.Encoder().encode


class Service:
    """What the requests of one process share."""

    def __init__(self, settings: Serve) -> None:
        self.settings = settings
        self.champion = ChampionReloader(settings)
        self.metrics = Metrics()
        self.access = JsonLinesLog(None, self.metrics) if settings.access_log else None
        path = settings.prediction_log
        self.predictions = (
            JsonLinesLog(_own_file(path), self.metrics, settings.log_bytes)
            if path is not None
            else None
        )
        self.logs = [log for log in (self.access, self.predictions) if log is not None]
        self.key = settings.api_key.get_secret_value().encode() if settings.api_key else None
        self.active = 0
        self.draining = False
        self._prefix = os.urandom(8).hex()
        self._number = count(1)

    def new_id(self) -> str:
        """Return an id that no other request or prediction has, in any process."""
        return f"{self._prefix}-{next(self._number)}"

    def ready(self) -> str:
        """Return why requests cannot be answered, or an empty text."""
        if self.draining:
            return "shutting down"
        return "" if self.champion.served is not None else self.champion.reason

    def served(self) -> ServedModel:
        """Return the model that answers; ProblemError 503 where there is none."""
        if self.champion.served is None:
            raise ProblemError(503, self.champion.reason)
        return self.champion.served

    async def predict(self, body: bytes) -> bytes:
        """Answer a body of `POST /predict`."""
        served = self.served()
        try:
            rows, many = served.request_schema.read(body)
        except NotJsonError as error:
            raise ProblemError(400, str(error)) from None
        except InvalidError as error:
            detail = f"the input does not fit {served.version}"
            raise ProblemError(422, detail, error.mistakes) from None
        except TooManyRowsError as error:
            raise ProblemError(413, str(error)) from None
        if len(rows) > IN_LOOP_ROWS:
            results = await asyncio.to_thread(build_response, served.model, rows, self.new_id)
        else:
            results = build_response(served.model, rows, self.new_id)
        self.metrics.rows.inc(len(rows))
        if self.predictions is not None:
            self._log(served.version, rows, results)
        if many:
            return encode({"model_version": served.version, "predictions": results})
        return encode({"model_version": served.version, **results[0]})

    def _log(self, version: str, rows: list[dict[str, Any]], results: list[dict[str, Any]]) -> None:
        assert self.predictions is not None
        now = time.time()
        for row, result in zip(rows, results, strict=True):
            self.predictions.add({"time": now, "model_version": version, "input": row, **result})


def _own_file(path: Path) -> Path:
    """Give each process a file of its own: two must not rotate the same one."""
    return path.with_name(f"{path.stem}-{os.getpid()}{path.suffix}")
