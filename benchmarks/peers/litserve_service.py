"""LitServe with onnxruntime: `python litserve_service.py PORT`."""

from __future__ import annotations

import os
import sys

import litserve
import numpy as np
import onnxruntime


class Model(litserve.LitAPI):
    """Scores rows of the matrix."""

    def setup(self, device: str) -> None:  # noqa: ARG002 - the name is LitServe's
        """Load the model."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["MODEL_ONNX"], options)
        self._output = self._session.get_outputs()[-1].name

    def predict(self, request: dict) -> dict:
        """The value of each row."""
        matrix = np.array(request["rows"], np.float32)
        return {"scores": self._session.run([self._output], {"features": matrix})[0].reshape(-1).tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Model(), accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False, num_api_servers=1)
