"""Airflow in parts, as a cluster runs it: tasks go over Redis to a worker of Celery, state lies in Postgres."""

from __future__ import annotations

from pathlib import Path

from ai_patterns.runtimes.redis import Redis
from demo.standalone import Standalone
from postgres_server import Postgres

PARTS = """
airflow db migrate
for part in api-server scheduler dag-processor triggerer "celery worker --skip-serve-logs"; do airflow $part & done
wait -n  # where one part ends, so does the cluster
"""


class CeleryCluster(Standalone):
    """Like the standalone Airflow, with each part a process of its own."""

    command = ("bash", "-ec", PARTS)

    def __init__(self, home: Path, project: Path, postgres: Postgres, redis: Redis) -> None:
        settings = {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": postgres.url,
            "AIRFLOW__CELERY__BROKER_URL": f"redis://{redis.address}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{postgres.url}",
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "2",
            # Each file is read once: two cores have better to do.
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "3600",
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "3600",
            "AIRFLOW__API_AUTH__JWT_SECRET": "shared-by-all-parts-of-one-cluster",
            "PYTHONPATH": "",
        }
        super().__init__(home, project, settings)
