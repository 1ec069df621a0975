"""`schema infer`: make this a project of a table of your own.

Writes its schema, points the configuration at it, and notes the decisions in EDA_DECISIONS.md.
What stood there before is kept beside it with the ending `.bak`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from ..config import load_config
from ..errors import UserError
from ..features.known import trace_features
from ..utils.changes import Change, keep, write_changes
from ..utils.files import name_of, sha256
from ..utils.parts import load_part
from ..utils.yaml import edited_yaml
from .column_guess import Guess
from .decisions import decisions
from .schema import Schema, class_labels, value_kinds
from .schema_inference import InferredSchema, infer
from .schema_yaml import flow, schema_yaml

SLICE_LEVELS = 20
DECISIONS = Path("EDA_DECISIONS.md")
OUTDATED = (  # they speak of another table
    Path("model_card.md"),
    Path("docs/governance/datasheet.md"),
    Path("docs/governance/ai_act.md"),
)


@dataclass(frozen=True)
class Scaffolded:
    """What was written.

    Attributes:
        schema: The schema's path.
        notes: What a person should look at, a line each.
        kept: Former files under their new names.
        changes: The files that were written, or would be.
    """

    schema: Path
    notes: list[str]
    kept: list[Path]
    changes: list[Change]


def run(file: Path, target: str, config: Path, dry_run: bool = False) -> Scaffolded:
    """Write the schema of `file` and point the configuration at it.

    Former files are kept beside the new ones with the ending `.bak`.

    Args:
        file: CSV or parquet, or a folder or pattern of such files.
        target: The column to predict.
        config: The configuration to change; `paths.schema` in it says where the schema goes.
        dry_run: Write nothing.

    Raises:
        UserError: The file cannot be read, or the target is missing or cannot be learned. Nothing
            has been written then.
    """
    former = load_config(config)
    schema_path = former.paths.schema_
    inferred = infer(file, target)
    derived = _derived(former.features.derived, inferred.schema)
    split, split_note = _split(inferred)
    name = name_of(file.as_posix())
    text = schema_yaml(inferred.schema, inferred.guesses, name)
    settings = {
        "task": inferred.task,
        "data.source": _relative(file),
        "data.sha256": sha256(file) if file.is_file() else None,  # a folder grows
        **{f"split.{key}": value for key, value in split.items()},
        "features.derived": derived,
        "features.trusted": None,
        "evaluate.slices": flow(_slices(inferred.guesses)),
    }
    keys = {tuple(dotted.split(".")): value for dotted, value in settings.items()}
    changes = [
        Change(schema_path, text),
        Change(config, edited_yaml(config.read_text(encoding="utf-8"), keys)),
        Change(DECISIONS, decisions(name, inferred)),
    ]
    for name in former.train.attachments:
        part = load_part(name, "train.attachments")
        changes += part.take_on([*inferred.schema.features, *derived])
    notes = _notes(inferred, split_note, schema_path)
    if gone := [name for name in former.features.derived if name not in derived]:
        notes.append(
            f"features.derived: left out, as their columns are not there: {', '.join(gone)}"
        )
    if dry_run:
        return Scaffolded(schema_path, notes, [], changes)
    kept = write_changes(changes)
    kept += [keep(path, move=True) for path in OUTDATED if path.exists()]
    return Scaffolded(schema_path, notes, kept, changes)


def _derived(names: Sequence[str], schema: Schema) -> list[str]:
    """Return the derived features that the features of a table allow."""
    kinds = value_kinds(schema.subset(schema.features))
    kept = []
    for name in names:
        try:
            trace_features([name], kinds)
        except (KeyError, TypeError, UserError):
            continue
        kept.append(name)
    return kept


def _notes(inferred: InferredSchema, split_note: str, schema_path: Path) -> list[str]:
    """Say what was inferred: the task, the positive class, then column by column."""
    schema, target = inferred.schema, inferred.schema.target
    notes = [
        f"{inferred.task}: predict {target!r} from {len(schema.features)} columns, {split_note}"
    ]
    column = schema.columns[target]
    labels = class_labels(column)
    if inferred.classes == 2 and labels:
        values = f"values: [{labels[1]}, {labels[0]}]"
        how = f"write type: category and {values}" if column.is_boolean else "swap `values`"
        notes.append(
            f"{target}: {labels[-1]!r} counts as the yes (precision, recall, threshold); {how} in "
            f"{schema_path} to turn it round"
        )
    return notes + inferred.notes


def _split(inferred: InferredSchema) -> tuple[dict[str, Any], str]:
    """Choose a cut in time where there is a time column that allows it, else a random split.

    Returns:
        The settings below `split`, None where a key goes, and the choice in words.
    """
    share = 0.15 if inferred.rows >= 500 else 0.2
    known, time = inferred.known, inferred.schema.time
    if time is not None:
        moments = known[time].sort()
        cuts = [moments[int(moments.len() * part)] for part in (1 - 2 * share, 1 - share)]
        val_from, test_from = (_whole_second(cut) for cut in cuts)
        train = known.filter(pl.col(time) < val_from)
        sizes = [
            train.height,
            known.filter(pl.col(time).is_between(val_from, test_from, "left")).height,
            known.filter(pl.col(time) >= test_from).height,
        ]
        every_class = train[inferred.schema.target].n_unique() == inferred.classes
        if min(sizes) >= 10 and (not inferred.classes or every_class):
            split = {"by": "time", "val_from": val_from, "test_from": test_from}
            gone = dict.fromkeys(("val_fraction", "test_fraction", "seed", "group"))
            return split | gone, f"split in time at {val_from} and {test_from}"
    split = {"by": "random", "val_fraction": share, "test_fraction": share, "seed": 0}
    return split | {"val_from": None, "test_from": None, "group": None}, "split at random"


def _whole_second(moment: datetime) -> datetime:
    """Drop the fraction of a second: YAML shows the cut shorter."""
    return moment.replace(microsecond=0)


def _slices(guesses: dict[str, Guess]) -> list[str]:
    """Return the first two features of few values: the report looks at them group by group."""
    few = [
        name
        for name, guess in guesses.items()
        if guess.role == "feature"
        and (
            guess.column.is_boolean
            or (guess.column.is_category and 2 <= len(guess.values.counts) <= SLICE_LEVELS)
        )
    ]
    return few[:2]


def _relative(file: Path) -> str:
    """Return how the configuration names a file: from the working directory where it is inside."""
    resolved, here = file.resolve(), Path.cwd()
    inside = resolved.is_relative_to(here)
    return (resolved.relative_to(here) if inside else resolved).as_posix()
