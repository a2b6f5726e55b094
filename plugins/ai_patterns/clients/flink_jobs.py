"""Jobs of a Flink cluster, through the JobManager's REST interface."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from ai_patterns.clients.flink_rest import Rest
from ai_patterns.errors import ServiceRejectedError, ServiceUnavailableError

ENDED = ("FINISHED", "CANCELED", "FAILED", "SUSPENDED")
SAVEPOINT_SECONDS = 120.0


@dataclass(frozen=True)
class Job:
    """A job as the JobManager lists it.

    Attributes:
        state: Flink's word, such as `RUNNING` or `RESTARTING`.
    """

    id: str
    name: str
    state: str

    @property
    def ended(self) -> bool:
        """Whether it will do nothing more."""
        return self.state in ENDED


class Jobs:
    """The jobs of one JobManager."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def all(self) -> list[Job]:
        """Every job that the JobManager remembers, the newest first."""
        found = self._rest.ask("GET", "/jobs/overview")["jobs"]
        return [_job(each) for each in sorted(found, key=lambda each: -each["start-time"])]

    def find(self, name: str) -> Job | None:
        """The job of this name that has not ended."""
        return next((job for job in self.all() if job.name == name and not job.ended), None)

    def get(self, job_id: str) -> Job:
        """A job by its id.

        Raises:
            ServiceRejectedError: the JobManager knows none: it was lost with a former JobManager.
        """
        return _job(self._rest.ask("GET", f"/jobs/{job_id}"))

    def labels(self, job_id: str) -> dict[str, str]:
        """The job's own parameters (`pipeline.global-job-parameters`)."""
        told = self._rest.ask("GET", f"/jobs/{job_id}/config")
        labels: dict[str, str] = told["execution-config"]["user-config"]
        return labels

    def runs(self, job_id: str) -> bool:
        """Whether every task runs and a checkpoint is complete, so that nothing is lost from now on.

        Raises:
            ServiceRejectedError: the job has ended; the error tells the cause.
        """
        told = self._rest.ask("GET", f"/jobs/{job_id}")
        if told["state"] in ENDED:
            raise self.failure(_job(told))
        tasks = {vertex["status"] for vertex in told["vertices"]}
        return told["state"] == "RUNNING" and tasks == {"RUNNING"} and self.checkpoints(job_id)["completed"] > 0

    def checkpoints(self, job_id: str) -> dict[str, int]:
        """How many checkpoints were `completed`, `failed` and `restored`."""
        counts: dict[str, int] = self._rest.ask("GET", f"/jobs/{job_id}/checkpoints")["counts"]
        return counts

    def failure(self, job: Job) -> ServiceRejectedError:
        """The error that tells why a job ended."""
        told = self._rest.ask("GET", f"/jobs/{job.id}/exceptions").get("exceptionHistory", {}).get("entries", [])
        trace = told[0]["stacktrace"] if told else "no cause is told"
        cause = str(self._rest.error(trace, f"ended the job {job.name!r} as {job.state}"))
        return ServiceRejectedError(cause)

    def stop(self, job: Job, folder: str) -> str:
        """Stop a job with a savepoint below `folder`; what it has written is committed. Return the savepoint's URI.

        Raises:
            ServiceUnavailableError: its tasks do not all run now, or it takes too long; the job goes on.
        """
        asked = self._rest.ask("POST", f"/jobs/{job.id}/stop", {"drain": False, "targetDirectory": folder})
        deadline = time.monotonic() + SAVEPOINT_SECONDS
        while time.monotonic() < deadline:
            found = self._rest.ask("GET", f"/jobs/{job.id}/savepoints/{asked['request-id']}")
            if found["status"]["id"] == "COMPLETED":
                return self._location(job, found["operation"])
            time.sleep(0.1)
        raise ServiceUnavailableError(f"no savepoint of {job.name!r} within {SAVEPOINT_SECONDS:g} s.")

    def _location(self, job: Job, operation: dict[str, Any]) -> str:
        if "location" in operation:
            return str(operation["location"])
        trace = operation["failure-cause"]["stack-trace"]
        raise self._rest.error(trace, f"could not stop {job.name!r} with a savepoint")


def _job(told: dict[str, Any]) -> Job:
    return Job(told["jid"], told["name"], told["state"])
