"""A registered model of MLflow: its versions, aliases and tags."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ai_patterns.clients.mlflow_connection import CONN_ID, quiet_mlflow, reaching
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError

if TYPE_CHECKING:
    from mlflow import MlflowClient

_ABSENT = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


class RegisteredModel:
    """The versions, aliases and tags of one model.

    Args:
        tracking_uri: an MLflow server, or `sqlite:///path`.
        model_name: the registered model.
    """

    def __init__(self, tracking_uri: str, model_name: str) -> None:
        self.tracking_uri, self.model_name = tracking_uri, model_name

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
    """What `RegisteredModel.facts` tells, from the version's tags."""
    lake = {name.removeprefix("lake."): int(text) for name, text in tags.items() if name.startswith("lake.")}
    return {
        "version": version,
        "run_id": run_id,
        "days": tags.get("days"),
        "evaluation_days": tags.get("evaluation_days"),
        "lake_versions": lake,
    }
