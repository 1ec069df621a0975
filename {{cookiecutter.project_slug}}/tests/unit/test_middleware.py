"""What every request meets first: the API key, the limit, and faults without details."""

import asyncio
import json
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

Serve = Callable[..., Any]  # gives a context manager
Problem = Callable[[httpx.Response, int], dict[str, Any]]


@pytest.mark.parametrize(("method", "path"), [("POST", "/predict"), ("GET", "/model")])
def test_a_fault_of_ours_tells_no_details(
    api: SimpleNamespace,
    row: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    problem: Problem,
) -> None:
    served = api.service.champion.served
    # It has nothing that is asked of it.
    api.service.champion.served = SimpleNamespace(version="secret")
    document = problem(api.client.request(method, path, json=row), 500)
    assert "secret" not in json.dumps(document)
    assert "attribute" not in json.dumps(document)
    assert document["instance"] in caplog.text
    assert "AttributeError" in caplog.text
    api.service.champion.served = served


def test_api_key(serve: Serve, problem: Problem) -> None:
    with serve(api_key="long-and-random") as api:
        row = api.service.served().request_schema.example_row()
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
        assert "long-and-random" not in repr(api.service.settings)


def test_overload_is_refused_at_once(serve: Serve, problem: Problem) -> None:
    with serve(max_concurrency=1) as api:
        row = api.service.served().request_schema.example_row()
        started, release = threading.Event(), threading.Event()
        predict = api.service.predict

        async def slow(body: bytes) -> bytes:
            started.set()
            await asyncio.to_thread(release.wait, 20)
            answer: bytes = await predict(body)
            return answer

        api.service.predict = slow
        answers: list[int] = []
        other = httpx.Client(base_url=api.client.base_url, timeout=30)
        thread = threading.Thread(
            target=lambda: answers.append(other.post("/predict", json=row).status_code)
        )
        thread.start()
        assert started.wait(20)
        api.service.predict = predict
        refused = api.client.post("/predict", json=row)
        problem(refused, 503)
        assert refused.headers["retry-after"] == "1"
        assert api.client.get("/health/live").status_code == 200
        release.set()
        thread.join()
        other.close()
        assert answers == [200]
