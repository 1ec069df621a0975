"""Every example in a docstring of the package runs and gives what it says."""

import doctest
import importlib
import pkgutil

import pytest

import {{ cookiecutter.package_name }}

PACKAGE = {{ cookiecutter.package_name }}
MODULES = [
    module.name
    for module in pkgutil.walk_packages(PACKAGE.__path__, f"{PACKAGE.__name__}.")
{% if cookiecutter.experiment_tracking == 'mlflow' %}
    # One runs when it is imported, and one needs MLflow, which comes with its first use.
    if not module.name.endswith(("__main__", "mlflow_sender"))
{% else %}
    if not module.name.endswith("__main__")  # it runs when it is imported
{% endif %}
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
