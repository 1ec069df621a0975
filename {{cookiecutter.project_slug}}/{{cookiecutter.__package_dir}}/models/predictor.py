"""The fitted preprocessor and the ONNX model together: raw rows in, predictions out."""

import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..preprocess.preprocessor import Preprocessor
from ..preprocess.transforms import Floats

if TYPE_CHECKING:
    import polars as pl

INPUT, OUTPUT = "features", "prediction"  # the tensors of every ONNX model here
BLOCK_ROWS = 65_536


class Predictor:
    """Predicts batches and single rows with one preprocessor and one ONNX model."""

    def __init__(
        self, preprocessor: Preprocessor, model: bytes | Path, design_matrix: bool, threads: int = 1
    ) -> None:
        """Load the model.

        Args:
            preprocessor: The fitted transformation.
            model: An ONNX model, or its path.
            design_matrix: Whether the model takes the design matrix; else the inputs as they are.
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
        self._transform_row = preprocessor.compile_row()
        self._alone = (
            None
            if design_matrix
            else _OneRow(self._session, len(preprocessor.inputs), preprocessor.width)
        )
        self.preprocessor, self.design_matrix = preprocessor, design_matrix

    def predict(self, x: Floats) -> NDArray[np.float32]:
        """Predict transformed rows.

        Args:
            x: Array (n, inputs) as `Preprocessor.transform` gives it.

        Returns:
            (n, classes) probabilities, or n predictions.
        """
        blocks = [
            self._predict(x[start : start + BLOCK_ROWS])
            for start in range(0, max(len(x), 1), BLOCK_ROWS)
        ]
        result = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
        return result.ravel() if self.preprocessor.classes is None else result

    def predict_frame(self, typed: "pl.DataFrame") -> NDArray[np.float32]:
        """Predict n rows that have the preprocessor's columns, typed by the schema."""
        return self.predict(self.preprocessor.transform(typed))

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> list[list[float]]:
        """Predict rows of plain values by column name.

        Returns:
            For each row the probabilities of the classes, or the one predicted number.
        """
        return self.predict_inputs(self.transform_rows(rows))

    def transform_rows(self, rows: Sequence[Mapping[str, Any]]) -> list[list[float]]:
        """Return the inputs of each row of plain values, NaN where missing."""
        transform = self._transform_row
        return [transform(row) for row in rows]

    def predict_inputs(self, x: list[list[float]]) -> list[list[float]]:
        """Predict what `transform_rows` returns; as `predict_rows`."""
        if len(x) == 1 and self._alone is not None:
            return self._alone(x[0])
        with np.errstate(over="ignore"):  # beyond float32 is infinity, as in tables
            y_pred: list[list[float]] = self._predict(np.array(x, dtype=np.float32)).tolist()
        return y_pred

    def predict_row(self, row: Mapping[str, Any]) -> list[float]:
        """Predict one row of plain values by column name.

        Returns:
            The probabilities of the classes, or the one predicted number.
        """
        return self.predict_rows([row])[0]

    def _predict(self, x: Floats) -> NDArray[np.float32]:
        x = self.preprocessor.design_matrix(x) if self.design_matrix else x
        result: NDArray[np.float32] = self._run([OUTPUT], {INPUT: x})[0]
        return result


class _OneRow:
    """Predicts one row in buffers bound once: half the time of a call with new arrays."""

    def __init__(self, session: Any, inputs: int, outputs: int) -> None:
        import onnxruntime as ort

        self._inputs = np.zeros((1, inputs), dtype=np.float32)
        self._outputs = np.zeros((1, outputs), dtype=np.float32)
        self._bytes = self._inputs.data.cast("B")
        self._pack = struct.Struct(f"{inputs}f").pack_into
        of_numpy = ort.OrtValue.ortvalue_from_numpy
        self._binding = session.io_binding()
        self._binding.bind_ortvalue_input(INPUT, of_numpy(self._inputs))
        self._binding.bind_ortvalue_output(OUTPUT, of_numpy(self._outputs))
        self._run: Callable[..., Any] = session.run_with_iobinding
        self._lock = threading.Lock()

    def __call__(self, x: list[float]) -> list[list[float]]:
        with self._lock:
            self._pack(self._bytes, 0, *x)  # beyond float32 is infinity, as in tables
            self._run(self._binding)
            y_pred: list[list[float]] = self._outputs.tolist()
        return y_pred
