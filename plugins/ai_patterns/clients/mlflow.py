"""The model registry: MLflow, with what serving needs beside each model in a form that is safe to load."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_patterns.clients.mlflow_connection import reaching
from ai_patterns.clients.mlflow_package import SERVING, TrainedModel, write_package
from ai_patterns.clients.mlflow_registered_model import RegisteredModel
from ai_patterns.clients.onnx import OnnxModel

CHAMPION = "champion"
CHALLENGER = "challenger"
ROLLOUT = "ai_patterns.rollout"
"""Tag of a registered model with the rollout that servers follow; empty where none runs."""


@dataclass(frozen=True)
class LoadedModel:
    """A registered model, ready to predict.

    Attributes:
        version: its version in the registry.
        model: the ONNX form.
        columns: feature columns in the order of the matrix.
        encodings: column -> category -> code.
        card: task, metrics, rows, period, lake versions and ONNX difference, as training wrote them.
    """

    version: int
    model: OnnxModel
    columns: tuple[str, ...]
    encodings: Mapping[str, Mapping[str, float]]
    card: Mapping[str, Any]

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """P(positive) or the value for each row of an `n_rows x n_features` matrix."""
        return self.model.predict(matrix)


class Registry(RegisteredModel):
    """A system's registered model, with the runs that trained it and the files that serving loads.

    Args:
        tracking_uri: an MLflow server, or `sqlite:///path`, whose artifacts then lie in `artifacts` beside it.
        system: the system's name, which is also the model's and the experiment's.
    """

    def __init__(self, tracking_uri: str, system: str) -> None:
        super().__init__(tracking_uri, system)

    def log_model(self, trained: TrainedModel) -> tuple[int, str]:
        """Log one training run and register its model; return version and run id.

        Raises:
            ServiceUnavailableError: the registry cannot be reached.
        """
        with reaching(self.tracking_uri), tempfile.TemporaryDirectory() as folder:
            write_package(trained, Path(folder))
            run_id = self._client.create_run(self._experiment_id(), tags=dict(trained.tags)).info.run_id
            self._log_run(run_id, trained, Path(folder))
            return self._register(run_id, trained.tags), run_id

    def load_onnx(self, version: int) -> LoadedModel:
        """Load a version for prediction; nothing is unpickled.

        Raises:
            ServiceUnavailableError: the registry cannot be reached or has no such version.
        """
        with self._about(f"version {version}"), tempfile.TemporaryDirectory() as folder:
            path = self._fetch(version, Path(folder))
            card = json.loads((path / "card.json").read_text("utf-8"))
            encodings = json.loads((path / "encodings.json").read_text("utf-8"))
            return LoadedModel(version, OnnxModel.load(path / "model.onnx"), tuple(card["columns"]), encodings, card)

    def _experiment_id(self) -> str:
        from mlflow.exceptions import MlflowException

        location = (self._file.parent / "artifacts" / self.model_name).as_uri() if self._file else None
        try:
            return str(self._client.create_experiment(self.model_name, artifact_location=location))
        except MlflowException as error:
            found = self._client.get_experiment_by_name(self.model_name)
            if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
                raise
            return str(found.experiment_id)

    def _log_run(self, run_id: str, trained: TrainedModel, folder: Path) -> None:
        for name, value in trained.parameters.items():
            self._client.log_param(run_id, name, value)
        for name, number in trained.metrics.items():
            self._client.log_metric(run_id, name, number)
        self._client.log_artifacts(run_id, str(folder))
        self._client.set_terminated(run_id)

    def _register(self, run_id: str, tags: Mapping[str, str]) -> int:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(self.model_name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"runs:/{run_id}/model"
        return int(self._client.create_model_version(self.model_name, source, run_id, tags=dict(tags)).version)

    def _fetch(self, version: int, folder: Path) -> Path:
        from mlflow.artifacts import download_artifacts

        source = self._client.get_model_version_download_uri(self.model_name, str(version))
        uri = f"{source}/{SERVING}"
        return Path(download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=self.tracking_uri))
