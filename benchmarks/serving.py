"""The served model under load, beside a FastAPI app that does nothing and the usual ways to serve.

All get the same row, the example of the API's own documentation, from wrk. Every server is
started anew in every round, on a core of its own; wrk has another.
"""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from bench import CHILDREN, PREFIX, Bench, Words, call, environment, superset, uv
from measure import Run, median, ratio, turns
from server import Server, ask, cores, started, visit

CONNECTIONS = (1, 16, 64)
JUDGED_AT = 16  # the connections at which one figure stands for all
OURS, QUIET_OURS, NOOP = "serve", "serve, no access log", "FastAPI no-op"
UNWATCHED = "serve, not watched"
ANNOTATED = "FastAPI no-op, annotated"
USUAL, MLFLOW, BENTOML = "usual FastAPI app", "mlflow models serve", "bentoml serve"
FIGURES = {"requests/s": "requests/s", "cpu us": "cpu per request"}
NO_TELEMETRY = {"MLFLOW_DISABLE_TELEMETRY": "true", "BENTOML_DO_NOT_TRACK": "True"}


def check_tools() -> None:
    """End with what to do if something is missing that cannot be installed by uv."""
    if not sys.platform.startswith("linux"):
        sys.exit("`serve` needs Linux: it reads CPU and memory from /proc. Name another benchmark.")
    if shutil.which("wrk") is None:
        sys.exit("`serve` needs wrk: apt-get install wrk. Or name another benchmark.")


def serve(bench: Bench) -> None:
    """`serve` against a FastAPI no-op, and against the usual ways to serve a pipeline."""
    home = bench.build / "serve"
    settings = trained(bench, home) | {PREFIX + "SERVE__PORT": "{port}"}
    python = bench.python if bench.given else serving_python(bench, home)
    command: Words = [python.with_name("flight-delays"), "serve"]
    ours = Server(OURS, command, bench.project, None, env=settings)
    body = example(ours)
    ours = replace(ours, body=body)
    quiet = settings | {PREFIX + "SERVE__ACCESS_LOG": "false"}
    unwatched = settings | {PREFIX + "SERVE__OBSERVERS": "[]"}
    noop: Words = [python, CHILDREN / "noop.py", "{port}"]
    servers = [
        (ours, python),
        (Server(NOOP, noop, bench.project, body), python),
        (Server(ANNOTATED, [*noop, "annotated"], bench.project, body), python),
        (replace(ours, name=QUIET_OURS, env=quiet), python),
        (replace(ours, name=UNWATCHED, env=unwatched), python),
    ]
    if bench.peers:
        servers += peers(bench, home, body)

    print("\n== serve", flush=True)
    runs = visits(bench, [server for server, _ in servers])
    sizes = (
        {}
        if bench.given
        else {server.name: tree_size(python.parent.parent) for server, python in servers}
    )
    report(bench, runs, sizes)
    check_ratios(bench, runs, sizes)


def trained(bench: Bench, home: Path) -> dict[str, str]:
    """Train and promote a model on the project's own sample; return where it is."""
    places = {f"paths__{name}": home / name for name in ("raw", "processed", "models", "artifacts")}
    for folder in places.values():
        shutil.rmtree(folder, ignore_errors=True)
    settings = places | {"serve__store": home / "models"}
    env = {PREFIX + name.upper(): str(path) for name, path in settings.items()}
    for step in ("ingest", "preprocess", "train", "models promote"):
        call(*bench.command(*step.split()), cwd=bench.project, env=env)
    return env


def serving_python(bench: Bench, home: Path) -> Path:
    """Return the Python of an environment with what the serving image has, and no more."""
    project, name = bench.project, "flight-delays"
    shutil.rmtree(project / "build", ignore_errors=True)  # of an earlier wheel
    lists: Words = ["--requirements", project / "requirements-serve.txt"]
    pins: Words = ["--constraints", project / "constraints.txt"]
    python = environment(home / "ours/bin/python", *lists, *pins, anew=True)
    install: Words = [uv(), "pip", "install", "--python", python, "--no-deps"]
    call(*install, "--refresh-package", name, project)
    return python


