"""The HTTP API over real sockets: requests, limits, logs, and models not to be served."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
import uvicorn
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.data.schema import Column, load_schema
from {{ cookiecutter.package_name }}.models import promotion
from {{ cookiecutter.package_name }}.predict.api import create_app
from {{ cookiecutter.package_name }}.predict.request_schema import InvalidError, RequestSchema

Start = Callable[..., httpx.Client]


@contextmanager
def running(config: Config) -> Iterator[SimpleNamespace]:
    """Run the API in a thread; gives its client and service."""
    app = create_app(config)
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, log_level="warning", access_log=False, ws="none")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server ended before it had started"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as client:
            yield SimpleNamespace(client=client, service=app.state.service, port=port)
    finally:  # else a test that fails would never end
        server.should_exit = True
        thread.join()


def with_serve(config: Config, **changes: Any) -> Config:
    values = config.model_dump(by_alias=True)
    values["serve"] |= {"access_log": False, "poll_seconds": 0.05} | changes
    return Config.model_validate(values)


@pytest.fixture
def store(trained: SimpleNamespace, tmp_path: Path) -> Path:
    """A store with the trained version as its champion."""
    shutil.copytree(trained.model.folder, tmp_path / "store/v0.1")
    pointer = {"version": "v0.1", "previous": None}
    (tmp_path / "store/champion.json").write_text(json.dumps(pointer), encoding="utf-8")
    return tmp_path / "store"


@pytest.fixture
def api(trained: SimpleNamespace, store: Path) -> Iterator[SimpleNamespace]:
    """The API on that store."""
    with running(with_serve(trained.config, store=str(store))) as started:
        yield started


@pytest.fixture
def row(api: SimpleNamespace) -> dict[str, Any]:
    """A row that is accepted."""
    example: dict[str, Any] = api.service.request_schema.example_row()
    return example


def problem(response: httpx.Response, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["instance"] == response.headers["x-request-id"]
    return document


def test_one_row_and_many(api: SimpleNamespace, row: dict[str, Any]) -> None:
    one = api.client.post("/predict", json=row).json()
    many = api.client.post("/predict", json=[row] * 40).json()
    assert one["model_version"] == many["model_version"] == "v0.1"
    values = {str(answer["prediction"]) for answer in many["predictions"]}
    assert values == {str(one["prediction"])}
    ids = {one["prediction_id"], *(answer["prediction_id"] for answer in many["predictions"])}
    assert len(ids) == 41


def test_answers_equal_the_batch(trained: SimpleNamespace, api: SimpleNamespace) -> None:
    golden = trained.model.metadata.golden
    answers = api.client.post("/predict", json=[entry.row for entry in golden]).json()
    for entry, answer in zip(golden, answers["predictions"], strict=True):
        found = answer.get("probabilities", {"": answer["prediction"]})
        np.testing.assert_allclose(list(found.values()), entry.prediction, rtol=1e-5)
        if "lower" in answer:
            assert answer["lower"] < answer["prediction"] < answer["upper"]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_valid_row_is_predicted(
    data: st.DataObject,
    trained: SimpleNamespace,
    api: SimpleNamespace,
    rows: Callable[..., st.SearchStrategy[dict[str, Any]]],
) -> None:
    preprocessor = trained.model.preprocessor
    values = data.draw(rows(preprocessor.columns))
    body = json.dumps(values, default=lambda moment: moment.isoformat())
    response = api.client.post("/predict", content=body)
    assert response.status_code == 200, response.text
    answer = response.json()
    found = answer.get("probabilities", {"": answer["prediction"]})
    expected = trained.model.predictor.predict_row(values)
    np.testing.assert_allclose(list(found.values()), expected, rtol=1e-5, atol=1e-6)


def test_every_mistake_is_named(api: SimpleNamespace, row: dict[str, Any]) -> None:
    required = next(n for n, c in api.service.request_schema.columns.items() if not c.nullable)
    number = next(n for n, c in api.service.request_schema.columns.items() if c.type == "float")
    broken = {**row, number: "secret-text", "no such column": 1}
    del broken[required]
    document = problem(api.client.post("/predict", json=[row, broken]), 422)
    named = {error["field"]: error["rule"] for error in document["errors"]}
    assert named.keys() == {f"1.{required}", f"1.{number}", "1.no such column"}
    assert named[f"1.{required}"] == "is missing"
    assert "secret-text" not in json.dumps(document)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"\xff\xfe", 400),
        (b"3", 422),
        (b"[]", 422),
        (b'["a"]', 422),
        (b"[" * 5000, 400),
        (b'{"a": ' + b"1" * 2_000_000 + b"}", 413),
    ],
)
def test_broken_bodies(api: SimpleNamespace, body: bytes, status: int) -> None:
    problem(api.client.post("/predict", content=body), status)


def test_too_many_rows(api: SimpleNamespace, row: dict[str, Any]) -> None:
    document = problem(api.client.post("/predict", content=json.dumps([{}] * 1001)), 422)
    assert document["errors"]
    small = [{**row}] * 1001
    response = api.client.post("/predict", json=small)
    assert response.status_code == 413


def test_fast_and_full_checks_agree(trained: SimpleNamespace, api: SimpleNamespace) -> None:
    """What msgspec refuses pydantic explains, and what it accepts pydantic accepts."""
    request_schema = api.service.request_schema
    good = request_schema.example_row()
    odd: list[Any] = [
        None,
        True,
        0,
        -1,
        1.5,
        1e30,
        "",
        "x",
        "2024-01-01",
        "2024-01-01T00:00",
        [],
        {},
    ]
    for name in request_schema.columns:
        for value in odd:
            body = json.dumps({**good, name: value}).encode()
            fast = api.client.post("/predict", content=body).status_code == 200
            assert fast == _accepted(request_schema.model, {**good, name: value}), (name, value)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_moment_beyond_the_calendar_is_named(moment: str) -> None:
    request_schema = RequestSchema({"when": Column(type="datetime")}, 10)
    with pytest.raises(InvalidError, match="years 1 to 9999") as refused:
        request_schema.read(json.dumps([{}, {"when": moment}]).encode())
    assert [mistake.field for mistake in refused.value.mistakes] == ["1.when"]


def test_a_whole_number_fits_a_column() -> None:
    request_schema = RequestSchema({"n": Column(type="integer")}, 10)
    for value in (2**63 - 1, -(2**63)):
        assert request_schema.read(json.dumps({"n": value}).encode())[0] == [{"n": value}]
        _accepted(request_schema.model, {"n": value})
    for value in (2**63, 10**30, 10**400):
        with pytest.raises(InvalidError):
            request_schema.read(b'{"n": %d}' % value)
        assert not _accepted(request_schema.model, {"n": value})


def test_a_body_of_mistakes_is_not_read_to_its_end() -> None:
    request_schema = RequestSchema({"n": Column(type="integer")}, 1000)
    body = json.dumps([{f"x{i}": 1 for i in range(110)}] * 1000).encode()
    start = time.process_time()
    with pytest.raises(InvalidError) as refused:
        request_schema.read(body)
    assert len(refused.value.mistakes) == 100
    assert time.process_time() - start < 0.3


def test_columns_may_be_called_anything() -> None:
    names = ["plain", 'wei"rd', "back\\slash", "ta\tb", "f1", "Größe 🚀"]
    columns = {name: Column(type="float", nullable=False, max=9) for name in names}
    request_schema = RequestSchema(columns, 10)
    row = {name: float(i) for i, name in enumerate(names)}
    assert request_schema.read(json.dumps(row).encode()) == ([row], False)
    assert request_schema.read(json.dumps([row, row]).encode()) == ([row, row], True)
    with pytest.raises(InvalidError) as refused:
        request_schema.read(json.dumps({**row, 'wei"rd': 10, "f2": 1}).encode())
    assert {mistake.field for mistake in refused.value.mistakes} == {'wei"rd', "f2"}


def _accepted(model: Any, values: dict[str, Any]) -> bool:
    try:
        model.model_validate_json(json.dumps(values))
    except ValueError:
        return False
    return True


def test_whole_numbers_may_have_a_point(api: SimpleNamespace, row: dict[str, Any]) -> None:
    """To JSON Schema, and so to the OpenAPI document, 3.0 is an integer."""
    columns = api.service.request_schema.columns
    pointed = {name: float(row[name]) for name, c in columns.items() if c.type == "integer"}
    one = api.client.post("/predict", json=row).json()
    other = api.client.post("/predict", json=row | pointed).json()
    assert pointed
    assert one["prediction"] == other["prediction"]


def test_openapi_is_the_schema(trained: SimpleNamespace, api: SimpleNamespace) -> None:
    document = api.client.get("/openapi.json").json()
    schema = load_schema(trained.config.paths.schema_)
    parts = document["components"]["schemas"]
    assert set(parts["Row"]["properties"]) == set(trained.model.preprocessor.columns)
    for name, column in trained.model.preprocessor.columns.items():
        shown = parts["Row"]["properties"][name]
        assert schema.columns[name].description in shown["description"]
        assert (name in parts["Row"]["required"]) == (not column.nullable)
        text = json.dumps(shown)
        for bound in (column.min, column.max):
            assert bound is None or str(int(bound)) in text
    operation = document["paths"]["/predict"]["post"]
    examples = operation["requestBody"]["content"]["application/json"]["examples"]
    for example in examples.values():
        assert api.client.post("/predict", json=example["value"]).status_code == 200
    assert set(operation["responses"]) >= {"200", "400", "401", "413", "422", "503"}
    for status, answer in operation["responses"].items():
        kind = "application/json" if status == "200" else "application/problem+json"
        assert list(answer["content"]) == [kind]
    assert "requestBody" in document["paths"]["/feedback"]["post"]
    assert api.client.get("/docs").status_code == 200


def test_docs_need_no_internet(api: SimpleNamespace) -> None:
    page = api.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    links = re.findall(r"""(?:src|href|url)["']?\s*[=:]\s*["']([^"']+)["']""", page.text)
    assert {"openapi.json", "docs/files/swagger-ui.css"} < set(links)
    for link in links:
        assert ":" not in link, f"{link} is somewhere else"
        assert api.client.get(link).status_code == 200


