"""The runs in MLflow: a real database, and a real server with its pages."""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest

from {{ cookiecutter.package_name }} import config as configuration
from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.models import promotion
from {{ cookiecutter.package_name }}.models.model_io import METADATA
from {{ cookiecutter.package_name }}.tracking import runs
from {{ cookiecutter.package_name }}.workflows import mlflow_sink, training

pytest.importorskip("mlflow", reason="`make test-mlflow` installs MLflow")
from mlflow import MlflowClient

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # MLflow's own
URI = "sqlite:///mlruns/mlflow.db"


@pytest.fixture(scope="module")
def sent(promoted: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Runs of the known table in MLflow: one that was promoted, and one that failed."""
    folder = tmp_path_factory.mktemp("mlflow")
    here = Path.cwd()
    os.chdir(folder)
    shutil.copytree(promoted.config.paths.models, "models")
    shutil.copytree(promoted.folder / "artifacts/v0.1", "artifacts/v0.1")
    paths = {"models": Path("models"), "artifacts": Path("artifacts"), "processed": Path("none")}
    config = promoted.config.model_copy(
        update={
            "paths": promoted.config.paths.model_copy(update=paths),
            "serve": promoted.config.serve.model_copy(update={"store": "models"}),
            "tracking": configuration.Tracking(sinks={"workflows.mlflow_sink": {"uri": URI}}),
        }
    )
    with runs.recorded(config) as this:
        metadata = Path("models/v0.1") / METADATA
        runs.finish(config.paths.artifacts, this, metadata, promoted.model.metadata)
    runs.add_metrics(config.paths.artifacts, "v0.1", {"made_up": 0.25})
    with pytest.raises(UserError):
        training.run(config)  # there is nothing to train on
    yield SimpleNamespace(folder=folder, config=config, client=MlflowClient(URI))
    os.chdir(here)


def test_a_run_has_its_numbers_files_and_origin(
    sent: SimpleNamespace, promoted: SimpleNamespace
) -> None:
    finished, failed = sorted(shown(sent.client), key=lambda run: run.info.status, reverse=True)
    metadata = promoted.model.metadata
    assert (finished.info.status, failed.info.status) == ("FINISHED", "FAILED")
    assert "preprocess" in failed.data.tags["error"]
    assert finished.info.run_name == "v0.1"
    validation = {f"val_{name}": value for name, value in metadata.metrics.items()}
    assert finished.data.metrics == pytest.approx(validation | {"test_made_up": 0.25})
    assert finished.data.params["model"] == metadata.model
    (data,) = finished.inputs.dataset_inputs
    assert metadata.data.sha256.startswith(data.dataset.digest)
    report = {file.path for file in sent.client.list_artifacts(finished.info.run_id, "report")}
    assert {"report/report.html", "report/evaluation.json"} <= report


def test_the_served_model_is_registered_and_predicts_the_same(
    sent: SimpleNamespace, promoted: SimpleNamespace
) -> None:
    import mlflow

    registered = sent.client.get_model_version_by_alias(sent.config.model.name, "champion")
    assert registered.tags["version"] == "v0.1"
    mlflow.set_tracking_uri(URI)
    folder = Path(mlflow.artifacts.download_artifacts(f"models:/{sent.config.model.name}/1"))
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert {"model.onnx", "metadata.json", "preprocessor.json", "requirements.txt"} <= files
    assert not [name for name in files if name.endswith((".pkl", ".pickle"))]
    x = np.full((2, len(promoted.model.preprocessor.inputs)), np.nan, dtype=np.float32)
    loaded = mlflow.pyfunc.load_model(str(folder))
    (given,) = loaded.predict(x).values()
    np.testing.assert_array_equal(given.ravel(), promoted.model.predictor.predict(x).ravel())
    assert loaded.metadata.signature.inputs.inputs[0].shape == (-1, x.shape[1])


def test_what_is_there_is_not_sent_again(sent: SimpleNamespace) -> None:
    assert runs.sync(sent.config) == []
    runs.add_metrics(sent.config.paths.artifacts, "v0.1", {"made_up": 0.5})
    assert runs.sync(sent.config) == [f"{URI}: 1 of 2 runs sent"]
    assert len(shown(sent.client)) == 2
    assert max(run.data.metrics.get("test_made_up", 0) for run in shown(sent.client)) == 0.5


def test_aliases_follow_the_registry_and_a_moved_one_is_told(sent: SimpleNamespace) -> None:
    name, client = sent.config.model.name, sent.client
    client.delete_registered_model_alias(name, "champion")
    runs.sync(sent.config)
    assert client.get_registered_model(name).aliases == {"champion": 1}
    client.set_registered_model_alias(name, "challenger", 1)
    (line,) = runs.sync(sent.config)
    assert line.startswith("alias challenger was moved to version 1 in MLflow, and is set back")
    Path("models/champion.json").unlink()
    assert runs.sync(sent.config) == []
    assert client.get_registered_model(name).aliases == {"challenger": 1}
    promotion.promote(sent.config, "v0.1", force=True)
    runs.sync(sent.config)
    assert client.get_registered_model(name).aliases == {"champion": 1}


def test_a_server_that_is_away_delays_nothing(sent: SimpleNamespace) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        away = f"http://127.0.0.1:{probe.getsockname()[1]}"  # bound, and nobody listens
    (line,) = mlflow_sink.sync(sent.config, {"uri": away})
    assert "cannot be reached; the runs wait in" in line


def test_a_server_shows_the_runs_to_this_machine_only(
    sent: SimpleNamespace, started: Callable[..., Any]
) -> None:
    command = ["-m", "mlflow", "server", "--backend-store-uri", "sqlite:///server.db", "--workers"]
    command += ["1", "--host", "127.0.0.1", "--port", "PORT", "--artifacts-destination", "kept"]
    command += ["--allowed-hosts", "127.0.0.1:PORT"]
    switches = mlflow_sink.SWITCHES
    with started(command, sent.folder, "/health", **switches) as server:
        (line,) = mlflow_sink.sync(sent.config, {"uri": server.url})
        assert line == f"{server.url}: 2 of 2 runs sent"
        assert len(shown(MlflowClient(server.url))) == 2
        page = f"{server.url}/api/2.0/mlflow/experiments/search?max_results=9"
        assert httpx.get(page).status_code == 200
        assert httpx.get(page, headers={"Host": "elsewhere.example"}).status_code == 403


@pytest.mark.parametrize("wrong", [{"uri": "mlruns"}, {"uri": "file:///x"}, {"url": URI}])
def test_wrong_settings_are_named(sent: SimpleNamespace, wrong: dict[str, str]) -> None:
    with pytest.raises(UserError, match=r"workflows\.mlflow_sink"):
        mlflow_sink.sync(sent.config, wrong)


def shown(client: MlflowClient) -> list[Any]:
    """Return all runs that MLflow has."""
    return list(client.search_runs([one.experiment_id for one in client.search_experiments()]))
