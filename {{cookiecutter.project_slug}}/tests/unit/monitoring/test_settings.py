from datetime import timedelta
from pathlib import Path

import pytest

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.monitoring.settings import (
    PATH,
    Monitoring,
    duration,
    load_settings,
)

ROOT = Path(__file__).parents[3]


def test_the_file_of_this_project_is_right() -> None:
    assert load_settings(ROOT / PATH).drift.windows >= 1


def test_without_the_file_there_are_defaults(tmp_path: Path) -> None:
    assert load_settings(tmp_path / "none.yml") == Monitoring()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drift: {ppsi: 1}", "ppsi"),
        ("drift: {window: 1 hour}", "window"),
        ("drift: {windows: 2, drifted: 3}", "drifted is 3 of 2 windows"),
        ("reference: {sets: [train]}", "sets"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "drift.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said) as error:
        load_settings(path)
    assert error.value.code == 2
    assert str(path) in str(error.value)


def test_durations() -> None:
    assert duration("90s") == timedelta(seconds=90)
    assert duration("2d") == timedelta(days=2)
