"""The fitted plan and the ONNX model together: raw rows in, predictions out."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..preprocess.plan import Plan
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

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> NDArray[np.float32]:
        """Predict rows of plain values by column name.

        Returns:
            (n, classes) probabilities, or (n, 1) predictions.
        """
        encode = self._encode_row
        return self._predict(np.array([encode(row) for row in rows], dtype=np.float32))

    def predict_row(self, row: Mapping[str, Any]) -> NDArray[np.float32]:
        """Predict one row of plain values by column name.

        Returns:
            (classes,) probabilities, or (1,) the prediction.
        """
        result: NDArray[np.float32] = self.predict_rows([row])[0]
        return result

    def _predict(self, codes: Floats) -> NDArray[np.float32]:
        x = self.plan.dense(codes) if self.dense else codes
        result: NDArray[np.float32] = self._run(["prediction"], {"features": x})[0]
        return result
