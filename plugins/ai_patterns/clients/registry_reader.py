"""What a server, a page or `explain` asks the model registry, without importing MLflow where its database is a file.

MLflow takes three seconds and 150 MB to import; they ask it for a few rows and three files.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

from ai_patterns.clients.mlflow import LoadedModel, Registry
from ai_patterns.clients.mlflow_connection import CONN_ID
from ai_patterns.clients.mlflow_package import SERVING
from ai_patterns.clients.mlflow_registered_model import training_facts
from ai_patterns.clients.onnx import OnnxModel
from ai_patterns.errors import AIPatternsError, ServiceRejectedError, ServiceUnavailableError

_ALIAS = "SELECT version FROM registered_model_aliases WHERE name = ? AND alias = ?"
_TAG = "SELECT value FROM registered_model_tags WHERE name = ? AND key = ?"
_PLACE = "SELECT storage_location, source FROM model_versions WHERE name = ? AND version = ?"
_VERSIONS = "SELECT version FROM model_versions WHERE name = ? AND current_stage <> 'Deleted_Internal' ORDER BY version"
_VERSION = "SELECT run_id FROM model_versions WHERE name = ? AND version = ? AND current_stage <> 'Deleted_Internal'"
_TAGS = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
_RUN = "SELECT artifact_uri FROM runs WHERE run_uuid = ?"


class RegistryReader:
    """Aliases and models of one system.

    Args:
        tracking_uri: an MLflow server, or `sqlite:///path`.
        model_name: the registered model, which is also the system's name.
    """

    def __init__(self, tracking_uri: str, model_name: str) -> None:
        self.tracking_uri, self.model_name = tracking_uri, model_name
        self._registry = Registry(tracking_uri, model_name)
        scheme, _, path = tracking_uri.partition(":///")
        self._file = Path(path).absolute() if scheme == "sqlite" else None

    def require_alias(self, name: str) -> int:
        """Version that an alias points to.

        Raises:
            ServiceUnavailableError: there is no such alias yet, or the registry cannot be reached.
        """
        if self._file is None:
            return self._registry.require_alias(name)
        with self._reading(self._file) as database:
            found = database.execute(_ALIAS, (self.model_name, name)).fetchone()
        if found is None:
            problem = f"the registry {self.tracking_uri} has no {name} of the model {self.model_name!r}"
            raise ServiceUnavailableError(f"{problem}; train and promote one first", conn_id=CONN_ID)
        return int(found[0])

    def tag(self, name: str) -> str | None:
        """A tag of the model, None where it has none such, or an empty one.

        Raises:
            ServiceUnavailableError: the registry cannot be reached.
        """
        if self._file is None:
            return self._registry.tag(name)
        with self._reading(self._file) as database:
            found = database.execute(_TAG, (self.model_name, name)).fetchone()
        return (found[0] or None) if found else None

    def versions(self) -> list[int]:
        """All registered versions, ascending; none where nothing was registered yet.

        Raises:
            ServiceUnavailableError: the registry cannot be reached.
        """
        if self._file is None:
            return self._registry.versions()
        if not self._file.exists():
            return []
        with self._reading(self._file) as database:
            return [row[0] for row in database.execute(_VERSIONS, (self.model_name,))]

    def facts(self, version: int) -> dict[str, Any]:
        """What was recorded of a version's training, as `Registry.facts` tells it.

        Raises:
            ServiceUnavailableError: the registry cannot be reached or has no such version.
        """
        if self._file is None:
            return self._registry.facts(version)
        with self._reading(self._file) as database:
            found = database.execute(_VERSION, (self.model_name, version)).fetchone()
            tags = dict(database.execute(_TAGS, (self.model_name, version)).fetchall())
        if found is None:
            raise self._absent(version)
        return training_facts(version, found[0], tags)

    def load(self, version: int) -> LoadedModel:
        """Load a version for prediction; nothing is unpickled.

        Raises:
            ServiceUnavailableError: the registry cannot be reached or has no such version.
            ServiceRejectedError: its files are damaged.
        """
        folder = None if self._file is None else self._folder(self._file, version)
        try:
            return self._registry.load_onnx(version) if folder is None else read_model(folder, version)
        except AIPatternsError:
            raise
        except OSError as error:
            raise ServiceUnavailableError(
                f"version {version} of the model {self.model_name!r} cannot be read: {error}", conn_id=CONN_ID
            ) from error
        except Exception as error:  # onnxruntime and json each have errors of their own
            raise ServiceRejectedError(
                f"the files of version {version} of the model {self.model_name!r} are damaged ({error}); "
                "train it again, or promote another",
                conn_id=CONN_ID,
            ) from error

    def _folder(self, file: Path, version: int) -> Path | None:
        """Where its files lie, None where MLflow must fetch them."""
        with self._reading(file) as database:
            found = database.execute(_PLACE, (self.model_name, version)).fetchone()
            if found is None:
                raise self._absent(version)
            place = found[0] or found[1]
            if place.startswith("runs:/"):
                run, _, path = place.removeprefix("runs:/").partition("/")
                place = f"{database.execute(_RUN, (run,)).fetchone()[0]}/{path}"
        url = urlparse(place)
        return Path(unquote(url.path)) / SERVING if url.scheme in {"", "file"} else None

    def _absent(self, version: int) -> ServiceUnavailableError:
        problem = f"the registry {self.tracking_uri} has no version {version} of the model {self.model_name!r}"
        return ServiceUnavailableError(problem, conn_id=CONN_ID)

    @contextmanager
    def _reading(self, file: Path) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as database:
                yield database
        except sqlite3.Error as error:
            problem = f"the model registry failed ({self.tracking_uri}): {error}."
            raise ServiceUnavailableError(problem, conn_id=CONN_ID) from error


def read_model(folder: Path, version: int) -> LoadedModel:
    """The model whose `serving` folder this is."""
    card = json.loads((folder / "card.json").read_text("utf-8"))
    encodings = json.loads((folder / "encodings.json").read_text("utf-8"))
    return LoadedModel(version, OnnxModel.load(folder / "model.onnx"), tuple(card["columns"]), encodings, card)
