"""What a search for parameters found, and its pictures."""

from dataclasses import dataclass
from typing import Any, Literal

from ..utils.metrics import METRICS
from .style import BASELINE, DASHED, INK, MODEL, OTHER, WIDTH, legend, panel, panels, short


@dataclass(frozen=True)
class Trial:
    """One set of parameters, and how it did.

    Attributes:
        number: From 1.
        state: "finished", or "pruned" where the first folds had told enough.
        model: Name of the model.
        params: What was tried.
        score: Mean of the metric over the folds that were fitted.
        seconds: Time that it took.
    """

    number: int
    state: Literal["finished", "pruned"]
    model: str
    params: dict[str, Any]
    score: float
    seconds: float


@dataclass(frozen=True)
class Search:
    """What a search was for, and its trials so far.

    Attributes:
        metric: What is to get better.
        rows: Training rows that were used.
        folds: Of these rows.
        start_model: The model as the configuration has it; of several the best.
        start: Its score.
        trials: In their order.
    """

    metric: str
    rows: int
    folds: int
    start_model: str
    start: float
    trials: tuple[Trial, ...]

    def beats(self, one: float, other: float) -> bool:
        """Tell whether a score is better than another one."""
        return one > other if METRICS[self.metric].higher_is_better else one < other

    @property
    def best(self) -> Trial | None:
        """The first of the best trials that were finished."""
        best: Trial | None = None
        for trial in self.trials:
            if trial.state == "finished" and (best is None or self.beats(trial.score, best.score)):
                best = trial
        return best


def draw(search: Search) -> dict[str, bytes]:
    """Return the pictures as PNG by name: the search, and the parameters of the best model."""
    pictures = {"search": history(search)}
    best = search.best
    if best is not None and best.params:
        pictures["parameters"] = parameters(search, best)
    return pictures


def history(search: Search) -> bytes:
    """Each trial's score, and the best so far."""
    label = METRICS[search.metric].label
    finished = [one for one in search.trials if one.state == "finished"]
    with panel(WIDTH, 3.6) as (axes, png):
        axes.axhline(search.start, color=INK, lw=1.0, ls=DASHED, label="as configured")
        for state, mark, color in (("pruned", "x", BASELINE), ("finished", "o", MODEL)):
            some = [one for one in search.trials if one.state == state]
            if some:
                axes.scatter(
                    [one.number for one in some],
                    [one.score for one in some],
                    marker=mark,
                    color=color,
                    s=22,
                    label=state,
                )
        best: list[float] = []
        for one in finished:
            best.append(one.score if not best or search.beats(one.score, best[-1]) else best[-1])
        axes.step([one.number for one in finished], best, where="post", color=OTHER, label="best")
        higher = METRICS[search.metric].higher_is_better
        axes.set(xlabel="Trial", ylabel=f"{label}, mean of {search.folds} folds")
        axes.set_title(f"Search ({'higher' if higher else 'lower'} is better)")
        axes.locator_params(axis="x", integer=True)
        legend(axes, "best")
        return png()


def parameters(search: Search, best: Trial) -> bytes:
    """The score against each parameter of the best trial's model."""
    trials = [one for one in search.trials if one.model == best.model and one.state == "finished"]
    names = list(best.params)
    with panels(2.1 * len(names) + 1, 2.8, len(names), sharey=True) as (all_axes, png):
        for axes, name in zip(all_axes, names, strict=True):
            values = [one.params[name] for one in trials]
            axes.scatter(values, [one.score for one in trials], color=MODEL, s=16)
            axes.scatter([best.params[name]], [best.score], color=OTHER, s=44, zorder=3)
            if min(values) > 0 and max(values) > 10 * min(values):
                axes.set_xscale("log")
            axes.set_xlabel(short(name))
        all_axes[0].set_ylabel(METRICS[search.metric].label)
        return png()
