"""Flink SQL jobs under Airflow's control: submitted once, upgraded and stopped with a savepoint."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException

from ai_patterns.hooks.flink import FlinkSqlGatewayHook
from ai_patterns.operators.system import never_retried
from ai_patterns.triggers.flink_job import FlinkJobTrigger

if TYPE_CHECKING:
    from ai_patterns.core.flink_sql import FlinkJob

POLL_SECONDS = 5.0


class FlinkJobOperator(BaseOperator):
    """A step that needs Flink.

    Args:
        conn_id: connection of the SQL gateway.
        kwargs: as of Airflow's operators.
    """

    def __init__(self, *, conn_id: str = FlinkSqlGatewayHook.default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id

    @cached_property
    def hook(self) -> FlinkSqlGatewayHook:
        """The cluster's hook."""
        return FlinkSqlGatewayHook(self.conn_id)


class FlinkSqlOperator(FlinkJobOperator):
    """Has a Flink SQL job run; a retry, or the next run, finds the running job again and does not submit it twice.

    A job that runs with other statements is stopped with a savepoint, from which the new statements go on; one that
    does not run goes on from the newest checkpoint or savepoint of its name. A task that is killed while it waits for
    the job that it started stops that job with a savepoint.

    Args:
        job_name: the job's name, by which it is found again.
        tables: statements that declare what the job reads and writes.
        insert: the statement that runs: `INSERT INTO`, or `EXECUTE STATEMENT SET BEGIN ... END`.
        properties: Flink's settings for the job.
        until: what the task waits for: `running` (all tasks run, a checkpoint is complete) or `finished`.
        fresh: start without a former state, which a changed grouping or aggregate needs.
        deferrable: whether to wait in the triggerer instead of a task slot.
        kwargs: as of `FlinkJobOperator`.
    """

    template_fields: Sequence[str] = ("job_name", "tables", "insert", "properties", "fresh")

    def __init__(  # noqa: PLR0913 - a job's four parts and how to treat it
        self,
        *,
        job_name: str,
        tables: Sequence[str] = (),
        insert: str,
        properties: Mapping[str, str] | None = None,
        until: Literal["running", "finished"] = "running",
        fresh: bool | str = False,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_name, self.tables, self.insert = job_name, list(tables), insert
        self.properties, self.until, self.fresh = dict(properties or {}), until, fresh
        self.deferrable, self._started = deferrable, False

    def job(self) -> FlinkJob:
        """What is submitted."""
        from ai_patterns.core.flink_sql import FlinkJob

        return FlinkJob(self.job_name, tuple(self.tables), self.insert, self.properties)

    def execute(self, context: Context) -> Any:
        """Submit the job or find it again; return its id and state once it is so far."""
        with never_retried():
            job_id = self.hook.flink().deploy(self.job(), fresh=str(self.fresh).lower() == "true")
        self._started = True
        self.log.info("Job %s of %r at %s", job_id, self.job_name, self.hook.url)
        trigger = FlinkJobTrigger(url=self.hook.url, job_id=job_id, until=self.until, poll_interval=POLL_SECONDS)
        answer = trigger.look()
        if answer is None and self.deferrable:
            self.defer(trigger=trigger, method_name="execute_complete", timeout=self.execution_timeout)
        while answer is None:
            time.sleep(POLL_SECONDS)
            answer = trigger.look()
        return self.execute_complete(context, answer)

    def execute_complete(self, context: Context, event: dict[str, str]) -> dict[str, str]:  # noqa: ARG002  Airflow's
        """Tell what the job has come to; tidy what its former runs left.

        Raises:
            AirflowFailException: the job failed; the error tells the cause.
        """
        if "problem" in event:
            raise AirflowFailException(event["problem"])
        gone = self.hook.flink().prune(self.job_name)
        self.log.info("The job is %s; %d folders of old snapshots deleted", event["state"], len(gone))
        return event

    def on_kill(self) -> None:
        """Stop the job with a savepoint, if this task has started or found it."""
        if self._started:
            self.hook.flink().stop(self.job_name)


class StopFlinkJobOperator(FlinkJobOperator):
    """Stops a Flink job with a savepoint, from which `FlinkSqlOperator` goes on.

    Args:
        job_name: the job's name.
        kwargs: as of `FlinkJobOperator`.
    """

    template_fields: Sequence[str] = ("job_name",)

    def __init__(self, *, job_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_name = job_name

    def execute(self, context: Context) -> str | None:  # noqa: ARG002  the signature is Airflow's
        """Stop it; return the savepoint's URI, None where no such job ran."""
        with never_retried():
            savepoint = self.hook.flink().stop(self.job_name)
        self.log.info("Stopped %r: %s", self.job_name, savepoint or "it did not run")
        return savepoint
