"""Fill model_card.md from an evaluation; what people wrote in it stays as it is.

A run replaces two things only: keys of the front matter (the Hugging Face format: library_name,
pipeline_tag, model-index, and the tags it adds) and the lines between `<!-- run:NAME -->` and
`<!-- /run:NAME -->`. Leave out a block that you do not want: it does not come back.
"""

import re
import tomllib
from collections.abc import Callable, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ..data.schema import Schema
from ..errors import UserError
from ..features.known import FEATURES
from ..utils.bootstrap import Estimate
from ..utils.files import write_text
from ..utils.metrics import METRICS
from .results import Evaluation
from .style import interval, number
from .templates import load_template
from .wording import choice, parameters, proposal, sentence, served

MARK = re.compile(r"^[ \t]*<!--[ \t]*(/?)run:([A-Za-z_-]+)[ \t]*-->[ \t]*(?=\r?$)", re.MULTILINE)
FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
LICENSES = {"MIT": "mit", "Apache-2.0": "apache-2.0", "BSD-3-Clause": "bsd-3-clause"}
WEAK_SHOWN = 10


def update(path: Path, evaluation: Evaluation, schema: Schema) -> None:
    """Write the results of a run into the model card; make the card if there is none.

    Args:
        path: The card.
        evaluation: The results.
        schema: For the table of features.

    Raises:
        UserError: A block is unknown, not closed or stands twice, no block is left, or the front
            matter is not YAML. The card is left as it was.
    """
    if path.exists():
        try:
            text = path.read_bytes().decode()
        except UnicodeDecodeError as error:
            raise UserError(f"{path}: not UTF-8 ({error})") from None
    else:
        text = _skeleton(evaluation.target)
    ends = "\r\n" if "\r\n" in text else "\n"
    text = _replace_blocks(text, path, evaluation, schema, ends)
    text = _replace_front(text, path, _front_matter(evaluation), ends)
    if not path.exists() or path.read_bytes() != text.encode():
        write_text(path, text)


def _replace_blocks(
    text: str, path: Path, evaluation: Evaluation, schema: Schema, ends: str
) -> str:
    """Return the card with new content in each block; all else byte for byte."""
    marks = list(MARK.finditer(text))
    if not marks:
        raise UserError(
            f"{path}: no block to fill. Put `<!-- run:metrics -->` and `<!-- /run:metrics -->` on "
            f"lines of their own (blocks: {', '.join(BLOCKS)}), or delete the file for a new one."
        )
    pieces, end, seen = [], 0, set()
    for opening, closing in zip(marks[::2], [*marks[1::2], None], strict=False):
        name = opening[2]
        line = text.count("\n", 0, opening.start()) + 1
        if name not in BLOCKS:
            raise UserError(f"{path}, line {line}: no block {name!r} (there: {', '.join(BLOCKS)})")
        if opening[1] or closing is None or not closing[1] or closing[2] != name:
            raise UserError(f"{path}, line {line}: `run:{name}` is not followed by `/run:{name}`")
        if name in seen:
            raise UserError(f"{path}, line {line}: block {name!r} stands twice")
        seen.add(name)
        body = BLOCKS[name](evaluation, schema).strip("\n").replace("\n", ends)
        pieces += [text[end : opening.end()], f"{ends}{ends}{body}{ends}{ends}"]
        end = closing.start()
    return "".join([*pieces, text[end:]])


