"""What an evaluation says in Markdown pages, block by block.

Text from columns, values and settings is escaped: it shows as it is, whatever it holds.
"""

import re
from collections.abc import Callable

from ..data.schema import Schema
from ..features.known import FEATURES
from ..preprocess.split import SplitRule
from ..utils.bootstrap import Estimate
from ..utils.metrics import METRICS
from .results import Evaluation
from .style import interval, number
from .wording import choice, parameters, proposal, sentence, served

WEAK_SHOWN = 10


def cell(text: str) -> str:
    """Keep text from ending a cell or a line, and from being read as Markdown or HTML."""
    line = " ".join(str(text).split()).replace("&", "&amp;").replace("<", "&lt;")
    line = re.sub(r"([\\`*\[\]|~$])", r"\\\1", line)
    line = re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", line)  # within a word it is plain
    line = re.sub(r"://", r"\://", re.sub(r"(?i)\b(www)\.", r"\1\\.", line))
    return re.sub(r"^(?:(\d{1,9})(?=[.)](?:\s|$))|(?=[-+=:#>]))", r"\1\\", line)


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
    return "\n".join(f"- **{name}:** {cell(value)}" for name, value in lines)


def _data(evaluation: Evaluation, schema: Schema) -> str:
    data = evaluation.metadata.data
    rows = data.rows
    lines = [
        f"- **Source:** {cell(data.source)}, {rows.raw:,} rows, SHA-256 `{data.sha256}`",
        f"- **Training:** {rows.train:,} rows; **validation:** {rows.val:,} rows",
        f"- **Evaluation (test):** {rows.test:,} rows"
        + (f", {evaluation.period[0]} to {evaluation.period[1]}" if evaluation.period else ""),
    ]
    if data.missing_target:
        lines.append(f"- **Left out:** {data.missing_target:,} rows without a target")
    return "\n".join(lines)


def _metrics(evaluation: Evaluation, schema: Schema) -> str:
    baseline = cell(evaluation.metadata.baseline.model)
    lines = [
        cell(sentence(evaluation)),
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
        lines.append(f"| {cell(metric.label + unit)} | {' | '.join(cells)} |")
    lines += ["", "Ranges in brackets are 95% intervals."]
    if evaluation.classes is not None and len(evaluation.classes) == 2:
        positive = cell(f"{evaluation.target} = {evaluation.classes[1]}")
        threshold = f"{evaluation.threshold:g}"
        lines[-1] += (
            f" The positive class is {positive}, predicted from a probability of {threshold} up."
        )
        if evaluation.thresholds is not None and evaluation.thresholds.asked:
            lines[-1] += f" {cell(proposal(evaluation))}"
    promised = evaluation.metadata.interval
    if promised is not None:
        level = f"{promised.level:.0%}"
        lines[-1] += f" The prediction interval is meant to hold {level} of the true values."
    if evaluation.notes:
        lines += ["", *(f"- {cell(note)}" for note in evaluation.notes)]
    meanings = [f"{METRICS[name].label}: {METRICS[name].meaning}" for name in evaluation.metrics]
    return "\n".join([*lines, "", cell(" ".join(meanings))])


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
    lines[0] = f"Evaluated by {cell(', '.join(columns))}. {lines[0]}"
    lines += ["", f"| Slice | Rows | {METRICS[name].label} |", "|---|---|---|"]
    for part in (weak or evaluation.worst_first[:3])[:WEAK_SHOWN]:
        value = _with_interval(part.metrics[name].model)
        lines.append(f"| {cell(f'{part.column} = {part.value}')} | {part.rows:,} | {value} |")
    if (limit := evaluation.slice_limit) is not None:
        lines += ["", cell(limit.sentence(evaluation.unit)) + (":" if limit.failed else "."), ""]
        lines += [f"- {cell(str(one))}" for one in limit.failed]
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
        lines.append(f"| {cell(item.name)} | {item.kind} | {cell(unit)} | {cell(meaning)} |")
    return "\n".join(lines)


def _columns(evaluation: Evaluation, schema: Schema) -> str:
    record = evaluation.metadata
    missing, rows = record.data.missing, record.data.rows.raw
    lines = ["| Column | Role | Type | Unit | Missing | Meaning |", "|---|---|---|---|---|---|"]
    for name, column in record.columns.items():
        share = f"{missing[name] / rows:.2%}" if name in missing else "not read"
        about = cell(column.unit or ""), share, cell(column.description)
        lines.append(f"| {cell(name)} | {column.role} | {column.type} | {' | '.join(about)} |")
    return "\n".join([*lines, "", f"Missing is the share of the {rows:,} rows of the table."])


def _preparation(evaluation: Evaluation, schema: Schema) -> str:
    record = evaluation.metadata
    derived = [item.name for item in evaluation.inputs if item.source == "derived"]
    lines = [
        f"- **Split:** {cell(_split(record.split))}",
        f"- **Inputs:** {len(evaluation.inputs)}; derived: {cell(', '.join(derived) or 'none')}",
        f"- **Rows without a target:** {record.data.missing_target:,}, left out",
        f"- **Recorded by:** {evaluation.version}, trained {record.created}; its schema has the "
        f"hash `{record.schema_hash}`, its preprocessing `{record.preprocessor_hash}`",
    ]
    return "\n".join(lines)


def _split(rule: SplitRule) -> str:
    if rule.by == "time":
        return (
            f"by time, column {', '.join(rule.columns)}: validation from {rule.val_from}, test "
            f"from {rule.test_from}"
        )
    parts = f"validation {rule.val_fraction:.0%}, test {rule.test_fraction:.0%}"
    if rule.by == "group":
        return f"by group, rows of one {', '.join(rule.columns)} stay together: {parts}"
    return f"at random, by a hash of {', '.join(rule.columns)}: {parts}"


def _software(evaluation: Evaluation, schema: Schema) -> str:
    packages = evaluation.metadata.packages.items()
    return "\n".join(
        ["| Package | Version |", "|---|---|"]
        + [f"| {cell(name)} | {cell(version)} |" for name, version in packages]
    )


BLOCKS: dict[str, Callable[[Evaluation, Schema], str]] = {
    "details": _details,
    "features": _features,
    "metrics": _metrics,
    "data": _data,
    "slices": _slices,
    "columns": _columns,
    "preparation": _preparation,
    "software": _software,
}
"""What a run can fill, by the name of the block."""


def _documented(name: str) -> str:
    """Return what feature_funcs.py says of a feature, if it still has it."""
    known = FEATURES.get(name)
    return (known and known.function.__doc__) or "derived feature"


def _with_interval(estimate: Estimate, sign: bool = False) -> str:
    value, range_ = number(estimate.value, sign), interval(estimate, sign)
    return f"{value} ({range_})" if range_ else value
