"""What answers: versions that were loaded and warmed up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_patterns.clients.mlflow import LoadedModel
from ai_patterns.core.vector_builder import VectorBuilder


@dataclass(frozen=True)
class ServedModel:
    """A version that was warmed up.

    Attributes:
        builder: makes its matrix.
    """

    loaded: LoadedModel
    builder: VectorBuilder

    @property
    def version(self) -> int:
        """Its version in the registry."""
        return self.loaded.version

    def predict(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        """P(positive) or the value of each row."""
        return self.loaded.predict(matrix)


@dataclass(frozen=True)
class Served:
    """All that answers at one moment; the first name is the one that a request without a version means."""

    names: Mapping[str, ServedModel]
    default: ServedModel

    @property
    def versions(self) -> dict[int, ServedModel]:
        """By version."""
        return {model.version: model for model in self.names.values()}
