"""Time what MLflow is sent of a run that was trained and evaluated, its model and its report too.

MLflow is imported before, and its database exists: both are paid once, and not by a run.
"""

import json
import tempfile
import time
from pathlib import Path

import mlflow.onnx  # the sink imports it late
from flight_delays.config import load_config
from flight_delays.workflows import mlflow_sink

config = load_config()
with tempfile.TemporaryDirectory() as name:
    to = {"uri": f"sqlite:///{name}/mlflow.db"}
    no_runs = config.paths.model_copy(update={"artifacts": Path(name)})
    mlflow_sink.sync(config.model_copy(update={"paths": no_runs}), to)
    start = time.perf_counter()
    sent = mlflow_sink.sync(config, to)
    first = time.perf_counter()
    again = mlflow_sink.sync(config, to)
    end = time.perf_counter()
    logged = mlflow.search_registered_models()
    print(
        json.dumps(
            {
                "seconds": first - start,
                "again_s": end - first,
                "complete": sent[0].endswith("1 of 1 runs sent") and len(logged) == 1 and not again,
            }
        )
    )
