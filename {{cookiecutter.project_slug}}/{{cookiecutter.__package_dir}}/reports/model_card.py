"""The model card's front matter, in the Hugging Face format.

A run replaces library_name, pipeline_tag and model-index, and adds its tags; other keys stay.
"""

import re
import tomllib
from io import StringIO
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..utils.metrics import METRICS
from .results import Evaluation

FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
LICENSES = {"MIT": "mit", "Apache-2.0": "apache-2.0", "BSD-3-Clause": "bsd-3-clause"}


def replace_front(text: str, path: Path, evaluation: Evaluation, ends: str) -> str:
    """Return the card with new values in its front matter; other keys and comments stay.

    Args:
        text: The card.
        path: Where it is, for messages.
        evaluation: The results.
        ends: Of its lines.

    Raises:
        UserError: The front matter is not YAML.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1000
    values = _front_matter(evaluation)
    match = FRONT.match(text)
    try:
        front = (yaml.load(match[1].replace("\r\n", "\n")) if match else None) or {}
    except YAMLError as error:
        raise UserError(f"{path}: the front matter is not YAML: {error}") from None
    if not isinstance(front, dict):
        raise UserError(f"{path}: the front matter must be `key: value` lines")
    front.setdefault("license", _license())
    tags = front.get("tags") or []
    for tag in values["tags"]:
        if tag not in tags:
            tags.append(tag)
    for key, value in {**values, "tags": tags}.items():
        front[key] = value
    written = StringIO()
    yaml.dump(front, written)
    head = f"---\n{written.getvalue()}---\n".replace("\n", ends)
    return head + (text[match.end() :] if match else ends + text)


def _front_matter(evaluation: Evaluation) -> dict[str, Any]:
    metadata = evaluation.metadata
    tabular = f"tabular-{evaluation.task}"
    return {
        "library_name": "onnx",
        "pipeline_tag": tabular,
        "tags": ["tabular", tabular, metadata.model.replace("_", "-")],
        "model-index": [
            {
                "name": f"{evaluation.target} {evaluation.version}",
                "results": [
                    {
                        "task": {"type": tabular, "name": f"Predict {evaluation.target}"},
                        "dataset": {
                            "type": "tabular",
                            "name": metadata.data.source,
                            "split": "test",
                            "revision": metadata.data.sha256,
                        },
                        "metrics": [
                            {
                                "type": name,
                                "name": METRICS[name].label,
                                "value": round(comparison.model.value, 6),
                            }
                            for name, comparison in evaluation.metrics.items()
                            if comparison.model.value == comparison.model.value  # not NaN
                        ],
                    }
                ],
            }
        ],
    }


def _license() -> str:
    """Return the project's license as the Hugging Face hub names it."""
    try:
        project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
        return LICENSES.get(str(project["license"]), "other")
    except (OSError, KeyError, ValueError):
        return "other"
