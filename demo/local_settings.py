"""Airflow's local settings for a short life on one small machine.

What most tasks import is imported once, before they are forked; and whoever finds SQLite's one writer at work waits.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

# Tasks are forked from the scheduler's workers, or from Celery's: they share these pages.
FORKING = "celery" if os.environ.get("AIRFLOW__CORE__EXECUTOR") == "CeleryExecutor" else "scheduler"
MODULES = (
    "pandas",
    "duckdb",
    "deltalake",
    "feast",
    "feast.infra.online_stores.sqlite",
    "feast.infra.passthrough_provider",
    "mlflow",
    "mlflow.sklearn",
    "onnxruntime",
    "skl2onnx",
    "sklearn.ensemble",
    "great_expectations",
)

# A scheduler that is told "database is locked" ends for good, and `airflow standalone` starts no part anew: who finds
# SQLite's one writer at work waits. Not so the API server: while it writes an entry of the audit log it waits in its
# event loop for requests that only the loop can finish, so that the lock lasts for as long as it is patient.
PATIENCE = 5 if sys.argv[1:2] == ["api-server"] else 120
CONNECT_ARGUMENTS = {} if "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" in os.environ else {"timeout": PATIENCE}

if sys.argv[1:2] == [FORKING]:
    for name in MODULES:
        import_module(name)
