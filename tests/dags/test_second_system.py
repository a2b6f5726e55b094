"""Every builder turns the docks, which nothing in the package knows, into DAGs that Airflow can store."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from airflow.sdk.module_loading import import_string

from ai_patterns.patterns import (
    backfill,
    batch_processing,
    data_pipeline,
    feature_store,
    feedback_loop,
    microservices,
    model_as_a_service,
    monitoring,
    online_offline_serving,
)
from ai_patterns.triggers import deadline_missed
from dag_project import PATTERNS

BUILDERS = (
    data_pipeline,
    batch_processing,
    feature_store,
    online_offline_serving,
    model_as_a_service,
    microservices,
    backfill,
    feedback_loop,
    monitoring,
)


@pytest.fixture
def dags(docks):
    return {dag.dag_id: dag for builder in BUILDERS for dag in builder.build(docks)}


def test_the_builders_make_every_dag(dags):
    assert set(dags) == {f"docks__{step}" for step in PATTERNS}
    assert {task.owner for dag in dags.values() for task in dag.tasks} == {"city-bikes"}
    assert all("docks" in dag.tags for dag in dags.values())


def test_every_task_finds_the_system(dags, docks):
    steps = [task for dag in dags.values() for task in dag.tasks if hasattr(task, "spec")]
    assert len(steps) > len(PATTERNS)
    assert {task.spec.name for task in steps} == {docks.name}


def test_the_dags_survive_serialization(dags):
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in dags.values():
        encoded = DagSerialization.to_dict(dag)
        assert set(DagSerialization.from_dict(encoded).task_dict) == set(dag.task_dict)


def test_a_missed_deadline_is_counted(docks, monkeypatch):
    late = docks.model_copy(update={"deadlines": {"data_pipeline": dt.timedelta(hours=2)}})
    (dag,), (other,) = data_pipeline.build(late), batch_processing.build(late)
    (alert,) = dag.deadline
    assert (alert.interval, other.deadline) == (dt.timedelta(hours=2), [])
    counted = []
    monkeypatch.setattr(deadline_missed.Stats, "incr", counted.append)
    asyncio.run(import_string(alert.callback.path)(**alert.callback.kwargs))
    assert counted == ["ai_patterns.deadlines.docks.data_pipeline"]


def test_the_tasks_of_a_dag_take_the_slots_of_its_pool(docks):
    few = docks.model_copy(update={"pools": {"data_pipeline": "disk"}})
    (dag,), (other,) = data_pipeline.build(few), batch_processing.build(few)
    assert {task.pool for task in dag.tasks} == {"disk"}
    assert {task.pool for task in other.tasks} == {"default_pool"}


def test_no_dag_names_another_system(dags):
    outlets = {outlet.name for dag in dags.values() for task in dag.tasks for outlet in task.outlets}
    assert outlets
    assert {name.partition("/")[0] for name in outlets} == {"docks"}
