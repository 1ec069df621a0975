"""The local receiver prints what Alertmanager sends."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[3]
ALERT = {
    "status": "firing",
    "labels": {"alertname": "InputDrift"},
    "annotations": {"summary": "An input has drifted"},
    "startsAt": "2026-01-01T00:00:00Z",
    "fingerprint": "0",
}


def test_it_prints_alerts_and_refuses_all_else(started: Callable[..., Any]) -> None:
    script = str(ROOT / "monitoring/alertmanager/receiver.py")
    with started([script, "127.0.0.1:PORT"], ROOT, "/") as receiver:
        assert httpx.post(receiver.url, json={"alerts": [ALERT]}).status_code == 204
        assert httpx.post(receiver.url, content=b"no JSON").status_code == 400
        printed = receiver.log.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["labels"] for line in printed] == [ALERT["labels"]]
