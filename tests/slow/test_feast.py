"""Feast in the place of the project's own store, as docs/feature_store.md shows it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.baking import Baker

pytestmark = pytest.mark.release
WEATHER = "temp dewp humid wind_dir wind_speed wind_gust precip pressure visib".split()
PACKAGES = ["feast[duckdb]", "fsspec", "msgspec", "polars", "pyarrow", "ruamel.yaml", "typer"]
ASK = """
from datetime import datetime
from pathlib import Path
from flight_delays.data.schema import load_schema
from flight_delays.preprocess import feast_store, feature_store
schema = load_schema(Path("configs/schema.yml"))
both = feature_store.store(), feast_store.store()
lookup = both[0].lookups(schema)["weather"]
for moment in ("2013-12-30T20:10", "2013-12-30T23:30"):
    asked = ("weather", lookup, ["EWR"], datetime.fromisoformat(moment))
    own, feast = (one.read(*asked) for one in both)
    assert own == feast, (moment, own, feast)
assert both[1].read("weather", lookup, ["none"], datetime(2013, 12, 30, 20)) is None
"""


def test_feast_gives_the_same_sets_and_latest_values(bake: Baker, tmp_path: Path) -> None:
    project = bake()
    python = tmp_path / "feast/bin/python"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run(
        [uv, "venv", "--quiet", "--python", sys.executable, tmp_path / "feast"], check=True
    )
    into = [str(uv), "pip", "install", "--quiet", "--python", str(python)]
    serving = str(project / "requirements-serve.txt")
    subprocess.run([*into, *PACKAGES, "--requirement", serving], check=True)

    def run(*command: object, cwd: Path = project) -> None:
        env = os.environ | {"PYTHONPATH": str(project / "src"), "FEAST_USAGE": "False"}
        subprocess.run(list(map(str, command)), cwd=cwd, env=env, check=True)

    def step(name: str) -> None:
        run(python, "-m", "flight_delays", name)

    text = (project / "docs/feature_store.md").read_text("utf-8")
    module, views = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (config,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (project / "src/flight_delays/preprocess/feast_store.py").write_text(module, "utf-8")
    (project / "feast").mkdir()
    (project / "feast/feature_store.yaml").write_text(config, "utf-8")
    (project / "feast/views.py").write_text(views, "utf-8")
    step("ingest")
    step("preprocess")
    expected = (project / "data/processed/preprocessor.json").read_bytes()

    run(python.with_name("feast"), "--chdir", "feast", "apply")
    run(
        *(python.with_name("feast"), "--chdir", "feast"),
        *("materialize", "2013-12-01T00:00:00", "2014-01-01T00:00:00"),
    )
    default = project / "configs/default.yml"
    said = default.read_text("utf-8").replace("preprocess.feature_store", "preprocess.feast_store")
    said = said.replace("external/flights.csv", "external/bare.csv")
    default.write_text(re.sub(r"\n  sha256: .*", "", said, count=1), "utf-8")
    lines = (project / "data/external/flights.csv").read_text("utf-8").splitlines()
    names = lines[0].split(",")
    kept = [i for i, name in enumerate(names) if name not in WEATHER]
    bare = [",".join(line.split(",")[i] for i in kept) for line in lines]
    (project / "data/external/bare.csv").write_text("\n".join(bare) + "\n", "utf-8")
    step("ingest")
    step("preprocess")
    assert (project / "data/processed/preprocessor.json").read_bytes() == expected
    run(python, "-c", ASK)
