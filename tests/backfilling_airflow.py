"""An Airflow that backfills: its database, its scheduler, and an executor that runs each task in the same process.

Argument: the folder of DAG files. A line is a function of `REQUESTS` and its arguments as JSON; the scheduler then
works until all runs have ended, and the answer tells of them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

BUNDLE = "dags-folder"
SECONDS = 300


class BackfillingAirflow:
    """The process, from the tests' side."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self._process, self._log = process, log

    def ask(self, function: str, **arguments: Any) -> dict[str, Any]:
        """Ask for runs, let them run, and return `runs`, `announced`, `open_backfills` and `next_run`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([function, arguments]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._log.read_text("utf-8", errors="replace")[-6000:]
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def backfilling_airflow(home: Path, dags: Path, settings: Mapping[str, str]) -> Iterator[BackfillingAirflow]:
    """Start the process and end it."""
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AI_PATTERNS_HOME": str(home),
        "PYTHONPATH": os.pathsep.join(sys.path),
        **settings,
    }
    home.mkdir()
    log = home / "airflow.log"
    command = [sys.executable, __file__, str(dags)]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
        ) as process,
    ):
        yield BackfillingAirflow(process, log)
        assert process.stdin is not None
        process.stdin.close()


def main() -> None:
    """Answer each line; what Airflow itself prints goes to the log."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    dags = _parse(sys.argv[1])
    for line in sys.stdin:
        function, arguments = json.loads(line)
        REQUESTS[function](**arguments)
        _schedule(dags)
        answers.write(json.dumps(_facts()) + "\n")


def _parse(folder: str) -> Mapping[str, Any]:
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
    from airflow.utils.db import initdb

    initdb()
    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(dag_folder=folder, bundle_path=Path(folder), bundle_name=BUNDLE)
    assert not bag.import_errors, bag.import_errors
    sync_bag_to_db(bag, BUNDLE, None)
    return bag.dags


def _backfill(dag_id: str, first: str, last: str, conf: dict[str, Any], reprocess: str) -> None:
    """As `airflow backfill create` and the web UI do."""
    from airflow._shared.timezones.timezone import parse
    from airflow.models.backfill import ReprocessBehavior, _create_backfill

    _create_backfill(
        dag_id=dag_id,
        from_date=parse(first),
        to_date=parse(last),
        max_active_runs=1,
        reverse=False,
        dag_run_conf=conf,
        triggering_user_name="admin",
        reprocess_behavior=ReprocessBehavior(reprocess),
    )


def _trigger(dag_id: str, conf: dict[str, Any], key: str | None = None) -> None:
    """As `airflow dags trigger` does."""
    from airflow._shared.timezones.timezone import utcnow
    from airflow.api.common.trigger_dag import trigger_dag
    from airflow.utils.types import DagRunTriggeredByType

    trigger_dag(dag_id, triggered_by=DagRunTriggeredByType.CLI, conf=conf, partition_key=key, run_after=utcnow())


REQUESTS = {"backfill": _backfill, "trigger": _trigger}


def _schedule(dags: Mapping[str, Any]) -> None:
    """Airflow's own scheduler, until all runs have ended."""
    from airflow.executors.base_executor import BaseExecutor
    from airflow.jobs.job import Job, run_job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner
    from airflow.sdk.api.datamodels._generated import TaskInstance
    from airflow.sdk.execution_time.supervisor import run_task_in_process

    class HereExecutor(BaseExecutor):
        """Runs each task at once, as `airflow dags test` does."""

        def _process_workloads(self, workload_items: Sequence[Any]) -> None:
            for workload in workload_items:
                del self.queued_tasks[workload.key]
                fields = {name: getattr(workload.ti, name) for name in TaskInstance.model_fields}
                dag = deepcopy(dags[workload.ti.dag_id])  # its params keep what a run is given
                run_task_in_process(ti=TaskInstance(**fields), task=dag.get_task(workload.ti.task_id))
                self.success(workload.key)

        def end(self) -> None:
            """Nothing is left running."""

    deadline = time.monotonic() + SECONDS
    while not all(run["ended"] for run in _facts()["runs"]) and time.monotonic() < deadline:
        runner = SchedulerJobRunner(
            Job(), num_runs=3, only_idle=True, scheduler_idle_sleep_time=0.1, executors=[HereExecutor(parallelism=1)]
        )
        run_job(job=runner.job, execute_callable=runner._execute)
        runner._mark_backfills_complete()


def _facts() -> dict[str, Any]:
    from airflow.models.asset import AssetEvent
    from airflow.models.backfill import Backfill
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        runs = session.scalars(select(DagRun).order_by(DagRun.start_date)).all()
        return {
            "runs": [_facts_of(run, session) for run in runs],
            "announced": session.scalars(select(AssetEvent.partition_key).order_by(AssetEvent.id)).all(),
            "open_backfills": len(session.scalars(select(Backfill).where(Backfill.completed_at.is_(None))).all()),
            "next_run": str(session.scalar(select(DagModel.next_dagrun_create_after))),
        }


def _facts_of(run: Any, session: Any) -> dict[str, Any]:
    from airflow.models.xcom import XComModel
    from sqlalchemy import select

    returned = select(XComModel).where(XComModel.dag_run_id == run.id, XComModel.key == "return_value")
    return {
        "type": run.run_type,
        "key": run.partition_key,
        "state": str(run.state),
        "tasks": {task.task_id: str(task.state) for task in run.task_instances},
        "returned": {each.task_id: XComModel.deserialize_value(each) for each in session.scalars(returned)},
        "started": str(run.start_date),
        "ended": run.end_date and str(run.end_date),
    }


if __name__ == "__main__":
    main()
