"""Parsing a DAG file loads none of the heavy libraries."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from dag_project import ROOT

HEAVY = ("pandas", "sklearn", "mlflow", "feast", "duckdb", "great_expectations", "pyarrow", "deltalake", "fastapi")
FILES = sorted(path.name for path in (ROOT / "dags").glob("*.py"))
SCRIPT = f"""
import json, runpy, sys
runpy.run_path(sys.argv[1])
print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""


@pytest.mark.parametrize("name", FILES)
def test_parsing_is_light(name, tmp_path):
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT / "plugins"),
        "AI_PATTERNS_SYSTEMS": str(ROOT / "include" / "systems"),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(ROOT / "dags" / name)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1]) == []
