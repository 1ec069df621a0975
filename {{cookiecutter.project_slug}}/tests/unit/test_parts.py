import pytest

from {{ cookiecutter.package_name }}.errors import UserError
from {{ cookiecutter.package_name }}.utils import parts


def test_a_module_by_its_name() -> None:
    assert parts.load_part("utils.parts", "a.setting") is parts


@pytest.mark.parametrize("name", ["nothing", "nothing.at.all", "utils.nothing"])
def test_what_is_not_there_is_named_with_its_setting(name: str) -> None:
    with pytest.raises(UserError, match=rf"a\.setting: there is no module '{name}'") as error:
        parts.load_part(name, "a.setting")
    assert error.value.code == 2


def test_a_package_that_is_missing_is_another_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        raise ModuleNotFoundError(name="numpy")

    monkeypatch.setattr(parts, "import_module", broken)
    with pytest.raises(ModuleNotFoundError):
        parts.load_part("utils.parts", "a.setting")
