"""What a model must have, and what it may have besides."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..errors import UserError
from .model_io import Explanation

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
MOST_NAMED = 40  # parameters, in a message


@dataclass(frozen=True)
class Settings:
    """What an estimator is made with.

    Attributes:
        task: "classification" or "regression".
        classes: Number of classes; 0 for regression.
        params: The model's own parameters, from `train.params`.
        seed: Seed of all that is random in the fit.
        threads: 0 means all cores.
        monotone: For each input 1 where predictions may only rise with it, -1 where they may only
            fall, else 0; empty where nothing is asked.
    """

    task: Literal["classification", "regression"]
    classes: int
    params: Mapping[str, Any]
    seed: int = 0
    threads: int = 0
    monotone: tuple[int, ...] = ()


class Estimator(Protocol):
    """What training, saving and evaluation need of a model.

    `design_matrix` says what x is. True: numbers are imputed and scaled, categories one-hot, and
    nothing is missing. False: the inputs as they are, where NaN is missing and a category is the
    position of its level.
    """

    design_matrix: bool

    def __init__(self, settings: Settings) -> None:
        """Take the settings; nothing is fitted yet."""

    def fit(self, x: Floats, y: Doubles, categorical: Sequence[int]) -> None:
        """Fit on (n, k) inputs and n targets: numbers, or class indices 0 to c - 1.

        `categorical` has the positions of inputs that are categories; none in a design matrix.
        """

    def predict(self, x: Floats) -> Doubles:
        """Return (n, c) probabilities, or n predictions of a number."""

    def to_onnx(self) -> bytes:
        """Return an ONNX model from "features" (n, k) to "prediction" (n, c) or (n, 1), float32."""


@runtime_checkable
class Explainable(Protocol):
    """What a model has besides if the contributions to its predictions can be told."""

    def explanation(self) -> tuple[Explanation, dict[str, bytes]]:
        """Return how they are computed, and files to keep for it, by name."""


@runtime_checkable
class EarlyStopping(Protocol):
    """What a model has besides if other rows can tell how long to fit it."""

    def fit_until(
        self, x: Floats, y: Doubles, categorical: Sequence[int], x_val: Floats, y_val: Doubles
    ) -> dict[str, Any]:
        """Fit as `fit` does, for as long as the validation rows gain by it.

        Returns:
            The parameters that have been found; `fit` with them gives the same model.
        """


Range = tuple[float, float]  # both ends may be taken; two whole numbers ask for whole numbers


@runtime_checkable
class Tunable(Protocol):
    """What a model has besides if `tune` can search for its parameters."""

    @staticmethod
    def search_space(task: str) -> Mapping[str, Range]:
        """Return the parameters to search, each with its least and its greatest value."""


def check_params(model: str, params: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise a UserError where `train.params` names a parameter that a model does not have."""
    for name in params:
        if name not in known:
            near = get_close_matches(name, known, 1)
            few = (
                f" (there: {', '.join(sorted(known)) or 'none'})" if len(known) < MOST_NAMED else ""
            )
            hint = f"; did you mean {near[0]!r}?" if near else few
            raise UserError(f"train.params: {model} has no parameter {name!r}{hint}", 2)
