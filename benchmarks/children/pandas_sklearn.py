"""`preprocess` as one would write it with pandas and scikit-learn, whole table in memory.

Reads, checks against schema.yml, derives the features (unless --codes), splits in time, imputes
and encodes as fitted on train, writes train, val and test (parquet, zstd level 1).
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OrdinalEncoder

TIME, TARGET, ID = "scheduled_departure", "late", "flight_id"
VAL_FROM, TEST_FROM = "2013-09-01", "2013-11-01"


def check(table, columns):
    """Every rule of the schema, as the project checks it."""
    assert list(table.columns) == list(columns)
    for name, rule in columns.items():
        column = table[name]
        assert rule["nullable"] or not column.isna().any(), name
        if rule["type"] == "float":
            assert not np.isinf(column).any(), name
        if "min" in rule:
            assert not (column < rule["min"]).any(), name
        if "max" in rule:
            assert not (column > rule["max"]).any(), name
        if "values" in rule:
            assert column.isin(rule["values"]).all(), name


def derive(table):
    when = table[TIME].dt
    hour, month = when.hour * (2 * np.pi / 24), when.month * (2 * np.pi / 12)
    wind = np.radians(table["wind_dir"])
    return table.assign(
        departure_hour_sin=np.sin(hour),
        departure_hour_cos=np.cos(hour),
        weekday=when.dayofweek.map(dict(enumerate("Mon Tue Wed Thu Fri Sat Sun".split()))),
        month_sin=np.sin(month),
        month_cos=np.cos(month),
        route=table["origin"] + "-" + table["dest"],
        scheduled_duration=(table["arrival_minute"] - table["departure_minute"]) % 1440,
        wind_east=-table["wind_speed"] * np.sin(wind),
        wind_north=-table["wind_speed"] * np.cos(wind),
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("table", type=Path)
    parser.add_argument("schema", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--codes", action="store_true")
    args = parser.parse_args()

    table = pd.read_parquet(args.table)
    columns = yaml.safe_load(args.schema.read_text())["columns"]
    check(table, columns)
    table = table[table[TARGET].notna()]
    keep = [name for name, rule in columns.items() if rule["role"] == "feature"]
    table = table[[ID, TIME, TARGET, *keep]]
    if not args.codes:
        table = derive(table)
    inputs = [name for name in table.columns if name not in (ID, TIME, TARGET)]
    numbers = [name for name in inputs if pd.api.types.is_numeric_dtype(table[name])]
    texts = [name for name in inputs if name not in numbers]
    split = np.searchsorted(pd.to_datetime([VAL_FROM, TEST_FROM]), table[TIME], side="right")
    encode = ColumnTransformer(
        [
            ("numbers", SimpleImputer(strategy="median"), numbers),
            (
                "texts",
                OrdinalEncoder(
                    handle_unknown="use_encoded_value", unknown_value=-1, dtype=np.float32
                ),
                texts,
            ),
        ],
    )
    encode.fit(table.loc[split == 0, inputs])
    args.out.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(("train", "val", "test")):
        part = table[split == i]
        codes = encode.transform(part[inputs]).astype(np.float32)
        frame = pd.DataFrame(codes, columns=[*numbers, *texts], index=part.index)
        frame.insert(0, "__target", part[TARGET].astype(np.float32))
        frame.insert(0, TIME, part[TIME])
        frame.insert(0, ID, part[ID])
        frame.to_parquet(
            args.out / f"{name}.parquet", compression="zstd", compression_level=1, index=False
        )


main()
