"""`schema infer` and then the whole pipeline, on tables that the project has never seen."""

import csv
import random
import shutil
import string
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.slow.projects import Installer, run

DEMO = """
from app.demo import Demo
from app.form import shown
from app.gradio_app import page
from flight_delays.config import load_config

demo = Demo(load_config())
for row in demo.examples():
    prediction = demo.predict({name: shown(value) for name, value in row.items()})
    assert prediction.row == row, (prediction.row, row)
    demo.contributions(prediction)
    for change in demo.changes():
        demo.what_if(prediction, change)
page(demo)
"""
Table = tuple[str, list[str], list[list[Any]]]
ROWS = 1500


def numbers_and_categories(rng: random.Random) -> Table:
    """A number to predict, in euros, from a few clean columns."""
    rows = []
    for number in range(ROWS):
        rooms, area = rng.randint(1, 6), round(rng.uniform(20, 200), 1)
        town = rng.choice(["Kiel", "Ulm", "Trier"])
        price = 1000 * area + 5000 * rooms + 30000 * (town == "Kiel") + rng.gauss(0, 9000)
        rows.append([number, rooms, area, town, round(price, 2)])
    return "price", ["listing", "rooms", "area", "town", "price"], rows


def wide_with_gaps(rng: random.Random) -> Table:
    """Two hundred columns of all types, a tenth of the values missing, two classes."""
    makers: list[Callable[[], Any]] = [
        lambda: rng.gauss(0, 1),
        lambda: rng.randint(-50, 50),
        lambda: rng.choice("abcdef"),
        lambda: rng.choice(["true", "false"]),
    ]
    rows = []
    for _ in range(ROWS):
        row = [makers[i % 4]() if rng.random() > 0.1 else "" for i in range(200)]
        signal = float(row[0] or 0) + rng.gauss(0, 0.3)
        rows.append([*row, "yes" if signal > 0 else "no"])
    return "churned", [*(f"c{i:03d}" for i in range(200)), "churned"], rows


def dates_and_text(rng: random.Random) -> Table:
    """Three classes, a time column, a free text, a unique code and decimal commas."""
    rows = []
    for number in range(ROWS):
        when = datetime(2021, 1, 1) + timedelta(hours=7 * number + rng.randint(0, 5))
        note = " ".join(rng.choices(["late", "ok", "broken", "sent", "back"], k=4))
        level = rng.choice(["low", "middle", "high"])
        weight = {"low": 1, "middle": 4, "high": 9}[level] + rng.gauss(0, 1.5)
        code = "".join(rng.choices(string.ascii_uppercase, k=8)) + str(number)
        rows.append([when.isoformat(), code, note, f"{weight:.2f}".replace(".", ","), level])
    return "level", ["opened", "code", "note", "weight", "level"], rows


def odd_names_and_missing_targets(rng: random.Random) -> Table:
    """Names with blanks, umlauts, dots and quotes; one target in twenty is missing."""
    rows = []
    for _ in range(ROWS):
        size, share = rng.uniform(0, 10), rng.random()
        target = round(3 * size - 2 * share + rng.gauss(0, 0.5), 3)
        when = rng.choice(["früh", "spät, sehr", 'a "b"', ""])
        known = target if rng.random() > 0.05 else ""
        rows.append([round(size, 3), round(share, 4), when, known])
    return "Größe in m²", ['Länge ("cm\\")', "a.b.c", "Wann ist's?", "Größe in m²"], rows


def few_rows(rng: random.Random) -> Table:
    """Eighty rows, two classes, no text and no date."""
    rows = []
    for _ in range(80):
        size = rng.gauss(0, 1)
        rows.append([round(size, 4), rng.randint(0, 4), size + rng.gauss(0, 0.5) > 0])
    return "kept", ["size", "count", "kept"], rows


def three_classes_with_odd_names(rng: random.Random) -> Table:
    """Only texts, dates and words for yes and no; names are no identifiers, nor safe in a regex."""
    rows = []
    for number in range(600):
        day = datetime(2021, 1, 1) + timedelta(days=number)
        kind = rng.choice(["früh (1)", "spät, sehr", "*"])
        likely = {"früh (1)": "[low]", "spät, sehr": "mid $x$", "*": "high|er"}[kind]
        level = likely if rng.random() < 0.7 else rng.choice(["[low]", "mid $x$", "high|er"])
        paid = rng.choice(["Yes", "No", ""])
        rows.append([f"K{number}", day.strftime("%d.%m.%Y"), kind, paid, level])
    return "Stufe?", ["Kunden-Nr.", "Datum", "Größe $ (a+b", " paid ", "Stufe?"], rows


TABLES = [
    numbers_and_categories,
    wide_with_gaps,
    dates_and_text,
    odd_names_and_missing_targets,
]


def write(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def taken_on(
    make: Callable[[random.Random], Table], installed: Installer
) -> tuple[Path, Path, list[list[Any]]]:
    """Take a table on and go all the way; return the project, the table's file and its rows."""
    project = installed({})
    target, header, rows = make(random.Random(0))
    table = project / "data/external/mine.csv"
    write(table, header, rows)
    command = installed.bin / "flight-delays"
    run(command, "schema", "infer", table, "--target", target, cwd=project)
    run(command, "all", cwd=project)
    return project, table, rows


@pytest.mark.parametrize("make", TABLES, ids=lambda make: make.__name__)
def test_unseen_table_runs(make: Callable[[random.Random], Table], installed: Installer) -> None:
    project, table, rows = taken_on(make, installed)
    assert list((project / "artifacts/v0.1").glob("*.png"))
    out = project / "predictions.csv"
    run(installed.bin / "flight-delays", "predict", table, "--out", out, cwd=project)
    with out.open(encoding="utf-8", newline="") as file:
        predicted = list(csv.DictReader(file))
    assert len(predicted) == len(rows), "one row out for each row in"
    assert all(row["prediction"] for row in predicted)
    run(installed.bin / "python", "-c", DEMO, cwd=project)


@pytest.mark.parametrize(
    ("make", "stays"),
    [(few_rows, True), (three_classes_with_odd_names, True), (numbers_and_categories, False)],
    ids=lambda value: getattr(value, "__name__", f"data-stay-{value}"),
)
def test_own_tests_and_lint_pass(
    make: Callable[[random.Random], Table], stays: bool, installed: Installer
) -> None:
    """After any table is taken on, and also where nobody but its owner has it, as in a CI."""
    project, table, _ = taken_on(make, installed)
    if not stays:
        table.unlink()
        shutil.rmtree(project / "data/raw")
    tests = ("-q", "-n2", "--dist=loadfile", "tests/unit")
    run(
        installed.bin / "pytest",
        *tests,
        cwd=project,
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
        POLARS_MAX_THREADS="1",
    )
    run(installed.bin / "ruff", "check", cwd=project)
    run(installed.bin / "ruff", "format", "--check", cwd=project)
    run(installed.bin / "mypy", cwd=project)
    run(installed.bin / "lint-imports", cwd=project)


def test_duplicate_columns_are_refused(installed: Installer) -> None:
    project = installed({})
    table = project / "twice.csv"
    write(table, ["a", "b", "a"], [[1, 2, 3], [4, 5, 6]])
    command = installed.bin / "flight-delays"
    schema = (project / "configs/schema.yml").read_bytes()
    said = run(command, "schema", "infer", table, "--target", "b", cwd=project, code=1)
    assert '"a"' in said or "'a'" in said or " a" in said
    assert (project / "configs/schema.yml").read_bytes() == schema, "nothing is touched"
