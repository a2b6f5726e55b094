"""The models in memory: follows the registry, warms a new version up, then swaps; the old one answers what it began."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from weakref import WeakValueDictionary

import numpy as np

from ai_patterns.clients.feast_repository import column_types
from ai_patterns.clients.mlflow_connection import CONN_ID
from ai_patterns.clients.registry_reader import RegistryReader
from ai_patterns.core.vector_builder import VectorBuilder
from ai_patterns.errors import AIPatternsError, ServiceRejectedError, ServiceUnavailableError
from ai_patterns.services.inference.follower import Follower
from ai_patterns.services.inference.requests import RequestError
from ai_patterns.services.inference.served import Served, ServedModel
from ai_patterns.spec.system import SystemSpec

_WARM_UP_ROWS = (1, 1, 8)

log = logging.getLogger(__name__)


class ChampionFollower(Follower):
    """Holds what answers; a request keeps the model that it began with.

    Args:
        registry: where the aliases live.
        system: the system's spec; a model trained on other columns is refused.
        poll_seconds: how often the aliases are read.
        names: aliases, and versions as numbers. The first must be there; the others may come and go.
    """

    def __init__(
        self, registry: RegistryReader, system: SystemSpec, poll_seconds: float, names: Sequence[str] = ("champion",)
    ) -> None:
        super().__init__("champion", poll_seconds)
        self._registry, self._system, self._names = registry, system, tuple(names)
        self._kinds = column_types(system)
        self._served: Served | None = None
        self._held: WeakValueDictionary[int, ServedModel] = WeakValueDictionary()

    def served(self) -> Served:
        """What answers now.

        Raises:
            ServiceUnavailableError: nothing was loaded yet.
        """
        if self._served is None:
            raise ServiceUnavailableError(self._problem or "no champion is loaded yet", conn_id=CONN_ID)
        return self._served

    def current(self) -> ServedModel:
        """The model that a request without a version means.

        Raises:
            ServiceUnavailableError: none was loaded yet.
        """
        return self.served().default

    def find(self, version: str | None = None, label: str | None = None) -> ServedModel:
        """The model of a version or of a label, which is an alias.

        Raises:
            RequestError: 404, it is not served.
            ServiceUnavailableError: nothing was loaded yet.
        """
        served = self.served()
        if label is not None:
            found = served.names.get(label)
        else:
            found = served.default if version is None else served.versions.get(_number(version))
        if found is None:
            wanted = f"label {label!r}" if label is not None else f"version {version}"
            have = ", ".join(f"{name} (version {model.version})" for name, model in served.names.items())
            raise RequestError(f"{wanted} of {self._system.name!r} is not served; served are: {have}", status=404)
        return found

    def refresh(self) -> int:
        """Load what the names mean now, unless it answers already; return the default's version.

        Raises:
            ServiceUnavailableError: the registry is away or has no champion.
            ServiceRejectedError: the champion is damaged or does not fit the system's spec.
        """
        with self._refreshing:
            problems: list[str] = []
            names: dict[str, ServedModel] = {}
            loaded = {} if self._served is None else self._served.versions
            for name in self._names:
                try:
                    version = int(name) if name.isdecimal() else self._registry.require_alias(name)
                    names[name] = loaded[version] = loaded.get(version) or self.load(version)
                except AIPatternsError as error:
                    self._problem = str(error)
                    if name == self._names[0]:
                        raise
                    problems.append(str(error))
                    if isinstance(error, ServiceRejectedError) and self._served and name in self._served.names:
                        names[name] = self._served.names[name]
            if self._served is None or self._served.names != names:
                self._served = Served(names, names[self._names[0]])  # one assignment: a reader sees the old or the new
                log.info("from now on answer: %s", {name: model.version for name, model in names.items()})
            self._problem = "; ".join(problems) or None
            return self._served.default.version

    def load(self, version: int) -> ServedModel:
        """A version, warmed up; the one in memory where it answers already.

        Raises:
            ServiceUnavailableError: the registry is away or has no such version.
            ServiceRejectedError: the version is damaged or does not fit the system's spec.
        """
        held = self._held.get(version)
        if held is None:
            self._held[version] = held = self._load(version)
        return held

    def _load(self, version: int) -> ServedModel:
        loaded = self._registry.load(version)
        if loaded.columns != self._system.model.columns:
            raise ServiceRejectedError(
                f"version {version} was trained on other columns than the spec names; train and promote again",
                conn_id=CONN_ID,
            )
        for rows in _WARM_UP_ROWS:
            loaded.predict(np.full((rows, len(loaded.columns)), np.nan, np.float32))
        return ServedModel(loaded, VectorBuilder(self._system, loaded.encodings, self._kinds))


def _number(text: str) -> int:
    """A version, 0 (there is none such) where the text is no number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else 0
