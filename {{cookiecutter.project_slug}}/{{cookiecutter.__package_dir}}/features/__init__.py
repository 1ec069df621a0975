"""Derived features: `FEATURES` maps each name to its one definition for tables and single rows."""

from collections.abc import Sequence

from .registry import FEATURES as FEATURES
from .registry import Feature as Feature

try:
    from . import feature_funcs as feature_funcs
except Exception as error:
    from .mistakes import import_mistake

    FEATURES.clear()  # so that it can be imported again, once it is mended
    raise import_mistake(error) from None


def needed_columns(features: Sequence[str], derived: Sequence[str]) -> set[str]:
    """Return the raw columns that the features and the derived features are made from."""
    return {*features, *(column for name in derived for column in FEATURES[name].columns)}
