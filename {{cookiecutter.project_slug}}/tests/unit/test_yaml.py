"""YAML that people write: edited with its comments kept, mistakes named with the file."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.utils.yaml import (
    explain,
    parse_yaml,
    read_yaml,
    update_yaml,
)


def test_update_keeps_comments(folder: Path) -> None:
    path = folder / "some.yml"
    path.write_text("# about a\na: 1 # one\nb: {c: 2}\n", encoding="utf-8")
    update_yaml(path, {"a": 5, "b.c": None, "d.e": "x"})
    text = path.read_text(encoding="utf-8")
    assert "# about a" in text
    assert "a: 5 # one" in text
    assert "c:" not in text
    assert "e: x" in text


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a: [1", "not valid YAML"),
        ("a: 1\nsplit: {val_from: 0000-00-00}", "line 2, 0000-00-00 is no date: year"),
        ("\n".join(" " * i + "a:" for i in range(3000)) + " 1", "more than 100 levels"),
        ("a: " + "[" * 10_000, "more than 100 levels"),
        ("a: " + "[x, " * 10_000, "more than 100 levels"),
        ("- " * 10_000, "more than 100 levels"),
        ("- 1", "expected `key: value` lines"),
        (None, "no such file"),
    ],
)
def test_what_is_no_mapping_is_named(tmp_path: Path, text: str | None, named: str) -> None:
    path = tmp_path / "some.yml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=named) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(str(path))
    assert caught.value.code == 2


def test_brackets_side_by_side_are_not_deep() -> None:
    text = "\n".join(f"k{i}: ['[', '(['] # [" for i in range(200))
    assert len(parse_yaml(text, "here")) == 200


class Strict(BaseModel):
    """Two whole numbers, and no other key."""

    model_config = ConfigDict(extra="forbid")

    a: int
    b: int


def test_every_problem_is_put_into_words() -> None:
    with pytest.raises(ValidationError) as caught:
        Strict.model_validate({"a": "x", "c": 1})
    lines = explain(caught.value)
    assert len(lines) == 3
    assert lines[0].startswith("`a`: ")
    assert lines[0].endswith("(it is 'x')")
    assert lines[1:] == ["`b` is missing", "unknown key `c`"]
    assert "x" not in explain(caught.value, secrets=["a"])[0].split(": ", 1)[1].split(" (")[1:]
