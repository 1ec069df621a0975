"""Fit the default model on the processed training rows: ours, or LightGBM called directly.

Runs in the rendered project's folder and environment; prints the seconds of the fit alone.
"""

import json
import sys
import time

from flight_delays.config import load_config
from flight_delays.models import train
from flight_delays.models.estimators import GradientBoosting
from flight_delays.preprocess import pipeline

how = sys.argv[1]
config = load_config()
plan, _ = pipeline.load(config)
x, y = train.arrays(pipeline.read_split(config, "train"), plan)
start = time.perf_counter()
if how == "ours":
    train.fit(config, plan, x, y)
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
    rounds = params.pop("n_estimators")
    data = lgb.Dataset(x, y, categorical_feature=plan.categorical, params={"verbosity": -1})
    lgb.train(params, data, num_boost_round=rounds)
print(json.dumps({"seconds": time.perf_counter() - start, "rows": len(x)}))
