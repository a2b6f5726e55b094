"""A materialization engine for Feast: incremental, bounded in memory, and exact about what it materialized.

It writes the newest row of each entity in the window as a stream. Beside the window it takes rows that arrived late:
those of files that no earlier run has read, with event times that earlier windows covered. Feast's own engine never
sees these again. The online store keeps what is newer, so a late row never takes a value back.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from feast import FeatureView
from feast.infra.common.materialization_job import MaterializationJobStatus, MaterializationTask
from feast.infra.compute_engines.local.compute import LocalComputeEngine
from feast.infra.compute_engines.local.job import LocalMaterializationJob
from feast.infra.registry.base_registry import BaseRegistry
from feast.repo_config import FeastConfigBaseModel
from feast.utils import _get_column_names

from ai_patterns.feast.files import Files
from ai_patterns.feast.ledger import Ledger, Materialization
from ai_patterns.feast.offline import DuckDBOfflineStore, Late
from ai_patterns.feast.point_in_time import Window
from ai_patterns.feast.writing import BATCH, write_arrow

log = logging.getLogger(__name__)


class MaterializationEngineConfig(FeastConfigBaseModel):
    """Configuration of `MaterializationEngine`.

    Attributes:
        ledger: SQLite file that holds what was materialized; relative to the repository.
    """

    type: Literal["ai_patterns.feast.MaterializationEngine"] = "ai_patterns.feast.MaterializationEngine"
    ledger: str = "data/materializations.db"


class MaterializationEngine(LocalComputeEngine):
    """Feast's local engine, but for views that are read from a source as they are.

    Views with aggregations, transformations or other views as sources go Feast's own way.

    Args:
        ledger: see the configuration.
    """

    def __init__(self, ledger: str = "data/materializations.db", **kwargs: Any) -> None:
        kwargs.pop("type", None)
        super().__init__(**kwargs)
        place = Path(ledger)
        root = self.repo_config.repo_path
        self.ledger = Ledger(
            place if place.is_absolute() or root is None else Path(root) / place, self.repo_config.project
        )

    def update(
        self, project: str, views_to_delete: Sequence[Any], views_to_keep: Sequence[Any], *entities: Sequence[Any]
    ) -> None:
        """Forget what was materialized of views that are dropped."""
        super().update(project, views_to_delete, views_to_keep, *entities)
        for view in views_to_delete:
            self.ledger.forget(view.name)

    def teardown_infra(self, project: str, fvs: Sequence[Any], entities: Sequence[Any]) -> None:
        """Forget all of it."""
        super().teardown_infra(project, fvs, entities)
        for view in fvs:
            self.ledger.forget(view.name)

    def _materialize_one(
        self, registry: BaseRegistry, task: MaterializationTask, **kwargs: Any
    ) -> LocalMaterializationJob:
        view = task.feature_view
        if _is_computed(view) or not view.online or view.offline:
            return super()._materialize_one(registry, task, **kwargs)
        job_id = f"{view.name}-{task.start_time}-{task.end_time}"
        try:
            self._run(registry, task)
        except Exception as error:
            return LocalMaterializationJob(job_id, MaterializationJobStatus.ERROR, error)
        return LocalMaterializationJob(job_id, MaterializationJobStatus.SUCCEEDED)

    def _run(self, registry: BaseRegistry, task: MaterializationTask) -> None:
        view, started_at = task.feature_view, datetime.now(UTC)
        source: Any = view.batch_source
        entities = [registry.get_entity(name, task.project) for name in view.entities]
        keys, features, time, created = _get_column_names(view, entities)
        names: dict[str, Any] = {
            "join_key_columns": keys,
            "feature_name_columns": features,
            "timestamp_field": time,
            "created_timestamp_column": created,
        }
        start, end = (moment.astimezone(UTC) for moment in (task.start_time, task.end_time))
        files: dict[str, str] = {}
        if isinstance(self.offline_store, DuckDBOfflineStore):
            files = Files(self.repo_config, source).versions()
            late = self._late(view, files, start)
            ordered = getattr(self.online_store, "in_key_order", False)
            stream = self.offline_store.latest(self.repo_config, source, Window(start, end), late, ordered, **names)
        else:
            job = self.offline_store.pull_latest_from_table_or_query(
                config=self.repo_config, data_source=source, start_date=start, end_date=end, **names
            )
            stream = job.to_arrow().to_reader(BATCH)
        written = write_arrow(self.online_store, self.repo_config, view, _renamed(stream, source))
        self.ledger.add(
            view.name,
            started_at,
            Materialization(start, end, datetime.now(UTC), written.rows, written.older, files),
        )
        log.info("%s from %s to %s: %d entities, %d older", view.name, start, end, written.rows, written.older)

    def _late(self, view: FeatureView, files: dict[str, str], start: datetime) -> Late | None:
        """What earlier windows would have taken, had it been there."""
        runs = self.ledger.runs(view.name)
        fresh = [name for name, state in files.items() if not any(run.files.get(name) == state for run in runs)]
        earliest = min((run.start for run in runs), default=start)
        return Late(fresh, Window(earliest, start - datetime.resolution)) if fresh and earliest < start else None


def _is_computed(view: Any) -> bool:
    """Whether the view's values are not those of its source."""
    parts = ("aggregations", "feature_transformation", "source_views")
    return view.batch_source is None or any(getattr(view, part, None) for part in parts)


def _renamed(stream: pa.RecordBatchReader, source: Any) -> pa.RecordBatchReader:
    """Under the names that the view has for the columns."""
    names = [source.field_mapping.get(name, name) for name in stream.schema.names]
    schema = pa.schema([field.with_name(name) for field, name in zip(stream.schema, names, strict=True)])
    batches = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in stream)
    return pa.RecordBatchReader.from_batches(schema, batches)
