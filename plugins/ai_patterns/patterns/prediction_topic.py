"""The step that other patterns begin with: what was predicted reaches the lake before it is read."""

from __future__ import annotations

from airflow.sdk import TriggerRule

from ai_patterns.operators.prediction_topic import LandPredictionsOperator
from ai_patterns.spec.system import SystemSpec


def land_predictions(system: SystemSpec) -> list[LandPredictionsOperator]:
    """One task, or none where the system names no topic for its predictions.

    It is skipped where nothing waits; what comes after it must go on then.
    """
    if system.decision.topic is None:
        return []
    rule = TriggerRule.NONE_FAILED
    return [LandPredictionsOperator(task_id="land_predictions", system=system.folder, trigger_rule=rule)]
