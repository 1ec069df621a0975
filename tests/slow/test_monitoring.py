"""Monitoring for real: promtool's tests, planted faults, and an alert that arrives."""

import json
import os
import random
import re
import signal
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.baking import Baker
from tests.slow.projects import Installer, run, uv
from tests.slow.watching import (
    QUICK,
    Watched,
    ensure_programs,
    sample_rows,
    wait_for,
    watching,
)

DASHBOARDS = ("service", "model", "drift")
# What Grafana's own model of a dashboard does not take in, by its path; nothing is right.
ROUND_TRIP = """
import json, sys
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

def lost(ours, theirs, where):
    if isinstance(ours, dict):
        for key, value in ours.items():
            if not isinstance(theirs, dict) or key not in theirs:
                if value not in (None, [], {}):
                    yield f"{where}.{key}"
            else:
                yield from lost(value, theirs[key], f"{where}.{key}")
    elif isinstance(ours, list):
        for i, (one, other) in enumerate(zip(ours, theirs)):
            yield from lost(one, other, f"{where}[{i}]")

for path in sys.argv[1:]:
    board = json.load(open(path))
    known = json.loads(json.dumps(Dashboard.from_json(board), cls=JSONEncoder))
    for where in lost(board, known, path):
        print("LOST", where)
"""


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    ensure_programs()


def promtool(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], cwd=cwd, capture_output=True, text=True)


def test_configurations_and_rules(bake: Baker) -> None:
    folder = bake() / "monitoring"
    run("promtool", "check", "config", "prometheus/prometheus.yml", cwd=folder)
    run("promtool", "check", "rules", "--lint=all", "prometheus/rules.yml", cwd=folder)
    run("amtool", "check-config", "alertmanager/alertmanager.yml", cwd=folder)


@pytest.mark.parametrize("name", ["rules_test.yml", "slow_rules_test.yml"])
def test_every_alert_fires_stays_silent_and_ends(name: str, bake: Baker) -> None:
    run("promtool", "test", "rules", name, cwd=bake() / "monitoring/prometheus")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('absent(up{job="api"} == 1)', 'absent(up{job="api"} == 0)'),
        ("for: 5m", "for: 50m"),
        ("model:psi:window > bool", "model:psi:window < bool"),
        (">= bool 500", ">= bool 1"),
        ("[1h])) >= 100", "[1h])) >= 1"),
        ('http_route="/predict", http_response', "http_response"),
    ],
)
def test_a_planted_fault_is_found(old: str, new: str, bake: Baker, tmp_path: Path) -> None:
    source = bake() / "monitoring/prometheus"
    text = (source / "rules.yml").read_text("utf-8")
    assert old in text
    (tmp_path / "rules.yml").write_text(text.replace(old, new), "utf-8")
    (tmp_path / "rules_test.yml").write_bytes((source / "rules_test.yml").read_bytes())
    done = promtool("test", "rules", "rules_test.yml", cwd=tmp_path)
    assert done.returncode != 0, f"{new} is not noticed"


def test_grafana_knows_all_of_the_dashboards(bake: Baker, tmp_path: Path) -> None:
    boards = [bake() / f"monitoring/grafana/dashboards/{name}.json" for name in DASHBOARDS]
    odd = json.loads(boards[0].read_text("utf-8")) | {"tittle": "misspelt"}
    (tmp_path / "odd.json").write_text(json.dumps(odd), "utf-8")
    told = uv(
        *("run", "--no-project", "--with", "grafana-foundation-sdk", "python", "-c", ROUND_TRIP),
        *boards,
        tmp_path / "odd.json",
        cwd=tmp_path,
    )
    assert [line for line in told.splitlines() if line.startswith("LOST")] == [
        f"LOST {tmp_path / 'odd.json'}.tittle"
    ]


