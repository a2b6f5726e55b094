"""Flink SQL jobs under Airflow's control: submitted once, upgraded and stopped with a savepoint."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import AirflowFailException
from airflow.sdk import BaseOperator, Context

from ai_patterns.hooks.flink import FlinkSqlGatewayHook
from ai_patterns.hooks.kafka import KafkaHook
from ai_patterns.hooks.systems import find_system
from ai_patterns.operators.system import never_retried
from ai_patterns.triggers.flink_job import FlinkJobTrigger

if TYPE_CHECKING:
    from pathlib import Path

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


class DeployJobOperator(FlinkJobOperator):
    """Has a Flink SQL job run; a retry, or the next run, finds the running job again and does not submit it twice.

    A job that runs with other tables or settings is stopped with a savepoint, from which the new one goes on; one that
    does not run goes on from the newest checkpoint or savepoint of its query. A task that is killed while it waits for
    the job in its own slot stops that job with a savepoint. Subclasses implement `job`.

    Args:
        until: what the task waits for: `running` (all tasks run, a checkpoint is complete) or `finished`.
        rebuild: start without a state where the query has changed; otherwise such a change is refused.
        deferrable: whether to wait in the triggerer instead of a task slot.
        kwargs: as of `FlinkJobOperator`.
    """

    template_fields: Sequence[str] = ("rebuild",)

    def __init__(
        self,
        *,
        until: Literal["running", "finished"] = "running",
        rebuild: bool | str = False,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.until, self.rebuild, self.deferrable = until, rebuild, deferrable
        self._deployed: str | None = None

    @abstractmethod
    def job(self) -> FlinkJob:
        """What is to run."""

    def execute(self, context: Context) -> Any:
        """Submit the job or find it again; return its id and state once it is so far."""
        with never_retried():
            job = self.job()
            job_id = self.hook.flink().deploy(job, rebuild=str(self.rebuild).lower() == "true")
        self._deployed = job.name
        self.log.info("Job %s of %r at %s", job_id, job.name, self.hook.url)
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
        gone = self.hook.flink().prune(event["name"])
        self.log.info("The job is %s; %d folders of old snapshots deleted", event["state"], len(gone))
        return event

    def on_kill(self) -> None:
        """Stop the job with a savepoint, if this task has started or found it."""
        if self._deployed is not None:
            self.hook.flink().stop(self._deployed)


class FlinkSqlOperator(DeployJobOperator):
    """Has a Flink SQL job run that is given as statements.

    Args:
        job_name: the job's name, by which it is found again.
        insert: the statement that runs: `INSERT INTO`, or `EXECUTE STATEMENT SET BEGIN ... END`.
        tables: statements that declare what the job reads and writes.
        properties: Flink's settings for the job.
        kwargs: as of `DeployJobOperator`.
    """

    template_fields: Sequence[str] = (*DeployJobOperator.template_fields, "job_name", "tables", "insert", "properties")

    def __init__(
        self,
        *,
        job_name: str,
        insert: str,
        tables: Sequence[str] = (),
        properties: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.job_name, self.tables, self.insert = job_name, list(tables), insert
        self.properties = dict(properties or {})

    def job(self) -> FlinkJob:
        """What is to run."""
        from ai_patterns.core.flink_sql import FlinkJob

        return FlinkJob(self.job_name, tuple(self.tables), self.insert, self.properties)


class FlinkTilesOperator(DeployJobOperator):
    """Has Flink keep a group's tiles up to date: from the stream's topic to `{system}.tiles.{group}`, which it creates.

    Args:
        system: name of the system, or the folder that holds its `system.yaml`.
        group: one of its groups.
        kafka_conn_id: connection of Kafka, whose servers the job reads.
        kafka_properties: further settings of Kafka's Java client, such as credentials.
        kwargs: as of `DeployJobOperator`; a changed query is rebuilt by default, as tiles overwrite their like.
    """

    template_fields: Sequence[str] = (*DeployJobOperator.template_fields, "system", "group", "kafka_properties")

    def __init__(
        self,
        *,
        system: str | Path,
        group: str,
        kafka_conn_id: str = KafkaHook.default_conn_name,
        kafka_properties: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**{"rebuild": True, **kwargs})
        self.system, self.group, self.kafka_conn_id = str(system), group, kafka_conn_id
        self.kafka_properties = dict(kafka_properties or {})

    def job(self) -> FlinkJob:
        """What is to run; the topic of its tiles exists from then on."""
        from ai_patterns.core.flink_sql import tiles_job

        broker = KafkaHook(self.kafka_conn_id).broker()
        kafka = {"bootstrap.servers": broker.servers, **self.kafka_properties}
        job = tiles_job(find_system(self.system), self.group, kafka)
        broker.create_topic(job.name, settings={"cleanup.policy": "compact"})
        return job


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
