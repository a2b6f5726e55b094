"""The processes of a local Flink."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ai_patterns.runtimes.cluster import Part, opened
from ai_patterns.runtimes.programs import fetch_jars

POM = Path(__file__).with_name("flink_pom.xml")

# Flink reaches into these packages of Java by reflection (its own start scripts open the same ones).
_OPENED = [
    "java.lang",
    "java.lang.reflect",
    "java.net",
    "java.io",
    "java.nio",
    "java.text",
    "java.time",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "java.util.concurrent.locks",
    "sun.nio.ch",
]


class FlinkPart(Part):
    """A process of Flink's."""

    jvm = ("-Xmx384m", "-XX:MaxDirectMemorySize=200m", *opened(_OPENED))

    def environment(self) -> Mapping[str, str]:
        """Where the settings are."""
        return {"FLINK_CONF_DIR": str(self.settings), "FLINK_PLUGINS_DIR": f"{self.settings}/plugins"}

    def classpath(self, java: Path) -> str:
        """Flink's jars."""
        return f"{fetch_jars(POM, java)}/*"


class JobManager(FlinkPart):
    """Holds the jobs; its port is the REST interface's."""

    name = "jobmanager"
    main = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"

    def arguments(self, port: int) -> Sequence[str]:
        """The folder of its settings, and its port."""
        return ["--configDir", str(self.settings), "-D", f"rest.port={port}"]

    def answers(self) -> bool:
        """Whether it tells an overview of the cluster."""
        return self.told("/overview") is not None


class TaskManager(FlinkPart):
    """Runs the jobs' tasks; its port is the one at which the JobManager calls it."""

    name = "taskmanager"
    main = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"

    def arguments(self, port: int) -> Sequence[str]:
        """The folder of its settings, and its port."""
        return ["--configDir", str(self.settings), "-D", f"taskmanager.rpc.port={port}"]

    def answers(self) -> bool:
        """Whether the JobManager counts one that is called at this port; a dead one is counted for a while."""
        known = JobManager(self.cluster).told("/taskmanagers") or {"taskmanagers": []}
        return any(f":{self.port}/" in each["path"] for each in known["taskmanagers"])


class SqlGateway(FlinkPart):
    """Takes SQL statements over REST."""

    name = "gateway"
    main = "org.apache.flink.table.gateway.SqlGateway"

    def arguments(self, port: int) -> Sequence[str]:
        """Its port."""
        return ["-D", f"sql-gateway.endpoint.rest.port={port}"]

    def answers(self) -> bool:
        """Whether it tells its version."""
        return self.told("/v1/info") is not None
