"""Model card, datasheet and AI Act: their numbers are those of the metadata and the evaluation."""

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from {{cookiecutter.package_name}}.data import scaffold
from {{cookiecutter.package_name}}.data.schema import load_schema
from {{cookiecutter.package_name}}.reports import documents
from {{cookiecutter.package_name}}.reports.blocks import BLOCKS, cell
from {{cookiecutter.package_name}}.reports.style import number
from {{cookiecutter.package_name}}.tracking.records import AI_ACT, DATASHEET, DOCUMENTS
from {{cookiecutter.package_name}}.utils.metrics import METRICS

ROOT = Path(__file__).parents[2]
NEW = "Not evaluated yet"
HOSTILE = (
    "a | b\\n<!-- /run:columns --><script>x</script> <b>b</b> *c* _d_ `e` ![f](https://g.example) "
    "[h](javascript:i) ~~j~~ $k$ &lt; https://l.example www.m.example \\\\"
)
STARTS = ["# heading", "- item", "1. item", "> quote", "+ item", "=== x"]
PAGES = pytest.mark.parametrize("page", DOCUMENTS, ids=lambda page: page.stem)


def fill(project: SimpleNamespace, path: Path, page: Path) -> str:
    schema = load_schema(project.config.paths.schema_)
    documents.update(path, page, project.evaluation, schema)
    return path.read_text("utf-8")


def block(text: str, name: str) -> str | None:
    """Return what a run wrote into a block; None where the page has no such block."""
    found = re.search(rf"<!-- run:{name} -->(.*?)<!-- /run:{name} -->", text, re.DOTALL)
    return found and found[1]


