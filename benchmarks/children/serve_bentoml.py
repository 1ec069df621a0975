"""The usual pipeline as a BentoML service; the environment variable MODEL says where it is."""

import os

import bentoml
import joblib
import pandas as pd
from usual_row import Row


@bentoml.service(workers=1)
class Predictor:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api
    def predict(self, row: Row, /) -> dict[str, float]:
        probability = self.model.predict_proba(pd.DataFrame([row.model_dump()]))[0, 1]
        return {"probability": float(probability)}
