"""Models as ONNX: from `INPUT` (n, k) to `OUTPUT` (n, c) or (n, 1), both float32."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .predictor import INPUT, OUTPUT

Doubles = NDArray[np.float64]
OPSET = 15
IR_VERSION = 8
PRODUCER = (__package__ or "").partition(".")[0]


def constant(value: Doubles, inputs: int) -> bytes:
    """Return a model that gives the same c numbers for each row.

    Args:
        value: (c,) numbers.
        inputs: k, which the model ignores.
    """
    from onnx import helper

    nodes = [
        helper.make_node("Shape", [INPUT], ["rows"], start=0, end=1),
        helper.make_node("Concat", ["rows", "one"], ["shape"], axis=0),
        helper.make_node("Expand", ["bias", "shape"], [OUTPUT]),
    ]
    tensors: dict[str, NDArray[Any]] = {"bias": value.astype(np.float32)}
    tensors["one"] = np.array([1], dtype=np.int64)
    return _model("constant", nodes, tensors, inputs, len(value))


def affine(weights: Doubles, bias: Doubles, softmax: bool) -> bytes:
    """Return x @ weights + bias as one Gemm, and a Softmax where asked for.

    Args:
        weights: (k, c).
        bias: (c,).
        softmax: Turn the c scores into probabilities.
    """
    from onnx import helper

    last = "scores" if softmax else OUTPUT
    nodes = [helper.make_node("Gemm", [INPUT, "weights", "bias"], [last])]
    if softmax:
        nodes.append(helper.make_node("Softmax", [last], [OUTPUT], axis=1))
    tensors = {"weights": weights.astype(np.float32), "bias": bias.astype(np.float32)}
    return _model("affine", nodes, tensors, *weights.shape)


def from_lightgbm(booster: Any, columns: int, scale: tuple[float, float] | None) -> bytes:
    """Return a LightGBM model as one TreeEnsemble node.

    Args:
        booster: LightGBM's object, of a model that `exact_in_float32` gave.
        columns: c: numbers in a prediction.
        scale: Regression: predict scale[0] + scale[1] * (sum of the trees).
    """
    from onnx import helper, numpy_helper
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    inputs = booster.num_feature()
    types = [(INPUT, FloatTensorType([None, inputs]))]
    model = convert_lightgbm(booster, initial_types=types, target_opset=OPSET, zipmap=False)
    graph = model.graph
    last = graph.output[-1].name
    if scale is None:
        graph.node.append(helper.make_node("Identity", [last], [OUTPUT]))
    else:
        for name, value in zip(("center", "spread"), scale, strict=True):
            tensor = numpy_helper.from_array(np.array([value], dtype=np.float32), name)
            graph.initializer.append(tensor)
        graph.node.append(helper.make_node("Mul", [last, "spread"], ["scaled"]))
        graph.node.append(helper.make_node("Add", ["scaled", "center"], [OUTPUT]))
    return _with_output(model, columns)


def from_sklearn(model: Any) -> bytes:
    """Return a fitted model of scikit-learn, if skl2onnx knows its kind.

    Args:
        model: A classifier with `predict_proba`, or a regressor of one number.

    Raises:
        UserError: skl2onnx does not know it.
    """
    from onnx import helper
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType
    from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

    from ..errors import UserError

    types = [(INPUT, FloatTensorType([None, model.n_features_in_]))]
    classifier = hasattr(model, "predict_proba")
    options = {id(model): {"zipmap": False}} if classifier else None
    try:
        exported = to_onnx(model, initial_types=types, target_opset=OPSET, options=options)
    except (MissingConverter, MissingShapeCalculator):
        kind = type(model).__name__
        raise UserError(f"skl2onnx cannot export a {kind}; write its to_onnx by hand") from None
    last = exported.graph.output[-1].name
    exported.graph.node.append(helper.make_node("Identity", [last], [OUTPUT]))
    return _with_output(exported, len(model.classes_) if classifier else 1)


def with_metadata(model: bytes, values: Mapping[str, str]) -> bytes:
    """Return an ONNX model that says of itself what it is.

    Args:
        model: An ONNX model.
        values: Texts by name, such as its version.
    """
    from onnx import helper, load_from_string

    loaded = load_from_string(model)
    loaded.producer_name = PRODUCER
    helper.set_model_props(loaded, dict(values))
    return bytes(loaded.SerializeToString())


def exact_in_float32(model: str) -> str:
    """Rewrite a LightGBM model so that float32 arithmetic takes every branch the same way.

    Inputs are float32, thresholds are double. `x <= t` for a float32 x is the same as `x <= t'`,
    t' being the greatest float32 not above t, so thresholds are rounded down. And where training
    saw no missing value LightGBM reads NaN as 0: such splits get the same rule in words that ONNX
    knows, "missing goes to the side where 0 goes".

    Args:
        model: LightGBM's text format.

    Returns:
        The text of a model that gives the same predictions for every float32 input.
    """
    parts = re.split(r"(?=^Tree=\d+$)", model, flags=re.MULTILINE)
    # The recorded sizes of the trees are no longer right; LightGBM counts them itself without.
    return re.sub(r"^tree_sizes=.*\n", "", "".join(map(_exact_tree, parts)), flags=re.MULTILINE)


def _exact_tree(tree: str) -> str:
    kinds_line = re.search(r"^decision_type=(.*)$", tree, re.MULTILINE)
    thresholds_line = re.search(r"^threshold=(.*)$", tree, re.MULTILINE)
    if not kinds_line or not thresholds_line:
        return tree
    kinds = [int(text) for text in kinds_line[1].split()]
    thresholds = [float(text) for text in thresholds_line[1].split()]
    for i, kind in enumerate(kinds):
        categorical, missing_type = kind & 1, kind >> 2 & 3
        if not categorical:
            if missing_type == 0:
                kinds[i] = 8 | (2 if thresholds[i] >= 0 else 0)  # NaN, and its default side
            thresholds[i] = _floor32(thresholds[i])
    tree = tree.replace(kinds_line[0], "decision_type=" + " ".join(map(str, kinds)))
    return tree.replace(thresholds_line[0], "threshold=" + " ".join(map(repr, thresholds)))


def _floor32(value: float) -> float:
    with np.errstate(over="ignore"):
        rounded = np.float32(value)
    # In double: NumPy would round `value` first. LightGBM takes up to 1e-35 for 0, on both sides.
    if float(rounded) > value or rounded == np.float32(-1e-35):
        rounded = np.nextafter(rounded, np.float32(-np.inf))
    return float(rounded)


def _model(
    name: str, nodes: list[Any], tensors: dict[str, NDArray[Any]], inputs: int, columns: int
) -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, inputs])],
        [],
        [numpy_helper.from_array(value, key) for key, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    return _with_output(model, columns)


def _with_output(model: Any, columns: int) -> bytes:
    """Declare `OUTPUT` as the only output, check the model, and return its bytes."""
    from onnx import TensorProto, checker, helper

    del model.graph.output[:]
    shape = [None, columns]
    model.graph.name = "model"  # converters draw one at random
    model.graph.output.append(helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, shape))
    finished = helper.make_model(model.graph, opset_imports=model.opset_import)
    finished.ir_version = IR_VERSION
    checker.check_model(finished)
    return bytes(finished.SerializeToString())
