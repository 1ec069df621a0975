"""Logs of JSON lines: bounded, never torn, and a full disk stops no request."""

import errno
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from {{ cookiecutter.package_name }}.predict.json_log import JsonLinesLog
from {{ cookiecutter.package_name }}.predict.telemetry import Metrics

Serve = Callable[..., Any]  # gives a context manager


def lost(metrics: Metrics) -> float:
    return float(metrics.registry.get_sample_value("log_lines_lost_total") or 0)


def test_full_disk_stops_no_request(serve: Serve, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full to stand for a full disk: not checked here")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x.jsonl").symlink_to("/dev/full")
    with serve(prediction_log=str(tmp_path / "full/x.jsonl")) as api:
        row = api.service.served().request_schema.example_row()
        for _ in range(3):
            assert api.client.post("/predict", json=row).status_code == 200
        api.service.predictions.flush()
        assert "log_lines_lost_total 3.0" in api.client.get("/metrics").text


def test_the_total_size_is_bounded(tmp_path: Path) -> None:
    metrics = Metrics()
    path = tmp_path / "logs/x.jsonl"
    for start in range(3):  # as after restarts
        log = JsonLinesLog(path, metrics, max_bytes=2000)
        for number in range(100):
            log.add({"n": start * 100 + number})
            log.flush()
        log.close()
    names = {one.name for one in path.parent.iterdir()}
    assert names == {"x.jsonl", "x.jsonl.1", ".x.jsonl.lock"}
    assert sum(one.stat().st_size for one in path.parent.iterdir()) < 2 * 2100
    kept = [json.loads(line)["n"] for line in path.read_text("utf-8").splitlines()]
    assert kept[-1] == 299
    assert lost(metrics) == 0


def test_a_line_that_does_not_fit_is_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = Metrics()
    log = JsonLinesLog(tmp_path / "x.jsonl", metrics)
    log.add({"n": 0})
    log.flush()
    write = os.write

    def short(file: int, block: bytes) -> int:
        return write(file, block[:12])  # as on a disk that is nearly full

    monkeypatch.setattr(os, "write", short)
    for number in range(1, 4):
        log.add({"n": number})
    log.flush()
    monkeypatch.undo()
    log.add({"n": 4})
    log.close()
    lines = (tmp_path / "x.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["n"] for line in lines] == [0, 1, 4]
    assert lost(metrics) == 2


def test_no_space_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    log = JsonLinesLog(tmp_path / "x.jsonl", metrics)

    def full(file: int, block: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "write", full)
    log.add({"n": 1})
    log.close()
    assert lost(metrics) == 1


def test_writers_share_a_file(tmp_path: Path) -> None:
    metrics, path = Metrics(), tmp_path / "x.jsonl"

    def write(writer: int) -> None:
        log = JsonLinesLog(path, metrics)
        for number in range(500):
            log.add({"writer": writer, "n": number, "text": "x" * 50})
        log.close()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    for writer in range(4):
        assert [line["n"] for line in lines if line["writer"] == writer] == list(range(500))
