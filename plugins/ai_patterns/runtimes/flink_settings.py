"""Settings that the parts of a local Flink share: `config.yaml` and the log's form."""

from __future__ import annotations

import json
from pathlib import Path

from ai_patterns.runtimes.cluster import LOGGING, settings
from ai_patterns.runtimes.runtime import LOCALHOST

_HOSTS = (
    "jobmanager.rpc.address",
    "jobmanager.bind-host",
    "rest.address",
    "rest.bind-address",
    "taskmanager.host",
    "taskmanager.bind-host",
    "sql-gateway.endpoint.rest.address",
    "sql-gateway.endpoint.rest.bind-address",
)

# Without Flink's start scripts nobody adds up the TaskManager's memory: each part of it must be told.
_MEMORY = {
    "taskmanager.cpu.cores": 2.0,
    "taskmanager.memory.task.heap.size": "256mb",
    "taskmanager.memory.task.off-heap.size": "0mb",
    "taskmanager.memory.framework.heap.size": "96mb",
    "taskmanager.memory.framework.off-heap.size": "96mb",
    "taskmanager.memory.network.min": "64mb",
    "taskmanager.memory.network.max": "64mb",
    "taskmanager.memory.managed.size": "64mb",
    "taskmanager.memory.jvm-metaspace.size": "160mb",
    "taskmanager.memory.jvm-overhead.min": "64mb",
    "taskmanager.memory.jvm-overhead.max": "64mb",
}

# The defaults are made for large clusters: ten seconds until a TaskManager asks a late JobManager again, fifty until
# a lost one is noticed, three during which the REST interface tells a state that has passed.
_PROMPT = {
    "cluster.registration.error-delay": "500 ms",
    "heartbeat.interval": "1 s",
    "heartbeat.timeout": "8 s",
    "web.refresh-interval": "250 ms",
}

_JOBS = {
    "taskmanager.numberOfTaskSlots": 16,
    "execution.checkpointing.interval": "2 s",
    "execution.checkpointing.mode": "EXACTLY_ONCE",
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    # A lost TaskManager is one failure, however long it is away; what fails again and again is given up and told.
    "restart-strategy.type": "failure-rate",
    "restart-strategy.failure-rate.max-failures-per-interval": 10,
    "restart-strategy.failure-rate.failure-rate-interval": "1 min",
    "restart-strategy.failure-rate.delay": "1 s",
}


def checkpoints(home: Path) -> Path:
    """Where jobs leave their checkpoints, a folder each."""
    return home / "data" / "checkpoints"


def savepoints(home: Path) -> Path:
    """Where stopped jobs leave their savepoints."""
    return home / "data" / "savepoints"


def write_settings(home: Path, *, rest_port: int, rpc_port: int) -> None:
    """Write the settings for a start on these ports."""
    folder, temporary = settings(home), home / "temporary"
    for made in (folder, temporary, checkpoints(home), savepoints(home), home / "log"):
        made.mkdir(parents=True, exist_ok=True)
    told = {
        **dict.fromkeys(_HOSTS, LOCALHOST),
        "rest.port": rest_port,
        "jobmanager.rpc.port": rpc_port,
        "io.tmp.dirs": str(temporary),
        "execution.checkpointing.dir": f"file://{checkpoints(home)}",
        "execution.checkpointing.savepoint-dir": f"file://{savepoints(home)}",
        **_MEMORY, **_PROMPT, **_JOBS,
    }  # fmt: skip
    lines = [f"{name}: {json.dumps(value)}\n" for name, value in told.items()]
    (folder / "config.yaml").write_text("".join(lines), "utf-8")
    (folder / "log4j2.properties").write_text(LOGGING, "utf-8")
