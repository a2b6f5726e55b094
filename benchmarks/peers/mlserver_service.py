"""MLServer with its MLflow runtime: `python mlserver_service.py MODEL_FOLDER PORT`."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path

folder, port = sys.argv[1:]
home = Path(tempfile.mkdtemp())
(home / "settings.json").write_text(
    json.dumps({"http_port": int(port), "grpc_port": 0, "metrics_port": 0, "host": "127.0.0.1", "parallel_workers": 0})
)
model = {"name": "model", "implementation": "mlserver_mlflow.MLflowRuntime", "parameters": {"uri": folder}}
(home / "model-settings.json").write_text(json.dumps(model))
program = str(Path(sys.executable).with_name("mlserver"))
os.execv(program, [program, "start", str(home)])  # noqa: S606
