"""What a schema would have to say for a newer file, shown or written."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from {{ cookiecutter.package_name }}.cli import app
from {{ cookiecutter.package_name }}.config import DEFAULT
from {{ cookiecutter.package_name }}.data import scaffold
from {{ cookiecutter.package_name }}.data.checks import validate
from {{ cookiecutter.package_name }}.data.schema import load_schema
from {{ cookiecutter.package_name }}.data.schema_update import propose
from {{ cookiecutter.package_name }}.errors import UserError

N = 400
SCHEMA = Path("configs/schema.yml")


@pytest.fixture
def table(folder: Path) -> pl.DataFrame:
    """A table whose schema has been inferred, with a name that YAML could take for two keys."""
    draw = np.random.default_rng(2)
    frame = pl.DataFrame(
        {
            "a.b": draw.integers(0, 1000, N),
            "size": draw.normal(9, 1, N).round(3),
            "town": [("Bonn", "Ulm")[i % 2] for i in range(N)],
            "y": [("no", "yes")[i % 3 % 2] for i in range(N)],
        }
    )
    frame.write_csv("table.csv")
    scaffold.run(Path("table.csv"), "y", DEFAULT)
    return frame


def test_a_file_that_fits_changes_nothing(table: pl.DataFrame) -> None:
    proposal = propose(Path("table.csv"), SCHEMA)
    assert (proposal.change, proposal.notes) == (None, [])


def test_columns_ranges_categories_and_gaps(table: pl.DataFrame) -> None:
    row = pl.int_range(0, N, eager=True)
    newer = table.with_columns(
        pl.when(row == 3).then(5000).otherwise("a.b").alias("a.b"),
        pl.when(row == 5).then(None).otherwise("size").alias("size"),
        pl.when(row == 7).then(pl.lit("Trier")).otherwise("town").alias("town"),
        floor=row % 7,
    )
    newer.write_csv("newer.csv")
    before = SCHEMA.read_text("utf-8")
    assert validate(Path("newer.csv"), load_schema(SCHEMA), 100)

    shown = CliRunner().invoke(app, ["schema", "update", "newer.csv"])
    assert shown.exit_code == 0, shown.output
    assert SCHEMA.read_text("utf-8") == before, "shown, not written"
    assert "town: 'Trier': new" in shown.output
    assert "+    values: [Bonn, Ulm, Trier]" in shown.output
    assert "floor: new, role feature" in shown.output

    done = CliRunner().invoke(app, ["schema", "update", "newer.csv", "--apply"])
    assert done.exit_code == 0, done.output
    assert SCHEMA.with_name("schema.yml.bak2").read_text("utf-8") == before
    schema = load_schema(SCHEMA)
    assert schema.columns["size"].nullable
    assert schema.columns["floor"].is_integer
    bound = schema.columns["a.b"].max
    assert isinstance(bound, float)
    assert bound >= 5000
    assert not validate(Path("newer.csv"), schema, 100)
    assert not validate(Path("table.csv"), load_schema(SCHEMA.with_name("schema.yml.bak2")), 100)
    assert "# " in SCHEMA.read_text("utf-8"), "comments stay"


def test_words_among_numbers_and_fractions(table: pl.DataFrame) -> None:
    texts = table.with_columns(pl.col("a.b", "size").cast(pl.String)).to_dicts()
    texts[3]["a.b"], texts[9]["size"] = "1.5", "lost"
    pl.DataFrame(texts).write_csv("newer.csv")
    proposal = propose(Path("newer.csv"), SCHEMA)
    assert proposal.change is not None
    Path("newer.yml").write_text(proposal.change.text, "utf-8")
    columns = load_schema(Path("newer.yml")).columns
    assert columns["a.b"].is_float
    assert columns["size"].null_values == ("lost",)
    assert any("row 10: 'lost'" in note for note in proposal.notes)


def test_what_only_a_person_can_decide(table: pl.DataFrame) -> None:
    newer = table.with_columns(size=pl.lit("of all sorts, ") + pl.col("town")).drop("town")
    newer.with_columns(y=pl.lit("maybe")).write_csv("newer.csv")
    proposal = propose(Path("newer.csv"), SCHEMA)
    assert any("size: is declared float" in note for note in proposal.notes)
    assert any("town: not in newer.csv" in note for note in proposal.notes)
    newer.drop("y").write_csv("bare.csv")
    with pytest.raises(UserError, match="has no column 'y', the target"):
        propose(Path("bare.csv"), SCHEMA)


def test_dry_run_writes_nothing(table: pl.DataFrame) -> None:
    table.write_csv("other.csv")
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    words = ["schema", "infer", "other.csv", "--target", "y", "--dry-run"]
    shown = CliRunner().invoke(app, words)
    assert shown.exit_code == 0, shown.output
    assert "+  source: other.csv" in shown.output
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before
