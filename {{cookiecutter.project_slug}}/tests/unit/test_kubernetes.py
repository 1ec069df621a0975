"""The manifests name what there is: settings, paths of the API, its port and its patience."""

import re
{% if cookiecutter.monitoring %}
from importlib import import_module
{% endif %}
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from {{ cookiecutter.package_name }}.config import Config
from {{ cookiecutter.package_name }}.predict import serve
from {{ cookiecutter.package_name }}.predict.api import create_app
from {{ cookiecutter.package_name }}.utils.yaml import parse_yaml

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "infra/kubernetes").rglob("*.*"))
SETTING = re.compile(r"{{ cookiecutter.package_name | upper }}__(\w+?)__(\w+)(?:=(\S*))?")


def resources(name: str) -> dict[str, Any]:
    """Return the resources of a file in base/ by kind."""
    text = (ROOT / "infra/kubernetes/base" / name).read_text(encoding="utf-8")
    parts = [parse_yaml(part, name) for part in text.split("\n---\n")]
    return {part["kind"]: part for part in parts}


def settings() -> dict[str, str]:
    """Return the settings that the manifests change, as section.key, with their values."""
    found = {}
    for path in FILES:
        for section, key, value in SETTING.findall(path.read_text(encoding="utf-8")):
            found[f"{section}.{key}".lower()] = value
    return found


def test_settings_are_there() -> None:
    for name in settings():
        section, key = name.split(".")
        model: Any = Config.model_fields[section].annotation
        assert key in model.model_fields, f"infra/kubernetes sets {name}, which is no setting"


def test_probes_ask_what_the_api_answers(own: SimpleNamespace) -> None:
    routes = {getattr(route, "path", "") for route in create_app(own.config).routes}
    pod = resources("api.yaml")["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert container[probe]["httpGet"]["path"] in routes


def test_patience_outlasts_what_ends_a_pod() -> None:
    pod = resources("api.yaml")["Deployment"]["spec"]["template"]["spec"]
    draining = float(settings()["serve.drain_seconds"])
    assert pod["terminationGracePeriodSeconds"] > draining + serve.GRACEFUL_SECONDS
{% if cookiecutter.monitoring %}


def test_the_operator_has_the_same_rules() -> None:
    script = import_module("scripts.kubernetes_rules")
    made = script.made(script.SOURCE.read_text(encoding="utf-8"))
    said = f"run `python scripts/kubernetes_rules.py`: {script.TARGET} is old"
    assert script.TARGET.read_text(encoding="utf-8") == made, said
{% endif %}
