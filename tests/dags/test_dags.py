"""Every DAG file parses, and every DAG can be read by people."""

from __future__ import annotations

import pytest

from dag_project import PATTERNS, STREAMED


@pytest.fixture
def dags(systems, read_dags):
    found, errors = read_dags()
    assert errors == {}
    return found


def test_each_system_has_each_dag(dags):
    every = {f"{system}__{step}" for system in ("flights", "greenhouse") for step in PATTERNS}
    assert set(dags) == every | {f"flights__{step}" for step in STREAMED}


def test_dags_are_owned_tagged_and_explained(dags):
    owners = {"flights": "flight-operations", "greenhouse": "growers"}
    for dag in dags.values():
        system = dag.dag_id.partition("__")[0]
        assert {"ai-patterns", system} <= set(dag.tags)
        assert dag.doc_md.strip()
        assert dag.description
        assert {task.owner for task in dag.tasks} == {owners[system]}
        assert {"days", "as_of"} <= set(dag.params)
        assert all(task.retry_policy is not None for task in dag.tasks)


def test_dags_survive_serialization(dags):
    from airflow.serialization.serialized_objects import DagSerialization

    for dag in dags.values():
        encoded = DagSerialization.to_dict(dag)
        assert set(DagSerialization.from_dict(encoded).task_dict) == set(dag.task_dict)


def test_assets_tie_the_dags(dags):
    def outlets(dag_id):
        return {outlet.name for task in dags[dag_id].tasks for outlet in task.outlets}

    def woken_by(dag_id):
        condition = getattr(dags[dag_id].timetable, "asset_condition", None)
        return {condition.name} if condition else set()

    assert outlets("flights__data_pipeline") == woken_by("flights__batch_processing") == {"flights/events"}
    assert outlets("flights__batch_processing") == woken_by("flights__feature_store") == {"flights/batch_tiles"}
    assert outlets("flights__feature_store") == {"flights/training_set", "flights/online_features"}
    assert outlets("flights__stream_processing") == {"flights/landed"}
    assert outlets("flights__model_training") == woken_by("flights__model_promotion") == {"flights/model"}
    by_hand = ("model_training", "batch_scoring", "model_as_a_service", "microservices", "feedback_loop", "monitoring")
    assert not any(woken_by(f"flights__{step}") for step in by_hand)


def test_every_topic_lands_before_the_lag_is_judged(dags):
    dag = dags["flights__stream_processing"]
    topics = ("scheduled", "departed", "arrived", "weather", "predictions")
    landings = {f"land_topics.land_{topic}" for topic in topics}
    assert dag.task_dict["wait_until_caught_up"].upstream_task_ids == landings
    assert dag.task_dict["replay_dead_letters"].downstream_task_ids == landings
    assert {dag.task_dict[name].trigger_rule for name in (*landings, "wait_until_caught_up")} == {"none_failed"}
    assert not dag.timetable.can_be_scheduled


def test_predictions_land_before_they_are_read_and_a_skipped_landing_stops_nobody(dags):
    readers = {
        "feedback_loop": {"measure.join_labels"},
        "monitoring": {"checks.check_predictions", "checks.check_parity"},
    }
    for step, names in readers.items():
        dag = dags[f"flights__{step}"]
        assert dag.task_dict["land_predictions"].downstream_task_ids == names
        assert {dag.task_dict[name].trigger_rule for name in names} == {"none_failed"}
    assert "land_predictions" not in dags["greenhouse__feedback_loop"].task_dict


def test_a_system_without_cron_runs_by_hand_alone(dags):
    assert dags["greenhouse__data_pipeline"].timetable.partitioned_at_runtime
    assert not dags["greenhouse__monitoring"].timetable.can_be_scheduled


@pytest.mark.parametrize("key", ["2013-04-01", "2013-04-01/2013-04-07", None])
def test_the_form_takes_days(dags, key):
    assert dags["flights__data_pipeline"].params.get_param("days").resolve(key) == key


def test_the_form_refuses_other_days(dags):
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError):
        dags["flights__data_pipeline"].params.get_param("days").resolve("April")
