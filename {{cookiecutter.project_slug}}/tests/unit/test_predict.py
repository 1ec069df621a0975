"""Batch prediction: one row out for each row in, in order, and a reason for each that cannot be."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data.checks import cast
from {{ cookiecutter.package_name }}.data.schema import load_schema
from {{ cookiecutter.package_name }}.data.tables import iter_batches
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import promotion
from {{ cookiecutter.package_name }}.models.registry import find_version
from {{ cookiecutter.package_name }}.predict import batch
from {{ cookiecutter.package_name }}.predict.reload import open_served
from {{ cookiecutter.package_name }}.utils.classes import (
    predicted_class,
    predicted_classes,
)
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml


def raw(trained: SimpleNamespace, rows: int = 300) -> pl.DataFrame:
    config = trained.config
    path = config.paths.raw / config.data.file_name
    nulls = load_schema(config.paths.schema_).null_values
    return next(iter_batches(path, rows, nulls))


def required(trained: SimpleNamespace) -> str:
    columns = trained.model.preprocessor.columns
    return next(str(name) for name, c in columns.items() if c.type in ("integer", "float"))


@pytest.mark.parametrize("source", ["in.csv", "in.parquet"])
@pytest.mark.parametrize("out", ["out.csv", "sub/out.parquet"])
@pytest.mark.parametrize("batch_rows", [37, 10_000])
def test_rows_keep_their_place(
    trained: SimpleNamespace, tmp_path: Path, source: str, out: str, batch_rows: int
) -> None:
    frame = raw(trained)
    column = required(trained)
    broken = frame.with_columns(
        pl.when(pl.int_range(pl.len()) % 50 == 3)
        .then(pl.lit("rubbish"))
        .otherwise(pl.col(column).cast(pl.String))
        .alias(column)
    )
    write = broken.write_csv if source.endswith("csv") else broken.write_parquet
    write(tmp_path / source)
    done = batch.run(trained.model, tmp_path / source, tmp_path / out, batch_rows)
    assert (done.rows, done.rejected) == (frame.height, 6)

    read = pl.read_csv if out.endswith("csv") else pl.read_parquet
    result = read(tmp_path / out)
    preprocessor = trained.model.preprocessor
    assert result.height == frame.height
    for name in preprocessor.passed_through:
        assert result[name].cast(pl.String).to_list() == frame[name].to_list()
    scores = (
        ["lower", "upper"]
        if preprocessor.classes is None
        else [f"probability_{c}" for c in preprocessor.classes]
    )
    assert result.columns == [*preprocessor.passed_through, "prediction", *scores]
    empty = result["prediction"].is_null().arg_true().to_list()
    assert empty == [3, 53, 103, 153, 203, 253]
    assert result[scores[0]].is_null().arg_true().to_list() == empty
    if preprocessor.classes is not None:
        total = result.select(pl.sum_horizontal(scores))[scores[0]].to_numpy()
        np.testing.assert_allclose(np.delete(total, empty), 1, rtol=1e-5)

    assert done.rejects is not None
    rejects = pl.read_csv(done.rejects)
    assert rejects["row"].to_list() == [row + 1 for row in empty]
    assert rejects["reason"].unique().to_list() == [f"{column}: not of type " + kind(trained)]


def kind(trained: SimpleNamespace) -> str:
    return str(trained.model.preprocessor.columns[required(trained)].type)


def test_target_and_leaks_are_not_needed(trained: SimpleNamespace, tmp_path: Path) -> None:
    raw(trained).select(list(trained.model.preprocessor.columns)).write_csv(tmp_path / "in.csv")
    done = batch.run(trained.model, tmp_path / "in.csv", tmp_path / "out.csv")
    assert done.rejects is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_file_equals_single_rows(trained: SimpleNamespace, tmp_path: Path) -> None:
    raw(trained).write_csv(tmp_path / "in.csv")
    batch.run(trained.model, tmp_path / "in.csv", tmp_path / "out.parquet")
    result = pl.read_parquet(tmp_path / "out.parquet")
    from {{ cookiecutter.package_name }}.data.checks import cast

    preprocessor = trained.model.preprocessor
    typed, _ = cast(raw(trained), preprocessor.columns)
    single = np.array([trained.model.predictor.predict_row(r) for r in typed.iter_rows(named=True)])
    column = (
        "prediction" if preprocessor.classes is None else f"probability_{preprocessor.classes[-1]}"
    )
    np.testing.assert_allclose(result[column].to_numpy(), single[:, -1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("problem", ["column", "same file", "ending", "no file", "out folder"])
def test_clear_errors_and_nothing_written(
    trained: SimpleNamespace, tmp_path: Path, problem: str
) -> None:
    frame = raw(trained, 5)
    column = required(trained)
    source, out, named = tmp_path / "in.csv", tmp_path / "out.csv", f"{column}: column is missing"
    if problem == "column":
        frame = frame.drop(column)
    frame.write_csv(source)
    if problem == "same file":
        out, named = source, "is the input"
    elif problem == "ending":
        out, named = tmp_path / "out.xlsx", "unknown kind of table"
    elif problem == "no file":
        source, named = tmp_path / "nowhere.csv", "no such file"
    elif problem == "out folder":
        source, named = tmp_path / "in.csv.gz", "no such file"
    before = (tmp_path / "in.csv").read_bytes()
    with pytest.raises(UserError, match=re.escape(named)):
        batch.run(trained.model, source, out)
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]
    assert (tmp_path / "in.csv").read_bytes() == before


@pytest.mark.parametrize("out", ["out.csv", "out.parquet"])
@pytest.mark.parametrize(("ids", "kind"), [([[1, 2]], "List"), ([{"a": 1}], "Struct")])
def test_ids_that_are_no_values_are_refused(
    trained: SimpleNamespace, tmp_path: Path, ids: list[Any], kind: str, out: str
) -> None:
    odd = raw(trained, 5).with_columns(pl.Series("id", ids * 5))
    odd.write_parquet(tmp_path / "in.parquet")
    with pytest.raises(UserError, match=rf"an id must be .* in each row: 'id' \({kind}"):
        batch.run(trained.model, tmp_path / "in.parquet", tmp_path / out)
    assert [path.name for path in tmp_path.iterdir()] == ["in.parquet"]


def test_ids_of_bytes_are_texts(trained: SimpleNamespace, tmp_path: Path) -> None:
    frame = raw(trained, 5)
    frame.with_columns(pl.col("id").cast(pl.Binary)).write_parquet(tmp_path / "in.parquet")
    batch.run(trained.model, tmp_path / "in.parquet", tmp_path / "out.csv")
    assert pl.read_csv(tmp_path / "out.csv")["id"].to_list() == frame["id"].to_list()


def test_decide() -> None:
    two = np.array([[0.4, 0.6], [0.6, 0.4], [0.7, 0.3]])
    assert predicted_classes(two, 0.4).tolist() == [1, 1, 0]
    three = np.array([[0.4, 0.35, 0.25], [0.2, 0.3, 0.5]])
    assert predicted_classes(three, 0.4).tolist() == [0, 2]


@settings(max_examples=100)
@given(
    shares=st.lists(st.floats(0, 1, width=32), min_size=2, max_size=4),
    threshold=st.floats(0, 1) | st.sampled_from([0.1, 0.3, 0.5, 0.7]),
)
def test_one_row_is_decided_like_a_table(shares: list[float], threshold: float) -> None:
    table = np.array([shares], dtype=np.float32)
    assert predicted_classes(table, threshold).tolist() == [
        predicted_class(table[0].tolist(), threshold)
    ]


def test_rows_in_many_threads_do_not_mix(trained: SimpleNamespace) -> None:
    preprocessor, predictor = trained.model.preprocessor, trained.model.predictor
    rows = [preprocessor.parse_row(entry.row) for entry in trained.model.metadata.golden]
    expected = [predictor.predict_row(row) for row in rows]
    assert len({tuple(one) for one in expected}) > 1
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(predictor.predict_row, rows * 200))
    assert found == expected * 200


def test_a_number_beyond_float32_is_infinite(trained: SimpleNamespace) -> None:
    preprocessor, predictor = trained.model.preprocessor, trained.model.predictor
    row = preprocessor.parse_row(trained.model.metadata.golden[0].row)
    wide = {**row, next(i.name for i in preprocessor.inputs if i.source == "number"): 1e300}
    together = predictor.predict_rows([wide, wide])
    assert predictor.predict_rows([wide]) == together[:1]


def test_rows_beyond_the_file_are_answered_with_a_warning(
    project: Callable[..., Config],
    frame: pl.DataFrame,
    run_all: Callable[[Config], Any],
    serve_project: Callable[[Config], Any],
) -> None:
    config = project(frame, "y")
    update_yaml(config.paths.schema_, {"on_unseen": "answer"})
    run_all(config)
    rows = frame.head(3).with_columns(x=pl.Series([0.0, 1e6, None]))
    rows.write_csv("new.csv")
    model = find_version(config.paths.models)
    done = batch.run(model, Path("new.csv"), Path("out.csv"))
    assert (done.rows, done.rejected, done.warned, done.rejects) == (3, 0, 2, None)
    Path("bad.csv").write_text("id,when,x,team\nr1,2024-01-01,abc,\n", "utf-8")
    refused = batch.run(model, Path("bad.csv"), Path("bad-out.csv"))
    assert (refused.rejected, refused.warned) == (1, 0)
    result = pl.read_csv("out.csv")
    assert result["prediction"].null_count() == 0
    assert result["warnings"][0] is None
    assert result["warnings"][1].startswith("x: above the maximum")
    assert result["warnings"][2] == "x: missing, and must not be"
    served = open_served(config.paths.models / "v0.1", 10)
    texts = [
        "; ".join(f"{one['field']}: {one['rule']}" for one in served.request_schema.warnings(row))
        for row in cast(rows, model.preprocessor.columns)[0].iter_rows(named=True)
    ]
    assert texts == [value or "" for value in result["warnings"].to_list()]
    promotion.promote(config, "v0.1", force=True)
    with serve_project(config) as api:
        row = served.request_schema.example_row()
        beyond = [row, row | {"x": 1e6}, {name: row[name] for name in row if name != "x"}]
        answers = api.client.post("/predict", json=beyond).json()["predictions"]
        text = api.client.get("/metrics").text
        parts = api.client.get("/openapi.json").json()["components"]["schemas"]
    assert "warnings" not in answers[0]
    assert [answer["warnings"][0]["field"] for answer in answers[1:]] == ["x", "x"]
    assert answers[2]["warnings"] == [{"field": "x", "rule": "missing, and must not be"}]
    assert "model_rows_warned_total 2.0" in text
    assert "warnings" in parts["Prediction"]["properties"]
