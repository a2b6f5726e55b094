"""Airflow's local settings for a short life: what most tasks import is imported once, before they are forked."""

from __future__ import annotations

import sys
from importlib import import_module

# The local executor forks its workers from the scheduler, and each task from a worker: they share these pages.
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

if sys.argv[1:2] == ["scheduler"]:
    for name in MODULES:
        import_module(name)
