"""A registry that keeps in mind which versions were read and written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai_patterns.clients.mlflow import LoadedModel, Registry
from ai_patterns.clients.recorded_lake import Touched, Version

if TYPE_CHECKING:
    from ai_patterns.clients.mlflow_package import TrainedModel


class RecordedRegistry(Registry):
    """A registry that keeps in mind which versions of the model were touched.

    Args:
        tracking_uri: as of `Registry`.
        system: as of `Registry`.
    """

    def __init__(self, tracking_uri: str, system: str) -> None:
        super().__init__(tracking_uri, system)
        self.touched = Touched()

    def log_model(self, trained: TrainedModel) -> tuple[int, str]:
        """As of `Registry`."""
        version, run_id = super().log_model(trained)
        self.touched.written[f"{self.model_name}/{version}"] = Version(version)
        return version, run_id

    def load_onnx(self, version: int) -> LoadedModel:
        """As of `Registry`."""
        loaded = super().load_onnx(version)
        self.touched.opened[f"{self.model_name}/{version}"] = Version(version)
        return loaded
