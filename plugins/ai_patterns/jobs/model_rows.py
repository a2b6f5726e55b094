"""A registered model on rows of the lake."""

from __future__ import annotations

import pyarrow as pa

from ai_patterns.clients.mlflow import LoadedModel
from ai_patterns.core.fitting import matrix_of
from ai_patterns.core.metrics import Vector
from ai_patterns.spec.system import SystemSpec


def predict_rows(system: SystemSpec, model: LoadedModel, rows: pa.Table) -> Vector:
    """Predictions of a registered model for rows that hold its columns, such as those of the training set."""
    return model.predict(matrix_of(system, model.columns, model.encodings, rows))
