"""The model registry: MLflow, with what serving needs beside each model in a form that is safe to load."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ai_patterns.clients.mlflow_connection import CONN_ID, quiet_mlflow, reaching
from ai_patterns.clients.mlflow_package import SERVING, TrainedModel, write_package
from ai_patterns.clients.onnx import OnnxModel
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
CHALLENGER = "challenger"
ROLLOUT = "ai_patterns.rollout"
"""Tag of a registered model with the rollout that servers follow; empty where none runs."""
_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


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


class Registry:
    """The versions and aliases of one system's model.

    Args:
        tracking_uri: an MLflow server, or `sqlite:///path`, whose artifacts then lie in `artifacts` beside it.
        system: the system's name, which is also the model's and the experiment's.
    """

    def __init__(self, tracking_uri: str, system: str) -> None:
        self.tracking_uri, self.model_name = tracking_uri, system

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

    def alias(self, name: str) -> int | None:
        """Version that an alias points to, None where there is none.

        Raises:
            ServiceRejectedError: it points to a version that is no longer there.
            ServiceUnavailableError: the registry cannot be reached.
        """
        from mlflow.exceptions import MlflowException

        with reaching(self.tracking_uri):
            try:
                return int(self._client.get_model_version_by_alias(self.model_name, name).version)
            except MlflowException as error:
                if error.error_code not in _ABSENT:
                    raise
            self._require_no_alias(name)
            return None

    def require_version(self, version: int) -> None:
        """See that the registry has a version.

        Raises:
            ServiceRejectedError: it has none such.
        """
        if not self.has_version(version):
            have = ", ".join(map(str, self.versions())) or "none"
            problem = f"the registry {self.tracking_uri} has no version {version} of the model {self.model_name!r}"
            raise ServiceRejectedError(f"{problem}; its versions are: {have}.", conn_id=CONN_ID)

    def has_version(self, version: int) -> bool:
        """Whether the registry has a version."""
        from mlflow.exceptions import MlflowException

        with self._about(f"version {version}"):
            try:
                self._client.get_model_version(self.model_name, str(version))
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return False
                raise
            return True

    def require_alias(self, name: str) -> int:
        """Version that an alias points to.

        Raises:
            ServiceUnavailableError: there is no such alias yet, or the registry cannot be reached.
        """
        version = self.alias(name)
        if version is None:
            problem = f"the registry {self.tracking_uri} has no {name} of the model {self.model_name!r}"
            raise ServiceUnavailableError(f"{problem}; train and promote one first", conn_id=CONN_ID)
        return version

    def set_alias(self, name: str, version: int | None) -> None:
        """Point an alias to a version; None removes it."""
        with self._about(f"version {version}"):
            if version is None:
                self._client.delete_registered_model_alias(self.model_name, name)
            else:
                self._client.set_registered_model_alias(self.model_name, name, str(version))

    def tag(self, name: str) -> str | None:
        """A tag of the registered model, None where it has none such.

        Raises:
            ServiceUnavailableError: the registry cannot be reached.
        """
        from mlflow.exceptions import MlflowException

        with self._about(f"the tag {name}"):
            try:
                tags: Mapping[str, str] = self._client.get_registered_model(self.model_name).tags
            except MlflowException as error:
                if error.error_code in _ABSENT:
                    return None
                raise
            return tags.get(name) or None

    def set_tag(self, name: str, text: str) -> None:
        """Write a tag of the registered model; one write, seen whole or not at all."""
        with self._about(f"the tag {name}"):
            self._client.set_registered_model_tag(self.model_name, name, text)

    def versions(self) -> list[int]:
        """All registered versions, ascending."""
        with reaching(self.tracking_uri):
            found = self._client.search_model_versions(f"name = '{self.model_name}'")
        return sorted(int(item.version) for item in found)

    def facts(self, version: int) -> dict[str, Any]:
        """What was recorded of a version's training: `version`, `run_id`, `days`, `evaluation_days`, `lake_versions`.

        Raises:
            ServiceUnavailableError: the registry cannot be reached or has no such version.
        """
        with self._about(f"version {version}"):
            found = self._client.get_model_version(self.model_name, str(version))
        return training_facts(version, found.run_id, dict(found.tags))

    @cached_property
    def _client(self) -> MlflowClient:
        mlflow = quiet_mlflow()
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        client: MlflowClient = mlflow.MlflowClient(self.tracking_uri, registry_uri=self.tracking_uri)
        return client

    @property
    def _file(self) -> Path | None:
        """The database file of a SQLite registry."""
        scheme, _, path = self.tracking_uri.partition(":///")
        return Path(path).absolute() if scheme == "sqlite" else None

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

    def _require_no_alias(self, name: str) -> None:
        """MLflow says of an alias that points to nothing that there is none such version: tell the two apart."""
        from mlflow.exceptions import MlflowException

        try:
            aliases = self._client.get_registered_model(self.model_name).aliases
        except MlflowException as error:
            if error.error_code in _ABSENT:
                return
            raise
        if name in aliases:
            raise ServiceRejectedError(
                f"the alias {name} of the model {self.model_name!r} in {self.tracking_uri} points to version "
                f"{aliases[name]}, which is not there; run the DAG {self.model_name}__model_promotion, to promote a "
                "version or to roll back to an earlier one",
                conn_id=CONN_ID,
            )

    @contextmanager
    def _about(self, what: str) -> Iterator[None]:
        with reaching(f"{self.tracking_uri}, {what} of the model {self.model_name!r}"):
            yield


def training_facts(version: int, run_id: str | None, tags: Mapping[str, str]) -> dict[str, Any]:
    """What `Registry.facts` tells, from the version's tags."""
    lake = {name.removeprefix("lake."): int(text) for name, text in tags.items() if name.startswith("lake.")}
    return {
        "version": version,
        "run_id": run_id,
        "days": tags.get("days"),
        "evaluation_days": tags.get("evaluation_days"),
        "lake_versions": lake,
    }
