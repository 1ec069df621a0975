"""What a look-up in the online store costs, row by row, and whether it is what the table has."""

import json
import math
import sys
import time
from pathlib import Path

import polars as pl
from flight_delays.data.checks import cast
from flight_delays.data.schema import load_schema
from flight_delays.preprocess.feature_store import store

schema = load_schema(Path("configs/schema.yml"))
typed, _ = cast(pl.read_csv(sys.argv[1], infer_schema=False, null_values=["NA"]), schema.columns)
online = store()
online.materialize(schema)
lookup = online.lookups(schema)["weather"]
rows = list(typed.select("origin", "scheduled_departure", *lookup.columns).iter_rows())
found, seconds = [], []
for origin, moment, *_ in rows:
    start = time.perf_counter()
    found.append(online.read("weather", lookup, [origin], moment))
    seconds.append(time.perf_counter() - start)
nothing = [None] * len(lookup.columns)
pairs = zip(found, rows, strict=True)
differ = sum((values or nothing) != list(row[2:]) for values, row in pairs)
joined = online.join("weather", lookup, typed).rows()
differ += sum(values != row[2:] for values, row in zip(joined, rows, strict=True))
ordered = sorted(seconds)
print(
    json.dumps(
        {
            "rows": len(rows),
            "differ": differ,
            "median_us": ordered[len(ordered) // 2] * 1e6,
            "p99_us": ordered[math.ceil(len(ordered) * 0.99) - 1] * 1e6,
        }
    )
)