def example(server: Server) -> bytes:
    """Return the row that the API's own documentation shows."""
    documented = replace(server, path="/openapi.json", body=None)
    with started(documented, cores()[0]) as running:
        document = json.loads(ask(running.port, documented.path)[1])
    content = document["paths"]["/predict"]["post"]["requestBody"]["content"]
    row = content["application/json"]["examples"]["one"]["value"]
    return json.dumps(row, separators=(",", ":")).encode()


def peers(bench: Bench, home: Path, body: bytes) -> list[tuple[Server, Path]]:
    """Return the usual ways to serve a pipeline, each with the Python of its own environment."""
    # The project's versions; but MLflow and BentoML need different ones of OpenTelemetry.
    pins = superset(home, without="opentelemetry-")
    common: Words = ["--constraints", pins, "pandas>=3", "scikit-learn"]
    usual = environment(home / "usual/bin/python", *common, "fastapi", "uvicorn[standard]")
    mlflow = environment(home / "mlflow/bin/python", *common, "mlflow")
    bentoml = environment(home / "bentoml/bin/python", *common, "bentoml>=1.4")

    model = home / "usual-model"
    shutil.rmtree(model, ignore_errors=True)
    data: Words = [bench.project / "data/external/flights.csv", home / "processed/train.parquet"]
    call(mlflow, CHILDREN / "fit_usual.py", *data, model, env=NO_TELEMETRY)

    file = model / "model.joblib"
    listen: Words = ["--host", "127.0.0.1", "--port", "{port}"]
    bento: Words = [bentoml.with_name("bentoml"), "serve", "serve_bentoml:Predictor", *listen]
    flow: Words = [mlflow.with_name("mlflow"), "models", "serve", *listen, "--workers", "1"]
    flow += ["--model-uri", model / "mlflow", "--env-manager", "local"]

    def env(python: Path, **more: str) -> dict[str, str]:
        path = f"{python.parent}{os.pathsep}{os.environ['PATH']}"
        return NO_TELEMETRY | {"PATH": path} | more

    return [
        (Server(USUAL, [usual, CHILDREN / "serve_usual.py", file, "{port}"], home, body), usual),
        (
            Server(
                MLFLOW,
                flow,
                home,
                b'{"dataframe_records":[' + body + b"]}",
                path="/invocations",
                env=env(mlflow),
            ),
            mlflow,
        ),
        (
            Server(
                BENTOML,
                bento,
                CHILDREN,
                body,
                env=env(bentoml, MODEL=str(file), BENTOML_HOME=str(home / "bentoml-home")),
            ),
            bentoml,
        ),
    ]


def visits(bench: Bench, servers: Sequence[Server]) -> dict[str, list[Run]]:
    """Visit the servers in turn; before that each is started once, so that modules are compiled."""
    runs: dict[str, list[Run]] = {server.name: [] for server in servers}
    for server in servers:
        with started(server, cores()[0]):
            pass
    for _, i in turns(len(servers), range(bench.repeat)):
        name = servers[i].name
        done = visit(servers[i], CONNECTIONS, bench.seconds)
        runs[name].append(done)
        speeds = "  ".join(f"{done.said[f'requests/s at {n}']:8,.0f}" for n in CONNECTIONS)
        print(
            f"  {name:<22} start {done.said['start s']:6.2f} s   requests/s {speeds}   "
            f"resident {done.peak:5.0f} MiB   errors {errors([done], *CONNECTIONS):.0f}",
            flush=True,
        )
    for name, found in runs.items():
        bench.raw[f"serve: {name}"] = [asdict(run) for run in found]
    return runs


