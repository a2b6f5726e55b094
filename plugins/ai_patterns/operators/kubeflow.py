"""Pipelines of Kubeflow under Airflow's control."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, Context

from ai_patterns.errors import IncompleteTaskError
from ai_patterns.hooks.kubeflow import KubeflowHook
from ai_patterns.operators.system import never_retried
from ai_patterns.triggers.kubeflow_run import KubeflowRunTrigger

if TYPE_CHECKING:
    from ai_patterns.clients.kubeflow import KubeflowRuns

POLL_SECONDS = 15.0


class KubeflowRunOperator(BaseOperator):
    """Runs a compiled pipeline on Kubeflow and waits for its end.

    The run bears the task instance's name: a retry, after a worker's death too, finds a run that goes on or has
    succeeded, and starts another only after one that failed. A task that is stopped while it waits in its own slot
    stops the run.

    Args:
        pipeline: the compiled pipeline's YAML file, such as `ai-patterns export kubeflow` writes.
        parameters: the pipeline's parameters.
        experiment: id of a Kubeflow experiment; by default its default one.
        conn_id: connection of Kubeflow Pipelines.
        deferrable: whether to wait in the triggerer instead of a task slot.
        kwargs: as of Airflow's operators.
    """

    template_fields: Sequence[str] = ("pipeline", "parameters", "experiment")

    def __init__(
        self,
        *,
        pipeline: Path | str,
        parameters: Mapping[str, Any] | None = None,
        experiment: str = "",
        conn_id: str = KubeflowHook.default_conn_name,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pipeline, self.parameters, self.experiment = str(pipeline), dict(parameters or {}), experiment
        self.conn_id, self.deferrable = conn_id, deferrable
        self._started: str | None = None

    @cached_property
    def runs(self) -> KubeflowRuns:
        """Kubeflow's runs."""
        return KubeflowHook(self.conn_id).runs()

    def execute(self, context: Context) -> dict[str, str]:
        """Start the run or find it again; return its id and state once it has succeeded."""
        import yaml

        pipeline = yaml.safe_load(Path(self.pipeline).read_text("utf-8"))
        with never_retried():
            self._started = self.runs.start(_name(context), pipeline, self.parameters, self.experiment)
        self.log.info("Run %s at %s/#/runs/details/%s", self._started, self.runs.url, self._started)
        trigger = KubeflowRunTrigger(conn_id=self.conn_id, run_id=self._started, poll_interval=POLL_SECONDS)
        answer = trigger.look()
        if answer is None and self.deferrable:
            self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)
        while answer is None:
            time.sleep(POLL_SECONDS)
            answer = trigger.look()
        return self.execute_complete(context, answer)

    def execute_complete(self, context: Context, event: dict[str, str]) -> dict[str, str]:  # noqa: ARG002  Airflow's
        """Return what became of the run.

        Raises:
            IncompleteTaskError: it failed; a retry starts another.
        """
        if "problem" in event:
            raise IncompleteTaskError(f"run {event['run_id']} is {event['state']}: {event['problem']}")
        return event

    def on_kill(self) -> None:
        """Stop the run, if this task has started or found it."""
        if self._started is not None:
            self.runs.terminate(self._started)


def _name(context: Context) -> str:
    """One name for all tries of a task instance."""
    instance = context["ti"]
    place = f"{instance.dag_id}.{instance.task_id}.{instance.run_id}"
    mapped = instance.map_index
    return place if mapped is None or mapped < 0 else f"{place}.{mapped}"
