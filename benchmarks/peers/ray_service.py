"""Ray Serve with onnxruntime: `python ray_service.py PORT`."""

from __future__ import annotations

import os
import sys
import time

import numpy as np
import onnxruntime
import ray
from ray import serve


@serve.deployment(num_replicas=1)
class Model:
    """Scores rows of the matrix."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["MODEL_ONNX"], options)
        self._output = self._session.get_outputs()[-1].name

    async def __call__(self, request) -> dict:
        """The value of each row."""
        matrix = np.array((await request.json())["rows"], np.float32)
        return {"scores": self._session.run([self._output], {"features": matrix})[0].reshape(-1).tolist()}


if __name__ == "__main__":
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[1])})
    serve.run(Model.bind(), route_prefix="/predict")
    while True:
        time.sleep(1)
