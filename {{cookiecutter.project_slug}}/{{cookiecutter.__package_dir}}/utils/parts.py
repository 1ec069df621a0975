"""Modules that the configuration names, loaded when they are needed: how optional parts hook in."""

from importlib import import_module
from typing import Any

from ..errors import UserError


def load_part(name: str, setting: str) -> Any:
    """Import a module of the package.

    Args:
        name: Its name in the package, such as "models.train".
        setting: The setting that names it, for the message.

    Raises:
        UserError: There is no such module; exit code 2.
    """
    package = (__package__ or "").rpartition(".")[0]
    whole = f"{package}.{name}"
    try:
        return import_module(whole)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{whole}.".startswith(f"{error.name}."):
            raise  # it is there, and something that it imports is not
        raise UserError(f"{setting}: there is no module {name!r} in {package}", 2) from None