def table(text: str) -> list[list[str]]:
    """Return the cells of a table's rows, by the first column."""
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [[part.strip() for part in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def differences(text: str, stored: dict[str, Any]) -> list[str]:
    """Hold a page against evaluation.json, which has the metadata: name what differs."""
    metadata = stored["metadata"]
    data, rows = metadata["data"], metadata["data"]["rows"]
    wanted: dict[str, list[str]] = {
        "details": [f"{stored['version']}, trained {metadata['created']}"],
        "data": [data["sha256"], *(f"{count:,} rows" for count in rows.values())],
        "preparation": [
            f"{data['missing_target']:,}, left out",
            f"{stored['version']}, trained {metadata['created']}",
            metadata["schema_hash"],
            metadata["preprocessor_hash"],
        ],
        "software": [f"| {cell(name)} | {v} |" for name, v in metadata["packages"].items()],
        "columns": [f"the {rows['raw']:,} rows"],
    }
    if metadata["split"]["by"] == "time":
        cuts = metadata["split"]["val_from"], metadata["split"]["test_from"]
        wanted["preparation"] += [cut.replace("T", " ") for cut in cuts]
    wrong = [
        f"{name}: {one}"
        for name, texts in wanted.items()
        if (content := block(text, name)) is not None
        for one in texts
        if one not in content
    ]
    if (content := block(text, "columns")) is not None:
        shares = {name: f"{n / rows['raw']:.2%}" for name, n in data["missing"].items()}
        seen = {line[0]: (line[1], line[4]) for line in table(content)}
        for name, column in metadata["columns"].items():
            if seen.get(cell(name)) != (column["role"], shares.get(name, "not read")):
                wrong.append(f"columns: {name}")
    if (content := block(text, "metrics")) is not None:
        cells = {line[0].split(",")[0]: line[1:] for line in table(content)}
        for name, both in stored["metrics"].items():
            three = [in_words(both[one], one == "difference") for one in both if one != "better"]
            if cells.get(METRICS[name].label) != three:
                wrong.append(f"metrics: {name}")
        decides = stored["metrics"].get(stored["primary"])
        if decides and f" {number(decides['model']['value'])}" not in content.split(" against ")[0]:
            wrong.append("metrics: the sentence")
    if (content := block(text, "slices")) is not None:
        parts = {f"{part['column']} = {part['value']}": part for part in stored["slices"]}
        known = {cell(name): part for name, part in parts.items()}
        for name, count, value in table(content):
            part = known[name]
            if (count, value) != (
                f"{part['rows']:,}",
                in_words(part["metrics"][stored["primary"]]["model"]),
            ):
                wrong.append(f"slices: {name}")
    return wrong


def in_words(estimate: dict[str, Any], sign: bool = False) -> str:
    value, low, high = (
        float("nan") if estimate[key] is None else estimate[key] for key in ("value", "low", "high")
    )
    if not low < high:
        return number(value, sign)
    return f"{number(value, sign)} ({number(low, sign)} to {number(high, sign)})"


def stored(project: SimpleNamespace) -> dict[str, Any]:
    path = project.evaluation.folder / "evaluation.json"
    content: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return content


@PAGES
@pytest.mark.parametrize("whose", ["trained", "own"])
def test_the_numbers_are_those_of_the_metadata(
    request: pytest.FixtureRequest, tmp_path: Path, whose: str, page: Path
) -> None:
    project = request.getfixturevalue(whose)
    text = fill(project, tmp_path / "page.md", page)
    assert NEW not in text
    assert differences(text, stored(project)) == []
    assert fill(project, tmp_path / "page.md", page) == text


@PAGES
def test_the_pages_of_this_project_are_not_out_of_date(page: Path) -> None:
    """Not evaluated, or as the evaluation has it that they name, where it is on this machine."""
    path = ROOT / page
    text = path.read_text("utf-8") if path.exists() else ""
    version = re.search(r"\b(v\d+\.\d+), trained ", text)
    if version is None:
        assert not re.search(r"SHA-256 `", text), f"{page} was changed by hand"
        return
    evaluation = ROOT / "artifacts" / version[1] / "evaluation.json"
    if evaluation.exists():
        found = json.loads(evaluation.read_text("utf-8"))
        assert differences(text, found) == [], f"{page}: run `evaluate`"


@pytest.mark.parametrize(
    ("page", "name"),
    [
        (DATASHEET, "columns"),
        (DATASHEET, "data"),
        (DATASHEET, "preparation"),
        (AI_ACT, "metrics"),
        (AI_ACT, "software"),
        (AI_ACT, "details"),
        (AI_ACT, "slices"),
    ],
)
def test_any_changed_number_is_found(
    trained: SimpleNamespace, tmp_path: Path, page: Path, name: str
) -> None:
    text = fill(trained, tmp_path / "page.md", page)
    content = block(text, name)
    assert content
    old = {
        "columns": r"\d+\.\d\d%",
        "metrics": r"\d\.\d{2,}",
        "software": r"\d+\.\d+",
        "details": r"\d{4}-\d\d-\d\d",
        "slices": r"\(\S+",
    }.get(name, r"[0-9a-f]{64}")
    changed = re.sub(old, "7.77", content, count=1)
    assert changed != content
    assert differences(text.replace(content, changed), stored(trained)) != []


def test_missing_shares_are_those_of_the_table(trained: SimpleNamespace) -> None:
    """Counted here once more, in what was ingested."""
    data = trained.model.metadata.data
    raw = pl.read_csv(next(trained.config.paths.raw.glob("*.csv")), infer_schema=False)
    empty = {name: raw[name].null_count() for name in raw.columns}
    assert {name: data.missing[name] for name in empty if name in data.missing} == empty
    assert data.missing[trained.model.metadata.target] == data.missing_target


@PAGES
def test_text_from_columns_is_never_markup(
    trained: SimpleNamespace, tmp_path: Path, page: Path
) -> None:
    evaluation, schema = trained.evaluation, load_schema(trained.config.paths.schema_)
    evil = [HOSTILE, *STARTS]
    columns = {
        f"{evil[i % len(evil)]} {i}": column.model_copy(
            update={"description": evil[-i % len(evil)], "unit": HOSTILE}
        )
        for i, column in enumerate(evaluation.metadata.columns.values())
    }
    data = evaluation.metadata.data.model_copy(update={"source": HOSTILE})
    packages = {HOSTILE: HOSTILE}
    changes = {"columns": columns, "data": data, "packages": packages, "params": {HOSTILE: "x"}}
    hostile = replace(
        evaluation,
        inputs=tuple(
            item.model_copy(update={"name": evil[i % len(evil)]})
            for i, item in enumerate(evaluation.inputs)
        ),
        slices=[replace(p, column=HOSTILE, value=HOSTILE, weak=True) for p in evaluation.slices],
        notes=evil,
        metadata=evaluation.metadata.model_copy(update=changes),
    )
    path = tmp_path / "page.md"
    documents.update(path, page, evaluation, schema)
    plain = path.read_text("utf-8")
    documents.update(path, page, hostile, schema)
    text = path.read_text("utf-8")
    assert "script" in text
    before, after = (live(one) for one in (plain, text))
    assert before == after
    documents.update(path, page, hostile, schema)
    assert path.read_text("utf-8") == text


def live(text: str) -> set[str]:
    """Return what Markdown would read as more than text in the blocks of a page."""
    found = set()
    for name in BLOCKS:
        content = re.sub(r"`[0-9a-f]{64}`|\*\*[A-Z][^*]*:?\*\*", "", block(text, name) or "")
        for line in content.splitlines():
            if not line.startswith("|"):  # a table; its cells are looked at one by one
                line = line.removeprefix("- ")
            parts = re.split(r"(?<!\\)(?:\\\\)*\|", line) if line.startswith("|") else [line]
            found |= {f"{name}: {one}" for part in parts for one in markup(part.strip())}
    return found


def markup(text: str) -> list[str]:
    """Return what is not escaped of the characters that Markdown and HTML know."""
    rest = re.sub(r"\\(?:[^\w\s]|_)|&(?:amp|lt);", "", text)
    marks = re.findall(r"[*`<\[\]|~$&\\]|://|www\.|(?<![^\W_])_|_(?![^\W_])", rest)
    return marks + re.findall(r"^(?:#|>|=|[-+] |\d+[.)] )", text)


@pytest.mark.parametrize("text", [HOSTILE, *STARTS, "sched_dep_time", "_x", "100% Größe", "-1"])
def test_a_cell_shows_the_text_as_it_is(text: str) -> None:
    shown = re.sub(r"\\([^\w\s]|_)", r"\1", cell(text))
    assert shown.replace("&lt;", "<").replace("&amp;", "&") == " ".join(text.split())
    assert markup(cell(text)) == []


def test_an_own_table_puts_all_pages_away() -> None:
    assert set(DOCUMENTS) <= set(scaffold.OUTDATED)


@PAGES
def test_what_only_the_owner_knows_is_marked_and_kept(
    trained: SimpleNamespace, tmp_path: Path, page: Path
) -> None:
    path = tmp_path / "page.md"
    text = fill(trained, path, page)
    assert len(re.findall(r"^To be stated: ", text, re.MULTILINE)) >= 3
    path.write_text(text.replace("To be stated: ", "We say, "), "utf-8")
    assert fill(trained, path, page) == text.replace("To be stated: ", "We say, ")
