"""What Airflow's triggerer does when a run has missed its deadline."""

from __future__ import annotations

import logging

from airflow.providers.common.compat.sdk import Stats

log = logging.getLogger(__name__)


async def deadline_missed(system: str, step: str, allowed: str) -> None:
    """Count it as `ai_patterns.deadlines.{system}.{step}`, for the alert `DeadlineMissed`.

    Args:
        system: name of the system.
        step: the DAG's id without the system.
        allowed: how long the run had, as the spec has it.
    """
    log.warning("%s__%s: a run is not done %s after it was queued", system, step, allowed)
    Stats.incr(f"ai_patterns.deadlines.{system}.{step}")