def test_unknown_paths_and_methods(api: SimpleNamespace) -> None:
    problem(api.client.get("/nowhere"), 404)
    refused = api.client.get("/predict")
    problem(refused, 405)
    assert refused.headers["allow"] == "POST"
    problem(api.client.post("/health/live"), 405)


def test_model_and_health(api: SimpleNamespace) -> None:
    assert api.client.get("/health/live").json() == {"status": "alive"}
    assert api.client.get("/health/ready").json()["model_version"] == "v0.1"
    model = api.client.get("/model").json()
    assert model["version"] == "v0.1"
    assert {"metrics", "schema", "schema_hash", "files", "commit"} <= model.keys()


@pytest.mark.parametrize(("method", "path"), [("POST", "/predict"), ("GET", "/model")])
def test_a_fault_of_ours_tells_no_details(
    api: SimpleNamespace,
    row: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
) -> None:
    model = api.service.champion.model
    api.service.champion.model = SimpleNamespace(
        version="secret"
    )  # has nothing that is asked of it
    document = problem(api.client.request(method, path, json=row), 500)
    assert "secret" not in json.dumps(document)
    assert "attribute" not in json.dumps(document)
    assert document["instance"] in caplog.text
    assert "AttributeError" in caplog.text
    api.service.champion.model = model


