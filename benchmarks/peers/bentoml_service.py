"""BentoML with onnxruntime: one worker, one thread, as our own server has it."""

from __future__ import annotations

import os

import bentoml
import numpy as np
import onnxruntime


@bentoml.service(workers=1, traffic={"timeout": 60})
class Model:
    """Scores rows of the matrix."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["MODEL_ONNX"], options)
        self._output = self._session.get_outputs()[-1].name

    @bentoml.api
    def predict(self, rows: list[list[float | None]]) -> list[float]:
        """The value of each row."""
        matrix = np.array(rows, np.float32)
        return self._session.run([self._output], {"features": matrix})[0].reshape(-1).tolist()
