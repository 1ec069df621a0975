"""YAML that people write: edited with its comments kept, mistakes named with the file."""

from datetime import datetime
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml.comments import CommentedSeq

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


@pytest.mark.parametrize("items", ["  - x\n  - y\n", "    - x\n", "  # before\n  - x # one\n"])
@pytest.mark.parametrize("new", [[], ["z"]])
def test_a_list_is_replaced_however_it_was_written(
    tmp_path: Path, items: str, new: list[str]
) -> None:
    path = tmp_path / "some.yml"
    path.write_text(f"a:\n  b: # what\n{items}  c: 1 # about c\nd:\n  e: 2 # about e\n", "utf-8")
    for value in (CommentedSeq(new), new):
        if isinstance(value, CommentedSeq):
            value.fa.set_flow_style()
        update_yaml(path, {"a.b": value})
        assert read_yaml(path) == {"a": {"b": new, "c": 1}, "d": {"e": 2}}
        assert "1 # about c\n" in path.read_text("utf-8")


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


class Part(BaseModel):
    """What stands below a name."""

    model_config = ConfigDict(extra="forbid")

    when: datetime | float | None = None


class Whole(BaseModel):
    """Parts by name."""

    model_config = ConfigDict(extra="forbid")

    parts: dict[str, Part] = {}


def test_a_value_of_several_types_has_one_line_and_an_unknown_key_its_neighbour() -> None:
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate({"parts": {"a": {"when": "soon"}, "b": {"wen": 1}}, "part": {}})
    when, wen, part = explain(caught.value, model=Whole)
    assert when.startswith("`parts.a.when`: must be a date, with or without a time, such as")
    assert "; or " in when
    assert wen == "unknown key `parts.b.wen`; did you mean `when`?"
    assert part == "unknown key `part`; did you mean `parts`?"


def test_what_is_no_yaml_is_told_in_one_line() -> None:
    for text in ("a: 1\na: 2", "port 8000\nb: 1", "a:\t- b: 'c", "a: [1"):
        with pytest.raises(UserError) as caught:
            parse_yaml(text, "some.yml")
        assert "\n" not in str(caught.value)
        assert "line " in str(caught.value)
        assert "<unicode" not in str(caught.value)
