"""Search for a model's parameters on folds of the training rows; other rows are not read."""

import hashlib
import json
import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..config import AUTO, Config, Train
from ..errors import UserError
from ..preprocess import current, folds, processed
from ..preprocess.preprocessor import Preprocessor
from ..preprocess.processed import AGAIN, KEY
from ..preprocess.split import SplitRule
from ..reports.search import Search, Trial
from ..utils.metrics import METRICS
from . import fitting, scoring
from .choice import CANDIDATES, MOST_ROWS
from .estimators import ESTIMATORS, check_name
from .interfaces import Floats, Range, Tunable

DIGITS = 3  # of a parameter: what is written down is what was tried
WIDE = 10  # a range whose ends differ by this factor is searched on a logarithmic scale
WARM_UP = 5  # trials before hopeless ones are given up
STATES: dict[str, Literal["finished", "pruned"]] = {"COMPLETE": "finished", "PRUNED": "pruned"}

Spaces = Mapping[str, Mapping[str, Range]]  # of each model: parameters and their ranges

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Folds:
    """The training rows and how they are cut."""

    preprocessor: Preprocessor
    x: Floats
    y: NDArray[np.float64]
    parts: list[tuple[folds.Places, folds.Places]]

    def measure(self, settings: Train) -> Iterator[dict[str, float]]:
        """Fit on each fold, and give the metrics of the rows that it holds out."""
        for fitted, held in self.parts:
            ours, theirs = ((self.x[rows], self.y[rows]) for rows in (fitted, held))
            model, _ = fitting.fit_until(settings, self.preprocessor, ours, theirs)
            y_pred = fitting.predict(model, self.preprocessor, theirs[0])
            yield scoring.values(self.preprocessor.classes, theirs[1], y_pred, None, 0.5)


def run(config: Config, storage: Path) -> Search:
    """Search on from where a search of the same data and settings was left.

    Args:
        config: The configuration; `tune` says how long.
        storage: SQLite file of all searches.

    Raises:
        UserError: A model is not there or has nothing to search, the rows do not do for the
            folds, or Optuna is not installed.
    """
    optuna = _optuna()
    settings, spaces = config.train, _spaces(config)
    preprocessor, summary = current.load(config)
    data = _folds(config, preprocessor, summary.split)
    start = _start(settings, spaces, data)
    label = METRICS[start.metric].label
    log.info("%s of %s as configured: %.4f", label, start.start_model, start.start)
    name = _identity(config, spaces, preprocessor, summary.data_sha256)
    study = _study(optuna, name, storage, METRICS[start.metric].higher_is_better is True)
    # Seeded by what is done already, so that a search that goes on does not repeat itself.
    study.sampler = optuna.samplers.TPESampler(seed=settings.seed + len(study.trials))

    def found() -> Search:
        return replace(start, trials=tuple(_trials(study)))

    if (left := config.tune.trials - len(found().trials)) > 0:
        study.optimize(
            _objective(optuna, settings, spaces, data, start.metric),
            n_trials=left,
            timeout=60 * config.tune.minutes,
            callbacks=[lambda *_: _tell(found(), config.tune.trials)],
        )
    return found()


def _start(settings: Train, spaces: Spaces, data: Folds) -> Search:
    """Measure what is configured, and choose the metric: the first that every fold has."""
    measured = {model: list(data.measure(_with(settings, model, {}))) for model in spaces}
    every = [set(values) for folds_of_one in measured.values() for values in folds_of_one]
    metric = scoring.primary_metric(data.preprocessor.task, set.intersection(*every))
    search = Search(metric, len(data.y), len(data.parts), "", math.nan, ())
    for model, values in measured.items():
        score = float(np.mean([one[metric] for one in values]))
        if not search.start_model or search.beats(score, search.start):
            search = replace(search, start_model=model, start=score)
    return search


def _study(optuna: Any, name: str, storage: Path, higher: bool) -> Any:
    """Open a search, and give up the trials that were killed."""
    storage.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        study_name=name,
        storage=f"sqlite:///{storage}",
        load_if_exists=True,
        direction="maximize" if higher else "minimize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=WARM_UP),
    )
    state = optuna.trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(state.RUNNING,)):
        study.tell(trial.number, state=state.FAIL)
    return study


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise UserError("Optuna is not installed yet: run `make tune` once") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def _spaces(config: Config) -> Spaces:
    """Return the ranges of each model that is searched."""
    name, ranges = config.train.model, config.tune.ranges
    if name == AUTO:
        if config.train.params or ranges:
            raise UserError(
                "train.params and tune.ranges are of one model: name it in train.model "
                f"({', '.join(CANDIDATES)}), or leave them out",
                2,
            )
        names: tuple[str, ...] = CANDIDATES
    else:
        check_name("train.model", name)
        names = (name,)
    spaces: dict[str, Mapping[str, Range]] = {}
    for one in names:
        model = ESTIMATORS[one]
        spaces[one] = {
            **(model.search_space(config.task) if isinstance(model, Tunable) else {}),
            **ranges,
        }
        if not spaces[one]:
            raise UserError(f"{one} has no parameter to search: name some in tune.ranges", 2)
    return spaces


