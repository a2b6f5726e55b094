"""ONNX: the only form in which a model is served; nothing is unpickled."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ai_patterns.errors import MissingDependencyError, SpecError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Predict = Callable[[NDArray[np.float32]], NDArray[np.float64]]

INPUT = "features"
_ROWS_TO_BLAME, _VALUES_TO_TRY = 500, 8

OPSET = {"": 18, "ai.onnx.ml": 3}
"""Operator sets that every onnxruntime since 1.14 runs."""


def to_onnx(estimator: Any, columns: int) -> bytes:
    """Convert a fitted scikit-learn estimator; its input is `n_rows x columns`, float32.

    Raises:
        MissingDependencyError: skl2onnx is not installed.
        SpecError: the estimator has no ONNX form.
    """
    try:
        from skl2onnx import convert_sklearn
        from skl2onnx.common.data_types import FloatTensorType
        from skl2onnx.common.exceptions import MissingShapeCalculator
    except ImportError:
        raise MissingDependencyError("skl2onnx", "models") from None
    snapped = copy.deepcopy(estimator)
    snap_thresholds(snapped)
    # Without ZipMap the probabilities are one matrix instead of a list of dictionaries.
    options = {id(snapped): {"zipmap": False}} if hasattr(snapped, "predict_proba") else None
    inputs = [(INPUT, FloatTensorType([None, columns]))]
    try:
        # The name is stated because the default is random, and the same rows shall give the same bytes.
        model = convert_sklearn(snapped, "model", inputs, options=options, target_opset=OPSET)
    except MissingShapeCalculator:
        name = type(estimator).__name__
        raise SpecError(
            f"{name} cannot be converted to ONNX, so it cannot be served", field="model.estimator"
        ) from None
    return bytes(model.SerializeToString())


def snap_thresholds(part: Any) -> None:
    """Round the thresholds of histogram gradient boosting, wherever it is within an estimator, down to float32.

    A float32 value lies below a threshold exactly if it lies below the threshold rounded down, so nothing that the
    estimator answers changes. The converter rounds to the nearest instead, which moves a threshold between two
    neighbouring values onto the upper one and sends its rows the other way.
    """
    if hasattr(part, "_predictors"):
        for tree in (tree for round_ in part._predictors for tree in round_):
            exact = tree.nodes["num_threshold"]
            near = exact.astype(np.float32)
            below = np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near)
            tree.nodes["num_threshold"] = below.astype(np.float64)
    elif isinstance(part, list | tuple):
        for item in part:
            snap_thresholds(item)
    elif isinstance(part, dict):
        snap_thresholds(list(part.values()))
    elif type(part).__module__.startswith("sklearn."):
        snap_thresholds(list(getattr(part, "__dict__", {}).values()))


def require_equal(
    predict: Predict, converted: OnnxModel, matrix: NDArray[np.float32], columns: Sequence[str], bound: float
) -> float:
    """Largest difference between an estimator and its ONNX form.

    Args:
        predict: the estimator's prediction of a matrix.
        converted: its ONNX form.
        matrix: rows that both predict, n_rows x n_features.
        columns: names of the matrix' columns.
        bound: largest difference that is allowed.

    Raises:
        SpecError: it is larger; names the column whose values the converter treats in another way.
    """
    worst = largest_difference(predict(matrix), converted.predict(matrix))
    if worst <= bound:
        return worst

    apart = np.abs(predict(matrix) - converted.predict(matrix))
    rows = matrix[np.argsort(-apart)[:_ROWS_TO_BLAME]]
    left = [_without(predict, converted, rows, column) for column in range(len(columns))]
    guilty = int(np.argmin(left))
    raise SpecError(
        f"the ONNX form of the estimator differs from it by {worst:.2g} (allowed {bound:.2g}), through the column "
        f"{columns[guilty]!r}: were it constant, the mean difference would be {left[guilty]:.2g}. Have the estimator "
        "take that column as a plain number, as a target-ordered code is one, or choose another estimator",
        field="model.estimator",
    )


def _without(predict: Predict, converted: OnnxModel, rows: NDArray[np.float32], column: int) -> float:
    """The least mean difference that is left where a column holds one of its own values in every row."""
    found = []
    for value in np.unique(rows[:, column])[:_VALUES_TO_TRY]:
        changed = rows.copy()
        changed[:, column] = value
        found.append(float(np.abs(predict(changed) - converted.predict(changed)).mean()))
    return min(found)


class OnnxModel:
    """An ONNX model in onnxruntime, on one thread, so that a server's workers do not fight for cores.

    Args:
        content: the model's bytes.
    """

    def __init__(self, content: bytes) -> None:
        self._session = _session(content)
        self._input = self._session.get_inputs()[0]
        # Classifiers answer (labels, probabilities), regressors (values).
        self._output = self._session.get_outputs()[-1].name

    @classmethod
    def load(cls, path: Path) -> OnnxModel:
        """Read a model from a file."""
        return cls(path.read_bytes())

    @property
    def columns(self) -> int:
        """Number of columns of the input."""
        return int(self._input.shape[1])

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """P(positive) for a classifier, the value for a regressor; a row's is the same in any batch, to the bit.

        Args:
            matrix: n_rows x n_features; converted to float32 where it is not.

        Returns:
            n_rows, float64.
        """
        if not len(matrix):
            return np.empty(0, dtype=np.float64)
        # One row alone would go through other kernels, whose sums round otherwise than those of a batch.
        rows = np.ascontiguousarray(matrix if len(matrix) > 1 else np.repeat(matrix, 2, axis=0), dtype=np.float32)
        (answer,) = self._session.run([self._output], {self._input.name: rows})
        values = np.asarray(answer[: len(matrix)], dtype=np.float64)
        return values[:, 1] if values.ndim == 2 and values.shape[1] == 2 else values.reshape(-1)


def largest_difference(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Largest absolute difference between two models' predictions; 0 for no rows."""
    return float(np.abs(first - second).max(initial=0.0))


def _session(content: bytes) -> InferenceSession:
    try:
        from onnxruntime import InferenceSession, SessionOptions
    except ImportError:
        raise MissingDependencyError("onnxruntime", "serving") from None
    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return InferenceSession(content, options, providers=["CPUExecutionProvider"])
