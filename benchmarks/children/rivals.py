"""Score the newest version on its test rows, beside what people would take instead.

Runs in a folder with data/processed and models, in the rendered project's environment. The others,
with their own defaults, get the training and the validation rows and the same inputs; "refit" is
our model fitted again on the same rows. Prints for each: R2 or ROC AUC (the mean over the classes);
the skill, which is 1 less the loss (squared error, log loss) over that of the mean or the class
shares; and the expected calibration error.
"""

import json
import math
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from flight_delays.config import Train
from flight_delays.models import fitting
from flight_delays.models.registry import find_version
from flight_delays.preprocess import processed
from flight_delays.utils.metrics import classification_metrics
from sklearn import ensemble
from sklearn.metrics import log_loss, r2_score, roc_auc_score

MOST_CATEGORIES = 255  # that HistGradientBoosting takes in one column


def scores(y: Any, y_pred: Any, classes: int) -> dict[str, float]:
    """Return the three figures of one model on the test rows."""
    if not classes:
        score = float(r2_score(y, y_pred))
        return {"score": score, "skill": score, "calibration error": math.nan}
    y_pred = y_pred / y_pred.sum(axis=1, keepdims=True)
    labels = list(range(classes))
    there = np.unique(y).astype(int).tolist()
    score = np.mean([roc_auc_score(y == one, y_pred[:, one]) for one in there])
    shares = np.tile(np.bincount(y.astype(int), minlength=classes) / len(y), (len(y), 1))
    loss, constant = (log_loss(y, p.clip(1e-9, 1), labels=labels) for p in (y_pred, shares))
    error = classification_metrics(y, y_pred)(np.ones(len(y)))["calibration_error"]
    return {"score": float(score), "skill": 1 - loss / constant, "calibration error": error}


def main() -> None:
    """Fit the others and print all figures."""
    model, folder = find_version(Path("models")), Path("data/processed")
    preprocessor = model.preprocessor
    sets = {
        split: processed.arrays(processed.read_set(folder, split), preprocessor)
        for split in ("train", "val", "test")
    }
    x, y = (np.concatenate([sets["train"][i], sets["val"][i]]) for i in range(2))
    x_test, y_test = sets["test"]
    classes, categorical = len(preprocessor.classes or ()), list(preprocessor.categorical)
    few = [i for i in categorical if np.nanmax(np.append(x[:, i], 0)) < MOST_CATEGORIES]
    kind = "Classifier" if classes else "Regressor"
    histogram = getattr(ensemble, f"HistGradientBoosting{kind}")
    others = {
        "HistGradientBoosting": histogram(categorical_features=few, random_state=0).fit(x, y),
        "LightGBM": getattr(lightgbm, f"LGBM{kind}")(verbosity=-1, random_state=0).fit(
            x, y, categorical_feature=categorical
        ),
    }
    params = model.metadata.params | model.metadata.found_params
    again = Train(model=model.metadata.model, params=params)
    refit = fitting.fit(again, preprocessor, x, y)
    predictions = {
        "ours": model.recipe.predict(x_test).astype(np.float64),
        "ours, refit": fitting.predict(refit, preprocessor, x_test),
    }
    for name, other in others.items():
        if classes:
            predictions[name] = np.full((len(y_test), classes), 1e-9)
            predictions[name][:, other.classes_.astype(int)] = other.predict_proba(x_test)
        else:
            predictions[name] = other.predict(x_test)
    found = {name: scores(y_test, y_pred, classes) for name, y_pred in predictions.items()}
    flat = {f"{name}, {what}": v for name, each in found.items() for what, v in each.items()}
    print(json.dumps({"rows": len(y), "classes": classes} | flat))


if __name__ == "__main__":
    main()
