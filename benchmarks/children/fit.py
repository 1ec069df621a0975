"""Fit boosting on the processed training rows: ours, or LightGBM called directly.

Runs in the rendered project's folder and environment; prints the seconds of the fit alone.
"""

import json
import sys
import time

from flight_delays.config import load_config
from flight_delays.models import fitting
from flight_delays.models.gradient_boosting import ROUNDS, GradientBoosting
from flight_delays.preprocess import processed

how = sys.argv[1]
config = load_config()
folder = config.paths.processed
preprocessor, _ = processed.load(folder)
x, y = processed.arrays(processed.read_set(folder, "train"), preprocessor)
start = time.perf_counter()
if how == "ours":
    boosting = config.train.model_copy(update={"model": "gradient_boosting"})
    fitting.fit(boosting, preprocessor, x, y)
else:
    import lightgbm as lgb

    params = {
        **GradientBoosting.defaults,
        "objective": "binary",
        "seed": config.train.seed,
        "num_threads": config.train.threads,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lgb.Dataset(x, y, categorical_feature=preprocessor.categorical, params={"verbosity": -1})
    lgb.train(params, data, num_boost_round=ROUNDS)
print(json.dumps({"seconds": time.perf_counter() - start, "rows": len(x)}))
