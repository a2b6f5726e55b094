"""The processes of a local Hadoop."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ai_patterns.errors import ServiceUnavailableError
from ai_patterns.runtimes.cluster import Part, opened
from ai_patterns.runtimes.programs import fetch_jars
from ai_patterns.runtimes.runtime import LOCALHOST
from ai_patterns.runtimes.spark import spark_home

POM = Path(__file__).with_name("hadoop_pom.xml")

_OF_PYSPARK = ("hadoop-client-*.jar", "slf4j-api-*.jar", "log4j-*.jar", "jcl-over-slf4j-*.jar")


class HadoopPart(Part):
    """A process of Hadoop's; its port is its web page's.

    Attributes:
        web: name of the setting that says where the page is.
    """

    jvm = ("-Xmx256m", *opened(["java.lang"]))
    web: str

    def environment(self) -> Mapping[str, str]:
        """Where the settings are; a NodeManager hands that to its containers."""
        return {"HADOOP_CONF_DIR": str(self.settings)}

    def classpath(self, java: Path) -> str:
        """The settings, Hadoop's jars and those of PySpark's that they lack."""
        jars = [str(jar) for pattern in _OF_PYSPARK for jar in sorted((spark_home() / "jars").glob(pattern))]
        return ":".join([str(self.settings), f"{fetch_jars(POM, java)}/*", *jars])

    def arguments(self, port: int) -> Sequence[str]:
        """Where its page is."""
        return ["-D", f"{self.web}={LOCALHOST}:{port}"]

    def measure(self, bean: str, name: str) -> Any:
        """An attribute of one of its beans (JMX), None when it does not tell."""
        beans = (self.told(f"/jmx?get=Hadoop:{bean}::{name}") or {}).get("beans", [])
        return beans[0].get(name) if beans else None


class NameNode(HadoopPart):
    """Knows the files of HDFS."""

    name = "namenode"
    main = "org.apache.hadoop.hdfs.server.namenode.NameNode"
    web = "dfs.namenode.http-address"

    def prepare(self, port: int) -> Sequence[str]:
        """Format the file system, once.

        Raises:
            ServiceUnavailableError: its folder cannot be formatted.
        """
        if not (self.cluster / "data" / "namenode" / "current" / "VERSION").exists():
            command = [*self.java(), self.main, "-format", "-force", "-nonInteractive"]
            done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - Java
            if done.returncode:
                told = "\n".join((done.stdout + done.stderr).splitlines()[-10:])
                raise ServiceUnavailableError(f"HDFS cannot format the folder told in {self.settings}\n{told}")
        return super().prepare(port)

    def answers(self) -> bool:
        """Whether files can be written: it is out of safe mode."""
        return bool(self.measure("service=NameNode,name=FSNamesystemState", "FSState") == "Operational")


class DataNode(HadoopPart):
    """Keeps the blocks of HDFS."""

    name = "datanode"
    main = "org.apache.hadoop.hdfs.server.datanode.DataNode"
    web = "dfs.datanode.http.address"

    def answers(self) -> bool:
        """Whether the name node knows it."""
        told = self.measure("service=DataNode,name=DataNodeInfo", "BPServiceActorInfo") or "[]"
        return any(each["ActorState"] == "RUNNING" for each in json.loads(told))


class ResourceManager(HadoopPart):
    """Hands YARN's containers to applications."""

    name = "resourcemanager"
    main = "org.apache.hadoop.yarn.server.resourcemanager.ResourceManager"
    web = "yarn.resourcemanager.webapp.address"

    def answers(self) -> bool:
        """Whether it takes applications."""
        return bool((self.told("/ws/v1/cluster/info") or {}).get("clusterInfo", {}).get("state") == "STARTED")


class NodeManager(HadoopPart):
    """Starts YARN's containers."""

    name = "nodemanager"
    main = "org.apache.hadoop.yarn.server.nodemanager.NodeManager"
    web = "yarn.nodemanager.webapp.address"

    def answers(self) -> bool:
        """Whether the resource manager counts this very one; a dead one is counted for a while."""
        own = (self.told("/ws/v1/node/info") or {}).get("nodeInfo", {}).get("id")
        nodes = (ResourceManager(self.cluster).told("/ws/v1/cluster/nodes") or {}).get("nodes") or {}
        return any(each["id"] == own and each["state"] == "RUNNING" for each in nodes.get("node", []))
