"""Configuration: a wrong key or value is named with its file; overrides and `extends` work."""

from pathlib import Path

import pytest

from {{ cookiecutter.package_name }}.config import load_config
from {{ cookiecutter.package_name }}.errors import UserError

PREFIX = "{{ cookiecutter.package_name | upper }}__"


def problem(text: str, folder: Path) -> str:
    path = folder / "broken.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_config(path, environ={})
    assert caught.value.code == 2
    return str(caught.value)


@pytest.mark.parametrize("name", ["default.yml", "prod.yml"])
def test_shipped_files_are_valid(folder: Path, name: str) -> None:
    assert load_config(folder / "configs" / name, environ={}).data.batch_rows > 0


def test_prod_changes_only_what_it_says(folder: Path) -> None:
    default = load_config(folder / "configs/default.yml", environ={})
    prod = load_config(folder / "configs/prod.yml", environ={})
    assert prod.logging.format == "json"
    assert prod.model_copy(update={"logging": default.logging}) == default


def test_environment_overrides(folder: Path) -> None:
    environ = {PREFIX + "TRAIN__SEED": "7", PREFIX + "TRAIN__PARAMS__MAX_DEPTH": "3"}
    config = load_config(environ=environ)
    assert config.train.seed == 7
    assert config.train.params["max_depth"] == 3


def test_the_environment_is_named_for_its_own_mistakes(folder: Path) -> None:
    environ = {PREFIX + "TRAIN__SEED": "-1", PREFIX + "TRAIN__SED": "1"}
    with pytest.raises(UserError) as caught:
        load_config(environ=environ)
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == [*environ]


@pytest.mark.parametrize("key", ["#hash", "null", "~", "0123", "1e3", "true", '"quoted"', "[abc"])
def test_a_secret_is_taken_as_it_is(folder: Path, key: str) -> None:
    secret = load_config(environ={PREFIX + "SERVE__API_KEY": key}).serve.api_key
    assert secret is not None
    assert secret.get_secret_value() == key


def test_an_empty_secret_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match=r"serve\.api_key"):
        load_config(environ={PREFIX + "SERVE__API_KEY": ""})


def test_a_secret_is_never_shown(folder: Path) -> None:
    said = problem("extends: configs/default.yml\nserve: {api_key: [hidden-one]}", folder)
    assert "serve.api_key" in said
    assert "hidden-one" not in said


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("extends: configs/default.yml\ntrain: {sede: 1}", "unknown key `train.sede`"),
        ("extends: configs/default.yml\ntrain: {seed: x}", "`train.seed`"),
        ("extends: configs/default.yml\nsplit: {by: time, val_from: null}", "val_from"),
        ("extends: configs/default.yml\nsplit: {val_fraction: 1.5}", "`split.val_fraction`"),
        ("extends: broken.yml", "leads back"),
        ("a: [1", "not valid YAML"),
        ("- 1", "key: value"),
        ("task: classification", "`data` is missing"),
    ],
)
def test_mistakes_are_named(folder: Path, text: str, named: str) -> None:
    message = problem(text, folder)
    assert named in message
    assert "broken.yml" in message


def test_missing_file_says_where_to_run(folder: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.yml: no such file\. Run from the project"):
        load_config(Path("nowhere.yml"), environ={})


def test_values_cannot_change(folder: Path) -> None:
    config = load_config(environ={})
    with pytest.raises(ValueError, match="frozen"):
        config.train.seed = 1
