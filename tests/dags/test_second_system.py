"""Every builder turns the docks, which nothing in the package knows, into DAGs that Airflow can store."""

from __future__ import annotations

import pytest

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


def test_no_dag_names_another_system(dags):
    outlets = {outlet.name for dag in dags.values() for task in dag.tasks for outlet in task.outlets}
    assert outlets
    assert {name.partition("/")[0] for name in outlets} == {"docks"}
