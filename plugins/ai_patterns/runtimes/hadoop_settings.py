"""Settings that the parts of a local Hadoop share, and those with which Spark finds them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from ai_patterns.runtimes.cluster import LOGGING, settings
from ai_patterns.runtimes.runtime import LOCALHOST, free_port
from ai_patterns.runtimes.spark import spark_home

MEMORY_MB, CORES = 4096, 4
"""What the NodeManager has for containers."""

_ANY = f"{LOCALHOST}:0"

_HDFS = {
    "dfs.replication": 1,
    "dfs.permissions.enabled": "false",
    "dfs.datanode.address": _ANY,
    "dfs.datanode.ipc.address": _ANY,
    "dfs.datanode.hostname": LOCALHOST,
    "dfs.client.use.datanode.hostname": "true",
    "dfs.namenode.datanode.registration.ip-hostname-check": "false",
    # The defaults are made for large clusters: half a minute until a name node that has all blocks opens for writers.
    "dfs.namenode.safemode.extension": 0,
    "dfs.heartbeat.interval": 1,
}

_YARN = {
    "yarn.resourcemanager.hostname": LOCALHOST,
    "yarn.resourcemanager.admin.address": _ANY,
    "yarn.nodemanager.hostname": LOCALHOST,
    "yarn.nodemanager.address": _ANY,
    "yarn.nodemanager.localizer.address": _ANY,
    "yarn.nodemanager.resource.memory-mb": MEMORY_MB,
    "yarn.nodemanager.resource.cpu-vcores": CORES,
    "yarn.scheduler.minimum-allocation-mb": 128,
    "yarn.nodemanager.vmem-check-enabled": "false",
    "yarn.nodemanager.pmem-check-enabled": "false",
    # A nearly full disk of a laptop is no reason to call the node unhealthy.
    "yarn.nodemanager.disk-health-checker.max-disk-utilization-per-disk-percentage": 99.9,
    "yarn.resourcemanager.nodemanagers.heartbeat-interval-ms": 250,
    "yarn.nm.liveness-monitor.expiry-interval-ms": 15_000,
}

_QUEUES = {
    "yarn.scheduler.capacity.root.queues": "default",
    "yarn.scheduler.capacity.root.default.capacity": 100,
    "yarn.scheduler.capacity.maximum-am-resource-percent": 0.9,
}


@dataclass(frozen=True)
class Ports:
    """Where the parts call one another.

    Attributes:
        name_node: of the file system, in the lake's URI.
        resource_manager: of YARN's web page and REST interface, in Spark's connection.
    """

    name_node: int
    resource_manager: int


def write_settings(home: Path, ports: Ports) -> None:
    """Write the settings for a start on these ports."""
    folder, data = settings(home), home / "data"
    for made in (folder, data, home / "log"):
        made.mkdir(parents=True, exist_ok=True)
    files = {
        "core-site": {
            "fs.defaultFS": f"hdfs://{LOCALHOST}:{ports.name_node}",
            "hadoop.tmp.dir": data / "temporary",
            "hadoop.service.shutdown.timeout": "5s",  # else they wait half a minute for one another
        },
        "hdfs-site": {
            "dfs.namenode.name.dir": (data / "namenode").as_uri(),
            "dfs.datanode.data.dir": (data / "datanode").as_uri(),
            **_HDFS,
        },
        "yarn-site": {
            "yarn.resourcemanager.webapp.address": f"{LOCALHOST}:{ports.resource_manager}",
            **{f"yarn.resourcemanager.{name}address": f"{LOCALHOST}:{free_port()}"
               for name in ("", "scheduler.", "resource-tracker.")},
            "yarn.nodemanager.local-dirs": data / "containers",
            "yarn.nodemanager.log-dirs": home / "log" / "containers",
            **_YARN,
        },
        "capacity-scheduler": _QUEUES,
    }  # fmt: skip
    for name, told in files.items():
        (folder / f"{name}.xml").write_text(_xml(told), "utf-8")
    (folder / "log4j2.properties").write_text(LOGGING, "utf-8")
    defaults = "".join(f"{name} {value}\n" for name, value in _spark_defaults().items())
    (folder / "spark-defaults.conf").write_text(defaults, "utf-8")


def _xml(told: Mapping[str, object]) -> str:
    properties = (f"<property><name>{name}</name><value>{escape(str(told[name]))}</value></property>" for name in told)
    return "<configuration>\n" + "\n".join(properties) + "\n</configuration>\n"


def _spark_defaults() -> dict[str, str]:
    """Drivers and executors use the Spark and the Python that are here: nothing of 450 MB is uploaded."""
    environment = {"PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": LOCALHOST}
    return {
        "spark.yarn.jars": f"local:{spark_home()}/jars/*",
        **{f"spark.yarn.appMasterEnv.{name}": value for name, value in environment.items()},
        **{f"spark.executorEnv.{name}": value for name, value in environment.items()},
    }
