"""Flink SQL jobs by name: submitted once, found again, stopped with a savepoint, continued from where they were."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict
from functools import cached_property

from ai_patterns.clients.flink_jobs import Job, Jobs
from ai_patterns.clients.flink_rest import Rest
from ai_patterns.clients.flink_session import Session
from ai_patterns.clients.flink_snapshots import Snapshots
from ai_patterns.core.flink_sql import FlinkJob
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError

LABEL = "statements"
END_SECONDS = 30.0


class Flink:
    """A Flink cluster, known by its SQL gateway, which tells where the JobManager and the storage are.

    Args:
        gateway: address of the SQL gateway.
        conn_id: the Airflow connection that errors name.
    """

    def __init__(self, gateway: str, conn_id: str | None = None) -> None:
        self._gateway = Rest(gateway, conn_id)

    @cached_property
    def settings(self) -> dict[str, str]:
        """The cluster's settings as its gateway knows them."""
        with Session(self._gateway, {}) as session:
            return session.settings()

    @cached_property
    def jobs(self) -> Jobs:
        """The jobs of the cluster."""
        address, port = self.settings.get("rest.address"), self.settings.get("rest.port", "8081")
        return Jobs(Rest(f"http://{address}:{port}", self._gateway.conn_id))

    def snapshots(self, name: str) -> Snapshots:
        """What a job of this name left in the cluster's storage.

        Raises:
            ServiceRejectedError: the cluster keeps none.
        """
        storage = self.settings.get("execution.checkpointing.dir")
        if storage is None:
            problem = f"Flink at {self._gateway.url} keeps no checkpoints; set execution.checkpointing.dir."
            raise ServiceRejectedError(problem, conn_id=self._gateway.conn_id)
        return Snapshots(storage, name)

    def deploy(self, job: FlinkJob, *, fresh: bool = False) -> str:
        """Have the job run with these statements; return its id.

        A running job with the same statements and settings is left alone. One of other statements is stopped with a
        savepoint, from which the new ones go on; they must be able to: settings, options and names may differ, the
        grouping and the aggregates may not. A job that does not run goes on from the newest snapshot of its name.

        Args:
            job: what is to run.
            fresh: start without a former state: the answer to a change that no savepoint fits.

        Raises:
            ServiceUnavailableError: Flink is away, or a task of the running job is being restarted.
            ServiceRejectedError: a statement is wrong.
        """
        snapshots, running, label = self.snapshots(job.name), self.jobs.find(job.name), fingerprint(job)
        if running is not None:
            if not fresh and self.jobs.labels(running.id).get(LABEL) == label:
                return running.id
            self._end(running, snapshots, fresh=fresh)
        properties = {**job.properties, **snapshots.settings, "pipeline.name": job.name}
        properties["pipeline.global-job-parameters"] = f"{LABEL}:{label}"
        newest = None if fresh else snapshots.newest()
        if newest is not None:
            properties["execution.state-recovery.path"] = newest
        return self._submit(job, properties)

    def stop(self, name: str) -> str | None:
        """Stop the job of this name with a savepoint; return its URI, None where no such job runs.

        Raises:
            ServiceUnavailableError: Flink is away, or a task is being restarted.
        """
        running = self.jobs.find(name)
        return None if running is None else self._end(running, self.snapshots(name))

    def prune(self, name: str, keep: int = 3) -> list[str]:
        """Delete all but the newest snapshots of a name, which Flink never does; return the deleted folders."""
        running = self.jobs.find(name)
        return self.snapshots(name).prune(keep, {running.id} if running else ())

    def _submit(self, job: FlinkJob, properties: dict[str, str]) -> str:
        with Session(self._gateway, properties) as session:
            for statement in job.tables:
                session.run(statement)
            return str(session.run(job.insert)[0][0])

    def _end(self, job: Job, snapshots: Snapshots, *, fresh: bool = False) -> str | None:
        """End a job and wait until it has: two jobs of one name would fence one another's transactions."""
        savepoint = None
        if fresh:
            self.jobs.cancel(job)
        else:
            savepoint = self.jobs.stop(job, snapshots.savepoints)
        deadline = time.monotonic() + END_SECONDS
        while not self.jobs.get(job.id).ended:
            if time.monotonic() > deadline:
                raise ServiceUnavailableError(f"the job {job.name!r} does not end within {END_SECONDS:g} s.")
            time.sleep(0.05)
        return savepoint


def fingerprint(job: FlinkJob) -> str:
    """Tells jobs of one name apart: 16 hexadecimal digits.

    >>> fingerprint(FlinkJob("n", (), "INSERT", {})) == fingerprint(FlinkJob("n", (), "INSERT", {}))
    True
    """
    told = json.dumps({**asdict(job), "properties": dict(job.properties)}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]
