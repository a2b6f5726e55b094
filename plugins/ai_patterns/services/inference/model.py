"""The champion in memory: follows the registry's alias, warms a new version up, then swaps."""

from __future__ import annotations

import logging
import threading

import numpy as np

from ai_patterns.clients.mlflow import CHAMPION, LoadedModel, Registry
from ai_patterns.clients.mlflow_connection import CONN_ID
from ai_patterns.errors import AIPatternsError, ServiceRejectedError, ServiceUnavailableError
from ai_patterns.spec.system import SystemSpec

log = logging.getLogger(__name__)


class ChampionFollower:
    """Holds the champion that answers; a request keeps the version that it began with.

    Args:
        registry: where the alias `champion` lives.
        system: the system's spec; a model trained on other columns is refused.
        poll_seconds: how often the alias is read.
    """

    def __init__(self, registry: Registry, system: SystemSpec, poll_seconds: float) -> None:
        self._registry, self._system, self._poll_seconds = registry, system, poll_seconds
        self._current: LoadedModel | None = None
        self._problem: str | None = None
        self._refreshing, self._stop = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name="champion-follower", daemon=True)

    @property
    def problem(self) -> str | None:
        """Why the last look at the registry failed; the old champion answers on."""
        return self._problem

    def start(self) -> None:
        """Begin to follow the alias."""
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._stop.set()
        self._thread.join(timeout=self._poll_seconds + 5)

    def current(self) -> LoadedModel:
        """The champion.

        Raises:
            ServiceUnavailableError: none was loaded yet.
        """
        model = self._current
        if model is None:
            raise ServiceUnavailableError(self._problem or "no champion is loaded yet", conn_id=CONN_ID)
        return model

    def refresh(self) -> int:
        """Load the version that the alias names, unless it answers already; return it.

        Raises:
            ServiceUnavailableError: the registry is away or has no champion.
            ServiceRejectedError: the champion does not fit the system's spec.
        """
        with self._refreshing:
            try:
                version = self._registry.require_alias(CHAMPION)
                if self._current is None or self._current.version != version:
                    self._swap(version)
            except AIPatternsError as error:
                self._problem = str(error)
                raise
            self._problem = None
            return version

    def _swap(self, version: int) -> None:
        model = self._registry.load_onnx(version)
        columns = self._system.model.columns
        if model.columns != columns:
            raise ServiceRejectedError(
                f"version {version} was trained on other columns than the spec names; train and promote again",
                conn_id=CONN_ID,
            )
        model.predict(np.full((1, len(columns)), np.nan, np.float32))
        self._current = model  # one assignment: a reader sees the old or the new one
        log.info("version %d answers from now on", version)

    def _follow(self) -> None:
        while not self._stop.is_set():
            try:
                self.refresh()
            except AIPatternsError as error:
                log.warning("the champion cannot be refreshed: %s", error)
            except Exception:
                log.exception("the champion cannot be refreshed")
            self._stop.wait(self._poll_seconds)
