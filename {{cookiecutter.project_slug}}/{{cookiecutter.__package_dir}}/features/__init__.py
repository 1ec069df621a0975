"""Derived features: `FEATURES` maps each name to its one definition for tables and single rows."""

from . import feature_funcs as feature_funcs
from .helpers import FEATURES as FEATURES
from .helpers import Feature as Feature
