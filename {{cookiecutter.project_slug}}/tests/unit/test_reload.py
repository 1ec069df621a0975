"""Only a verified champion is served, and it is exchanged without a failed request."""

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.models import promotion
from {{ cookiecutter.package_name }}.models.registry import ModelRegistry
from {{ cookiecutter.package_name }}.utils.files import sha256

Serve = Callable[..., Any]  # gives a context manager
Problem = Callable[[httpx.Response, int], dict[str, Any]]


def damage(store: Path, how: str) -> None:
    folder = store / "v0.1"
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    if how == "no champion":
        (store / "champion.json").unlink()
    elif how == "half a pointer":
        (store / "champion.json").write_text('{"version": "v0', encoding="utf-8")
    elif how == "no such version":
        (store / "champion.json").write_text('{"version": "v9.9"}', encoding="utf-8")
    elif how == "model missing":
        (folder / "model.onnx").unlink()
    elif how == "model cut":
        (folder / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-100])
    elif how == "preprocessor changed":
        (folder / "preprocessor.json").write_text("{}", encoding="utf-8")
    elif how == "metadata cut":
        (folder / "metadata.json").write_text('{"files": {', encoding="utf-8")
    elif how == "other predictions":
        metadata["golden"][0]["prediction"][0] += 0.01
        (folder / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    elif how == "no golden rows":
        metadata["golden"] = []
        (folder / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")


DAMAGES = {
    "no champion": "promoted",
    "half a pointer": "broken",
    "no such version": "missing",
    "model missing": "is missing",
    "model cut": "not the file that training wrote",
    "preprocessor changed": "not the file that training wrote",
    "metadata cut": "missing or broken",
    "other predictions": "something else for its golden rows",
    "no golden rows": "no golden rows",
}


@pytest.mark.slow
@pytest.mark.parametrize("how", DAMAGES)
def test_damaged_model_is_never_served(
    store: Path, how: str, problem: Problem, serve: Serve
) -> None:
    damage(store, how)
    with serve() as api:
        assert DAMAGES[how] in problem(api.client.get("/health/ready"), 503)["detail"]
        problem(api.client.post("/predict", json={}), 503)
        assert api.client.get("/health/live").status_code == 200


def test_another_schema_in_configs_changes_nothing(
    trained: SimpleNamespace, tmp_path: Path, serve: Serve
) -> None:
    """A version is served with the columns that it was trained with."""
    before = trained.config.paths.schema_.read_text(encoding="utf-8")
    try:
        trained.config.paths.schema_.write_text("columns: {}\n", encoding="utf-8")
        with serve() as api:
            row = api.service.served().request_schema.example_row()
            assert api.client.post("/predict", json=row).status_code == 200
            properties = api.client.get("/openapi.json").json()["components"]["schemas"]["Row"]
            preprocessor = trained.model.preprocessor
            columns = {*preprocessor.columns, *preprocessor.passed_through}
            assert set(properties["properties"]) == columns
    finally:
        trained.config.paths.schema_.write_text(before, encoding="utf-8")


def second_version(store: Path) -> None:
    shutil.copytree(store / "v0.1", store / "v0.2")


def point_at(store: Path, version: str) -> None:
    (store / "next.json").write_text(json.dumps({"version": version}), "utf-8")
    (store / "next.json").replace(store / "champion.json")


def test_new_champion_under_load(api: SimpleNamespace, store: Path, row: dict[str, Any]) -> None:
    second_version(store)
    versions: list[str] = []
    failures: list[int] = []
    stop = threading.Event()

    def load() -> None:
        with httpx.Client(base_url=api.client.base_url, timeout=60) as client:
            while not stop.is_set():
                response = client.post("/predict", json=row)
                if response.status_code == 200:
                    versions.append(response.json()["model_version"])
                else:
                    failures.append(response.status_code)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: bool(versions or failures))
        point_at(store, "v0.2")
        wait_for(lambda: "v0.2" in versions[-1:] or bool(failures))
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    assert versions[0] == "v0.1"
    assert versions[-1] == "v0.2"


def test_broken_new_champion_leaves_the_old_one(
    api: SimpleNamespace, store: Path, row: dict[str, Any]
) -> None:
    second_version(store)
    (store / "v0.2/model.onnx").write_bytes(b"rubbish")
    point_at(store, "v0.2")
    wait_for(lambda: bool(api.service.champion.reason))
    assert "not the file that training wrote" in api.service.champion.reason
    assert api.client.post("/predict", json=row).json()["model_version"] == "v0.1"
    assert api.client.get("/health/ready").status_code == 200


def test_a_champion_out_of_reach_is_tried_again(
    api: SimpleNamespace, store: Path, row: dict[str, Any]
) -> None:
    second_version(store)
    away = (store / "v0.2/model.onnx").rename(store / "away.onnx")
    point_at(store, "v0.2")
    wait_for(lambda: bool(api.service.champion.reason))
    assert "is missing" in api.service.champion.reason
    away.rename(store / "v0.2/model.onnx")
    wait_for(lambda: api.service.champion.served.version == "v0.2")
    assert api.client.post("/predict", json=row).json()["model_version"] == "v0.2"


def test_remote_store(store: Path, tmp_path: Path, serve: Serve) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in store.rglob("*"):
        if path.is_file():
            memory.pipe_file(f"/bucket/{path.relative_to(store)}", path.read_bytes())
    cache = tmp_path / "cache"
    with serve(store="memory://bucket", cache=str(cache)) as api:
        assert api.client.get("/health/ready").json()["model_version"] == "v0.1"
        names = {path.name for path in (cache / "v0.1").iterdir()}
        assert names == {"metadata.json", "model.onnx", "preprocessor.json"}


def test_promote_to_a_remote_store(trained: SimpleNamespace, tmp_path: Path, serve: Serve) -> None:
    values = trained.config.model_dump(by_alias=True)
    values["serve"] |= {"store": "memory://other", "cache": str(tmp_path / "cache")}
    values["paths"]["artifacts"] = str(tmp_path)
    config = Config.model_validate(values)
    assert promotion.promote(config).decision == "promote"
    with serve(store="memory://other", cache=str(tmp_path / "cache2")) as api:
        assert api.client.get("/health/ready").json()["model_version"] == "v0.1"


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition() and time.monotonic() < until:
        time.sleep(0.02)
    assert condition()


def test_a_refused_champion_is_loud_and_is_taken_once_mended(
    api: SimpleNamespace, store: Path, row: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    second_version(store)
    path = store / "v0.2/metadata.json"
    whole = path.read_text("utf-8")
    metadata = json.loads(whole)
    column = next(iter(metadata["golden"][0]["row"]))
    metadata["golden"][0]["row"]["no such column"] = metadata["golden"][0]["row"].pop(column)
    path.write_text(json.dumps(metadata), "utf-8")
    point_at(store, "v0.2")
    wait_for(lambda: bool(api.service.champion.reason))
    assert "cannot serve the champion" in caplog.text
    ready = api.client.get("/health/ready").json()
    assert ready["model_version"] == "v0.1"
    assert "KeyError" in ready["champion_refused"]
    wait_for(lambda: "model_champion_refused 1.0" in api.client.get("/metrics").text)
    assert "model_load_failures_total 1.0" in api.client.get("/metrics").text
    path.write_text(whole, "utf-8")
    wait_for(lambda: api.client.get("/health/ready").json()["model_version"] == "v0.2")
    wait_for(lambda: "model_champion_refused 0.0" in api.client.get("/metrics").text)
    assert "champion_refused" not in api.client.get("/health/ready").json()


def test_metadata_other_than_promoted_are_refused(
    trained: SimpleNamespace, serve: Serve, problem: Problem, tmp_path: Path
) -> None:
    shutil.copytree(trained.model.folder, tmp_path / "other/v0.1")
    registry = ModelRegistry(str(tmp_path / "other"), tmp_path / "cache")
    registry.set_champion(tmp_path / "other/v0.1", "test")
    path = tmp_path / "other/v0.1/metadata.json"
    path.write_text(path.read_text("utf-8") + " ", "utf-8")
    with serve(store=str(tmp_path / "other")) as api:
        detail = problem(api.client.get("/health/ready"), 503)["detail"]
        assert "metadata.json is not the file that was promoted" in detail


def test_versions_with_other_columns_are_swapped_under_load(
    trained: SimpleNamespace, api: SimpleNamespace, store: Path, row: dict[str, Any]
) -> None:
    """A request that fits both versions never fails; one that fits the old alone is told so."""
    second_version(store)
    path = store / "v0.2/preprocessor.json"
    content = json.loads(path.read_text("utf-8"))
    content["columns"]["a new column"] = {"type": "float", "nullable": True}
    path.write_text(json.dumps(content), "utf-8")
    metadata = json.loads((store / "v0.2/metadata.json").read_text("utf-8"))
    metadata["files"]["preprocessor.json"] = sha256(path)
    for golden in metadata["golden"]:
        golden["row"]["a new column"] = None
    (store / "v0.2/metadata.json").write_text(json.dumps(metadata), "utf-8")
    failures: list[int] = []
    stop = threading.Event()

    def load() -> None:
        with httpx.Client(base_url=api.client.base_url, timeout=60) as client:
            while not stop.is_set():
                if (status := client.post("/predict", json=row).status_code) != 200:
                    failures.append(status)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    new = row | {"a new column": 1.0}
    refused = api.client.post("/predict", json=new)
    assert refused.status_code == 422
    assert "does not fit v0.1" in refused.json()["detail"]
    point_at(store, "v0.2")
    wait_for(lambda: bool(api.client.post("/predict", json=new).status_code == 200))
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    document = api.client.get("/openapi.json").json()
    assert "a new column" in document["components"]["schemas"]["Row"]["properties"]
