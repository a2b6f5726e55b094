"""The files of one registered model: the MLflow model, and beside it what serving loads."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_patterns.errors import MissingDependencyError
from ai_patterns.spec.model import Task

SERVING = "serving"
"""Folder within the model that holds all that a server needs, none of it executable."""


@dataclass(frozen=True)
class TrainedModel:
    """All that training leaves behind.

    Attributes:
        estimator: the fitted scikit-learn estimator.
        onnx: the same as ONNX bytes.
        task: what it predicts.
        columns: feature columns in the order of the matrix.
        encodings: column -> category -> code.
        example: a few rows of the matrix, float32.
        parameters: the run's parameters.
        metrics: the run's metrics.
        tags: the run's and the version's tags, the lake's table versions among them.
        card: what `LoadedModel.card` returns.
        reports: further JSON files of the run, by name: slices, calibration, profiles.
    """

    estimator: Any
    onnx: bytes
    task: Task
    columns: tuple[str, ...]
    encodings: Mapping[str, Mapping[str, float]]
    example: NDArray[np.float32]
    parameters: Mapping[str, object]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    card: Mapping[str, object]
    reports: Mapping[str, object] = field(default_factory=dict)


def write_package(trained: TrainedModel, folder: Path) -> None:
    """Write `model/`, `model/serving/` and `reports/` below the folder."""
    _save_estimator(trained, folder / "model")
    serving = folder / "model" / SERVING
    serving.mkdir()
    (serving / "model.onnx").write_bytes(trained.onnx)
    _write_json(serving / "encodings.json", trained.encodings)
    _write_json(serving / "card.json", {**trained.card, "task": trained.task, "columns": list(trained.columns)})
    (folder / "reports").mkdir()
    for name, report in trained.reports.items():
        _write_json(folder / "reports" / f"{name}.json", report)


def _save_estimator(trained: TrainedModel, path: Path) -> None:
    try:
        import mlflow.sklearn
        import pandas as pd
        from mlflow.models import infer_signature
        from skops.io import dumps, get_untrusted_types
    except ImportError as error:
        raise MissingDependencyError(error.name or "mlflow", "models") from None
    example = pd.DataFrame(trained.example, columns=list(trained.columns))
    method = "predict_proba" if trained.task == "classification" else "predict"
    mlflow.sklearn.save_model(
        trained.estimator,
        path,
        signature=infer_signature(example, getattr(trained.estimator, method)(trained.example)),
        input_example=example,
        pyfunc_predict_fn=method,
        # Stated, since MLflow otherwise starts the model in a subprocess to find them out.
        pip_requirements=[f"{name}=={version(name)}" for name in ("scikit-learn", "numpy", "skops")],
        # The types are trusted because this process has just built the estimator by itself.
        skops_trusted_types=get_untrusted_types(data=dumps(trained.estimator)),
    )


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(_without_nan(content), indent=1, default=str), "utf-8")


def _without_nan(value: object) -> object:
    """NaN is no JSON: null stands for it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(name): _without_nan(item) for name, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list | tuple) else value
