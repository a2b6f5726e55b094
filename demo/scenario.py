"""What the demo lives through, step by step, each one a DAG run asked for over REST."""

from __future__ import annotations

from typing import Any

from demo.progress import Progress
from demo.rest import AirflowClient

JANUARY = ("2013-01-01", "2013-01-31")


def live(client: AirflowClient) -> list[dict[str, Any]]:
    """Run every step; a row a step: DAG, state, tasks, seconds."""
    return [run(client, "flights__data_pipeline", "/".join(JANUARY))]


def run(client: AirflowClient, dag_id: str, days: str) -> dict[str, Any]:
    """One DAG run over a range of days, waited for."""
    progress = Progress(f"{dag_id} {days}")
    client.wait_for_dag(dag_id)
    client.unpause(dag_id)
    run_id = client.trigger(dag_id, {"days": days})
    state = client.wait(dag_id, run_id, progress)
    progress.done(state)
    tasks = client.states(dag_id, run_id)
    return {"dag": dag_id, "days": days, "state": state, "tasks": len(tasks), "seconds": round(progress.seconds, 1)}