def test_metrics_count(api: SimpleNamespace, row: dict[str, Any]) -> None:
    for _ in range(3):
        api.client.post("/predict", json=row)
    api.client.post("/predict", json={})
    text = api.client.get("/metrics").text
    assert 'http_requests_total{method="POST",path="/predict",status="200"} 3.0' in text
    assert 'http_requests_total{method="POST",path="/predict",status="422"} 1.0' in text
    assert 'http_request_duration_seconds_count{path="/predict"} 4.0' in text
    assert "predicted_rows_total 3.0" in text
    assert "model_ready 1.0" in text


def test_api_key(trained: SimpleNamespace, store: Path) -> None:
    config = with_serve(trained.config, store=str(store), api_key="long-and-random")
    with running(config) as api:
        row = api.service.request_schema.example_row()
        problem(api.client.post("/predict", json=row), 401)
        problem(api.client.post("/predict", json=row, headers={"x-api-key": "wrong"}), 401)
        right = {"x-api-key": "long-and-random"}
        assert api.client.post("/predict", json=row, headers=right).status_code == 200
        assert api.client.get("/health/ready").status_code == 200
        problem(api.client.post("/metrics", content=b"anything"), 401)
        assert api.client.get("/docs").status_code == 200
        document = api.client.get("/openapi.json").json()
        assert document["paths"]["/predict"]["post"]["security"] == [{"API key": []}]
        assert document["components"]["securitySchemes"]["API key"]["name"] == "x-api-key"
        assert "security" not in document["paths"]["/health/ready"]["get"]
        assert "long-and-random" not in repr(config)


