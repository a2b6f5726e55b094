"""Apache Spark as a standalone cluster: one master and one worker, each a process of its own."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ai_patterns.runtimes.cluster import LOGGING, Cluster, Part, opened, settings
from ai_patterns.runtimes.runtime import LOCALHOST
from ai_patterns.runtimes.spark import spark_home

CORES, MEMORY = 2, "2g"
"""What the worker has for executors."""

# Spark's own list: `org.apache.spark.launcher.JavaModuleOptions`.
_OPENED = [
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.io",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
]


class SparkPart(Part):
    """A process of Spark's; its port is its web page's."""

    jvm = ("-Xmx256m", *opened(_OPENED), "-Dspark.master.rest.enabled=false", "-Dspark.worker.cleanup.enabled=true")

    def environment(self) -> Mapping[str, str]:
        """Where Spark and the settings are; a worker starts executors with it."""
        home = spark_home()
        (core,) = (home / "jars").glob("spark-core_*.jar")  # spark-core_2.13-4.2.0.jar
        return {
            "SPARK_HOME": str(home),
            "SPARK_CONF_DIR": str(self.settings),
            "SPARK_LOCAL_IP": LOCALHOST,
            "SPARK_SCALA_VERSION": core.name.split("_")[1].split("-")[0],
        }

    def classpath(self, java: Path) -> str:  # noqa: ARG002  nothing is fetched
        """PySpark's jars."""
        return f"{spark_home()}/jars/*"

    def arguments(self, port: int) -> Sequence[str]:
        """Where it listens, and what it needs beside."""
        return ["--host", LOCALHOST, "--webui-port", str(port), *self.role()]

    def state(self) -> Mapping[str, Any]:
        """What its page tells."""
        return self.told("/json/") or {}

    @abstractmethod
    def role(self) -> Sequence[str]:
        """Arguments of the kind."""


class Master(SparkPart):
    """Hands the worker's cores to applications."""

    name = "master"
    main = "org.apache.spark.deploy.master.Master"

    def role(self) -> Sequence[str]:
        """The port that applications call."""
        return ["--port", str(Spark(self.cluster).port)]

    def answers(self) -> bool:
        """Whether it leads the cluster."""
        return self.state().get("status") == "ALIVE"


class Worker(SparkPart):
    """Starts executors."""

    name = "worker"
    main = "org.apache.spark.deploy.worker.Worker"

    def role(self) -> Sequence[str]:
        """What it has, where executors work, and the master."""
        work = ["--work-dir", str(self.data)]
        return ["--cores", str(CORES), "--memory", MEMORY, *work, Spark(self.cluster).master_url]

    def answers(self) -> bool:
        """Whether the master counts this very one; a dead one is counted for a minute."""
        own, known = self.state().get("id"), Master(self.cluster).state().get("workers", [])
        return any(each["id"] == own and each["state"] == "ALIVE" for each in known)


class Spark(Cluster):
    """A real cluster of one worker; its port is the master's."""

    name = "spark"

    @property
    def parts(self) -> tuple[Part, ...]:
        """Master and worker."""
        return Master(self.home), Worker(self.home)

    @property
    def master_url(self) -> str:
        """What applications call: `spark://host:port`."""
        return f"spark://{self.address}"

    def hints(self) -> Sequence[str]:
        """The connection, and the web page."""
        connection = json.dumps({"conn_type": "spark", "host": self.master_url})
        return [
            f"export AIRFLOW_CONN_AI_PATTERNS_SPARK='{connection}' SPARK_LOCAL_IP={LOCALHOST}",
            f"web page: http://{Master(self.home).address}",
        ]

    def _up(self, port: int | None) -> bool:
        spark_home()
        if not self.groups:
            for folder in (settings(self.home), self.log):
                folder.mkdir(parents=True, exist_ok=True)
            (settings(self.home) / "log4j2.properties").write_text(LOGGING, "utf-8")
            self.note_port(self.choose_port(port))
        return self.start_parts({})