def errors(runs: Sequence[Run], *connections: int) -> float:
    """Return how many requests had no answer, or one that is no success."""
    return sum(run.said[f"errors at {n}"] for run in runs for n in connections)


def tree_size(folder: Path) -> float:
    """Return the MiB of the files in a folder, without compiled modules and what links lead to."""
    sizes = (
        os.lstat(os.path.join(parent, name)).st_size
        for parent, _, names in os.walk(folder)
        if os.path.basename(parent) != "__pycache__"
        for name in names
    )
    return sum(sizes) / 2**20


def report(bench: Bench, runs: dict[str, list[Run]], sizes: dict[str, float]) -> None:
    """Add the tables of all servers."""
    small = [
        [
            name,
            f"{median(found, 'start s'):.2f}",
            f"{median(found, 'start cpu s'):.2f}",
            f"{median(found, 'peak'):.0f}",
            f"{sizes[name]:.0f}" if name in sizes else "",
        ]
        for name, found in runs.items()
    ]
    bench.tables.append(
        (["serve", "start s", "its CPU s", "resident MiB", "environment MiB"], small)
    )
    loads = [
        [
            name,
            str(n),
            f"{median(found, f'requests/s at {n}'):,.0f}",
            f"{median(found, f'p50 ms at {n}'):.2f}",
            f"{median(found, f'p99 ms at {n}'):.2f}",
            f"{median(found, f'cpu us at {n}'):,.0f}",
            f"{median(found, f'core at {n}'):.0%}",
            f"{errors(found, n):.0f}",
        ]
        for n in CONNECTIONS
        for name, found in runs.items()
    ]
    speed = ["requests/s", "p50 ms", "p99 ms"]
    head = ["serve", "connections", *speed, "CPU us/request", "of a core", "errors"]
    bench.tables.append((head, loads))


def check_ratios(bench: Bench, runs: dict[str, list[Run]], sizes: dict[str, float]) -> None:
    """Compare with the targets; a load with an error in it proves nothing."""

    def against(
        name: str,
        figure: str,
        n: int,
        at_most: float | None = None,
        at_least: float | None = None,
    ) -> None:
        failed = errors([*runs[OURS], *runs[name]], n)
        bench.check(
            f"serve: {FIGURES[figure]} at {n} connections, to {name}",
            ratio(runs[OURS], runs[name], f"{figure} at {n}"),
            at_most,
            at_least=at_least,
            invalid=f"{failed:.0f} errors" if failed else "",
        )

    for n in CONNECTIONS:
        against(NOOP, "requests/s", n, at_least=1.1)
    for n in CONNECTIONS:
        against(NOOP, "cpu us", n)
    for n in CONNECTIONS:
        against(ANNOTATED, "requests/s", n)
        against(ANNOTATED, "cpu us", n)
    against(QUIET_OURS, "cpu us", JUDGED_AT, at_most=1.08)
    against(UNWATCHED, "cpu us", JUDGED_AT, at_most=1.05)
    start = ratio(runs[OURS], runs[NOOP], "start s")
    bench.check(f"serve: start to first answer, to {NOOP}", start, 1.5)
    start = ratio(runs[OURS], runs[NOOP], "start cpu s")
    bench.check(f"serve: cpu until first answer, to {NOOP}", start)
    bench.check("serve: resident memory after the load", median(runs[OURS], "peak"), 110, " MiB")
    if OURS in sizes:
        bench.check("serve: environment", sizes[OURS], 170, " MiB")
    if bench.peers:
        against(USUAL, "requests/s", JUDGED_AT)
        against(MLFLOW, "requests/s", JUDGED_AT, at_least=50)
        against(BENTOML, "requests/s", JUDGED_AT, at_least=50)
        for name in (USUAL, MLFLOW, BENTOML):
            against(name, "cpu us", JUDGED_AT)
            start = ratio(runs[name], runs[NOOP], "start s")
            bench.check(f"serve: start to first answer, {name} to {NOOP}", start)
