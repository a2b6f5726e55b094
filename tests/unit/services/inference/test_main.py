"""A supervisor of workers holds nothing of what they need to answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from import_watch import HEAVY, ImportWatch
from inference_site import environment


def test_a_supervisor_imports_neither_server_nor_models(tmp_path: Path) -> None:
    watch = ImportWatch(tmp_path)
    program = "import ai_patterns.services.inference.__main__"
    subprocess.run([sys.executable, "-c", program], env=watch.over(environment()), check=True)
    assert watch.seen() & {*HEAVY, "fastapi", "numpy", "onnxruntime", "uvicorn", "msgspec"} == {"msgspec"}
