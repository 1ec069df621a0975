"""Transforms and the preprocessor: one definition for tables and single rows."""

from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.data.column_types import DTYPES
from {{ cookiecutter.package_name }}.data.schema import Column
from {{ cookiecutter.package_name }}.preprocess import transforms
from {{ cookiecutter.package_name }}.preprocess.preprocessor import (
    DESIGN_LEVELS,
    InputSpec,
    Preprocessor,
)

NAN = float("nan")
PREPROCESSOR = Preprocessor(
    task="regression",
    target="y",
    classes=None,
    ids=(),
    time=None,
    null_values=("",),
    columns={
        "n": Column(type="integer"),
        "b": Column(type="boolean"),
        "d": Column(type="datetime"),
        "c": Column(type="category"),
    },
    inputs=(
        InputSpec(name="n", kind="number", source="number", median=3.0, mean=2.0, std=2.0),
        InputSpec(name="b", kind="number", source="boolean", median=1.0, mean=0.5, std=0.0),
        InputSpec(name="d", kind="number", source="datetime"),
        InputSpec(name="c", kind="category", source="category", levels=("x", "y")),
    ),
    schema_hash="",
)


def table(rows: list[dict[str, Any]], columns: dict[str, Column]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={name: DTYPES[c.type] for name, c in columns.items()})


def test_transform() -> None:
    rows: list[dict[str, Any]] = [
        {"n": 5, "b": True, "d": datetime(1970, 1, 2, 12), "c": "y"},
        {"n": None, "b": None, "d": None, "c": "never seen"},
        {"n": -1, "b": False, "d": datetime(1969, 12, 31), "c": None},
    ]
    x = PREPROCESSOR.transform(table(rows, PREPROCESSOR.columns))
    expected = [[5, 1, 1.5, 1], [NAN] * 4, [-1, 0, -1, NAN]]
    np.testing.assert_array_equal(x, np.array(expected, dtype=np.float32))
    assert x.dtype == np.float32
    assert x.flags.c_contiguous


def test_design_matrix_imputes_scales_and_splits_categories() -> None:
    x = np.array([[5, 0, NAN, 1], [NAN, 1, 0, NAN]], dtype=np.float32)
    # n: (5 - 2) / 2, and the median 3 in place of NaN; b and d never vary; c: x, y
    expected = [[1.5, 0, 0, 0, 1], [0.5, 0, 0, 0, 0]]
    np.testing.assert_allclose(PREPROCESSOR.design_matrix(x), expected)


def test_design_matrix_is_bounded() -> None:
    many = InputSpec(
        name="c", kind="category", source="category", levels=tuple(map(str, range(99)))
    )
    preprocessor = PREPROCESSOR.model_copy(update={"inputs": (PREPROCESSOR.inputs[0], many)})
    design_matrix = preprocessor.design_matrix(np.array([[1e30, 3], [-1e30, 98]], dtype=np.float32))
    assert design_matrix.shape == (2, 1 + DESIGN_LEVELS)
    assert np.abs(design_matrix).max() == 10
    assert design_matrix[:, 1:].sum() == 1


def test_scale_of_a_constant_is_zero() -> None:
    np.testing.assert_array_equal(transforms.scale(np.ones(3, np.float32), 1.0, 0.0), 0)


def test_impute_touches_only_missing() -> None:
    x = np.array([1, NAN, 3], dtype=np.float32)
    np.testing.assert_array_equal(transforms.impute(x, 9.0), [1, 9, 3])


def test_preprocessor_survives_json(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("preprocessor") / "preprocessor.json"
    PREPROCESSOR.save(path)
    assert Preprocessor.load(path) == PREPROCESSOR
    assert Preprocessor.load(path).hash == PREPROCESSOR.hash


@settings(max_examples=60)
@given(data=st.data())
def test_batch_equals_single_row_equals_training_time(
    data: st.DataObject, trained: SimpleNamespace, rows: Callable[..., st.SearchStrategy[Any]]
) -> None:
    model = trained.model
    preprocessor = model.preprocessor
    drawn = data.draw(st.lists(rows(preprocessor.columns), min_size=1, max_size=4))
    frame = table(drawn, preprocessor.columns)
    x = preprocessor.transform(frame)
    encode = preprocessor.compile_row()
    single = np.array([encode(row) for row in drawn], dtype=np.float32)
    np.testing.assert_array_equal(np.isnan(x), np.isnan(single))
    np.testing.assert_allclose(x, single, rtol=1e-6, atol=1e-6)
    together = model.predictor.predict_frame(frame)
    alone = np.array([model.predictor.predict_row(row) for row in drawn])
    np.testing.assert_allclose(together, alone.reshape(together.shape), rtol=1e-5, atol=1e-5)
    # Model files of this version were written here, so this pickle is our own.
    import pickle

    estimator = pickle.loads((model.folder / "model.pkl").read_bytes())
    inputs = preprocessor.design_matrix(x) if estimator.design_matrix else x
    np.testing.assert_allclose(together, estimator.predict(inputs), rtol=1e-5, atol=1e-5)
