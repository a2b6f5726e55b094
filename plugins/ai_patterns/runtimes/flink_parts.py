"""The processes of a local Flink."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from ai_patterns.runtimes.flink_settings import settings
from ai_patterns.runtimes.programs import fetch_jars, find_java
from ai_patterns.runtimes.runtime import Runtime

POM = Path(__file__).with_name("flink_pom.xml")

# The first compiler alone starts the parts in half the time, which is what short lives wait for.
_JVM = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx384m", "-XX:MaxDirectMemorySize=200m")
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


class Part(Runtime):
    """One process; it reads the settings that all parts share.

    Args:
        cluster: the folder of the whole cluster.
    """

    main: str

    def __init__(self, cluster: Path) -> None:
        super().__init__(cluster / self.name)
        self.cluster = cluster.absolute()
        self.log = self.cluster / "log" / f"{self.name}.log"

    def prepare(self, port: int) -> Sequence[str]:
        """Fetch the jars, once.

        Raises:
            MissingProgramError: there is no Java, or no Maven to fetch the jars with.
            ServiceUnavailableError: the jars cannot be fetched.
        """
        java, folder = find_java(), settings(self.cluster)
        return [
            "/usr/bin/env", f"FLINK_CONF_DIR={folder}", f"FLINK_PLUGINS_DIR={folder}/plugins",
            str(java), *_JVM, *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
            f"-Dlog4j2.configurationFile=file:{folder}/log4j2.properties",
            "-cp", f"{fetch_jars(POM, java)}/*", self.main, *self.arguments(port),
        ]  # fmt: skip

    @abstractmethod
    def arguments(self, port: int) -> Sequence[str]:
        """What follows the main class."""

    def told(self, path: str) -> Any | None:
        """What the part answers at a path of its port, None when nothing useful."""
        if self.port is None:  # parts start at the same time, and ask for one another
            return None
        try:
            response = httpx.get(f"http://{self.address}{path}", timeout=2)
            return response.json() if response.is_success else None
        except (httpx.HTTPError, ValueError):
            return None


class JobManager(Part):
    """Holds the jobs; its port is the REST interface's."""

    name = "jobmanager"
    main = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"

    def arguments(self, port: int) -> Sequence[str]:
        """The folder of its settings, and its port."""
        return ["--configDir", str(settings(self.cluster)), "-D", f"rest.port={port}"]

    def answers(self) -> bool:
        """Whether it tells an overview of the cluster."""
        return self.told("/overview") is not None


class TaskManager(Part):
    """Runs the jobs' tasks; its port is the one at which the JobManager calls it."""

    name = "taskmanager"
    main = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"

    def arguments(self, port: int) -> Sequence[str]:
        """The folder of its settings, and its port."""
        return ["--configDir", str(settings(self.cluster)), "-D", f"taskmanager.rpc.port={port}"]

    def answers(self) -> bool:
        """Whether the JobManager counts one that is called at this port; a dead one is counted for a while."""
        known = JobManager(self.cluster).told("/taskmanagers") or {"taskmanagers": []}
        return any(f":{self.port}/" in each["path"] for each in known["taskmanagers"])


class SqlGateway(Part):
    """Takes SQL statements over REST."""

    name = "gateway"
    main = "org.apache.flink.table.gateway.SqlGateway"

    def arguments(self, port: int) -> Sequence[str]:
        """Its port."""
        return ["-D", f"sql-gateway.endpoint.rest.port={port}"]

    def answers(self) -> bool:
        """Whether it tells its version."""
        return self.told("/v1/info") is not None
