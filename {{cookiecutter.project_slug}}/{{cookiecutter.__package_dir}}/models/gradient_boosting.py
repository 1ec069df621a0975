"""LightGBM: trees, as many as the validation rows ask for."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import UserError
from . import onnx_export
from .interfaces import Doubles, Floats, Range, Settings, check_params
from .model_io import TREES, Explanation

ROUNDS = 100  # where neither settings nor validation rows tell
MOST_ROUNDS = 1000
PATIENCE = 50  # rounds
REGRESSION_OBJECTIVES = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")
SLACK = 0.001  # share of the gain that may be left for fewer trees


class GradientBoosting:
    """LightGBM on the inputs as they are, with the same trees in Python and in ONNX."""

    design_matrix = False
    obeys_monotone = True
    # Small trees in small steps, and the validation rows tell how many (docs/own_model.md). Splits
    # that name few categories learn less noise, and serve several times as fast.
    defaults: Mapping[str, Any] = {
        "learning_rate": 0.06,
        "num_leaves": 15,
        "max_cat_threshold": 4,
    }

    @staticmethod
    def search_space(task: str) -> Mapping[str, Range]:
        """Return what counts most besides the number of trees, which the held-out rows tell."""
        return {
            "num_leaves": (4, 128),
            "learning_rate": (0.02, 0.2),
            "min_data_in_leaf": (5, 200),
            "feature_fraction": (0.4, 1.0),
            "lambda_l2": (0.001, 100.0),
            "max_cat_threshold": (2, 32),
        }

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.center, self.spread = 0.0, 1.0
        self.model = ""  # LightGBM's text format

    def fit(self, x: Floats, y: Doubles, categorical: Sequence[int]) -> None:
        """Fit `n_estimators` trees; a regression target is standardized first."""
        params, rounds, _ = self._params()
        rounds = ROUNDS if rounds is None else rounds
        booster, _ = self._train(params, rounds, x, y, categorical)
        self._keep(booster, rounds)

    def fit_until(
        self, x: Floats, y: Doubles, categorical: Sequence[int], x_val: Floats, y_val: Doubles
    ) -> dict[str, Any]:
        """Add trees until PATIENCE of them have not made the validation loss smaller.

        As few are kept as reach all but a thousandth of what the best number gains: the last ones
        gain next to nothing, and each costs time whenever a row is predicted. Settings that fix
        the number of trees are obeyed.

        Returns:
            `n_estimators`, where it was found.
        """
        params, rounds, patience = self._params()
        fixed = rounds is not None and not patience
        if fixed or params["boosting"] != "gbdt":  # others weigh former trees anew
            self.fit(x, y, categorical)
            return {}
        params |= {"early_stopping_round": patience or PATIENCE, "first_metric_only": True}
        validation = x_val, y_val
        booster, losses = self._train(params, rounds or MOST_ROUNDS, x, y, categorical, validation)
        enough = min(losses) + SLACK * (losses[0] - min(losses))
        found = 1 + next(i for i, loss in enumerate(losses) if loss <= enough)
        self._keep(booster, found)
        return {"n_estimators": found}

    def _params(self) -> tuple[dict[str, Any], int | None, int | None]:
        """Return LightGBM's parameters, and what is set of rounds and of early stopping."""
        import lightgbm as lgb

        given, classes = dict(self.settings.params), self.settings.classes
        aliases = lgb.basic._ConfigAliases._get_all_param_aliases()
        known = {name for names in aliases.values() for name in names} | {*aliases, "n_estimators"}
        check_params("LightGBM", given, known)

        def take(name: str) -> Any:
            """Take a parameter out, by whichever of its names it is given."""
            names = sorted({name, *aliases[name]} & given.keys(), key="n_estimators".__eq__)
            if len(names) > 1 and names[-1] != "n_estimators":
                named = " and ".join(names)
                raise UserError(f"train.params: {named} are one parameter of LightGBM; keep one", 2)
            values = [given.pop(one) for one in names]  # what `fit_until` has found comes last
            return values[-1] if values else None

        for name, setting in (("seed", "train.seed"), ("num_threads", "train.threads")):
            if take(name) is not None:
                raise UserError(f"train.params: {name} stands in {setting}", 2)
        rounds, patience = take("num_iterations"), take("early_stopping_round")
        objective = _objective(take("objective"), classes)
        params = {**self.defaults, **objective, "boosting": take("boosting") or "gbdt"}
        # LightGBM prefers a parameter's own name, so a default gives way to each alias of it.
        params |= {name: value for name in self.defaults if (value := take(name)) is not None}
        params |= given
        params |= {
            "seed": self.settings.seed,
            "num_threads": self.settings.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }
        if any(self.settings.monotone):
            if aliases["monotone_constraints"] & given.keys():
                raise UserError("train.params: monotone constraints stand in the schema already", 2)
            params["monotone_constraints"] = list(self.settings.monotone)
        return params, rounds, patience

    def _train(
        self,
        params: dict[str, Any],
        rounds: int,
        x: Floats,
        y: Doubles,
        categorical: Sequence[int],
        validation: tuple[Floats, Doubles] | None = None,
    ) -> tuple[Any, list[float]]:
        """Fit the trees, and return LightGBM's object and the validation loss after each round."""
        import lightgbm as lgb

        if self.settings.task == "regression":
            self.center, self.spread = float(y.mean()), float(y.std()) or 1.0
        losses: list[float] = []

        def record(environment: Any) -> None:
            _, _, value, higher_is_better = environment.evaluation_result_list[0][:4]
            losses.append(-value if higher_is_better else value)

        data = lgb.Dataset(
            x, self._scaled(y), categorical_feature=list(categorical), params={"verbosity": -1}
        )
        others: dict[str, Any] = {}
        if validation is not None:
            x_val, y_val = validation
            others["valid_sets"] = [data.create_valid(x_val, self._scaled(y_val))]
            others["callbacks"] = [record]
        try:
            return lgb.train(params, data, num_boost_round=rounds, **others), losses
        except (lgb.basic.LightGBMError, ValueError, TypeError) as error:
            reason = re.sub(r"\s+at \S+\.cpp, line.*", "", str(error), flags=re.DOTALL)
            raise UserError(f"LightGBM refused to train: {reason}; see train.params", 2) from None

    def _scaled(self, y: Doubles) -> Doubles:
        return (y - self.center) / self.spread

    def _keep(self, booster: Any, rounds: int) -> None:
        text = booster.model_to_string(num_iteration=rounds)
        self.model = onnx_export.exact_in_float32(text)

    def predict(self, x: Floats) -> Doubles:
        """Return (n, c) probabilities, or n predictions."""
        threads = self.settings.threads
        raw = np.asarray(self.booster().predict(x, num_threads=threads), dtype=np.float64)
        if self.settings.task == "regression":
            return raw * self.spread + self.center
        return np.column_stack([1 - raw, raw]) if self.settings.classes == 2 else raw

    def booster(self) -> Any:
        """Return LightGBM's own object."""
        import lightgbm as lgb

        return lgb.Booster(model_str=self.model)

    def explanation(self) -> tuple[Explanation, dict[str, bytes]]:
        """Keep the text model, and what the regression target was standardized with."""
        how = Explanation(method="trees", center=self.center, spread=self.spread)
        return how, {TREES: self.model.encode()}

    def to_onnx(self) -> bytes:
        """Return the trees as one TreeEnsemble node."""
        scale = (self.center, self.spread) if self.settings.task == "regression" else None
        return onnx_export.from_lightgbm(self.booster(), max(1, self.settings.classes), scale)


def _objective(given: Any, classes: int) -> dict[str, Any]:
    """Return what LightGBM minimizes; UserError where its predictions would mean something else."""
    if classes:
        fitting: tuple[str, ...] = ("multiclass",) if classes > 2 else ("binary",)
    else:
        fitting = REGRESSION_OBJECTIVES
    if given is not None and given not in fitting:
        known = ", ".join(fitting)
        raise UserError(f"train.params: objective {given!r} does not fit here (there: {known})", 2)
    number = {"num_class": classes} if classes > 2 else {}
    return {"objective": given or fitting[0], **number}
