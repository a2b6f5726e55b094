"""Airflow's local settings for a short life: what most tasks import is imported once, before they are forked."""

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

if sys.argv[1:2] == [FORKING]:
    for name in MODULES:
        import_module(name)
