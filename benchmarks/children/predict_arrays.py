"""Predict ready arrays with LightGBM itself: no reading, no encoding, no writing.

Runs in the rendered project's folder and environment; prints the seconds of the prediction alone.
"""

import json
import pickle
import time

import numpy as np
from flight_delays.config import load_config
from flight_delays.models.registry import versions
from flight_delays.preprocess import processed
from flight_delays.preprocess.split import SPLITS

config = load_config()
folder = config.paths.processed
preprocessor, _ = processed.load(folder)
sets = [processed.arrays(processed.read_set(folder, name), preprocessor)[0] for name in SPLITS]
x = np.concatenate(sets)
version = versions(config.paths.models)[-1]
booster = pickle.loads((config.paths.models / version / "model.pkl").read_bytes()).booster()
start = time.perf_counter()
booster.predict(x)
print(json.dumps({"seconds": time.perf_counter() - start, "rows": len(x)}))
