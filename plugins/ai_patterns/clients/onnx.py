"""ONNX: the only form in which a model is served; nothing is unpickled."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ai_patterns.errors import MissingDependencyError, SpecError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

INPUT = "features"
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
    # Without ZipMap the probabilities are one matrix instead of a list of dictionaries.
    options = {id(estimator): {"zipmap": False}} if hasattr(estimator, "predict_proba") else None
    inputs = [(INPUT, FloatTensorType([None, columns]))]
    try:
        # The name is stated because the default is random, and the same rows shall give the same bytes.
        model = convert_sklearn(estimator, "model", inputs, options=options, target_opset=OPSET)
    except MissingShapeCalculator:
        name = type(estimator).__name__
        raise SpecError(
            f"{name} cannot be converted to ONNX, so it cannot be served", field="model.estimator"
        ) from None
    return bytes(model.SerializeToString())


class OnnxModel:
    """An ONNX model in onnxruntime, on one thread, so that a server's workers do not fight for cores.

    Args:
        content: the model's bytes.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
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
        """P(positive) for a classifier, the value for a regressor.

        Args:
            matrix: n_rows x n_features; converted to float32 where it is not.

        Returns:
            n_rows, float64.
        """
        if not len(matrix):
            return np.empty(0, dtype=np.float64)
        rows = np.ascontiguousarray(matrix, dtype=np.float32)
        (answer,) = self._session.run([self._output], {self._input.name: rows})
        values = np.asarray(answer, dtype=np.float64)
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
