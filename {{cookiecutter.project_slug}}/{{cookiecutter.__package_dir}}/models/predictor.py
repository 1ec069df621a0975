"""The fitted plan and the ONNX model together: raw rows in, predictions out."""

import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..preprocess.preprocessor import Plan
from ..preprocess.transforms import Floats

if TYPE_CHECKING:
    import polars as pl

BLOCK_ROWS = 65_536


class Predictor:
    """Predicts batches and single rows with one plan and one ONNX model."""

    def __init__(self, plan: Plan, model: bytes | Path, dense: bool, threads: int = 1) -> None:
        """Load the model.

        Args:
            plan: The fitted transformation.
            model: An ONNX model, or its path.
            dense: Whether the model wants the plan's dense inputs.
            threads: Threads of ONNX Runtime for one call; 0 means all cores.
        """
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        content = model if isinstance(model, bytes) else model.read_bytes()
        self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._run: Callable[..., Any] = self._session.run
        self._encode_row = plan.row_encoder()
        self._alone = None if dense else _OneRow(self._session, len(plan.inputs), plan.width)
        self.plan, self.dense = plan, dense

    def predict_codes(self, codes: Floats) -> NDArray[np.float32]:
        """Predict encoded rows.

        Args:
            codes: Array (n, inputs) as `Plan.encode` gives it.

        Returns:
            (n, classes) probabilities, or n predictions.
        """
        blocks = [
            self._predict(codes[start : start + BLOCK_ROWS])
            for start in range(0, max(len(codes), 1), BLOCK_ROWS)
        ]
        result = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return result.ravel() if self.plan.classes is None else result

    def predict_frame(self, typed: "pl.DataFrame") -> NDArray[np.float32]:
        """Predict n rows that have the plan's columns, typed by the schema."""
        return self.predict_codes(self.plan.encode(typed))

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> list[list[float]]:
        """Predict rows of plain values by column name.

        Returns:
            For each row the probabilities of the classes, or the one predicted number.
        """
        encode = self._encode_row
        codes = [encode(row) for row in rows]
        if len(codes) == 1 and self._alone is not None:
            return self._alone(codes[0])
        with np.errstate(over="ignore"):  # beyond float32 is infinity, as in tables
            found: list[list[float]] = self._predict(np.array(codes, dtype=np.float32)).tolist()
        return found

    def predict_row(self, row: Mapping[str, Any]) -> list[float]:
        """Predict one row of plain values by column name.

        Returns:
            The probabilities of the classes, or the one predicted number.
        """
        return self.predict_rows([row])[0]

    def _predict(self, codes: Floats) -> NDArray[np.float32]:
        x = self.plan.dense(codes) if self.dense else codes
        result: NDArray[np.float32] = self._run(["prediction"], {"features": x})[0]
        return result


class _OneRow:
    """Predicts one encoded row in buffers bound once: half the time of a call with new arrays."""

    def __init__(self, session: Any, inputs: int, outputs: int) -> None:
        import onnxruntime as ort

        self._inputs = np.zeros((1, inputs), dtype=np.float32)
        self._outputs = np.zeros((1, outputs), dtype=np.float32)
        self._bytes = self._inputs.data.cast("B")
        self._pack = struct.Struct(f"{inputs}f").pack_into
        of_numpy = ort.OrtValue.ortvalue_from_numpy
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input("features", of_numpy(self._inputs))
        self._binding.bind_ortvalue_output("prediction", of_numpy(self._outputs))
        self._run: Callable[..., Any] = session.run_with_iobinding
        self._lock = threading.Lock()

    def __call__(self, codes: list[float]) -> list[list[float]]:
        with self._lock:
            self._pack(self._bytes, 0, *codes)  # beyond float32 is infinity, as in tables
            self._run(self._binding)
            found: list[list[float]] = self._outputs.tolist()
        return found
