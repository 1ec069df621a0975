"""Starting the API: a port that is taken, and what a dead worker leaves behind."""

import socket
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest, values
from prometheus_client.multiprocess import MultiProcessCollector

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.predict.serve import check_address, check_log, forget


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1:{port}: .*serve.port"):
            check_address("127.0.0.1", port)
    check_address("127.0.0.1", port)


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    check_log(tmp_path / "logs/predictions.jsonl")
    with pytest.raises(UserError, match=r"serve.prediction_log. cannot be written"):
        check_log(tmp_path / "logs/predictions.jsonl/inside.jsonl")


def test_a_file_that_a_worker_was_killed_over_spoils_no_metrics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    of_process_7 = values.MultiProcessValue(lambda: 7)  # type: ignore[no-untyped-call]
    of_process_7("counter", "seen", "seen_total", (), (), "Seen.").inc(3)
    for kind in ("counter", "gauge_livemin"):
        (tmp_path / f"{kind}_8.db").touch()
    (tmp_path / "gauge_livemax_7.db").touch()
    forget(8, tmp_path)
    forget(7, tmp_path)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    assert b"seen_total 3.0" in generate_latest(registry)