def _folds(config: Config, preprocessor: Preprocessor, rule: SplitRule) -> Folds:
    frame = processed.read_set(config.paths.processed, "train")
    if KEY not in frame.columns:
        raise UserError(f"{config.paths.processed}: written by an earlier release; {AGAIN}")
    if frame.height > MOST_ROWS:
        frame = frame.sample(MOST_ROWS, seed=config.train.seed)
    x, y = processed.arrays(frame, preprocessor)
    parts = folds.cut(rule, frame[KEY], config.tune.folds)
    for number, (fitted, _) in enumerate(parts, start=1):
        lacking = set(range(len(preprocessor.classes or ()))) - set(y[fitted].astype(int))
        if preprocessor.classes is not None and lacking:
            names = ", ".join(preprocessor.classes[place] for place in sorted(lacking))
            raise UserError(
                f"fold {number} of {len(parts)} has no row of {names} to fit on: the training "
                "rows are too few for tune.folds",
                2,
            )
    return Folds(preprocessor, x, y, parts)


def _identity(config: Config, spaces: Spaces, preprocessor: Preprocessor, data: str) -> str:
    """Name a search by all that its scores depend on: only equal ones go on."""
    parts = {
        "train": config.train.model_dump(include={"model", "seed", "params"}),
        "spaces": spaces,
        "folds": config.tune.folds,
        "preprocessor": preprocessor.hash,
        "data": data,
    }
    text = json.dumps(parts, sort_keys=True, default=str)
    return f"{config.model.name} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _with(settings: Train, model: str, params: Mapping[str, Any]) -> Train:
    return settings.model_copy(update={"model": model, "params": {**settings.params, **params}})


def _objective(
    optuna: Any,
    settings: Train,
    spaces: Spaces,
    data: Folds,
    metric: str,
) -> Callable[[Any], float]:
    def score(trial: Any) -> float:
        model = next(iter(spaces))
        if len(spaces) > 1:
            model = trial.suggest_categorical("model", list(spaces))
        params = {
            name: _suggest(trial, f"{model}.{name}", *ends) for name, ends in spaces[model].items()
        }
        trial.set_user_attr("model", model)
        trial.set_user_attr("params", params)
        scores: list[float] = []
        try:
            for step, measured in enumerate(data.measure(_with(settings, model, params)), start=1):
                scores.append(measured[metric])
                trial.report(float(np.mean(scores)), step)
                if step < len(data.parts) and trial.should_prune():
                    raise optuna.TrialPruned
        except UserError as error:  # the parameters are those of both sections
            said = str(error).replace("train.params", "train.params and tune.ranges")
            raise UserError(said, error.code) from None
        return float(np.mean(scores))

    return score


def _suggest(trial: Any, name: str, low: float, high: float) -> float:
    wide = low > 0 and high >= WIDE * low
    if isinstance(low, int) and isinstance(high, int):
        return int(trial.suggest_int(name, low, high, log=wide))
    return float(f"{trial.suggest_float(name, low, high, log=wide):.{DIGITS}g}")


def _trials(study: Any) -> Iterator[Trial]:
    """Give the trials that have a score, numbered anew."""
    number = 0
    for one in study.get_trials(deepcopy=False):
        state = STATES.get(one.state.name)
        if state is not None:
            number += 1
            yield Trial(
                number=number,
                state=state,
                model=one.user_attrs["model"],
                params=one.user_attrs["params"],
                score=one.value,  # of a pruned one: the mean over the folds that it had
                seconds=round(one.duration.total_seconds(), 3),
            )


def _tell(search: Search, wanted: int) -> None:
    """Log the latest trial, and the best so far."""
    if not search.trials:
        return
    last, best = search.trials[-1], search.best
    so_far = "" if best is None else f"; best so far {best.score:.4f}, trial {best.number}"
    given_up = ", given up" if last.state == "pruned" else ""
    model = last.model
    log.info(
        "trial %d of %d, %s: %.4f%s%s", last.number, wanted, model, last.score, given_up, so_far
    )
