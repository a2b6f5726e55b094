"""Stream processing: topics to the lake."""

from __future__ import annotations

from typing import Final

from airflow.sdk import DAG, CronTriggerTimetable, Param, TaskGroup, TriggerRule

from ai_patterns.operators.stream_processing import LandTopicOperator, ReplayDeadLettersOperator
from ai_patterns.patterns.assets import asset
from ai_patterns.patterns.frame import system_dag
from ai_patterns.patterns.prediction_topic import land_predictions
from ai_patterns.sensors.topic_caught_up import TopicCaughtUpSensor
from ai_patterns.spec.system import SystemSpec

STEP: Final = "stream_processing"

CATCH_UP_SECONDS = 300.0


def build(system: SystemSpec) -> tuple[DAG, ...]:
    """`{system}__stream_processing` for a system that has topics; announces `{system}/landed`."""
    topics = [name for name, stream in system.streams.items() if stream.topic is not None]
    if not topics:
        return ()
    cron = system.schedules.stream_processing
    schedule = None if cron is None else CronTriggerTimetable(cron, timezone="UTC")
    description = "Land every topic in the lake, each message once."
    params = {"replay": _replay(), "max_lag": _max_lag()}
    with system_dag(system, STEP, schedule=schedule, description=description, params=params) as dag:
        replay = ReplayDeadLettersOperator(task_id="replay_dead_letters", system=system.folder)
        with TaskGroup("land_topics", tooltip="Rows and offsets in one commit; bad messages to the dead letters."):
            landings = [*(_land(system, name) for name in topics), *land_predictions(system)]
        caught_up = TopicCaughtUpSensor(
            task_id="wait_until_caught_up",
            system=system.folder,
            max_lag="{{ params.max_lag }}",
            poke_interval=5.0,
            timeout=CATCH_UP_SECONDS,
            trigger_rule=TriggerRule.NONE_FAILED,
        )
        # A replay, or a topic, for which there is nothing to do is skipped.
        _ = replay >> landings >> caught_up
    return (dag,)


def _land(system: SystemSpec, stream: str) -> LandTopicOperator:
    return LandTopicOperator(
        task_id=f"land_{stream}",
        system=system.folder,
        stream=stream,
        outlets=[asset(system.name, "landed")],
        trigger_rule=TriggerRule.NONE_FAILED,
    )


def _replay() -> Param:
    return Param(
        None,
        type=["null", "string"],
        title="Replay dead letters",
        description="The beginning of the reasons of which dead letters are written back first, such as `type`; an "
        "empty text takes all of them. Absent: none.",
    )


def _max_lag() -> Param:
    return Param(
        10_000,
        type="integer",
        minimum=0,
        title="Largest lag",
        description="Records of a topic that may have come since it was landed; with more, the landing falls behind.",
    )
