"""How the package stands in this Airflow: its version, how it registered, and its connections."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from ai_patterns.jobs.doctor import Finding, tried, version_of

if TYPE_CHECKING:
    from ai_patterns.hooks.embedded import EmbeddedHook

OPERATORS_SINCE, DAGS_SINCE = (3, 1), (3, 3)

HOOKS = (
    "lake.LakeHook",
    "mlflow.MLflowHook",
    "feature_store.FeatureStoreHook",
    "serving.ServingHook",
    "kafka.KafkaHook",
    "prometheus.PrometheusHook",
    "flink.FlinkSqlGatewayHook",
)
"""The hooks whose connections are looked at."""


def examine_airflow() -> Iterator[Finding]:
    """Look at Airflow's version, the drop-in and the wheel, the DAG files, and each connection."""
    from airflow.providers.common.compat.sdk import conf

    yield _version()
    yield _registration(Path(conf.get("core", "plugins_folder")))
    yield _dag_files(Path(conf.get("core", "dags_folder")))
    with _connections_of_the_database():
        yield from map(_connection, HOOKS)


def _version() -> Finding:
    told = version_of("apache-airflow") or "0"
    version = tuple(int(part) for part in told.split(".")[:2])
    if version < OPERATORS_SINCE:
        return Finding("Airflow", "wrong", told, "the operators need Airflow 3.1 or newer, the DAGs 3.3")
    if version < DAGS_SINCE:
        return Finding("Airflow", "absent", told, "the operators work; the ready-made DAGs need Airflow 3.3")
    return Finding("Airflow", "good", told)


def _registration(plugins: Path) -> Finding:
    dropped, wheel = plugins / "ai_patterns", version_of("ai-patterns-airflow")
    if not (dropped / "plugin.py").is_file():
        if wheel:
            return Finding("plugin", "good", f"the wheel {wheel}")
        remedy = f"copy plugins/ai_patterns into {plugins}, or pip install the wheel"
        return Finding("plugin", "wrong", f"neither in {plugins} nor installed", remedy)
    if not (dropped / ".airflowignore").is_file():
        remedy = "copy the hidden file along: without it Airflow runs every module of the package as a plugin"
        return Finding("plugin", "wrong", f"{dropped} lacks .airflowignore", remedy)
    both = f"; the wheel {wheel} stands back" if wheel else ""
    return Finding("plugin", "good", f"the drop-in {dropped}{both}")


def _dag_files(dags: Path) -> Finding:
    found = [file.name for file in dags.rglob("*.py") if "ai_patterns.patterns" in file.read_text("utf-8", "replace")]
    if found:
        return Finding("DAG files", "good", f"{len(found)} in {dags}")
    return Finding("DAG files", "absent", f"none in {dags}", "copy dags/ there, if the ready-made DAGs are wanted")


def _connection(name: str) -> Finding:
    module, kind = name.split(".")
    hook: EmbeddedHook = getattr(import_module(f"ai_patterns.hooks.{module}"), kind)()
    found = hook.configured()
    if found is None:
        return Finding(hook.conn_id, "good", "not set: the embedded default")
    return tried(hook.conn_id, f"{found.conn_type} to {found.host or 'what its extra says'}", hook.look)


@contextmanager
def _connections_of_the_database() -> Iterator[None]:
    """Outside a task, connections come from Airflow's database only to what says that it is a server."""
    before = os.environ.get("_AIRFLOW_PROCESS_CONTEXT")
    os.environ["_AIRFLOW_PROCESS_CONTEXT"] = "server"
    try:
        yield
    finally:
        os.environ.pop("_AIRFLOW_PROCESS_CONTEXT")
        if before is not None:
            os.environ["_AIRFLOW_PROCESS_CONTEXT"] = before
