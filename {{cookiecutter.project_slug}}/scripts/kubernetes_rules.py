"""Write monitoring/prometheus/rules.yml for the Prometheus Operator, after `monitoring rules`."""

from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from {{ cookiecutter.package_name }}.utils.files import write_text

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "monitoring/prometheus/rules.yml"
TARGET = ROOT / "infra/kubernetes/monitoring/rules.yaml"
HEAD = "# Made from monitoring/prometheus/rules.yml by scripts/kubernetes_rules.py: do not edit.\n"


def made(rules: str) -> str:
    """Return Prometheus' rules as a PrometheusRule, both as YAML."""
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4096
    resource = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "api"},
        "spec": {"groups": yaml.load(rules)["groups"]},
    }
    text = StringIO()
    yaml.dump(resource, text)
    return HEAD + text.getvalue()


if __name__ == "__main__":
    write_text(TARGET, made(SOURCE.read_text(encoding="utf-8")))
    print(TARGET.relative_to(ROOT))
