"""What all operators of the package have in common."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowSkipException
from airflow.sdk import Asset, BaseOperator, Context

from ai_patterns.core.days import Days
from ai_patterns.errors import GateFailedError, MissingDependencyError, ServiceRejectedError, SpecError
from ai_patterns.hooks.feature_store import FeatureStoreHook
from ai_patterns.hooks.lake import LakeHook
from ai_patterns.hooks.mlflow import MLflowHook
from ai_patterns.hooks.partition import days_of, moment_of
from ai_patterns.hooks.systems import find_system
from ai_patterns.operators.measures import send_figures
from ai_patterns.operators.page_link import SystemPageLink
from ai_patterns.spec.system import SystemSpec

if TYPE_CHECKING:
    from pathlib import Path

    from airflow.providers.openlineage.extractors import OperatorLineage

    from ai_patterns.clients.recorded_lake import RecordedLake
    from ai_patterns.clients.recorded_registry import RecordedRegistry
    from ai_patterns.clients.tile_store import TileStore

FINAL = (GateFailedError, ServiceRejectedError, SpecError, MissingDependencyError)
"""Errors after which a retry would only fail again."""


@contextmanager
def never_retried() -> Iterator[None]:
    """Turn errors that a retry cannot heal into Airflow's failure without retry."""
    try:
        yield
    except FINAL as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error


class SystemOperator(BaseOperator):
    """One step of a system's loop; subclasses implement `perform`.

    Args:
        system: name of the system, or the folder that holds its `system.yaml`.
        days: a day or a range of days (`2013-04-01/2013-04-07`); by default the run's (see `hooks.partition`).
        as_of: the instant that counts as "now"; by default the end of the days.
        lake_conn_id: connection of the lake.
    """

    template_fields: Sequence[str] = ("system", "days", "as_of")
    operator_extra_links = (SystemPageLink(),)
    _worked_on: str | None = None

    def __init__(
        self,
        *,
        system: str | Path,
        days: str | None = None,
        as_of: str | None = None,
        lake_conn_id: str = LakeHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.system, self.days, self.as_of = str(system), days, as_of
        self.lake_conn_id = lake_conn_id

    def execute(self, context: Context) -> Any:
        """Do the step and send the figures of its summary; a failed gate is never retried."""
        with never_retried():
            summary = self.perform(context)
        if isinstance(summary, Mapping):
            send_figures(self.spec.name, type(self).__name__, summary)
        return summary

    @abstractmethod
    def perform(self, context: Context) -> Any:
        """Call one job and return a small summary."""

    @cached_property
    def spec(self) -> SystemSpec:
        """The system's spec."""
        return find_system(self.system)

    @cached_property
    def lake(self) -> RecordedLake:
        """The system's lake."""
        from ai_patterns.clients.recorded_lake import RecordedLake

        return RecordedLake.over(LakeHook(self.lake_conn_id).lake(self.spec.name))

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002  Airflow's form
        """The tables and models that the task touched; Airflow's provider for OpenLineage asks."""
        from ai_patterns.operators.open_lineage import lineage_of

        used = self.__dict__  # what the step did not use is not opened for this
        return lineage_of(self.spec, used.get("lake"), used.get("registry"), self._worked_on)

    def days_of(self, context: Context) -> Days:
        """The days that this run works on."""
        days = days_of(context, self.days)
        self._worked_on = str(days)
        return days

    def moment_of(self, context: Context) -> dt.datetime:
        """The instant that counts as "now" for this run."""
        days = Days.parse(self.days) if self.days else None
        return moment_of(context, self.as_of, days)

    def require_rows(self, tables: Sequence[str], days: Days | None = None) -> None:
        """Skip the task, in plain words, where none of the tables holds a row of `days`."""
        from ai_patterns.jobs.availability import count_rows

        if not any(count_rows(self.lake, table, days) for table in tables):
            when = f" for {days}" if days else ""
            raise AirflowSkipException(f"Nothing to do: the lake holds no rows of {', '.join(tables)}{when}.")

    def announce(self, context: Context, days: Days, summary: Mapping[str, Any]) -> None:
        """Emit the task's asset events for the partition of `days`; they carry the summary."""
        announce(self, context, days, summary)


def announce(task: BaseOperator, context: Context, days: Days, summary: Mapping[str, Any]) -> None:
    """Emit a task's asset events for the partition of `days`; they carry the summary."""
    for outlet in task.outlets:
        if isinstance(outlet, Asset):
            event = context["outlet_events"][outlet]
            event.extra = dict(summary)
            if hasattr(event, "add_partitions"):  # Airflow knows partitions since 3.2
                event.add_partitions(str(days))


class RegistryOperator(SystemOperator):
    """A step that needs the model registry.

    Args:
        mlflow_conn_id: connection of the registry.
        kwargs: as of `SystemOperator`.
    """

    def __init__(self, *, mlflow_conn_id: str = MLflowHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mlflow_conn_id = mlflow_conn_id

    @cached_property
    def registry(self) -> RecordedRegistry:
        """The system's model registry."""
        from ai_patterns.clients.recorded_registry import RecordedRegistry

        registry = MLflowHook(self.mlflow_conn_id).registry(self.spec.name)
        return RecordedRegistry(registry.tracking_uri, registry.model_name)


class FeatureStoreOperator(SystemOperator):
    """A step that needs the Feast repository.

    Args:
        store_conn_id: connection of the feature store.
        kwargs: as of `SystemOperator`.
    """

    def __init__(self, *, store_conn_id: str = FeatureStoreHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.store_conn_id = store_conn_id

    @cached_property
    def folder(self) -> Path:
        """Folder of the system's Feast repository."""
        return FeatureStoreHook(self.store_conn_id).folder(self.spec.name)

    @cached_property
    def tiles(self) -> TileStore:
        """The system's online tiles."""
        return FeatureStoreHook(self.store_conn_id).tile_store(self.spec)
