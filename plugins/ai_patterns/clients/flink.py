"""Flink SQL jobs by name: submitted once, found again, stopped with a savepoint, continued from where they were."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from functools import cached_property

from ai_patterns.clients.flink_jobs import Job, Jobs
from ai_patterns.clients.flink_rest import Rest
from ai_patterns.clients.flink_session import Session
from ai_patterns.clients.flink_snapshots import Snapshots
from ai_patterns.core.flink_sql import FlinkJob
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError

END_SECONDS = 30.0
_CHANGED = (
    "the job {name!r} has another query than the one whose state is there, which would be misread. Deploy it with "
    "rebuild, from the start of what it reads, or under another name."
)


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

    def deploy(self, job: FlinkJob, *, rebuild: bool = False) -> str:
        """Have the job run with these statements; return its id.

        A running job with the same statements and settings is left alone. One with the same query but other tables or
        settings is stopped with a savepoint, from which the new one goes on. A job that does not run goes on from the
        newest snapshot of its query.

        Args:
            job: what is to run.
            rebuild: start without a state where the query is another one than before; no state fits that.

        Raises:
            ServiceUnavailableError: Flink is away, or a task of the running job is being restarted.
            ServiceRejectedError: a statement is wrong, or the query is another one and `rebuild` is not set.
        """
        running, snapshots, labels = self.jobs.find(job.name), self.snapshots(job.name), labels_of(job)
        former = None if running is None else self.jobs.labels(running.id)
        if running is not None and former == labels:
            return running.id
        query = labels["query"]
        changed = bool(snapshots.all()) and not snapshots.all(query) if former is None else former.get("query") != query
        if changed and not rebuild:
            raise ServiceRejectedError(_CHANGED.format(name=job.name), conn_id=self._gateway.conn_id)
        if running is not None:
            self._end(running, snapshots)
        return self._submit(job, labels, None if changed else snapshots.newest(query))

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

    def _submit(self, job: FlinkJob, labels: Mapping[str, str], snapshot: str | None) -> str:
        properties = {
            **job.properties,
            "pipeline.name": job.name,
            "pipeline.global-job-parameters": ",".join(f"{name}:{label}" for name, label in labels.items()),
            "execution.checkpointing.dir": self.snapshots(job.name).checkpoints(labels["query"]),
        }
        if snapshot is not None:
            properties["execution.state-recovery.path"] = snapshot
        with Session(self._gateway, properties) as session:
            for statement in job.tables:
                session.run(statement)
            return str(session.run(job.insert)[0][0])

    def _end(self, job: Job, snapshots: Snapshots) -> str:
        """Stop a job and wait until it has ended: two of one name would fence one another's transactions."""
        savepoint = self.jobs.stop(job, snapshots.savepoints(self.jobs.labels(job.id).get("query", "unknown")))
        deadline = time.monotonic() + END_SECONDS
        while not self.jobs.get(job.id).ended:
            if time.monotonic() > deadline:
                raise ServiceUnavailableError(f"the job {job.name!r} does not end within {END_SECONDS:g} s.")
            time.sleep(0.05)
        return savepoint


def labels_of(job: FlinkJob) -> dict[str, str]:
    """What a submitted job is known by: fingerprints of its query and of all its statements and settings.

    >>> plain, other = labels_of(FlinkJob("n", (), "INSERT", {})), labels_of(FlinkJob("n", (), "INSERT", {"a": "b"}))
    >>> plain["query"] == other["query"], plain["statements"] == other["statements"]
    (True, False)
    """
    told = json.dumps([job.tables, job.insert, sorted(job.properties.items())])
    return {"query": _fingerprint(job.insert), "statements": _fingerprint(told)}


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
