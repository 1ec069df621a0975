"""docs/own_model.md works as it is written: a class and a line, from training to a prediction."""

import re
from pathlib import Path

import pytest

from {{ cookiecutter.package_name }}.config import Config, Serve, load_config
from {{ cookiecutter.package_name }}.data import ingest
from {{ cookiecutter.package_name }}.models import estimators, promotion, train
from {{ cookiecutter.package_name }}.models.registry import find_version
from {{ cookiecutter.package_name }}.predict.reload import open_served
from {{ cookiecutter.package_name }}.predict.response import build_response
from {{ cookiecutter.package_name }}.preprocess import pipeline
from {{ cookiecutter.package_name }}.utils.yaml import update_yaml
from {{ cookiecutter.package_name }}.workflows import evaluation

PAGE = Path(__file__).parents[2] / "docs/own_model.md"


def test_a_random_forest(untrained: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    definition, line = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    names = dict(vars(estimators))
    exec(compile(definition, str(PAGE), "exec"), names)  # as if it stood in that file
    ((name, model),) = eval("{" + line + "}", names).items()
    monkeypatch.setattr(estimators, model.__name__, model, raising=False)
    monkeypatch.setitem(estimators.ESTIMATORS, name, model)
    update_yaml(Path("configs/default.yml"), {"train.model": name, "train.params": {}})

    config = load_config(environ={})
    ingest.run(config)
    pipeline.run(config)
    trained = train.run(config)
    metric = "log_loss" if config.task == "classification" else "mae"
    assert trained.metrics[metric] < trained.baseline[metric]
    assert evaluation.run(config).metadata.model == name
    assert promotion.promote(config).decision == "promote"
    version = find_version(config.paths.models)
    served = open_served(version.folder, Serve().max_batch_rows)
    golden = version.metadata.golden[0]
    rows = [version.preprocessor.parse_row(golden.row)]
    (result,) = build_response(served.model, rows, lambda *_: "")
    expected = golden.prediction[-1]
    probabilities = result.get("probabilities", {"": result["prediction"]})
    assert list(probabilities.values())[-1] == pytest.approx(expected, rel=1e-5)