def test_an_alert_arrives(installed: Installer, tmp_path: Path) -> None:
    """Normal traffic: silence, and data on every panel. Shifted traffic: the receiver has it."""
    project = installed({"project_slug": "watched-flights", "demo_app": "none"})
    command = installed.bin / "watched-flights"
    run(command, "all", cwd=project)
    settings = project / "monitoring/drift.yml"
    text = settings.read_text("utf-8")
    for old, new in QUICK.items():
        assert old in text
        text = text.replace(old, new)
    settings.write_text(text, "utf-8")
    run(command, "monitoring", "rules", cwd=project)
    rows = sample_rows(project)
    draw = random.Random(0)
    with watching(project, command, "watched_flights", tmp_path) as watched:
        quiet(watched, rows, draw)
        for name in DASHBOARDS:
            assert_shows(watched, project / f"monitoring/grafana/dashboards/{name}.json")
        kill_a_worker(watched, rows, draw)
        begin = time.monotonic()
        while "InputDrift" not in {one["labels"]["alertname"] for one in watched.received()}:
            assert time.monotonic() < begin + 60, (watched.alerts(), watched.received())
            send(watched, [row | {"temp": 100.0, "dewp": 80.0} for row in rows], draw)
            time.sleep(0.2)
        drifted = {one["labels"].get("name") for one in watched.received()}
        assert {"temp", "dewp"} <= drifted
        assert "carrier" not in drifted
    # What the API has logged says the same.
    said = run(command, "drift", tmp_path / "predictions.jsonl", cwd=project, code=1)
    assert "input temp: PSI" in said


def send(watched: Watched, rows: list[dict[str, Any]], draw: random.Random) -> None:
    """Send rows drawn anew, and tell the outcomes of some."""
    drawn = draw.choices(rows, k=50)
    known = [{name: row[name] for name in row if name != "__target"} for row in drawn]
    for prediction_id, row in list(zip(watched.predict(known), drawn, strict=True))[:5]:
        watched.tell(prediction_id, row["__target"].lower())


def quiet(watched: Watched, rows: list[dict[str, Any]], draw: random.Random) -> None:
    """Half a minute of rows of the reference: nothing fires, though there are rows enough."""
    begin = time.monotonic()
    while time.monotonic() < begin + 30:
        send(watched, rows, draw)
        time.sleep(0.2)
    seen = watched.query("min(model:watched_rows:window)")
    assert float(seen[0]["value"][1]) >= 400
    assert watched.query("count(model:drifted:window)")
    assert watched.alerts() == set()
    assert watched.received() == []


def assert_shows(watched: Watched, path: Path) -> None:
    """Each panel of a dashboard has data, and none lies on another."""
    board = json.loads(path.read_text("utf-8"))
    values = {"__rate_interval": "10s", "version": "v0.1", "name": "temp"}
    cells: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        taken = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not taken & cells, panel["title"]
        cells |= taken
        for target in panel.get("targets", []):
            asked = re.sub(r"\$(\w+)", lambda match: values[match[1]], target["expr"])
            assert watched.query(asked), f"{path.name}, {panel['title']}: no data for {asked}"
    for variable in board["templating"]["list"]:
        asked = re.sub(r"\$(\w+)", lambda match: values[match[1]], variable["query"]["query"])
        metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", asked).groups()  # type: ignore[union-attr]
        assert values[variable["name"]] in {
            one["metric"].get(label) for one in watched.query(metric)
        }


def kill_a_worker(watched: Watched, rows: list[dict[str, Any]], draw: random.Random) -> None:
    """No metric lies after kill -9: counters go on, and the gauges are those of the living."""
    pid = watched.server.pid
    before = counts(watched)
    # The first child of a supervisor is multiprocessing's resource tracker.
    workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(workers[-1]), signal.SIGKILL)
    wait_for(
        lambda: workers[-1] not in Path(f"/proc/{pid}/task/{pid}/children").read_text().split(),
        30,
        "the worker is not replaced",
    )
    for _ in range(20):
        try:
            send(watched, rows, draw)
        except OSError:  # the connection of the killed one
            continue
    wait_for(lambda: counts(watched)["model_ready"] == 1, 30, "not ready again")
    time.sleep(2)
    after = counts(watched)
    assert after.keys() >= before.keys()
    for name, value in before.items():
        if name.startswith(("model_watched_rows_total", "http_server_request_duration")):
            assert after[name] >= value, name
    limit = "http_server_active_requests_limit"
    wait_for(
        lambda: counts(watched)[limit] == 2 * 256, 15, f"the limit is {counts(watched)[limit]}"
    )
    assert watched.alerts() == set()


def counts(watched: Watched) -> dict[str, float]:
    """All metrics, as the API tells them."""
    with urllib.request.urlopen(f"{watched.api}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}