def test_overload_is_refused_at_once(trained: SimpleNamespace, store: Path) -> None:
    config = with_serve(trained.config, store=str(store), max_concurrency=1)
    with running(config) as api:
        row = json.dumps(api.service.request_schema.example_row()).encode()
        slow = httpx.Client(base_url=api.client.base_url)
        started, release = threading.Event(), threading.Event()

        def body() -> Iterator[bytes]:
            yield row[:10]
            started.set()
            release.wait(10)
            yield row[10:]

        answers: list[int] = []
        thread = threading.Thread(
            target=lambda: answers.append(slow.post("/predict", content=body()).status_code)
        )
        thread.start()
        started.wait(10)
        time.sleep(0.2)
        refused = api.client.post("/predict", content=row)
        problem(refused, 503)
        assert refused.headers["retry-after"] == "1"
        assert api.client.get("/health/live").status_code == 200
        release.set()
        thread.join()
        slow.close()
        assert answers == [200]


def test_prediction_log_and_feedback(trained: SimpleNamespace, store: Path, tmp_path: Path) -> None:
    log = tmp_path / "logs/predictions.jsonl"
    with running(with_serve(trained.config, store=str(store), prediction_log=str(log))) as api:
        row = api.service.request_schema.example_row()
        answer = api.client.post("/predict", json=row).json()
        found = {"prediction_id": answer["prediction_id"], "label": True}
        assert api.client.post("/feedback", json=found).status_code == 202
        problem(api.client.post("/feedback", json={"label": 1}), 422)
        problem(api.client.post("/feedback", content=b"{"), 400)
    (path,) = log.parent.iterdir()
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert lines[0]["prediction_id"] == lines[1]["prediction_id"] == answer["prediction_id"]
    assert lines[0]["input"].keys() == row.keys()
    assert lines[1]["label"] is True


