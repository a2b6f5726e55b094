"""Fires when a Flink job runs safely, or has ended."""

from __future__ import annotations

import asyncio
from typing import Any

from ai_patterns.triggers.polling import PollingTrigger


class FlinkJobTrigger(PollingTrigger):
    """Waits for a job; the answer tells its `job_id`, `name` and `state`, or the `problem` of one that failed.

    Args:
        url: the SQL gateway.
        job_id: the job.
        until: `running`: every task runs and a checkpoint is complete; `finished`: a bounded job is done.
        poll_interval: seconds between two looks.
    """

    def __init__(self, *, url: str, job_id: str, until: str = "running", poll_interval: float = 5.0) -> None:
        super().__init__(poll_interval)
        self.url, self.job_id, self.until = url, job_id, until

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Class path and arguments."""
        names = ("url", "job_id", "until", "poll_interval")
        return f"{type(self).__module__}.{type(self).__qualname__}", {name: getattr(self, name) for name in names}

    async def ask(self) -> dict[str, str] | None:
        """The answer, once there is one."""
        return await asyncio.to_thread(self.look)

    def look(self) -> dict[str, str] | None:
        """The same, in the calling thread."""
        from ai_patterns.clients.flink import Flink
        from ai_patterns.errors import ServiceRejectedError

        jobs = Flink(self.url).jobs
        try:
            job = jobs.get(self.job_id)
            if job.ended and job.state != "FINISHED":
                raise jobs.failure(job)
            done = job.ended or (self.until == "running" and jobs.runs(self.job_id))
        except ServiceRejectedError as error:
            return {"job_id": self.job_id, "problem": str(error)}
        return {"job_id": self.job_id, "name": job.name, "state": job.state} if done else None
