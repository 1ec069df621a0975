"""monitoring/prometheus/rules.yml: recording and alerting rules, made from monitoring/drift.yml.

Each alert has a part of docs/runbooks/alerts.md, which its `runbook` names.
"""

from io import StringIO
from pathlib import Path
from statistics import NormalDist
from typing import Any

from .measures import SMOOTHING
from .settings import Drift, Monitoring, Performance, Service, duration

PATH = Path("monitoring/prometheus/rules.yml")
HEAD = "# Made from monitoring/drift.yml by `monitoring rules`: do not edit.\n"
ONE = "model_version, role, name"
REQUESTS, ROUTE = "http_server_request_duration_seconds", 'http_route="/predict"'
COUNT = f"{REQUESTS}_count"
FAST, SLOW = ("5m", "1h", 14.4), ("30m", "6h", 6.0)
"""Short window, long window and burn rate: "The Site Reliability Workbook", chapter 5."""
CERTAIN = NormalDist().inv_cdf(0.99)


def rules(settings: Monitoring) -> str:
    """Return the rules as YAML."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4096
    groups = [
        {"name": "service", "rules": [*_promised(settings.service), *_serving(settings.service)]},
        {"name": "drift", "rules": _drift(settings.drift)},
        {"name": "performance", "rules": _performance(settings.performance)},
    ]
    text = StringIO()
    yaml.dump({"groups": groups}, text)
    return HEAD + text.getvalue()


def _record(name: str, expression: str) -> dict[str, Any]:
    return {"record": name, "expr": _folded(expression)}


def _alert(
    name: str, summary: str, expression: str, holds: str = "", page: bool = False
) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": _folded(expression),
        **({"for": holds} if holds else {}),
        "labels": {"severity": "page" if page else "ticket"},
        "annotations": {"summary": summary, "runbook": f"docs/runbooks/alerts.md#{name.lower()}"},
    }


def _folded(expression: str) -> Any:
    from ruamel.yaml.scalarstring import LiteralScalarString

    lines = [line.strip() for line in expression.strip().splitlines()]
    return LiteralScalarString("\n".join(lines) + "\n") if len(lines) > 1 else lines[0]


def _promised(service: Service) -> list[dict[str, Any]]:
    failed = f'{COUNT}{{{ROUTE}, http_response_status_code=~"5.."}}'
    quick = f'{REQUESTS}_bucket{{{ROUTE}, le="{service.latency_seconds}"}}'
    burn = []
    for window in dict.fromkeys(one for rate in (FAST, SLOW) for one in rate[:2]):
        total = f"sum(rate({COUNT}{{{ROUTE}}}[{window}]))"
        burn += [
            _record(f"service:errors:ratio_{window}", f"sum(rate({failed}[{window}]))\n/ {total}"),
            _record(f"service:slow:ratio_{window}", f"1 - sum(rate({quick}[{window}]))\n/ {total}"),
        ]
    errors, slow = 1 - service.availability, 1 - service.latency_share
    least = service.minimum_requests
    return [
        *burn,
        *_burning("ErrorBudgetBurns", "Too many requests fail", "service:errors", errors, least),
        *_burning(
            "LatencyBudgetBurns", "Too many predictions are slow", "service:slow", slow, least
        ),
    ]


def _serving(service: Service) -> list[dict[str, Any]]:
    return [
        _alert(
            "NoTargetUp",
            "No API answers Prometheus",
            'absent(up{job="api"} == 1)',
            "2m",
            page=True,
        ),
        _alert("NotReady", "An API has no model to serve", "model_ready == 0", "5m", page=True),
        _alert(
            "Saturated",
            "More requests are under way than four fifths of what is let in",
            "sum(http_server_active_requests) / sum(http_server_active_requests_limit) > 0.8",
            "5m",
            page=True,
        ),
        _alert(
            "ChampionRefused", "The new champion is not served", "model_champion_refused == 1", "5m"
        ),
        _alert(
            "VersionsDiffer",
            "Replicas serve different versions",
            "count by (model_name) (count by (model_name, model_version) (model_served == 1)) > 1",
            "10m",
        ),
        _alert(
            "ModelOld",
            f"The served model was trained more than {service.oldest_days} days ago",
            f"time() - min(model_created_timestamp_seconds > 0) > {service.oldest_days * 86_400}",
        ),
        _alert(
            "LogLinesLost", "Log lines are lost", "sum(increase(log_lines_lost_total[15m])) > 0"
        ),
    ]


def _burning(
    name: str, summary: str, ratio: str, budget: float, least: int
) -> list[dict[str, Any]]:
    alerts = []
    for speed, (short, long, rate), page in (("Fast", FAST, True), ("", SLOW, False)):
        limit = f"{rate * budget:.6g}"
        alerts.append(
            _alert(
                f"{name}{speed}",
                f"{summary}: the month's allowance burns {rate:g} times too fast",
                f"""{ratio}:ratio_{short} > {limit} and {ratio}:ratio_{long} > {limit}
                and sum(increase({COUNT}{{{ROUTE}}}[{long}])) >= {least}""",
                page=page,
            )
        )
    return alerts


def _drift(drift: Drift) -> list[dict[str, Any]]:
    span = _span(drift.window, drift.windows)
    often = f"in {drift.drifted} of the latest {drift.windows} windows of {drift.window}"
    latest = f"[{span}:{drift.window}]) >= {drift.drifted}"
    return [
        *_distances(drift),
        *(
            _alert(
                name,
                f"{what} {often}",
                f'sum_over_time(model:drifted:window{{role="{role}"}}{latest}',
            )
            for name, role, what in (
                ("InputDrift", "input", "An input has drifted"),
                ("PredictionDrift", "output", "Predictions have drifted"),
            )
        ),
        _alert(
            "ReferenceMissing",
            "The served version has no reference: drift is not watched",
            "model_reference_rows == 0 and on (model_version) model_served == 1",
            "5m",
        ),
    ]


def _distances(drift: Drift) -> list[dict[str, Any]]:
    """The formulas of `measures`, over a window and all replicas."""
    return [
        _record(
            "model:bin_rows:window",
            f"sum by ({ONE}, bin) (increase(model_watched_rows_total[{drift.window}]))",
        ),
        _record("model:watched_rows:window", f"sum by ({ONE}) (model:bin_rows:window)"),
        _record(
            "model:bin_share:window",
            f"""(model:bin_rows:window + {SMOOTHING})
            / on ({ONE}) group_left ()
            sum by ({ONE}) (model:bin_rows:window + {SMOOTHING})""",
        ),
        _record("model:bin_share:expected", f"max by ({ONE}, bin) (model_expected_share)"),
        _record(
            "model:psi:window",
            f"""sum by ({ONE}) (
            (model:bin_share:window - model:bin_share:expected)
            * ln(model:bin_share:window / model:bin_share:expected)
            )""",
        ),
        _record(
            "model:psi_critical:window",
            f"""clamp_min(
            max by ({ONE}) (model_drift_chance)
            * (
            1 / model:watched_rows:window
            + on (model_version) group_left () 1 / max by (model_version) (model_reference_rows)
            ),
            {drift.psi}
            )""",
        ),
        _record(
            "model:drifted:window",
            f"""(model:psi:window > bool model:psi_critical:window)
            * (model:watched_rows:window >= bool {drift.minimum_rows})""",
        ),
    ]


def _performance(performance: Performance) -> list[dict[str, Any]]:
    window, span = performance.window, _span(performance.window, 4)

    def added(metric: str) -> str:
        return f"sum by (model_version) (increase({metric}[{window}]))"

    return [
        _record("model:outcomes:window", added("model_outcomes_total")),
        _record(
            "model:loss:window",
            f"{added('model_loss_total')} / model:outcomes:window",
        ),
        _record(
            "model:loss_error:window",
            f"""sqrt(
            clamp_min(
            {added("model_squared_loss_total")} / model:outcomes:window - model:loss:window ^ 2, 0
            ) / model:outcomes:window
            )""",
        ),
        _alert(
            "PerformanceFallen",
            f"The loss is more than {performance.worse:.0%} above what was measured",
            f"""model:loss:window - {CERTAIN:.3f} * model:loss_error:window
            > on (model_version)
            {1 + performance.worse} * max by (model_version) (model_expected_loss)
            and model:outcomes:window >= {performance.outcomes}""",
            page=True,
        ),
        _alert(
            "OutcomesMissing",
            f"Outcomes were told before, and none within {window}",
            f"""sum(increase(model_outcomes_total[{span}])) > 0
            unless sum(increase(model_outcomes_total[{window}])) > 0""",
        ),
    ]


def _span(window: str, times: int) -> str:
    return f"{int(duration(window).total_seconds()) * times}s"