def _replace_front(text: str, path: Path, values: Mapping[str, Any], ends: str) -> str:
    """Return the card with new values in its front matter; other keys and comments stay."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1000
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


def _skeleton(target: str) -> str:
    template = load_template("model_card.md.j2", html=False)  # Markdown: escaped here
    return template.render(target=_cell(target)) + "\n"


def _details(evaluation: Evaluation, schema: Schema) -> str:
    metadata = evaluation.metadata
    commit, description = metadata.commit, schema.columns[evaluation.target].description
    lines = [
        ("Version", f"{evaluation.version}, trained {metadata.created}"),
        ("Predicts", ": ".join(filter(None, (evaluation.target, description)))),
        ("Type", f"{evaluation.task}, {metadata.model}"),
        ("Chosen", choice(metadata)),
        ("Parameters", parameters(metadata)),
        ("Served", served(metadata)),
        ("Seed", str(metadata.seed)),
        ("Commit", f"{commit}{' with uncommitted changes' * bool(metadata.dirty)}"),
    ]
    if not commit:
        lines[-1] = ("Commit", "none: trained outside a git repository")
    if evaluation.classes is not None:
        lines.insert(3, ("Classes", ", ".join(evaluation.classes)))
    return "\n".join(f"- **{name}:** {_cell(value)}" for name, value in lines)


def _data(evaluation: Evaluation, schema: Schema) -> str:
    data = evaluation.metadata.data
    rows = data.rows
    lines = [
        f"- **Source:** {_cell(data.source)}, {rows.raw:,} rows, SHA-256 `{data.sha256}`",
        f"- **Training:** {rows.train:,} rows; **validation:** {rows.val:,} rows",
        f"- **Evaluation (test):** {rows.test:,} rows"
        + (f", {evaluation.period[0]} to {evaluation.period[1]}" if evaluation.period else ""),
    ]
    if data.missing_target:
        lines.append(f"- **Left out:** {data.missing_target:,} rows without a target")
    return "\n".join(lines)


def _metrics(evaluation: Evaluation, schema: Schema) -> str:
    baseline = _cell(evaluation.metadata.baseline.model)
    lines = [
        _cell(sentence(evaluation)),
        "",
        f"| Metric | {evaluation.version} | Baseline ({baseline}) | Difference |",
        "|---|---|---|---|",
    ]
    for name, comparison in evaluation.metrics.items():
        metric = METRICS[name]
        unit = f", {evaluation.unit}" if metric.in_target_unit and evaluation.unit else ""
        cells = [
            _with_interval(comparison.model),
            _with_interval(comparison.baseline),
            _with_interval(comparison.difference, sign=True),
        ]
        lines.append(f"| {_cell(metric.label + unit)} | {' | '.join(cells)} |")
    lines += ["", "Ranges in brackets are 95% intervals."]
    if evaluation.classes is not None and len(evaluation.classes) == 2:
        positive = _cell(f"{evaluation.target} = {evaluation.classes[1]}")
        threshold = f"{evaluation.threshold:g}"
        lines[-1] += (
            f" The positive class is {positive}, predicted from a probability of {threshold} up."
        )
        if evaluation.thresholds is not None and evaluation.thresholds.asked:
            lines[-1] += f" {_cell(proposal(evaluation))}"
    promised = evaluation.metadata.interval
    if promised is not None:
        level = f"{promised.level:.0%}"
        lines[-1] += f" The prediction interval is meant to hold {level} of the true values."
    if evaluation.notes:
        lines += ["", *(f"- {_cell(note)}" for note in evaluation.notes)]
    meanings = [f"{METRICS[name].label}: {METRICS[name].meaning}" for name in evaluation.metrics]
    return "\n".join([*lines, "", _cell(" ".join(meanings))])


def _slices(evaluation: Evaluation, schema: Schema) -> str:
    name = evaluation.primary
    columns = list(dict.fromkeys(part.column for part in evaluation.slices))
    if not columns:
        return "No slices were evaluated."
    weak = evaluation.weak
    if weak:
        lines = ["Worse than on all rows by more than chance explains:"]
    else:
        lines = ["No slice is worse than the whole by more than chance explains; the worst are:"]
    lines[0] = f"Evaluated by {_cell(', '.join(columns))}. {lines[0]}"
    lines += ["", f"| Slice | Rows | {METRICS[name].label} |", "|---|---|---|"]
    for part in (weak or evaluation.worst_first[:3])[:WEAK_SHOWN]:
        cell = _with_interval(part.metrics[name].model)
        lines.append(f"| {_cell(f'{part.column} = {part.value}')} | {part.rows:,} | {cell} |")
    return "\n".join(lines)


def _features(evaluation: Evaluation, schema: Schema) -> str:
    lines = ["| Feature | Kind | Unit | Meaning |", "|---|---|---|---|"]
    for item in evaluation.inputs:
        column = schema.columns.get(item.name)
        if column is None:
            documented = _documented(item.name)
            meaning = documented.strip().splitlines()[0].rstrip(".")
        else:
            meaning = column.description
        unit = "" if column is None else column.unit or ""
        lines.append(f"| {_cell(item.name)} | {item.kind} | {_cell(unit)} | {_cell(meaning)} |")
    return "\n".join(lines)


BLOCKS: dict[str, Callable[[Evaluation, Schema], str]] = {
    "details": _details,
    "features": _features,
    "metrics": _metrics,
    "data": _data,
    "slices": _slices,
}
"""What a run can fill, by the name of the block."""


def _documented(name: str) -> str:
    """Return what feature_funcs.py says of a feature, if it still has it."""
    known = FEATURES.get(name)
    return (known and known.function.__doc__) or "derived feature"


def _with_interval(estimate: Estimate, sign: bool = False) -> str:
    value, range_ = number(estimate.value, sign), interval(estimate, sign)
    return f"{value} ({range_})" if range_ else value


def _cell(text: str) -> str:
    """Keep text from ending a table cell, a line or a comment."""
    line = " ".join(str(text).split())
    return line.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")
