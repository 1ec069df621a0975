"""The rules of Prometheus: up to date, tested each, explained each, and quiet on a quiet day."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from {{ cookiecutter.package_name }}.monitoring.measures import critical_psi, shares
from {{ cookiecutter.package_name }}.monitoring.rules import PATH, rules
from {{ cookiecutter.package_name }}.monitoring.settings import PATH as SETTINGS
from {{ cookiecutter.package_name }}.monitoring.settings import Monitoring, load_settings
from {{ cookiecutter.package_name }}.predict.telemetry import SECONDS
from {{ cookiecutter.package_name }}.utils.yaml import parse_yaml

ROOT = Path(__file__).parents[3]
DAYS, WINDOWS = 1_000, 24


@pytest.fixture
def made() -> list[dict[str, Any]]:
    """All rules of this project's settings."""
    groups = parse_yaml(rules(load_settings(ROOT / SETTINGS)), "rules")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_the_file_is_up_to_date() -> None:
    text = (ROOT / PATH).read_text(encoding="utf-8")
    expected = rules(load_settings(ROOT / SETTINGS))
    assert text == expected, "run `monitoring rules`, and read monitoring/prometheus/*_test.yml"


def test_settings_reach_the_rules() -> None:
    changed = Monitoring.model_validate(
        {"drift": {"window": "10s", "windows": 2, "drifted": 1, "minimum_rows": 7, "psi": 0.3}}
    )
    text = rules(changed)
    assert "[10s]" in text
    assert "[20s:10s]) >= 1" in text
    assert ">= bool 7" in text
    assert "0.3\n" in text


def test_every_alert_has_its_runbook(made: list[dict[str, Any]]) -> None:
    page = (ROOT / "docs/runbooks/alerts.md").read_text(encoding="utf-8")
    parts = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL))
    alerts = {rule["alert"]: rule for rule in made if "alert" in rule}
    assert parts.keys() == alerts.keys()
    for name, text in parts.items():
        assert alerts[name]["annotations"]["runbook"] == f"docs/runbooks/alerts.md#{name.lower()}"
        for what in ("**What it means**", "**How to see it**", "**Roll back**"):
            assert what in text, f"{name}: {what}"
        commands = text.split("```sh\n")[1].split("```")[0].splitlines()
        assert len(commands) == 3, f"{name}: {commands}"


def test_every_alert_has_been_seen_to_fire_and_to_end(made: list[dict[str, Any]]) -> None:
    """What promtool is asked to show: silent at first, firing, silent again."""
    seen: dict[str, list[bool]] = {}
    for path in sorted((ROOT / PATH).parent.glob("*_test.yml")):
        for test in parse_yaml(path.read_text(encoding="utf-8"), str(path))["tests"]:
            for check in test["alert_rule_test"]:
                seen.setdefault(check["alertname"], []).append(bool(check["exp_alerts"]))
    for name in {rule["alert"] for rule in made if "alert" in rule}:
        first = seen[name].index(True)
        assert False in seen[name][:first], f"{name} is not shown to be silent at first"
        assert False in seen[name][first:], f"{name} is not shown to end"


def test_rules_read_metrics_that_there_are(made: list[dict[str, Any]]) -> None:
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8").split("| metric | labels |")[1]
    names = {
        name for line in page.split("\n\n")[0].splitlines() for name in re.findall(r"`(\w+)`", line)
    }
    recorded = {rule["record"] for rule in made if "record" in rule}
    for rule in made:
        for name in re.findall(r"\b(?:model|http|log|service)[:_][\w:]+", rule["expr"]):
            base = re.sub(r"_(count|bucket|sum)$", "", name)
            assert base in names or name in recorded, f"{name} in {rule}"


def test_the_promised_latency_is_a_bucket() -> None:
    assert load_settings(ROOT / SETTINGS).service.latency_seconds in SECONDS


def test_a_quiet_day_is_quiet(watched: SimpleNamespace) -> None:
    """A thousand days of rows drawn from the reference, by the formulas of the rules."""
    reference, drift = watched.reference, Monitoring().drift
    draw = np.random.default_rng(0)
    n = drift.minimum_rows
    alarms = np.zeros(DAYS, dtype=bool)
    for one in reference.watched:
        true = np.array(one.counts) / sum(one.counts)
        rows = draw.multinomial(n, true, size=(DAYS, WINDOWS)) + 0.5
        p, q = rows / rows.sum(axis=-1, keepdims=True), shares(one.counts)
        psi = ((p - q) * np.log(p / q)).sum(axis=-1)
        drifted = psi > critical_psi(reference.chance(one), n, reference.rows, drift.psi)
        latest = np.lib.stride_tricks.sliding_window_view(drifted, drift.windows, axis=1)
        alarms |= (latest.sum(axis=-1) >= drift.drifted).any(axis=1)
    assert alarms.sum() <= 1
