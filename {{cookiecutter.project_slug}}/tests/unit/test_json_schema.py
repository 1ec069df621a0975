"""Editors know the files in configs/ by schemas that are those of the code."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from {{ cookiecutter.package_name }}.data import json_schema
from {{ cookiecutter.package_name }}.utils.yaml import read_yaml

CONFIGS = Path(__file__).parents[2] / "configs"


def faults(name: str, values: Any) -> list[str]:
    """Return what an editor would underline."""
    text = json_schema.json_schemas()[name]
    return [str(error.message) for error in jsonschema_rs.validator_for(text).iter_errors(values)]


def test_the_files_are_those_of_the_models() -> None:
    for name, text in json_schema.json_schemas().items():
        assert (CONFIGS / name).read_text("utf-8") == text, "run: schema json"


def test_they_are_written_anew(tmp_path: Path) -> None:
    for path in json_schema.write_json_schemas(tmp_path):
        name = path.relative_to(tmp_path).as_posix()
        assert path.read_text("utf-8") == json_schema.json_schemas()[name]


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yml")), ids=lambda path: path.name)
def test_every_file_names_its_schema_and_fits_it(path: Path) -> None:
    line, *_ = path.read_text("utf-8").splitlines(keepends=True)
    name = json_schema.COLUMNS if path.name.startswith("schema") else json_schema.CONFIG
    if (own := f"json_schema/{path.stem}.json") in json_schema.json_schemas():
        name = own
    assert line == json_schema.first_line(name)
    values = read_yaml(path)
    assert faults(name, plain(values)) == []


def plain(values: Any) -> Any:
    """Return values as an editor has them: a date is a text to it."""
    if isinstance(values, dict):
        return {key: plain(value) for key, value in values.items()}
    if isinstance(values, list):
        return [plain(value) for value in values]
    return values if isinstance(values, str | int | float | bool | None) else str(values)


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        (json_schema.CONFIG, {"trian": {"seed": 1}}, "trian"),
        (json_schema.CONFIG, {"train": {"seed": "one"}}, "one"),
        (json_schema.COLUMNS, {"columns": {"a": {"type": "number"}}}, "number"),
        (json_schema.COLUMNS, {"null_values": []}, "columns"),
    ],
)
def test_a_mistake_is_underlined(name: str, values: dict[str, Any], said: str) -> None:
    assert any(said in fault for fault in faults(name, values))
