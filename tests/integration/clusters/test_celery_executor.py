"""The loop on a cluster: scheduler, API server, DAG processor and a Celery worker on real Postgres and Redis."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from ai_patterns.clients.lake import Lake
from ai_patterns.clients.ledger import read_promotions
from ai_patterns.runtimes.redis import Redis
from celery_cluster import CeleryCluster
from demo.journal import Journal
from demo.rest import AirflowClient
from demo.standalone import running
from postgres_server import Postgres, postgres
from server_process import wait_until

__all__ = ["postgres"]

FILES = ("data_pipeline", "batch_processing", "feature_store", "online_offline_serving", "feedback_loop")
STEPS = (
    "data_pipeline", "batch_processing", "feature_store", "model_training", "model_promotion", "batch_scoring",
    "feedback_loop",
)  # fmt: skip
EVERYTHING, TRAINING, WEEK = "2024-03-01/2024-04-29", "2024-03-01/2024-04-14", "2024-04-22/2024-04-28"

NOT_BY_CELERY = """
SELECT dag_id, task_instance.task_id FROM task_instance
LEFT JOIN celery_taskmeta ON celery_taskmeta.task_id = external_executor_id AND celery_taskmeta.status = 'SUCCESS'
WHERE state = 'success' AND celery_taskmeta.task_id IS NULL AND operator <> 'EmptyOperator'
"""


@dataclass(frozen=True)
class Site:
    journal: Journal
    lake: Lake
    database: str


@pytest.fixture(scope="module")
def site(
    repository: Path, docks_folder: Path, postgres: Postgres, redis: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """A cluster whose DAGs are those of the docks."""
    home = tmp_path_factory.mktemp("celery")
    project = home / "project"
    shutil.copytree(repository / "plugins", project / "plugins", ignore=shutil.ignore_patterns("__pycache__"))
    (project / "dags").mkdir()
    for name in FILES:
        shutil.copy(repository / "dags" / f"{name}.py", project / "dags")
    shutil.copytree(docks_folder, project / "include" / "systems" / "docks")
    with running(CeleryCluster(home / "airflow", project, postgres, redis)) as cluster:
        journal = Journal(AirflowClient(cluster.url, cluster.user, cluster.password), "docks")
        journal.prepare(list(STEPS))
        yield Site(journal, Lake(str(home / "lake"), "docks"), postgres.url.replace("+psycopg2", ""))


def test_the_loop_runs_on_a_worker(site: Site) -> None:
    """From raw files to a champion, its predictions and the decision on retraining, asset by asset."""
    journal = site.journal
    journal.run("data_pipeline", EVERYTHING)
    journal.follow("batch_processing", EVERYTHING)
    journal.follow("feature_store", EVERYTHING)
    journal.run("model_training", TRAINING)
    journal.follow("model_promotion", TRAINING)
    journal.run("batch_scoring", WEEK)
    journal.run("feedback_loop", WEEK)
    assert {run["dag"].removeprefix("docks__") for run in journal.runs} == set(STEPS)
    assert [line.version for line in read_promotions(site.lake)] == [1]
    assert site.lake.dataset("predictions").count_rows() == 7 * 24 * 3
    assert site.lake.exists("performance")
    with psycopg.connect(site.database, autocommit=True) as database:
        # Airflow knows of a success before the worker's process has ended and Celery has written its own down.
        wait_until(lambda: not database.execute(NOT_BY_CELERY).fetchall(), 120)
        assert database.execute("SELECT count(*) FROM celery_taskmeta").fetchone()[0] >= 15
