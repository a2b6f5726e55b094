"""A Luigi graph in a real DAG run: parameters from templates, states as Airflow shows them."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from ai_patterns.jobs.luigi import snapshot

DAG_FILE = """
from pathlib import Path
from airflow.sdk import DAG
from ai_patterns.operators.luigi import LuigiTaskGroup

with DAG("shop", schedule=None, params={"day": "2024-03-05"}) as dag:
    LuigiTaskGroup(
        "report",
        graph=Path(__file__).parent / "report.json",
        parameters={"folder": FOLDER, "day": "{{ params.day }}"},
    )
"""
RUN = """
import json, sys
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

DagBundlesManager().sync_bundles_to_db()
bag = DagBag(dag_folder=sys.argv[1], bundle_path=sys.argv[1], bundle_name="dags-folder")
assert not bag.import_errors, bag.import_errors
loaded = sorted({"luigi", "luigi_shop"} & set(sys.modules))
sync_bag_to_db(bag, "dags-folder", None)
run = bag.dags["shop"].test()
print(json.dumps({'parsing': loaded, **{task.task_id: task.state for task in run.get_task_instances()}}))
"""


def test_a_run_shows_what_ran_what_failed_and_what_waits_and_parsing_is_light(tmp_path):
    dags, shop = tmp_path / "dags", tmp_path / "shop"
    dags.mkdir()
    shop.mkdir()
    for name, orders in (("north", "3 x 4"), ("south", "none")):
        (shop / f"Orders-2024-03-05-{name}.txt").write_text(orders)
    snapshot("luigi_shop", "Report", {"folder": "x", "day": "1999-12-31"}, dags / "report.json")
    (dags / "shop.py").write_text(DAG_FILE.replace("FOLDER", repr(str(shop))))
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    for command in (["-m", "airflow", "db", "migrate"], ["-c", RUN, str(dags)]):
        done = subprocess.run([sys.executable, *command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "parsing": [],
        "report.Orders_1": "success",
        "report.Clean_1": "success",
        "report.Orders_2": "success",
        "report.Clean_2": "failed",
        "report.Best": "upstream_failed",
        "report.Total": "upstream_failed",
        "report.Report": "upstream_failed",
    }
    assert (shop / "Clean-2024-03-05-north.txt").read_text() == "3 4"
    assert "ValueError: south sold nothing" in done.stdout + done.stderr
