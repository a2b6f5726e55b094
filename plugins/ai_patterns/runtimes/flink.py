"""Apache Flink as a session cluster: JobManager, TaskManager and SQL gateway, each a process of its own."""

from __future__ import annotations

from pathlib import Path

from ai_patterns.runtimes.cluster import Cluster, Part
from ai_patterns.runtimes.flink_parts import POM, JobManager, SqlGateway, TaskManager
from ai_patterns.runtimes.flink_settings import write_settings
from ai_patterns.runtimes.programs import fetch_jars, find_java
from ai_patterns.runtimes.runtime import free_port


class Flink(Cluster):
    """A real cluster of one TaskManager; its port is the SQL gateway's.

    Flink starts no lost process again by itself: `up` brings back whichever part is missing, and running jobs go on
    from their last checkpoint unless it was the JobManager that was lost.
    """

    name = "flink"

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.job_manager, self.task_manager, self.gateway = (
            JobManager(self.home), TaskManager(self.home), SqlGateway(self.home)
        )  # fmt: skip

    @property
    def parts(self) -> tuple[Part, ...]:
        """The three processes."""
        return self.job_manager, self.task_manager, self.gateway

    @property
    def port(self) -> int | None:
        """The SQL gateway's port of the last start, None before the first."""
        return self.gateway.port

    @property
    def gateway_url(self) -> str:
        """The SQL gateway's address."""
        return f"http://{self.gateway.address}"

    @property
    def rest_url(self) -> str:
        """The JobManager's address, also that of its web page."""
        return f"http://{self.job_manager.address}"

    def _up(self, port: int | None) -> bool:
        fetch_jars(POM, find_java())
        ports: dict[Part, int | None] = {self.gateway: port}
        if not self.groups:  # what runs already has read its settings
            ports[self.job_manager] = rest_port = free_port()
            write_settings(self.home, rest_port=rest_port, rpc_port=free_port())
        return self.start_parts(ports)
