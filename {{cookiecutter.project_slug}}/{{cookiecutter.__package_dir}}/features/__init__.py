"""Derived features: `FEATURES` maps each name to its one definition for tables and single rows."""

from collections.abc import Sequence

from . import feature_funcs as feature_funcs
from .helpers import FEATURES as FEATURES
from .helpers import Feature as Feature


def needed_columns(features: Sequence[str], derived: Sequence[str]) -> set[str]:
    """Return the raw columns that the features and the derived features are made from."""
    return {*features, *(column for name in derived for column in FEATURES[name].columns)}
