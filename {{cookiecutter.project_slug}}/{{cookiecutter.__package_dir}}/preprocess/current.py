"""What stands in data/processed, held against settings, schema and features as they are now."""

from ..config import Config
from ..data import ingest
from ..data.lookups import second_tables
from ..data.schema import load_schema, value_kinds
from ..errors import UserError
from ..features.known import trace_features
from . import processed
from .preprocessor import Preprocessor, input_specs
from .processed import AGAIN, Summary
from .settings_check import check_settings
from .split import split_rule

FITTED = {"levels", "median", "mean", "std"}


def load(config: Config) -> tuple[Preprocessor, Summary]:
    """Return what stands in data/processed, if `preprocess` would write the same now.

    Raises:
        UserError: Nothing is there, it is mixed from two runs, or data, schema, split or features
            have changed since; the message names what.
    """
    folder = config.paths.processed
    preprocessor, summary = processed.load(folder)
    schema = load_schema(config.paths.schema_)
    check_settings(config.task, config.split, config.features.derived, schema)
    traced = trace_features(config.features.derived, value_kinds(schema.columns))
    now = {item.name: item for item in input_specs(schema, traced)}
    then = {item.name: item for item in preprocessor.inputs}
    second = second_tables(config.features.lookups, schema)
    data = ingest.known(config.paths.raw, config.data.file_name)
    changed = {
        f"{config.paths.schema_}": summary.schema_hash != schema.hash,
        "task": preprocessor.task != config.task,
        f"{config.data.file_name}": data is not None and data.sha256 != summary.data_sha256,
        "split": split_rule(config.split, schema, summary.split.columns) != summary.split,
        "features.max_categories": summary.max_categories != config.features.max_categories,
        "the features": list(now) != list(then),
        "the second tables": preprocessor.lookups != second.lookups,
    } | {
        f"feature {name!r}": name in then
        and item.model_dump(exclude=FITTED) != then[name].model_dump(exclude=FITTED)
        for name, item in now.items()
    }
    if names := [name for name, is_changed in changed.items() if is_changed]:
        raise UserError(f"{folder} is stale: {', '.join(names)} changed since; {AGAIN}")
    return preprocessor, summary
