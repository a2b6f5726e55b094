"""Apache Hadoop: HDFS (NameNode, DataNode) and YARN (ResourceManager, NodeManager), each a process of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ai_patterns.runtimes.cluster import Cluster, Part, settings
from ai_patterns.runtimes.hadoop_parts import POM, DataNode, NameNode, NodeManager, ResourceManager
from ai_patterns.runtimes.hadoop_settings import Ports, write_settings
from ai_patterns.runtimes.programs import fetch_jars, find_java


class Hadoop(Cluster):
    """A real cluster of one node; its port is the name node's, which is in every file's URI.

    Files outlive `down`; YARN's list of applications does not.
    """

    name = "hadoop"

    @property
    def parts(self) -> tuple[Part, ...]:
        """The four processes."""
        return NameNode(self.home), DataNode(self.home), self.resource_manager, NodeManager(self.home)

    @property
    def resource_manager(self) -> ResourceManager:
        """The part that runs applications."""
        return ResourceManager(self.home)

    @property
    def uri(self) -> str:
        """The root of the file system: `hdfs://host:port`."""
        return f"hdfs://{self.address}"

    @property
    def yarn_url(self) -> str:
        """The ResourceManager's address, also that of its web page."""
        return f"http://{self.resource_manager.address}"

    @property
    def environment(self) -> dict[str, str]:
        """What whoever submits to YARN must have in its environment."""
        folder = str(settings(self.home))
        return {"HADOOP_CONF_DIR": folder, "SPARK_CONF_DIR": folder}

    @property
    def connections(self) -> dict[str, dict[str, object]]:
        """The Airflow connections of Spark on YARN, the driver in the cluster, and of the lake on HDFS."""
        extra = {"deploy-mode": "cluster", "yarn_resourcemanager_webapp_address": self.yarn_url}
        return {
            "ai_patterns_spark": {"conn_type": "spark", "host": "yarn", "extra": extra},
            "ai_patterns_lake": {"conn_type": "generic", "host": f"{self.uri}/lake"},
        }

    def hints(self) -> Sequence[str]:
        """Environment, connections and the web page."""
        variables = self.environment | {
            f"AIRFLOW_CONN_{name.upper()}": f"'{json.dumps(told)}'" for name, told in self.connections.items()
        }
        return [*(f"export {name}={value}" for name, value in variables.items()), f"web page: {self.yarn_url}"]

    def _up(self, port: int | None) -> bool:
        fetch_jars(POM, find_java())
        ports: dict[Part, int | None] = {}
        if not self.groups:  # what runs already has read its settings
            name_node, manager = self.choose_port(port), self.resource_manager
            manager.home.mkdir(exist_ok=True)
            ports[manager] = chosen = manager.choose_port(None)
            write_settings(self.home, Ports(name_node, chosen))
            self.note_port(name_node)
        return self.start_parts(ports)
