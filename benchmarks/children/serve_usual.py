"""A model behind FastAPI as it is usually written: pydantic, a data frame of one row, joblib.

Arguments: the model, and the port.
"""

import sys

import joblib
import pandas as pd
import uvicorn
from fastapi import FastAPI
from usual_row import Row

model = joblib.load(sys.argv[1])
app = FastAPI()


@app.post("/predict")
def predict(row: Row) -> dict[str, float]:
    probability = model.predict_proba(pd.DataFrame([row.model_dump()]))[0, 1]
    return {"probability": float(probability)}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="warning", access_log=False)
