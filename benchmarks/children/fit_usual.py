"""Fit the usual scikit-learn pipeline on the rows that the project trained on.

Arguments: the sample, the project's processed training rows, and the folder for model.joblib and
mlflow/. Runs in MLflow's environment.
"""

import sys
from pathlib import Path

import joblib
import mlflow
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from usual_row import NUMBERS, TEXTS

sample, processed, out = sys.argv[1], sys.argv[2], Path(sys.argv[3])
table = pd.read_csv(sample)
rows = table[table["flight_id"].isin(pd.read_parquet(processed)["flight_id"])]
inputs, target = rows[NUMBERS + TEXTS], rows["late"].astype(bool)
texts = make_pipeline(
    SimpleImputer(strategy="most_frequent"),
    OneHotEncoder(handle_unknown="ignore", sparse_output=False),
)
model = make_pipeline(
    ColumnTransformer(
        [("numbers", SimpleImputer(strategy="median"), NUMBERS), ("texts", texts, TEXTS)]
    ),
    HistGradientBoostingClassifier(random_state=0),
)
model.fit(inputs, target)
out.mkdir(parents=True)
joblib.dump(model, out / "model.joblib")
mlflow.sklearn.save_model(
    model,
    out / "mlflow",
    pip_requirements=["scikit-learn", "pandas"],
    signature=mlflow.models.infer_signature(inputs, model.predict_proba(inputs)),
    pyfunc_predict_fn="predict_proba",
    # Fitted above, so no stranger's file.
    skops_trusted_types=[
        "numpy.dtype",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    ],
)
print(len(rows), "rows")
