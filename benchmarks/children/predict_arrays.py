"""Predict ready arrays with LightGBM itself: no reading, no encoding, no writing.

Runs in the rendered project's folder and environment; prints the seconds of the prediction alone.
"""

import json
import pickle
import time

import numpy as np
from flight_delays.config import load_config
from flight_delays.models import model_io, train
from flight_delays.preprocess import pipeline

config = load_config()
plan, _ = pipeline.load(config)
sets = [train.arrays(pipeline.read_split(config, name), plan)[0] for name in pipeline.SPLITS]
x = np.concatenate(sets)
version = model_io.versions(config.paths.models)[-1]
booster = pickle.loads((config.paths.models / version / "model.pkl").read_bytes()).booster()
start = time.perf_counter()
booster.predict(x)
print(json.dumps({"seconds": time.perf_counter() - start, "rows": len(x)}))
