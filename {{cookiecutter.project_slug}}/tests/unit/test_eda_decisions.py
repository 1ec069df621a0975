"""EDA_DECISIONS.md against the data: every number stated there is computed again."""

import math
import operator
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from {{ cookiecutter.package_name }}.config import load_config
from {{ cookiecutter.package_name }}.data.checks import cast
from {{ cookiecutter.package_name }}.data.schema import load_schema
from {{ cookiecutter.package_name }}.data.tables import iter_batches

ROOT = Path(__file__).parents[2]
COMPARE = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
GROUNDS = re.compile(
    r"^```sql\n(?P<sql>.+?)^```\n+"
    r"Value: (?P<value>\S+)\nThreshold: (?P<sign>[<>]=?) (?P<bound>\S+)$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Decision:
    id: str
    sql: str
    value: float
    sign: str
    bound: float


def read_decisions(text: str) -> list[Decision]:
    decisions = []
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        id_ = section.partition(":")[0]
        grounds = GROUNDS.search(section)
        assert grounds, f"{id_} lacks a query, its value or its threshold"
        value, bound = float(grounds["value"]), float(grounds["bound"])
        decisions.append(Decision(id_, grounds["sql"], value, grounds["sign"], bound))
    return decisions


DECISIONS = read_decisions((ROOT / "EDA_DECISIONS.md").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def data() -> pl.DataFrame:
    config = load_config(ROOT / "configs" / "default.yml")
    places = (ROOT / config.paths.raw / config.data.file_name, ROOT / config.data.source)
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        pytest.skip("the data are not here yet: run `ingest`")
    schema = load_schema(ROOT / config.paths.schema_)
    batches = iter_batches(path, config.data.batch_rows, schema.null_values)
    return pl.concat(cast(batch, schema.columns)[0] for batch in batches)


def test_ids_are_unique_and_in_order() -> None:
    ids = [decision.id for decision in DECISIONS]
    assert ids == [f"ED-{number:02d}" for number in range(1, len(ids) + 1)]


@pytest.mark.parametrize("decision", DECISIONS, ids=lambda decision: decision.id)
def test_data_still_support_the_decision(decision: Decision, data: pl.DataFrame) -> None:
    value = float(pl.SQLContext(data=data).execute(decision.sql, eager=True).item())
    third_digit = 10.0 ** (math.floor(math.log10(abs(value))) - 2) if value else 1e-9
    assert value == pytest.approx(decision.value, abs=0.51 * third_digit), "the stated value is old"
    assert COMPARE[decision.sign](value, decision.bound), "the data no longer support the decision"
