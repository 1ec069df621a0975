"""Search for parameters, draw the search, and write the best as a configuration."""

from dataclasses import asdict, dataclass
from pathlib import Path

from ..config import Config
from ..errors import UserError
from ..models import tune
from ..reports.search import Search, Trial, draw
from ..utils.files import atomic_file, write_json, write_text
from ..utils.metrics import METRICS

FOLDER, STORAGE, TUNED = "tuning", "trials.db", "tuned.yml"


@dataclass(frozen=True)
class Tuned:
    """What came of a search.

    Attributes:
        search: Its trials.
        folder: Where its record and its pictures are.
        config: The configuration with the best parameters; None where none is better than what
            is configured.
    """

    search: Search
    folder: Path
    config: Path | None


def run(config: Config, path: Path) -> Tuned:
    """Search, and write artifacts/tuning/ and, beside the configuration, tuned.yml.

    Args:
        config: The configuration.
        path: Where it was read from.

    Raises:
        UserError: As `models.tune`, or the configuration is what a search has written.
    """
    if path.name == TUNED:
        raise UserError(f"{path} is what `tune` writes: search from the file that it extends", 2)
    folder = config.paths.artifacts / FOLDER
    search = tune.run(config, folder / STORAGE)
    best = search.best
    write_json(folder / "search.json", asdict(search) | {"best": best and best.number})
    for name, picture in draw(search).items():
        with atomic_file(folder / f"{name}.png") as temporary:
            temporary.write_bytes(picture)
    if best is None or not search.beats(best.score, search.start):
        return Tuned(search, folder, None)
    tuned = path.with_name(TUNED)
    write_text(tuned, _overlay(search, best, path.name))
    return Tuned(search, folder, tuned)


def _overlay(search: Search, best: Trial, base: str) -> str:
    label = METRICS[search.metric].label
    lines = [
        "# yaml-language-server: $schema=json_schema/config.json",
        f"# The best of {len(search.trials)} trials of `tune`: {label} {best.score:.4f}, and "
        f"{search.start:.4f} as configured;",
        f"# means of {search.folds} folds of {search.rows:,} training rows. The next search writes "
        "it anew; rename it to keep it.",
        f"extends: {base}",
        "train:",
        f"  model: {best.model}",
        "  params:",
        *(f"    {name}: {value}" for name, value in best.params.items()),
    ]
    return "\n".join(lines) + "\n"
