"""The features of feature_funcs.py by name. Only `preprocess` reads them: a version has its own."""

from collections.abc import Mapping, Sequence

from .operations import Traced, ValueKind
from .registry import FEATURES as FEATURES
from .registry import Feature as Feature

try:
    from . import feature_funcs as feature_funcs
except Exception as error:
    from .mistakes import import_mistake

    FEATURES.clear()  # so that it can be imported again, once it is mended
    raise import_mistake(error) from None


def trace_features(derived: Sequence[str], kinds: Mapping[str, ValueKind]) -> dict[str, Traced]:
    """Trace derived features as they stand in feature_funcs.py now.

    Args:
        derived: Their names.
        kinds: What the values of each column are.
    """
    return {name: FEATURES[name].trace(kinds) for name in derived}