def test_full_disk_stops_no_request(trained: SimpleNamespace, store: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full to stand for a full disk: not checked here")
    with running(with_serve(trained.config, store=str(store), prediction_log="x.jsonl")) as api:
        api.service.predictions._path = full
        row = api.service.request_schema.example_row()
        for _ in range(3):
            assert api.client.post("/predict", json=row).status_code == 200
        api.service.predictions.flush()
        assert "log_lines_lost_total 3.0" in api.client.get("/metrics").text


def test_access_log(
    trained: SimpleNamespace, store: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    with running(with_serve(trained.config, store=str(store), access_log=True)) as api:
        header = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        response = api.client.get("/health/live", headers=header)
        api.service.access.flush()
    line = json.loads(capfdbinary.readouterr().out.splitlines()[0])
    assert line["path"] == "/health/live"
    assert line["status"] == 200
    assert line["trace_id"] == trace
    assert line["request_id"] == response.headers["x-request-id"]


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


@pytest.mark.parametrize("how", DAMAGES)
def test_damaged_model_is_never_served(trained: SimpleNamespace, store: Path, how: str) -> None:
    damage(store, how)
    with running(with_serve(trained.config, store=str(store))) as api:
        assert DAMAGES[how] in problem(api.client.get("/health/ready"), 503)["detail"]
        problem(api.client.post("/predict", json=api.service.request_schema.example_row()), 503)
        assert api.client.get("/health/live").status_code == 200


def test_other_schema_is_refused(trained: SimpleNamespace, store: Path, tmp_path: Path) -> None:
    text = trained.config.paths.schema_.read_text(encoding="utf-8")
    (tmp_path / "schema.yml").write_text(text + "  extra: {type: float, role: ignore}\n", "utf-8")
    values = with_serve(trained.config, store=str(store)).model_dump(by_alias=True)
    values["paths"]["schema"] = str(tmp_path / "schema.yml")
    with running(Config.model_validate(values)) as api:
        assert "another schema" in problem(api.client.get("/health/ready"), 503)["detail"]


def second_version(store: Path) -> None:
    shutil.copytree(store / "v0.1", store / "v0.2")


def point_at(store: Path, version: str) -> None:
    (store / "next.json").write_text(json.dumps({"version": version, "previous": "v0.1"}), "utf-8")
    (store / "next.json").replace(store / "champion.json")


def test_new_champion_under_load(api: SimpleNamespace, store: Path, row: dict[str, Any]) -> None:
    second_version(store)
    versions: list[str] = []
    failures: list[int] = []
    stop = threading.Event()

    def load() -> None:
        with httpx.Client(base_url=api.client.base_url) as client:
            while not stop.is_set():
                response = client.post("/predict", json=row)
                if response.status_code == 200:
                    versions.append(response.json()["model_version"])
                else:
                    failures.append(response.status_code)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    point_at(store, "v0.2")
    until = time.monotonic() + 10
    while "v0.2" not in versions[-1:] and time.monotonic() < until:
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert versions[0] == "v0.1"
    assert versions[-1] == "v0.2"


def test_the_server_needs_nothing_of_training(trained: SimpleNamespace, store: Path) -> None:
    """It loads and proves a model, and even has the explainer at hand, with its own list alone."""
    package = "{{ cookiecutter.package_name }}"
    code = (
        "import sys\n"
        f"from {package}.config import load_config\n"
        f"from {package}.models import explain\n"
        f"from {package}.predict import api\n"
        "service = api.create_app(load_config()).state.service\n"
        "service.champion.refresh()\n"
        "explain.Explainer(service.champion.model, service.champion.registry)\n"
        "print(*sys.modules)"
    )
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    setting = {f"{package.upper()}__SERVE__STORE": str(store)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=trained.folder,
        env=os.environ | setting | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.split())
    assert "onnxruntime" in loaded
    assert not loaded & {"lightgbm", "onnx", "polars", "pyarrow", "sklearn"}


def test_broken_new_champion_leaves_the_old_one(
    api: SimpleNamespace, store: Path, row: dict[str, Any]
) -> None:
    second_version(store)
    (store / "v0.2/model.onnx").write_bytes(b"rubbish")
    point_at(store, "v0.2")
    until = time.monotonic() + 10
    while not api.service.champion.reason and time.monotonic() < until:
        time.sleep(0.05)
    assert "not the file that training wrote" in api.service.champion.reason
    assert api.client.post("/predict", json=row).json()["model_version"] == "v0.1"
    assert api.client.get("/health/ready").status_code == 200


def test_a_champion_out_of_reach_is_tried_again(
    api: SimpleNamespace, store: Path, row: dict[str, Any]
) -> None:
    second_version(store)
    away = (store / "v0.2/model.onnx").rename(store / "away.onnx")
    point_at(store, "v0.2")
    until = time.monotonic() + 10
    while not api.service.champion.reason and time.monotonic() < until:
        time.sleep(0.05)
    assert "is missing" in api.service.champion.reason
    away.rename(store / "v0.2/model.onnx")
    while api.service.champion.model.version != "v0.2" and time.monotonic() < until:
        time.sleep(0.05)
    assert api.client.post("/predict", json=row).json()["model_version"] == "v0.2"


def test_remote_store(trained: SimpleNamespace, store: Path, tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    for path in store.rglob("*"):
        if path.is_file():
            memory.pipe_file(f"/bucket/{path.relative_to(store)}", path.read_bytes())
    cache = tmp_path / "cache"
    with running(with_serve(trained.config, store="memory://bucket", cache=str(cache))) as api:
        assert api.client.get("/health/ready").json()["model_version"] == "v0.1"
        names = {path.name for path in (cache / "v0.1").iterdir()}
        assert names == {"metadata.json", "model.onnx", "preprocessor.json"}


def test_promote_to_a_remote_store(trained: SimpleNamespace, tmp_path: Path) -> None:
    values = trained.config.model_dump(by_alias=True)
    values["serve"] |= {"store": "memory://other", "cache": str(tmp_path / "cache")}
    values["paths"]["artifacts"] = str(tmp_path)
    config = Config.model_validate(values)
    assert promotion.promote(config).decision == "promote"
    with running(config) as api:
        assert api.client.get("/health/ready").json()["model_version"] == "v0.1"
